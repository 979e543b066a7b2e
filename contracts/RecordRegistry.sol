// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {ICouncil} from "./interfaces/ICouncil.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {IRecordRegistry} from "./interfaces/IRecordRegistry.sol";
import {ISubjectRegistry} from "./interfaces/ISubjectRegistry.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Entries} from "./types/Entries.sol";
import {ParticipantRole} from "./types/Participant.sol";
import {AnchorTag, Attestation, Destruction, RecordLib, RecordSlot, RecordStatus} from "./types/Record.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title RecordRegistry
contract RecordRegistry is IRecordRegistry, TypedData {
    using RecordSlot for uint256;

    /* IMMUTABLES */

    ICouncil public immutable council;
    IParticipantRegistry public immutable participants;
    ISubjectRegistry public immutable subjects;
    IAuditLog public immutable log;
    uint64 public immutable coolingOffSeconds;

    /* STORAGE */

    mapping(bytes32 participantId => mapping(bytes32 root => uint256)) public anchorOf;
    mapping(bytes32 sourceId => mapping(bytes32 id => uint256)) public stateOf;

    /* CONSTRUCTOR */

    /// @param council_ May order a destruction.
    /// @param participants_ Tells operators and custodian sets.
    /// @param subjects_ Tells controllers and legal holds.
    /// @param log_ Log of all changes.
    /// @param coolingOffSeconds_ Time between an order and erasure.
    constructor(
        ICouncil council_,
        IParticipantRegistry participants_,
        ISubjectRegistry subjects_,
        IAuditLog log_,
        uint64 coolingOffSeconds_
    ) TypedData(keccak256("Salus RecordRegistry")) {
        if (
            address(council_) == address(0) || address(participants_) == address(0) || address(subjects_) == address(0)
                || address(log_) == address(0)
        ) revert RecordRegistryZeroAddress();
        council = council_;
        participants = participants_;
        subjects = subjects_;
        log = log_;
        coolingOffSeconds = coolingOffSeconds_;
    }

    /* WRITES */

    /// @inheritdoc IRecordRegistry
    function anchor(bytes32 root, uint32 count, uint32 custodianSet, uint8 tag) external {
        bool isBatch = tag == AnchorTag.BATCH;
        bool hasValidSet =
            isBatch ? custodianSet != 0 && custodianSet <= participants.custodianSetCount() : custodianSet == 0;
        if (root == 0 || count == 0 || !hasValidSet || (!isBatch && tag != AnchorTag.LOG)) {
            revert RecordRegistryInvalidAnchor(root, count, custodianSet, tag);
        }
        bytes32 participantId = _actingFor(isBatch ? ParticipantRole.SOURCE : ParticipantRole.CUSTODY);
        if (anchorOf[participantId][root] != 0) revert RecordRegistryAnchored(participantId, root);

        anchorOf[participantId][root] =
            block.timestamp | uint256(count) << 64 | uint256(custodianSet) << 96 | uint256(tag) << 128;

        if (isBatch) emit BatchAnchored(participantId, root, count, custodianSet);
        else emit LogAnchored(participantId, root, count);

        log.append(participantId, isBatch ? Entries.BATCH_ANCHORED : Entries.LOG_ANCHORED, 0, root);
    }

    /// @inheritdoc IRecordRegistry
    function invalidate(bytes32 leaf, bytes32 subjectRef, uint8 reason) external {
        if (reason == 0) revert RecordRegistryInvalidReason();
        bytes32 sourceId = _actingFor(ParticipantRole.SOURCE);
        _requireSubject(subjectRef, sourceId, false);
        uint8 status = stateOf[sourceId][leaf].status();
        if (status != RecordStatus.VALID) revert RecordRegistryWrongStatus(sourceId, leaf, status);

        stateOf[sourceId][leaf] = RecordSlot.invalid(reason);

        emit RecordInvalidated(sourceId, leaf, subjectRef, reason);

        log.append(subjectRef, Entries.RECORD_INVALIDATED, reason, leaf);
    }

    /// @inheritdoc IRecordRegistry
    function order(Destruction calldata destruction, bytes calldata signature) external {
        (bytes32 sourceId, bytes32 recordId) = (destruction.sourceId, destruction.recordId);
        (bytes32 subjectRef, uint32 custodianSet) = (destruction.subjectRef, destruction.custodianSet);
        uint64 time = uint64(block.timestamp);
        // The Council can order before the source has made the subject known: the source may be the one that refuses.
        bool byCouncil = msg.sender == address(council);
        _requireSubject(subjectRef, sourceId, byCouncil);
        if (!byCouncil) _requireOrder(destruction, signature);
        if (subjects.isHeld(subjectRef)) revert RecordRegistryHeld(subjectRef);
        if (custodianSet == 0 || custodianSet > participants.custodianSetCount()) {
            revert RecordRegistryNotMember(0, custodianSet);
        }
        bytes32 id = RecordLib.orderId(recordId, subjectRef);
        uint8 status = stateOf[sourceId][id].status();
        // Not VALID alone: a source that invalidates the id of an order must not hinder the order.
        if (status >= RecordStatus.ORDERED) revert RecordRegistryWrongStatus(sourceId, recordId, status);

        uint64 erasableFrom = time + coolingOffSeconds;
        stateOf[sourceId][id] = RecordSlot.ordered(time, erasableFrom, custodianSet);

        emit DestructionOrdered(sourceId, recordId, subjectRef, custodianSet, erasableFrom);

        log.append(subjectRef, Entries.DESTRUCTION_ORDERED, 0, recordId);
    }

    /// @inheritdoc IRecordRegistry
    function attest(Attestation calldata attestation, bytes calldata signature) external {
        bytes32 recordId = attestation.recordId;
        mapping(bytes32 id => uint256) storage states = stateOf[attestation.sourceId];
        bytes32 id = RecordLib.orderId(recordId, attestation.subjectRef);
        uint256 state = states[id];
        if (state.status() < RecordStatus.ORDERED) {
            revert RecordRegistryWrongStatus(attestation.sourceId, recordId, state.status());
        }
        if (block.timestamp < state.erasableFrom()) {
            revert RecordRegistryTooEarly(recordId, state.erasableFrom(), uint64(block.timestamp));
        }
        if (subjects.isHeld(attestation.subjectRef)) revert RecordRegistryHeld(attestation.subjectRef);
        _requireAttester(attestation, signature);
        (uint256 index, uint256 needed) = _seatOf(attestation.custodianId, state.custodianSet());
        uint256 attested = state.attested(index);
        if (attested == state) revert RecordRegistryAttested(recordId, attestation.custodianId);

        bool ends = state.status() == RecordStatus.ORDERED && _bitCount(attested.attestations()) >= needed;
        states[id] = ends ? attested.destroyed() : attested;

        _announce(attestation, states[id].status(), ends);
    }

    /* INTERNAL */

    /// @dev Tells the world and the subject's chain of one more attestation, or of the last that is needed.
    function _announce(Attestation calldata attestation, uint8 status, bool ends) private {
        (bytes32 sourceId, bytes32 recordId) = (attestation.sourceId, attestation.recordId);
        bytes32 subjectRef = attestation.subjectRef;

        emit DestructionAttested(sourceId, recordId, subjectRef, attestation.custodianId, attestation.erased);
        if (ends) emit RecordDestroyed(sourceId, recordId, subjectRef);

        log.append(subjectRef, Entries.DESTRUCTION_ATTESTED, status, recordId);
    }

    function _actingFor(uint16 role) private view returns (bytes32 participantId) {
        participantId = participants.actingFor(msg.sender, role);
        if (participantId == 0) revert RecordRegistryNotQualified(msg.sender, role);
    }

    /// @dev Without this check a source could write on the chain of another's subject, or of a holder.
    function _requireSubject(bytes32 subjectRef, bytes32 sourceId, bool mayBeUnknown) private view {
        bytes32 known = subjects.sourceOf(subjectRef);
        if (known != sourceId && !(mayBeUnknown && known == 0 && subjectRef != 0)) {
            revert RecordRegistryOtherSource(subjectRef, known, sourceId);
        }
    }

    function _requireOrder(Destruction calldata destruction, bytes calldata signature) private view {
        bytes32 acting = _actingFor(ParticipantRole.SOURCE);
        if (acting != destruction.sourceId) {
            revert RecordRegistryOtherSource(destruction.subjectRef, acting, destruction.sourceId);
        }
        if (block.timestamp > destruction.deadline) {
            revert RecordRegistryDeadlinePassed(destruction.deadline, uint64(block.timestamp));
        }
        address controller = subjects.controllerOf(destruction.subjectRef);
        if (!_isSigned(controller, _digest(RecordLib.hash(destruction)), signature)) {
            revert RecordRegistryInvalidSignature(destruction.recordId, controller);
        }
    }

    function _requireAttester(Attestation calldata attestation, bytes calldata signature) private view {
        address signer = msg.sender;
        if (signature.length != 0) {
            // An invalid signature yields the zero address, which operates nothing.
            (signer,,) = ECDSA.tryRecover(_digest(RecordLib.hash(attestation)), signature);
        }
        bytes32 operated = participants.participantOf(signer);
        if (operated == 0 || operated != attestation.custodianId) {
            revert RecordRegistryInvalidSignature(attestation.recordId, signer);
        }
    }

    /// @dev Index of a custodian in a set, and the number of erasures n - t + 1 after which t shares no longer exist.
    function _seatOf(bytes32 custodianId, uint32 custodianSet) private view returns (uint256 index, uint256 needed) {
        (bytes32[] memory members, uint8 threshold) = participants.custodianSet(custodianSet);
        needed = members.length - threshold + 1;
        for (index = 0; index < members.length; ++index) {
            if (members[index] == custodianId) return (index, needed);
        }
        revert RecordRegistryNotMember(custodianId, custodianSet);
    }

    function _bitCount(uint64 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
}
