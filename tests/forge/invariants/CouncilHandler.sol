// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AuditLog} from "../../../contracts/AuditLog.sol";
import {ConsentRegistry} from "../../../contracts/ConsentRegistry.sol";
import {Council} from "../../../contracts/Council.sol";
import {ParticipantRegistry} from "../../../contracts/ParticipantRegistry.sol";
import {Call} from "../../../contracts/interfaces/ICouncil.sol";
import {
    AdmissionTerms,
    Application,
    IParticipantRegistry,
    ParticipantKeys
} from "../../../contracts/interfaces/IParticipantRegistry.sol";
import {Directory} from "../../../contracts/types/Directory.sol";
import {vm} from "../Vm.sol";

/// @notice A contract with a number, to be installed.
contract Module {
    uint256 public immutable number;

    constructor(uint256 number_) {
        number = number_;
    }
}

/// @notice Plays all who may vote and all who may not, and keeps its own book of members, votes and ends.
contract CouncilHandler {
    struct Book {
        Call[] calls;
        bytes32 salt;
        /// In which term of membership its proposer proposed it: back in the council it is another member.
        uint256 proposerTerm;
        /// 1 open, 2 executed, 3 cancelled.
        uint8 state;
        uint256 executions;
        mapping(address account => uint256 term) approvals;
        mapping(address account => uint256 term) cancellations;
    }

    uint256 private constant ACCOUNTS = 8;
    /// Longest delay it proposes.
    uint256 private constant MAX_DELAY = 5 days;

    Council public immutable council;
    AuditLog private immutable _log;
    ParticipantRegistry private immutable _participants;
    ConsentRegistry private immutable _consents;
    bytes32[] private _applicants;
    address[] private _modules;

    /// Whoever is a member in this term of membership; 0 for who is none. No two terms are alike.
    mapping(address account => uint256 term) public termOf;
    uint256 private _terms;
    bytes32[] public proposals;
    mapping(bytes32 id => Book) private _books;

    /// Calls after which something of the system's settings was different, without k present members' votes behind it.
    uint256 public changesWithoutVotes;
    uint256 public executions;
    uint256 public changes;

    constructor(Council council_, AuditLog log_, ParticipantRegistry participants_, ConsentRegistry consents_) {
        (council, _log, _participants, _consents) = (council_, log_, participants_, consents_);
        address[] memory members = council_.members();
        for (uint256 i = 0; i < members.length; ++i) {
            termOf[members[i]] = ++_terms;
        }
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accountOf(i));
            _applicants.push(
                participants_.applyToJoin(Application(1, "papers", ParticipantKeys("key", 0, 0, address(0)), "salt"))
            );
        }
        for (uint256 i = 0; i < 6; ++i) {
            _modules.push(address(new Module(i)));
        }
    }

    /* VERBS */

    function propose(uint256 by, uint256 what, uint256 argument) external {
        address account = accountOf(by);
        bytes32 before = settings();
        Call[] memory calls = new Call[](what % 3 == 0 ? 2 : 1);
        calls[0] = _callOf(what, argument);
        if (calls.length == 2) {
            // A member goes and comes back: its votes on all other proposals must be gone.
            calls[0] = _own(abi.encodeCall(Council.removeMember, (accountOf(argument))));
            calls[1] = _own(abi.encodeCall(Council.addMember, (accountOf(argument))));
        }
        bytes32 salt = bytes32(proposals.length);
        vm.prank(account);
        try council.propose(calls, salt) returns (bytes32 id) {
            Book storage book = _books[id];
            for (uint256 i = 0; i < calls.length; ++i) {
                book.calls.push(calls[i]);
            }
            (book.salt, book.proposerTerm, book.state) = (salt, termOf[account], 1);
            book.approvals[account] = termOf[account];
            proposals.push(id);
            if (termOf[account] == 0) ++changesWithoutVotes;
        } catch {}
        _judge(before, false);
    }

    function approve(uint256 by, uint256 which) external {
        if (proposals.length != 0) _approve(accountOf(by), _pick(which));
    }

    function cancel(uint256 by, uint256 which) external {
        if (proposals.length == 0) return;
        (address account, bytes32 id) = (accountOf(by), _pick(which));
        bytes32 before = settings();
        Book storage book = _books[id];
        vm.prank(account);
        try council.cancel(id) {
            book.cancellations[account] = termOf[account];
            if (book.state != 1 || termOf[account] == 0) ++changesWithoutVotes;
            if (termOf[account] == book.proposerTerm || _count(book.cancellations) >= council.threshold()) {
                book.state = 3;
            }
        } catch {}
        _judge(before, false);
    }

    function execute(uint256 by, uint256 which) external {
        if (proposals.length != 0) _execute(accountOf(by), _pick(which));
    }

    /// @dev Votes of as many members as it takes, or of one less, and the delay: what random calls alone seldom reach.
    function carry(uint256 by, uint256 which) external {
        if (proposals.length == 0) return;
        bytes32 id = _pick(which);
        uint256 needed = council.threshold() - (by / ACCOUNTS % 4 == 0 ? 1 : 0);
        by %= ACCOUNTS;
        for (uint256 i = 0; i < ACCOUNTS && _count(_books[id].approvals) < needed; ++i) {
            _approve(accountOf(by + i), id);
        }
        vm.warp(vm.getBlockTimestamp() + MAX_DELAY);
        vm.roll(vm.getBlockNumber() + 1);
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            if (termOf[accountOf(by + i)] != 0) return _execute(accountOf(by + i), id);
        }
    }

    function wait(uint256 seconds_, uint256 blocks) external {
        vm.warp(vm.getBlockTimestamp() + seconds_ % 3 days);
        vm.roll(block.number + blocks % 10);
    }

    /// @dev Anybody tries what only an executed proposal may do, on every contract with something to decide.
    function usurp(uint256 by, uint256 what, uint256 argument) external {
        bytes32 before = settings();
        Call memory call = _callOf(what, argument);
        vm.prank(accountOf(by));
        (bool success,) = call.target.call(call.callData);
        if (success) ++changesWithoutVotes;
        _judge(before, false);
    }

    /* THE BOOK */

    function accountOf(uint256 seed) public pure returns (address) {
        return address(uint160(0xa0000 + seed % ACCOUNTS));
    }

    function proposalCount() external view returns (uint256) {
        return proposals.length;
    }

    function stateOf(bytes32 id) external view returns (uint8) {
        return _books[id].state;
    }

    function executionsOf(bytes32 id) external view returns (uint256) {
        return _books[id].executions;
    }

    function approvalsOf(bytes32 id) external view returns (uint256) {
        return _count(_books[id].approvals);
    }

    function roles() public pure returns (bytes32[6] memory) {
        return [
            Directory.PARTICIPANT_REGISTRY,
            Directory.SUBJECT_REGISTRY,
            Directory.RECORD_REGISTRY,
            Directory.CONSENT_REGISTRY,
            Directory.ACCESS_GATEWAY,
            bytes32("another role")
        ];
    }

    /// @notice Digest of all that the Council decides.
    function settings() public view returns (bytes32 digest) {
        digest = keccak256(
            abi.encode(
                council.members(),
                council.threshold(),
                council.delaySeconds(),
                _consents.gateway(),
                _participants.custodianSetCount()
            )
        );
        bytes32[6] memory all = roles();
        for (uint256 i = 0; i < all.length; ++i) {
            address account = council.contractOf(all[i]);
            digest = keccak256(abi.encode(digest, account, council.tenureCount(all[i]), _log.isWriter(account)));
        }
        for (uint256 i = 0; i < _modules.length; ++i) {
            digest = keccak256(abi.encode(digest, _log.isWriter(_modules[i])));
        }
        for (uint256 i = 0; i < _applicants.length; ++i) {
            digest = keccak256(abi.encode(digest, _participants.participant(_applicants[i])));
        }
    }

    /* PRIVATE */

    function _approve(address account, bytes32 id) private {
        bytes32 before = settings();
        Book storage book = _books[id];
        vm.prank(account);
        try council.approve(id) {
            book.approvals[account] = termOf[account];
            if (book.state != 1 || termOf[account] == 0) ++changesWithoutVotes;
        } catch {}
        _judge(before, false);
    }

    function _execute(address account, bytes32 id) private {
        bytes32 before = settings();
        Book storage book = _books[id];
        bool voted = book.state == 1 && termOf[account] != 0 && _count(book.approvals) >= council.threshold();
        Call[] memory calls = book.calls;
        vm.prank(account);
        try council.execute(calls, book.salt) {
            book.state = 2;
            ++book.executions;
            ++executions;
            if (!voted) ++changesWithoutVotes;
            _follow(calls);
            _judge(before, true);
        } catch {
            _judge(before, false);
        }
    }

    /// @dev Only a proposal that was voted on may have changed anything.
    function _judge(bytes32 before, bool executed) private {
        if (settings() == before) return;
        ++changes;
        if (!executed) ++changesWithoutVotes;
    }

    /// @dev Carries executed changes of members into the book.
    function _follow(Call[] memory calls) private {
        for (uint256 i = 0; i < calls.length; ++i) {
            if (calls[i].target != address(council)) continue;
            bytes memory callData = calls[i].callData;
            bytes4 verb = bytes4(callData);
            address account;
            assembly ("memory-safe") {
                account := mload(add(callData, 36))
            }
            if (verb == Council.addMember.selector) termOf[account] = ++_terms;
            if (verb == Council.removeMember.selector) termOf[account] = 0;
        }
    }

    function _count(mapping(address => uint256) storage votes) private view returns (uint256 count) {
        for (uint256 i = 0; i < ACCOUNTS; ++i) {
            address account = accountOf(i);
            if (termOf[account] != 0 && votes[account] == termOf[account]) ++count;
        }
    }

    function _pick(uint256 which) private view returns (bytes32) {
        return proposals[which % proposals.length];
    }

    function _callOf(uint256 what, uint256 argument) private view returns (Call memory) {
        address account = accountOf(argument);
        bytes32 applicant = _applicants[argument % _applicants.length];
        what %= 10;
        if (what == 0) return _own(abi.encodeCall(Council.addMember, (account)));
        if (what == 1) return _own(abi.encodeCall(Council.removeMember, (account)));
        if (what == 2) return _own(abi.encodeCall(Council.setThreshold, (uint16(2 + argument % 4))));
        if (what == 3) return _own(abi.encodeCall(Council.setDelay, (uint32(1 + argument % MAX_DELAY))));
        if (what < 6) {
            address module = _modules[(argument / 6) % _modules.length];
            bytes32 role = what == 4 ? Directory.ACCESS_GATEWAY : roles()[argument % 6];
            return _own(abi.encodeCall(Council.install, (role, module)));
        }
        bytes memory callData;
        if (what == 6) {
            AdmissionTerms memory terms = AdmissionTerms(uint16(1 + argument % 255), type(uint64).max, 1);
            callData = abi.encodeCall(IParticipantRegistry.admit, (applicant, terms));
        }
        if (what == 7) callData = abi.encodeCall(IParticipantRegistry.suspend, (applicant));
        if (what == 8) callData = abi.encodeCall(IParticipantRegistry.reinstate, (applicant));
        if (what == 9) callData = abi.encodeCall(IParticipantRegistry.appointPrincipal, (applicant, account));
        return Call(address(_participants), callData);
    }

    function _own(bytes memory callData) private view returns (Call memory) {
        return Call(address(council), callData);
    }
}
