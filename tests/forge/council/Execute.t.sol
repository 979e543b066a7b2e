// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "../../../contracts/Council.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest, Target} from "./CouncilTest.sol";

/// @notice A member that executes the same proposal again while it is executed.
contract EagerMember {
    bytes private _again;
    bytes public answer;

    function arm(bytes calldata again) external {
        _again = again;
    }

    function act() external {
        (, answer) = msg.sender.call(_again);
    }
}

contract ExecuteTest is CouncilTest {
    /* VOTES */

    function test_execute__approved__calls_in_order_once() public {
        Call[] memory calls = new Call[](3);
        for (uint256 i = 0; i < 3; ++i) {
            calls[i] = _note(10 + i)[0];
        }
        bytes32 id = _passed(calls);
        vm.recordLogs();
        _execute(4, calls);
        Vm.Log[] memory told = _told();

        emit ICouncil.Executed(id, members[4].account);
        _assertTold(told);
        _assertProposal(id, EXECUTED, 3, NOW);
        vm.assertEq(target.count(), 3);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(target.notes(i), 10 + i);
        }
    }

    function test_execute__by_stranger__is_refused() public {
        Call[] memory calls = _note(1);
        _passed(calls);
        _expectNotMember(stranger.account);
        council.execute(calls, SALT);
    }

    function test_execute__one_approval_short__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _propose(0, calls);
        _approve(1, id);
        _expectNotApproved(id, 2, 3);
        council.execute(calls, SALT);
    }

    function test_execute__voter_removed__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _remove(0);
        vm.prank(members[4].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilNotApproved.selector, id, 2, 3));
        council.execute(calls, SALT);
    }

    function test_execute__threshold_raised__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _passed(calls);
        _setThreshold(4);
        _expectNotApproved(id, 3, 4);
        council.execute(calls, SALT);
    }

    function test_execute__unknown_executed_or_cancelled__is_refused() public {
        Call[] memory calls = _note(1);
        bytes32 id = _idOf(calls, SALT);
        vm.prank(members[0].account);
        _expectNotOpen(id, 0);
        council.execute(calls, SALT);

        _passed(calls);
        _execute(0, calls);
        vm.prank(members[0].account);
        _expectNotOpen(id, EXECUTED);
        council.execute(calls, SALT);

        calls = _note(2);
        id = _propose(0, calls);
        _cancel(0, id);
        vm.prank(members[0].account);
        _expectNotOpen(id, CANCELLED);
        council.execute(calls, SALT);
    }

    function test_execute__other_order_data_or_salt__is_refused() public {
        Call[] memory calls = new Call[](2);
        (calls[0], calls[1]) = (_note(1)[0], _note(2)[0]);
        _passed(calls);
        (calls[0], calls[1]) = (calls[1], calls[0]);
        vm.startPrank(members[0].account);
        _expectNotOpen(_idOf(calls, SALT), 0);
        council.execute(calls, SALT);

        (calls[0], calls[1]) = (calls[1], calls[0]);
        _expectNotOpen(_idOf(calls, "other"), 0);
        council.execute(calls, "other");
        vm.stopPrank();
    }

    /* CALLS */

    function test_execute__a_call_fails__nothing_happens_and_it_stays_open() public {
        Call[] memory calls = new Call[](2);
        calls[0] = _note(1)[0];
        calls[1] = Call(address(target), abi.encodeCall(Target.fail, (7)));
        bytes32 id = _passed(calls);
        _expectCallFailed(id, 1, abi.encodeWithSelector(Target.TargetFailed.selector, 7));
        council.execute(calls, SALT);

        vm.assertEq(target.count(), 0);
        _assertProposal(id, OPEN, 3, NOW);
    }

    /// Nothing is said to an account without code: the call would succeed and nothing would have happened.
    function test_execute__target_without_code__is_refused() public {
        Call[] memory calls = new Call[](2);
        calls[0] = _note(1)[0];
        calls[1] = Call(stranger.account, "");
        bytes32 id = _passed(calls);
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilNoContract.selector, id, 1));
        council.execute(calls, SALT);
        vm.assertEq(target.count(), 0);
    }

    /// Who writes the log and who consumes follows from the directory alone.
    function test_execute__aimed_at_log_or_consents__is_refused() public {
        Call[4] memory forbidden = [
            Call(address(log), abi.encodeCall(IAuditLog.admitWriter, (address(target)))),
            Call(address(consents), abi.encodeCall(IConsentRegistry.admitGateway, (address(target)))),
            // Whatever the verb.
            Call(address(log), ""),
            Call(address(consents), abi.encodeCall(IConsentRegistry.revoke, (address(council), "any", "")))
        ];
        for (uint256 i = 0; i < forbidden.length; ++i) {
            Call[] memory calls = new Call[](2);
            calls[0] = _note(1)[0];
            calls[1] = forbidden[i];
            bytes32 id = _passed(calls);
            _skip(COUNCIL_DELAY);
            vm.prank(members[0].account);
            vm.expectRevert(
                abi.encodeWithSelector(ICouncil.CouncilForbiddenTarget.selector, id, 1, forbidden[i].target)
            );
            council.execute(calls, SALT);
        }
    }

    /// The state is closed before the first call.
    function test_execute__entered_again__is_refused_inside() public {
        EagerMember eager = new EagerMember();
        _set(abi.encodeCall(Council.addMember, (address(eager))));
        Call[] memory calls = _calls(address(eager), abi.encodeCall(EagerMember.act, ()));
        bytes32 id = _passed(calls);
        eager.arm(abi.encodeCall(Council.execute, (calls, SALT)));
        _execute(0, calls);

        bytes memory expected = abi.encodeWithSelector(ICouncil.CouncilProposalNotOpen.selector, id, EXECUTED);
        vm.assertEq(keccak256(eager.answer()), keccak256(expected));
    }

    function _expectNotApproved(bytes32 id, uint256 approvals, uint16 threshold) private {
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilNotApproved.selector, id, approvals, threshold));
    }
}
