// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {AuditLog} from "../../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {Council} from "../../../contracts/Council.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {IParticipantRegistry} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {ParticipantRole, ParticipantStatus} from "../../../contracts/types/Participant.sol";
import {vm} from "../Vm.sol";
import {Actor, actor} from "../base/Actors.sol";
import {Base} from "../base/Base.sol";

/// @notice No role, directory entry or admission without k of n present members, and no change of code or keys without the
/// delay.
contract CouncilAttacks is Base {
    /* VOTES */

    function test_execute__voter_removed_meanwhile__is_refused() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _pass(calls);
        _remove(members[1]);

        _expectFailure(ICouncil.CouncilNotApproved.selector);
        _execute(calls, salt);
    }

    /// Who comes back has not voted on anything.
    function test_execute__voter_removed_and_back__is_refused() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _pass(calls);
        _remove(members[1]);
        _voteLateWithout1(abi.encodeCall(Council.addMember, (members[1].account)));

        _expectFailure(ICouncil.CouncilNotApproved.selector);
        _execute(calls, salt);
    }

    function test_execute__twice__is_refused() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _pass(calls);
        _execute(calls, salt);

        _expectFailure(ICouncil.CouncilProposalNotOpen.selector);
        _execute(calls, salt);
    }

    function test_propose__executed_or_cancelled_before__is_refused() public {
        Call[] memory calls = _suspension();
        bytes32 executed = _pass(calls);
        _execute(calls, executed);
        bytes32 cancelled = _pass(calls);
        bytes32 id = council.idOf(calls, cancelled);
        vm.prank(members[0].account);
        council.cancel(id);

        bytes32[2] memory salts = [executed, cancelled];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(members[3].account);
            vm.expectPartialRevert(ICouncil.CouncilProposalExists.selector);
            council.propose(calls, salts[i]);
        }
        _expectFailure(ICouncil.CouncilProposalNotOpen.selector);
        _execute(calls, cancelled);
    }

    function test_approve__twice_by_one_member__counts_once() public {
        Call[] memory calls = _suspension();
        vm.startPrank(members[0].account);
        bytes32 id = council.propose(calls, "salt");
        vm.expectPartialRevert(ICouncil.CouncilAlreadyVoted.selector);
        council.approve(id);
        vm.stopPrank();

        _expectFailure(ICouncil.CouncilNotApproved.selector);
        _execute(calls, "salt");
    }

    /// Whatever differs from what was voted on has no votes.
    function test_execute__other_calls_than_voted_on__is_refused() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _pass(calls);
        calls[0].callData = abi.encodeCall(IParticipantRegistry.expel, (hospital.id));

        _expectFailure(ICouncil.CouncilProposalNotOpen.selector);
        _execute(calls, salt);
    }

    function testFuzz_settings__by_anybody_but_a_proposal__are_refused(address caller) public {
        vm.assume(caller != address(council));
        bytes[5] memory verbs = [
            abi.encodeCall(Council.install, (Directory.AUDIT_LOG, address(log))),
            abi.encodeCall(Council.addMember, (caller)),
            abi.encodeCall(Council.removeMember, (members[0].account)),
            abi.encodeCall(Council.setThreshold, (2)),
            abi.encodeCall(Council.setDelay, (0))
        ];
        for (uint256 i = 0; i < verbs.length; ++i) {
            vm.prank(caller);
            (bool success, bytes memory answer) = address(council).call(verbs[i]);
            vm.assertTrue(!success && bytes4(answer) == ICouncil.CouncilOnlyItself.selector);
        }
    }

    function testFuzz_admission__by_anybody_but_the_council__is_refused(address caller) public {
        vm.assume(caller != address(council));
        bytes32 id = _apply("Applicant", 1).id;

        vm.prank(caller);
        vm.expectPartialRevert(IParticipantRegistry.ParticipantRegistryNotCouncil.selector);
        participants.admit(id, _terms(ParticipantRole.ALL));
        vm.assertEq(uint256(participants.participant(id).status), ParticipantStatus.APPLIED);
    }

    /// One seat, one vote: who came back cancels alone no more, not even after another vote for the proposal.
    function test_cancel__by_a_proposer_who_came_back_and_voted__is_one_vote() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _fresh();
        vm.prank(members[1].account);
        bytes32 id = council.propose(calls, salt);
        _remove(members[1]);
        _voteLateWithout1(abi.encodeCall(Council.addMember, (members[1].account)));
        for (uint256 i = 1; i < 5; ++i) {
            vm.prank(members[i].account);
            council.approve(id);
        }
        vm.prank(members[1].account);
        council.cancel(id);

        (uint8 state,,,) = council.proposalOf(id);
        vm.assertEq(state, 1);
        _execute(calls, salt);
        vm.assertEq(uint256(participants.participant(hospital.id).status), ParticipantStatus.SUSPENDED);
    }

    /* DELAY */

    /// A proposal that first ends the delay waits for it all the same.
    function test_execute__delay_ended_by_an_earlier_call__still_waits() public {
        Call[] memory calls = new Call[](2);
        calls[0] = Call(address(council), abi.encodeCall(Council.setDelay, (0)));
        calls[1] = _installation(Directory.ACCESS_GATEWAY, address(new AccessGateway(council)));
        bytes32 salt = _pass(calls);

        _expectFailure(ICouncil.CouncilDelayed.selector);
        _execute(calls, salt);
        _skip(COUNCIL_DELAY - 1);
        _expectFailure(ICouncil.CouncilDelayed.selector);
        _execute(calls, salt);
        _skip(1);
        _execute(calls, salt);
    }

    /// A role filled and replaced in one proposal: the second call is no first filling any more.
    function test_execute__empty_role_filled_then_replaced__waits() public {
        Call[] memory calls = new Call[](2);
        calls[0] = _installation("new role", address(log));
        calls[1] = _installation("new role", address(consents));
        bytes32 salt = _pass(calls);

        _expectFailure(ICouncil.CouncilDelayed.selector);
        _execute(calls, salt);
    }

    /// The Council is no member: a proposal can't propose, approve, execute or cancel in its name.
    function test_execute__aimed_through_the_council_itself__fails() public {
        Call[] memory inner = _calls(address(council), abi.encodeCall(Council.setDelay, (0)));
        bytes32 innerSalt = _pass(inner);
        Call[] memory outer = _calls(address(council), abi.encodeCall(Council.execute, (inner, innerSalt)));
        bytes32 salt = _pass(outer);
        _skip(COUNCIL_DELAY);

        _expectFailure(ICouncil.CouncilCallFailed.selector);
        _execute(outer, salt);
        Call[] memory membership = _calls(address(council), abi.encodeCall(Council.addMember, (address(council))));
        salt = _pass(membership);
        _skip(COUNCIL_DELAY);
        _expectFailure(ICouncil.CouncilCallFailed.selector);
        _execute(membership, salt);
    }

    /// A selector alone, or one with half an argument, is not taken for a first filling.
    function testFuzz_execute__short_installation__never_succeeds(uint8 length) public {
        bytes memory callData = abi.encodeCall(Council.install, ("new role", address(log)));
        uint256 cut = 4 + length % 63;
        assembly ("memory-safe") {
            mstore(callData, cut)
        }
        Call[] memory calls = _calls(address(council), callData);
        bytes32 salt = _pass(calls);

        vm.prank(members[4].account);
        vm.expectRevert();
        council.execute(calls, salt);
        vm.assertEq(council.contractOf("new role"), address(0));
    }

    /* INSTALLATION */

    function test_install__without_code_or_twice__is_refused() public {
        address[2] memory accounts = [stranger.account, address(gateway)];
        for (uint256 i = 0; i < 2; ++i) {
            Call[] memory calls = new Call[](1);
            calls[0] = _installation(Directory.ACCESS_GATEWAY, accounts[i]);
            bytes32 salt = _pass(calls);
            _skip(COUNCIL_DELAY);
            _expectFailure(ICouncil.CouncilCallFailed.selector);
            _execute(calls, salt);
        }
    }

    /* VOID */

    /// Neither a lower threshold nor a longer delay brings back what was void.
    function test_execute__void_when_a_setting_changes__stays_void() public {
        Call[] memory calls = _suspension();
        bytes32 salt = _pass(calls);
        _skip(365 days);
        bytes[2] memory changes =
            [abi.encodeCall(Council.setThreshold, (2)), abi.encodeCall(Council.setDelay, (90 days))];
        for (uint256 i = 0; i < changes.length; ++i) {
            uint256 before = vm.snapshotState();
            _voteLate(address(council), changes[i]);
            _expectFailure(ICouncil.CouncilExpired.selector);
            _execute(calls, salt);
            vm.revertToState(before);
        }
        vm.assertEq(uint256(participants.participant(hospital.id).status), ParticipantStatus.ACTIVE);
    }

    /* LOG AND CONSENTS THAT ARE NOT INSTALLED YET */

    /// A writer of its own can't be planted in a log before it becomes the log.
    function test_execute__writer_admitted_before_the_installation__is_refused() public {
        AuditLog fresh = _freshCouncil();
        Call[] memory calls = new Call[](2);
        calls[0] = Call(address(fresh), abi.encodeCall(IAuditLog.admitWriter, (stranger.account)));
        calls[1] = _installation(Directory.AUDIT_LOG, address(fresh));
        bytes32 salt = _pass(calls);
        bytes32 id = council.idOf(calls, salt);
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilForbiddenTarget.selector, id, 0, address(fresh)));
        council.execute(calls, salt);

        calls = _calls(address(council), abi.encodeCall(Council.install, (Directory.AUDIT_LOG, address(fresh))));
        _vote(calls);
        vm.prank(stranger.account);
        vm.expectPartialRevert(IAuditLog.AuditLogNotWriter.selector);
        fresh.append("key", 1, 1, "forged");
    }

    /// The installer's verbs, whatever they are aimed at.
    function test_execute__installers_verbs_anywhere__are_refused() public {
        AuditLog fresh = _freshCouncil();
        ConsentRegistry freshConsents = new ConsentRegistry(council, fresh);
        Call[4] memory forbidden = [
            Call(address(fresh), abi.encodeCall(IAuditLog.admitWriter, (stranger.account))),
            Call(address(fresh), abi.encodeCall(IAuditLog.retireWriter, (stranger.account))),
            Call(address(freshConsents), abi.encodeCall(IConsentRegistry.admitGateway, (stranger.account))),
            Call(address(fresh), abi.encodePacked(IAuditLog.admitWriter.selector))
        ];
        for (uint256 i = 0; i < forbidden.length; ++i) {
            Call[] memory calls = _calls(forbidden[i].target, forbidden[i].callData);
            bytes32 salt = _pass(calls);
            _expectFailure(ICouncil.CouncilForbiddenTarget.selector);
            _execute(calls, salt);
        }
    }

    /// @dev A Council without a directory, with the same members, and a log for it.
    function _freshCouncil() private returns (AuditLog) {
        address[] memory accounts = new address[](members.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            accounts[i] = members[i].account;
        }
        council = new Council(accounts, THRESHOLD, COUNCIL_DELAY);
        return new AuditLog(address(council));
    }

    function _suspension() private view returns (Call[] memory) {
        return _calls(address(participants), abi.encodeCall(IParticipantRegistry.suspend, (hospital.id)));
    }

    function _remove(Actor memory member) private {
        _voteLateWithout1(abi.encodeCall(Council.removeMember, (member.account)));
    }

    /// @dev Carried by members 0, 2 and 3, after the delay.
    function _voteLateWithout1(bytes memory callData) private {
        Call[] memory calls = _calls(address(council), callData);
        bytes32 salt = _fresh();
        vm.prank(_account("Member One"));
        bytes32 id = council.propose(calls, salt);
        vm.prank(_account("Member Three"));
        council.approve(id);
        vm.prank(_account("Member Four"));
        council.approve(id);
        _skip(COUNCIL_DELAY);
        vm.prank(_account("Member Five"));
        council.execute(calls, salt);
    }

    function _account(string memory name) private returns (address) {
        return actor(name).account;
    }

    function _expectFailure(bytes4 selector) private {
        vm.expectPartialRevert(selector);
    }
}
