// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "../../../contracts/Council.sol";
import {ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {Vm, vm} from "../Vm.sol";
import {CouncilTest} from "./CouncilTest.sol";

contract MembersTest is CouncilTest {
    uint256 private constant MAX_MEMBERS = 64;

    /* FOUNDING */

    function test_council__founded__tells_members_threshold_and_delay() public {
        address[] memory founders = _accounts(3);
        vm.recordLogs();
        Council young = new Council(founders, 2, 90 days);
        Vm.Log[] memory told = _told();
        council = young;

        for (uint256 i = 0; i < 3; ++i) {
            emit ICouncil.MemberAdded(founders[i]);
        }
        emit ICouncil.ThresholdChanged(2);
        emit ICouncil.DelayChanged(90 days);
        _assertTold(told);
        _assertMembers(founders);
        vm.assertEq(young.threshold(), 2);
        vm.assertEq(young.delaySeconds(), 90 days);
    }

    function test_council__founded_with_zero_twice_or_too_few__is_refused() public {
        address[] memory founders = _accounts(3);
        founders[1] = address(0);
        _expectInvalidMember(address(0));
        new Council(founders, 2, 0);

        founders[1] = founders[0];
        _expectInvalidMember(founders[0]);
        new Council(founders, 2, 0);

        founders = _accounts(1);
        _expectInvalidThreshold(2, 1);
        new Council(founders, 2, 0);

        founders = _accounts(3);
        _expectInvalidThreshold(1, 3);
        new Council(founders, 1, 0);
        _expectInvalidThreshold(4, 3);
        new Council(founders, 4, 0);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidDelay.selector, 90 days + 1));
        new Council(founders, 2, 90 days + 1);
    }

    /* ADDING */

    function test_addMember__new_account__may_vote() public {
        bytes32 id = _propose(0, _note(1));
        vm.recordLogs();
        _add(stranger.account);
        Vm.Log[] memory told = _told();

        emit ICouncil.MemberAdded(stranger.account);
        _assertTold(told);
        vm.assertTrue(council.isMember(stranger.account));
        address[] memory found = council.members();
        vm.assertEq(found.length, 6);
        vm.assertEq(found[5], stranger.account);
        vm.prank(stranger.account);
        council.approve(id);
        _assertProposal(id, OPEN, 2, 0);
    }

    /// A new member has not voted on what was decided before it came.
    function test_addMember__after_votes__has_none_of_them() public {
        bytes32 id = _propose(0, _note(1));
        _approve(1, id);
        _add(stranger.account);
        _assertProposal(id, OPEN, 2, 0);
    }

    function test_addMember__not_by_itself__is_refused() public {
        _expectOnlyItself(members[0].account);
        council.addMember(stranger.account);
    }

    function test_addMember__zero_itself_or_present__is_refused() public {
        address[3] memory invalid = [address(0), address(council), members[2].account];
        for (uint256 i = 0; i < invalid.length; ++i) {
            vm.prank(address(council));
            _expectInvalidMember(invalid[i]);
            council.addMember(invalid[i]);
        }
    }

    function test_addMember__sixty_fifth__is_refused() public {
        for (uint256 i = 5; i < MAX_MEMBERS; ++i) {
            _add(address(uint160(1000 + i)));
        }
        vm.assertEq(council.members().length, MAX_MEMBERS);
        vm.prank(address(council));
        _expectInvalidMember(stranger.account);
        council.addMember(stranger.account);
    }

    /* REMOVING */

    function test_removeMember__any_place__leaves_the_others() public {
        for (uint256 gone = 0; gone < 5; ++gone) {
            uint256 before = vm.snapshotState();
            vm.recordLogs();
            _remove(gone);
            Vm.Log[] memory told = _told();

            emit ICouncil.MemberRemoved(members[gone].account);
            _assertTold(told);
            vm.assertFalse(council.isMember(members[gone].account));
            address[] memory found = council.members();
            vm.assertEq(found.length, 4);
            for (uint256 i = 0; i < 4; ++i) {
                // The last member takes the place of the one that went.
                vm.assertEq(found[i], members[i == gone ? 4 : i].account);
                vm.assertTrue(council.isMember(found[i]));
            }
            vm.revertToState(before);
        }
    }

    function test_removeMember__down_to_the_threshold__no_further() public {
        _remove(4);
        _remove(3);
        vm.prank(address(council));
        _expectInvalidThreshold(3, 2);
        council.removeMember(members[2].account);
        vm.assertEq(council.members().length, 3);
    }

    function test_removeMember__not_by_itself__is_refused() public {
        _expectOnlyItself(members[0].account);
        council.removeMember(members[0].account);
    }

    function test_removeMember__no_member__is_refused() public {
        vm.prank(address(council));
        _expectInvalidMember(stranger.account);
        council.removeMember(stranger.account);

        _remove(4);
        vm.prank(address(council));
        _expectInvalidMember(members[4].account);
        council.removeMember(members[4].account);
    }

    function test_removeMember__then_added__is_a_member_without_votes() public {
        bytes32 id = _propose(0, _note(1));
        _remove(0);
        _readmit(0);
        vm.assertTrue(council.isMember(members[0].account));
        _assertProposal(id, OPEN, 0, 0);
    }

    function _add(address account) private {
        vm.prank(address(council));
        council.addMember(account);
    }

    function _accounts(uint256 count) private view returns (address[] memory accounts) {
        accounts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            accounts[i] = members[i].account;
        }
    }

    function _assertMembers(address[] memory expected) private view {
        address[] memory found = council.members();
        vm.assertEq(keccak256(abi.encode(found)), keccak256(abi.encode(expected)));
    }

    function _expectOnlyItself(address caller) private {
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilOnlyItself.selector, caller));
    }

    function _expectInvalidMember(address account) private {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidMember.selector, account));
    }

    function _expectInvalidThreshold(uint16 threshold, uint256 count) private {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilInvalidThreshold.selector, threshold, count));
    }
}
