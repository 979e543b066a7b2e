// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Directory roles
/// @notice Names under which the Council's directory lists the contracts of the system.
library Directory {
    bytes32 internal constant PARTICIPANT_REGISTRY = keccak256("salus.role.ParticipantRegistry");
    bytes32 internal constant SUBJECT_REGISTRY = keccak256("salus.role.SubjectRegistry");
    bytes32 internal constant RECORD_REGISTRY = keccak256("salus.role.RecordRegistry");
    bytes32 internal constant CONSENT_REGISTRY = keccak256("salus.role.ConsentRegistry");
    bytes32 internal constant ACCESS_GATEWAY = keccak256("salus.role.AccessGateway");
    bytes32 internal constant AUDIT_LOG = keccak256("salus.role.AuditLog");

    /// @notice Whether contracts of this role hold state that others rest on: they are installed once.
    function keepsState(bytes32 role) internal pure returns (bool) {
        return writesLog(role) && role != ACCESS_GATEWAY || role == AUDIT_LOG || role == PARTICIPANT_REGISTRY;
    }

    /// @notice Whether contracts of this role append to the AuditLog.
    function writesLog(bytes32 role) internal pure returns (bool) {
        return role == SUBJECT_REGISTRY || role == RECORD_REGISTRY || role == CONSENT_REGISTRY || role == ACCESS_GATEWAY;
    }
}
