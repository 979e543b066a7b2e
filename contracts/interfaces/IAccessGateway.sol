// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {AccessWords} from "../types/Access.sol";
import {ConsentWords} from "../types/Consent.sol";

/// @notice Compact ECDSA signature (EIP-2098).
struct CompactSignature {
    bytes32 r;
    /// s with the parity bit of v on top.
    bytes32 vs;
}

/// @notice An operator's request that anybody may deliver. With an empty signature the operator is the sender.
struct SignedRequest {
    ConsentWords consent;
    AccessWords access;
    CompactSignature operator;
}

/// @notice What is kept of an access.
struct AccessState {
    /// Outcome: one of Codes; 0 if there is no such access.
    uint16 code;
    /// Unix time at which the session ends; 0 for a denial.
    uint64 expiry;
    /// One of AccessKind.
    uint8 kind;
    /// Stopped by a supervisor.
    bool frozen;
    /// Emergency that another institution has judged.
    bool reviewed;
    /// Unix time of the entry.
    uint64 recordedAt;
}

/// @title Refusal
/// @notice Why a request was not recorded at all.
library Refusal {
    uint8 internal constant NONE = 0;
    /// Bits above the last field, a wrong kind, not exactly one purpose, an empty root or key, or a bad number of records.
    uint8 internal constant MALFORMED = 1;
    uint8 internal constant DEADLINE_PASSED = 2;
    /// The sender or signer operates no participant.
    uint8 internal constant NOT_OPERATOR = 3;
    /// The operator's participant is not the one named.
    uint8 internal constant OTHER_PARTICIPANT = 4;
    /// The participant's quota of this hour is used up.
    uint8 internal constant QUOTA_USED_UP = 5;
    /// The access was recorded before.
    uint8 internal constant ACCESS_KNOWN = 6;
    /// `referenceId` is not the digest of the consent shown.
    uint8 internal constant OTHER_CONSENT = 7;
    /// The consent was never granted.
    uint8 internal constant CONSENT_UNKNOWN = 8;
    /// The subject is unknown or unclaimed.
    uint8 internal constant SUBJECT_UNKNOWN = 9;
    /// Signed by neither controller nor guardian.
    uint8 internal constant NOT_CONTROLLER = 10;
    /// Both signatures of an emergency are of one operator.
    uint8 internal constant SAME_OPERATOR = 11;
}

/// @title AccessGateway
/// @notice Decides requests for records and writes each decision down. A policy reason never reverts: it is recorded as a
/// denial with a code. What can't be attributed or understood is refused and leaves no trace.
interface IAccessGateway {
    /* EVENTS */

    /// @notice Custodians may release.
    /// @param accessId EIP-712 digest of the access.
    /// @param participantId Who asked; 0 in an own access.
    /// @param referenceId consentId, or subjectRef in an own or emergency access.
    /// @param key Chain in the AuditLog: holder left-padded, or subjectRef.
    /// @param operator Account that asked.
    /// @param scope What and why, as in AccessWords.
    /// @param recordsRoot Which records.
    /// @param userDigest Salted digest of the natural person.
    /// @param expiry Unix time at which the session ends.
    event AccessGranted(
        bytes32 indexed accessId,
        bytes32 indexed participantId,
        bytes32 indexed referenceId,
        bytes32 key,
        address operator,
        uint256 scope,
        bytes32 recordsRoot,
        bytes32 userDigest,
        uint64 expiry
    );
    /// @notice Custodians release nothing. Parameters as in AccessGranted; `code` is the reason.
    event AccessDenied(
        bytes32 indexed accessId,
        bytes32 indexed participantId,
        bytes32 indexed referenceId,
        bytes32 key,
        address operator,
        uint256 scope,
        bytes32 recordsRoot,
        bytes32 userDigest,
        uint16 code
    );
    /// @notice An emergency access was granted; it is to be reviewed by another institution until `reviewBy`.
    event EmergencyOpened(bytes32 indexed accessId, bytes32 indexed participantId, address second, uint64 reviewBy);
    /// @notice An item of `requestMany` was refused.
    event RequestSkipped(uint256 indexed index, bytes32 indexed accessId, uint8 refusal);
    event AccessReviewed(bytes32 indexed accessId, bytes32 indexed reviewerId, address operator, uint8 verdict);
    event AccessFrozen(bytes32 indexed accessId, bytes32 indexed supervisorId, address operator);
    event AccessUnfrozen(bytes32 indexed accessId, bytes32 indexed supervisorId, address operator);

    /* ERRORS */

    error AccessGatewayMissingContract(bytes32 role);
    error AccessGatewayRefused(bytes32 accessId, uint8 refusal);
    error AccessGatewayNotSupervisor(address caller);
    error AccessGatewayNotReviewer(address caller, bytes32 participantId);
    error AccessGatewayNotGranted(bytes32 accessId, uint16 code);
    error AccessGatewayWrongKey(bytes32 accessId, bytes32 key);
    error AccessGatewayNotEmergency(bytes32 accessId, uint8 kind);
    error AccessGatewayInvalidVerdict(uint8 verdict);
    error AccessGatewayUnchanged(bytes32 accessId);

    /* REQUESTS */

    /// @notice Asks under a consent. The sender is an operator of the participant.
    /// @return accessId EIP-712 digest of the access.
    /// @return code 1 if granted, else the reason of the denial.
    function request(ConsentWords calldata consent, AccessWords calldata access)
        external
        returns (bytes32 accessId, uint16 code);

    /// @notice Delivers requests that operators have signed. An item that would be refused is skipped; the others count.
    /// @return recorded Number of items recorded, granted or denied.
    function requestMany(SignedRequest[] calldata requests) external returns (uint256 recorded);

    /// @notice A patient or guardian opens the subject's own records. Purpose PATRQT, no consent, one hour.
    /// @param signature Of controller or guardian; empty if the sender.
    function requestOwn(AccessWords calldata access, bytes calldata signature)
        external
        returns (bytes32 accessId, uint16 code);

    /// @notice Opens records of a subject in an emergency, without a consent, for four hours. Two operators of the
    /// participant sign; another institution reviews.
    function requestEmergency(
        AccessWords calldata access,
        CompactSignature calldata first,
        CompactSignature calldata second
    ) external returns (bytes32 accessId, uint16 code);

    /* SUPERVISION */

    /// @notice Judges an emergency access. By an operator of another participant with SUPERVISE or CARE.
    /// @param key Chain the access is on, as in its event.
    /// @param verdict 1 justified, 2 not justified.
    function review(bytes32 accessId, bytes32 key, uint8 verdict) external;

    /// @notice Stops a granted access. By an operator of a participant with SUPERVISE.
    function freeze(bytes32 accessId, bytes32 key) external;

    /// @notice Lets a frozen access go on until its expiry.
    function unfreeze(bytes32 accessId, bytes32 key) external;

    /* READS */

    /// @notice The access's word: code 16, expiry 64, kind 8, frozen 1, reviewed 1, recorded at 64 from bit 96, low 96 bits of
    /// the hash of the chain key from bit 160.
    function slotOf(bytes32 accessId) external view returns (uint256);

    /// @notice The same, unpacked.
    function accessOf(bytes32 accessId) external view returns (AccessState memory);

    /// @notice Oldest emergency of a participant that waits for review, and whether it is overdue; 0 if none waits.
    function openEmergencyOf(bytes32 participantId) external view returns (bytes32 accessId, bool overdue);

    /// @notice EIP-712 digest of an access.
    function idOf(AccessWords calldata access) external view returns (bytes32);

    /// @notice EIP-712 digest of a consent under the ConsentRegistry's domain.
    function consentIdOf(ConsentWords calldata consent) external view returns (bytes32);
}
