"""Reads of the ConsentRegistry: consent slots and holders' epochs. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.ids import Address, ConsentId

_NAME = "ConsentRegistry"


def slot(holder: Address, consent: ConsentId) -> Read[int]:
    """State word of a consent."""
    return view(_NAME, "slotOf", (holder, consent), int)


def epoch(holder: Address) -> Read[int]:
    """A holder's present epoch: consents of earlier ones are void."""
    return view(_NAME, "epochOf", (holder,), int)
