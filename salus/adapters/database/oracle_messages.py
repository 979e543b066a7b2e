"""Messages of the journal in the oracle's database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, Row, bindparam, delete, exists, insert, select, text, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_acks import owe
from salus.adapters.database.oracle_quality import add_arrivals
from salus.adapters.database.oracle_tables import ANCHORED, batch, message, raw, record, told, version
from salus.core.errors import ConflictError, NotFoundError
from salus.core.journal import (
    NO_FAULT,
    Appended,
    Fault,
    JournalRow,
    MessageFlag,
    MessageOutcome,
    MessageState,
    SealedMessage,
    StoredMessage,
)

T = TypeVar("T")
_CHUNK = 400
_SETTLED = (MessageState.PENDING, MessageState.DONE)
_AWAITING = (MessageState.QUARANTINED, MessageState.FAILED)


class DatabaseMessages:
    """The `MessageStore` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def append(self, rows: Sequence[JournalRow]) -> list[Appended]:
        """Store a group of messages in one durable transaction; what each came to, in order."""
        with self._database.writing(urgent=True) as connection:
            results = _append(connection, rows)
            add_arrivals(connection, rows, results)
            owe(connection, rows)
            return results

    def pending(self, limit: int) -> list[SealedMessage]:
        """The oldest pending messages, in the order of arrival."""
        query = _SEALED.where(text("state = 1")).order_by(message.c.key).limit(limit)
        with self._database.reading() as connection:
            return [SealedMessage(*row) for row in connection.execute(query)]

    def sealed(self, key: int) -> SealedMessage:
        """One message with its bytes.

        Raises:
            NotFoundError: no such message, or its bytes are erased.
        """
        with self._database.reading() as connection:
            row = connection.execute(_SEALED.where(message.c.key == key)).one_or_none()
        if row is None:
            raise NotFoundError(f"the journal has no bytes of message {key}")
        return SealedMessage(*row)

    def quarantine(self, after: int = 0, limit: int = 100) -> list[StoredMessage]:
        """Messages that wait for a person, after a key, in order."""
        query = _STORED.where(text("state IN (4, 5)"), message.c.key > after).order_by(message.c.key).limit(limit)
        with self._database.reading() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def message(self, key: int) -> StoredMessage:
        """One message without its bytes.

        Raises:
            NotFoundError: no such message.
        """
        with self._database.reading() as connection:
            row = connection.execute(_STORED.where(message.c.key == key)).one_or_none()
        if row is None:
            raise NotFoundError(f"the journal has no message {key}")
        return _stored(row)

    def redrive(self, key: int) -> None:
        """Put a quarantined message back in the queue; it keeps its place.

        Raises:
            NotFoundError: no such message.
            ConflictError: it is not in quarantine.
        """
        with self._database.writing() as connection:
            state = connection.execute(select(message.c.state).where(message.c.key == key)).scalar_one_or_none()
            if state is None:
                raise NotFoundError(f"the journal has no message {key}")
            if state not in _AWAITING:
                raise ConflictError(f"message {key} is not in quarantine")
            settle(connection, [MessageOutcome(key, MessageState.PENDING)])

    def purge(
        self, received_before: int, limit: int = 1000, *, of: str | None = None, but: Collection[str] = ()
    ) -> int:
        """Erase bytes of finished messages received before a time, once all they became is anchored; how many.

        Only messages of the listener `of`, if it is given, and of none in `but`. A message about a record that has
        changed since that time is kept: what comes next is folded with it.
        """
        under_way = exists().where(
            version.c.message == message.c.key,
            ~exists().where(batch.c.key == version.c.batch, batch.c.state == ANCHORED),
        )
        in_use = exists().where(
            version.c.message == message.c.key,
            record.c.key == version.c.record,
            record.c.updated_at >= received_before,
        )
        query = (
            select(raw.c.message)
            .join(message, message.c.key == raw.c.message)
            .where(message.c.state == MessageState.DONE, message.c.received_at < received_before, ~under_way, ~in_use)
            .where(message.c.listener == of if of is not None else message.c.listener.not_in(but))
            .order_by(raw.c.message)
            .limit(limit)
        )
        with self._database.writing() as connection:
            keys = list(connection.execute(query).scalars())
            for chunk in chunks(keys):
                connection.execute(delete(raw).where(raw.c.message.in_(chunk)))
                connection.execute(delete(told).where(told.c.message.in_(chunk)))
        return len(keys)


def settle(connection: Connection, outcomes: Iterable[MessageOutcome]) -> None:
    """Write what became of messages, in the caller's transaction."""
    grouped: dict[tuple[MessageState, Fault], list[int]] = {}
    for outcome in outcomes:
        grouped.setdefault((outcome.state, outcome.fault), []).append(outcome.key)
    for (state, fault), keys in grouped.items():
        values: dict[str, Any] = {"state": int(state), "code": fault.code, "location": fault.location[:64]}
        if state is MessageState.PENDING:
            values["attempts"] = message.c.attempts + 1
        for chunk in chunks(keys):
            connection.execute(update(message).where(message.c.key.in_(chunk)).values(**values))


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """Values in lists that fit one statement."""
    rest = iter(values)
    while found := list(islice(rest, size)):
        yield found


def _append(connection: Connection, rows: Sequence[JournalRow]) -> list[Appended]:
    known = _known_bytes(connection, rows)
    contents = _known_contents(connection, rows)
    results: list[Appended] = []
    new: list[dict[str, Any]] = []
    sealed: dict[tuple[bytes, bytes], bytes] = {}
    first_places: dict[bytes, tuple[bytes, bytes]] = {}
    followers: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
    for row in rows:
        name = (row.message_hash, row.raw_hash)
        if row.raw_hash in known.get(row.message_hash, ()):
            results.append(Appended.REPLAY)
            continue
        values = _values(row)
        if row.message_hash in known:
            values["flags"] |= int(MessageFlag.REUSED_CONTROL_ID)
        known.setdefault(row.message_hash, set()).add(row.raw_hash)
        if row.state is MessageState.PENDING and row.content_hash in contents:
            values |= {"state": int(MessageState.DUPLICATE), "duplicate_of": contents[row.content_hash]}
            results.append(Appended.DUPLICATE)
        elif row.state is MessageState.PENDING and row.content_hash in first_places:
            values["state"] = int(MessageState.DUPLICATE)
            followers[name] = first_places[row.content_hash]
            results.append(Appended.DUPLICATE)
        else:
            sealed[name] = row.sealed
            if row.state is MessageState.PENDING:
                first_places[row.content_hash] = name
            results.append(Appended.STORED)
        new.append(values)
    if new:
        keys = connection.execute(insert(message).returning(message.c.key, *_NAME), new)
        named = {(bytes(a), bytes(b)): key for key, a, b in keys}
        blobs = [{"message": named[name], "sealed": blob} for name, blob in sealed.items()]
        if blobs:
            connection.execute(insert(raw), sorted(blobs, key=lambda row: row["message"]))
        for follower, first in followers.items():
            query = update(message).where(message.c.key == named[follower])
            connection.execute(query.values(duplicate_of=named[first]))
    return results


def _known_bytes(connection: Connection, rows: Sequence[JournalRow]) -> dict[bytes, set[bytes]]:
    known: dict[bytes, set[bytes]] = {}
    for chunk in chunks(list({row.message_hash for row in rows})):
        for name, digest in connection.execute(_WITH_HASHES, {"hashes": chunk}):
            known.setdefault(bytes(name), set()).add(bytes(digest))
    return known


def _known_contents(connection: Connection, rows: Sequence[JournalRow]) -> dict[bytes, int]:
    """Contents that were taken before. One still in quarantine doesn't count: its resend may fare better."""
    found: dict[bytes, int] = {}
    for chunk in chunks(list({row.content_hash for row in rows})):
        found.update((bytes(digest), key) for digest, key in connection.execute(_WITH_CONTENTS, {"hashes": chunk}))
    return found


def _values(row: JournalRow) -> dict[str, Any]:
    return {
        "listener": row.listener,
        "message_hash": row.message_hash,
        "raw_hash": row.raw_hash,
        "content_hash": row.content_hash,
        "kind": row.kind[:16],
        "received_at": row.received_at,
        "state": int(row.state),
        "flags": int(row.flags),
        "code": row.fault.code,
        "location": row.fault.location[:64],
        "attempts": 0,
        "duplicate_of": None,
    }


def _stored(row: Row[Any]) -> StoredMessage:
    return StoredMessage(
        key=row.key,
        listener=row.listener,
        kind=row.kind,
        received_at=row.received_at,
        state=MessageState(row.state),
        flags=MessageFlag(row.flags),
        fault=Fault(row.code, row.location) if row.code or row.location else NO_FAULT,
        attempts=row.attempts,
    )


_NAME = (message.c.message_hash, message.c.raw_hash)
_SEALED = select(message.c.key, message.c.listener, *_NAME, raw.c.sealed, message.c.received_at).join(
    raw, raw.c.message == message.c.key
)
_STORED = select(message)
# Queries of every group commit are built once: building them costs as much as running them
_HASHES: BindParameter[bytes] = bindparam("hashes", expanding=True)
_WITH_HASHES = select(*_NAME).where(message.c.message_hash.in_(_HASHES))
_WITH_CONTENTS = select(message.c.content_hash, message.c.key).where(
    message.c.content_hash.in_(_HASHES), message.c.state.in_([int(state) for state in _SETTLED])
)
