// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {StructHash} from "../libraries/StructHash.sol";

/// @title Kinds of access
library AccessKind {
    uint8 internal constant CONSENT = 1;
    uint8 internal constant OWN = 2;
    uint8 internal constant EMERGENCY = 3;
}

/// @notice One request for records.
struct Access {
    /// One of AccessKind.
    uint8 kind;
    /// Participant that asks; 0 in an own access.
    bytes32 participantId;
    /// consentId, or subjectRef in an own or emergency access.
    bytes32 referenceId;
    /// Exactly one purpose bit.
    uint32 purpose;
    /// Mask of categories asked for.
    uint64 categories;
    /// Mask of actions asked for.
    uint16 actions;
    /// Highest level asked for.
    uint8 level;
    /// Highest confidentiality asked for.
    uint8 confidentiality;
    /// Form of the records asked for.
    uint8 form;
    /// First clinical day asked for.
    uint32 fromDay;
    /// Last clinical day asked for.
    uint32 toDay;
    /// Role of the natural person, asserted by the participant.
    uint16 role;
    /// Number of records asked for, 1 to 1,024.
    uint16 recordCount;
    /// Merkle root over the leaf hashes asked for.
    bytes32 recordsRoot;
    /// One-time X25519 public key shares are sealed to.
    bytes32 sessionKey;
    /// Salted digest of the natural person.
    bytes32 userDigest;
    /// Last second at which the request can be recorded.
    uint64 deadline;
    /// 32 random bytes.
    bytes32 salt;
}

/// @notice An access packed into words; fields from the least significant bit (docs/protocol.md, section 4).
struct AccessWords {
    /// Participant that asks.
    bytes32 participantId;
    /// consentId or subjectRef.
    bytes32 referenceId;
    /// kind 8, purpose 32, categories 64, actions 16, level 8, confidentiality 8, form 8, fromDay 32, toDay 32, role 16,
    /// recordCount 16.
    uint256 scope;
    /// Root of the records tree.
    bytes32 recordsRoot;
    /// X25519 public key of the session.
    bytes32 sessionKey;
    /// Salted digest of the natural person.
    bytes32 userDigest;
    /// uint64 in a word.
    uint256 deadline;
    /// 32 random bytes.
    bytes32 salt;
}

/// @title Access codec
/// @notice Unpacks access words and computes the EIP-712 struct hash.
library AccessLib {
    bytes32 internal constant ACCESS_TYPEHASH = keccak256(
        "Access(uint8 kind,bytes32 participantId,bytes32 referenceId,uint32 purpose,uint64 categories,uint16 actions,uint8 level,uint8 confidentiality,uint8 form,uint32 fromDay,uint32 toDay,uint16 role,uint16 recordCount,bytes32 recordsRoot,bytes32 sessionKey,bytes32 userDigest,uint64 deadline,bytes32 salt)"
    );

    /// @notice Whether no bit above the last field of any word is set.
    function isClean(AccessWords calldata words) internal pure returns (bool) {
        return (words.scope >> 240) | (words.deadline >> 64) == 0;
    }

    /// @notice Writes the access inside the words into `access`. Filling a struct that a batch uses again costs less than making
    /// one.
    function unpack(AccessWords calldata words, Access memory access) internal pure {
        uint256 word = words.scope;
        // Narrowing casts cut a field out of its word: here that is their purpose.
        access.kind = uint8(word);
        access.participantId = words.participantId;
        access.referenceId = words.referenceId;
        access.purpose = uint32(word >> 8);
        access.categories = uint64(word >> 40);
        access.actions = uint16(word >> 104);
        access.level = uint8(word >> 120);
        access.confidentiality = uint8(word >> 128);
        access.form = uint8(word >> 136);
        access.fromDay = uint32(word >> 144);
        access.toDay = uint32(word >> 176);
        access.role = uint16(word >> 208);
        access.recordCount = uint16(word >> 224);
        access.recordsRoot = words.recordsRoot;
        access.sessionKey = words.sessionKey;
        access.userDigest = words.userDigest;
        access.deadline = uint64(words.deadline);
        access.salt = words.salt;
    }

    /// @notice Struct hash of an access.
    function hash(Access memory access) internal pure returns (bytes32) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := access
        }
        return StructHash.compute(ACCESS_TYPEHASH, pointer, 18);
    }
}

/// @title Access slot
/// @notice One word per accessId: code 16, expiry 64, kind 8, frozen 1, reviewed 1, recorded at 64 (from bit 96), low 96
/// bits of the hash of the log key (from bit 160), which let a later entry prove whose chain it belongs to.
library AccessSlot {
    uint256 internal constant FROZEN = 1 << 88;
    uint256 internal constant REVIEWED = 1 << 89;

    function pack(uint16 code_, uint64 expiry_, uint8 kind_, uint64 recordedAt_, bytes32 key)
        internal
        pure
        returns (uint256)
    {
        return uint256(code_) | uint256(expiry_) << 16 | uint256(kind_) << 80 | uint256(recordedAt_) << 96
            | uint256(tagOf(key)) << 160;
    }

    /// @notice What of the log key is kept: 96 bits of its hash. Bits of the key itself would leave the others to the caller.
    function tagOf(bytes32 key) internal pure returns (uint96 tag) {
        // Scratch space: `abi.encode` would cost a request three times as much.
        assembly ("memory-safe") {
            mstore(0x00, key)
            tag := and(keccak256(0x00, 0x20), 0xffffffffffffffffffffffff)
        }
    }

    function code(uint256 slot) internal pure returns (uint16) {
        return uint16(slot);
    }

    function expiry(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 16);
    }

    function kind(uint256 slot) internal pure returns (uint8) {
        return uint8(slot >> 80);
    }

    function recordedAt(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 96);
    }

    function isFrozen(uint256 slot) internal pure returns (bool) {
        return slot & FROZEN != 0;
    }

    function isReviewed(uint256 slot) internal pure returns (bool) {
        return slot & REVIEWED != 0;
    }

    /// @notice Whether the access was recorded under this log key.
    function hasKey(uint256 slot, bytes32 key) internal pure returns (bool) {
        return slot >> 160 == tagOf(key);
    }
}
