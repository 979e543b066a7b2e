// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice A patient's account takes control of a subject. Signed by the new controller.
struct Binding {
    bytes32 subjectRef;
    /// Participant that knows the patient.
    bytes32 sourceId;
    /// Account that takes control.
    address controller;
    uint64 deadline;
}

/// @notice Another account takes control. Signed by the old and the new one; by the new one alone in a recovery.
struct Rotation {
    bytes32 subjectRef;
    /// Account that takes control.
    address controller;
    /// Subject's present nonce.
    uint64 nonce;
    uint64 deadline;
}

/// @notice A guardian may open the subject's records and freeze it. Signed by the controller.
struct Appointment {
    bytes32 subjectRef;
    /// Account of the guardian; 0 ends the present guardian's rights.
    address guardian;
    uint64 nonce;
    uint64 deadline;
}

/// @notice The controller stops a recovery or appointment in its delay.
struct Veto {
    bytes32 subjectRef;
    uint64 nonce;
    uint64 deadline;
}

/// @notice All access to the subject's records stops or resumes. Signed by controller or guardian.
struct SubjectFreeze {
    bytes32 subjectRef;
    /// Account that signs: the subject's controller or its guardian.
    address by;
    bool frozen;
    /// The subject's when its controller signs, the guardian's own when the guardian does.
    uint64 nonce;
    uint64 deadline;
}

/// @notice One participant is shut out, whatever consents say. Signed by the controller.
struct Denial {
    bytes32 subjectRef;
    bytes32 participantId;
    /// 0 none, 1 an emergency overrides it, 2 absolute.
    uint8 denial;
    uint64 nonce;
    uint64 deadline;
}

/// @notice Two references of one source are one patient. Signed by both controllers, if claimed.
struct SubjectLink {
    bytes32 subjectRef;
    /// Reference that remains.
    bytes32 survivor;
    /// Nonce of `subjectRef`.
    uint64 nonce;
    uint64 deadline;
}

/// @notice Two references are not one patient after all. Signed by the controller of either.
struct SubjectUnlink {
    bytes32 subjectRef;
    /// Reference that `subjectRef` was merged into.
    bytes32 survivor;
    /// Which of the two parts them: its controller signs.
    bytes32 by;
    /// Nonce of `by`.
    uint64 nonce;
    uint64 deadline;
}

/// @notice How long custodians keep shares of the subject's records. Signed by the controller.
struct Retention {
    bytes32 subjectRef;
    /// 1 to 5.
    uint8 retentionYears;
    uint64 nonce;
    uint64 deadline;
}

/// @title Subject typed data
/// @notice EIP-712 struct hashes of what patients sign for the SubjectRegistry. Every field is one word.
library SubjectLib {
    bytes32 internal constant BINDING_TYPEHASH =
        keccak256("Binding(bytes32 subjectRef,bytes32 sourceId,address controller,uint64 deadline)");
    bytes32 internal constant ROTATION_TYPEHASH =
        keccak256("Rotation(bytes32 subjectRef,address controller,uint64 nonce,uint64 deadline)");
    bytes32 internal constant APPOINTMENT_TYPEHASH =
        keccak256("Appointment(bytes32 subjectRef,address guardian,uint64 nonce,uint64 deadline)");
    bytes32 internal constant VETO_TYPEHASH = keccak256("Veto(bytes32 subjectRef,uint64 nonce,uint64 deadline)");
    bytes32 internal constant FREEZE_TYPEHASH =
        keccak256("SubjectFreeze(bytes32 subjectRef,address by,bool frozen,uint64 nonce,uint64 deadline)");
    bytes32 internal constant DENIAL_TYPEHASH =
        keccak256("Denial(bytes32 subjectRef,bytes32 participantId,uint8 denial,uint64 nonce,uint64 deadline)");
    bytes32 internal constant LINK_TYPEHASH =
        keccak256("SubjectLink(bytes32 subjectRef,bytes32 survivor,uint64 nonce,uint64 deadline)");
    bytes32 internal constant UNLINK_TYPEHASH =
        keccak256("SubjectUnlink(bytes32 subjectRef,bytes32 survivor,bytes32 by,uint64 nonce,uint64 deadline)");
    bytes32 internal constant RETENTION_TYPEHASH =
        keccak256("Retention(bytes32 subjectRef,uint8 retentionYears,uint64 nonce,uint64 deadline)");

    function hash(Binding calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(BINDING_TYPEHASH, value));
    }

    function hash(Rotation calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(ROTATION_TYPEHASH, value));
    }

    function hash(Appointment calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(APPOINTMENT_TYPEHASH, value));
    }

    function hash(Veto calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(VETO_TYPEHASH, value));
    }

    function hash(SubjectFreeze calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(FREEZE_TYPEHASH, value));
    }

    function hash(Denial calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(DENIAL_TYPEHASH, value));
    }

    function hash(SubjectLink calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(LINK_TYPEHASH, value));
    }

    function hash(SubjectUnlink calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(UNLINK_TYPEHASH, value));
    }

    function hash(Retention calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(RETENTION_TYPEHASH, value));
    }
}
