// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Binding} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {Actor} from "../base/Actors.sol";
import {Wallet} from "../base/Forgeries.sol";
import {SubjectTest} from "./SubjectTest.sol";

contract BindTest is SubjectTest {
    bytes32 internal made;

    function setUp() public override {
        super.setUp();
        made = _refOf(hospital, "bob");
    }

    function test_bind__by_the_source__is_the_patients() public {
        Binding memory binding = _binding(bob.account);
        bytes memory signature = _signed(bob, _hash(binding));
        _watch(made);
        vm.prank(hospital.second.account);
        subjects.bind(binding, _seedOf("bob"), signature);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.SubjectBound(made, hospital.id, bob.account);
        _entry(made, 20, 0, hospital.id);
        _assertTold(told);
        _assertChains();
        Subject memory expected;
        expected.sourceId = hospital.id;
        expected.controller = bob.account;
        _assertSubject(made, expected);
        vm.assertEq(subjects.controllerOf(made), bob.account);
        vm.assertEq(subjects.sourceOf(made), hospital.id);
    }

    /// The seed is asked for once.
    function test_bind__registered_before__needs_no_seed() public {
        _registered("bob");
        _send(_binding(bob.account), 0, bob);
        vm.assertEq(subjects.controllerOf(made), bob.account);
    }

    function test_bind__contract_account__by_its_owners_signature() public {
        address wallet = address(new Wallet(bob.account));
        Binding memory binding = _binding(wallet);
        _send(binding, _seedOf("bob"), bob);
        vm.assertEq(subjects.controllerOf(made), wallet);

        made = _refOf(hospital, "carol");
        binding = _binding(wallet);
        bytes memory signature = _signed(carol, _hash(binding));
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(made, wallet);
        subjects.bind(binding, _seedOf("carol"), signature);
    }

    function test_bind__claimed__is_refused() public {
        made = ref;
        address[2] memory controllers = [bob.account, alice.account];
        Actor[2] memory signers = [bob, alice];
        for (uint256 i = 0; i < 2; ++i) {
            Binding memory binding = _binding(controllers[i]);
            bytes memory signature = _signed(signers[i], _hash(binding));
            vm.prank(hospital.principal.account);
            vm.expectRevert(
                abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryClaimed.selector, ref, alice.account)
            );
            subjects.bind(binding, _seedOf("alice"), signature);
        }
    }

    function test_bind__not_by_an_operator_of_the_source__is_refused() public {
        Binding memory binding = _binding(bob.account);
        bytes memory signature = _signed(bob, _hash(binding));
        address[4] memory callers = [stranger.account, bob.account, clinic.principal.account, address(council)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            _expectNotSource(hospital.id, callers[i]);
            subjects.bind(binding, _seedOf("bob"), signature);
        }
    }

    function test_bind__subject_of_another_source__is_refused() public {
        Binding memory binding = _binding(bob.account);
        binding.sourceId = clinic.id;
        binding.subjectRef = ref;
        bytes memory signature = _signed(bob, _hash(binding));
        vm.prank(clinic.principal.account);
        _expectNotSource(hospital.id, clinic.principal.account);
        subjects.bind(binding, _seedOf("alice"), signature);
    }

    function test_bind__wrong_seed__is_refused() public {
        Binding memory binding = _binding(bob.account);
        bytes memory signature = _signed(bob, _hash(binding));
        bytes32 expected = _refOf(hospital, "other");
        vm.prank(hospital.principal.account);
        _expectWrongSeed(made, expected);
        subjects.bind(binding, _seedOf("other"), signature);
    }

    function test_bind__deadline__is_the_last_second() public {
        Binding memory binding = _binding(bob.account);
        bytes memory signature = _signed(bob, _hash(binding));
        vm.warp(binding.deadline + 1);
        vm.startPrank(hospital.principal.account);
        _expectDeadline(binding.deadline, binding.deadline + 1);
        subjects.bind(binding, _seedOf("bob"), signature);
        vm.warp(binding.deadline);
        subjects.bind(binding, _seedOf("bob"), signature);
        vm.stopPrank();
    }

    function test_bind__forged_signature__is_refused() public {
        Binding memory binding = _binding(bob.account);
        bytes[] memory forged = _forgeries(bob, _hash(binding));
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(made, bob.account);
            subjects.bind(binding, _seedOf("bob"), forged[i]);
        }
    }

    function test_bind__any_field_other_than_signed__is_refused() public {
        Binding memory binding = _binding(bob.account);
        bytes memory signature = _signed(bob, _hash(binding));
        ++binding.deadline;
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(made, bob.account);
        subjects.bind(binding, _seedOf("bob"), signature);

        --binding.deadline;
        binding.subjectRef = _refOf(hospital, "other");
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(binding.subjectRef, bob.account);
        subjects.bind(binding, _seedOf("other"), signature);

        binding.sourceId = clinic.id;
        binding.subjectRef = _refOf(clinic, "bob");
        vm.prank(clinic.principal.account);
        _expectInvalidSignature(binding.subjectRef, bob.account);
        subjects.bind(binding, _seedOf("bob"), signature);
    }

    function test_bind__empty_signature__stands_for_the_sender_only() public {
        Binding memory binding = _binding(bob.account);
        vm.prank(hospital.principal.account);
        _expectInvalidSignature(made, bob.account);
        subjects.bind(binding, _seedOf("bob"), "");

        binding.controller = hospital.principal.account;
        vm.prank(hospital.principal.account);
        subjects.bind(binding, _seedOf("bob"), "");
        vm.assertEq(subjects.controllerOf(made), hospital.principal.account);
    }

    function test_bind__to_nobody__is_refused() public {
        Binding memory binding = _binding(address(0));
        bytes[2] memory signatures = [bytes(""), new bytes(65)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(hospital.principal.account);
            _expectInvalidSignature(made, address(0));
            subjects.bind(binding, _seedOf("bob"), signatures[i]);
        }
    }

    function _binding(address controller) private view returns (Binding memory) {
        return Binding(made, hospital.id, controller, _time() + 1 hours);
    }

    function _send(Binding memory binding, bytes32 seed, Actor memory signer) private {
        bytes memory signature = _signed(signer, _hash(binding));
        vm.prank(hospital.principal.account);
        subjects.bind(binding, seed, signature);
    }

    function _hash(Binding memory value) private pure returns (bytes32) {
        bytes32 typeHash = keccak256("Binding(bytes32 subjectRef,bytes32 sourceId,address controller,uint64 deadline)");
        return keccak256(abi.encode(typeHash, value));
    }
}
