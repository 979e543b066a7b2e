// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice The patient agrees that a record's copies are destroyed. Signed by the subject's controller.
struct Destruction {
    /// Participant that anchored the record.
    bytes32 sourceId;
    bytes32 recordId;
    bytes32 subjectRef;
    /// Set that holds the record's shares.
    uint32 custodianSet;
    uint64 deadline;
}

/// @notice A custodian has erased its shares. Signed by one of its operators.
struct Attestation {
    bytes32 sourceId;
    bytes32 recordId;
    bytes32 subjectRef;
    /// Custodian that erased.
    bytes32 custodianId;
    /// Number of shares erased.
    uint32 erased;
}

/// @title Tags of anchors
library AnchorTag {
    /// Root of a batch of record leaves.
    uint8 internal constant BATCH = 1;
    /// Root of a custodian's log of one day.
    uint8 internal constant LOG = 2;
}

/// @title States of a record version or record
library RecordStatus {
    uint8 internal constant VALID = 0;
    uint8 internal constant INVALID = 1;
    uint8 internal constant ORDERED = 2;
    uint8 internal constant DESTROYED = 3;
}

/// @title Record typed data
library RecordLib {
    bytes32 internal constant DESTRUCTION_TYPEHASH = keccak256(
        "Destruction(bytes32 sourceId,bytes32 recordId,bytes32 subjectRef,uint32 custodianSet,uint64 deadline)"
    );
    bytes32 internal constant ATTESTATION_TYPEHASH = keccak256(
        "Attestation(bytes32 sourceId,bytes32 recordId,bytes32 subjectRef,bytes32 custodianId,uint32 erased)"
    );

    bytes32 internal constant ORDER_TAG = keccak256("salus.order.v1");

    /// @notice Id of the orders to destroy a subject's record. An order that names another subject is another order: nobody
    /// destroys a patient's record with the signature of somebody else.
    function orderId(bytes32 recordId, bytes32 subjectRef) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TAG, recordId, subjectRef));
    }

    function hash(Destruction calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(DESTRUCTION_TYPEHASH, value));
    }

    function hash(Attestation calldata value) internal pure returns (bytes32) {
        return keccak256(abi.encode(ATTESTATION_TYPEHASH, value));
    }
}

/// @title Record state slot
/// @notice One word per (source, leaf or order id): status 8, reason 8, ordered at 64, erasable from 64, custodian set 32,
/// attestation bitmap 64 by index in the set.
library RecordSlot {
    function status(uint256 slot) internal pure returns (uint8) {
        return uint8(slot);
    }

    function reason(uint256 slot) internal pure returns (uint8) {
        return uint8(slot >> 8);
    }

    function orderedAt(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 16);
    }

    function erasableFrom(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 80);
    }

    function custodianSet(uint256 slot) internal pure returns (uint32) {
        return uint32(slot >> 144);
    }

    function attestations(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 176);
    }

    /// @notice The slot of an invalid record version.
    function invalid(uint8 reason_) internal pure returns (uint256) {
        return uint256(RecordStatus.INVALID) | uint256(reason_) << 8;
    }

    /// @notice The slot of a fresh order.
    function ordered(uint64 orderedAt_, uint64 erasableFrom_, uint32 custodianSet_) internal pure returns (uint256) {
        return uint256(RecordStatus.ORDERED) | uint256(orderedAt_) << 16 | uint256(erasableFrom_) << 80
            | uint256(custodianSet_) << 144;
    }

    /// @notice The slot with one more attestation.
    function attested(uint256 slot, uint256 index) internal pure returns (uint256) {
        return slot | 1 << (176 + index);
    }

    /// @notice The slot of a record that enough custodians have erased.
    function destroyed(uint256 slot) internal pure returns (uint256) {
        return slot >> 8 << 8 | RecordStatus.DESTROYED;
    }
}
