// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {Chains} from "./libraries/Chains.sol";

/// @title AuditLog
contract AuditLog is IAuditLog {
    /* STORAGE, whose layout light clients prove against */

    uint256 private _global;
    mapping(bytes32 key => uint256 chain) private _chains;
    mapping(address writer => bool) public isWriter;

    /* IMMUTABLES */

    address public immutable council;

    /* CONSTRUCTOR */

    /// @param council_ The only account that admits writers.
    constructor(address council_) {
        if (council_ == address(0)) revert AuditLogNotCouncil(council_, council_);
        council = council_;
    }

    /* MODIFIERS */

    modifier onlyCouncil() {
        if (msg.sender != council) revert AuditLogNotCouncil(msg.sender, council);
        _;
    }

    /* WRITES */

    /// @inheritdoc IAuditLog
    function append(bytes32 key, uint8 kind, uint16 code, bytes32 referenceId) external {
        if (!isWriter[msg.sender]) revert AuditLogNotWriter(msg.sender);

        uint64 time = uint64(block.timestamp);
        bytes32 entry = Chains.entryOf(block.chainid, msg.sender, key, kind, code, referenceId, time);
        uint256 global = Chains.extended(_global, entry);
        uint256 own = Chains.extended(_chains[key], entry);
        _global = global;
        _chains[key] = own;

        emit Appended(key, kind, code, referenceId, msg.sender, uint48(global), uint48(own), time);
    }

    /// @inheritdoc IAuditLog
    function admitWriter(address writer) external onlyCouncil {
        if (isWriter[writer]) revert AuditLogWriterUnchanged(writer, true);

        isWriter[writer] = true;

        emit WriterAdmitted(writer);
    }

    /// @inheritdoc IAuditLog
    function retireWriter(address writer) external onlyCouncil {
        if (!isWriter[writer]) revert AuditLogWriterUnchanged(writer, false);

        isWriter[writer] = false;

        emit WriterRetired(writer);
    }

    /* READS */

    /// @inheritdoc IAuditLog
    function globalChain() external view returns (uint208 head, uint48 count) {
        return (uint208(_global >> 48), uint48(_global));
    }

    /// @inheritdoc IAuditLog
    function chainOf(bytes32 key) external view returns (uint208 head, uint48 count) {
        uint256 chain = _chains[key];
        return (uint208(chain >> 48), uint48(chain));
    }
}
