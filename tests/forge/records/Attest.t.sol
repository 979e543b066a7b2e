// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {IRecordRegistry} from "../../../contracts/interfaces/IRecordRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {ParticipantKind, ParticipantRole} from "../../../contracts/types/Participant.sol";
import {Attestation, Destruction, RecordLib, RecordStatus} from "../../../contracts/types/Record.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution, sign} from "../base/Actors.sol";
import {RecordTest} from "./RecordTest.sol";

contract AttestTest is RecordTest {
    function setUp() public override {
        super.setUp();
        _order(hospital, RECORD, ref, alice);
        vm.warp(NOW + COOLING_OFF);
    }

    /* WHAT IT DOES */

    function test_attest__by_one_custodian__is_kept_and_logged() public {
        _expectAttestation(east, 7, false);
        _attestAs(east, 7);

        _assertHeard();
        _assertState(RecordStatus.ORDERED, 1);
    }

    /// Of three custodians, two restore a key: once two have erased, nothing can be restored.
    function test_attest__by_n_minus_t_plus_1__is_destroyed() public {
        _attestAs(west, 1);
        _assertState(RecordStatus.ORDERED, 2);
        _skip(1 days);
        _expectAttestation(north, 0, true);
        _attestAs(north, 0);

        _assertHeard();
        _assertState(RecordStatus.DESTROYED, 6);
    }

    /// The others attest after the record counts as destroyed; it stays so.
    function test_attest__after_destruction__is_kept_too() public {
        _attestAs(north, 1);
        _attestAs(west, 1);
        _expect(address(records));
        emit IRecordRegistry.DestructionAttested(hospital.id, RECORD, ref, east.id, type(uint32).max);
        _expectEntry(address(records), ref, Entries.DESTRUCTION_ATTESTED, RecordStatus.DESTROYED, RECORD);
        _listen();
        _attestAs(east, type(uint32).max);

        _assertHeard();
        _assertState(RecordStatus.DESTROYED, 7);
    }

    /// With t = n one attestation is enough: no key without all shares.
    function test_attest__set_that_needs_all__is_destroyed_by_one() public {
        uint32 set = _formSet(3);
        _orderWith("second", set);
        _skip(COOLING_OFF);
        _attest(north, hospital, "second", ref);

        vm.assertEq(uint8(_orderState(hospital, "second", ref)), RecordStatus.DESTROYED);
    }

    /// The largest set, with the lowest threshold: 15 of 16 must attest, in any order.
    function test_attest__largest_set__is_destroyed_by_fifteen() public {
        bytes32[] memory ids = new bytes32[](16);
        Institution[] memory custodians = new Institution[](16);
        for (uint256 i = 0; i < 16; ++i) {
            string memory name = string(abi.encodePacked("Custodian ", bytes1(uint8(65 + i))));
            custodians[i] = _join(name, ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY);
            ids[i] = custodians[i].id;
        }
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.formCustodianSet, (ids, 2)));
        _orderWith("second", participants.custodianSetCount());
        _skip(COOLING_OFF);
        for (uint256 i = 16; i > 1; --i) {
            vm.assertEq(uint8(_orderState(hospital, "second", ref)), RecordStatus.ORDERED);
            _attest(custodians[i - 1], hospital, "second", ref);
        }

        uint256 word = _orderState(hospital, "second", ref);
        vm.assertEq(uint8(word), RecordStatus.DESTROYED);
        vm.assertEq(word >> 176, 0xfffe);
    }

    /// The operator sends it itself, or signs and anybody sends it.
    function test_attest__sent_by_the_operator_without_signature__is_kept() public {
        vm.prank(east.second.account);
        records.attest(_attestation(east, 1), "");
        vm.prank(west.principal.account);
        records.attest(_attestation(west, 1), "");

        _assertState(RecordStatus.DESTROYED, 3);
    }

    /// A custodian that was suspended after it erased can still say so; one whose record is expelled too.
    function test_attest__by_a_suspended_custodian__is_kept() public {
        _suspend(east);
        _attestAs(east, 1);
        _assertState(RecordStatus.ORDERED, 1);
    }

    /* TIME */

    function test_attest__before_the_cooling_off_ends__is_refused() public {
        vm.warp(NOW + COOLING_OFF - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRecordRegistry.RecordRegistryTooEarly.selector, RECORD, NOW + COOLING_OFF, NOW + COOLING_OFF - 1
            )
        );
        _attestAs(east, 1);
        vm.warp(NOW + COOLING_OFF);
        _attestAs(east, 1);
    }

    /* REFUSALS */

    function test_attest__of_no_order__is_refused() public {
        _expectWrongStatus("another", RecordStatus.VALID);
        _attest(east, hospital, "another", ref);
    }

    /// Nor of another subject's record, nor of another source's.
    function test_attest__of_another_subject_or_source__is_refused() public {
        bytes32 other = _bind(hospital, "bob", bob);
        _expectWrongStatus(RECORD, RecordStatus.VALID);
        _attest(east, hospital, RECORD, other);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRecordRegistry.RecordRegistryWrongStatus.selector, clinic.id, RECORD, RecordStatus.VALID
            )
        );
        _attest(east, clinic, RECORD, ref);
    }

    /// An invalid version is not an order.
    function test_attest__of_an_invalid_version__is_refused() public {
        _invalidate(hospital, _orderId("second", ref), ref);
        _expectWrongStatus("second", RecordStatus.INVALID);
        _attest(east, hospital, "second", ref);
    }

    /// What a court wants kept must not be erased, though the order was there before the hold.
    function test_attest__under_legal_hold__is_refused_until_it_ends() public {
        vm.prank(regulator.principal.account);
        subjects.hold(ref, true);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryHeld.selector, ref));
        _attestAs(east, 1);
        vm.prank(regulator.principal.account);
        subjects.hold(ref, false);
        _attestAs(east, 1);
        _assertState(RecordStatus.ORDERED, 1);
    }

    function test_attest__twice__is_refused() public {
        _attestAs(east, 1);
        _expectAttested(east);
        _attestAs(east, 2);
        _attestAs(west, 1);
        _expectAttested(west);
        _attestAs(west, 1);
    }

    function test_attest__by_a_custodian_outside_the_set__is_refused() public {
        Institution memory south = _join("Custodian South", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY);
        _expectNotMember(south.id, setId);
        _attestAs(south, 1);
        _expectNotMember(hospital.id, setId);
        _attestAs(hospital, 1);
    }

    /* SIGNATURES */

    function test_attest__badly_signed__is_refused() public {
        Attestation memory attestation = _attestation(east, 1);
        bytes32 digest = _digestOf(attestation);
        bytes32 structHash = keccak256(abi.encode(RecordLib.ATTESTATION_TYPEHASH, attestation));
        bytes32 elsewhere = _typed(address(consents), "Salus RecordRegistry", structHash);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(east.principal.key, digest);
        _expectInvalidSignature(RECORD, west.principal.account);
        records.attest(attestation, sign(west.principal, digest));
        _expectInvalidSignature(RECORD, stranger.account);
        records.attest(attestation, sign(stranger, digest));
        _expectInvalidSignature(RECORD, address(0));
        records.attest(attestation, abi.encodePacked(r, s));
        _expectInvalidSignature(RECORD, address(0));
        records.attest(attestation, new bytes(65));
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryInvalidSignature.selector);
        records.attest(attestation, sign(east.principal, elsewhere));
        vm.expectPartialRevert(IRecordRegistry.RecordRegistryInvalidSignature.selector);
        records.attest(attestation, abi.encodePacked(r, s, v == 27 ? uint8(28) : uint8(27)));
    }

    /// Each field is part of what the operator signs.
    function test_attest__signed_for_something_else__is_refused() public {
        for (uint256 field = 0; field < 5; ++field) {
            Attestation memory signed = _attestation(east, 1);
            if (field == 0) signed.sourceId = clinic.id;
            if (field == 1) signed.recordId = "another";
            if (field == 2) signed.subjectRef = "another";
            if (field == 3) signed.custodianId = west.id;
            if (field == 4) signed.erased = 2;
            bytes memory signature = sign(east.principal, _digestOf(signed));
            vm.expectPartialRevert(IRecordRegistry.RecordRegistryInvalidSignature.selector);
            records.attest(_attestation(east, 1), signature);
        }
        _assertState(RecordStatus.ORDERED, 0);
    }

    function test_attest__sent_by_another_without_signature__is_refused() public {
        Actor[3] memory others = [west.principal, hospital.principal, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i].account);
            _expectInvalidSignature(RECORD, others[i].account);
            records.attest(_attestation(east, 1), "");
        }
    }

    /// No custodian with the id 0 exists, so nobody attests for it.
    function test_attest__for_nobody__is_refused() public {
        Attestation memory attestation = Attestation(hospital.id, RECORD, ref, 0, 1);
        vm.prank(stranger.account);
        _expectInvalidSignature(RECORD, stranger.account);
        records.attest(attestation, "");
    }

    function test_attest__by_a_removed_operator__is_refused() public {
        vm.prank(east.principal.account);
        participants.removeOperator(east.id, east.second.account);
        vm.prank(east.second.account);
        _expectInvalidSignature(RECORD, east.second.account);
        records.attest(_attestation(east, 1), "");
    }

    /* INTERNAL */

    function _attestation(Institution memory custodian, uint32 erased) private view returns (Attestation memory) {
        return Attestation(hospital.id, RECORD, ref, custodian.id, erased);
    }

    function _attestAs(Institution memory custodian, uint32 erased) private {
        Attestation memory attestation = _attestation(custodian, erased);
        bytes memory signature = sign(custodian.principal, _digestOf(attestation));
        vm.prank(relayer.account);
        records.attest(attestation, signature);
    }

    function _orderWith(bytes32 recordId, uint32 set) private {
        Destruction memory destruction = _destruction(hospital, recordId, ref);
        destruction.custodianSet = set;
        bytes memory signature = sign(alice, _digestOf(destruction));
        vm.prank(hospital.principal.account);
        records.order(destruction, signature);
    }

    function _assertState(uint8 status, uint64 bitmap) private view {
        _assertOrder(RECORD, ref, _stateWord(status, NOW, NOW + COOLING_OFF, setId, bitmap));
    }

    function _expectAttested(Institution memory custodian) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RecordRegistryAttested.selector, RECORD, custodian.id));
    }

    function _expectAttestation(Institution memory custodian, uint32 erased, bool ends) private {
        _expect(address(records));
        emit IRecordRegistry.DestructionAttested(hospital.id, RECORD, ref, custodian.id, erased);
        if (ends) {
            _expect(address(records));
            emit IRecordRegistry.RecordDestroyed(hospital.id, RECORD, ref);
        }
        uint8 status = ends ? RecordStatus.DESTROYED : RecordStatus.ORDERED;
        _expectEntry(address(records), ref, Entries.DESTRUCTION_ATTESTED, status, RECORD);
        _listen();
    }
}
