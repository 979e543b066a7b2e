// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Access, AccessWords} from "../../../contracts/types/Access.sol";
import {ConsentHead, ConsentScope, ConsentWords} from "../../../contracts/types/Consent.sol";

/// @notice A whole consent, as its holder signs it.
struct Consent {
    ConsentHead head;
    ConsentScope scope;
}

/// @notice Packs structs into calldata words after docs/protocol.md section 4, apart from the contracts' own codec.
library Words {
    function pack(Consent memory consent) internal pure returns (ConsentWords memory words) {
        ConsentHead memory head = consent.head;
        ConsentScope memory scope = consent.scope;
        words.holder = uint160(head.holder);
        words.head = uint256(head.epoch) | uint256(head.maxUses) << 64 | uint256(head.deadline) << 96;
        words.replaces = head.replaces;
        words.granteeId = scope.granteeId;
        words.scope = uint256(scope.purposes) | uint256(scope.categories) << 32 | uint256(scope.actions) << 96
            | uint256(scope.maxLevel) << 112 | uint256(scope.maxConfidentiality) << 120;
        words.scope |= uint256(scope.minForm) << 128 | uint256(scope.windowMonths) << 136 | uint256(scope.fromDay)
        << 144 | uint256(scope.toDay) << 176;
        words.validity = uint256(scope.validFrom) | uint256(scope.validUntil) << 64 | uint256(scope.sessionMinutes)
            << 128 | uint256(scope.obligations) << 160;
        words.validity |= uint256(scope.flags) << 192 | uint256(scope.ruleset) << 224;
        words.terms = scope.terms;
        words.salt = scope.salt;
    }

    function pack(Access memory access) internal pure returns (AccessWords memory words) {
        words.participantId = access.participantId;
        words.referenceId = access.referenceId;
        words.scope = uint256(access.kind) | uint256(access.purpose) << 8 | uint256(access.categories) << 40
            | uint256(access.actions) << 104 | uint256(access.level) << 120 | uint256(access.confidentiality) << 128;
        words.scope |= uint256(access.form) << 136 | uint256(access.fromDay) << 144 | uint256(access.toDay) << 176
        | uint256(access.role) << 208 | uint256(access.recordCount) << 224;
        words.recordsRoot = access.recordsRoot;
        words.sessionKey = access.sessionKey;
        words.userDigest = access.userDigest;
        words.deadline = access.deadline;
        words.salt = access.salt;
    }
}
