// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {vm} from "../Vm.sol";
import {Base} from "../base/Base.sol";

/// @notice Says beforehand which events a verb emits and which entries it appends, and checks afterwards that these were
/// all and that the chains have the heads a client computes.
/// @dev Order in a test: `_expect` and `emit`, `_expectEntry` …, `_listen`, the verb, `_assertHeard`. Heads are computed after
/// docs/protocol.md section 6, apart from contracts/libraries/Chains.sol, and chains are read from the slots that light
/// clients prove.
abstract contract Witness is Base {
    uint256 private _events;
    uint256 private _global;
    bytes32[] private _touched;
    mapping(bytes32 key => uint256) private _chains;

    /// @dev The test emits the event right after this.
    function _expect(address emitter) internal {
        ++_events;
        vm.expectEmit(true, true, true, true, emitter);
    }

    /// @dev One more entry, and its event.
    function _expectEntry(address writer, bytes32 key, uint8 kind, uint16 code, bytes32 referenceId) internal {
        if (_global == 0) _global = _globalWord();
        if (_chains[key] == 0) {
            _chains[key] = _chainWord(key);
            _touched.push(key);
        }
        bytes32 entry = keccak256(
            abi.encode(keccak256("salus.entry.v1"), vm.getChainId(), writer, key, kind, code, referenceId, _time())
        );
        _global = _extended(_global, entry);
        _chains[key] = _extended(_chains[key], entry);

        _expect(address(log));
        emit IAuditLog.Appended(key, kind, code, referenceId, writer, uint48(_global), uint48(_chains[key]), _time());
    }

    /// @dev From here on events count.
    function _listen() internal {
        vm.recordLogs();
    }

    /// @dev The events were those expected and no others; the chains are those computed.
    function _assertHeard() internal {
        vm.assertEq(vm.getRecordedLogs().length, _events, "number of events");
        if (_global != 0) vm.assertEq(_globalWord(), _global, "global chain");
        for (uint256 i = 0; i < _touched.length; ++i) {
            vm.assertEq(_chainWord(_touched[i]), _chains[_touched[i]], "chain of a key");
            delete _chains[_touched[i]];
        }
        delete _touched;
        (_events, _global) = (0, 0);
    }

    /// @dev Slot 0 of the log.
    function _globalWord() internal view returns (uint256) {
        return uint256(vm.load(address(log), 0));
    }

    /// @dev Element of the mapping in slot 1 of the log.
    function _chainWord(bytes32 key) internal view returns (uint256) {
        return uint256(vm.load(address(log), keccak256(abi.encode(key, uint256(1)))));
    }

    function _extended(uint256 word, bytes32 entry) internal pure returns (uint256) {
        uint208 head = uint208(uint256(keccak256(abi.encode(keccak256("salus.head.v1"), word >> 48, entry))));
        return uint256(head) * 2 ** 48 + uint48(word) + 1;
    }
}
