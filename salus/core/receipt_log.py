"""A stretch of an AuditLog chain inside a receipt: the head before, the entries, the head after.

Whoever knows the head that the contract stores at the receipt's block can compare it with `after`; the heads can't be
made to fit other entries. Source: docs/protocol.md section 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salus.core.audit import Entry, LogHead
from salus.core.errors import ReceiptError
from salus.core.ids import hex32
from salus.core.receipt_fields import Fields

_HEAD_BYTES = 26
MAX_ENTRIES = 640
"""Entries of one stretch: more would take a check beyond its 50 ms."""


@dataclass(frozen=True, slots=True)
class LogSegment:
    """Consecutive entries of one chain; `key` None is the global chain."""

    key: bytes | None
    before: LogHead
    entries: tuple[Entry, ...]
    after: LogHead

    def position_of(self, entry: Entry) -> int | None:
        """Number of an entry in its chain, from 1; None if it is not in this stretch exactly once."""
        found = [i for i, item in enumerate(self.entries) if item == entry]
        return self.before.count + found[0] + 1 if len(found) == 1 else None

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "key": None if self.key is None else hex32(self.key),
            "before": _head_json(self.before),
            "entries": [_entry_json(entry) for entry in self.entries],
            "after": _head_json(self.after),
        }

    @classmethod
    def from_json(cls, value: Any, path: str) -> LogSegment:
        """Read the JSON form.

        Raises:
            ReceiptError: malformed.
        """
        fields = Fields(value, path, "key", "before", "entries", "after")
        key = None if fields.raw("key") is None else fields.hex("key")
        entries = fields.items("entries")[: MAX_ENTRIES + 1]
        return cls(
            key,
            _head(fields.raw("before"), fields.path("before")),
            tuple(_entry(item, f"{fields.path('entries')}[{i}]") for i, item in enumerate(entries)),
            _head(fields.raw("after"), fields.path("after")),
        )

    def check(self, path: str, chain_id: int, not_after: int) -> None:
        """Recompute the heads.

        Raises:
            ReceiptError: an entry is of another chain, out of time, or the heads don't follow from the entries.
        """
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            raise ReceiptError(f"{path}.entries", f"must have 1 to {MAX_ENTRIES} entries")
        head, time = self.before, 0
        if not head.count and head.head:
            raise ReceiptError(f"{path}.before.head", "must be zero before the first entry")
        for i, entry in enumerate(self.entries):
            if self.key is not None and entry.key != self.key:
                raise ReceiptError(f"{path}.entries[{i}].key", "is of another chain")
            if not time <= entry.at <= not_after:
                raise ReceiptError(f"{path}.entries[{i}].at", "is out of order or later than the receipt's block")
            head, time = head.after(entry.digest(chain_id)), entry.at
        if head != self.after:
            raise ReceiptError(f"{path}.after", "is not the head that follows from the entries")


def segment_of(key: bytes | None, before: LogHead, entries: Sequence[Entry], chain_id: int) -> LogSegment:
    """The stretch of entries that follow a head."""
    after = before
    for entry in entries:
        after = after.after(entry.digest(chain_id))
    return LogSegment(key, before, tuple(entries), after)


def read_segments(fields: Fields, name: str) -> tuple[LogSegment, ...]:
    """A list of segments, each of another chain.

    Raises:
        ReceiptError: malformed, or two are of one chain.
    """
    items = fields.items(name)
    found = tuple(LogSegment.from_json(item, f"{fields.path(name)}[{i}]") for i, item in enumerate(items))
    if len({segment.key for segment in found}) != len(found):
        raise ReceiptError(fields.path(name), "has two stretches of one chain")
    return found


def require_entry(segments: Sequence[LogSegment], entry: Entry, path: str) -> dict[bytes | None, int]:
    """Position of an entry in every segment of its chain and of the global chain.

    Raises:
        ReceiptError: one of these segments does not have it exactly once.
    """
    positions: dict[bytes | None, int] = {}
    for i, segment in enumerate(segments):
        if segment.key in (None, entry.key):
            position = segment.position_of(entry)
            if position is None:
                raise ReceiptError(f"{path}[{i}].entries", "must have the entry this receipt is about exactly once")
            positions[segment.key] = position
    return positions


def _head(value: Any, path: str) -> LogHead:
    fields = Fields(value, path, "head", "count")
    return LogHead(int.from_bytes(fields.hex("head", _HEAD_BYTES), "big"), fields.integer("count", 48))


def _head_json(head: LogHead) -> dict[str, Any]:
    return {"head": hex32(head.head.to_bytes(_HEAD_BYTES, "big")), "count": head.count}


def _entry(value: Any, path: str) -> Entry:
    fields = Fields(value, path, "emitter", "key", "kind", "code", "reference", "at")
    return Entry(
        fields.address("emitter"),
        fields.hex("key"),
        fields.integer("kind", 8),
        fields.integer("code", 16),
        fields.hex("reference"),
        fields.integer("at"),
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "emitter": entry.emitter,
        "key": hex32(entry.key),
        "kind": int(entry.kind),
        "code": int(entry.code),
        "reference": hex32(entry.reference),
        "at": entry.at,
    }
