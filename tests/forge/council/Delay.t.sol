// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "../../../contracts/Council.sol";
import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {
    AdmissionTerms,
    IParticipantRegistry,
    ParticipantKeys
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest, Target} from "./CouncilTest.sol";

/// @notice Which calls of an executed proposal wait, from when, for how long, and when a proposal is void.
contract DelayTest is CouncilTest {
    /* DELAY CLASS */

    function test_execute__delay_class__waits_to_the_last_second() public {
        Call[] memory delayed = new Call[](8);
        delayed[0] = _own(abi.encodeCall(Council.addMember, (stranger.account)));
        delayed[1] = _own(abi.encodeCall(Council.removeMember, (members[4].account)));
        delayed[2] = _own(abi.encodeCall(Council.setThreshold, (2)));
        delayed[3] = _own(abi.encodeCall(Council.setDelay, (1 days)));
        delayed[4] = _own(abi.encodeCall(Council.install, (Directory.ACCESS_GATEWAY, address(target))));
        delayed[5] = Call(address(participants), _renewal("any"));
        delayed[6] =
            Call(address(participants), abi.encodeCall(IParticipantRegistry.appointPrincipal, ("any", address(1))));
        delayed[7] =
            Call(address(participants), abi.encodeCall(IParticipantRegistry.addOperator, ("any", address(1), 0, "")));
        for (uint256 i = 0; i < delayed.length; ++i) {
            uint256 before = vm.snapshotState();
            _assertDelayed(delayed[i], i < 5);
            vm.revertToState(before);
        }
    }

    function test_execute__outside_the_delay_class__is_at_once() public {
        Call[] memory calls = new Call[](3);
        calls[0] = _own(abi.encodeCall(Council.install, ("new role", address(target))));
        calls[1] = _note(1)[0];
        // The data of a delayed verb, at another target.
        calls[2] = Call(address(target), abi.encodeCall(Target.note, (uint256(uint160(address(log))))));
        _passed(calls);
        _execute(0, calls);

        vm.assertEq(council.contractOf("new role"), address(target));
        vm.assertEq(target.count(), 2);
    }

    function test_execute__other_verbs_of_the_participants__are_not_delayed() public {
        bytes[3] memory undelayed = [
            abi.encodeCall(IParticipantRegistry.suspend, ("unknown")),
            abi.encodePacked(bytes3(IParticipantRegistry.renew.selector)),
            bytes("")
        ];
        bytes4 wrongStatus = IParticipantRegistry.ParticipantRegistryWrongStatus.selector;
        bytes[3] memory answers = [abi.encodeWithSelector(wrongStatus, bytes32("unknown"), 0, 2), bytes(""), bytes("")];
        for (uint256 i = 0; i < undelayed.length; ++i) {
            Call[] memory calls = _calls(address(participants), undelayed[i]);
            bytes32 id = _passed(calls);
            _expectCallFailed(id, 0, answers[i]);
            council.execute(calls, SALT);
        }
    }

    /// The bare selector is enough to be delayed.
    function test_execute__bare_selectors_of_delayed_verbs__are_delayed() public {
        bytes4[3] memory verbs = [
            IParticipantRegistry.renew.selector,
            IParticipantRegistry.appointPrincipal.selector,
            IParticipantRegistry.addOperator.selector
        ];
        for (uint256 i = 0; i < verbs.length; ++i) {
            Call[] memory calls = _calls(address(participants), abi.encodePacked(verbs[i]));
            bytes32 id = _passed(calls);
            _expectDelayed(id, NOW + COUNCIL_DELAY);
            council.execute(calls, SALT);
        }
    }

    /// 36 bytes name a role; with fewer, or another selector, a call is no first filling.
    function test_execute__installation_cut_short__is_delayed_below_36_bytes() public {
        bytes memory whole = abi.encodeCall(Council.install, ("new role", address(target)));
        bytes memory named = new bytes(36);
        bytes memory shorter = new bytes(35);
        for (uint256 i = 0; i < 36; ++i) {
            named[i] = whole[i];
            if (i < 35) shorter[i] = whole[i];
        }
        Call[] memory calls = _calls(address(council), named);
        bytes32 id = _passed(calls);
        _expectCallFailed(id, 0, "");
        council.execute(calls, SALT);

        calls = _calls(address(council), shorter);
        id = _passed(calls);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
        calls = _calls(address(council), abi.encodePacked(Council.setDelay.selector, bytes32(uint256(1))));
        id = _passed(calls);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
    }

    /// Judged call by call: the first fills the role that the second replaces.
    function test_execute__role_filled_by_an_earlier_call__is_delayed() public {
        Call[] memory calls = new Call[](2);
        calls[0] = _own(abi.encodeCall(Council.install, ("new role", address(target))));
        calls[1] = _own(abi.encodeCall(Council.install, ("new role", address(log))));
        bytes32 id = _passed(calls);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
        vm.assertEq(council.contractOf("new role"), address(0));
    }

    /// The delay that stands when execution begins counts, not the one the proposal sets.
    function test_execute__delay_shortened_by_an_earlier_call__still_waits() public {
        Call[] memory calls = new Call[](2);
        calls[0] = _own(abi.encodeCall(Council.setDelay, (0)));
        calls[1] = _own(abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _passed(calls);
        _skip(COUNCIL_DELAY - 1);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
    }

    /// What was proposed under a long delay keeps it, whatever is decided meanwhile.
    function test_execute__delay_shortened_after_the_proposal__still_waits() public {
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _passed(calls);
        _set(abi.encodeCall(Council.setDelay, (0)));
        _skip(COUNCIL_DELAY - 1);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
        _skip(1);
        _execute(0, calls);
    }

    function test_execute__delay_lengthened_after_the_proposal__waits_longer() public {
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _passed(calls);
        _set(abi.encodeCall(Council.setDelay, (90 days)));
        _skip(90 days - 1);
        _expectDelayed(id, NOW + 90 days);
        council.execute(calls, SALT);
        _skip(1);
        _execute(0, calls);
    }

    /// The longest delay fits what is stored with a proposal.
    function test_execute__proposed_under_ninety_days__waits_ninety_days() public {
        _set(abi.encodeCall(Council.setDelay, (90 days)));
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _passed(calls);
        _set(abi.encodeCall(Council.setDelay, (1)));
        _skip(90 days - 1);
        _expectDelayed(id, NOW + 90 days);
        council.execute(calls, SALT);
    }

    /// To the last second of thirty days after it could be executed, the delay included, whatever it calls.
    function test_execute__thirty_days_after_the_delay__is_void() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        uint64 last = NOW + COUNCIL_DELAY + 30 days;
        vm.warp(last + 1);
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilExpired.selector, id, last));
        council.execute(calls, SALT);
        vm.warp(last);
        _execute(0, calls);
        vm.assertEq(target.count(), 1);
    }

    /// A void proposal does not come back when one voter leaves and another one votes.
    function test_approve__void_for_a_year__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _skip(365 days);
        _remove(2);
        _expectOver(id);
        vm.prank(members[3].account);
        council.approve(id);
    }

    /// Votes are given in the first thirty days, to the last second: no vote completes an old proposal.
    function test_approve__thirty_days_after_the_proposal__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _skip(30 days);
        _approve(1, id);
        _skip(1);
        _expectOver(id);
        vm.prank(members[2].account);
        council.approve(id);
    }

    /// Votes that a lower threshold makes enough are as old as all others.
    function test_execute__enough_by_a_lower_threshold_after_thirty_days__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _propose(0, calls);
        _approve(1, id);
        _skip(30 days + 1);
        _set(abi.encodeCall(Council.setThreshold, (2)));
        _expectOver(id);
        vm.prank(members[0].account);
        council.execute(calls, SALT);
    }

    function _expectOver(bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilExpired.selector, id, NOW + 30 days));
    }

    function test_execute__without_a_delay__is_at_once() public {
        _set(abi.encodeCall(Council.setDelay, (0)));
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        _passed(calls);
        _execute(0, calls);
        vm.assertTrue(council.isMember(stranger.account));
    }

    /* THRESHOLD LOWERED MEANWHILE */

    function test_execute__threshold_fell_to_the_votes__reaches_and_executes() public {
        Call[] memory calls = _note(1);
        bytes32 id = _propose(0, calls);
        _approve(1, id);
        _setThreshold(2);
        _skip(9);
        vm.recordLogs();
        _execute(2, calls);
        Vm.Log[] memory told = _told();

        emit ICouncil.ThresholdReached(id, NOW + 9);
        emit ICouncil.Executed(id, members[2].account);
        _assertTold(told);
        _assertProposal(id, EXECUTED, 2, NOW + 9);
    }

    /// Trying to execute starts no delay; a vote does.
    function test_execute__threshold_fell_to_the_votes__delayed_calls_wait_from_a_vote() public {
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _propose(0, calls);
        _approve(1, id);
        _setThreshold(2);
        _skip(9);
        _expectDelayed(id, NOW + 9 + COUNCIL_DELAY);
        council.execute(calls, SALT);
        _assertProposal(id, OPEN, 2, 0);

        _skip(1);
        _approve(1, id);
        _skip(COUNCIL_DELAY);
        _execute(0, calls);
        vm.assertTrue(council.isMember(stranger.account));
    }

    /// Votes that became enough by a lower threshold count from then, also if they had been enough before.
    function test_execute__threshold_lowered_after_it_was_reached__waits_from_then() public {
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        bytes32 id = _passed(calls);
        _skip(COUNCIL_DELAY - 1);
        _setThreshold(2);
        uint64 from = NOW + COUNCIL_DELAY - 1 + COUNCIL_DELAY;
        _skip(1);
        _expectDelayed(id, from);
        council.execute(calls, SALT);
        vm.warp(from);
        _execute(0, calls);
    }

    /// A raised threshold that the votes meet already does not start the delay again.
    function test_execute__threshold_raised__does_not_move_a_reached_delay() public {
        Call[] memory calls = _calls(address(council), abi.encodeCall(Council.addMember, (stranger.account)));
        _passed(calls);
        _approve(3, _idOf(calls, SALT));
        _skip(COUNCIL_DELAY - 1);
        _setThreshold(4);
        _skip(1);
        _execute(0, calls);
        vm.assertTrue(council.isMember(stranger.account));
    }

    /// What is still alive in the last second of its own time lives on with a lower threshold or a longer delay; what is void
    /// in the next one stays void.
    function test_execute__setting_changed_at_the_end__keeps_the_living_and_not_the_void() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        uint64 last = NOW + COUNCIL_DELAY + 30 days;
        bytes[2] memory changes =
            [abi.encodeCall(Council.setThreshold, (2)), abi.encodeCall(Council.setDelay, (COUNCIL_DELAY + 9))];
        for (uint256 i = 0; i < changes.length; ++i) {
            uint256 before = vm.snapshotState();
            vm.warp(last);
            _set(changes[i]);
            _skip(9);
            _execute(0, calls);
            vm.assertEq(target.count(), 1);
            vm.revertToState(before);

            vm.warp(last + 1);
            _set(changes[i]);
            vm.prank(members[0].account);
            vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilExpired.selector, id, last));
            council.execute(calls, SALT);
            vm.revertToState(before);
        }
    }

    /// A higher threshold and a shorter delay let nothing live longer, and end nothing.
    function test_execute__setting_changed_the_other_way__ends_nothing() public {
        Call[] memory calls = _note(1);
        _passed(calls);
        _approve(3, _idOf(calls, SALT));
        vm.warp(NOW + COUNCIL_DELAY + 30 days);
        _setThreshold(4);
        _set(abi.encodeCall(Council.setDelay, (1)));
        _execute(0, calls);
        vm.assertEq(target.count(), 1);
    }

    /* PRIVATE */

    /// @dev Refused one second before the delay ends; carried out, or failing by itself, in the second it ends.
    function _assertDelayed(Call memory call, bool succeeds) private {
        Call[] memory calls = new Call[](1);
        calls[0] = call;
        bytes32 id = _passed(calls);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
        _skip(COUNCIL_DELAY - 1);
        _expectDelayed(id, NOW + COUNCIL_DELAY);
        council.execute(calls, SALT);
        _skip(1);
        if (!succeeds) {
            vm.prank(members[0].account);
            vm.expectPartialRevert(ICouncil.CouncilCallFailed.selector);
        } else {
            vm.prank(members[0].account);
        }
        council.execute(calls, SALT);
    }

    function _own(bytes memory callData) private view returns (Call memory) {
        return Call(address(council), callData);
    }

    function _renewal(bytes32 participantId) private pure returns (bytes memory) {
        AdmissionTerms memory terms;
        ParticipantKeys memory keys;
        return abi.encodeCall(IParticipantRegistry.renew, (participantId, terms, 0, keys));
    }
}
