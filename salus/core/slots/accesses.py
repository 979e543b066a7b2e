"""AccessGateway: access slots. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.core.access import AccessKind
from salus.core.ids import AccessId, Address
from salus.core.slots.layout import LAYOUT, Storage, member
from salus.core.state import AccessState

_GATEWAY = LAYOUT["AccessGateway"]
_64 = (1 << 64) - 1


def access(storage: Storage, gateway: Address, access: AccessId) -> AccessState:
    """State of an access of one gateway; code 0 when there is no entry."""
    return access_state(storage.word(gateway, member(_GATEWAY["slotOf"].slot, access)))


def access_state(word: int) -> AccessState:
    """State of an access from its word; that of no access from 0."""
    kind = word >> 80 & 0xFF
    return AccessState(
        code=word & 0xFFFF,
        expires_at=word >> 16 & _64,
        kind=AccessKind(kind) if kind else None,
        frozen=bool(word >> 88 & 1),
        reviewed=bool(word >> 89 & 1),
        recorded_at=word >> 96 & _64,
    )
