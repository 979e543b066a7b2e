"""Reads of the AccessGateway: access slots. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.access import AccessKind
from salus.core.ids import AccessId, ParticipantId
from salus.core.state import AccessState

_NAME = "AccessGateway"
_64 = (1 << 64) - 1


def access(access_id: AccessId) -> Read[AccessState]:
    """State of an access; code 0 when there is no entry."""
    return view(_NAME, "slotOf", (access_id,), _access)


def no_access() -> AccessState:
    """State of an access nobody recorded."""
    return _access(0)


def open_emergency(participant: ParticipantId) -> Read[tuple[AccessId, bool]]:
    """A participant's emergency access that waits for a review, and whether it is overdue."""
    return view(_NAME, "openEmergencyOf", (participant,), lambda found, overdue: (AccessId(found), overdue))


def _access(slot: int) -> AccessState:
    kind = slot >> 80 & 0xFF
    return AccessState(
        code=slot & 0xFFFF,
        expires_at=slot >> 16 & _64,
        kind=AccessKind(kind) if kind else None,
        frozen=bool(slot >> 88 & 1),
        reviewed=bool(slot >> 89 & 1),
        recorded_at=slot >> 96 & _64,
    )
