// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {
    Appointment,
    Binding,
    Denial,
    Retention,
    Rotation,
    SubjectFreeze,
    SubjectLink,
    SubjectUnlink,
    Veto
} from "../types/Subject.sol";

/// @notice All that is kept of a subject.
struct Subject {
    /// Participant that knows the patient; 0 while the subject is unknown here.
    bytes32 sourceId;
    /// Patient's account; 0 while unclaimed.
    address controller;
    /// Number of controllers so far, less one. What ties a consent to a subject counts while its signer is the controller,
    /// whatever the epoch: a former controller's counts again if control goes back to it.
    uint64 epoch;
    /// 1 to 5; 0 means the default, 5.
    uint8 retentionYears;
    /// All access stopped by controller or guardian.
    bool frozen;
    /// Under legal hold: nothing is destroyed.
    bool held;
    /// Account that may open and freeze for the patient, or 0.
    address guardian;
    /// Next nonce of signed verbs.
    uint64 nonce;
    /// Reference this one was merged into, or 0.
    bytes32 survivor;
}

/// @notice A change of controller or guardian that waits for a possible veto.
struct PendingChange {
    /// Account to be installed.
    address account;
    /// Unix time from which it can be completed; 0 if nothing is pending.
    uint64 readyAt;
    /// True for a guardian, false for a controller.
    bool isGuardian;
    /// Started by the Council: it goes on when the source is stopped meanwhile.
    bool byCouncil;
}

/// @title SubjectRegistry
/// @notice Patients as their sources know them: who controls a subject, who is shut out, what belongs together. Verbs of
/// patients take a typed struct and its signature, which may be empty when the signer is the sender. Every change is
/// an entry on the subject's chain of the AuditLog.
interface ISubjectRegistry {
    /* EVENTS */

    event SubjectRegistered(bytes32 indexed subjectRef, bytes32 indexed sourceId);
    event SubjectBound(bytes32 indexed subjectRef, bytes32 indexed sourceId, address indexed controller);
    event ControllerRotated(
        bytes32 indexed subjectRef, address indexed previous, address indexed controller, uint64 epoch
    );
    event GuardianAppointed(bytes32 indexed subjectRef, address indexed previous, address indexed guardian);
    /// @notice A change without the controller's signature began; it can be vetoed until `readyAt`.
    event RecoveryStarted(bytes32 indexed subjectRef, address indexed account, bool isGuardian, uint64 readyAt);
    event ControllerRecovered(
        bytes32 indexed subjectRef, address indexed previous, address indexed controller, uint64 epoch
    );
    event RecoveryVetoed(bytes32 indexed subjectRef, address indexed account);
    event SubjectFrozen(bytes32 indexed subjectRef, address indexed by);
    event SubjectUnfrozen(bytes32 indexed subjectRef, address indexed by);
    event DenialSet(bytes32 indexed subjectRef, bytes32 indexed participantId, uint8 denial);
    event SubjectLinked(bytes32 indexed subjectRef, bytes32 indexed survivor);
    event SubjectUnlinked(bytes32 indexed subjectRef, bytes32 indexed survivor);
    event RetentionSet(bytes32 indexed subjectRef, uint8 retentionYears);
    event HoldSet(bytes32 indexed subjectRef, bool held, bytes32 indexed participantId);

    /* ERRORS */

    error SubjectRegistryZeroAddress();
    error SubjectRegistryNotSource(bytes32 sourceId, address caller);
    error SubjectRegistryNotSupervisor(address caller);
    error SubjectRegistryNotGuardian(bytes32 subjectRef, address by);
    error SubjectRegistryWrongSeed(bytes32 found, bytes32 expected);
    error SubjectRegistryUnknown(bytes32 subjectRef);
    error SubjectRegistryClaimed(bytes32 subjectRef, address controller);
    error SubjectRegistryUnclaimed(bytes32 subjectRef);
    error SubjectRegistryInvalidSignature(bytes32 subjectRef, address signer);
    error SubjectRegistryDeadlinePassed(uint64 deadline, uint64 time);
    error SubjectRegistryWrongNonce(bytes32 subjectRef, uint64 found, uint64 expected);
    error SubjectRegistryUnchanged(bytes32 subjectRef);
    error SubjectRegistryChangePending(bytes32 subjectRef, uint64 readyAt);
    error SubjectRegistryNothingPending(bytes32 subjectRef);
    error SubjectRegistryTooEarly(bytes32 subjectRef, uint64 readyAt, uint64 time);
    error SubjectRegistryInvalidDenial(uint8 denial);
    error SubjectRegistryInvalidRetention(uint8 retentionYears);
    error SubjectRegistryInvalidLink(bytes32 subjectRef, bytes32 survivor);
    error SubjectRegistryHeld(bytes32 subjectRef);
    error SubjectRegistryTooManyLinks(bytes32 survivor);

    /* CONTROL */

    /// @notice Makes a subject known that no patient has claimed yet, so that an emergency, an invalidation or a hold can name
    /// it. By an operator of the source; `bind` and `link` do it by themselves.
    /// @param seed Random bytes that made the subjectRef.
    function register(bytes32 subjectRef, bytes32 sourceId, bytes32 seed) external;

    /// @notice Puts a subject under the control of the patient's account. Once, by an operator of the source.
    /// @param seed Random bytes that made the subjectRef: only the source knows them.
    /// @param signature The new controller's signature of the binding.
    function bind(Binding calldata binding, bytes32 seed, bytes calldata signature) external;

    /// @notice Hands control to another account of the patient at once.
    /// @param signature [0] of the present controller, [1] of the new one.
    function rotate(Rotation calldata rotation, bytes[2] calldata signature) external;

    /// @notice Sets or (account 0) ends a guardian: at once with the controller's signature; after the delay when an operator
    /// of the source or the Council sends it with an empty one.
    function appoint(Appointment calldata appointment, bytes calldata signature) external;

    /// @notice Starts handing control to a new account without the old one. By an operator of the source or the Council; can
    /// be vetoed during the delay.
    /// @param signature The new controller's signature of the rotation.
    function recover(Rotation calldata rotation, bytes calldata signature) external;

    /// @notice Stops a pending change. By the present controller.
    function veto(Veto calldata veto_, bytes calldata signature) external;

    /// @notice Carries out a pending change after its delay. By anyone. A recovery ends the guardian's rights: whoever had the
    /// lost key may have appointed one.
    function complete(bytes32 subjectRef) external;

    /* WISHES */

    /// @notice Stops or resumes all access. By controller or guardian, as the message says; a guardian's nonce is
    /// `guardianNonceOf`, so that no guardian can spend the one that the controller has signed for. Who is both speaks as
    /// the controller.
    function freeze(SubjectFreeze calldata freeze_, bytes calldata signature) external;

    /// @notice Shuts one participant out, or lets it in again. By the controller.
    function deny(Denial calldata denial, bytes calldata signature) external;

    /// @notice Sets how long custodians keep shares. By the controller.
    function retain(Retention calldata retention, bytes calldata signature) external;

    /* THE SOURCE'S AND THE LAW'S */

    /// @notice Joins two references of one source (HL7 merge). Sent by an operator of the source; freezes and denials of the
    /// group unite. A survivor can't itself be merged, nor a survivor of others: one hop.
    /// @param seeds [0] of the subject, [1] of the survivor; needed for a reference this registry does not know yet, else 0.
    /// @param signature [0] of the subject's controller, [1] of the survivor's; empty for an unclaimed one.
    function link(SubjectLink calldata link_, bytes32[2] calldata seeds, bytes[2] calldata signature) external;

    /// @notice Takes a merge back, unless the group is under legal hold. Sent by an operator of the source. Each side parts them
    /// with its own nonce, so neither can spend what the other has signed. A survivor must be claimed to be `by`.
    /// @param signature Of the controller of `by`; empty for an unclaimed subject.
    function unlink(SubjectUnlink calldata unlink_, bytes calldata signature) external;

    /// @notice Sets or lifts a legal hold. By the Council or an operator of a supervising participant.
    function hold(bytes32 subjectRef, bool held) external;

    /* READS */

    function subject(bytes32 subjectRef) external view returns (Subject memory);

    /// @notice Nonce of the guardian's next freeze: 2^32 and up, where no subject's nonce comes.
    function guardianNonceOf(bytes32 subjectRef) external view returns (uint64);

    function pendingChange(bytes32 subjectRef) external view returns (PendingChange memory);

    /// @notice Source of a subject, 0 if unknown.
    function sourceOf(bytes32 subjectRef) external view returns (bytes32);

    function controllerOf(bytes32 subjectRef) external view returns (address);

    /// @notice Reference that stands for this one after a merge; itself if not merged.
    function survivorOf(bytes32 subjectRef) external view returns (bytes32);

    /// @notice Whether this reference or any it is linked with is frozen.
    function isFrozen(bytes32 subjectRef) external view returns (bool);

    /// @notice Strongest denial of a participant by this reference or any it is linked with.
    function denialOf(bytes32 subjectRef, bytes32 participantId) external view returns (uint8);

    /// @notice Whether this reference or any it is linked with is under legal hold.
    function isHeld(bytes32 subjectRef) external view returns (bool);

    /// @notice 1 to 5.
    function retentionYearsOf(bytes32 subjectRef) external view returns (uint8);

    /// @notice References merged into this one.
    function mergedInto(bytes32 survivor) external view returns (bytes32[] memory);

    /// @notice subjectRef a source gets from a seed.
    function idOf(bytes32 sourceId, bytes32 seed) external view returns (bytes32);
}
