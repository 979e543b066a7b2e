// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ParticipantRegistry} from "../../../contracts/ParticipantRegistry.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {
    Application,
    IParticipantRegistry,
    Participant,
    ParticipantKeys
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantStatus, Standing} from "../../../contracts/types/Participant.sol";
import {Vm, vm} from "../Vm.sol";
import {ParticipantTest} from "./ParticipantTest.sol";

contract ApplyTest is ParticipantTest {
    function test_registry__without_council__is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryNotCouncil.selector, address(0)));
        new ParticipantRegistry(ICouncil(address(0)));
        vm.assertEq(address(participants.council()), address(council));
    }

    function test_applyToJoin__by_anybody__waits_for_admission() public {
        Application memory application = _application();
        bytes32 expected = _idOf(stranger.account, application.salt);
        vm.recordLogs();
        vm.prank(stranger.account);
        bytes32 id = participants.applyToJoin(application);
        Vm.Log[] memory told = _told();

        emit IParticipantRegistry.ParticipantApplied(id, stranger.account, 9, "papers");
        emit IParticipantRegistry.ParticipantKeysSet(id, "key", "x", "y", address(7));
        emit IParticipantRegistry.OperatorAdded(id, stranger.account);
        _assertTold(told);
        vm.assertEq(id, expected);
        Participant memory state;
        state.status = ParticipantStatus.APPLIED;
        state.kind = 9;
        state.principal = stranger.account;
        state.accreditation = "papers";
        state.keys = application.keys;
        _assertParticipant(id, state);
    }

    /// An applicant is known as an operator, and that is all.
    function test_applyToJoin__not_admitted__has_no_rights() public view {
        (bytes32 id, Standing memory standing, uint32 left) = participants.callerOf(applicant.principal.account);
        vm.assertEq(id, applicant.id);
        vm.assertEq(participants.participantOf(applicant.principal.account), applicant.id);
        vm.assertEq(standing.status, ParticipantStatus.APPLIED);
        vm.assertTrue(standing.roles == 0 && standing.accreditedUntil == 0 && left == 0);
        vm.assertFalse(participants.hasRole(applicant.id, type(uint16).max));
        vm.assertEq(participants.actingFor(applicant.principal.account, type(uint16).max), 0);
    }

    function test_applyToJoin__every_kind__is_taken() public {
        for (uint8 kind = 1; kind <= 9; ++kind) {
            Application memory application = _application();
            application.kind = kind;
            vm.prank(address(uint160(9000 + kind)));
            bytes32 id = participants.applyToJoin(application);
            vm.assertEq(participants.participant(id).kind, kind);
        }
    }

    function test_applyToJoin__unknown_kind__is_refused() public {
        uint8[3] memory kinds = [uint8(0), 10, 255];
        for (uint256 i = 0; i < kinds.length; ++i) {
            Application memory application = _application();
            application.kind = kinds[i];
            vm.expectRevert(
                abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidKind.selector, kinds[i])
            );
            participants.applyToJoin(application);
        }
    }

    function test_applyToJoin__without_encryption_key__is_refused() public {
        Application memory application = _application();
        application.keys.encryptionKey = 0;
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryInvalidKeys.selector));
        participants.applyToJoin(application);
    }

    function test_applyToJoin__again__is_refused_in_any_status() public {
        Application memory application = _application();
        vm.startPrank(stranger.account);
        bytes32 id = participants.applyToJoin(application);
        _expectKnown(id);
        participants.applyToJoin(application);
        vm.stopPrank();

        _asCouncil();
        participants.expel(id);
        vm.prank(stranger.account);
        _expectKnown(id);
        participants.applyToJoin(application);
    }

    /// An account acts for one participant in its life.
    function test_applyToJoin__by_an_operator__is_refused() public {
        vm.prank(hospital.second.account);
        _expectTaken(hospital.second.account, hospital.id);
        participants.applyToJoin(_application());

        vm.prank(hospital.principal.account);
        participants.removeOperator(hospital.id, hospital.second.account);
        vm.prank(hospital.second.account);
        _expectTaken(hospital.second.account, bytes32(uint256(1)));
        participants.applyToJoin(_application());
    }

    /// Nobody can take the id of another account, nor one of another chain.
    function testFuzz_idOf__of_applicant_salt_and_chain__is_theirs(address account, bytes32 salt) public {
        bytes32 id = participants.idOf(account, salt);
        vm.assertEq(id, _idOf(account, salt));
        vm.assertTrue(id != participants.idOf(address(uint160(account) ^ 1), salt));
        vm.assertTrue(id != participants.idOf(account, salt ^ bytes32(uint256(1))));
        vm.chainId(vm.getChainId() + 1);
        vm.assertTrue(id != participants.idOf(account, salt));
    }

    function _application() private pure returns (Application memory) {
        return Application(9, "papers", ParticipantKeys("key", "x", "y", address(7)), "salt");
    }

    function _idOf(address account, bytes32 salt) private view returns (bytes32) {
        return keccak256(abi.encode(keccak256("salus.participant.v1"), vm.getChainId(), account, salt));
    }

    function _expectKnown(bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.ParticipantRegistryKnown.selector, id));
    }
}
