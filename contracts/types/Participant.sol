// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Kinds of participants
/// @notice What an institution is. The kind is descriptive; rights follow from roles.
library ParticipantKind {
    uint8 internal constant HOSPITAL = 1;
    uint8 internal constant CHECKUP_CENTRE = 2;
    uint8 internal constant PRIMARY_CARE = 3;
    uint8 internal constant RESEARCH_INSTITUTE = 4;
    uint8 internal constant PUBLIC_HEALTH = 5;
    uint8 internal constant INSURER = 6;
    uint8 internal constant REGULATOR = 7;
    uint8 internal constant CUSTODIAN = 8;
    uint8 internal constant REGIONAL_CLOUD = 9;
}

/// @title States of a participant
library ParticipantStatus {
    uint8 internal constant NONE = 0;
    uint8 internal constant APPLIED = 1;
    uint8 internal constant ACTIVE = 2;
    uint8 internal constant SUSPENDED = 3;
    uint8 internal constant EXPELLED = 4;
}

/// @title Roles of a participant
/// @notice Bits of a mask, given by the Council at admission.
library ParticipantRole {
    /// Anchors records of its own patients.
    uint16 internal constant SOURCE = 1;
    /// Keeps key shares; can never request.
    uint16 internal constant CUSTODY = 2;
    uint16 internal constant CARE = 4;
    uint16 internal constant RESEARCH = 8;
    uint16 internal constant PUBLIC_HEALTH = 16;
    uint16 internal constant INSURE = 32;
    /// Freezes accesses, sets legal holds, reviews emergencies.
    uint16 internal constant SUPERVISE = 64;
    /// May use the emergency path.
    uint16 internal constant EMERGENCY = 128;
    /// Every defined bit.
    uint16 internal constant ALL = 255;
}

/// @notice What decides whether a participant may ask at all.
struct Standing {
    /// One of ParticipantStatus.
    uint8 status;
    /// Mask of ParticipantRole bits.
    uint16 roles;
    /// Unix time at which the accreditation ends.
    uint64 accreditedUntil;
}
