// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {StructHash} from "../libraries/StructHash.sol";

/// @notice The part of a consent that is in clear when it is granted.
struct ConsentHead {
    /// Patient's pairwise account for this grantee.
    address holder;
    /// Holder's epoch at signing; a later epoch voids the consent.
    uint64 epoch;
    /// Granted accesses it is good for; 0 and all ones mean without limit.
    uint32 maxUses;
    /// Last second at which it can be granted; at most seven days ahead.
    uint64 deadline;
    /// Consent this one takes the place of, or 0.
    bytes32 replaces;
}

/// @notice The part of a consent that only its digest shows until it is used.
struct ConsentScope {
    /// Participant that may ask.
    bytes32 granteeId;
    /// Mask of allowed purposes; 0 allows none.
    uint32 purposes;
    /// Mask of allowed categories; 0 allows none.
    uint64 categories;
    /// Mask of allowed actions; 0 allows none.
    uint16 actions;
    /// Highest allowed GB/T 39725 level, 1 to 5; 0 allows none.
    uint8 maxLevel;
    /// Highest allowed HL7 confidentiality, 0 (U) to 5 (V).
    uint8 maxConfidentiality;
    /// Least de-identification, 0 (identified) to 4 (aggregate).
    uint8 minForm;
    /// Rolling window of calendar months up to the day of the request; 0 means the fixed days below.
    uint8 windowMonths;
    /// First allowed clinical day; with `toDay` 0 there is no window.
    uint32 fromDay;
    /// Last allowed clinical day.
    uint32 toDay;
    /// First second of validity.
    uint64 validFrom;
    /// First second after validity.
    uint64 validUntil;
    /// Length of one session; 0 means 60, more than 1,440 is cut.
    uint32 sessionMinutes;
    /// Obligations the grantee accepts; enforced off chain.
    uint32 obligations;
    /// Facts about how the consent was given.
    uint32 flags;
    /// Version of the rules it was written for.
    uint16 ruleset;
    /// Merkle root of salted terms opened to custodians only, or 0.
    bytes32 terms;
    /// 32 random bytes that hide the scope.
    bytes32 salt;
}

/// @notice A consent packed into words; fields from the least significant bit (docs/protocol.md, section 4).
struct ConsentWords {
    /// Holder's address.
    uint256 holder;
    /// epoch 64, maxUses 32, deadline 64.
    uint256 head;
    /// Consent replaced, or 0.
    bytes32 replaces;
    /// Participant that may ask.
    bytes32 granteeId;
    /// purposes 32, categories 64, actions 16, maxLevel 8, maxConfidentiality 8, minForm 8, windowMonths 8, fromDay 32,
    /// toDay 32.
    uint256 scope;
    /// validFrom 64, validUntil 64, sessionMinutes 32, obligations 32, flags 32, ruleset 16.
    uint256 validity;
    /// Root of the terms tree, or 0.
    bytes32 terms;
    /// Salt of the scope.
    bytes32 salt;
}

/// @title Consent codec
/// @notice Unpacks consent words and computes EIP-712 struct hashes.
library ConsentLib {
    bytes32 internal constant HEAD_TYPEHASH =
        keccak256("ConsentHead(address holder,uint64 epoch,uint32 maxUses,uint64 deadline,bytes32 replaces)");

    bytes32 internal constant SCOPE_TYPEHASH = keccak256(
        "ConsentScope(bytes32 granteeId,uint32 purposes,uint64 categories,uint16 actions,uint8 maxLevel,uint8 maxConfidentiality,uint8 minForm,uint8 windowMonths,uint32 fromDay,uint32 toDay,uint64 validFrom,uint64 validUntil,uint32 sessionMinutes,uint32 obligations,uint32 flags,uint16 ruleset,bytes32 terms,bytes32 salt)"
    );

    bytes32 internal constant CONSENT_TYPEHASH = keccak256(
        "Consent(ConsentHead head,ConsentScope scope)ConsentHead(address holder,uint64 epoch,uint32 maxUses,uint64 deadline,bytes32 replaces)ConsentScope(bytes32 granteeId,uint32 purposes,uint64 categories,uint16 actions,uint8 maxLevel,uint8 maxConfidentiality,uint8 minForm,uint8 windowMonths,uint32 fromDay,uint32 toDay,uint64 validFrom,uint64 validUntil,uint32 sessionMinutes,uint32 obligations,uint32 flags,uint16 ruleset,bytes32 terms,bytes32 salt)"
    );

    bytes32 internal constant REVOCATION_TYPEHASH = keccak256("Revocation(address holder,bytes32 consentId)");

    bytes32 internal constant REVOCATION_OF_ALL_TYPEHASH = keccak256("RevocationOfAll(address holder,uint64 epoch)");

    /// @notice Whether no bit above the last field of any word is set.
    function isClean(ConsentWords calldata words) internal pure returns (bool) {
        return (words.holder >> 160) | (words.head >> 160) | (words.scope >> 208) | (words.validity >> 240) == 0;
    }

    /// @notice Writes the head inside the words into `head`. Filling a struct that a batch uses again costs less than making one.
    function unpackHead(ConsentWords calldata words, ConsentHead memory head) internal pure {
        uint256 word = words.head;
        // Narrowing casts cut a field out of its word: here and below that is their purpose.
        head.holder = address(uint160(words.holder));
        head.epoch = uint64(word);
        head.maxUses = uint32(word >> 64);
        head.deadline = uint64(word >> 96);
        head.replaces = words.replaces;
    }

    /// @notice Writes the scope inside the words into `scope`.
    function unpackScope(ConsentWords calldata words, ConsentScope memory scope) internal pure {
        uint256 word = words.scope;
        scope.granteeId = words.granteeId;
        scope.purposes = uint32(word);
        scope.categories = uint64(word >> 32);
        scope.actions = uint16(word >> 96);
        scope.maxLevel = uint8(word >> 112);
        scope.maxConfidentiality = uint8(word >> 120);
        scope.minForm = uint8(word >> 128);
        scope.windowMonths = uint8(word >> 136);
        scope.fromDay = uint32(word >> 144);
        scope.toDay = uint32(word >> 176);
        word = words.validity;
        scope.validFrom = uint64(word);
        scope.validUntil = uint64(word >> 64);
        scope.sessionMinutes = uint32(word >> 128);
        scope.obligations = uint32(word >> 160);
        scope.flags = uint32(word >> 192);
        scope.ruleset = uint16(word >> 224);
        scope.terms = words.terms;
        scope.salt = words.salt;
    }

    /// @notice Struct hash of a head.
    function hash(ConsentHead memory head) internal pure returns (bytes32) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := head
        }
        return StructHash.compute(HEAD_TYPEHASH, pointer, 5);
    }

    /// @notice Struct hash of a scope.
    function hash(ConsentScope memory scope) internal pure returns (bytes32) {
        uint256 pointer;
        assembly ("memory-safe") {
            pointer := scope
        }
        return StructHash.compute(SCOPE_TYPEHASH, pointer, 18);
    }

    /// @notice Struct hash of a whole consent from the hashes of its halves.
    function hash(bytes32 headHash, bytes32 scopeHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONSENT_TYPEHASH, headHash, scopeHash));
    }
}

/// @title States of a consent
library ConsentStatus {
    uint8 internal constant UNKNOWN = 0;
    uint8 internal constant LIVE = 1;
    uint8 internal constant REVOKED = 2;
    uint8 internal constant REPLACED = 3;
}

/// @title Consent slot
/// @notice One word per (holder, consentId): status 8, uses left 32, epoch 64, granted at 64.
library ConsentSlot {
    /// Uses left of a consent without limit.
    uint32 internal constant UNLIMITED = type(uint32).max;

    function pack(uint8 status_, uint32 usesLeft_, uint64 epoch_, uint64 grantedAt_) internal pure returns (uint256) {
        return uint256(status_) | uint256(usesLeft_) << 8 | uint256(epoch_) << 40 | uint256(grantedAt_) << 104;
    }

    function status(uint256 slot) internal pure returns (uint8) {
        return uint8(slot);
    }

    function usesLeft(uint256 slot) internal pure returns (uint32) {
        return uint32(slot >> 8);
    }

    function epoch(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 40);
    }

    function grantedAt(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 104);
    }

    /// @notice The slot with another status.
    function withStatus(uint256 slot, uint8 status_) internal pure returns (uint256) {
        return slot >> 8 << 8 | status_;
    }

    /// @notice The slot with one use less. The caller has checked that at least one is left.
    function spent(uint256 slot) internal pure returns (uint256) {
        return slot - (1 << 8);
    }
}
