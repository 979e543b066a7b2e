// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry, Participant} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

/// @notice suspend and reinstate.
contract SuspendTest is ParticipantTest {
    function test_suspend__active__is_suspended_and_nothing_else() public {
        Participant memory state = participants.participant(hospital.id);
        vm.recordLogs();
        _suspendNow(hospital);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantSuspended(hospital.id);
        _assertTold(told);
        state.status = ParticipantStatus.SUSPENDED;
        _assertParticipant(hospital.id, state);
    }

    function test_suspend__by_vote__is_at_once() public {
        _suspend(hospital);
        vm.assertEq(_statusOf(hospital), ParticipantStatus.SUSPENDED);
    }

    function test_suspend__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, regulator.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.suspend(hospital.id);
        }
    }

    function test_suspend__not_active__is_refused() public {
        _expectNotSuspendable("unknown", ParticipantStatus.NONE);
        _expectNotSuspendable(applicant.id, ParticipantStatus.APPLIED);
        _suspendNow(hospital);
        _expectNotSuspendable(hospital.id, ParticipantStatus.SUSPENDED);
        _expelNow(hospital);
        _expectNotSuspendable(hospital.id, ParticipantStatus.EXPELLED);
    }

    function test_reinstate__suspended__is_as_before() public {
        Participant memory state = participants.participant(hospital.id);
        _suspendNow(hospital);
        vm.recordLogs();
        _asCouncil();
        participants.reinstate(hospital.id);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantReinstated(hospital.id);
        _assertTold(told);
        _assertParticipant(hospital.id, state);
    }

    function test_reinstate__not_by_the_council__is_refused() public {
        _suspendNow(hospital);
        address[3] memory callers = [stranger.account, members[0].account, hospital.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.reinstate(hospital.id);
        }
    }

    function test_reinstate__not_suspended__is_refused() public {
        _expectNotReinstatable("unknown", ParticipantStatus.NONE);
        _expectNotReinstatable(applicant.id, ParticipantStatus.APPLIED);
        _expectNotReinstatable(hospital.id, ParticipantStatus.ACTIVE);
        _expelNow(hospital);
        _expectNotReinstatable(hospital.id, ParticipantStatus.EXPELLED);
    }

    function _expectNotSuspendable(bytes32 id, uint8 found) private {
        _asCouncil();
        _expectWrongStatus(id, found, ParticipantStatus.ACTIVE);
        participants.suspend(id);
    }

    function _expectNotReinstatable(bytes32 id, uint8 found) private {
        _asCouncil();
        _expectWrongStatus(id, found, ParticipantStatus.SUSPENDED);
        participants.reinstate(id);
    }
}
