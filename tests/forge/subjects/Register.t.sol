// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SubjectRegistry} from "../../../contracts/SubjectRegistry.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Entries} from "../../../contracts/types/Entries.sol";
import {Vm, vm} from "../Vm.sol";
import {SubjectTest} from "./SubjectTest.sol";

contract RegisterTest is SubjectTest {
    function test_registry__without_one_of_its_contracts__is_refused() public {
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryZeroAddress.selector));
            new SubjectRegistry(
                ICouncil(i == 0 ? address(0) : address(council)),
                IParticipantRegistry(i == 1 ? address(0) : address(participants)),
                IAuditLog(i == 2 ? address(0) : address(log)),
                1
            );
        }
        vm.assertEq(address(subjects.council()), address(council));
        vm.assertEq(address(subjects.participants()), address(participants));
        vm.assertEq(address(subjects.log()), address(log));
        vm.assertEq(subjects.recoveryDelaySeconds(), RECOVERY_DELAY);
    }

    function test_register__by_the_source__is_known_and_unclaimed() public {
        bytes32 made = _refOf(hospital, "new");
        _watch(made);
        vm.prank(hospital.second.account);
        subjects.register(made, hospital.id, _seedOf("new"));
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectRegistered(made, hospital.id);
        _entry(made, 33, 0, hospital.id);
        _assertTold(told);
        _assertChains();
        Subject memory expected;
        expected.sourceId = hospital.id;
        _assertSubject(made, expected);
        vm.assertEq(subjects.sourceOf(made), hospital.id);
        vm.assertEq(subjects.controllerOf(made), address(0));
        vm.assertEq(subjects.survivorOf(made), made);
    }

    function test_register__not_by_an_operator_of_the_source__is_refused() public {
        bytes32 made = _refOf(hospital, "new");
        address[4] memory callers =
            [stranger.account, clinic.principal.account, institute.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.register(made, hospital.id, _seedOf("new"));
        }
    }

    /// Who acts for nobody is not the source of a subject of nobody.
    function test_register__source_zero_by_a_stranger__is_refused() public {
        bytes32 made = subjects.idOf(0, "seed");
        vm.prank(stranger.account);
        _expectNotSource(0, stranger.account);
        subjects.register(made, 0, "seed");
    }

    function test_register__participant_that_is_no_source__is_refused() public {
        bytes32 made = subjects.idOf(institute.id, "seed");
        vm.prank(institute.principal.account);
        _expectNotSource(institute.id, institute.principal.account);
        subjects.register(made, institute.id, "seed");
    }

    function test_register__source_suspended_or_accreditation_over__is_refused() public {
        bytes32 made = _refOf(clinic, "new");
        _suspend(clinic);
        vm.prank(clinic.principal.account);
        _expectNotSource(clinic.id, clinic.principal.account);
        subjects.register(made, clinic.id, _seedOf("new"));

        made = _refOf(hospital, "new");
        vm.warp(ACCREDITED_UNTIL);
        vm.prank(hospital.principal.account);
        _expectNotSource(hospital.id, hospital.principal.account);
        subjects.register(made, hospital.id, _seedOf("new"));
        vm.warp(ACCREDITED_UNTIL - 1);
        vm.prank(hospital.principal.account);
        subjects.register(made, hospital.id, _seedOf("new"));
    }

    function test_register__known_already__is_refused() public {
        bytes32 made = _registered("new");
        vm.startPrank(hospital.principal.account);
        _expectUnchanged(made);
        subjects.register(made, hospital.id, _seedOf("new"));
        _expectUnchanged(ref);
        subjects.register(ref, hospital.id, _seedOf("alice"));
        vm.stopPrank();
    }

    function test_register__known_as_anothers__is_refused() public {
        vm.prank(clinic.principal.account);
        _expectNotSource(hospital.id, clinic.principal.account);
        subjects.register(ref, clinic.id, _seedOf("alice"));
    }

    function test_register__wrong_seed__is_refused() public {
        bytes32 made = _refOf(hospital, "new");
        bytes32 expected = _refOf(hospital, "other");
        vm.prank(hospital.principal.account);
        _expectWrongSeed(made, expected);
        subjects.register(made, hospital.id, _seedOf("other"));
    }

    /// Only the seed makes a reference, only for its source and only on its chain.
    function testFuzz_idOf__of_source_seed_and_chain__is_theirs(bytes32 sourceId, bytes32 seed) public {
        bytes32 made = subjects.idOf(sourceId, seed);
        vm.assertEq(made, keccak256(abi.encode(keccak256("salus.subject.v1"), vm.getChainId(), sourceId, seed)));
        vm.assertTrue(made != subjects.idOf(sourceId ^ bytes32(uint256(1)), seed));
        vm.assertTrue(made != subjects.idOf(sourceId, seed ^ bytes32(uint256(1))));
        vm.chainId(vm.getChainId() + 1);
        vm.assertTrue(made != subjects.idOf(sourceId, seed));
    }

    /// The kinds of entries as the protocol numbers them.
    function test_entries__of_subjects__are_those_of_the_protocol() public pure {
        uint8[14] memory kinds = [
            Entries.SUBJECT_BOUND,
            Entries.CONTROLLER_ROTATED,
            Entries.GUARDIAN_APPOINTED,
            Entries.RECOVERY_STARTED,
            Entries.CONTROLLER_RECOVERED,
            Entries.RECOVERY_VETOED,
            Entries.SUBJECT_FROZEN,
            Entries.SUBJECT_UNFROZEN,
            Entries.DENIAL_SET,
            Entries.SUBJECT_LINKED,
            Entries.SUBJECT_UNLINKED,
            Entries.RETENTION_SET,
            Entries.HOLD_SET,
            Entries.SUBJECT_REGISTERED
        ];
        for (uint256 i = 0; i < kinds.length; ++i) {
            vm.assertEq(kinds[i], 20 + i);
        }
    }
}
