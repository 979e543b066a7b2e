// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest} from "./CouncilTest.sol";

contract CancelTest is CouncilTest {
    function test_cancel__by_proposer__ends_at_once() public {
        bytes32 id = _propose(0, _note(1));
        vm.recordLogs();
        _cancel(0, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.CancellationVoted(id, members[0].account);
        emit ICouncil.Cancelled(id);
        _assertTold(told);
        _assertProposal(id, CANCELLED, 1, 0);
    }

    function test_cancel__by_others__ends_at_the_threshold() public {
        bytes32 id = _passed(_note(1));
        vm.recordLogs();
        _cancel(1, id);
        _cancel(2, id);
        _assertProposal(id, OPEN, 3, NOW);
        _cancel(3, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.CancellationVoted(id, members[1].account);
        emit ICouncil.CancellationVoted(id, members[2].account);
        emit ICouncil.CancellationVoted(id, members[3].account);
        emit ICouncil.Cancelled(id);
        _assertTold(told);
        _assertProposal(id, CANCELLED, 3, NOW);
    }

    function test_cancel__threshold_passed__executes_no_more() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _cancel(0, id);

        vm.prank(members[0].account);
        _expectNotOpen(id, CANCELLED);
        council.execute(calls, SALT);
        vm.assertEq(target.count(), 0);
    }

    function test_cancel__by_stranger__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _expectNotMember(stranger.account);
        council.cancel(id);
    }

    function test_cancel__by_removed_proposer__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _remove(0);
        _expectNotMember(members[0].account);
        council.cancel(id);
    }

    /// Who was removed and came back has another seat, and is no proposer any more.
    function test_cancel__by_a_proposer_who_came_back__is_one_vote() public {
        bytes32 id = _propose(0, _note(1));
        _remove(0);
        _readmit(0);
        vm.prank(members[0].account);
        council.cancel(id);
        (uint8 state,,,) = council.proposalOf(id);
        vm.assertEq(state, 1);
    }

    function test_cancel__second_time__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _cancel(1, id);
        _expectVoted(1, id);
        council.cancel(id);
    }

    function test_cancel__unknown_executed_or_cancelled__is_refused() public {
        bytes32 executed = _passed(_note(1));
        _execute(0, _note(1));
        bytes32 cancelled = _propose(0, _note(2));
        _cancel(0, cancelled);

        vm.startPrank(members[0].account);
        _expectNotOpen("unknown", 0);
        council.cancel("unknown");
        _expectNotOpen(executed, EXECUTED);
        council.cancel(executed);
        _expectNotOpen(cancelled, CANCELLED);
        council.cancel(cancelled);
        vm.stopPrank();
    }

    function test_cancel__voter_removed__vote_is_void() public {
        bytes32 id = _propose(0, _note(1));
        _cancel(1, id);
        _cancel(2, id);
        _remove(1);
        _cancel(3, id);
        _assertProposal(id, OPEN, 1, 0);
        _cancel(4, id);

        _assertProposal(id, CANCELLED, 1, 0);
    }

    function test_cancel__voter_removed_and_back__votes_anew() public {
        bytes32 id = _propose(0, _note(1));
        _cancel(1, id);
        _cancel(2, id);
        _remove(1);
        _readmit(1);
        _cancel(1, id);
        _assertProposal(id, OPEN, 1, 0);
        _cancel(3, id);

        _assertProposal(id, CANCELLED, 1, 0);
    }

    /// Votes for and against are counted apart.
    function test_cancel__by_who_approved__does_not_take_the_approval_back() public {
        bytes32 id = _passed(_note(1));
        _cancel(1, id);
        _assertProposal(id, OPEN, 3, NOW);
        _execute(1, _note(1));
        vm.assertEq(target.count(), 1);
    }
}
