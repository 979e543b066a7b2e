// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest} from "./CouncilTest.sol";

contract ApproveTest is CouncilTest {
    function test_approve__below_threshold__starts_no_delay() public {
        bytes32 id = _propose(0, _note(1));
        vm.recordLogs();
        _approve(1, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.Approved(id, members[1].account);
        _assertTold(told);
        _assertProposal(id, OPEN, 2, 0);
    }

    function test_approve__at_threshold__starts_the_delay() public {
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _skip(5);
        vm.recordLogs();
        _approve(2, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.Approved(id, members[2].account);
        emit ICouncil.ThresholdReached(id, NOW + 5);
        _assertTold(told);
        _assertProposal(id, OPEN, 3, NOW + 5);
    }

    function test_approve__beyond_threshold__leaves_the_delay_alone() public {
        bytes32 id = _passed(_note(1));
        _skip(5);
        vm.recordLogs();
        _approve(3, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.Approved(id, members[3].account);
        _assertTold(told);
        _assertProposal(id, OPEN, 4, NOW);
    }

    function test_approve__by_stranger__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _expectNotMember(stranger.account);
        council.approve(id);
    }

    function test_approve__by_removed_member__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _remove(1);
        _expectNotMember(members[1].account);
        council.approve(id);
    }

    function test_approve__second_time__is_refused() public {
        bytes32 id = _propose(0, _note(1));
        _expectVoted(0, id);
        council.approve(id);
        _approve(1, id);
        _expectVoted(1, id);
        council.approve(id);
        _approve(2, id);
        _expectVoted(2, id);
        council.approve(id);
    }

    function test_approve__unknown_executed_or_cancelled__is_refused() public {
        bytes32 executed = _passed(_note(1));
        _execute(0, _note(1));
        bytes32 cancelled = _propose(0, _note(2));
        _cancel(0, cancelled);

        vm.startPrank(members[3].account);
        _expectNotOpen("unknown", 0);
        council.approve("unknown");
        _expectNotOpen(executed, EXECUTED);
        council.approve(executed);
        _expectNotOpen(cancelled, CANCELLED);
        council.approve(cancelled);
        vm.stopPrank();
    }

    /* MEMBERS AND THRESHOLD CHANGE MEANWHILE */

    function test_approve__voter_removed__vote_is_void_and_delay_starts_again() public {
        bytes32 id = _passed(_note(1));
        _remove(1);
        _assertProposal(id, OPEN, 2, NOW);
        _skip(1 days);
        vm.recordLogs();
        _approve(3, id);
        Vm.Log[] memory told = _told();

        emit ICouncil.Approved(id, members[3].account);
        emit ICouncil.ThresholdReached(id, NOW + 1 days);
        _assertTold(told);
        _assertProposal(id, OPEN, 3, NOW + 1 days);
    }

    function test_approve__voter_removed_and_back__has_not_voted_yet() public {
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _remove(1);
        _readmit(1);
        _assertProposal(id, OPEN, 1, 0);

        _approve(1, id);
        _assertProposal(id, OPEN, 2, 0);
        _expectVoted(1, id);
        council.approve(id);
    }

    /// Two votes are enough since the threshold fell; one of them is given again to start the delay.
    function test_approve__again_after_lower_threshold__starts_the_delay_once() public {
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _setThreshold(2);
        _skip(7);
        vm.recordLogs();
        _approve(0, id);
        Vm.Log[] memory told = _told();

        // The vote was told when it was given.
        emit ICouncil.ThresholdReached(id, NOW + 7);
        _assertTold(told);
        _assertProposal(id, OPEN, 2, NOW + 7);
        _expectVoted(0, id);
        council.approve(id);
    }

    function test_approve__anew_after_lower_threshold__starts_the_delay() public {
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _setThreshold(2);
        _skip(7);
        _approve(2, id);

        _assertProposal(id, OPEN, 3, NOW + 7);
    }

    function test_approve__more_votes_than_the_lower_threshold__starts_the_delay() public {
        _setThreshold(5);
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _approve(2, id);
        _approve(3, id);
        _setThreshold(3);
        _skip(7);
        _approve(3, id);

        _assertProposal(id, OPEN, 4, NOW + 7);
    }

    function test_approve__after_higher_threshold__starts_the_delay_again() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _setThreshold(4);
        _skip(7);
        _expectVoted(0, id);
        council.approve(id);
        _approve(3, id);

        _assertProposal(id, OPEN, 4, NOW + 7);
    }

    /// The delay runs from the last vote that made the threshold, whoever votes in which order.
    function testFuzz_approve__any_order__counts_each_member_once(uint8[8] memory voters) public {
        bytes32 id = _propose(0, _note(1));
        bool[5] memory voted;
        voted[0] = true;
        uint256 count = 1;
        uint64 reachedAt = 0;
        for (uint256 i = 0; i < voters.length; ++i) {
            uint256 voter = voters[i] % 5;
            _skip(1);
            if (voted[voter]) {
                _expectVoted(voter, id);
                council.approve(id);
                continue;
            }
            _approve(voter, id);
            voted[voter] = true;
            if (++count == THRESHOLD) reachedAt = _time();
            _assertProposal(id, OPEN, count, reachedAt);
        }
    }
}
