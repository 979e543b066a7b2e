"""Reads of the ConsentRegistry: consent slots and holders' epochs. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.ids import Address, ConsentId
from salus.core.policy import ConsentStatus
from salus.core.state import ConsentState

_NAME = "ConsentRegistry"
_64 = (1 << 64) - 1


def slot(holder: Address, consent: ConsentId) -> Read[int]:
    """State word of a consent."""
    return view(_NAME, "slotOf", (holder, consent), int)


def epoch(holder: Address) -> Read[int]:
    """A holder's present epoch: consents of earlier ones are void."""
    return view(_NAME, "epochOf", (holder,), int)


def consent_state(word: int, holder_epoch: int) -> ConsentState:
    """State of a consent from its word and its holder's epoch."""
    return ConsentState(
        status=ConsentStatus(word & 0xFF),
        uses_left=word >> 8 & 0xFFFFFFFF,
        epoch=word >> 40 & _64,
        granted_at=word >> 104 & _64,
        holder_epoch=holder_epoch,
    )
