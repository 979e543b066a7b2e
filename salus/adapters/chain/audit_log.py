"""Reads of the AuditLog: heads and counts of its chains, joined to the storage word that proofs show."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.audit import LogHead

_NAME = "AuditLog"


def global_slot() -> Read[int]:
    """Storage word of the global chain."""
    return view(_NAME, "globalChain", (), _word)


def slot(key: bytes) -> Read[int]:
    """Storage word of the chain of a key."""
    return view(_NAME, "chainOf", (key,), _word)


def _word(head: int, count: int) -> int:
    return LogHead(head, count).slot()
