"""Messages on their way into the oracle's journal: what was there before, what is new, in the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from salus.adapters.database.bulk import append_rows, find_rows, reserve_keys
from salus.adapters.database.oracle_tables import message, raw
from salus.core.journal import Appended, JournalRow, MessageFlag, MessageState

_COLUMNS = (
    "key",
    "listener",
    "message_hash",
    "raw_hash",
    "content_hash",
    "kind",
    "received_at",
    "state",
    "flags",
    "code",
    "location",
    "attempts",
    "duplicate_of",
    "size",
)
_IS_SETTLED = f"state IN ({int(MessageState.PENDING)}, {int(MessageState.DONE)})"


def append_messages(connection: Connection, rows: Sequence[JournalRow]) -> list[Appended]:
    """Store a group of messages; what each came to, in order."""
    known = _known_bytes(connection, rows)
    contents = _known_contents(connection, rows)
    keys = iter(reserve_keys(connection, message, len(rows)))
    results: list[Appended] = []
    new: list[tuple[Any, ...]] = []
    sealed: list[tuple[int, bytes]] = []
    for row in rows:
        if row.raw_hash in known.get(row.message_hash, ()):
            results.append(Appended.REPLAY)
            continue
        key, state, flags, first = next(keys), row.state, row.flags, None
        if row.message_hash in known:
            flags |= MessageFlag.REUSED_CONTROL_ID
        known.setdefault(row.message_hash, set()).add(row.raw_hash)
        if state is MessageState.PENDING and row.content_hash in contents:
            state, first = MessageState.DUPLICATE, contents[row.content_hash]
            results.append(Appended.DUPLICATE)
        else:
            sealed.append((key, row.sealed))
            if state is MessageState.PENDING:
                contents[row.content_hash] = key
            results.append(Appended.STORED)
        new.append(_values(key, row, state, flags, first))
    append_rows(connection, message, _COLUMNS, new)
    append_rows(connection, raw, ("message", "sealed"), sealed)
    return results


def _known_bytes(connection: Connection, rows: Sequence[JournalRow]) -> dict[bytes, set[bytes]]:
    known: dict[bytes, set[bytes]] = {}
    hashes = [row.message_hash for row in rows]
    for name, digest in find_rows(connection, message, ("message_hash", "raw_hash"), "message_hash", hashes):
        known.setdefault(bytes(name), set()).add(bytes(digest))
    return known


def _known_contents(connection: Connection, rows: Sequence[JournalRow]) -> dict[bytes, int]:
    """Contents that were taken before. One still in quarantine doesn't count: its resend may fare better."""
    hashes = [row.content_hash for row in rows]
    found = find_rows(connection, message, ("content_hash", "key"), "content_hash", hashes, _IS_SETTLED)
    return {bytes(digest): key for digest, key in found}


def _values(key: int, row: JournalRow, state: MessageState, flags: MessageFlag, first: int | None) -> tuple[Any, ...]:
    """Values of a message, in the order of `_COLUMNS`."""
    return (
        key,
        row.listener,
        row.message_hash,
        row.raw_hash,
        row.content_hash,
        row.kind[:16],
        row.received_at,
        int(state),
        int(flags),
        row.fault.code,
        row.fault.location[:64],
        0,
        first,
        len(row.sealed),
    )
