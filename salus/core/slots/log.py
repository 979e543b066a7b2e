"""AuditLog: the word of each chain, head and count (`salus.core.audit.LogHead`)."""

from __future__ import annotations

from salus.core.ids import Address
from salus.core.slots.layout import LAYOUT, Storage, member

_LOG = LAYOUT["AuditLog"]


def chain_word(storage: Storage, log: Address, key: bytes | None) -> int:
    """Word of the chain of a key; of the global chain when it is None."""
    return storage.word(log, _LOG["_global"].slot if key is None else member(_LOG["_chains"].slot, key))
