// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Kinds of log entries
/// @notice The `kind` of an AuditLog entry. Append-only.
library Entries {
    uint8 internal constant ACCESS_GRANTED = 1;
    uint8 internal constant ACCESS_DENIED = 2;
    uint8 internal constant ACCESS_REVIEWED = 3;
    uint8 internal constant ACCESS_FROZEN = 4;
    uint8 internal constant ACCESS_UNFROZEN = 5;

    uint8 internal constant CONSENT_GRANTED = 10;
    uint8 internal constant CONSENT_REPLACED = 11;
    uint8 internal constant CONSENT_REVOKED = 12;
    uint8 internal constant CONSENTS_REVOKED = 13;

    uint8 internal constant SUBJECT_BOUND = 20;
    uint8 internal constant CONTROLLER_ROTATED = 21;
    uint8 internal constant GUARDIAN_APPOINTED = 22;
    uint8 internal constant RECOVERY_STARTED = 23;
    uint8 internal constant CONTROLLER_RECOVERED = 24;
    uint8 internal constant RECOVERY_VETOED = 25;
    uint8 internal constant SUBJECT_FROZEN = 26;
    uint8 internal constant SUBJECT_UNFROZEN = 27;
    uint8 internal constant DENIAL_SET = 28;
    uint8 internal constant SUBJECT_LINKED = 29;
    uint8 internal constant SUBJECT_UNLINKED = 30;
    uint8 internal constant RETENTION_SET = 31;
    uint8 internal constant HOLD_SET = 32;
    uint8 internal constant SUBJECT_REGISTERED = 33;

    uint8 internal constant BATCH_ANCHORED = 40;
    uint8 internal constant RECORD_INVALIDATED = 41;
    uint8 internal constant DESTRUCTION_ORDERED = 42;
    uint8 internal constant DESTRUCTION_ATTESTED = 43;
    uint8 internal constant LOG_ANCHORED = 44;
}
