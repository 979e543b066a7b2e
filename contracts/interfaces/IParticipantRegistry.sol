// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Standing} from "../types/Participant.sol";

/// @notice Public keys of an institution's machines.
struct ParticipantKeys {
    /// X25519 public key that messages to the institution are sealed to.
    bytes32 encryptionKey;
    /// First half of its node's 64-byte secp256k1 public key (devp2p).
    bytes32 nodeKeyX;
    /// Second half.
    bytes32 nodeKeyY;
    /// Address its validator seals blocks with, or 0.
    address validator;
}

/// @notice What an institution asks for.
struct Application {
    /// One of ParticipantKind.
    uint8 kind;
    /// Digest of the accreditation documents.
    bytes32 accreditation;
    /// Keys of its machines.
    ParticipantKeys keys;
    /// Makes the id; the applicant's choice.
    bytes32 salt;
}

/// @notice What the Council grants.
struct AdmissionTerms {
    /// Mask of ParticipantRole bits, not 0.
    uint16 roles;
    /// Unix time at which the accreditation ends.
    uint64 accreditedUntil;
    /// Requests per clock hour.
    uint32 hourlyQuota;
}

/// @notice All that is kept of a participant.
struct Participant {
    /// One of ParticipantStatus.
    uint8 status;
    /// One of ParticipantKind.
    uint8 kind;
    /// Mask of ParticipantRole bits.
    uint16 roles;
    /// Unix time at which the accreditation ends.
    uint64 accreditedUntil;
    /// Requests per clock hour.
    uint32 hourlyQuota;
    /// Clock hour (Unix time / 3,600) the count below belongs to.
    uint32 hour;
    /// Requests in that hour.
    uint32 used;
    /// Account that adds and removes operators.
    address principal;
    /// Digest of the accreditation documents.
    bytes32 accreditation;
    /// Keys of its machines.
    ParticipantKeys keys;
}

/// @title ParticipantRegistry
/// @notice Institutions, their rights, their operators and the sets of custodians. An institution applies for itself; the
/// Council decides.
interface IParticipantRegistry {
    /* EVENTS */

    event ParticipantApplied(
        bytes32 indexed participantId, address indexed principal, uint8 kind, bytes32 accreditation
    );
    event ParticipantAdmitted(bytes32 indexed participantId, uint16 roles, uint64 accreditedUntil, uint32 hourlyQuota);
    event ParticipantRenewed(
        bytes32 indexed participantId, uint16 roles, uint64 accreditedUntil, uint32 hourlyQuota, bytes32 accreditation
    );
    /// @notice Follows ParticipantApplied and, if a key changed, ParticipantRenewed.
    event ParticipantKeysSet(
        bytes32 indexed participantId, bytes32 encryptionKey, bytes32 nodeKeyX, bytes32 nodeKeyY, address validator
    );
    event ParticipantSuspended(bytes32 indexed participantId);
    event ParticipantReinstated(bytes32 indexed participantId);
    event ParticipantExpelled(bytes32 indexed participantId);
    event PrincipalAppointed(bytes32 indexed participantId, address indexed principal, address indexed previous);
    event OperatorAdded(bytes32 indexed participantId, address indexed operator);
    event OperatorRemoved(bytes32 indexed participantId, address indexed operator);
    event CustodianSetFormed(uint32 indexed setId, uint8 threshold, bytes32[] members);

    /* ERRORS */

    error ParticipantRegistryNotCouncil(address caller);
    error ParticipantRegistryNotGateway(address caller);
    error ParticipantRegistryNotPrincipal(bytes32 participantId, address caller);
    error ParticipantRegistryUnchanged(bytes32 participantId);
    error ParticipantRegistryKnown(bytes32 participantId);
    error ParticipantRegistryWrongStatus(bytes32 participantId, uint8 found, uint8 expected);
    error ParticipantRegistryInvalidKind(uint8 kind);
    error ParticipantRegistryInvalidKeys();
    error ParticipantRegistryInvalidPrincipal(address principal);
    error ParticipantRegistryInvalidTerms(uint16 roles, uint64 accreditedUntil, uint32 hourlyQuota);
    error ParticipantRegistryOperatorTaken(address operator, bytes32 participantId);
    error ParticipantRegistryNotOperator(address operator, bytes32 participantId);
    error ParticipantRegistryDeadlinePassed(uint64 deadline, uint64 time);
    error ParticipantRegistryInvalidSignature(address signer);
    error ParticipantRegistryInvalidSet(uint256 memberCount, uint8 threshold);
    error ParticipantRegistryNotCustodian(bytes32 participantId);
    error ParticipantRegistryQuotaUsedUp(bytes32 participantId, uint32 count, uint32 left);
    error ParticipantRegistryUnknownSet(uint32 setId);

    /* MEMBERSHIP */

    /// @notice Applies in the name of the sender's institution. The sender becomes its principal and first operator.
    /// @return participantId keccak256(abi.encode(tag, chainId, sender, salt)): nobody can take another's id.
    function applyToJoin(Application calldata application) external returns (bytes32 participantId);

    /// @notice Admits an applicant. Only by the Council.
    function admit(bytes32 participantId, AdmissionTerms calldata terms) external;

    /// @notice Sets new terms, accreditation digest and keys of an active or suspended participant. Only by the Council, which
    /// delays it, because it can change the key that secrets are sealed to.
    function renew(
        bytes32 participantId,
        AdmissionTerms calldata terms,
        bytes32 accreditation,
        ParticipantKeys calldata keys
    ) external;

    /// @notice Stops an active participant. Only by the Council.
    function suspend(bytes32 participantId) external;

    /// @notice Lets a suspended participant go on. Only by the Council.
    function reinstate(bytes32 participantId) external;

    /// @notice Ends an application or a membership for good. Only by the Council.
    function expel(bytes32 participantId) external;

    /// @notice Puts another account in the place of a lost or stolen principal. Only by the Council, which delays it. The old
    /// account stays an operator until it is removed.
    function appointPrincipal(bytes32 participantId, address principal) external;

    /* OPERATORS */

    /// @notice Adds an account that acts for the participant. By its principal or the Council. An account is operator of one
    /// participant in its life.
    /// @param deadline Last second at which the acceptance is good.
    /// @param signature The operator's OperatorAcceptance.
    function addOperator(bytes32 participantId, address operator, uint64 deadline, bytes calldata signature) external;

    /// @notice Removes an operator. By its principal or the Council. The account can't come back.
    function removeOperator(bytes32 participantId, address operator) external;

    /* CUSTODIAN SETS */

    /// @notice Forms a set of custodians that share keys, `threshold` of which restore one. Only by the Council; a set never
    /// changes.
    /// @return setId 1, 2, 3 …
    function formCustodianSet(bytes32[] calldata members, uint8 threshold) external returns (uint32 setId);

    /* QUOTA */

    /// @notice Counts requests against a participant's quota of the present hour. Only by the active gateway, which has read
    /// `callerOf` in the same transaction.
    function charge(bytes32 participantId, uint32 count) external;

    /* READS */

    /// @notice What the gateway needs to know of an account that asks.
    /// @return participantId Participant it operates, 0 if none.
    /// @return standing What the policy needs to know of the participant.
    /// @return left Requests left in the present clock hour.
    function callerOf(address operator)
        external
        view
        returns (bytes32 participantId, Standing memory standing, uint32 left);

    /// @notice Participant an account operates, 0 if none.
    function participantOf(address operator) external view returns (bytes32);

    function participant(bytes32 participantId) external view returns (Participant memory);

    /// @notice Whether a participant is active, accredited and has a role.
    function hasRole(bytes32 participantId, uint16 role) external view returns (bool);

    /// @notice Participant an account operates, if that participant is active, accredited and has one of the roles in the
    /// mask; else 0.
    function actingFor(address operator, uint16 roles) external view returns (bytes32);

    /// @notice Number of custodian sets.
    function custodianSetCount() external view returns (uint32);

    /// @notice Members of a set, in the order of their share indexes, and how many restore a key.
    function custodianSet(uint32 setId) external view returns (bytes32[] memory members, uint8 threshold);

    /// @notice Id an applicant gets with a salt.
    function idOf(address applicant, bytes32 salt) external view returns (bytes32);
}
