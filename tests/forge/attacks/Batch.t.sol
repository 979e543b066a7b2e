// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessGateway, Refusal, SignedRequest} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access, AccessKind, AccessWords} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {ConsentWords} from "../../../contracts/types/Consent.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, Institution} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";
import {Consent, Words} from "../base/Words.sol";

/// @notice Requests, alone and in batches: no bad item stops a good one, no grouping beats the quota, nobody asks in
/// another's name, and no bit is smuggled in.
contract RequestAttacks is Base {
    /* QUOTA */

    /// Two operators taking turns have one quota together.
    function testFuzz_requestMany__operators_take_turns__quota_holds(uint256 turns) public {
        Consent memory consent = _granted(alice, hospital);
        uint256 count = QUOTA + 7;
        SignedRequest[] memory requests = new SignedRequest[](count);
        bytes32 id = _idOf(consent);
        for (uint256 i = 0; i < count; ++i) {
            Actor memory operator = turns >> (i % 256) & 1 == 0 ? hospital.principal : hospital.second;
            requests[i] = _signed(consent, _access(hospital, id), operator);
        }

        vm.assertEq(gateway.requestMany(requests), QUOTA);
        (,, uint32 left) = participants.callerOf(hospital.second.account);
        vm.assertEq(left, 0);
    }

    /// Denials are charged like grants: a flood ends with the quota, and a new hour begins with no more than the quota.
    function test_request__flood_of_denials__ends_with_the_quota() public {
        Consent memory consent = _granted(alice, hospital);
        ConsentWords memory words = Words.pack(consent);
        for (uint256 hour = 0; hour < 2; ++hour) {
            for (uint256 i = 0; i < QUOTA; ++i) {
                vm.assertEq(_denied(words, _access(clinic, _idOf(consent))), Codes.GRANTEE_MISMATCH);
            }
            Access memory next = _access(clinic, _idOf(consent));
            bytes32 id = _idOf(next);
            AccessWords memory nextWords = Words.pack(next);
            vm.prank(clinic.principal.account);
            _expectRefusal(id, Refusal.QUOTA_USED_UP);
            gateway.request(words, nextWords);
            _skip(1 hours);
        }
    }

    /// Who was admitted for no request, or is only an applicant, is not even recorded.
    function test_request__by_an_applicant__is_not_recorded() public {
        Consent memory consent = _granted(alice, hospital);
        Institution memory applicant = _apply("Self-made Clinic", 1);
        Access memory access = _access(applicant, _idOf(consent));

        _expectRefusal(_idOf(access), Refusal.QUOTA_USED_UP);
        _request(consent, access, applicant);
    }

    /// Suspended, expelled or made a custodian after the patient consented: the consent does not help.
    function test_request__participant_stopped_after_the_consent__is_denied() public {
        Consent memory consent = _granted(alice, hospital);
        _suspend(hospital);
        vm.assertEq(_code(consent, hospital), Codes.PARTICIPANT_INACTIVE);
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.expel, (hospital.id)));
        vm.assertEq(_code(consent, hospital), Codes.PARTICIPANT_INACTIVE);

        consent = _granted(alice, clinic);
        _renew(clinic, _terms(ParticipantRole.ALL));
        vm.assertEq(_code(consent, clinic), Codes.NOT_QUALIFIED);
    }

    /* NAMES */

    function test_request__operator_of_a_as_b__is_refused() public {
        Consent memory consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));

        _expectRefusal(_idOf(access), Refusal.OTHER_PARTICIPANT);
        _request(consent, access, clinic);
    }

    function test_requestMany__signed_by_operator_of_another__is_skipped() public {
        Consent memory consent = _granted(alice, hospital);
        SignedRequest[] memory requests = new SignedRequest[](1);
        requests[0] = _signed(consent, _access(hospital, _idOf(consent)), clinic.principal);

        vm.assertEq(gateway.requestMany(requests), 0);
    }

    /// The empty signature of a batch stands for its sender, never for the operator of the item before.
    function test_requestMany__unsigned_after_signed__is_the_senders() public {
        Consent memory consent = _granted(alice, hospital);
        SignedRequest[] memory requests = new SignedRequest[](3);
        for (uint256 i = 0; i < 3; ++i) {
            requests[i] = _signed(consent, _access(hospital, _idOf(consent)), hospital.principal);
        }
        (requests[1].operator.r, requests[1].operator.vs) = (0, 0);
        requests[2].operator.r = 0;

        vm.prank(stranger.account);
        vm.assertEq(gateway.requestMany(requests), 1);
    }

    /// A consent shown with one field changed is another consent.
    function testFuzz_request__consent_with_a_changed_word__is_refused(uint8 word, uint256 flip) public {
        vm.assume(flip != 0);
        Consent memory consent = _granted(alice, hospital);
        ConsentWords memory words = Words.pack(consent);
        uint256[8] memory forged = abi.decode(abi.encode(words), (uint256[8]));
        forged[word % 8] ^= flip;
        words = abi.decode(abi.encode(forged), (ConsentWords));
        Access memory access = _access(hospital, _idOf(consent));
        AccessWords memory accessWords = Words.pack(access);

        vm.prank(hospital.principal.account);
        vm.expectPartialRevert(IAccessGateway.AccessGatewayRefused.selector);
        gateway.request(words, accessWords);
        vm.assertEq(gateway.slotOf(_idOf(access)), 0);
    }

    /* BITS */

    /// A bit above the last field of any word would make two encodings of one digest.
    function testFuzz_request__dirty_bits__are_refused(uint8 choice, uint8 bit) public {
        Consent memory consent = _granted(alice, hospital);
        ConsentWords memory words = Words.pack(consent);
        AccessWords memory access = Words.pack(_access(hospital, _idOf(consent)));
        if (choice % 6 == 0) words.holder |= 1 << (160 + uint256(bit) % 96);
        if (choice % 6 == 1) words.head |= 1 << (160 + uint256(bit) % 96);
        if (choice % 6 == 2) words.scope |= 1 << (208 + uint256(bit) % 48);
        if (choice % 6 == 3) words.validity |= 1 << (240 + uint256(bit) % 16);
        if (choice % 6 == 4) access.scope |= 1 << (240 + uint256(bit) % 16);
        if (choice % 6 == 5) access.deadline |= 1 << (64 + uint256(bit) % 192);
        bytes32 accessId = gateway.idOf(access);

        vm.prank(hospital.principal.account);
        _expectRefusal(accessId, Refusal.MALFORMED);
        gateway.request(words, access);
    }

    /// All ones in every mask of a consent and of a request: undefined bits deny, whatever else is allowed.
    function test_request__all_ones__is_denied() public {
        Consent memory consent = _consent(alice, hospital);
        (consent.scope.purposes, consent.scope.categories) = (type(uint32).max, type(uint64).max);
        (consent.scope.actions, consent.scope.maxLevel) = (type(uint16).max, type(uint8).max);
        (consent.scope.obligations, consent.scope.flags) = (type(uint32).max, type(uint32).max);
        _grant(alice, consent);
        vm.assertEq(_code(consent, hospital), Codes.UNDEFINED_BITS);

        consent = _granted(alice, hospital);
        Access memory access = _access(hospital, _idOf(consent));
        (access.categories, access.actions) = (type(uint64).max, type(uint16).max);
        (, uint16 code) = _request(consent, access, hospital);
        vm.assertEq(code, Codes.UNDEFINED_BITS);
    }

    function test_request__two_purposes_or_none__is_malformed() public {
        Consent memory consent = _granted(alice, hospital);
        uint32[3] memory masks = [uint32(0), Labels.TREAT | Labels.COC, type(uint32).max];
        for (uint256 i = 0; i < masks.length; ++i) {
            Access memory access = _access(hospital, _idOf(consent));
            access.purpose = masks[i];
            _expectRefusal(_idOf(access), Refusal.MALFORMED);
            _request(consent, access, hospital);
        }
    }

    /* ONE BAD ITEM */

    /// Every kind of bad item is skipped; the good one behind them all is granted, and only recorded items are charged.
    function test_requestMany__good_item_behind_bad_ones__is_granted() public {
        Consent memory consent = _granted(alice, hospital);
        bytes32 id = _idOf(consent);
        SignedRequest[] memory requests = new SignedRequest[](8);
        for (uint256 i = 0; i < 8; ++i) {
            Access memory access = _access(hospital, id);
            if (i == 0) access.deadline = _time() - 1;
            if (i == 1) access.kind = AccessKind.EMERGENCY;
            if (i == 2) access.recordCount = Labels.MAX_RECORDS + 1;
            if (i == 3) access.referenceId = "another consent";
            if (i == 4) access.participantId = clinic.id;
            requests[i] = _signed(consent, access, hospital.principal);
            if (i == 5) requests[i].operator.vs = 0;
            if (i == 6) requests[i].consent.holder |= 1 << 160;
        }

        vm.assertEq(gateway.requestMany(requests), 1);
        vm.assertEq(uint256(gateway.accessOf(gateway.idOf(requests[7].access)).code), Codes.GRANTED);
        (,, uint32 left) = participants.callerOf(hospital.principal.account);
        vm.assertEq(left, QUOTA - 1);
    }

    function test_requestMany__the_same_item_twice__is_recorded_once() public {
        Consent memory consent = _granted(alice, hospital);
        SignedRequest[] memory requests = new SignedRequest[](2);
        requests[0] = _signed(consent, _access(hospital, _idOf(consent)), hospital.principal);
        requests[1] = requests[0];

        vm.assertEq(gateway.requestMany(requests), 1);
        vm.assertEq(gateway.requestMany(requests), 0);
    }

    function _denied(ConsentWords memory words, Access memory access) private returns (uint16 code) {
        vm.prank(clinic.principal.account);
        (, code) = gateway.request(words, Words.pack(access));
    }

    function _expectRefusal(bytes32 accessId, uint8 refusal) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessGateway.AccessGatewayRefused.selector, accessId, refusal));
    }
}
