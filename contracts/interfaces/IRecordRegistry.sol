// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Attestation, Destruction} from "../types/Record.sol";

/// @title RecordRegistry
/// @notice Roots of batches, invalid versions, and the life of destruction orders. Of a record it knows digests only.
interface IRecordRegistry {
    /* EVENTS */

    event BatchAnchored(bytes32 indexed sourceId, bytes32 indexed root, uint32 count, uint32 indexed custodianSet);
    event LogAnchored(bytes32 indexed custodianId, bytes32 indexed root, uint32 count);
    event RecordInvalidated(bytes32 indexed sourceId, bytes32 indexed leaf, bytes32 indexed subjectRef, uint8 reason);
    /// @notice From now on nothing of the record is released; from `erasableFrom` custodians erase.
    event DestructionOrdered(
        bytes32 indexed sourceId,
        bytes32 indexed recordId,
        bytes32 indexed subjectRef,
        uint32 custodianSet,
        uint64 erasableFrom
    );
    event DestructionAttested(
        bytes32 indexed sourceId,
        bytes32 indexed recordId,
        bytes32 indexed subjectRef,
        bytes32 custodianId,
        uint32 erased
    );
    /// @notice So many custodians have erased that the rest can't restore a key.
    event RecordDestroyed(bytes32 indexed sourceId, bytes32 indexed recordId, bytes32 indexed subjectRef);

    /* ERRORS */

    error RecordRegistryZeroAddress();
    error RecordRegistryNotQualified(address caller, uint16 role);
    error RecordRegistryInvalidAnchor(bytes32 root, uint32 count, uint32 custodianSet, uint8 tag);
    error RecordRegistryAnchored(bytes32 sourceId, bytes32 root);
    error RecordRegistryInvalidReason();
    error RecordRegistryOtherSource(bytes32 subjectRef, bytes32 found, bytes32 expected);
    error RecordRegistryWrongStatus(bytes32 sourceId, bytes32 id, uint8 status);
    error RecordRegistryInvalidSignature(bytes32 id, address signer);
    error RecordRegistryDeadlinePassed(uint64 deadline, uint64 time);
    error RecordRegistryHeld(bytes32 subjectRef);
    error RecordRegistryTooEarly(bytes32 recordId, uint64 erasableFrom, uint64 time);
    error RecordRegistryNotMember(bytes32 custodianId, uint32 custodianSet);
    error RecordRegistryAttested(bytes32 recordId, bytes32 custodianId);

    /* WRITES */

    /// @notice Anchors the root of a batch of records (tag 1, by an operator of a source) or of a day of a custodian's log
    /// (tag 2, by an operator of a custodian). A root is anchored once per participant.
    /// @param count Number of leaves.
    /// @param custodianSet Set that holds the shares; 0 for a log.
    function anchor(bytes32 root, uint32 count, uint32 custodianSet, uint8 tag) external;

    /// @notice Declares a record version invalid. By an operator of its source.
    /// @param leaf Leaf hash of the version.
    /// @param subjectRef Subject whose chain records it; the SubjectRegistry must know it as this source's.
    /// @param reason 1 to 255, the source's code list.
    function invalidate(bytes32 leaf, bytes32 subjectRef, uint8 reason) external;

    /// @notice Orders a record's destruction: by an operator of the source with the controller's signature, or by the Council
    /// without. Refused under legal hold. It concerns only versions whose leaf names this subject.
    function order(Destruction calldata destruction, bytes calldata signature) external;

    /// @notice Records that a custodian has erased its shares. Sent by anyone.
    /// @param signature Signature of an operator of the custodian; empty if that operator is the sender.
    function attest(Attestation calldata attestation, bytes calldata signature) external;

    /* READS */

    /// @notice The anchor's word: anchored at 64, count 32, custodian set 32, tag 8; 0 if not anchored.
    function anchorOf(bytes32 participantId, bytes32 root) external view returns (uint256);

    /// @notice The state word of a leaf (status 0 valid, 1 invalid) or of a destruction order (2 ordered, 3 destroyed): status
    /// 8, reason 8, ordered at 64, erasable from 64, custodian set 32, attestation bitmap 64. The id of an order is
    /// keccak256(abi.encode(tag, recordId, subjectRef)).
    function stateOf(bytes32 sourceId, bytes32 id) external view returns (uint256);
}
