// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AdmissionTerms,
    IParticipantRegistry,
    Participant
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantRole, ParticipantStatus, Standing} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract AdmitTest is ParticipantTest {
    function test_admit__applicant__is_active_on_its_terms() public {
        Participant memory state = participants.participant(applicant.id);
        vm.recordLogs();
        _admit(AdmissionTerms(ParticipantRole.CARE, NOW + 1, 17));
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantAdmitted(applicant.id, ParticipantRole.CARE, NOW + 1, 17);
        _assertTold(told);
        state.status = ParticipantStatus.ACTIVE;
        state.roles = ParticipantRole.CARE;
        state.accreditedUntil = NOW + 1;
        state.hourlyQuota = 17;
        _assertParticipant(applicant.id, state);
        (, Standing memory standing, uint32 left) = participants.callerOf(applicant.principal.account);
        vm.assertTrue(standing.status == ParticipantStatus.ACTIVE && standing.roles == ParticipantRole.CARE);
        vm.assertTrue(standing.accreditedUntil == NOW + 1 && left == 17);
    }

    function test_admit__by_vote__is_active() public {
        _vote(address(participants), abi.encodeCall(IParticipantRegistry.admit, (applicant.id, _terms(1))));
        vm.assertEq(_statusOf(applicant), ParticipantStatus.ACTIVE);
    }

    function test_admit__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, applicant.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.admit(applicant.id, _terms(1));
        }
    }

    function test_admit__not_an_applicant__is_refused() public {
        _asCouncil();
        _expectWrongStatus("unknown", ParticipantStatus.NONE, ParticipantStatus.APPLIED);
        participants.admit("unknown", _terms(1));

        _expectRefused(hospital.id, ParticipantStatus.ACTIVE);
        _suspendNow(hospital);
        _expectRefused(hospital.id, ParticipantStatus.SUSPENDED);
        _expelNow(hospital);
        _expectRefused(hospital.id, ParticipantStatus.EXPELLED);
    }

    function test_admit__no_role_or_undefined_role__is_refused() public {
        uint16[4] memory roles = [uint16(0), 256, 257, 1 << 15];
        for (uint256 i = 0; i < roles.length; ++i) {
            _expectInvalidTerms(AdmissionTerms(roles[i], ACCREDITED_UNTIL, QUOTA));
        }
        _admit(AdmissionTerms(255, ACCREDITED_UNTIL, QUOTA));
        vm.assertEq(participants.participant(applicant.id).roles, 255);
    }

    function test_admit__accreditation_over_already__is_refused() public {
        _expectInvalidTerms(AdmissionTerms(1, NOW, QUOTA));
        _expectInvalidTerms(AdmissionTerms(1, 0, QUOTA));
    }

    /* WHAT A ROLE IS WORTH */

    /// To the last second before the accreditation ends.
    function test_hasRole__accreditation_ends__is_lost_in_that_second() public {
        _admit(AdmissionTerms(ParticipantRole.CARE, NOW + 100, QUOTA));
        _skip(99);
        vm.assertTrue(participants.hasRole(applicant.id, ParticipantRole.CARE));
        vm.assertEq(participants.actingFor(applicant.principal.account, ParticipantRole.CARE), applicant.id);
        _skip(1);
        vm.assertFalse(participants.hasRole(applicant.id, ParticipantRole.CARE));
        vm.assertEq(participants.actingFor(applicant.principal.account, ParticipantRole.CARE), 0);
        vm.assertEq(participants.participantOf(applicant.principal.account), applicant.id);
    }

    function test_hasRole__not_active__is_lost() public {
        vm.assertTrue(participants.hasRole(hospital.id, ParticipantRole.CARE));
        _suspendNow(hospital);
        vm.assertFalse(participants.hasRole(hospital.id, ParticipantRole.CARE));
        vm.assertEq(participants.actingFor(hospital.second.account, ParticipantRole.CARE), 0);
    }

    /// Any one bit of the mask is enough.
    function testFuzz_hasRole__mask__needs_one_bit_in_common(uint16 mask) public view {
        bool expected = mask & hospital.roles != 0;
        vm.assertEq(participants.hasRole(hospital.id, mask) ? 1 : 0, expected ? 1 : 0);
        vm.assertEq(participants.actingFor(hospital.second.account, mask), expected ? hospital.id : bytes32(0));
        vm.assertEq(participants.actingFor(stranger.account, mask), 0);
    }

    function _admit(AdmissionTerms memory terms) private {
        _asCouncil();
        participants.admit(applicant.id, terms);
    }

    function _expectRefused(bytes32 id, uint8 found) private {
        _asCouncil();
        _expectWrongStatus(id, found, ParticipantStatus.APPLIED);
        participants.admit(id, _terms(1));
    }

    function _expectInvalidTerms(AdmissionTerms memory terms) private {
        _asCouncil();
        vm.expectRevert(
            abi.encodeWithSelector(
                IParticipantRegistry.ParticipantRegistryInvalidTerms.selector,
                terms.roles,
                terms.accreditedUntil,
                terms.hourlyQuota
            )
        );
        participants.admit(applicant.id, terms);
    }
}
