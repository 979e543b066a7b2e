"""Messages of the journal in the oracle's database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, delete, exists, func, insert, or_, select, text, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_acks import owe
from salus.adapters.database.oracle_append import append_messages
from salus.adapters.database.oracle_line import ring
from salus.adapters.database.oracle_quality import add_arrivals
from salus.adapters.database.oracle_tables import (
    ABANDONED,
    ANCHORED,
    batch,
    head_of,
    message,
    raw,
    record,
    sender,
    told,
    version,
)
from salus.core.errors import NotFoundError
from salus.core.journal import (
    NO_FAULT,
    Appended,
    Fault,
    HeadStatus,
    JournalRow,
    MessageFlag,
    MessageOutcome,
    MessageState,
    SealedMessage,
    Sender,
    StoredMessage,
)

T = TypeVar("T")
_CHUNK = 400
_MOST_SENDERS = 4096
MOST_IN_RUN = 8 * 1024 * 1024
"""Bytes of messages handed out at once, unless a single one has more."""


class DatabaseMessages:
    """The `MessageStore` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database
        self._senders: set[bytes] = set()

    def append(self, rows: Sequence[JournalRow], forget: Callable[[Sequence[bytes]], None]) -> list[Appended]:
        """Store a group of messages in one durable transaction; what each came to, in order.

        `forget` destroys the keys of sealed rows that are made anew, of which it is given the heads, before they go.
        """
        with self._database.writing(urgent=True) as connection:
            results = append_messages(connection, rows, forget)
            ring(connection)
            add_arrivals(connection, rows, results)
            owe(connection, rows)
            fresh = {one.name_hash: one for one in (row.sender for row in rows) if one and self._is_new(one)}
            if fresh:
                _add_senders(connection, fresh)
        self._senders |= fresh.keys()
        return results

    def _is_new(self, sender: Sender) -> bool:
        return sender.name_hash not in self._senders

    def pending(self, limit: int, after: int = 0) -> list[SealedMessage]:
        """The oldest pending messages after a key, in the order of arrival; fewer when they are large."""
        waiting = text("state = 1"), message.c.key > after
        with self._database.reading() as connection:
            last = _last_of_run(connection.execute(_SIZES.where(*waiting).order_by(message.c.key).limit(limit)))
            query = _SEALED.where(*waiting, message.c.key <= last).order_by(message.c.key)
            return [sealed_message(row) for row in connection.execute(query)]

    def sealed(self, key: int) -> SealedMessage:
        """One message with its bytes.

        Raises:
            NotFoundError: no such message, or its bytes are erased.
        """
        with self._database.reading() as connection:
            row = connection.execute(_SEALED.where(message.c.key == key)).one_or_none()
        if row is None:
            raise NotFoundError(f"the journal has no bytes of message {key}")
        return sealed_message(row)

    def quarantine(self, after: int = 0, limit: int = 100) -> list[StoredMessage]:
        """Messages that wait for a person, after a key, in order."""
        query = STORED.where(text("state IN (4, 5)"), message.c.key > after).order_by(message.c.key).limit(limit)
        with self._database.reading() as connection:
            return [stored_message(row) for row in connection.execute(query)]

    def message(self, key: int) -> StoredMessage:
        """One message without its bytes.

        Raises:
            NotFoundError: no such message.
        """
        with self._database.reading() as connection:
            row = connection.execute(STORED.where(message.c.key == key)).one_or_none()
        if row is None:
            raise NotFoundError(f"the journal has no message {key}")
        return stored_message(row)

    def purge(
        self,
        forget: Callable[[Sequence[bytes]], None],
        received_before: int,
        limit: int = 1000,
        *,
        of: str | None = None,
        but: Collection[str] = (),
    ) -> int:
        """Erase bytes of finished messages received before a time, once all they became is anchored; how many.

        What was given up will never be, and does not keep them.

        `forget` destroys the keys of sealed rows, of which it is given the heads, before the rows go.

        Only messages of the listener `of`, if it is given, else of those not in `but`. A message about a record that
        has changed since that time is kept: what comes next is folded with it. So is one that waits for the bytes of
        others about its group, which are lost until they are sent again: it may be in no record yet.
        """
        under_way = exists().where(
            version.c.message == message.c.key,
            ~exists().where(batch.c.key == version.c.batch, batch.c.state.in_((ANCHORED, ABANDONED))),
        )
        in_use = exists().where(
            version.c.message == message.c.key,
            record.c.key == version.c.record,
            record.c.updated_at >= received_before,
        )
        lost = message.alias("lost")
        awaits = exists().where(
            told.c.message == message.c.key,
            or_(record.c.record_id == told.c.group_hash, record.c.group_hash == told.c.group_hash),
            version.c.record == record.c.key,
            lost.c.key == version.c.message,
            lost.c.flags.op("&")(int(MessageFlag.RECALLED)) != 0,
        )
        query = (
            select(raw.c.message, head_of(raw.c.sealed))
            .join(message, message.c.key == raw.c.message)
            .where(message.c.state.in_(_FINISHED), message.c.received_at < received_before)
            .where(~under_way, ~in_use, ~awaits)
            .where(message.c.listener == of if of is not None else message.c.listener.not_in(but))
            .order_by(raw.c.message)
            .limit(limit)
        )
        with self._database.writing() as connection:
            return _erase_bytes(connection, query, forget)

    def purge_destroyed(self, forget: Callable[[Sequence[bytes]], None], limit: int = 1000) -> int:
        """Erase bytes of finished messages that speak of nothing but destroyed records, however new; how many.

        They came after the destruction or were waiting then, and made nothing; no order is carried out again for them.
        """
        is_destroyed = record.c.status == int(HeadStatus.DESTROYED)
        of_group = or_(record.c.record_id == told.c.group_hash, record.c.group_hash == told.c.group_hash)
        beside = told.alias("beside")
        of_other = or_(record.c.record_id == beside.c.group_hash, record.c.group_hash == beside.c.group_hash)
        lives = exists().where(beside.c.message == told.c.message, of_other, ~is_destroyed)
        made = exists().where(version.c.message == told.c.message, record.c.key == version.c.record, ~is_destroyed)
        wanted = (
            select(told.c.message)
            .distinct()
            .join(message, message.c.key == told.c.message)
            .join(raw, raw.c.message == told.c.message)
            .where(message.c.state.in_(_FINISHED), exists().where(of_group, is_destroyed), ~lives, ~made)
            .limit(limit)
        )
        with self._database.reading() as connection:  # goes through all that made nothing: no writer should wait for it
            keys = list(connection.execute(wanted).scalars())
        if not keys:
            return 0
        query = select(raw.c.message, head_of(raw.c.sealed)).join(message, message.c.key == raw.c.message)
        with self._database.writing() as connection:
            return sum(
                _erase_bytes(connection, query.where(raw.c.message.in_(chunk), message.c.state.in_(_FINISHED)), forget)
                for chunk in chunks(keys)
            )


def _erase_bytes(connection: Connection, query: Select[Any], forget: Callable[[Sequence[bytes]], None]) -> int:
    """Erase bytes of the messages of a query for their keys and heads; how many."""
    found = connection.execute(query).all()
    forget([bytes(row.head) for row in found])
    keys = [row.message for row in found]
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
        for chunk in chunks(keys):
            connection.execute(update(message).where(message.c.key.in_(chunk)).values(**values))


def chunks(values: Sequence[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """Values in lists that fit one statement."""
    rest = iter(values)
    while found := list(islice(rest, size)):
        yield found


def _add_senders(connection: Connection, fresh: dict[bytes, Sender]) -> None:
    """Note who sends; beyond a number no hospital has, nobody more: messages are found by naming their sender then."""
    known = select(sender.c.name_hash).where(sender.c.name_hash.in_(list(fresh)))
    new = fresh.keys() - {bytes(name) for name in connection.execute(known).scalars()}
    room = _MOST_SENDERS - int(connection.execute(select(func.count()).select_from(sender)).scalar_one())
    rows = [
        {"name_hash": one.name_hash, "listener": one.listener, "sealed": one.sealed}
        for one in islice((fresh[name] for name in sorted(new)), max(0, room))
    ]
    if rows:
        connection.execute(insert(sender), rows)


def _last_of_run(sizes: Iterable[Any]) -> int:
    """Key of the last message of a run, from keys and sizes in bytes; 0 without any."""
    last, total = 0, 0
    for key, size in sizes:
        total += size
        if last and total > MOST_IN_RUN:
            break
        last = key
    return last


def sealed_message(row: Any) -> SealedMessage:
    """The message in a row of `_SEALED`."""
    again, reseal = (bool(row.flags & one) for one in (MessageFlag.REPROCESSED, MessageFlag.RESEALED))
    return SealedMessage(
        row.key,
        row.listener,
        row.message_hash,
        row.raw_hash,
        row.sealed,
        row.received_at,
        again=again,
        reseal=reseal,
        content_hash=row.content_hash,
        kind=row.kind,
    )


def stored_message(row: Any) -> StoredMessage:
    """The message in a row of `STORED`."""
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


_NAME = (message.c.message_hash, message.c.raw_hash, message.c.content_hash, message.c.kind)
_SEALED = select(message.c.key, message.c.listener, *_NAME, raw.c.sealed, message.c.received_at, message.c.flags).join(
    raw, raw.c.message == message.c.key
)
_SIZES = select(message.c.key, func.length(raw.c.sealed)).join(raw, raw.c.message == message.c.key)
STORED = select(message)
_FINISHED = (MessageState.DONE, MessageState.DISCARDED)
