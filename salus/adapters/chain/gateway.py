"""Reads of the AccessGateway: access slots. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.ids import AccessId, ParticipantId
from salus.core.slots.accesses import access_state
from salus.core.state import AccessState

_NAME = "AccessGateway"


def access(access_id: AccessId) -> Read[AccessState]:
    """State of an access; code 0 when there is no entry."""
    return view(_NAME, "slotOf", (access_id,), access_state)


def open_emergency(participant: ParticipantId) -> Read[tuple[AccessId, bool]]:
    """A participant's emergency access that waits for a review, and whether it is overdue."""
    return view(_NAME, "openEmergencyOf", (participant,), lambda found, overdue: (AccessId(found), overdue))
