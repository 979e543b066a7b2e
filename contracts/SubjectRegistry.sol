// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAuditLog} from "./interfaces/IAuditLog.sol";
import {ICouncil} from "./interfaces/ICouncil.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISubjectRegistry, PendingChange, Subject} from "./interfaces/ISubjectRegistry.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Entries} from "./types/Entries.sol";
import {ParticipantRole} from "./types/Participant.sol";
import {
    Appointment,
    Binding,
    Denial,
    Retention,
    Rotation,
    SubjectFreeze,
    SubjectLib,
    SubjectLink,
    SubjectUnlink,
    Veto
} from "./types/Subject.sol";

/// @title SubjectRegistry
contract SubjectRegistry is ISubjectRegistry, TypedData {
    /* CONSTANTS */

    bytes32 private constant SUBJECT_TAG = keccak256("salus.subject.v1");
    uint8 private constant MAX_DENIAL = 2;
    uint8 private constant MAX_RETENTION_YEARS = 5;
    /// Reads walk over the references merged into one, so their number is bounded.
    uint256 private constant MAX_MERGED = 8;
    /// Guardians' nonces begin where no subject's comes: who is guardian first and controller later, or the other way round,
    /// signs no word that counts twice.
    uint64 private constant FIRST_GUARDIAN_NONCE = 1 << 32;

    /* IMMUTABLES */

    ICouncil public immutable council;
    IParticipantRegistry public immutable participants;
    IAuditLog public immutable log;
    uint64 public immutable recoveryDelaySeconds;

    /* STORAGE */

    mapping(bytes32 subjectRef => Subject) private _subjects;
    mapping(bytes32 subjectRef => mapping(bytes32 participantId => uint8 denial)) private _denials;
    mapping(bytes32 subjectRef => PendingChange) private _pending;
    mapping(bytes32 survivor => bytes32[] subjectRefs) private _merged;
    /// A guardian's freezes count apart: else a guardian could spend each nonce the controller has signed for.
    mapping(bytes32 subjectRef => uint64) private _guardianFreezes;

    /* CONSTRUCTOR */

    /// @param council_ May start recoveries and set holds.
    /// @param participants_ Tells operators of sources and supervisors.
    /// @param log_ Log of all changes.
    /// @param recoveryDelaySeconds_ Time the present controller has for a veto.
    constructor(ICouncil council_, IParticipantRegistry participants_, IAuditLog log_, uint64 recoveryDelaySeconds_)
        TypedData(keccak256("Salus SubjectRegistry"))
    {
        if (address(council_) == address(0) || address(participants_) == address(0) || address(log_) == address(0)) {
            revert SubjectRegistryZeroAddress();
        }
        council = council_;
        participants = participants_;
        log = log_;
        recoveryDelaySeconds = recoveryDelaySeconds_;
    }

    /* CONTROL */

    /// @inheritdoc ISubjectRegistry
    function register(bytes32 subjectRef, bytes32 sourceId, bytes32 seed) external {
        _requireSource(sourceId);
        if (_subjects[subjectRef].sourceId == sourceId) revert SubjectRegistryUnchanged(subjectRef);

        _registerAloud(subjectRef, sourceId, seed);
    }

    /// @inheritdoc ISubjectRegistry
    function bind(Binding calldata binding, bytes32 seed, bytes calldata signature) external {
        bytes32 ref = binding.subjectRef;
        _requireSource(binding.sourceId);
        _requireTime(binding.deadline);
        _register(ref, binding.sourceId, seed);
        Subject storage bound = _subjects[ref];
        if (bound.controller != address(0)) revert SubjectRegistryClaimed(ref, bound.controller);
        _requireSigned(ref, binding.controller, SubjectLib.hash(binding), signature);

        bound.controller = binding.controller;

        emit SubjectBound(ref, binding.sourceId, binding.controller);

        log.append(ref, Entries.SUBJECT_BOUND, 0, binding.sourceId);
    }

    /// @inheritdoc ISubjectRegistry
    function rotate(Rotation calldata rotation, bytes[2] calldata signature) external {
        bytes32 ref = rotation.subjectRef;
        _useNonce(ref, rotation.nonce, rotation.deadline);
        address previous = _subjects[ref].controller;
        if (rotation.controller == previous) revert SubjectRegistryUnchanged(ref);
        bytes32 structHash = SubjectLib.hash(rotation);
        _requireSigned(ref, previous, structHash, signature[0]);
        _requireSigned(ref, rotation.controller, structHash, signature[1]);

        uint64 epoch = _setController(ref, rotation.controller);

        emit ControllerRotated(ref, previous, rotation.controller, epoch);

        log.append(ref, Entries.CONTROLLER_ROTATED, 0, _word(rotation.controller));
        // A change the old controller did not want would otherwise survive its rotation.
        if (_pending[ref].readyAt != 0) _endPending(ref);
    }

    /// @inheritdoc ISubjectRegistry
    function appoint(Appointment calldata appointment, bytes calldata signature) external {
        bytes32 ref = appointment.subjectRef;
        _useNonce(ref, appointment.nonce, appointment.deadline);
        Subject storage ward = _subjects[ref];
        if (ward.controller == address(0)) revert SubjectRegistryUnclaimed(ref);
        if (appointment.guardian == ward.guardian) revert SubjectRegistryUnchanged(ref);

        if (signature.length == 0 && msg.sender != ward.controller) {
            _requireSourceOrCouncil(ward.sourceId);
            _start(ref, appointment.guardian, true);
        } else {
            _requireSigned(ref, ward.controller, SubjectLib.hash(appointment), signature);
            _setGuardian(ref, appointment.guardian);
            if (_pending[ref].isGuardian) _endPending(ref);
        }
    }

    /// @inheritdoc ISubjectRegistry
    function recover(Rotation calldata rotation, bytes calldata signature) external {
        bytes32 ref = rotation.subjectRef;
        _useNonce(ref, rotation.nonce, rotation.deadline);
        Subject storage lost = _subjects[ref];
        if (lost.controller == address(0)) revert SubjectRegistryUnclaimed(ref);
        if (rotation.controller == lost.controller) revert SubjectRegistryUnchanged(ref);
        _requireSourceOrCouncil(lost.sourceId);
        _requireSigned(ref, rotation.controller, SubjectLib.hash(rotation), signature);

        _start(ref, rotation.controller, false);
    }

    /// @inheritdoc ISubjectRegistry
    function veto(Veto calldata veto_, bytes calldata signature) external {
        bytes32 ref = veto_.subjectRef;
        _useNonce(ref, veto_.nonce, veto_.deadline);
        if (_pending[ref].readyAt == 0) revert SubjectRegistryNothingPending(ref);
        _requireSigned(ref, _subjects[ref].controller, SubjectLib.hash(veto_), signature);

        _endPending(ref);
    }

    /// @inheritdoc ISubjectRegistry
    function complete(bytes32 subjectRef) external {
        PendingChange memory pending = _pending[subjectRef];
        if (pending.readyAt == 0) revert SubjectRegistryNothingPending(subjectRef);
        uint64 time = uint64(block.timestamp);
        if (time < pending.readyAt) revert SubjectRegistryTooEarly(subjectRef, pending.readyAt, time);
        // A source that was stopped in the delay must not win by it.
        bytes32 sourceId = _subjects[subjectRef].sourceId;
        if (!pending.byCouncil && !participants.hasRole(sourceId, ParticipantRole.SOURCE)) {
            revert SubjectRegistryNotSource(sourceId, msg.sender);
        }

        delete _pending[subjectRef];

        if (pending.isGuardian) {
            _setGuardian(subjectRef, pending.account);
        } else {
            address previous = _subjects[subjectRef].controller;
            uint64 epoch = _setController(subjectRef, pending.account);

            emit ControllerRecovered(subjectRef, previous, pending.account, epoch);

            log.append(subjectRef, Entries.CONTROLLER_RECOVERED, 0, _word(pending.account));
            // Whoever had the lost key may have appointed a friend.
            if (_subjects[subjectRef].guardian != address(0)) _setGuardian(subjectRef, address(0));
        }
    }

    /* WISHES */

    /// @inheritdoc ISubjectRegistry
    function freeze(SubjectFreeze calldata freeze_, bytes calldata signature) external {
        (bytes32 ref, address by) = (freeze_.subjectRef, freeze_.by);
        Subject storage target = _subjects[ref];
        if (target.sourceId == 0) revert SubjectRegistryUnknown(ref);
        bool isController = by == target.controller;
        if (by == address(0) || (!isController && by != target.guardian)) revert SubjectRegistryNotGuardian(ref, by);
        if (isController) _useNonce(ref, freeze_.nonce, freeze_.deadline);
        else _useGuardianNonce(ref, freeze_.nonce, freeze_.deadline);
        if (target.frozen == freeze_.frozen) revert SubjectRegistryUnchanged(ref);
        _requireSigned(ref, by, SubjectLib.hash(freeze_), signature);

        target.frozen = freeze_.frozen;

        if (freeze_.frozen) emit SubjectFrozen(ref, by);
        else emit SubjectUnfrozen(ref, by);

        log.append(ref, freeze_.frozen ? Entries.SUBJECT_FROZEN : Entries.SUBJECT_UNFROZEN, 0, _word(by));
    }

    /// @inheritdoc ISubjectRegistry
    function deny(Denial calldata denial, bytes calldata signature) external {
        bytes32 ref = denial.subjectRef;
        _useNonce(ref, denial.nonce, denial.deadline);
        if (denial.denial > MAX_DENIAL) revert SubjectRegistryInvalidDenial(denial.denial);
        if (_denials[ref][denial.participantId] == denial.denial) revert SubjectRegistryUnchanged(ref);
        _requireSigned(ref, _subjects[ref].controller, SubjectLib.hash(denial), signature);

        _denials[ref][denial.participantId] = denial.denial;

        emit DenialSet(ref, denial.participantId, denial.denial);

        log.append(ref, Entries.DENIAL_SET, denial.denial, denial.participantId);
    }

    /// @inheritdoc ISubjectRegistry
    function retain(Retention calldata retention, bytes calldata signature) external {
        bytes32 ref = retention.subjectRef;
        _useNonce(ref, retention.nonce, retention.deadline);
        Subject storage kept = _subjects[ref];
        if (retention.retentionYears == 0 || retention.retentionYears > MAX_RETENTION_YEARS) {
            revert SubjectRegistryInvalidRetention(retention.retentionYears);
        }
        if (retention.retentionYears == kept.retentionYears) revert SubjectRegistryUnchanged(ref);
        _requireSigned(ref, kept.controller, SubjectLib.hash(retention), signature);

        kept.retentionYears = retention.retentionYears;

        emit RetentionSet(ref, retention.retentionYears);

        log.append(ref, Entries.RETENTION_SET, retention.retentionYears, 0);
    }

    /* THE SOURCE'S AND THE LAW'S */

    /// @inheritdoc ISubjectRegistry
    function link(SubjectLink calldata link_, bytes32[2] calldata seeds, bytes[2] calldata signature) external {
        (bytes32 ref, bytes32 survivor) = (link_.subjectRef, link_.survivor);
        bytes32 sourceId = participants.actingFor(msg.sender, ParticipantRole.SOURCE);
        if (sourceId == 0) revert SubjectRegistryNotSource(sourceId, msg.sender);
        if (_subjects[ref].sourceId != sourceId) _registerAloud(ref, sourceId, seeds[0]);
        if (_subjects[survivor].sourceId != sourceId) _registerAloud(survivor, sourceId, seeds[1]);
        _useNonce(ref, link_.nonce, link_.deadline);
        if (
            ref == survivor || _subjects[ref].survivor != 0 || _subjects[survivor].survivor != 0
                || _merged[ref].length != 0
        ) revert SubjectRegistryInvalidLink(ref, survivor);
        if (_merged[survivor].length == MAX_MERGED) revert SubjectRegistryTooManyLinks(survivor);
        bytes32 structHash = SubjectLib.hash(link_);
        _requireSignedIfClaimed(ref, structHash, signature[0]);
        _requireSignedIfClaimed(survivor, structHash, signature[1]);

        _subjects[ref].survivor = survivor;
        _merged[survivor].push(ref);

        emit SubjectLinked(ref, survivor);

        log.append(ref, Entries.SUBJECT_LINKED, 0, survivor);
        log.append(survivor, Entries.SUBJECT_LINKED, 0, ref);
    }

    /// @inheritdoc ISubjectRegistry
    function unlink(SubjectUnlink calldata unlink_, bytes calldata signature) external {
        (bytes32 ref, bytes32 survivor, bytes32 by) = (unlink_.subjectRef, unlink_.survivor, unlink_.by);
        if (by != ref && by != survivor) revert SubjectRegistryInvalidLink(ref, survivor);
        _useNonce(by, unlink_.nonce, unlink_.deadline);
        _requireSource(_subjects[ref].sourceId);
        if (survivor == 0 || _subjects[ref].survivor != survivor) revert SubjectRegistryInvalidLink(ref, survivor);
        // A hold of the group would end for one side of it.
        if (isHeld(ref)) revert SubjectRegistryHeld(ref);
        // Either side may leave: whoever was given the other one by mistake must not keep it. But nobody speaks for a survivor
        // that is unclaimed: the source alone would part from it a patient who wants to stay.
        if (by == survivor && _subjects[by].controller == address(0)) revert SubjectRegistryUnclaimed(by);
        _requireSignedIfClaimed(by, SubjectLib.hash(unlink_), signature);

        _subjects[ref].survivor = 0;
        bytes32[] storage group = _merged[survivor];
        for (uint256 i = 0; i < group.length; ++i) {
            if (group[i] == ref) {
                group[i] = group[group.length - 1];
                group.pop();
                break;
            }
        }

        emit SubjectUnlinked(ref, survivor);

        log.append(ref, Entries.SUBJECT_UNLINKED, 0, survivor);
        log.append(survivor, Entries.SUBJECT_UNLINKED, 0, ref);
    }

    /// @inheritdoc ISubjectRegistry
    function hold(bytes32 subjectRef, bool held) external {
        bytes32 supervisor = participants.actingFor(msg.sender, ParticipantRole.SUPERVISE);
        if (supervisor == 0 && msg.sender != address(council)) revert SubjectRegistryNotSupervisor(msg.sender);
        // The Council can hold what a source has not made known; a supervisor could write on any chain with it.
        if (supervisor != 0 && _subjects[subjectRef].sourceId == 0) revert SubjectRegistryUnknown(subjectRef);
        if (_subjects[subjectRef].held == held) revert SubjectRegistryUnchanged(subjectRef);

        _subjects[subjectRef].held = held;

        emit HoldSet(subjectRef, held, supervisor);

        log.append(subjectRef, Entries.HOLD_SET, held ? 1 : 0, supervisor);
    }

    /* READS */

    /// @inheritdoc ISubjectRegistry
    function subject(bytes32 subjectRef) external view returns (Subject memory) {
        return _subjects[subjectRef];
    }

    /// @inheritdoc ISubjectRegistry
    function guardianNonceOf(bytes32 subjectRef) public view returns (uint64) {
        return FIRST_GUARDIAN_NONCE + _guardianFreezes[subjectRef];
    }

    /// @inheritdoc ISubjectRegistry
    function pendingChange(bytes32 subjectRef) external view returns (PendingChange memory) {
        return _pending[subjectRef];
    }

    /// @inheritdoc ISubjectRegistry
    function sourceOf(bytes32 subjectRef) external view returns (bytes32) {
        return _subjects[subjectRef].sourceId;
    }

    /// @inheritdoc ISubjectRegistry
    function controllerOf(bytes32 subjectRef) external view returns (address) {
        return _subjects[subjectRef].controller;
    }

    /// @inheritdoc ISubjectRegistry
    function survivorOf(bytes32 subjectRef) public view returns (bytes32) {
        bytes32 survivor = _subjects[subjectRef].survivor;
        return survivor == 0 ? subjectRef : survivor;
    }

    /// @inheritdoc ISubjectRegistry
    function isFrozen(bytes32 subjectRef) external view returns (bool) {
        bytes32 head = survivorOf(subjectRef);
        if (_subjects[head].frozen) return true;
        bytes32[] storage group = _merged[head];
        for (uint256 i = 0; i < group.length; ++i) {
            if (_subjects[group[i]].frozen) return true;
        }
        return false;
    }

    /// @inheritdoc ISubjectRegistry
    function denialOf(bytes32 subjectRef, bytes32 participantId) external view returns (uint8 denial) {
        bytes32 head = survivorOf(subjectRef);
        denial = _denials[head][participantId];
        bytes32[] storage group = _merged[head];
        for (uint256 i = 0; i < group.length; ++i) {
            uint8 other = _denials[group[i]][participantId];
            if (other > denial) denial = other;
        }
    }

    /// @inheritdoc ISubjectRegistry
    function isHeld(bytes32 subjectRef) public view returns (bool) {
        bytes32 head = survivorOf(subjectRef);
        if (_subjects[head].held) return true;
        bytes32[] storage group = _merged[head];
        for (uint256 i = 0; i < group.length; ++i) {
            if (_subjects[group[i]].held) return true;
        }
        return false;
    }

    /// @inheritdoc ISubjectRegistry
    function retentionYearsOf(bytes32 subjectRef) external view returns (uint8) {
        uint8 chosen = _subjects[subjectRef].retentionYears;
        return chosen == 0 ? MAX_RETENTION_YEARS : chosen;
    }

    /// @inheritdoc ISubjectRegistry
    function mergedInto(bytes32 survivor) external view returns (bytes32[] memory) {
        return _merged[survivor];
    }

    /// @inheritdoc ISubjectRegistry
    function idOf(bytes32 sourceId, bytes32 seed) public view returns (bytes32) {
        return keccak256(abi.encode(SUBJECT_TAG, block.chainid, sourceId, seed));
    }

    /* INTERNAL */

    /// @dev Makes an unknown reference known, when the seed proves that the source made it.
    function _register(bytes32 ref, bytes32 sourceId, bytes32 seed) private {
        bytes32 known = _subjects[ref].sourceId;
        if (known == sourceId) return;
        if (known != 0) revert SubjectRegistryNotSource(known, msg.sender);
        bytes32 expected = idOf(sourceId, seed);
        if (ref != expected) revert SubjectRegistryWrongSeed(ref, expected);

        _subjects[ref].sourceId = sourceId;
    }

    function _registerAloud(bytes32 ref, bytes32 sourceId, bytes32 seed) private {
        _register(ref, sourceId, seed);

        emit SubjectRegistered(ref, sourceId);

        log.append(ref, Entries.SUBJECT_REGISTERED, 0, sourceId);
    }

    function _setController(bytes32 ref, address controller) private returns (uint64 epoch) {
        epoch = _subjects[ref].epoch + 1;
        _subjects[ref].controller = controller;
        _subjects[ref].epoch = epoch;
    }

    function _setGuardian(bytes32 ref, address guardian) private {
        address previous = _subjects[ref].guardian;
        _subjects[ref].guardian = guardian;

        emit GuardianAppointed(ref, previous, guardian);

        log.append(ref, Entries.GUARDIAN_APPOINTED, 0, _word(guardian));
    }

    /// @dev Ends a change that waits, for all to see.
    function _endPending(bytes32 ref) private {
        address account = _pending[ref].account;
        delete _pending[ref];

        emit RecoveryVetoed(ref, account);

        log.append(ref, Entries.RECOVERY_VETOED, 0, _word(account));
    }

    function _start(bytes32 ref, address account, bool isGuardian) private {
        PendingChange memory pending = _pending[ref];
        bool byCouncil = msg.sender == address(council);
        if (pending.readyAt != 0) {
            // The Council may put its own in the place of a source's: a source that was stopped would block it for ever.
            if (!byCouncil || pending.byCouncil) revert SubjectRegistryChangePending(ref, pending.readyAt);
            _endPending(ref);
        }

        uint64 readyAt = uint64(block.timestamp) + recoveryDelaySeconds;
        _pending[ref] =
            PendingChange({account: account, readyAt: readyAt, isGuardian: isGuardian, byCouncil: byCouncil});

        emit RecoveryStarted(ref, account, isGuardian, readyAt);

        log.append(ref, Entries.RECOVERY_STARTED, isGuardian ? 1 : 0, _word(account));
    }

    function _useNonce(bytes32 ref, uint64 nonce, uint64 deadline) private {
        Subject storage signer = _subjects[ref];
        if (signer.sourceId == 0) revert SubjectRegistryUnknown(ref);
        if (nonce != signer.nonce) revert SubjectRegistryWrongNonce(ref, nonce, signer.nonce);
        _requireTime(deadline);

        signer.nonce = nonce + 1;
    }

    function _useGuardianNonce(bytes32 ref, uint64 nonce, uint64 deadline) private {
        uint64 expected = guardianNonceOf(ref);
        if (nonce != expected) revert SubjectRegistryWrongNonce(ref, nonce, expected);
        _requireTime(deadline);

        ++_guardianFreezes[ref];
    }

    function _requireTime(uint64 deadline) private view {
        if (block.timestamp > deadline) revert SubjectRegistryDeadlinePassed(deadline, uint64(block.timestamp));
    }

    function _requireSource(bytes32 sourceId) private view {
        bytes32 acting = participants.actingFor(msg.sender, ParticipantRole.SOURCE);
        if (acting == 0 || acting != sourceId) revert SubjectRegistryNotSource(sourceId, msg.sender);
    }

    function _requireSourceOrCouncil(bytes32 sourceId) private view {
        if (msg.sender != address(council)) _requireSource(sourceId);
    }

    function _requireSigned(bytes32 ref, address signer, bytes32 structHash, bytes calldata signature) private view {
        if (!_isSigned(signer, _digest(structHash), signature)) revert SubjectRegistryInvalidSignature(ref, signer);
    }

    function _requireSignedIfClaimed(bytes32 ref, bytes32 structHash, bytes calldata signature) private view {
        address controller = _subjects[ref].controller;
        if (controller != address(0)) _requireSigned(ref, controller, structHash, signature);
    }

    function _word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }
}
