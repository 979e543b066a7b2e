// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CompactSignature, IAccessGateway, Refusal} from "../../../contracts/interfaces/IAccessGateway.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Access, AccessKind, AccessWords} from "../../../contracts/types/Access.sol";
import {Codes} from "../../../contracts/types/Codes.sol";
import {Labels} from "../../../contracts/types/Labels.sol";
import {ParticipantRole} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, seal} from "../base/Actors.sol";
import {Words} from "../base/Words.sol";
import {GatewayTest} from "./GatewayTest.sol";

contract RequestEmergencyTest is GatewayTest {
    bytes32 private _ref;

    function setUp() public override {
        super.setUp();
        _ref = _bind(hospital, "alice", alice);
    }

    /* WHAT IT DOES */

    function test_requestEmergency__signed_by_two__is_granted_for_four_hours() public {
        uint32[2] memory purposes = [Labels.BTG, Labels.ETREAT];
        for (uint256 i = 0; i < purposes.length; ++i) {
            Access memory access = _emergencyAccess(clinic, _ref);
            access.purpose = purposes[i];
            _expectEmergency(access, clinic.second.account);
            (bytes32 accessId, uint16 code) = _requestEmergency(clinic, access);

            _assertHeard();
            vm.assertEq(accessId, _idOf(access));
            vm.assertEq(code, Codes.GRANTED);
            _assertRecorded(access, _ref, Codes.GRANTED, _time() + 4 hours);
            vm.assertEq(_used(clinic), i + 1);
            _skip(1);
        }
    }

    /// Who signs first asks, who signs second is the witness.
    function test_requestEmergency__signed_the_other_way_round__names_them_so() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _expectOutcome(access, _ref, clinic.second.account, Codes.GRANTED, NOW + 4 hours);
        _expectOpened(access, clinic.principal.account);
        _listen();
        _send(access, clinic.second, clinic.principal);

        _assertHeard();
    }

    /// The patient's own source may have to ask this way too.
    function test_requestEmergency__by_the_source_itself__is_granted() public {
        vm.assertEq(_codeOf(_emergencyAccess(hospital, _ref), Codes.GRANTED), Codes.GRANTED);
    }

    function test_requestEmergency__of_an_unclaimed_subject__is_granted() public {
        bytes32 ref = _refOf(hospital, "unclaimed");
        vm.prank(hospital.principal.account);
        subjects.register(ref, hospital.id, _seedOf("unclaimed"));
        (, uint16 code) = _requestEmergency(clinic, _emergencyAccess(clinic, ref));

        vm.assertEq(code, Codes.GRANTED);
    }

    /// It names whatever it needs: no consent bounds categories, days or level.
    function test_requestEmergency__for_everything__is_granted() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        (access.categories, access.actions) = (Labels.CATEGORIES, Labels.ACTIONS);
        (access.level, access.confidentiality, access.form) = (5, 5, 4);
        (access.fromDay, access.toDay) = (0, type(uint32).max);
        (, uint16 code) = _requestEmergency(clinic, access);

        vm.assertEq(code, Codes.GRANTED);
    }

    /* DENIALS */

    function test_requestEmergency__suspended__is_denied_10() public {
        _suspend(clinic);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.PARTICIPANT_INACTIVE);
    }

    function test_requestEmergency__accreditation_over__is_denied_11() public {
        _setTerms(clinic, clinic.roles, NOW + 1 days, QUOTA);
        vm.warp(NOW + 1 days - 1);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
        vm.warp(NOW + 1 days);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.ACCREDITATION_EXPIRED);
    }

    function test_requestEmergency__without_a_role__is_denied_12() public {
        uint16[4] memory roles = [
            ParticipantRole.CARE,
            ParticipantRole.EMERGENCY,
            ParticipantRole.EMERGENCY | ParticipantRole.RESEARCH,
            ParticipantRole.CARE | ParticipantRole.EMERGENCY | ParticipantRole.CUSTODY
        ];
        for (uint256 i = 0; i < roles.length; ++i) {
            _setTerms(clinic, roles[i], ACCREDITED_UNTIL, QUOTA);
            _assertDenied(_emergencyAccess(clinic, _ref), Codes.NOT_QUALIFIED);
        }
        _setTerms(clinic, ParticipantRole.CARE | ParticipantRole.EMERGENCY, ACCREDITED_UNTIL, QUOTA);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
    }

    function testFuzz_requestEmergency__for_another_purpose__is_denied_12(uint8 bit) public {
        Access memory access = _emergencyAccess(clinic, _ref);
        access.purpose = uint32(1) << (bit % 32);
        vm.assume(access.purpose != Labels.BTG && access.purpose != Labels.ETREAT);
        _assertDenied(access, Codes.NOT_QUALIFIED);
    }

    function test_requestEmergency__undefined_label__is_denied_38() public {
        for (uint256 field = 0; field < 5; ++field) {
            Access memory access = _emergencyAccess(clinic, _ref);
            if (field == 0) access.categories |= 1 << 37;
            if (field == 1) access.actions |= 1 << 11;
            if (field == 2) access.level = 6;
            if (field == 3) access.confidentiality = 6;
            if (field == 4) access.form = 5;
            _assertDenied(access, Codes.UNDEFINED_BITS);
        }
    }

    function test_requestEmergency__frozen__is_denied_50() public {
        _freeze(_ref, alice, true);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.SUBJECT_FROZEN);
    }

    /// A denial that an emergency overrides is overridden; an absolute one is not, and concerns one participant.
    function test_requestEmergency__denied_by_the_patient__is_denied_51() public {
        _deny(_ref, alice, clinic, 1);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
        _deny(_ref, alice, clinic, 2);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.SUBJECT_DENIES);
        _codeOf(_emergencyAccess(hospital, _ref), Codes.GRANTED);
        _deny(_ref, alice, clinic, 0);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
    }

    /// 72 hours are allowed for a review, to the second.
    function test_requestEmergency__earlier_one_overdue__is_denied_53() public {
        _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        vm.warp(NOW + 72 hours);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
        vm.warp(NOW + 72 hours + 1);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.EMERGENCY_BLOCKED);
        _codeOf(_emergencyAccess(hospital, _ref), Codes.GRANTED);
    }

    /// A denied emergency opens nothing, so there is nothing to review.
    function test_requestEmergency__denied__waits_for_no_review() public {
        _freeze(_ref, alice, true);
        _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
        (bytes32 waiting, bool overdue) = gateway.openEmergencyOf(clinic.id);
        vm.assertTrue(waiting == 0 && !overdue);
        _skip(80 hours);
        _freeze(_ref, alice, false);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
    }

    /* REFUSALS: THE REQUEST */

    function test_requestEmergency__malformed__is_refused() public {
        for (uint256 field = 0; field < 10; ++field) {
            Access memory access = _emergencyAccess(clinic, _ref);
            if (field == 0) access.kind = AccessKind.CONSENT;
            if (field == 1) access.kind = AccessKind.OWN;
            if (field == 2) access.kind = 0;
            if (field == 3) access.purpose = 0;
            if (field == 4) access.purpose = Labels.BTG | Labels.ETREAT;
            if (field == 5) access.recordsRoot = 0;
            if (field == 6) access.sessionKey = 0;
            if (field == 7) access.recordCount = 0;
            if (field == 8) access.recordCount = 1025;
            if (field == 9) access.participantId = 0;
            _assertRefused(access, clinic.principal, clinic.second, Refusal.MALFORMED);
        }
    }

    function test_requestEmergency__with_a_dirty_bit__is_refused() public {
        AccessWords memory words = Words.pack(_emergencyAccess(clinic, _ref));
        words.deadline |= 1 << 64;
        bytes32 id = gateway.idOf(words);
        (CompactSignature memory first, CompactSignature memory second) =
            (seal(clinic.principal, id), seal(clinic.second, id));
        _expectRefusal(id, Refusal.MALFORMED);
        gateway.requestEmergency(words, first, second);
    }

    function test_requestEmergency__last_second_of_its_deadline__is_granted_and_then_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        vm.warp(access.deadline);
        uint256 lastSecond = vm.snapshotState();
        _codeOf(access, Codes.GRANTED);

        vm.revertToState(lastSecond);
        _skip(1);
        _assertRefused(access, clinic.principal, clinic.second, Refusal.DEADLINE_PASSED);
    }

    function test_requestEmergency__recorded_before__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _requestEmergency(clinic, access);
        _expectRefusal(access, Refusal.ACCESS_KNOWN);
        _requestEmergency(clinic, access);
    }

    function test_requestEmergency__of_an_unknown_subject__is_refused() public {
        Access memory access = _emergencyAccess(clinic, "nobody");
        _assertRefused(access, clinic.principal, clinic.second, Refusal.SUBJECT_UNKNOWN);
        // An account is no subject: nothing lands on a holder's chain this way.
        access = _emergencyAccess(clinic, _keyOf(alice));
        _assertRefused(access, clinic.principal, clinic.second, Refusal.SUBJECT_UNKNOWN);
    }

    /* REFUSALS: THE SIGNERS */

    function test_requestEmergency__one_operator_twice__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, clinic.principal, clinic.principal, Refusal.SAME_OPERATOR);
    }

    function test_requestEmergency__witness_of_another_participant__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, clinic.principal, hospital.second, Refusal.OTHER_PARTICIPANT);
        _assertRefused(access, clinic.principal, stranger, Refusal.OTHER_PARTICIPANT);
    }

    function test_requestEmergency__operator_of_another_participant__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, hospital.principal, clinic.second, Refusal.OTHER_PARTICIPANT);
    }

    function test_requestEmergency__operator_of_nobody__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, stranger, clinic.second, Refusal.NOT_OPERATOR);
    }

    /// Two of another institution can't ask in the clinic's name.
    function test_requestEmergency__both_of_another_participant__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, hospital.principal, hospital.second, Refusal.OTHER_PARTICIPANT);
    }

    /// Signatures that recover to nobody are not two operators, and the sender stands for none.
    function test_requestEmergency__badly_signed__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        AccessWords memory words = Words.pack(access);
        CompactSignature memory empty;
        CompactSignature memory first = seal(clinic.principal, _idOf(access));
        CompactSignature memory second = seal(clinic.second, _idOf(access));
        vm.startPrank(clinic.principal.account);
        _expectRefusal(access, Refusal.SAME_OPERATOR);
        gateway.requestEmergency(words, empty, empty);
        _expectRefusal(access, Refusal.NOT_OPERATOR);
        gateway.requestEmergency(words, empty, second);
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        gateway.requestEmergency(words, first, empty);
        vm.stopPrank();
    }

    function test_requestEmergency__signed_for_another_access__is_refused() public {
        Access memory access = _emergencyAccess(clinic, _ref);
        bytes32 other = _idOf(_emergencyAccess(clinic, _ref));
        CompactSignature memory first = seal(clinic.principal, _idOf(access));
        CompactSignature memory second = seal(clinic.second, other);
        _expectRefusal(access, Refusal.OTHER_PARTICIPANT);
        gateway.requestEmergency(Words.pack(access), first, second);
    }

    /// A used-up quota must not cost a life: what would be granted is, and is charged to nobody.
    /// Of several reasons the first in the contract's order is told: request, subject, signers, quota.
    function test_requestEmergency__wrong_in_many_ways__tells_the_first_reason() public {
        _setQuota(clinic, 0);
        _freeze(_ref, alice, true);
        Access memory access = _emergencyAccess(clinic, "nobody");
        access.recordCount = 0;
        _assertRefused(access, hospital.principal, hospital.principal, Refusal.MALFORMED);
        access.recordCount = 1;
        _assertRefused(access, hospital.principal, hospital.principal, Refusal.SUBJECT_UNKNOWN);
        access.referenceId = _ref;
        _assertRefused(access, stranger, stranger, Refusal.SAME_OPERATOR);
        _assertRefused(access, stranger, hospital.principal, Refusal.OTHER_PARTICIPANT);
        _assertRefused(access, stranger, clinic.second, Refusal.NOT_OPERATOR);
        _assertRefused(access, clinic.principal, clinic.second, Refusal.QUOTA_USED_UP);
    }

    function test_requestEmergency__beyond_the_quota__is_granted_uncharged() public {
        _setQuota(clinic, 1);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
        Access memory access = _emergencyAccess(clinic, _ref);
        _expectEmergency(access, clinic.second.account);
        _requestEmergency(clinic, access);

        _assertHeard();
        _assertRecorded(access, _ref, Codes.GRANTED, NOW + 4 hours);
        vm.assertEq(_used(clinic), 1);
        (bytes32 oldest,) = gateway.openEmergencyOf(clinic.id);
        vm.assertTrue(oldest != 0);
        _setQuota(clinic, 0);
        vm.expectCall(address(participants), abi.encodeWithSelector(IParticipantRegistry.charge.selector), 0);
        _codeOf(_emergencyAccess(clinic, _ref), Codes.GRANTED);
    }

    /// What would be denied is refused then: a flood of denials ends with the quota.
    function test_requestEmergency__denied_beyond_the_quota__is_refused() public {
        _setQuota(clinic, 1);
        _freeze(_ref, alice, true);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.SUBJECT_FROZEN);
        Access memory access = _emergencyAccess(clinic, _ref);
        _assertRefused(access, clinic.principal, clinic.second, Refusal.QUOTA_USED_UP);
        _skip(1 hours);
        _assertDenied(_emergencyAccess(clinic, _ref), Codes.SUBJECT_FROZEN);
    }

    /// Denials cost quota too.
    function test_requestEmergency__denied__is_charged() public {
        _freeze(_ref, alice, true);
        vm.expectCall(address(participants), abi.encodeCall(IParticipantRegistry.charge, (clinic.id, 1)), 1);
        _requestEmergency(clinic, _emergencyAccess(clinic, _ref));
    }

    /* INTERNAL */

    function _expectEmergency(Access memory access, address witness) private {
        _expectOutcome(access, _ref, clinic.principal.account, Codes.GRANTED, _time() + 4 hours);
        _expectOpened(access, witness);
        _listen();
    }

    function _expectOpened(Access memory access, address witness) private {
        _expect(address(gateway));
        emit IAccessGateway.EmergencyOpened(_idOf(access), access.participantId, witness, _time() + 72 hours);
    }

    function _send(Access memory access, Actor memory first, Actor memory second) private {
        bytes32 id = _idOf(access);
        vm.prank(relayer.account);
        gateway.requestEmergency(Words.pack(access), seal(first, id), seal(second, id));
    }

    function _assertRefused(Access memory access, Actor memory first, Actor memory second, uint8 refusal) private {
        _expectRefusal(access, refusal);
        _send(access, first, second);
        vm.assertEq(_wordOf(_idOf(access)), 0);
    }

    function _assertDenied(Access memory access, uint16 expected) private {
        uint256 used = _used(clinic);
        _expectOutcome(access, _ref, clinic.principal.account, expected, 0);
        _listen();
        (, uint16 code) = _requestEmergency(clinic, access);

        _assertHeard();
        vm.assertEq(code, expected);
        _assertRecorded(access, _ref, expected, 0);
        vm.assertEq(_used(clinic), used + 1);
    }

    function _codeOf(Access memory access, uint16 expected) private returns (uint16 code) {
        (, code) = _requestEmergency(access.participantId == clinic.id ? clinic : hospital, access);
        vm.assertEq(code, expected);
    }
}
