// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {RecordTest} from "./RecordTest.sol";

contract InvalidateTest is RecordTest {
    function testFuzz_invalidate__by_the_source__is_kept_and_logged(bytes32 leaf, uint8 reason) public {
        vm.assume(reason != 0);
        _expect(address(records));
        emit IRecordRegistry.RecordInvalidated(hospital.id, leaf, ref, reason);
        _expectEntry(address(records), ref, Entries.RECORD_INVALIDATED, reason, leaf);
        _listen();
        vm.prank(hospital.second.account);
        records.invalidate(leaf, ref, reason);

        _assertHeard();
        vm.assertEq(records.stateOf(hospital.id, leaf), RecordStatus.INVALID + uint256(reason) * 2 ** 8);
        vm.assertEq(records.stateOf(clinic.id, leaf), 0);
    }

    /// A version that was never anchored, of a subject nobody has claimed, can be declared invalid too.
    function test_invalidate__of_an_unclaimed_subject__is_kept() public {
        bytes32 unclaimed = _register(hospital, "unclaimed");
        _invalidate(hospital, "leaf", unclaimed);
        vm.assertEq(uint8(records.stateOf(hospital.id, "leaf")), RecordStatus.INVALID);
    }

    /// Each source speaks of its own versions only.
    function test_invalidate__same_leaf_by_two_sources__is_kept_for_each() public {
        bytes32 other = _bind(clinic, "alice", alice);
        _invalidate(hospital, "leaf", ref);
        _invalidate(clinic, "leaf", other);
        vm.assertEq(uint8(records.stateOf(clinic.id, "leaf")), RecordStatus.INVALID);
    }

    /* REFUSALS */

    function test_invalidate__without_a_reason__is_refused() public {
        vm.prank(hospital.principal.account);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryInvalidReason.selector));
        records.invalidate("leaf", ref, 0);
    }

    function test_invalidate__twice__is_refused() public {
        _invalidate(hospital, "leaf", ref);
        uint256 word = records.stateOf(hospital.id, "leaf");
        vm.prank(hospital.principal.account);
        _expectWrongStatus("leaf", RecordStatus.INVALID);
        records.invalidate("leaf", ref, 2);
        vm.assertEq(records.stateOf(hospital.id, "leaf"), word);
    }

    /// An order, and a destruction, are not set back by an "invalid version" of the same id.
    function test_invalidate__of_an_orders_id__is_refused() public {
        _order(hospital, RECORD, ref, alice);
        _expectWrongStatus(_orderId(RECORD, ref), RecordStatus.ORDERED);
        _invalidate(hospital, _orderId(RECORD, ref), ref);
        _skip(COOLING_OFF);
        _attest(east, hospital, RECORD, ref);
        _attest(west, hospital, RECORD, ref);
        _expectWrongStatus(_orderId(RECORD, ref), RecordStatus.DESTROYED);
        _invalidate(hospital, _orderId(RECORD, ref), ref);
    }

    function test_invalidate__of_anothers_subject__is_refused() public {
        _expectOtherSource(ref, hospital.id, clinic.id);
        _invalidate(clinic, "leaf", ref);
    }

    /// An unknown reference may be a holder's account: its chain is nobody's to write on.
    function test_invalidate__of_an_unknown_subject__is_refused() public {
        bytes32[3] memory unknown = [bytes32(0), "unknown", _keyOf(alice)];
        for (uint256 i = 0; i < unknown.length; ++i) {
            _expectOtherSource(unknown[i], 0, hospital.id);
            _invalidate(hospital, "leaf", unknown[i]);
        }
    }

    function test_invalidate__without_the_role__is_refused() public {
        address[4] memory others =
            [east.principal.account, regulator.principal.account, alice.account, address(council)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            _expectNotQualified(others[i], ParticipantRole.SOURCE);
            records.invalidate("leaf", ref, 1);
        }
    }

    function test_invalidate__by_a_suspended_source__is_refused() public {
        _suspend(hospital);
        _expectNotQualified(hospital.principal.account, ParticipantRole.SOURCE);
        _invalidate(hospital, "leaf", ref);
    }
}
