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
import {ConsentHead, ConsentLib, ConsentScope, ConsentSlot, ConsentStatus, ConsentWords} from "./types/Consent.sol";
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

    /* TYPES */

    /// @dev One request under a consent, unpacked. A batch fills the same one again for each item.
    struct Request {
        bytes32 accessId;
        Access access;
        ConsentHead head;
        ConsentScope scope;
    }

    /// @dev An account that asks, read once for a run of requests.
    struct Caller {
        address operator;
        bytes32 participantId;
        Standing standing;
        uint32 left;
        uint32 recorded;
    }

    /// @dev Neighbours in the list of emergencies that wait for review; 0 at its ends.
    struct Neighbours {
        bytes32 older;
        bytes32 newer;
    }

    /* IMMUTABLES */

    IParticipantRegistry public immutable participants;
    ISubjectRegistry public immutable subjects;
    IConsentRegistry public immutable consents;
    IAuditLog public immutable log;

    /* STORAGE, whose layout light clients prove against */

    mapping(bytes32 accessId => uint256) public slotOf;
    /// Participant of each granted emergency.
    mapping(bytes32 accessId => bytes32 participantId) private _emergencyBy;
    /// Emergencies of a participant that wait for review, as a list from the oldest to the newest.
    mapping(bytes32 participantId => bytes32 accessId) private _oldest;
    mapping(bytes32 participantId => bytes32 accessId) private _newest;
    mapping(bytes32 accessId => Neighbours) private _waiting;

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
        Request memory unpacked;
        accessId = _unpack(access, unpacked);
        Caller memory caller = _callerOf(msg.sender);
        uint8 refusal;
        (code, refusal) = _requestUnderConsent(consent, access, unpacked, caller, consents.domainSeparator());
        if (refusal != Refusal.NONE) revert AccessGatewayRefused(accessId, refusal);
        _charge(caller);
    }

    /// @inheritdoc IAccessGateway
    function requestMany(SignedRequest[] calldata requests) external returns (uint256 recorded) {
        bytes32 consentDomain = consents.domainSeparator();
        Request memory unpacked;
        Caller memory caller;
        for (uint256 i = 0; i < requests.length; ++i) {
            SignedRequest calldata item = requests[i];
            address operator = _signerOf(_unpack(item.access, unpacked), item.operator);
            if (operator != caller.operator) {
                _charge(caller);
                caller = _callerOf(operator);
            }
            (, uint8 refusal) = _requestUnderConsent(item.consent, item.access, unpacked, caller, consentDomain);
            if (refusal == Refusal.NONE) ++recorded;
            else emit RequestSkipped(i, unpacked.accessId, refusal);
        }
        _charge(caller);
    }

    /// @inheritdoc IAccessGateway
    function requestOwn(AccessWords calldata access, bytes calldata signature)
        external
        returns (bytes32 accessId, uint16 code)
    {
        Access memory unpacked;
        access.unpack(unpacked);
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
        Access memory unpacked;
        access.unpack(unpacked);
        accessId = _digest(unpacked.hash());
        address operator = _recover(accessId, first);
        address witness = _recover(accessId, second);
        uint8 refusal = _refusalOf(access, unpacked, accessId, AccessKind.EMERGENCY);
        if (refusal == Refusal.NONE && subjects.sourceOf(unpacked.referenceId) == 0) refusal = Refusal.SUBJECT_UNKNOWN;
        if (refusal == Refusal.NONE && operator == witness) refusal = Refusal.SAME_OPERATOR;
        if (refusal == Refusal.NONE && participants.participantOf(witness) != unpacked.participantId) {
            refusal = Refusal.OTHER_PARTICIPANT;
        }
        Caller memory caller = _callerOf(operator);
        if (refusal == Refusal.NONE) refusal = _refusalOf(caller, unpacked.participantId);
        bool overQuota = refusal == Refusal.QUOTA_USED_UP;
        if (refusal != Refusal.NONE && !overQuota) revert AccessGatewayRefused(accessId, refusal);

        code = _decideEmergency(caller.standing, unpacked);
        // A used-up quota must not cost a life: it stops only requests that would be denied anyway.
        if (overQuota && code != Codes.GRANTED) revert AccessGatewayRefused(accessId, refusal);
        uint64 time = uint64(block.timestamp);
        _record(access, accessId, unpacked.referenceId, operator, code, time + Policy.EMERGENCY_SESSION);
        if (!overQuota) caller.recorded = 1;
        _charge(caller);

        if (code == Codes.GRANTED) {
            _emergencyBy[accessId] = unpacked.participantId;
            _await(unpacked.participantId, accessId);

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
        _settle(reviewed, accessId);

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
        accessId = _oldest[participantId];
        overdue = accessId != 0 && block.timestamp > slotOf[accessId].recordedAt() + REVIEW_TIME;
    }

    /// @inheritdoc IAccessGateway
    function idOf(AccessWords calldata access) external view returns (bytes32) {
        Access memory unpacked;
        access.unpack(unpacked);
        return _digest(unpacked.hash());
    }

    /// @inheritdoc IAccessGateway
    function consentIdOf(ConsentWords calldata consent) external view returns (bytes32) {
        ConsentHead memory head;
        ConsentScope memory scope;
        return _consentId(consent, head, scope, consents.domainSeparator());
    }

    /* INTERNAL */

    function _unpack(AccessWords calldata access, Request memory unpacked) private view returns (bytes32 accessId) {
        access.unpack(unpacked.access);
        accessId = _digest(unpacked.access.hash());
        unpacked.accessId = accessId;
    }

    /// @dev Decides and records one request, or tells why it can't be recorded.
    function _requestUnderConsent(
        ConsentWords calldata consent,
        AccessWords calldata access,
        Request memory unpacked,
        Caller memory caller,
        bytes32 consentDomain
    ) private returns (uint16 code, uint8 refusal) {
        refusal = _refusalOf(access, unpacked.access, unpacked.accessId, AccessKind.CONSENT);
        if (refusal == Refusal.NONE) refusal = _refusalOf(caller, access.participantId);
        if (refusal != Refusal.NONE) return (0, refusal);
        if (!consent.isClean()) return (0, Refusal.MALFORMED);
        if (_consentId(consent, unpacked.head, unpacked.scope, consentDomain) != access.referenceId) {
            return (0, Refusal.OTHER_CONSENT);
        }

        uint64 expiry;
        (code, expiry) = _decide(unpacked.head.holder, unpacked.scope, unpacked.access, caller.standing);
        if (code == 0) return (0, Refusal.CONSENT_UNKNOWN);

        _record(access, unpacked.accessId, bytes32(consent.holder), caller.operator, code, expiry);
        ++caller.recorded;
    }

    /// @dev Asks the policy, and spends a use if everything allows it. The code is 0 if the consent was never granted.
    function _decide(address holder, ConsentScope memory scope, Access memory access, Standing memory standing)
        private
        returns (uint16 code, uint64 expiry)
    {
        uint64 time = uint64(block.timestamp);
        uint16 standingCode = Policy.checkStanding(standing, access, time);
        uint16 scopeCode = Policy.checkScope(scope, access, time);
        (uint256 slot, uint64 epoch) = consents.consume(holder, access.referenceId, standingCode == 0 && scopeCode == 0);
        if (ConsentSlot.status(slot) == ConsentStatus.UNKNOWN) return (0, 0);

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

    /// @dev Counts what a caller has recorded since it was read.
    function _charge(Caller memory caller) private {
        if (caller.recorded != 0) participants.charge(caller.participantId, caller.recorded);
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

    /// @dev Puts an emergency at the end of those that wait for review.
    function _await(bytes32 participantId, bytes32 accessId) private {
        bytes32 before = _newest[participantId];
        if (before == 0) _oldest[participantId] = accessId;
        else _waiting[before].newer = accessId;
        _waiting[accessId].older = before;
        _newest[participantId] = accessId;
    }

    /// @dev Takes an emergency out of those that wait, wherever it stands: its price does not depend on their number.
    function _settle(bytes32 participantId, bytes32 accessId) private {
        Neighbours memory beside = _waiting[accessId];
        if (beside.older == 0) _oldest[participantId] = beside.newer;
        else _waiting[beside.older].newer = beside.newer;
        if (beside.newer == 0) _newest[participantId] = beside.older;
        else _waiting[beside.newer].older = beside.older;
        delete _waiting[accessId];
    }

    function _refusalOf(AccessWords calldata access, Access memory unpacked, bytes32 accessId, uint8 kind)
        private
        view
        returns (uint8)
    {
        uint32 purpose = unpacked.purpose;
        // Without its lowest bit a mask of exactly one bit is empty.
        if (!access.isClean() || unpacked.kind != kind || purpose == 0 || purpose & (purpose - 1) != 0) {
            return Refusal.MALFORMED;
        }
        if (access.recordsRoot == 0 || access.sessionKey == 0) return Refusal.MALFORMED;
        if (unpacked.recordCount == 0 || unpacked.recordCount > Labels.MAX_RECORDS) return Refusal.MALFORMED;
        if ((access.participantId == 0) != (kind == AccessKind.OWN)) return Refusal.MALFORMED;
        if (kind == AccessKind.OWN && purpose != Labels.PATRQT) return Refusal.MALFORMED;
        if (block.timestamp > unpacked.deadline) return Refusal.DEADLINE_PASSED;
        if (slotOf[accessId] != 0) return Refusal.ACCESS_KNOWN;
        return Refusal.NONE;
    }

    function _refusalOf(Caller memory caller, bytes32 participantId) private pure returns (uint8) {
        if (caller.participantId == 0) return Refusal.NOT_OPERATOR;
        if (caller.participantId != participantId) return Refusal.OTHER_PARTICIPANT;
        if (caller.recorded >= caller.left) return Refusal.QUOTA_USED_UP;
        return Refusal.NONE;
    }

    function _callerOf(address operator) private view returns (Caller memory caller) {
        caller.operator = operator;
        (caller.participantId, caller.standing, caller.left) = participants.callerOf(operator);
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

    /// @dev An empty signature stands for the sender: an institution that delivers its own requests need not sign twice.
    function _signerOf(bytes32 digest, CompactSignature calldata signature) private view returns (address) {
        return signature.r | signature.vs == 0 ? msg.sender : _recover(digest, signature);
    }

    /// @dev Unpacks a consent and computes its id.
    function _consentId(
        ConsentWords calldata consent,
        ConsentHead memory head,
        ConsentScope memory scope,
        bytes32 domain
    ) private pure returns (bytes32) {
        consent.unpackHead(head);
        consent.unpackScope(scope);
        bytes32 structHash = ConsentLib.hash(ConsentLib.hash(head), ConsentLib.hash(scope));
        return MessageHashUtils.toTypedDataHash(domain, structHash);
    }

    function _installed(ICouncil council, bytes32 role) private view returns (address account) {
        account = council.contractOf(role);
        if (account == address(0)) revert AccessGatewayMissingContract(role);
    }
}
