// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessState, CompactSignature, IAccessGateway, Refusal, SignedRequest} from "./interfaces/IAccessGateway.sol";
import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {IConsentRegistry} from "./interfaces/IConsentRegistry.sol";
import {ICouncil} from "./interfaces/ICouncil.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISubjectRegistry} from "./interfaces/ISubjectRegistry.sol";
import {Policy} from "./libraries/Policy.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Access, AccessKind, AccessLib, AccessSlot, AccessWords} from "./types/Access.sol";
import {Codes} from "./types/Codes.sol";
import {ConsentLib, ConsentScope, ConsentSlot, ConsentStatus, ConsentWords} from "./types/Consent.sol";
import {Directory} from "./types/Directory.sol";
import {Entries} from "./types/Entries.sol";
import {Labels} from "./types/Labels.sol";
import {ParticipantRole, Standing} from "./types/Participant.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title AccessGateway
contract AccessGateway is IAccessGateway, TypedData {
    using AccessLib for Access;
    using AccessLib for AccessWords;
    using AccessSlot for uint256;
    using ConsentLib for ConsentWords;

    /* CONSTANTS */

    uint64 private constant REVIEW_TIME = 72 hours;
    uint8 private constant MAX_VERDICT = 2;

    /* IMMUTABLES */

    IParticipantRegistry public immutable participants;
    ISubjectRegistry public immutable subjects;
    IConsentRegistry public immutable consents;
    IAuditLog public immutable log;

    /* STORAGE, whose layout light clients prove against */

    mapping(bytes32 accessId => uint256) public slotOf;
    /// Participant of each granted emergency.
    mapping(bytes32 accessId => bytes32 participantId) private _emergencyBy;
    /// Granted emergencies of a participant, oldest first, and how many of the oldest are reviewed.
    mapping(bytes32 participantId => bytes32[] accessIds) private _emergencies;
    mapping(bytes32 participantId => uint256) private _settled;

    /* CONSTRUCTOR */

    /// @param council Its directory names the other contracts, which must all be installed.
    constructor(ICouncil council) TypedData(keccak256("Salus AccessGateway")) {
        participants = IParticipantRegistry(_installed(council, Directory.PARTICIPANT_REGISTRY));
        subjects = ISubjectRegistry(_installed(council, Directory.SUBJECT_REGISTRY));
        consents = IConsentRegistry(_installed(council, Directory.CONSENT_REGISTRY));
        log = IAuditLog(_installed(council, Directory.AUDIT_LOG));
    }

    /* REQUESTS */

    /// @inheritdoc IAccessGateway
    function request(ConsentWords calldata consent, AccessWords calldata access)
        external
        returns (bytes32 accessId, uint16 code)
    {
        Access memory unpacked = access.unpack();
        accessId = _digest(unpacked.hash());
        uint8 refusal;
        (code, refusal) =
            _requestUnderConsent(consent, access, unpacked, accessId, msg.sender, consents.domainSeparator());
        if (refusal != Refusal.NONE) revert AccessGatewayRefused(accessId, refusal);
    }

    /// @inheritdoc IAccessGateway
    function requestMany(SignedRequest[] calldata requests) external returns (uint256 recorded) {
        bytes32 consentDomain = consents.domainSeparator();
        for (uint256 i = 0; i < requests.length; ++i) {
            SignedRequest calldata item = requests[i];
            Access memory unpacked = item.access.unpack();
            bytes32 accessId = _digest(unpacked.hash());
            (, uint8 refusal) = _requestUnderConsent(
                item.consent, item.access, unpacked, accessId, _recover(accessId, item.operator), consentDomain
            );
            if (refusal == Refusal.NONE) ++recorded;
            else emit RequestSkipped(i, accessId, refusal);
        }
    }

    /// @inheritdoc IAccessGateway
    function requestOwn(AccessWords calldata access, bytes calldata signature)
        external
        returns (bytes32 accessId, uint16 code)
    {
        Access memory unpacked = access.unpack();
        accessId = _digest(unpacked.hash());
        uint8 refusal = _refusalOf(access, unpacked, accessId, AccessKind.OWN);
        if (refusal != Refusal.NONE) revert AccessGatewayRefused(accessId, refusal);
        bytes32 subjectRef = unpacked.referenceId;
        address signer = subjects.controllerOf(subjectRef);
        if (signer == address(0)) revert AccessGatewayRefused(accessId, Refusal.SUBJECT_UNKNOWN);
        if (!_isSigned(signer, accessId, signature)) {
            signer = subjects.subject(subjectRef).guardian;
            if (!_isSigned(signer, accessId, signature)) {
                revert AccessGatewayRefused(accessId, Refusal.NOT_CONTROLLER);
            }
        }

        code = Policy.decideOwn(unpacked, subjects.isFrozen(subjectRef));
        _record(access, accessId, subjectRef, signer, code, uint64(block.timestamp) + Policy.OWN_SESSION);
    }

    /// @inheritdoc IAccessGateway
    function requestEmergency(
        AccessWords calldata access,
        CompactSignature calldata first,
        CompactSignature calldata second
    ) external returns (bytes32 accessId, uint16 code) {
        Access memory unpacked = access.unpack();
        accessId = _digest(unpacked.hash());
        address operator = _recover(accessId, first);
        address witness = _recover(accessId, second);
        uint8 refusal = _refusalOf(access, unpacked, accessId, AccessKind.EMERGENCY);
        if (refusal == Refusal.NONE && subjects.sourceOf(unpacked.referenceId) == 0) refusal = Refusal.SUBJECT_UNKNOWN;
        if (refusal == Refusal.NONE && operator == witness) refusal = Refusal.SAME_OPERATOR;
        if (refusal == Refusal.NONE && participants.participantOf(witness) != unpacked.participantId) {
            refusal = Refusal.OTHER_PARTICIPANT;
        }
        Standing memory standing;
        if (refusal == Refusal.NONE) (standing, refusal) = _charge(operator, unpacked.participantId);
        if (refusal != Refusal.NONE) revert AccessGatewayRefused(accessId, refusal);

        code = _decideEmergency(standing, unpacked);
        uint64 time = uint64(block.timestamp);
        _record(access, accessId, unpacked.referenceId, operator, code, time + Policy.EMERGENCY_SESSION);

        if (code == Codes.GRANTED) {
            _emergencyBy[accessId] = unpacked.participantId;
            _emergencies[unpacked.participantId].push(accessId);

            emit EmergencyOpened(accessId, unpacked.participantId, witness, time + REVIEW_TIME);
        }
    }

    /* SUPERVISION */

    /// @inheritdoc IAccessGateway
    function review(bytes32 accessId, bytes32 key, uint8 verdict) external {
        uint256 slot = _requireGranted(accessId, key);
        if (slot.kind() != AccessKind.EMERGENCY) revert AccessGatewayNotEmergency(accessId, slot.kind());
        if (verdict == 0 || verdict > MAX_VERDICT) revert AccessGatewayInvalidVerdict(verdict);
        if (slot.isReviewed()) revert AccessGatewayUnchanged(accessId);
        bytes32 reviewed = _emergencyBy[accessId];
        bytes32 reviewer = participants.actingFor(msg.sender, ParticipantRole.SUPERVISE | ParticipantRole.CARE);
        if (reviewer == 0 || reviewer == reviewed) revert AccessGatewayNotReviewer(msg.sender, reviewer);

        slotOf[accessId] = slot | AccessSlot.REVIEWED;
        _settle(reviewed);

        emit AccessReviewed(accessId, reviewer, msg.sender, verdict);

        log.append(key, Entries.ACCESS_REVIEWED, verdict, accessId);
    }

    /// @inheritdoc IAccessGateway
    function freeze(bytes32 accessId, bytes32 key) external {
        uint256 slot = _requireGranted(accessId, key);
        if (slot.isFrozen()) revert AccessGatewayUnchanged(accessId);
        bytes32 supervisor = _requireSupervisor();

        slotOf[accessId] = slot | AccessSlot.FROZEN;

        emit AccessFrozen(accessId, supervisor, msg.sender);

        log.append(key, Entries.ACCESS_FROZEN, 0, accessId);
    }

    /// @inheritdoc IAccessGateway
    function unfreeze(bytes32 accessId, bytes32 key) external {
        uint256 slot = _requireGranted(accessId, key);
        if (!slot.isFrozen()) revert AccessGatewayUnchanged(accessId);
        bytes32 supervisor = _requireSupervisor();

        slotOf[accessId] = slot & ~AccessSlot.FROZEN;

        emit AccessUnfrozen(accessId, supervisor, msg.sender);

        log.append(key, Entries.ACCESS_UNFROZEN, 0, accessId);
    }

    /* READS */

    /// @inheritdoc IAccessGateway
    function accessOf(bytes32 accessId) external view returns (AccessState memory) {
        uint256 slot = slotOf[accessId];
        return AccessState({
            code: slot.code(),
            expiry: slot.expiry(),
            kind: slot.kind(),
            frozen: slot.isFrozen(),
            reviewed: slot.isReviewed(),
            recordedAt: slot.recordedAt()
        });
    }

    /// @inheritdoc IAccessGateway
    function openEmergencyOf(bytes32 participantId) public view returns (bytes32 accessId, bool overdue) {
        bytes32[] storage queue = _emergencies[participantId];
        uint256 oldest = _settled[participantId];
        if (oldest == queue.length) return (0, false);
        accessId = queue[oldest];
        overdue = block.timestamp > slotOf[accessId].recordedAt() + REVIEW_TIME;
    }

    /// @inheritdoc IAccessGateway
    function idOf(AccessWords calldata access) external view returns (bytes32) {
        return _digest(access.unpack().hash());
    }

    /// @inheritdoc IAccessGateway
    function consentIdOf(ConsentWords calldata consent) external view returns (bytes32) {
        return _consentId(consent, consent.unpackScope(), consents.domainSeparator());
    }

    /* INTERNAL */

    /// @dev Decides and records one request, or tells why it can't be recorded.
    function _requestUnderConsent(
        ConsentWords calldata consent,
        AccessWords calldata access,
        Access memory unpacked,
        bytes32 accessId,
        address operator,
        bytes32 consentDomain
    ) private returns (uint16 code, uint8 refusal) {
        refusal = _refusalOf(access, unpacked, accessId, AccessKind.CONSENT);
        if (refusal != Refusal.NONE) return (0, refusal);
        if (!consent.isClean()) return (0, Refusal.MALFORMED);
        ConsentScope memory scope = consent.unpackScope();
        if (_consentId(consent, scope, consentDomain) != unpacked.referenceId) return (0, Refusal.OTHER_CONSENT);

        uint64 expiry;
        (code, expiry, refusal) = _decide(address(uint160(consent.holder)), scope, unpacked, operator);
        if (refusal != Refusal.NONE) return (0, refusal);

        _record(access, accessId, bytes32(consent.holder), operator, code, expiry);
    }

    /// @dev Charges the participant, asks the policy and spends a use if everything allows it.
    function _decide(address holder, ConsentScope memory scope, Access memory access, address operator)
        private
        returns (uint16 code, uint64 expiry, uint8 refusal)
    {
        Standing memory standing;
        (standing, refusal) = _charge(operator, access.participantId);
        if (refusal != Refusal.NONE) return (0, 0, refusal);

        uint64 time = uint64(block.timestamp);
        uint16 standingCode = Policy.checkStanding(standing, access, time);
        uint16 scopeCode = Policy.checkScope(scope, access, time);
        (uint256 slot, uint64 epoch) = consents.consume(holder, access.referenceId, standingCode == 0 && scopeCode == 0);
        if (ConsentSlot.status(slot) == ConsentStatus.UNKNOWN) return (0, 0, Refusal.CONSENT_UNKNOWN);

        code = Policy.combine(standingCode, slot, epoch, scopeCode);
        expiry = Policy.sessionEnd(scope.validUntil, scope.sessionMinutes, time);
    }

    function _decideEmergency(Standing memory standing, Access memory access) private view returns (uint16) {
        (, bool overdue) = openEmergencyOf(access.participantId);
        return Policy.decideEmergency(
            standing,
            access,
            subjects.isFrozen(access.referenceId),
            subjects.denialOf(access.referenceId, access.participantId),
            overdue,
            uint64(block.timestamp)
        );
    }

    function _charge(address operator, bytes32 expected) private returns (Standing memory standing, uint8 refusal) {
        bytes32 participantId;
        bool charged;
        (participantId, standing, charged) = participants.charge(operator);
        if (participantId == 0) refusal = Refusal.NOT_OPERATOR;
        else if (participantId != expected) refusal = Refusal.OTHER_PARTICIPANT;
        else if (!charged) refusal = Refusal.QUOTA_USED_UP;
    }

    /// @dev Stores the outcome, tells the world and appends it to the log.
    function _record(
        AccessWords calldata access,
        bytes32 accessId,
        bytes32 key,
        address operator,
        uint16 code,
        uint64 expiry
    ) private {
        bool granted = code == Codes.GRANTED;
        // Safe cast: the kind is the lowest byte of the scope word.
        slotOf[accessId] =
            AccessSlot.pack(code, granted ? expiry : 0, uint8(access.scope), uint64(block.timestamp), key);

        if (granted) {
            emit AccessGranted(
                accessId,
                access.participantId,
                access.referenceId,
                key,
                operator,
                access.scope,
                access.recordsRoot,
                access.userDigest,
                expiry
            );
        } else {
            emit AccessDenied(
                accessId,
                access.participantId,
                access.referenceId,
                key,
                operator,
                access.scope,
                access.recordsRoot,
                access.userDigest,
                code
            );
        }

        log.append(key, granted ? Entries.ACCESS_GRANTED : Entries.ACCESS_DENIED, code, accessId);
    }

    /// @dev Moves past the oldest emergencies that are reviewed. Each is passed once, so the walk is paid for by reviews.
    function _settle(bytes32 participantId) private {
        bytes32[] storage queue = _emergencies[participantId];
        uint256 settled = _settled[participantId];
        while (settled < queue.length && slotOf[queue[settled]].isReviewed()) {
            ++settled;
        }
        _settled[participantId] = settled;
    }

    function _refusalOf(AccessWords calldata access, Access memory unpacked, bytes32 accessId, uint8 kind)
        private
        view
        returns (uint8)
    {
        bool isOwn = kind == AccessKind.OWN;
        if (
            !access.isClean() || unpacked.kind != kind || unpacked.purpose == 0
                || unpacked.purpose & (unpacked.purpose - 1) != 0 || (isOwn && unpacked.purpose != Labels.PATRQT)
                || isOwn != (unpacked.participantId == 0) || unpacked.recordCount == 0
                || unpacked.recordCount > Labels.MAX_RECORDS || unpacked.recordsRoot == 0 || unpacked.sessionKey == 0
        ) return Refusal.MALFORMED;
        if (block.timestamp > unpacked.deadline) return Refusal.DEADLINE_PASSED;
        if (slotOf[accessId] != 0) return Refusal.ACCESS_KNOWN;
        return Refusal.NONE;
    }

    function _requireGranted(bytes32 accessId, bytes32 key) private view returns (uint256 slot) {
        slot = slotOf[accessId];
        if (slot.code() != Codes.GRANTED) revert AccessGatewayNotGranted(accessId, slot.code());
        if (!slot.hasKey(key)) revert AccessGatewayWrongKey(accessId, key);
    }

    function _requireSupervisor() private view returns (bytes32 supervisor) {
        supervisor = participants.actingFor(msg.sender, ParticipantRole.SUPERVISE);
        if (supervisor == 0) revert AccessGatewayNotSupervisor(msg.sender);
    }

    /// @dev Signer of a digest; 0 if the signature is invalid, and 0 operates nothing.
    function _recover(bytes32 digest, CompactSignature calldata signature) private pure returns (address signer) {
        (signer,,) = ECDSA.tryRecover(digest, signature.r, signature.vs);
    }

    function _consentId(ConsentWords calldata consent, ConsentScope memory scope, bytes32 domain)
        private
        pure
        returns (bytes32)
    {
        bytes32 structHash = ConsentLib.hash(ConsentLib.hash(consent.unpackHead()), ConsentLib.hash(scope));
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    function _installed(ICouncil council, bytes32 role) private view returns (address account) {
        account = council.contractOf(role);
        if (account == address(0)) revert AccessGatewayMissingContract(role);
    }
}
