// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {Call, ICouncil, Tenure} from "./interfaces/ICouncil.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Directory} from "./types/Directory.sol";

/// @title Council
contract Council is ICouncil {
    /* CONSTANTS */

    uint8 private constant OPEN = 1;
    uint8 private constant EXECUTED = 2;
    uint8 private constant CANCELLED = 3;

    /// Counting votes walks over the members, so their number is bounded.
    uint256 private constant MAX_MEMBERS = 64;
    /// Below two, one account would be an administrator.
    uint256 private constant MIN_THRESHOLD = 2;
    uint256 private constant MAX_DELAY = 90 days;
    /// After that the members vote again: an old vote must not undo a new one.
    uint64 private constant LIFETIME = 30 days;

    /* STORAGE */

    struct Proposal {
        address proposer;
        uint64 reachedAt;
        uint8 state;
        /// Delay when it was proposed: a shorter one is for later proposals.
        uint24 delay;
        uint64 proposedAt;
        /// Seat of the proposer: whoever was removed and came back is another.
        uint64 proposerSeat;
    }

    mapping(bytes32 role => Tenure current) private _current;
    mapping(bytes32 role => Tenure[] past) private _past;
    address[] private _members;
    /// Each addition of a member has a seat of its own: whoever is removed and comes back has not voted on anything.
    mapping(address account => uint256 seat) private _seats;
    uint256 private _seatCount;
    uint16 public threshold;
    uint32 public delaySeconds;
    uint64 private _loweredAt;
    /// Last change that lets open proposals live longer: a lower threshold or a longer delay.
    uint64 private _prolongedAt;
    mapping(bytes32 proposalId => Proposal) private _proposals;
    mapping(bytes32 proposalId => mapping(uint256 seat => bool)) private _approvals;
    mapping(bytes32 proposalId => mapping(uint256 seat => bool)) private _cancellations;

    /* CONSTRUCTOR */

    /// @param members_ Accounts of the founding institutions.
    /// @param threshold_ Approvals a proposal needs, at least two.
    /// @param delaySeconds_ Extra wait of the delay class.
    constructor(address[] memory members_, uint16 threshold_, uint32 delaySeconds_) {
        for (uint256 i = 0; i < members_.length; ++i) {
            _addMember(members_[i]);
        }
        _setThreshold(threshold_);
        _setDelay(delaySeconds_);
    }

    /* MODIFIERS */

    modifier onlyMember() {
        if (!isMember(msg.sender)) revert CouncilNotMember(msg.sender);
        _;
    }

    modifier onlyItself() {
        if (msg.sender != address(this)) revert CouncilOnlyItself(msg.sender);
        _;
    }

    /* VOTES */

    /// @inheritdoc ICouncil
    function propose(Call[] calldata calls, bytes32 salt) external onlyMember returns (bytes32 proposalId) {
        if (calls.length == 0) revert CouncilEmptyProposal();
        proposalId = idOf(calls, salt);
        if (_proposals[proposalId].state != 0) revert CouncilProposalExists(proposalId);

        _proposals[proposalId] = Proposal({
            // Safe casts: 24 bits hold MAX_DELAY, 64 every seat there will be.
            proposer: msg.sender,
            reachedAt: 0,
            state: OPEN,
            delay: uint24(delaySeconds),
            proposedAt: uint64(block.timestamp),
            proposerSeat: uint64(_seats[msg.sender])
        });

        // Safe casts: a list of 65,536 calls does not fit a block.
        emit Proposed(proposalId, msg.sender, salt, uint16(calls.length));
        for (uint256 i = 0; i < calls.length; ++i) {
            emit CallProposed(proposalId, uint16(i), calls[i].target, calls[i].callData);
        }

        _approve(proposalId);
    }

    /// @inheritdoc ICouncil
    function approve(bytes32 proposalId) external onlyMember {
        _requireOpen(proposalId);
        _requireVotable(proposalId);
        // A lower threshold can make enough of votes that are there already; one of them is then given again to start the delay.
        bool starts = _proposals[proposalId].reachedAt == 0 && _count(_approvals[proposalId]) >= threshold;
        if (_approvals[proposalId][_seats[msg.sender]] && !starts) revert CouncilAlreadyVoted(proposalId, msg.sender);

        _approve(proposalId);
    }

    /// @inheritdoc ICouncil
    function execute(Call[] calldata calls, bytes32 salt) external onlyMember {
        bytes32 proposalId = idOf(calls, salt);
        _requireOpen(proposalId);
        uint256 approvals = _count(_approvals[proposalId]);
        if (approvals < threshold) revert CouncilNotApproved(proposalId, approvals, threshold);

        Proposal storage proposal = _proposals[proposalId];
        proposal.state = EXECUTED;
        if (proposal.reachedAt == 0) {
            _requireVotable(proposalId);
            _reach(proposalId);
        }
        // What was void already when a setting changed stays void.
        uint64 ownEnd = proposal.reachedAt + proposal.delay + LIFETIME;
        if (_prolongedAt > ownEnd) revert CouncilExpired(proposalId, ownEnd);
        // A threshold lowered since then made the votes enough only at that time.
        uint64 since = proposal.reachedAt < _loweredAt ? _loweredAt : proposal.reachedAt;
        uint64 executableFrom = since + (proposal.delay > delaySeconds ? proposal.delay : delaySeconds);
        if (block.timestamp > executableFrom + LIFETIME) revert CouncilExpired(proposalId, executableFrom + LIFETIME);

        emit Executed(proposalId, msg.sender);

        for (uint256 i = 0; i < calls.length; ++i) {
            // Judged call by call: an earlier call of this proposal may have filled the role that this one replaces.
            if (block.timestamp < executableFrom && _isDelayed(calls[i])) {
                revert CouncilDelayed(proposalId, executableFrom);
            }
            _requireTarget(proposalId, i, calls[i]);
            (bool success, bytes memory answer) = calls[i].target.call(calls[i].callData);
            if (!success) revert CouncilCallFailed(proposalId, i, answer);
        }
    }

    /// @inheritdoc ICouncil
    function cancel(bytes32 proposalId) external onlyMember {
        _requireOpen(proposalId);
        uint256 seat = _seats[msg.sender];
        if (_cancellations[proposalId][seat]) revert CouncilAlreadyVoted(proposalId, msg.sender);

        _cancellations[proposalId][seat] = true;
        bool isProposer = _proposals[proposalId].proposerSeat == seat;
        bool ends = isProposer || _count(_cancellations[proposalId]) >= threshold;
        if (ends) _proposals[proposalId].state = CANCELLED;

        emit CancellationVoted(proposalId, msg.sender);
        if (ends) emit Cancelled(proposalId);
    }

    /* SETTINGS */

    /// @inheritdoc ICouncil
    function install(bytes32 role, address account) external onlyItself {
        address previous = _current[role].account;
        if (account.code.length == 0 || account == previous) revert CouncilInvalidContract(role, account);
        if (previous != address(0) && Directory.keepsState(role)) revert CouncilStateKept(role, previous);
        address log = _current[Directory.AUDIT_LOG].account;
        if (Directory.writesLog(role) && log == address(0)) revert CouncilAuditLogMissing(role);

        // Safe casts: 48 bits of block numbers last longer than any chain.
        uint48 blockNumber = uint48(block.number);
        if (previous != address(0)) {
            Tenure memory ended = _current[role];
            ended.untilBlock = blockNumber;
            _past[role].push(ended);
        }
        _current[role] = Tenure({account: account, fromBlock: blockNumber, untilBlock: 0});

        emit ContractInstalled(role, account, previous);

        if (Directory.writesLog(role)) {
            if (previous != address(0)) IAuditLog(log).retireWriter(previous);
            IAuditLog(log).admitWriter(account);
        }
        if (role == Directory.ACCESS_GATEWAY) {
            // Pushed, not asked for: the registry would otherwise call back for every request of a batch.
            address consents = _current[Directory.CONSENT_REGISTRY].account;
            if (consents == address(0)) revert CouncilInvalidContract(Directory.CONSENT_REGISTRY, consents);
            IConsentRegistry(consents).admitGateway(account);
        }
    }

    /// @inheritdoc ICouncil
    function addMember(address member) external onlyItself {
        _addMember(member);
    }

    /// @inheritdoc ICouncil
    function removeMember(address member) external onlyItself {
        if (!isMember(member)) revert CouncilInvalidMember(member);
        uint256 length = _members.length;
        if (length - 1 < threshold) revert CouncilInvalidThreshold(threshold, length - 1);

        _seats[member] = 0;
        for (uint256 i = 0; i < length; ++i) {
            if (_members[i] == member) {
                _members[i] = _members[length - 1];
                _members.pop();
                break;
            }
        }

        emit MemberRemoved(member);
    }

    /// @inheritdoc ICouncil
    function setThreshold(uint16 newThreshold) external onlyItself {
        _setThreshold(newThreshold);
    }

    /// @inheritdoc ICouncil
    function setDelay(uint32 newDelaySeconds) external onlyItself {
        if (newDelaySeconds == delaySeconds) revert CouncilInvalidDelay(newDelaySeconds);

        _setDelay(newDelaySeconds);
    }

    /* READS */

    /// @inheritdoc ICouncil
    function contractOf(bytes32 role) public view returns (address) {
        return _current[role].account;
    }

    /// @inheritdoc ICouncil
    function isActive(bytes32 role, address account) external view returns (bool) {
        return account != address(0) && _current[role].account == account;
    }

    /// @inheritdoc ICouncil
    function tenureCount(bytes32 role) external view returns (uint256) {
        return _past[role].length + (_current[role].account == address(0) ? 0 : 1);
    }

    /// @inheritdoc ICouncil
    function tenureAt(bytes32 role, uint256 index) external view returns (Tenure memory) {
        return index == _past[role].length ? _current[role] : _past[role][index];
    }

    /// @inheritdoc ICouncil
    function isMember(address account) public view returns (bool) {
        return _seats[account] != 0;
    }

    /// @inheritdoc ICouncil
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc ICouncil
    function proposalOf(bytes32 proposalId)
        external
        view
        returns (uint8 state, address proposer, uint256 approvals, uint64 reachedAt)
    {
        Proposal memory proposal = _proposals[proposalId];
        return (proposal.state, proposal.proposer, _count(_approvals[proposalId]), proposal.reachedAt);
    }

    /// @inheritdoc ICouncil
    function idOf(Call[] calldata calls, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), calls, salt));
    }

    /* INTERNAL */

    function _approve(bytes32 proposalId) private {
        uint256 seat = _seats[msg.sender];
        if (!_approvals[proposalId][seat]) {
            _approvals[proposalId][seat] = true;

            emit Approved(proposalId, msg.sender);
        }

        // Reached again after a removal of members or a higher threshold, the delay starts again.
        uint256 count = _count(_approvals[proposalId]);
        if (count == threshold || (count > threshold && _proposals[proposalId].reachedAt == 0)) _reach(proposalId);
    }

    function _reach(bytes32 proposalId) private {
        _proposals[proposalId].reachedAt = uint64(block.timestamp);

        emit ThresholdReached(proposalId, uint64(block.timestamp));
    }

    /// @dev Votes are given in the first thirty days: nobody completes or revives an old proposal.
    function _requireVotable(bytes32 proposalId) private view {
        uint64 until = _proposals[proposalId].proposedAt + LIFETIME;
        if (block.timestamp > until) revert CouncilExpired(proposalId, until);
    }

    function _requireTarget(bytes32 proposalId, uint256 index, Call calldata call) private view {
        address target = call.target;
        if (target.code.length == 0) revert CouncilNoContract(proposalId, index);
        bytes4 verb = call.callData.length < 4 ? bytes4(0) : bytes4(call.callData[:4]);
        bool isInstallers = verb == IAuditLog.admitWriter.selector || verb == IAuditLog.retireWriter.selector
            || verb == IConsentRegistry.admitGateway.selector;
        if (
            isInstallers || target == contractOf(Directory.AUDIT_LOG)
                || target == contractOf(Directory.CONSENT_REGISTRY)
        ) revert CouncilForbiddenTarget(proposalId, index, target);
    }

    function _requireOpen(bytes32 proposalId) private view {
        uint8 state = _proposals[proposalId].state;
        if (state != OPEN) revert CouncilProposalNotOpen(proposalId, state);
    }

    /// @dev Votes of present members only: a member's removal voids its votes.
    function _count(mapping(uint256 seat => bool) storage votes) private view returns (uint256 count) {
        uint256 length = _members.length;
        for (uint256 i = 0; i < length; ++i) {
            if (votes[_seats[_members[i]]]) ++count;
        }
    }

    function _isDelayed(Call calldata call) private view returns (bool) {
        bytes calldata callData = call.callData;
        if (call.target == address(this)) {
            bool fillsEmptyRole = callData.length >= 36 && bytes4(callData[:4]) == ICouncil.install.selector
                && _current[bytes32(callData[4:36])].account == address(0);
            return !fillsEmptyRole;
        }
        if (call.target != contractOf(Directory.PARTICIPANT_REGISTRY) || callData.length < 4) return false;
        bytes4 verb = bytes4(callData[:4]);
        return verb == IParticipantRegistry.renew.selector || verb == IParticipantRegistry.appointPrincipal.selector
            || verb == IParticipantRegistry.addOperator.selector;
    }

    function _addMember(address member) private {
        if (member == address(0) || member == address(this) || isMember(member) || _members.length == MAX_MEMBERS) {
            revert CouncilInvalidMember(member);
        }

        _seats[member] = ++_seatCount;
        _members.push(member);

        emit MemberAdded(member);
    }

    function _setThreshold(uint16 newThreshold) private {
        if (newThreshold < MIN_THRESHOLD || newThreshold > _members.length || newThreshold == threshold) {
            revert CouncilInvalidThreshold(newThreshold, _members.length);
        }

        if (newThreshold < threshold) _loweredAt = _prolongedAt = uint64(block.timestamp);
        threshold = newThreshold;

        emit ThresholdChanged(newThreshold);
    }

    function _setDelay(uint32 newDelaySeconds) private {
        if (newDelaySeconds > MAX_DELAY) revert CouncilInvalidDelay(newDelaySeconds);

        if (newDelaySeconds > delaySeconds) _prolongedAt = uint64(block.timestamp);
        delaySeconds = newDelaySeconds;

        emit DelayChanged(newDelaySeconds);
    }
}
