// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {Chains} from "../../../contracts/libraries/Chains.sol";
import {Vm, vm} from "../Vm.sol";
import {Base} from "../base/Base.sol";
import {Consent} from "../base/Words.sol";

/// @notice The log: one entry for each change, none skipped, and every head rebuilt by a stranger from the events alone.
contract ChainAttacks is Base {
    mapping(bytes32 key => uint256 chain) private _rebuilt;
    bytes32[] private _seen;

    /// A day of every verb that writes; then the heads are computed again from the events.
    function test_chains__rebuilt_from_events__equal_the_heads() public {
        vm.recordLogs();
        _live();
        Vm.Log[] memory logs = vm.getRecordedLogs();

        uint256 global;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(log) || logs[i].topics[0] != IAuditLog.Appended.selector) continue;
            global = _fold(logs[i], global);
        }

        (uint208 head, uint48 count) = log.globalChain();
        vm.assertEq(global, uint256(head) << 48 | count);
        // 17 of the subject, 11 of consents and their accesses, 2 of the emergency, 6 of records; six chains.
        vm.assertEq(uint256(count), 36);
        vm.assertEq(_seen.length, 6);
        for (uint256 i = 0; i < _seen.length; ++i) {
            (head, count) = log.chainOf(_seen[i]);
            vm.assertEq(_rebuilt[_seen[i]], uint256(head) << 48 | count);
        }
    }

    function testFuzz_append__by_anybody_but_a_writer__is_refused(address caller) public {
        vm.assume(
            caller != address(gateway) && caller != address(consents) && caller != address(subjects)
                && caller != address(records)
        );
        vm.prank(caller);
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        log.append(_keyOf(alice), 1, 1, "forged");
    }

    function testFuzz_writers__by_anybody_but_the_council__are_refused(address caller) public {
        vm.assume(caller != address(council));
        vm.startPrank(caller);
        vm.expectPartialRevert(IAuditLog.AuditLogNotCouncil.selector);
        log.admitWriter(caller);
        vm.expectPartialRevert(IAuditLog.AuditLogNotCouncil.selector);
        log.retireWriter(address(gateway));
        vm.stopPrank();
    }

    /// What reverts leaves no entry: refused requests, failed signatures, writes that change nothing.
    function test_refusals__of_any_kind__leave_no_entry() public {
        bytes32 ref = _bind(hospital, "alice", alice);
        _freeze(ref, alice, true);
        (, uint48 before) = log.globalChain();
        Consent memory unknown = _consent(alice, hospital);
        bytes32 unknownId = _idOf(unknown);

        (bool success,) = address(this).call(abi.encodeCall(this.tryRequest, (unknown, unknownId)));
        vm.assertFalse(success);
        (success,) = address(this).call(abi.encodeCall(this.tryFreeze, (ref)));
        vm.assertFalse(success);
        (, uint48 afterwards) = log.globalChain();
        vm.assertEq(uint256(afterwards), before);
    }

    function tryRequest(Consent calldata consent, bytes32) external {
        _request(consent, hospital);
    }

    function tryFreeze(bytes32 ref) external {
        _freeze(ref, alice, true);
    }

    function _live() private {
        bytes32 ref = _bind(hospital, "alice", alice);
        bytes32 other = _bind(hospital, "alice again", alice);
        _appoint(ref, alice, guardian.account);
        _deny(ref, alice, clinic, 1);
        _retain(ref, alice, 3);
        _link(hospital, ref, other, alice, alice);
        _unlink(hospital, ref, alice);
        _freeze(ref, guardian, true);
        _requestOwn(alice, _ownAccess(ref));
        _freeze(ref, alice, false);
        _rotate(ref, alice, carol);
        _recover(ref, hospital, bob);
        _veto(ref, carol);
        _appointLate(ref, hospital, address(0));
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);

        Consent memory consent = _granted(alice, hospital);
        (bytes32 accessId,) = _request(consent, hospital);
        vm.startPrank(regulator.principal.account);
        gateway.freeze(accessId, _keyOf(alice));
        gateway.unfreeze(accessId, _keyOf(alice));
        subjects.hold(other, true);
        vm.stopPrank();
        Consent memory next = _consent(alice, hospital);
        next.head.replaces = _idOf(consent);
        _replace(alice, next);
        _request(consent, hospital);
        _revoke(alice, _idOf(next));
        _revokeAll(alice);
        _revokeAll(bob);
        (accessId,) = _requestEmergency(clinic, _emergencyAccess(clinic, ref));
        vm.prank(regulator.principal.account);
        gateway.review(accessId, ref, 1);

        _anchor(hospital, "root", 3);
        vm.prank(east.principal.account);
        records.anchor("log", 3, 0, 2);
        _invalidate(hospital, "leaf", ref);
        _order(hospital, "record", ref, carol);
        _skip(COOLING_OFF);
        _attest(east, hospital, "record", ref);
        _attest(west, hospital, "record", ref);
    }

    /// @dev Adds one event to its chains, and checks the numbers it says it has in them.
    function _fold(Vm.Log memory entry, uint256 global) private returns (uint256) {
        (uint16 code, address emitter, uint48 globalCount, uint48 keyCount, uint64 time) =
            abi.decode(entry.data, (uint16, address, uint48, uint48, uint64));
        bytes32 key = entry.topics[1];
        bytes32 digest =
            Chains.entryOf(block.chainid, emitter, key, uint8(uint256(entry.topics[2])), code, entry.topics[3], time);
        if (_rebuilt[key] == 0) _seen.push(key);
        _rebuilt[key] = Chains.extended(_rebuilt[key], digest);
        global = Chains.extended(global, digest);
        vm.assertTrue(uint48(global) == globalCount && uint48(_rebuilt[key]) == keyCount);
        return global;
    }
}
