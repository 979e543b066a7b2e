"""ConsentRegistry: consent slots and holders' epochs. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.core.ids import Address, ConsentId
from salus.core.policy import ConsentStatus
from salus.core.slots.layout import LAYOUT, Storage, member
from salus.core.state import ConsentState

_REGISTRY = LAYOUT["ConsentRegistry"]
_64 = (1 << 64) - 1


def consent(storage: Storage, registry: Address, holder: Address, consent: ConsentId) -> ConsentState:
    """A consent slot and its holder's present epoch."""
    word = storage.word(registry, member(member(_REGISTRY["slotOf"].slot, holder), consent))
    return consent_state(word, storage.word(registry, member(_REGISTRY["epochOf"].slot, holder)) & _64)


def consent_state(word: int, holder_epoch: int) -> ConsentState:
    """State of a consent from its word and its holder's epoch."""
    return ConsentState(
        status=ConsentStatus(word & 0xFF),
        uses_left=word >> 8 & 0xFFFFFFFF,
        epoch=word >> 40 & _64,
        granted_at=word >> 104 & _64,
        holder_epoch=holder_epoch,
    )
