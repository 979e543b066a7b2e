"""Messages on their way into the oracle's journal: what was there before, what is new, in the writer's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from salus.adapters.database.bulk import append_rows, find_rows, reserve_keys
from salus.adapters.database.oracle_tables import head_of, message, raw
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
_KNOWN = ("message_hash", "raw_hash", "key", "state", "flags")
_ASIDE = (MessageState.QUARANTINED, MessageState.DISCARDED)
_IS_TAKEN = f"state IN ({int(MessageState.PENDING)}, {int(MessageState.DONE)})"

Forget = Callable[[Sequence[bytes]], None]
"""Destroys the keys of sealed rows, by their heads."""


def append_messages(connection: Connection, rows: Sequence[JournalRow], forget: Forget) -> list[Appended]:
    """Store a group of messages; what each came to, in order. `forget` is for rows made anew, before they go."""
    known = _known_bytes(connection, rows)
    contents, lost = _known_contents(connection, rows)
    keys = iter(reserve_keys(connection, message, len(rows)))
    results: list[Appended] = []
    new: list[tuple[Any, ...]] = []
    sealed: list[tuple[int, bytes]] = []
    for row in rows:
        same = known.get(row.message_hash, {}).get(row.raw_hash)
        if same is not None and row.state is MessageState.PENDING and same.is_wanted:
            _take_after_all(connection, same.key, row, contents, forget)
            known[row.message_hash][row.raw_hash] = _Known(same.key, is_wanted=False)
            results.append(Appended.STORED)
            continue
        if same is not None:
            results.append(Appended.REPLAY)
            continue
        if row.state is MessageState.PENDING and row.content_hash in lost and row.content_hash not in contents:
            key = lost[row.content_hash]  # under another control id
            _take_after_all(connection, key, row, contents, forget)
            known.setdefault(row.message_hash, {})[row.raw_hash] = _Known(key, is_wanted=False)
            results.append(Appended.STORED)
            continue
        key, state, flags, first = next(keys), row.state, row.flags, None
        if row.message_hash in known:
            flags |= MessageFlag.REUSED_CONTROL_ID
        is_refused = state is MessageState.QUARANTINED and MessageFlag.REFUSED in flags
        known.setdefault(row.message_hash, {})[row.raw_hash] = _Known(key, is_wanted=is_refused)
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


@dataclass(frozen=True, slots=True)
class _Known:
    """A message that is there. `is_wanted`: it is taken when it comes again, for its sender was refused it and it is
    kept for people only, or its bytes are lost."""

    key: int
    is_wanted: bool


def _known_bytes(connection: Connection, rows: Sequence[JournalRow]) -> dict[bytes, dict[bytes, _Known]]:
    known: dict[bytes, dict[bytes, _Known]] = {}
    hashes = [row.message_hash for row in rows]
    for name, digest, key, state, flags in find_rows(connection, message, _KNOWN, "message_hash", hashes):
        is_wanted = bool(flags & MessageFlag.RECALLED) or (state in _ASIDE and bool(flags & MessageFlag.REFUSED))
        known.setdefault(bytes(name), {})[bytes(digest)] = _Known(key, is_wanted)
    return known


def _take_after_all(
    connection: Connection, key: int, row: JournalRow, contents: dict[bytes, int], forget: Forget
) -> None:
    """The same was refused before and a setting has changed since, or its bytes were lost: now they are taken, in their
    old place. What was lost may come under another control id: then that is its name from now on."""
    first = contents.get(row.content_hash)
    values = {
        "message_hash": row.message_hash,
        "raw_hash": row.raw_hash,
        "content_hash": row.content_hash,
        "kind": row.kind[:16],
        "received_at": row.received_at,
        "state": int(MessageState.PENDING if first is None else MessageState.DUPLICATE),
        "flags": int(row.flags),
        "code": 0,
        "location": "",
        "duplicate_of": first,
        "size": len(row.sealed),
    }
    connection.execute(update(message).where(message.c.key == key).values(**values))
    heads = connection.execute(select(head_of(raw.c.sealed)).where(raw.c.message == key)).scalars()
    forget([bytes(head) for head in heads])
    connection.execute(delete(raw).where(raw.c.message == key))
    if first is None:
        contents[row.content_hash] = key
        connection.execute(insert(raw).values(message=key, sealed=row.sealed))


def _known_contents(connection: Connection, rows: Sequence[JournalRow]) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Messages by their contents: those that were taken before, and those whose bytes are lost.

    One still in quarantine is in neither: its resend may fare better.
    """
    hashes, columns = [row.content_hash for row in rows], ("content_hash", "key", "flags")
    taken: dict[bytes, int] = {}
    lost: dict[bytes, int] = {}
    for digest, key, flags in find_rows(connection, message, columns, "content_hash", hashes, _IS_TAKEN):
        (lost if flags & MessageFlag.RECALLED else taken)[bytes(digest)] = key
    return taken, lost


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
