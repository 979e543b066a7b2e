// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessGateway} from "../../../contracts/AccessGateway.sol";
import {AuditLog} from "../../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {Council} from "../../../contracts/Council.sol";
import {ParticipantRegistry} from "../../../contracts/ParticipantRegistry.sol";
import {RecordRegistry} from "../../../contracts/RecordRegistry.sol";
import {SubjectRegistry} from "../../../contracts/SubjectRegistry.sol";
import {Call} from "../../../contracts/interfaces/ICouncil.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";
import {Actor, actor} from "./Actors.sol";

/// @notice The system as `deployments/plan.yaml` deploys it, in its order, and the Council's votes.
/// @dev Council of five, threshold three, with the delays of a production network.
abstract contract Deployment {
    /// First second of a day in UTC, 08:00 in Shanghai.
    uint64 internal constant NOW = 1_793_491_200;
    uint16 internal constant THRESHOLD = 3;
    uint32 internal constant COUNCIL_DELAY = 2 days;
    uint64 internal constant RECOVERY_DELAY = 72 hours;
    uint64 internal constant COOLING_OFF = 7 days;

    Council internal council;
    AuditLog internal log;
    ParticipantRegistry internal participants;
    SubjectRegistry internal subjects;
    RecordRegistry internal records;
    ConsentRegistry internal consents;
    AccessGateway internal gateway;

    Actor[] internal members;
    Actor internal stranger = actor("Stranger");
    Actor internal relayer = actor("Relayer");

    uint256 private _serial;

    function setUp() public virtual {
        vm.warp(NOW);
        _deploy();
    }

    function _deploy() internal {
        delete members;
        address[] memory accounts = new address[](5);
        string[5] memory names = ["Member One", "Member Two", "Member Three", "Member Four", "Member Five"];
        for (uint256 i = 0; i < names.length; ++i) {
            members.push(actor(names[i]));
            accounts[i] = members[i].account;
        }
        council = new Council(accounts, THRESHOLD, COUNCIL_DELAY);
        log = new AuditLog(address(council));
        participants = new ParticipantRegistry(council);
        subjects = new SubjectRegistry(council, participants, log, RECOVERY_DELAY);
        records = new RecordRegistry(council, participants, subjects, log, COOLING_OFF);
        consents = new ConsentRegistry(council, log);
        Call[] memory calls = new Call[](5);
        calls[0] = _installation(Directory.AUDIT_LOG, address(log));
        calls[1] = _installation(Directory.PARTICIPANT_REGISTRY, address(participants));
        calls[2] = _installation(Directory.SUBJECT_REGISTRY, address(subjects));
        calls[3] = _installation(Directory.RECORD_REGISTRY, address(records));
        calls[4] = _installation(Directory.CONSENT_REGISTRY, address(consents));
        _vote(calls);
        gateway = new AccessGateway(council);
        calls = new Call[](1);
        calls[0] = _installation(Directory.ACCESS_GATEWAY, address(gateway));
        _vote(calls);
    }

    /* VOTES */

    /// @dev The first THRESHOLD members agree and the last one executes, at once.
    function _vote(Call[] memory calls) internal {
        bytes32 salt = _pass(calls);
        _execute(calls, salt);
    }

    function _vote(address target, bytes memory callData) internal {
        _vote(_calls(target, callData));
    }

    /// @dev The same after the delay of the Council.
    function _voteLate(Call[] memory calls) internal {
        bytes32 salt = _pass(calls);
        _skip(council.delaySeconds());
        _execute(calls, salt);
    }

    function _voteLate(address target, bytes memory callData) internal {
        _voteLate(_calls(target, callData));
    }

    /// @dev Proposes and approves up to the threshold; returns the salt that `_execute` needs.
    function _pass(Call[] memory calls) internal returns (bytes32 salt) {
        salt = _fresh();
        vm.prank(members[0].account);
        bytes32 proposalId = council.propose(calls, salt);
        for (uint256 i = 1; i < council.threshold(); ++i) {
            vm.prank(members[i].account);
            council.approve(proposalId);
        }
    }

    function _execute(Call[] memory calls, bytes32 salt) internal {
        vm.prank(members[members.length - 1].account);
        council.execute(calls, salt);
    }

    function _calls(address target, bytes memory callData) internal pure returns (Call[] memory calls) {
        calls = new Call[](1);
        calls[0] = Call(target, callData);
    }

    function _installation(bytes32 role, address account) internal view returns (Call memory) {
        return Call(address(council), abi.encodeCall(Council.install, (role, account)));
    }

    /* TIME AND CHANCE */

    function _skip(uint256 seconds_) internal {
        vm.warp(_time() + seconds_);
    }

    /// @dev Block time. The optimizer may move a plain `block.timestamp` across a `warp`; a cheatcode it can't move, and a
    /// cheatcode leaves a `prank` for the call that it is meant for.
    function _time() internal view returns (uint64) {
        return uint64(vm.getBlockTimestamp());
    }

    /// @dev A value no other call in this test returns.
    function _fresh() internal returns (bytes32) {
        return keccak256(abi.encode("fresh", ++_serial));
    }
}
