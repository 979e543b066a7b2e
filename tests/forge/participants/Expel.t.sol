// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry, Participant} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {Institution} from "../base/Actors.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract ExpelTest is ParticipantTest {
    function test_expel__applied_active_or_suspended__is_expelled() public {
        _suspendNow(clinic);
        Institution[3] memory those = [applicant, hospital, clinic];
        for (uint256 i = 0; i < those.length; ++i) {
            Participant memory state = participants.participant(those[i].id);
            vm.recordLogs();
            _expelNow(those[i]);
            Vm.Log[] memory told = _told();

            emit IParticipantRegistry.ParticipantExpelled(those[i].id);
            _assertTold(told);
            state.status = ParticipantStatus.EXPELLED;
            _assertParticipant(those[i].id, state);
        }
    }

    /// For good: no verb brings a participant back.
    function test_expel__then_any_other_verb__stays_expelled() public {
        _expelNow(hospital);
        bytes[5] memory verbs = [
            abi.encodeCall(IParticipantRegistry.admit, (hospital.id, _terms(1))),
            abi.encodeCall(IParticipantRegistry.renew, (hospital.id, _terms(1), "papers", _keys("Hospital"))),
            abi.encodeCall(IParticipantRegistry.suspend, (hospital.id)),
            abi.encodeCall(IParticipantRegistry.reinstate, (hospital.id)),
            abi.encodeCall(IParticipantRegistry.appointPrincipal, (hospital.id, stranger.account))
        ];
        for (uint256 i = 0; i < verbs.length; ++i) {
            _asCouncil();
            (bool success,) = address(participants).call(verbs[i]);
            vm.assertFalse(success);
        }
        vm.assertEq(_statusOf(hospital), ParticipantStatus.EXPELLED);
    }

    function test_expel__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, hospital.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.expel(hospital.id);
        }
    }

    function test_expel__unknown_or_expelled__is_refused() public {
        _asCouncil();
        _expectWrongStatus("unknown", ParticipantStatus.NONE, ParticipantStatus.ACTIVE);
        participants.expel("unknown");
        _expelNow(hospital);
        _asCouncil();
        _expectWrongStatus(hospital.id, ParticipantStatus.EXPELLED, ParticipantStatus.ACTIVE);
        participants.expel(hospital.id);
    }
}
