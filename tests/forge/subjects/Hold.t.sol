// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISubjectRegistry, Subject} from "../../../contracts/interfaces/ISubjectRegistry.sol";
import {Vm, vm} from "../Vm.sol";
import {SubjectTest} from "./SubjectTest.sol";

contract HoldTest is SubjectTest {
    function test_hold__by_a_supervisor__is_set_and_lifted() public {
        _assertHold(regulator.second.account, true, regulator.id);
        _assertHold(regulator.principal.account, false, regulator.id);
    }

    function test_hold__by_the_council__is_set_and_lifted() public {
        _assertHold(address(council), true, 0);
        _assertHold(address(council), false, 0);
    }

    function test_hold__by_vote__is_at_once() public {
        _vote(address(subjects), abi.encodeCall(ISubjectRegistry.hold, (ref, true)));
        vm.assertTrue(subjects.isHeld(ref));
    }

    function test_hold__set_by_one_lifted_by_another__is_lifted() public {
        _hold(regulator.principal.account, true);
        _hold(address(council), false);
        vm.assertFalse(subjects.isHeld(ref));
    }

    function test_hold__by_anybody_else__is_refused() public {
        address[5] memory callers =
            [stranger.account, alice.account, hospital.principal.account, east.principal.account, members[0].account];
        for (uint256 i = 0; i < callers.length; ++i) {
            _expectNotSupervisor(callers[i]);
            subjects.hold(ref, true);
        }
    }

    function test_hold__by_a_suspended_supervisor__is_refused() public {
        _suspend(regulator);
        _expectNotSupervisor(regulator.principal.account);
        subjects.hold(ref, true);
    }

    function test_hold__accreditation_of_the_supervisor_over__is_refused() public {
        vm.warp(ACCREDITED_UNTIL - 1);
        _hold(regulator.principal.account, true);
        vm.warp(ACCREDITED_UNTIL);
        _expectNotSupervisor(regulator.principal.account);
        subjects.hold(ref, false);
    }

    /// A supervisor could write on any chain with it, a holder's too. The Council can hold what a source keeps back.
    function test_hold__unknown_subject__is_for_the_council_alone() public {
        bytes32 holder = _keyOf(bob);
        vm.prank(regulator.principal.account);
        _expectUnknown(holder);
        subjects.hold(holder, true);

        bytes32 kept = _refOf(hospital, "kept back");
        vm.prank(address(council));
        subjects.hold(kept, true);
        vm.assertTrue(subjects.isHeld(kept));
    }

    function test_hold__as_it_is__is_refused() public {
        vm.prank(regulator.principal.account);
        _expectUnchanged(ref);
        subjects.hold(ref, false);
        _hold(regulator.principal.account, true);
        vm.prank(address(council));
        _expectUnchanged(ref);
        subjects.hold(ref, true);
    }

    function _hold(address caller, bool held) private {
        vm.prank(caller);
        subjects.hold(ref, held);
    }

    function _assertHold(address caller, bool held, bytes32 by) private {
        Subject memory expected = subjects.subject(ref);
        _watch(ref);
        _hold(caller, held);
        Vm.Log[] memory told = _told();

        emit ISubjectRegistry.HoldSet(ref, held, by);
        _entry(ref, 32, held ? 1 : 0, by);
        _assertTold(told);
        _assertChains();
        expected.held = held;
        _assertSubject(ref, expected);
        vm.assertEq(subjects.isHeld(ref) ? 1 : 0, held ? 1 : 0);
    }

    function _expectNotSupervisor(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(ISubjectRegistry.SubjectRegistryNotSupervisor.selector, caller));
    }
}
