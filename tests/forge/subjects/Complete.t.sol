// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Rotation, SubjectFreeze} from "../../../contracts/types/Subject.sol";
import {Vm, vm} from "../Vm.sol";
import {sign} from "../base/Actors.sol";
import {SubjectTest} from "./SubjectTest.sol";

/// @notice complete: how a pending change takes effect.
contract CompleteTest is SubjectTest {
    function test_complete__recovery__changes_hands() public {
        _appoint(ref, alice, guardian.account);
        _recover(ref, hospital, bob);
        Subject memory expected = subjects.subject(ref);
        _skip(RECOVERY_DELAY);
        _watch(ref);
        vm.prank(stranger.account);
        subjects.complete(ref);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.ControllerRecovered(ref, alice.account, bob.account, 1);
        _entry(ref, 24, 0, _word(bob.account));
        emit ISubjectRegistry.GuardianAppointed(ref, guardian.account, address(0));
        _entry(ref, 22, 0, 0);
        _assertTold(told);
        _assertChains();
        expected.controller = bob.account;
        expected.epoch = 1;
        expected.guardian = address(0);
        _assertSubject(ref, expected);
        _assertNothingPending(ref);
    }

    function test_complete__recovery_without_a_guardian__says_nothing_of_one() public {
        _recover(ref, hospital, bob);
        _skip(RECOVERY_DELAY);
        _watch(ref);
        vm.prank(stranger.account);
        subjects.complete(ref);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.ControllerRecovered(ref, alice.account, bob.account, 1);
        _entry(ref, 24, 0, _word(bob.account));
        _assertTold(told);
        _assertChains();
    }

    function test_complete__appointment__sets_the_guardian() public {
        _appoint(ref, alice, carol.account);
        _appointLate(ref, hospital, guardian.account);
        Subject memory expected = subjects.subject(ref);
        _skip(RECOVERY_DELAY);
        _watch(ref);
        vm.prank(stranger.account);
        subjects.complete(ref);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.GuardianAppointed(ref, carol.account, guardian.account);
        _entry(ref, 22, 0, _word(guardian.account));
        _assertTold(told);
        _assertChains();
        expected.guardian = guardian.account;
        _assertSubject(ref, expected);
        _assertNothingPending(ref);
    }

    function test_complete__one_second_early__is_refused() public {
        _recover(ref, hospital, bob);
        _skip(RECOVERY_DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISubjectRegistry.SubjectRegistryTooEarly.selector, ref, NOW + RECOVERY_DELAY, NOW + RECOVERY_DELAY - 1
            )
        );
        subjects.complete(ref);
        vm.assertEq(subjects.controllerOf(ref), alice.account);
    }

    /// A source that was stopped in the delay must not win by it.
    function test_complete__source_stopped_meanwhile__is_refused() public {
        _recover(ref, hospital, bob);
        _skip(RECOVERY_DELAY);
        uint256 before = vm.snapshotState();
        _suspend(hospital);
        vm.prank(stranger.account);
        _expectNotSource(hospital.id, stranger.account);
        subjects.complete(ref);

        vm.revertToState(before);
        vm.warp(ACCREDITED_UNTIL);
        vm.prank(stranger.account);
        _expectNotSource(hospital.id, stranger.account);
        subjects.complete(ref);
        vm.warp(ACCREDITED_UNTIL - 1);
        subjects.complete(ref);
        vm.assertEq(subjects.controllerOf(ref), bob.account);
    }

    function test_complete__started_by_the_council__does_not_need_the_source() public {
        Rotation memory rotation = _rotation(ref, bob);
        bytes memory signature = sign(bob, _digestOf(rotation));
        vm.prank(address(council));
        subjects.recover(rotation, signature);
        _suspend(hospital);
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);
        vm.assertEq(subjects.controllerOf(ref), bob.account);
    }

    function test_complete__nothing_pending__is_refused() public {
        _expectNothingPending(ref);
        subjects.complete(ref);
        _recover(ref, hospital, bob);
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);
        _expectNothingPending(ref);
        subjects.complete(ref);
        _expectNothingPending("unknown");
        subjects.complete("unknown");
    }

    /// What the lost account signed before is worth nothing after.
    function test_complete__signature_of_the_old_controller__is_void() public {
        _recover(ref, hospital, bob);
        SubjectFreeze memory freeze = SubjectFreeze(ref, alice.account, true, _nonce(ref), NOW + 30 days);
        bytes32 typeHash =
            keccak256("SubjectFreeze(bytes32 subjectRef,address by,bool frozen,uint64 nonce,uint64 deadline)");
        bytes memory signature = _signed(alice, keccak256(abi.encode(typeHash, freeze)));
        _skip(RECOVERY_DELAY);
        subjects.complete(ref);
        vm.expectRevert(
            abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryNotGuardian.selector, ref, alice.account)
        );
        subjects.freeze(freeze, signature);
    }

    /// At no second before the delay is over, at any after it.
    function testFuzz_complete__at_any_time__only_after_the_delay(uint32 waited) public {
        _recover(ref, hospital, bob);
        waited %= 10 days;
        _skip(waited);
        (bool success,) = address(subjects).call(abi.encodeCall(ISubjectRegistry.complete, (ref)));
        vm.assertEq(success ? 1 : 0, waited >= RECOVERY_DELAY ? 1 : 0);
        vm.assertEq(subjects.controllerOf(ref), success ? bob.account : alice.account);
    }
}
