// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest, Target} from "./CouncilTest.sol";

contract ProposeTest is CouncilTest {
    function test_propose__by_member__opens_with_one_approval() public {
        Call[] memory calls = new Call[](2);
        (calls[0], calls[1]) = (_note(1)[0], _note(2)[0]);
        vm.recordLogs();
        bytes32 id = _propose(0, calls);
        Vm.Log[] memory told = _told();

        emit ICouncil.Proposed(id, members[0].account, SALT, 2);
        emit ICouncil.CallProposed(id, 0, address(target), abi.encodeCall(Target.note, (1)));
        emit ICouncil.CallProposed(id, 1, address(target), abi.encodeCall(Target.note, (2)));
        emit ICouncil.Approved(id, members[0].account);
        _assertTold(told);
        _assertProposal(id, OPEN, 1, 0);
        vm.assertEq(id, _idOf(calls, SALT));
        vm.assertEq(target.count(), 0);
    }

    function test_propose__by_stranger__is_refused() public {
        Call[] memory calls = _note(1);
        _expectNotMember(stranger.account);
        council.propose(calls, SALT);
    }

    function test_propose__by_removed_member__is_refused() public {
        _remove(0);
        Call[] memory calls = _note(1);
        _expectNotMember(members[0].account);
        council.propose(calls, SALT);
    }

    function test_propose__no_calls__is_refused() public {
        Call[] memory none = new Call[](0);
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilEmptyProposal.selector));
        council.propose(none, SALT);
    }

    function test_propose__open_one_again__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _propose(0, calls);
        _expectExists(id);
        council.propose(calls, SALT);
    }

    function test_propose__executed_one_again__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _execute(0, calls);
        _expectExists(id);
        council.propose(calls, SALT);
    }

    function test_propose__cancelled_one_again__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _propose(0, calls);
        _cancel(0, id);
        _expectExists(id);
        council.propose(calls, SALT);
    }

    function test_propose__same_calls_with_another_salt__is_another_proposal() public {
        Call[] memory calls = _note(1);
        bytes32 first = _propose(0, calls);
        vm.prank(members[0].account);
        bytes32 second = council.propose(calls, "another");

        vm.assertTrue(first != second);
        _assertProposal(second, OPEN, 1, 0);
    }

    function test_proposalOf__unknown__is_zero() public view {
        (uint8 state, address proposer, uint256 approvals, uint64 reachedAt) = council.proposalOf("unknown");
        vm.assertTrue(state == 0 && proposer == address(0) && approvals == 0 && reachedAt == 0);
    }

    /// An id stands for one list of calls and one salt, on one chain and in one Council.
    function testFuzz_idOf__anything_changed__is_another_id(Call memory call, bytes32 salt, uint8 which) public {
        Call[] memory calls = new Call[](1);
        calls[0] = call;
        bytes32 id = council.idOf(calls, salt);
        vm.assertEq(id, _idOf(calls, salt));

        if (which % 4 == 0) vm.chainId(vm.getChainId() + 1);
        if (which % 4 == 1) calls[0].target = address(uint160(call.target) ^ 1);
        if (which % 4 == 2) calls[0].callData = bytes.concat(call.callData, hex"00");
        if (which % 4 == 3) salt ^= bytes32(uint256(1));
        vm.assertTrue(council.idOf(calls, salt) != id);
    }

    function _expectExists(bytes32 id) private {
        vm.prank(members[1].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilProposalExists.selector, id));
    }
}
