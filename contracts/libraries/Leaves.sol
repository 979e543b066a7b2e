// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @notice What the leaf hash of a record version commits to.
struct RecordVersion {
    /// Keyed identifier of the record.
    bytes32 recordId;
    /// 1, 2, 3 …
    uint32 version;
    /// Leaf hash of the version before, 0 for the first.
    bytes32 previousLeaf;
    bytes32 subjectRef;
    /// SHA-256 of the sealed bytes.
    bytes32 envelopeDigest;
    /// Salted digest of the content.
    bytes32 contentCommitment;
    uint64 categories;
    uint8 level;
    uint8 confidentiality;
    uint8 form;
    uint32 firstDay;
    uint32 lastDay;
    /// Salted digest of the sensitive topics.
    bytes32 topicsCommitment;
    uint32 custodianSet;
}

/// @title Merkle leaves
/// @notice Leaves of every tree of the protocol, hashed twice so that no inner node can pose as a leaf. Trees are
/// OpenZeppelin StandardMerkleTrees; check a path with OpenZeppelin's MerkleProof.
library Leaves {
    bytes32 internal constant LEAF_TAG = keccak256("salus.leaf.v1");
    bytes32 internal constant RECORDS_TAG = keccak256("salus.records.v1");
    bytes32 internal constant TERMS_TAG = keccak256("salus.terms.v1");
    bytes32 internal constant LOG_TAG = keccak256("salus.log.v1");

    /// @notice Leaf of a batch: the name of a record version everywhere.
    function ofRecord(uint256 chainId, RecordVersion memory version) internal pure returns (bytes32) {
        return _twice(abi.encode(LEAF_TAG, chainId, version));
    }

    /// @notice Leaf of the tree of records one access asks for.
    function ofRequest(bytes32 leaf) internal pure returns (bytes32) {
        return _twice(abi.encode(RECORDS_TAG, leaf));
    }

    /// @notice Leaf of the terms tree of a consent.
    function ofTerm(uint8 field, bytes32 salt, bytes32 value) internal pure returns (bytes32) {
        return _twice(abi.encode(TERMS_TAG, field, salt, value));
    }

    /// @notice Leaf of a custodian's log of one day.
    function ofLog(uint64 index, bytes32 entry) internal pure returns (bytes32) {
        return _twice(abi.encode(LOG_TAG, index, entry));
    }

    function _twice(bytes memory encoded) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }
}
