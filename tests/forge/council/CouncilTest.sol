// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Council} from "../../../contracts/Council.sol";
import {IAuditLog} from "../../../contracts/interfaces/IAuditLog.sol";
import {IConsentRegistry} from "../../../contracts/interfaces/IConsentRegistry.sol";
import {Call, ICouncil} from "../../../contracts/interfaces/ICouncil.sol";
import {vm} from "../Vm.sol";
import {Deployment} from "../base/Deployment.sol";
import {Recorded} from "../base/Recorded.sol";

/// @notice What the Council calls in these tests: remembers in which order, or fails.
contract Target {
    error TargetFailed(uint256 number);

    uint256[] public notes;

    function note(uint256 number) external {
        notes.push(number);
    }

    function fail(uint256 number) external {
        notes.push(number);
        revert TargetFailed(number);
    }

    function count() external view returns (uint256) {
        return notes.length;
    }
}

/// @notice States of proposals, votes and what they change.
abstract contract CouncilTest is Deployment, Recorded {
    uint8 internal constant OPEN = 1;
    uint8 internal constant EXECUTED = 2;
    uint8 internal constant CANCELLED = 3;
    bytes32 internal constant SALT = "salt";

    Target internal target = new Target();

    function _note(uint256 number) internal view returns (Call[] memory) {
        return _calls(address(target), abi.encodeCall(Target.note, (number)));
    }

    function _idOf(Call[] memory calls, bytes32 salt) internal view returns (bytes32) {
        return keccak256(abi.encode(vm.getChainId(), address(council), calls, salt));
    }

    function _propose(uint256 member, Call[] memory calls) internal returns (bytes32 id) {
        vm.prank(members[member].account);
        return council.propose(calls, SALT);
    }

    function _approve(uint256 member, bytes32 id) internal {
        vm.prank(members[member].account);
        council.approve(id);
    }

    function _cancel(uint256 member, bytes32 id) internal {
        vm.prank(members[member].account);
        council.cancel(id);
    }

    function _execute(uint256 member, Call[] memory calls) internal {
        vm.prank(members[member].account);
        council.execute(calls, SALT);
    }

    /// @dev Proposed by member 0, approved by 1 and 2: the threshold is reached.
    function _passed(Call[] memory calls) internal returns (bytes32 id) {
        id = _propose(0, calls);
        _approve(1, id);
        _approve(2, id);
    }

    /// @dev A change of the Council's settings, without the way through votes.
    function _set(bytes memory callData) internal {
        vm.prank(address(council));
        (bool success,) = address(council).call(callData);
        vm.assertTrue(success, "setting");
    }

    function _setThreshold(uint16 threshold) internal {
        _set(abi.encodeCall(Council.setThreshold, (threshold)));
    }

    function _remove(uint256 member) internal {
        _set(abi.encodeCall(Council.removeMember, (members[member].account)));
    }

    function _readmit(uint256 member) internal {
        _set(abi.encodeCall(Council.addMember, (members[member].account)));
    }

    function _assertProposal(bytes32 id, uint8 state, uint256 approvals, uint64 reachedAt) internal view {
        (uint8 foundState, address proposer, uint256 foundApprovals, uint64 foundReachedAt) = council.proposalOf(id);
        vm.assertEq(foundState, state, "state");
        vm.assertEq(proposer, members[0].account, "proposer");
        vm.assertEq(foundApprovals, approvals, "approvals");
        vm.assertEq(foundReachedAt, reachedAt, "reached at");
    }

    function _expectNotMember(address account) internal {
        vm.prank(account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilNotMember.selector, account));
    }

    function _expectNotOpen(bytes32 id, uint8 state) internal {
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilProposalNotOpen.selector, id, state));
    }

    function _expectVoted(uint256 member, bytes32 id) internal {
        vm.prank(members[member].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilAlreadyVoted.selector, id, members[member].account));
    }

    function _expectDelayed(bytes32 id, uint64 executableFrom) internal {
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilDelayed.selector, id, executableFrom));
    }

    function _expectCallFailed(bytes32 id, uint256 index, bytes memory answer) internal {
        vm.prank(members[0].account);
        vm.expectRevert(abi.encodeWithSelector(ICouncil.CouncilCallFailed.selector, id, index, answer));
    }

    function _emitterOf(bytes32 signature) internal view override returns (address) {
        if (signature == IAuditLog.WriterAdmitted.selector) return address(log);
        if (signature == IAuditLog.WriterRetired.selector) return address(log);
        if (signature == IConsentRegistry.GatewayAdmitted.selector) return address(consents);
        return address(council);
    }
}
