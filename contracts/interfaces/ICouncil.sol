// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice One call of a proposal.
struct Call {
    /// Contract to call; the Council itself for its own settings.
    address target;
    /// Selector and arguments.
    bytes callData;
}

/// @notice One line of the directory's history. Fills one storage slot.
struct Tenure {
    /// Contract that holds the role.
    address account;
    /// First block in which it holds it.
    uint48 fromBlock;
    /// First block in which it no longer does; 0 while it does.
    uint48 untilBlock;
}

/// @title Council
/// @notice Votes of the member institutions: the only administrator of the system. It also keeps the directory of
/// contracts. A proposal is a list of calls; it can be executed once, after `threshold` present members have approved.
/// Calls of the delay class need a delay on top, counted from the approval that reached the threshold: changing members,
/// threshold or delay; replacing the AccessGateway; renewing a participant (its keys), appointing its principal or adding an
/// operator in its name. The delay is the longer of that when it was proposed and that now. Votes are given within
/// thirty days of the proposal, and it is executed within thirty days of when it can be; after that it is void, whatever threshold and delay
/// become. Contracts that keep state are installed once; an AuditLog and a ConsentRegistry, installed or not yet, are told
/// who may write and consume by `install` only.
interface ICouncil {
    /* EVENTS */

    event Proposed(bytes32 indexed proposalId, address indexed proposer, bytes32 salt, uint16 callCount);
    /// @notice One per call, so that every voter can read what is voted on.
    event CallProposed(bytes32 indexed proposalId, uint16 index, address target, bytes callData);
    event Approved(bytes32 indexed proposalId, address indexed member);
    /// @notice The delay of a proposal starts.
    event ThresholdReached(bytes32 indexed proposalId, uint64 time);
    event Executed(bytes32 indexed proposalId, address indexed executor);
    event CancellationVoted(bytes32 indexed proposalId, address indexed member);
    event Cancelled(bytes32 indexed proposalId);
    event ContractInstalled(bytes32 indexed role, address indexed account, address indexed previous);
    event MemberAdded(address indexed member);
    event MemberRemoved(address indexed member);
    event ThresholdChanged(uint16 threshold);
    event DelayChanged(uint32 delaySeconds);

    /* ERRORS */

    error CouncilNotMember(address account);
    error CouncilOnlyItself(address caller);
    error CouncilEmptyProposal();
    error CouncilProposalExists(bytes32 proposalId);
    error CouncilProposalNotOpen(bytes32 proposalId, uint8 state);
    error CouncilAlreadyVoted(bytes32 proposalId, address member);
    error CouncilNotApproved(bytes32 proposalId, uint256 approvals, uint16 threshold);
    error CouncilDelayed(bytes32 proposalId, uint64 executableFrom);
    error CouncilExpired(bytes32 proposalId, uint64 executableUntil);
    error CouncilNoContract(bytes32 proposalId, uint256 index);
    error CouncilForbiddenTarget(bytes32 proposalId, uint256 index, address target);
    error CouncilCallFailed(bytes32 proposalId, uint256 index, bytes callData);
    error CouncilInvalidMember(address account);
    error CouncilInvalidThreshold(uint256 threshold, uint256 memberCount);
    error CouncilInvalidDelay(uint256 delaySeconds);
    error CouncilStateKept(bytes32 role, address account);
    error CouncilInvalidContract(bytes32 role, address account);
    error CouncilAuditLogMissing(bytes32 role);

    /* VOTES */

    /// @notice Proposes calls and approves them in the name of the sender.
    /// @param calls What to call, in order.
    /// @param salt Makes equal lists of calls distinct.
    /// @return proposalId keccak256(abi.encode(chainId, this, calls, salt)).
    function propose(Call[] calldata calls, bytes32 salt) external returns (bytes32 proposalId);

    /// @notice Approves an open proposal. A vote is given once, and ends with its member's removal for good.
    function approve(bytes32 proposalId) external;

    /// @notice Executes an approved proposal; any member may. All calls succeed or none.
    function execute(Call[] calldata calls, bytes32 salt) external;

    /// @notice Ends an open proposal: at once by its proposer, otherwise when `threshold` members have called this.
    function cancel(bytes32 proposalId) external;

    /* SETTINGS, by proposals to the Council itself */

    /// @notice Gives a directory role to a contract. Only the AccessGateway can be replaced: the one before loses the role,
    /// and the right to write the log and to consume consents, in the same block. Filling an empty role has no delay.
    function install(bytes32 role, address account) external;

    function addMember(address member) external;

    function removeMember(address member) external;

    function setThreshold(uint16 newThreshold) external;

    function setDelay(uint32 newDelaySeconds) external;

    /* READS */

    /// @notice Contract that holds a role now, 0 if none.
    function contractOf(bytes32 role) external view returns (address);

    /// @notice Whether a contract holds a role now.
    function isActive(bytes32 role, address account) external view returns (bool);

    /// @notice Number of contracts that have ever held a role.
    function tenureCount(bytes32 role) external view returns (uint256);

    /// @notice One line of a role's history, oldest first.
    function tenureAt(bytes32 role, uint256 index) external view returns (Tenure memory);

    function isMember(address account) external view returns (bool);

    function members() external view returns (address[] memory);

    function threshold() external view returns (uint16);

    function delaySeconds() external view returns (uint32);

    /// @notice State of a proposal: 0 unknown, 1 open, 2 executed, 3 cancelled; approvals of present members; when the
    /// threshold was reached (0 if not yet).
    function proposalOf(bytes32 proposalId)
        external
        view
        returns (uint8 state, address proposer, uint256 approvals, uint64 reachedAt);

    /// @notice Id of a list of calls.
    function idOf(Call[] calldata calls, bytes32 salt) external view returns (bytes32);
}
