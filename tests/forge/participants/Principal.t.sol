// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry, Participant} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor, Institution, actor} from "../base/Actors.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract PrincipalTest is ParticipantTest {
    Actor internal heir = actor("Heir");

    function test_appointPrincipal__applied_active_or_suspended__is_replaced() public {
        _suspendNow(clinic);
        Institution[3] memory those = [applicant, hospital, clinic];
        for (uint256 i = 0; i < those.length; ++i) {
            Participant memory state = participants.participant(those[i].id);
            vm.recordLogs();
            _appoint(those[i], heir.account);
            Vm.Log[] memory told = _told();

            emit IParticipantRegistry.PrincipalAppointed(those[i].id, heir.account, those[i].principal.account);
            _assertTold(told);
            state.principal = heir.account;
            _assertParticipant(those[i].id, state);
        }
    }

    /// The power over operators moves; being an operator does not.
    function test_appointPrincipal__then_operators__only_the_new_one_decides() public {
        _appoint(hospital, heir.account);
        vm.assertEq(participants.participantOf(heir.account), 0);
        vm.assertEq(participants.participantOf(hospital.principal.account), hospital.id);

        _expectNotPrincipal(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        vm.startPrank(heir.account);
        participants.removeOperator(hospital.id, hospital.principal.account);
        participants.addOperator(hospital.id, heir.account, NOW, "");
        vm.stopPrank();
        vm.assertEq(participants.participantOf(hospital.principal.account), 0);
        vm.assertEq(participants.participantOf(heir.account), hospital.id);
    }

    function test_appointPrincipal__by_vote__takes_the_delay() public {
        _voteLate(
            address(participants), abi.encodeCall(IParticipantRegistry.appointPrincipal, (hospital.id, heir.account))
        );
        vm.assertEq(participants.participant(hospital.id).principal, heir.account);
    }

    function test_appointPrincipal__not_by_the_council__is_refused() public {
        address[3] memory callers = [stranger.account, members[0].account, hospital.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotCouncil(callers[i]);
            participants.appointPrincipal(hospital.id, heir.account);
        }
    }

    function test_appointPrincipal__nobody_or_the_same__is_refused() public {
        address[2] memory invalid = [address(0), hospital.principal.account];
        for (uint256 i = 0; i < invalid.length; ++i) {
            _asCouncil();
            vm.expectRevert(
                abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidPrincipal.selector, invalid[i])
            );
            participants.appointPrincipal(hospital.id, invalid[i]);
        }
    }

    function test_appointPrincipal__unknown_or_expelled__is_refused() public {
        _asCouncil();
        _expectWrongStatus("unknown", ParticipantStatus.NONE, ParticipantStatus.ACTIVE);
        participants.appointPrincipal("unknown", heir.account);
        _expelNow(hospital);
        _asCouncil();
        _expectWrongStatus(hospital.id, ParticipantStatus.EXPELLED, ParticipantStatus.ACTIVE);
        participants.appointPrincipal(hospital.id, heir.account);
    }

    function _appoint(Institution memory member, address principal) private {
        _asCouncil();
        participants.appointPrincipal(member.id, principal);
    }

    function _expectNotPrincipal(address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotPrincipal.selector, hospital.id, caller)
        );
    }
}
