"""Application acknowledgments that are owed to senders, in the oracle's database.

A row is made in the transaction that stores its message and stays until some days after it was answered or given up.
What it keeps of the message's header is sealed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from salus.adapters.database.columns import Octets
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_tables import batch, message, metadata, record, version
from salus.core.acks import AckState, AnchoredRecord, OwedAck
from salus.core.errors import NotFoundError
from salus.core.ids import RecordId, Root
from salus.core.journal import BatchState, Fault, JournalRow, MessageState

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CHUNK = 400

ack = sa.Table(
    "oracle_ack",
    metadata,
    sa.Column("key", _KEY, primary_key=True, autoincrement=True),
    sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), nullable=False),
    sa.Column("listener", sa.String(64), nullable=False),
    sa.Column("transport", sa.String(16), nullable=False),
    sa.Column("sealed", Octets, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("message", name="oracle_ack_message"),
)
sa.Index(
    "oracle_ack_owed", ack.c.listener, ack.c.message, sqlite_where=text("state = 1"), postgresql_where=text("state = 1")
)


class DatabaseAcks:
    """The `AckStore` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def waiting(self) -> set[str]:
        """Names of the sources that are owed any."""
        query = select(ack.c.listener).where(text("state = 1")).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def owed(self, listener: str, transports: Collection[str], limit: int) -> list[OwedAck]:
        """The oldest that a source is owed, in the order its messages came."""
        query = (
            _OWED.where(text("oracle_ack.state = 1"), ack.c.listener == listener, ack.c.transport.in_(transports))
            .order_by(ack.c.message)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return _with_records(connection, list(connection.execute(query)))

    def find(self, message_hash: bytes, raw_hash: bytes) -> OwedAck:
        """The one of a message, in whatever state.

        Raises:
            NotFoundError: none was ever owed, or it was forgotten.
        """
        query = _OWED.where(message.c.message_hash == message_hash, message.c.raw_hash == raw_hash)
        with self._database.reading() as connection:
            found = _with_records(connection, list(connection.execute(query)))
        if not found:
            raise NotFoundError("no acknowledgment of such a message is owed here")
        return found[0]

    def results(self, names: Iterable[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], tuple[MessageState, Fault]]:
        """What has become of stored messages, by their two hashes."""
        wanted, found = set(names), {}
        hashes = list({one for one, _ in wanted})
        with self._database.reading() as connection:
            for place in range(0, len(hashes), _CHUNK):
                query = _STATES.where(message.c.message_hash.in_(hashes[place : place + _CHUNK]))
                for row in connection.execute(query):
                    name = (bytes(row.message_hash), bytes(row.raw_hash))
                    if name in wanted:
                        found[name] = (MessageState(row.state), Fault(row.code, row.location))
        return found

    def answered(self, keys: Sequence[int]) -> None:
        """These were sent, and confirmed where that was asked for."""
        self._set(keys, {"state": int(AckState.ANSWERED)})

    def gave_up(self, keys: Sequence[int]) -> None:
        """These will not be sent any more."""
        self._set(keys, {"state": int(AckState.GIVEN_UP)})

    def failed(self, keys: Sequence[int], next_at: int) -> None:
        """These were sent in vain and wait for a time (Unix seconds)."""
        self._set(keys, {"attempts": ack.c.attempts + 1, "next_at": next_at})

    def count(self) -> int:
        """How many are owed."""
        query = select(func.count()).select_from(ack).where(text("state = 1"))
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def forget(self, created_before: int) -> int:
        """Remove the rows of messages older than a time; how many. What was never fetched or sent goes too."""
        with self._database.writing() as connection:
            return connection.execute(delete(ack).where(ack.c.created_at < created_before)).rowcount

    def _set(self, keys: Sequence[int], values: dict[str, Any]) -> None:
        if keys:
            with self._database.writing() as connection:
                connection.execute(update(ack).where(ack.c.key.in_(keys)).values(**values))


def owe(connection: Connection, rows: Sequence[JournalRow]) -> None:
    """Note what is owed for stored rows, in the transaction that stores them.

    A message that was resent is owed its acknowledgment again: its sender may not have got the first.
    """
    wanted = {(row.message_hash, row.raw_hash): row for row in rows if row.owed}
    if not wanted:
        return
    hashes = list({one for one, _ in wanted})
    keys: dict[int, JournalRow] = {}
    for place in range(0, len(hashes), _CHUNK):
        query = select(message.c.key, message.c.message_hash, message.c.raw_hash).where(
            message.c.message_hash.in_(hashes[place : place + _CHUNK])
        )
        for key, message_hash, raw_hash in connection.execute(query):
            if row := wanted.get((bytes(message_hash), bytes(raw_hash))):
                keys[key] = row
    listed = list(keys)
    for place in range(0, len(listed), _CHUNK):
        there = ack.c.message.in_(listed[place : place + _CHUNK])
        for key in connection.execute(select(ack.c.message).where(there)).scalars().all():
            row = keys.pop(key)
            again = {"state": int(AckState.OWED), "attempts": 0, "next_at": 0, "transport": row.transport}
            connection.execute(update(ack).where(ack.c.message == key).values(**again))
    new = [
        {
            "message": key,
            "listener": row.listener,
            "transport": row.transport[:16],
            "sealed": row.owed,
            "state": int(AckState.OWED),
            "attempts": 0,
            "next_at": 0,
            "created_at": row.received_at,
        }
        for key, row in sorted(keys.items())
    ]
    if new:
        connection.execute(insert(ack), new)


def _with_records(connection: Connection, rows: Sequence[Row[Any]]) -> list[OwedAck]:
    """Rows with the records their messages made, and where those are anchored."""
    made: dict[int, list[AnchoredRecord]] = {row.origin: [] for row in rows}
    if made:
        query = (
            select(version.c.message, record.c.record_id, batch.c.key, batch.c.root, batch.c.state)
            .join(record, record.c.key == version.c.record)
            .outerjoin(batch, batch.c.key == version.c.batch)
            .where(version.c.message.in_(made))
            .order_by(version.c.key)
        )
        for origin, record_id, number, root, state in connection.execute(query):
            anchored = state == int(BatchState.ANCHORED)
            one = AnchoredRecord(RecordId(record_id), number if anchored else 0, Root(root) if anchored else None)
            if one not in made[origin]:
                made[origin].append(one)
    return [
        OwedAck(
            key=row.key,
            listener=row.listener,
            message_hash=row.message_hash,
            raw_hash=row.raw_hash,
            sealed=row.sealed,
            attempts=row.attempts,
            next_at=row.next_at,
            created_at=row.created_at,
            state=MessageState(row.state),
            fault=Fault(row.code, row.location),
            records=tuple(made[row.origin]),
        )
        for row in rows
    ]


_first = message.alias("first")
# A resend under a new control id is never processed: what became of the message before it is its result
_RESULT = (
    func.coalesce(_first.c.state, message.c.state).label("state"),
    func.coalesce(_first.c.code, message.c.code).label("code"),
    func.coalesce(_first.c.location, message.c.location).label("location"),
)
_STATES = select(message.c.message_hash, message.c.raw_hash, *_RESULT).outerjoin(
    _first, _first.c.key == message.c.duplicate_of
)
_OWED = (
    select(
        ack.c.key,
        ack.c.listener,
        ack.c.sealed,
        ack.c.attempts,
        ack.c.next_at,
        ack.c.created_at,
        message.c.message_hash,
        message.c.raw_hash,
        func.coalesce(_first.c.key, message.c.key).label("origin"),
        *_RESULT,
    )
    .join(message, message.c.key == ack.c.message)
    .outerjoin(_first, _first.c.key == message.c.duplicate_of)
)
