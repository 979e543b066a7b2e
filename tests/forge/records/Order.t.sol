// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {Destruction, RecordLib, RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Actor, sign} from "../base/Actors.sol";
import {RecordTest} from "./RecordTest.sol";

contract OrderTest is RecordTest {
    /* BY THE SOURCE WITH THE PATIENT */

    function test_order__by_the_source_with_the_patient__starts_the_cooling_off() public {
        _expectOrder(RECORD, ref, setId);
        _order(hospital, RECORD, ref, alice);

        _assertHeard();
        _assertOrder(RECORD, ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));
        vm.assertEq(records.stateOf(hospital.id, RECORD), 0);
    }

    /// Orders of two records, and of one record under two patients, are apart.
    function test_order__of_another_subjects_record__is_another_order() public {
        bytes32 other = _bind(hospital, "bob", bob);
        _order(hospital, RECORD, ref, alice);
        _skip(1);
        _order(hospital, RECORD, other, bob);
        _order(hospital, "another", ref, alice);

        _assertOrder(RECORD, ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));
        _assertOrder(RECORD, other, _stateWord(RecordStatus.ORDERED, NOW + 1, NOW + 1 + COOLING_OFF, setId, 0));
        _assertOrder("another", ref, _stateWord(RecordStatus.ORDERED, NOW + 1, NOW + 1 + COOLING_OFF, setId, 0));
    }

    function test_order__with_the_last_set__is_kept() public {
        uint32 second = _formSet(3);
        Destruction memory destruction = _destruction(hospital, RECORD, ref);
        destruction.custodianSet = second;
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.prank(hospital.second.account);
        records.order(destruction, signature);

        _assertOrder(RECORD, ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, second, 0));
    }

    /// An operator that is the patient itself needs no signature.
    function test_order__patient_operates_the_source__needs_no_signature() public {
        bytes32 own = _bind(hospital, "doctor", hospital.second);
        Destruction memory destruction = _destruction(hospital, RECORD, own);
        _expectOrder(RECORD, own, setId);
        vm.prank(hospital.second.account);
        records.order(destruction, "");

        _assertHeard();
    }

    function test_order__last_second_of_its_deadline__is_kept_and_then_refused() public {
        Destruction memory destruction = _destruction(hospital, RECORD, ref);
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.warp(destruction.deadline);
        uint256 lastSecond = vm.snapshotState();
        vm.prank(hospital.principal.account);
        records.order(destruction, signature);

        vm.revertToState(lastSecond);
        _skip(1);
        vm.prank(hospital.principal.account);
        vm.expectRevert(
            abi.encodeWithSelector(IRecordRegistry.RecordRegistryDeadlinePassed.selector, destruction.deadline, _time())
        );
        records.order(destruction, signature);
    }

    /* BY THE COUNCIL */

    function test_order__by_the_council__needs_no_signature() public {
        _expectOrder(RECORD, ref, setId);
        _orderByCouncil(_destruction(hospital, RECORD, ref));

        _assertHeard();
        _assertOrder(RECORD, ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));
    }

    /// The Council's order has no deadline, and the source may be stopped or have kept the subject to itself.
    function test_order__by_the_council_against_a_silent_source__is_kept() public {
        bytes32 hidden = _refOf(hospital, "hidden");
        Destruction memory destruction = _destruction(hospital, RECORD, hidden);
        destruction.deadline = 0;
        _suspend(hospital);
        _expectOrder(RECORD, hidden, setId);
        _orderByCouncil(destruction);

        _assertHeard();
        _assertOrder(RECORD, hidden, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));
    }

    function test_order__by_the_council_of_anothers_subject__is_refused() public {
        _expectOtherSource(ref, hospital.id, clinic.id);
        _orderByCouncil(_destruction(clinic, RECORD, ref));
    }

    function test_order__by_the_council_of_no_subject__is_refused() public {
        _expectOtherSource(0, 0, hospital.id);
        _orderByCouncil(_destruction(hospital, RECORD, 0));
    }

    function test_order__by_the_council_under_legal_hold__is_refused() public {
        _hold(ref);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryHeld.selector, ref));
        _orderByCouncil(_destruction(hospital, RECORD, ref));
    }

    /* REFUSALS */

    function test_order__twice__is_refused() public {
        _order(hospital, RECORD, ref, alice);
        _expectWrongStatus(RECORD, RecordStatus.ORDERED);
        _order(hospital, RECORD, ref, alice);
        _expectWrongStatus(RECORD, RecordStatus.ORDERED);
        _orderByCouncil(_destruction(hospital, RECORD, ref));
    }

    function test_order__of_a_destroyed_record__is_refused() public {
        _order(hospital, RECORD, ref, alice);
        _skip(COOLING_OFF);
        _attest(east, hospital, RECORD, ref);
        _attest(west, hospital, RECORD, ref);
        _expectWrongStatus(RECORD, RecordStatus.DESTROYED);
        _order(hospital, RECORD, ref, alice);
    }

    /// A source that declares the id of an order an invalid version hinders neither its patient nor the Council.
    function test_order__of_an_id_declared_invalid__is_kept() public {
        _invalidate(hospital, _orderId(RECORD, ref), ref);
        _order(hospital, RECORD, ref, alice);
        _assertOrder(RECORD, ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));

        _invalidate(hospital, _orderId("second", ref), ref);
        _orderByCouncil(_destruction(hospital, "second", ref));
        _assertOrder("second", ref, _stateWord(RecordStatus.ORDERED, NOW, NOW + COOLING_OFF, setId, 0));
    }

    function test_order__under_legal_hold__is_refused_until_it_ends() public {
        _hold(ref);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryHeld.selector, ref));
        _order(hospital, RECORD, ref, alice);
        vm.prank(regulator.principal.account);
        subjects.hold(ref, false);
        _order(hospital, RECORD, ref, alice);
    }

    /// A hold on one reference of a merged patient holds them all.
    function test_order__linked_reference_held__is_refused() public {
        bytes32 other = _bind(hospital, "alice again", alice);
        _link(hospital, other, ref, alice, alice);
        _hold(other);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryHeld.selector, ref));
        _order(hospital, RECORD, ref, alice);
    }

    function test_order__without_a_set__is_refused() public {
        uint32[3] memory sets = [0, setId + 1, type(uint32).max];
        for (uint256 i = 0; i < sets.length; ++i) {
            Destruction memory destruction = _destruction(hospital, RECORD, ref);
            destruction.custodianSet = sets[i];
            bytes memory signature = sign(alice, _digestOf(destruction));
            vm.prank(hospital.principal.account);
            _expectNotMember(0, sets[i]);
            records.order(destruction, signature);
        }
    }

    function test_order__of_an_unknown_subject__is_refused() public {
        bytes32 unknown = _refOf(hospital, "unknown");
        _expectOtherSource(unknown, 0, hospital.id);
        _order(hospital, RECORD, unknown, alice);
        _expectOtherSource(0, 0, hospital.id);
        _order(hospital, RECORD, 0, alice);
    }

    function test_order__of_anothers_subject__is_refused() public {
        _expectOtherSource(ref, hospital.id, clinic.id);
        _order(clinic, RECORD, ref, alice);
    }

    /// Another source can't order what the hospital keeps, with whatever signature.
    function test_order__sent_by_another_source__is_refused() public {
        Destruction memory destruction = _destruction(hospital, RECORD, ref);
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.prank(clinic.principal.account);
        _expectOtherSource(ref, clinic.id, hospital.id);
        records.order(destruction, signature);
    }

    function test_order__without_the_role__is_refused() public {
        Destruction memory destruction = _destruction(hospital, RECORD, ref);
        bytes memory signature = sign(alice, _digestOf(destruction));
        address[4] memory others = [alice.account, relayer.account, east.principal.account, regulator.principal.account];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            _expectNotQualified(others[i], ParticipantRole.SOURCE);
            records.order(destruction, signature);
        }
    }

    /* SIGNATURES */

    function test_order__without_the_patients_signature__is_refused() public {
        Destruction memory destruction = _destruction(hospital, RECORD, ref);
        bytes32 structHash = keccak256(abi.encode(RecordLib.DESTRUCTION_TYPEHASH, destruction));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.key, _digestOf(destruction));
        bytes[6] memory bad = [
            bytes(""),
            sign(bob, _digestOf(destruction)),
            sign(hospital.principal, _digestOf(destruction)),
            sign(alice, _typed(address(subjects), "Salus RecordRegistry", structHash)),
            abi.encodePacked(r, s),
            abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27))
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(RECORD, alice.account);
            records.order(destruction, bad[i]);
        }
    }

    /// Each field is part of what the patient signs.
    function test_order__signed_for_something_else__is_refused() public {
        bytes32 second = _bind(hospital, "alice again", alice);
        _formSet(3);
        for (uint256 field = 0; field < 5; ++field) {
            Destruction memory signed = _destruction(hospital, RECORD, ref);
            if (field == 0) signed.sourceId = clinic.id;
            if (field == 1) signed.recordId = "another";
            if (field == 2) signed.subjectRef = second;
            if (field == 3) signed.deadline += 1;
            if (field == 4) signed.custodianSet += 1;
            bytes memory signature = sign(alice, _digestOf(signed));
            Destruction memory sent = _destruction(hospital, RECORD, ref);
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(RECORD, alice.account);
            records.order(sent, signature);
        }
    }

    function test_order__by_the_former_controller__is_refused() public {
        _rotate(ref, alice, bob);
        _expectInvalidSignature(RECORD, bob.account);
        _order(hospital, RECORD, ref, alice);
        _order(hospital, RECORD, ref, bob);
    }

    /// Without a patient there is nobody to agree: neither an empty signature nor one of the source does.
    function test_order__of_an_unclaimed_subject__is_refused() public {
        bytes32 unclaimed = _register(hospital, "unclaimed");
        Actor[2] memory signers = [hospital.principal, alice];
        for (uint256 i = 0; i < signers.length; ++i) {
            _expectInvalidSignature(RECORD, address(0));
            _order(hospital, RECORD, unclaimed, signers[i]);
        }
        Destruction memory destruction = _destruction(hospital, RECORD, unclaimed);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(RECORD, address(0));
        records.order(destruction, "");
    }

    /* INTERNAL */

    function _hold(bytes32 subjectRef) private {
        vm.prank(regulator.principal.account);
        subjects.hold(subjectRef, true);
    }

    function _orderByCouncil(Destruction memory destruction) private {
        vm.prank(address(council));
        records.order(destruction, "");
    }

    function _expectOrder(bytes32 recordId, bytes32 subjectRef, uint32 set) private {
        _expect(address(records));
        emit IRecordRegistry.DestructionOrdered(hospital.id, recordId, subjectRef, set, _time() + COOLING_OFF);
        _expectEntry(address(records), subjectRef, Entries.DESTRUCTION_ORDERED, 0, recordId);
        _listen();
    }
}
