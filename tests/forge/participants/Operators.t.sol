// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor, actor, sign} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

/// @notice addOperator and removeOperator.
contract OperatorsTest is ParticipantTest {
    bytes32 private constant RETIRED = bytes32(uint256(1));
    Actor internal nurse = actor("Nurse");

    /* ADDING */

    function test_addOperator__by_principal__acts_for_the_participant() public {
        bytes memory acceptance = _acceptance(nurse, NOW);
        vm.recordLogs();
        vm.prank(hospital.principal.account);
        participants.addOperator(hospital.id, nurse.account, NOW, acceptance);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.OperatorAdded(hospital.id, nurse.account);
        _assertTold(told);
        vm.assertEq(participants.participantOf(nurse.account), hospital.id);
    }

    function test_addOperator__by_the_council__acts_for_the_participant() public {
        bytes memory acceptance = _acceptance(nurse, NOW);
        _asCouncil();
        participants.addOperator(hospital.id, nurse.account, NOW, acceptance);
        vm.assertEq(participants.participantOf(nurse.account), hospital.id);
    }

    function test_addOperator__applied_or_suspended__is_added() public {
        Actor memory other = actor("Other nurse");
        _suspendNow(hospital);
        bytes memory acceptance = _acceptance(nurse, NOW);
        vm.prank(hospital.principal.account);
        participants.addOperator(hospital.id, nurse.account, NOW, acceptance);
        acceptance = sign(other, _acceptanceDigest(applicant.id, other.account, NOW));
        vm.prank(applicant.principal.account);
        participants.addOperator(applicant.id, other.account, NOW, acceptance);

        vm.assertEq(participants.participantOf(nurse.account), hospital.id);
        vm.assertEq(participants.participantOf(other.account), applicant.id);
    }

    function test_addOperator__contract_account__accepts_by_its_owner() public {
        address wallet = address(new Wallet(nurse.account));
        bytes memory acceptance = sign(nurse, _acceptanceDigest(hospital.id, wallet, NOW));
        vm.startPrank(hospital.principal.account);
        participants.addOperator(hospital.id, wallet, NOW, acceptance);
        vm.assertEq(participants.participantOf(wallet), hospital.id);

        address other = address(new Wallet(stranger.account));
        acceptance = sign(nurse, _acceptanceDigest(hospital.id, other, NOW));
        _expectInvalidSignature(other);
        participants.addOperator(hospital.id, other, NOW, acceptance);
        vm.stopPrank();
    }

    function test_addOperator__neither_principal_nor_council__is_refused() public {
        bytes memory acceptance = _acceptance(nurse, NOW);
        address[4] memory callers = [stranger.account, nurse.account, hospital.second.account, clinic.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotPrincipal(hospital.id, callers[i]);
            participants.addOperator(hospital.id, nurse.account, NOW, acceptance);
        }
    }

    function test_addOperator__unknown_or_expelled__is_refused() public {
        _expelNow(hospital);
        bytes memory acceptance = _acceptance(nurse, NOW);
        vm.prank(hospital.principal.account);
        _expectWrongStatus(hospital.id, ParticipantStatus.EXPELLED, ParticipantStatus.ACTIVE);
        participants.addOperator(hospital.id, nurse.account, NOW, acceptance);
        _asCouncil();
        _expectWrongStatus("unknown", ParticipantStatus.NONE, ParticipantStatus.ACTIVE);
        participants.addOperator("unknown", nurse.account, NOW, acceptance);
    }

    function test_addOperator__deadline__is_the_last_second() public {
        bytes memory acceptance = _acceptance(nurse, NOW + 60);
        _skip(61);
        vm.startPrank(hospital.principal.account);
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryDeadlinePassed.selector, NOW + 60, NOW + 61)
        );
        participants.addOperator(hospital.id, nurse.account, NOW + 60, acceptance);
        vm.warp(NOW + 60);
        participants.addOperator(hospital.id, nurse.account, NOW + 60, acceptance);
        vm.stopPrank();
    }

    function test_addOperator__forged_acceptance__is_refused() public {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("OperatorAcceptance(bytes32 participantId,address operator,uint64 deadline)"),
                hospital.id,
                nurse.account,
                NOW
            )
        );
        bytes[] memory forged = _forgeries(nurse, address(participants), "Salus ParticipantRegistry", structHash);
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(nurse.account);
            participants.addOperator(hospital.id, nurse.account, NOW, forged[i]);
        }
    }

    /// The acceptance names participant, account and deadline.
    function test_addOperator__acceptance_of_something_else__is_refused() public {
        bytes[3] memory others = [
            sign(nurse, _acceptanceDigest(clinic.id, nurse.account, NOW)),
            sign(nurse, _acceptanceDigest(hospital.id, stranger.account, NOW)),
            sign(nurse, _acceptanceDigest(hospital.id, nurse.account, NOW + 1))
        ];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(nurse.account);
            participants.addOperator(hospital.id, nurse.account, NOW, others[i]);
        }
    }

    function test_addOperator__empty_signature__stands_for_the_sender_only() public {
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(nurse.account);
        participants.addOperator(hospital.id, nurse.account, NOW, "");
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(address(0));
        participants.addOperator(hospital.id, address(0), NOW, "");
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(address(0));
        participants.addOperator(hospital.id, address(0), NOW, new bytes(65));
    }

    /// An account is operator of one participant in its life.
    function test_addOperator__taken_or_retired__is_refused() public {
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        Actor[3] memory those = [hospital.principal, clinic.second, hospital.second];
        bytes32[3] memory by = [hospital.id, clinic.id, RETIRED];
        for (uint256 i = 0; i < those.length; ++i) {
            bytes memory acceptance = _acceptance(those[i], NOW);
            vm.prank(hospital.principal.account);
            _expectTaken(those[i].account, by[i]);
            participants.addOperator(hospital.id, those[i].account, NOW, acceptance);
        }
    }

    /// After a fork of the chain a signature is good on one side only.
    function test_addOperator__chain_id_changed__needs_a_new_signature() public {
        bytes memory before = _acceptance(nurse, NOW);
        bytes32 separator = participants.domainSeparator();
        vm.chainId(vm.getChainId() + 1);
        vm.assertTrue(participants.domainSeparator() != separator);
        vm.startPrank(hospital.principal.account);
        _expectInvalidSignature(nurse.account);
        participants.addOperator(hospital.id, nurse.account, NOW, before);
        participants.addOperator(hospital.id, nurse.account, NOW, _acceptance(nurse, NOW));
        vm.stopPrank();
        vm.assertEq(participants.participantOf(nurse.account), hospital.id);
    }

    /* REMOVING */

    function test_removeOperator__by_principal__acts_for_nobody() public {
        vm.recordLogs();
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.OperatorRemoved(hospital.id, hospital.second.account);
        _assertTold(told);
        vm.assertEq(participants.participantOf(hospital.second.account), 0);
        vm.assertEq(participants.actingFor(hospital.second.account, hospital.roles), 0);
        (bytes32 id,, uint32 left) = participants.callerOf(hospital.second.account);
        vm.assertEq(id, 0);
        vm.assertEq(left, 0);
        vm.assertEq(participants.participantOf(hospital.principal.account), hospital.id);
    }

    function test_removeOperator__by_the_council_or_of_itself__is_removed() public {
        _asCouncil();
        participants.removeOperator(hospital.id, hospital.second.account);
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.principal.account);

        vm.assertEq(participants.participantOf(hospital.second.account), 0);
        vm.assertEq(participants.participantOf(hospital.principal.account), 0);
        // It stays the principal: who may add operators is not who acts.
        vm.assertEq(participants.participant(hospital.id).principal, hospital.principal.account);
    }

    function test_removeOperator__expelled__is_removed() public {
        _expelNow(hospital);
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        vm.assertEq(participants.participantOf(hospital.second.account), 0);
    }

    function test_removeOperator__neither_principal_nor_council__is_refused() public {
        address[3] memory callers = [stranger.account, hospital.second.account, clinic.principal.account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotPrincipal(hospital.id, callers[i]);
            participants.removeOperator(hospital.id, hospital.second.account);
        }
    }

    function test_removeOperator__of_another_or_of_nobody__is_refused() public {
        address[2] memory accounts = [clinic.second.account, stranger.account];
        for (uint256 i = 0; i < accounts.length; ++i) {
            _expectNotOperator(accounts[i]);
            participants.removeOperator(hospital.id, accounts[i]);
        }
    }

    /// 0 is no participant and 1 is where removed operators are: neither has an operator to lose.
    function test_removeOperator__of_participant_zero_or_one__is_refused() public {
        for (uint256 id = 0; id < 2; ++id) {
            vm.prank(address(council));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IParticipantRegistry.ParticipantRegistryNotOperator.selector, stranger.account, bytes32(id)
                )
            );
            participants.removeOperator(bytes32(id), stranger.account);
        }
    }

    function test_removeOperator__twice__is_refused() public {
        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        _expectNotOperator(hospital.second.account);
        participants.removeOperator(hospital.id, hospital.second.account);
    }

    function _acceptance(Actor memory operator, uint64 deadline) private view returns (bytes memory) {
        return sign(operator, _acceptanceDigest(hospital.id, operator.account, deadline));
    }

    function _expectNotPrincipal(bytes32 id, address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotPrincipal.selector, id, caller)
        );
    }

    function _expectNotOperator(address account) private {
        vm.prank(hospital.principal.account);
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotOperator.selector, account, hospital.id)
        );
    }

    function _expectInvalidSignature(address signer) private {
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidSignature.selector, signer)
        );
    }
}
