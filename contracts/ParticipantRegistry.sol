// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICouncil} from "./interfaces/ICouncil.sol";
import {
    AdmissionTerms,
    Application,
    IParticipantRegistry,
    Participant,
    ParticipantKeys
} from "./interfaces/IParticipantRegistry.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Directory} from "./types/Directory.sol";
import {ParticipantKind, ParticipantRole, ParticipantStatus, Standing} from "./types/Participant.sol";

/// @title ParticipantRegistry
contract ParticipantRegistry is IParticipantRegistry, TypedData {
    /* CONSTANTS */

    bytes32 private constant PARTICIPANT_TAG = keccak256("salus.participant.v1");
    bytes32 private constant ACCEPTANCE_TYPEHASH =
        keccak256("OperatorAcceptance(bytes32 participantId,address operator,uint64 deadline)");
    /// Entry of an account that was an operator once and can't be one again.
    bytes32 private constant RETIRED = bytes32(uint256(1));
    /// The attestation bitmap of a record has 64 bits; Shamir shares and message sizes set a lower limit.
    uint256 private constant MAX_SET_SIZE = 16;

    /* IMMUTABLES */

    ICouncil public immutable council;

    /* STORAGE */

    struct CustodianSet {
        uint8 threshold;
        bytes32[] members;
    }

    mapping(bytes32 participantId => Participant) private _participants;
    mapping(address operator => bytes32 participantId) private _operators;
    mapping(uint32 setId => CustodianSet) private _sets;
    uint32 public custodianSetCount;

    /* CONSTRUCTOR */

    /// @param council_ Decides about membership.
    constructor(ICouncil council_) TypedData(keccak256("Salus ParticipantRegistry")) {
        if (address(council_) == address(0)) revert ParticipantRegistryNotCouncil(address(0));
        council = council_;
    }

    /* MODIFIERS */

    modifier onlyCouncil() {
        if (msg.sender != address(council)) revert ParticipantRegistryNotCouncil(msg.sender);
        _;
    }

    modifier onlyPrincipalOrCouncil(bytes32 participantId) {
        if (msg.sender != _participants[participantId].principal && msg.sender != address(council)) {
            revert ParticipantRegistryNotPrincipal(participantId, msg.sender);
        }
        _;
    }

    /* MEMBERSHIP */

    /// @inheritdoc IParticipantRegistry
    function applyToJoin(Application calldata application) external returns (bytes32 participantId) {
        participantId = idOf(msg.sender, application.salt);
        Participant storage applicant = _participants[participantId];
        if (applicant.status != ParticipantStatus.NONE) revert ParticipantRegistryKnown(participantId);
        if (application.kind == 0 || application.kind > ParticipantKind.REGIONAL_CLOUD) {
            revert ParticipantRegistryInvalidKind(application.kind);
        }
        _requireKeys(application.keys);

        applicant.status = ParticipantStatus.APPLIED;
        applicant.kind = application.kind;
        applicant.principal = msg.sender;
        applicant.accreditation = application.accreditation;
        applicant.keys = application.keys;

        emit ParticipantApplied(participantId, msg.sender, application.kind, application.accreditation);
        _emitKeys(participantId, application.keys);

        _addOperator(participantId, msg.sender);
    }

    /// @inheritdoc IParticipantRegistry
    function admit(bytes32 participantId, AdmissionTerms calldata terms) external onlyCouncil {
        _requireStatus(participantId, ParticipantStatus.APPLIED);

        _participants[participantId].status = ParticipantStatus.ACTIVE;
        _setTerms(participantId, terms);

        emit ParticipantAdmitted(participantId, terms.roles, terms.accreditedUntil, terms.hourlyQuota);
    }

    /// @inheritdoc IParticipantRegistry
    function renew(
        bytes32 participantId,
        AdmissionTerms calldata terms,
        bytes32 accreditation,
        ParticipantKeys calldata keys
    ) external onlyCouncil {
        Participant storage member = _participants[participantId];
        if (member.status != ParticipantStatus.SUSPENDED) _requireStatus(participantId, ParticipantStatus.ACTIVE);
        _requireKeys(keys);

        bool rekeyed = keccak256(abi.encode(member.keys)) != keccak256(abi.encode(keys));
        if (
            !rekeyed && member.accreditation == accreditation && member.roles == terms.roles
                && member.accreditedUntil == terms.accreditedUntil && member.hourlyQuota == terms.hourlyQuota
        ) revert ParticipantRegistryUnchanged(participantId);
        member.accreditation = accreditation;
        member.keys = keys;
        _setTerms(participantId, terms);

        emit ParticipantRenewed(participantId, terms.roles, terms.accreditedUntil, terms.hourlyQuota, accreditation);
        if (rekeyed) _emitKeys(participantId, keys);
    }

    /// @inheritdoc IParticipantRegistry
    function suspend(bytes32 participantId) external onlyCouncil {
        _requireStatus(participantId, ParticipantStatus.ACTIVE);

        _participants[participantId].status = ParticipantStatus.SUSPENDED;

        emit ParticipantSuspended(participantId);
    }

    /// @inheritdoc IParticipantRegistry
    function reinstate(bytes32 participantId) external onlyCouncil {
        _requireStatus(participantId, ParticipantStatus.SUSPENDED);

        _participants[participantId].status = ParticipantStatus.ACTIVE;

        emit ParticipantReinstated(participantId);
    }

    /// @inheritdoc IParticipantRegistry
    function expel(bytes32 participantId) external onlyCouncil {
        uint8 status = _participants[participantId].status;
        if (status == ParticipantStatus.NONE || status == ParticipantStatus.EXPELLED) {
            revert ParticipantRegistryWrongStatus(participantId, status, ParticipantStatus.ACTIVE);
        }

        _participants[participantId].status = ParticipantStatus.EXPELLED;

        emit ParticipantExpelled(participantId);
    }

    /// @inheritdoc IParticipantRegistry
    function appointPrincipal(bytes32 participantId, address principal) external onlyCouncil {
        Participant storage member = _participants[participantId];
        if (member.status == ParticipantStatus.NONE || member.status == ParticipantStatus.EXPELLED) {
            revert ParticipantRegistryWrongStatus(participantId, member.status, ParticipantStatus.ACTIVE);
        }
        address previous = member.principal;
        if (principal == address(0) || principal == previous) revert ParticipantRegistryInvalidPrincipal(principal);

        member.principal = principal;

        emit PrincipalAppointed(participantId, principal, previous);
    }

    /* OPERATORS */

    /// @inheritdoc IParticipantRegistry
    function addOperator(bytes32 participantId, address operator, uint64 deadline, bytes calldata signature)
        external
        onlyPrincipalOrCouncil(participantId)
    {
        uint8 status = _participants[participantId].status;
        if (status == ParticipantStatus.NONE || status == ParticipantStatus.EXPELLED) {
            revert ParticipantRegistryWrongStatus(participantId, status, ParticipantStatus.ACTIVE);
        }
        if (block.timestamp > deadline) {
            revert ParticipantRegistryDeadlinePassed(deadline, uint64(block.timestamp));
        }
        bytes32 digest = _digest(keccak256(abi.encode(ACCEPTANCE_TYPEHASH, participantId, operator, deadline)));
        if (!_isSigned(operator, digest, signature)) revert ParticipantRegistryInvalidSignature(operator);

        _addOperator(participantId, operator);
    }

    /// @inheritdoc IParticipantRegistry
    function removeOperator(bytes32 participantId, address operator) external onlyPrincipalOrCouncil(participantId) {
        bytes32 operated = participantOf(operator);
        if (operated == 0 || operated != participantId) revert ParticipantRegistryNotOperator(operator, participantId);

        _operators[operator] = RETIRED;

        emit OperatorRemoved(participantId, operator);
    }

    /* CUSTODIAN SETS */

    /// @inheritdoc IParticipantRegistry
    function formCustodianSet(bytes32[] calldata members, uint8 threshold) external onlyCouncil returns (uint32 setId) {
        uint256 count = members.length;
        if (count < 2 || count > MAX_SET_SIZE || threshold < 2 || threshold > count) {
            revert ParticipantRegistryInvalidSet(count, threshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (!hasRole(members[i], ParticipantRole.CUSTODY)) revert ParticipantRegistryNotCustodian(members[i]);
            for (uint256 j = 0; j < i; ++j) {
                // One key in two hands is one custodian; the same participant twice has one key, too.
                if (_participants[members[j]].keys.encryptionKey == _participants[members[i]].keys.encryptionKey) {
                    revert ParticipantRegistryInvalidSet(count, threshold);
                }
            }
        }

        setId = ++custodianSetCount;
        _sets[setId] = CustodianSet({threshold: threshold, members: members});

        emit CustodianSetFormed(setId, threshold, members);
    }

    /* QUOTA */

    /// @inheritdoc IParticipantRegistry
    function charge(bytes32 participantId, uint32 count) external {
        if (!council.isActive(Directory.ACCESS_GATEWAY, msg.sender)) {
            revert ParticipantRegistryNotGateway(msg.sender);
        }
        Participant storage member = _participants[participantId];
        uint32 left = _quotaLeft(member);
        if (count > left) revert ParticipantRegistryQuotaUsedUp(participantId, count, left);

        member.used = member.hourlyQuota - left + count;
        member.hour = _hour();
    }

    /* READS */

    /// @inheritdoc IParticipantRegistry
    function callerOf(address operator)
        external
        view
        returns (bytes32 participantId, Standing memory standing, uint32 left)
    {
        participantId = participantOf(operator);
        Participant storage member = _participants[participantId];
        standing = Standing({status: member.status, roles: member.roles, accreditedUntil: member.accreditedUntil});
        left = _quotaLeft(member);
    }

    /// @inheritdoc IParticipantRegistry
    function participantOf(address operator) public view returns (bytes32 participantId) {
        participantId = _operators[operator];
        if (participantId == RETIRED) participantId = 0;
    }

    /// @inheritdoc IParticipantRegistry
    function participant(bytes32 participantId) external view returns (Participant memory) {
        return _participants[participantId];
    }

    /// @inheritdoc IParticipantRegistry
    function hasRole(bytes32 participantId, uint16 role) public view returns (bool) {
        Participant storage member = _participants[participantId];
        return member.status == ParticipantStatus.ACTIVE && block.timestamp < member.accreditedUntil
            && member.roles & role != 0;
    }

    /// @inheritdoc IParticipantRegistry
    function actingFor(address operator, uint16 roles) external view returns (bytes32 participantId) {
        participantId = participantOf(operator);
        if (!hasRole(participantId, roles)) participantId = 0;
    }

    /// @inheritdoc IParticipantRegistry
    function custodianSet(uint32 setId) external view returns (bytes32[] memory members, uint8 threshold) {
        if (setId == 0 || setId > custodianSetCount) revert ParticipantRegistryUnknownSet(setId);
        return (_sets[setId].members, _sets[setId].threshold);
    }

    /// @inheritdoc IParticipantRegistry
    function idOf(address applicant, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(PARTICIPANT_TAG, block.chainid, applicant, salt));
    }

    /* INTERNAL */

    function _addOperator(bytes32 participantId, address operator) private {
        bytes32 taken = _operators[operator];
        if (taken != 0) revert ParticipantRegistryOperatorTaken(operator, taken);

        _operators[operator] = participantId;

        emit OperatorAdded(participantId, operator);
    }

    function _setTerms(bytes32 participantId, AdmissionTerms calldata terms) private {
        if (terms.roles == 0 || terms.roles & ~ParticipantRole.ALL != 0 || terms.accreditedUntil <= block.timestamp) {
            revert ParticipantRegistryInvalidTerms(terms.roles, terms.accreditedUntil, terms.hourlyQuota);
        }

        Participant storage member = _participants[participantId];
        member.roles = terms.roles;
        member.accreditedUntil = terms.accreditedUntil;
        member.hourlyQuota = terms.hourlyQuota;
    }

    function _quotaLeft(Participant storage member) private view returns (uint32) {
        uint32 used = member.hour == _hour() ? member.used : 0;
        // A renewal may have lowered the quota below what was used this hour.
        return used < member.hourlyQuota ? member.hourlyQuota - used : 0;
    }

    function _hour() private view returns (uint32) {
        // Safe cast: 32 bits of hours end in the year 491,936.
        return uint32(block.timestamp / 1 hours);
    }

    function _requireStatus(bytes32 participantId, uint8 expected) private view {
        uint8 found = _participants[participantId].status;
        if (found != expected) revert ParticipantRegistryWrongStatus(participantId, found, expected);
    }

    function _requireKeys(ParticipantKeys calldata keys) private pure {
        if (keys.encryptionKey == 0) revert ParticipantRegistryInvalidKeys();
    }

    function _emitKeys(bytes32 participantId, ParticipantKeys calldata keys) private {
        emit ParticipantKeysSet(participantId, keys.encryptionKey, keys.nodeKeyX, keys.nodeKeyY, keys.validator);
    }
}
