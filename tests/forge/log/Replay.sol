// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {Vm, vm} from "../Vm.sol";
import {Base} from "../base/Base.sol";

/// @notice A stranger's copy of the log, computed from events alone, beside the contracts that write it.
/// @dev For handlers of stateful tests: what is found wrong is remembered, because a revert would hide it.
abstract contract Replay is Base {
    /// First thing that was found wrong.
    string public broken;
    uint256 public entryCount;
    mapping(uint8 kind => uint256) public entriesOf;
    mapping(bytes32 topic => uint256) public eventsOf;

    uint256 private _global;
    bytes32[] private _keysSeen;
    mapping(bytes32 key => uint256) private _replayed;

    function setUp() public virtual override {
        vm.recordLogs();
        super.setUp();
        _replay();
    }

    /// @dev A verb of a handler: everything it emits is replayed.
    modifier replayed() {
        vm.recordLogs();
        _;
        _replay();
    }

    /// @notice Chains on chain are those of the copy.
    function assertChains() external view {
        vm.assertEq(uint256(vm.load(address(log), 0)), _global, "global chain");
        for (uint256 i = 0; i < _keysSeen.length; ++i) {
            bytes32 slot = keccak256(abi.encode(_keysSeen[i], uint256(1)));
            vm.assertEq(uint256(vm.load(address(log), slot)), _replayed[_keysSeen[i]], "chain of a key");
        }
    }

    /// @notice Every chain counts the entries there were of it, and all of them together are the global count.
    function assertCounts() external view {
        uint256 sum;
        for (uint256 i = 0; i < _keysSeen.length; ++i) {
            (, uint48 count) = log.chainOf(_keysSeen[i]);
            sum += count;
        }
        (, uint48 all) = log.globalChain();
        vm.assertEq(all, entryCount, "global count");
        vm.assertEq(sum, entryCount, "sum of the chains");
    }

    /// @dev forge records events of calls that were reverted, too: a handler drops them after one that must fail.
    function _dropEvents() internal {
        vm.getRecordedLogs();
    }

    /// @dev Another event than an entry; a handler may look at it.
    function _seen(Vm.Log memory) internal virtual {}

    /// @dev Whether an account may have written an entry now.
    function _mayWrite(address writer) internal view virtual returns (bool) {
        return writer == address(subjects) || writer == address(records) || writer == address(consents)
            || writer == address(gateway);
    }

    function _check(bool condition, string memory problem) internal {
        if (!condition && bytes(broken).length == 0) broken = problem;
    }

    function _replay() internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            ++eventsOf[logs[i].topics[0]];
            if (logs[i].emitter == address(log) && logs[i].topics[0] == IAuditLog.Appended.selector) _link(logs[i]);
            else _seen(logs[i]);
        }
    }

    function _link(Vm.Log memory entry) private {
        bytes32 key = entry.topics[1];
        uint8 kind = uint8(uint256(entry.topics[2]));
        (uint16 code, address writer, uint48 globalCount, uint48 keyCount, uint64 time) =
            abi.decode(entry.data, (uint16, address, uint48, uint48, uint64));
        bytes32 digest = keccak256(
            abi.encode(keccak256("salus.entry.v1"), vm.getChainId(), writer, key, kind, code, entry.topics[3], time)
        );
        if (_replayed[key] == 0) _keysSeen.push(key);
        _global = _extended(_global, digest);
        _replayed[key] = _extended(_replayed[key], digest);
        ++entryCount;
        ++entriesOf[kind];
        _check(uint48(_global) == globalCount && uint48(_replayed[key]) == keyCount, "an entry was skipped");
        _check(time == _time(), "time of an entry");
        _check(_mayWrite(writer), "who wrote an entry");
    }

    function _extended(uint256 word, bytes32 entry) private pure returns (uint256) {
        uint208 head = uint208(uint256(keccak256(abi.encode(keccak256("salus.head.v1"), word >> 48, entry))));
        return uint256(head) * 2 ** 48 + uint48(word) + 1;
    }
}
