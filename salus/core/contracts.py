"""Names of the seven contracts as the directory has them."""

from __future__ import annotations

COUNCIL = "Council"
ROLES = (
    "ParticipantRegistry",
    "SubjectRegistry",
    "RecordRegistry",
    "ConsentRegistry",
    "AccessGateway",
    "AuditLog",
)
"""What the Council's directory names an address for."""
CONTRACTS = (COUNCIL, *ROLES)
