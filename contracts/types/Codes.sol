// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Outcome codes
/// @notice One append-only table, equal in Solidity, Python and `tests/vectors/codes.json`. The gateway decides codes below
/// 100; the others are custodians' and stand here so that no number is given twice.
library Codes {
    uint16 internal constant GRANTED = 1;

    uint16 internal constant PARTICIPANT_INACTIVE = 10;
    uint16 internal constant ACCREDITATION_EXPIRED = 11;
    uint16 internal constant NOT_QUALIFIED = 12;

    uint16 internal constant CONSENT_REVOKED = 20;
    uint16 internal constant CONSENT_REPLACED = 21;
    uint16 internal constant CONSENT_VOID = 22;
    uint16 internal constant CONSENT_NOT_YET_VALID = 23;
    uint16 internal constant CONSENT_EXPIRED = 24;
    uint16 internal constant CONSENT_USED_UP = 25;
    uint16 internal constant GRANTEE_MISMATCH = 26;

    uint16 internal constant PURPOSE_NOT_ALLOWED = 30;
    uint16 internal constant ACTION_NOT_ALLOWED = 31;
    uint16 internal constant CATEGORY_NOT_ALLOWED = 32;
    uint16 internal constant LEVEL_TOO_HIGH = 33;
    uint16 internal constant CONFIDENTIALITY_TOO_HIGH = 34;
    uint16 internal constant FORM_TOO_IDENTIFIED = 35;
    uint16 internal constant OUTSIDE_WINDOW = 36;
    uint16 internal constant FLAG_NOT_SUPPORTED = 37;
    uint16 internal constant UNDEFINED_BITS = 38;
    uint16 internal constant RULESET_UNKNOWN = 39;

    uint16 internal constant MALFORMED_CONSENT = 40;

    uint16 internal constant SUBJECT_FROZEN = 50;
    uint16 internal constant SUBJECT_DENIES = 51;
    uint16 internal constant NOT_CONTROLLER = 52;
    uint16 internal constant EMERGENCY_BLOCKED = 53;
    uint16 internal constant ACCESS_UNKNOWN = 100;
    uint16 internal constant ACCESS_NOT_FINAL = 101;
    uint16 internal constant ACCESS_DENIED = 102;
    uint16 internal constant ACCESS_EXPIRED = 103;
    uint16 internal constant ACCESS_FROZEN = 104;
    uint16 internal constant ACCESS_MISMATCH = 105;
    uint16 internal constant NOT_OPERATOR = 106;
    uint16 internal constant SESSION_KEY_MISMATCH = 107;
    uint16 internal constant CALL_REPLAYED = 108;
    uint16 internal constant CALL_STALE = 109;
    uint16 internal constant SIGNATURE_INVALID = 110;

    uint16 internal constant RECORDS_ROOT_MISMATCH = 120;
    uint16 internal constant RECORD_COUNT_MISMATCH = 121;
    uint16 internal constant RECORDS_NOT_DISTINCT = 122;
    uint16 internal constant TOO_MANY_RECORDS = 123;
    uint16 internal constant LINK_MISSING = 124;
    uint16 internal constant LINK_INVALID = 125;
    uint16 internal constant TERMS_INVALID = 126;

    uint16 internal constant RECORD_UNKNOWN = 140;
    uint16 internal constant RECORD_UNANCHORED = 141;
    uint16 internal constant RECORD_OTHER_SUBJECT = 142;
    uint16 internal constant RECORD_OTHER_SOURCE = 143;
    uint16 internal constant RECORD_OUTSIDE_CATEGORIES = 144;
    uint16 internal constant RECORD_OUTSIDE_DAYS = 145;
    uint16 internal constant RECORD_ABOVE_LEVEL = 146;
    uint16 internal constant RECORD_ABOVE_CONFIDENTIALITY = 147;
    uint16 internal constant RECORD_TOO_IDENTIFIED = 148;
    uint16 internal constant RECORD_TOPIC_NOT_ALLOWED = 149;
    uint16 internal constant RECORD_INVALID = 150;
    uint16 internal constant RECORD_SUPERSEDED = 151;
    uint16 internal constant RECORD_DESTROYED = 152;
    uint16 internal constant RECORD_EXCLUDED = 153;

    uint16 internal constant NODE_STALE = 170;
    uint16 internal constant CHAIN_SHORTENED = 171;
    uint16 internal constant CUSTODIAN_INACTIVE = 172;

    uint16 internal constant DEPOSIT_FORGED = 190;
    uint16 internal constant DEPOSIT_MISMATCH = 191;
    uint16 internal constant DEPOSIT_NOT_MEMBER = 192;
    uint16 internal constant DEPOSIT_NOT_SOURCE = 193;
}
