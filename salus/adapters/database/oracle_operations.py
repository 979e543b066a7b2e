"""What operators ask of the oracle's database and do in it; what they do and its log entry are one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, exists, func, insert, select, text, update

from salus.adapters.database.columns import Octets
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_acks import ack
from salus.adapters.database.oracle_messages import STORED, chunks, stored_message
from salus.adapters.database.oracle_tables import (
    batch,
    invalidation,
    message,
    meta,
    metadata,
    raw,
    record,
    sender,
    told,
    version,
)
from salus.core.acks import AckState
from salus.core.errors import ConflictError, IntegrityError, NotFoundError
from salus.core.ids import RecordId, Root
from salus.core.journal import BatchState, HeadStatus, MessageFlag, MessageState, Sender
from salus.core.operations import (
    FIRST_LINK,
    AuditRow,
    AuditSeal,
    Deed,
    MadeVersion,
    MessageStatus,
    Order,
    Selection,
)

HEAD = "audit_head"
_NUMBER_BYTES = 8
_AGAIN_TO_RESEAL = int(MessageFlag.REPROCESSED | MessageFlag.RESEALED)
_NOT_RESEALED = 0x7FFF ^ int(MessageFlag.RESEALED)

audit = sa.Table(
    "oracle_audit",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("deed", sa.String(16), nullable=False),
    sa.Column("message", sa.BigInteger, nullable=False),
    sa.Column("reason", Octets, nullable=False),
    sa.Column("link", Octets(32), nullable=False),
)


class DatabaseOperations:
    """The `OperationStore` port of the oracle."""

    def __init__(self, database: OracleDatabase, seal: AuditSeal) -> None:
        self._database = database
        self._seal = seal

    def senders(self, listener: str = "") -> list[Sender]:
        """Those whose messages came, of one source or of all."""
        query = select(sender).order_by(sender.c.listener, sender.c.name_hash)
        if listener:
            query = query.where(sender.c.listener == listener)
        with self._database.reading() as connection:
            return [Sender(row.listener, row.name_hash, row.sealed) for row in connection.execute(query)]

    def statuses(self, message_hashes: Iterable[bytes]) -> list[MessageStatus]:
        """All messages by those names, in order of arrival: a control id may have been used more than once."""
        with self._database.reading() as connection:
            rows: list[Row[Any]] = []
            for chunk in chunks(list(set(message_hashes))):
                rows += connection.execute(STORED.where(message.c.message_hash.in_(chunk)))
            return [_status(connection, row) for row in sorted(rows, key=lambda row: int(row.key))]

    def status(self, key: int) -> MessageStatus:
        """One message by its key.

        Raises:
            NotFoundError: no such message.
        """
        with self._database.reading() as connection:
            row = connection.execute(STORED.where(message.c.key == key)).one_or_none()
            if row is None:
                raise NotFoundError(f"the journal has no message {key}")
            return _status(connection, row)

    def note(self, key: int, order: Order) -> None:
        """Log a deed that changes nothing.

        Raises:
            NotFoundError: no such message.
        """
        with self._database.writing() as connection:
            _state(connection, key)
            self.log(connection, order, [key])

    def release(self, selection: Selection, order: Order, limit: int) -> list[int]:
        """Put what waits for a person (or was discarded, if named by key) back in the queue; keys, oldest first.

        Raises:
            NotFoundError: no such message.
            ConflictError: one doesn't wait for a person, or its bytes are erased.
        """
        states = _RELEASABLE if selection.keys else _AWAITING
        with self._database.writing() as connection:
            keys = self._chosen(connection, selection, states, limit, "is not in quarantine")
            values = {"state": int(MessageState.PENDING), "attempts": message.c.attempts + 1, "code": 0, "location": ""}
            _change(connection, keys, values)
            self.log(connection, order, keys)
        return keys

    def discard(self, selection: Selection, order: Order, limit: int) -> list[int]:
        """Decide that nothing is to come of what waits for a person; its fault stays, its bytes until their time ends.

        Raises:
            NotFoundError: no such message.
            ConflictError: one doesn't wait for a person.
        """
        with self._database.writing() as connection:
            keys = self._chosen(connection, selection, _AWAITING, limit, "is not in quarantine", kept=False)
            _change(connection, keys, {"state": int(MessageState.DISCARDED)})
            self.log(connection, order, keys)
        return keys

    def reprocess(self, selection: Selection, order: Order, limit: int) -> list[int]:
        """Have finished messages processed again; keys, oldest first. What says nothing new makes no version.

        Raises:
            NotFoundError: no such message.
            ConflictError: one isn't finished, is a duplicate, or its bytes are erased.
        """
        with self._database.writing() as connection:
            keys = self._chosen(connection, selection, (MessageState.DONE,), limit, "has not become records")
            values = {
                "state": int(MessageState.PENDING),
                "attempts": message.c.attempts + 1,
                "flags": message.c.flags.op("&")(_NOT_RESEALED).op("|")(int(MessageFlag.REPROCESSED)),
            }
            _change(connection, keys, values)
            self.log(connection, order, keys)
        return keys

    def reseal(self, keys: Sequence[int], order: Order) -> list[int]:
        """Have what finished messages say dealt to the present custodian set; those that are finished and kept."""
        finished = message.c.state == int(MessageState.DONE), exists().where(raw.c.message == message.c.key)
        with self._database.writing() as connection:
            chosen: list[int] = []
            for chunk in chunks(sorted(set(keys))):
                query = select(message.c.key).where(message.c.key.in_(chunk), *finished)
                chosen += connection.execute(query.order_by(message.c.key)).scalars()
            values = {"state": int(MessageState.PENDING), "flags": message.c.flags.op("|")(_AGAIN_TO_RESEAL)}
            _change(connection, chosen, values)
            self.log(connection, order, chosen)
        return chosen

    def chain_id(self) -> int:
        """The chain this journal's records are on; 0 before the oracle's first run."""
        with self._database.reading() as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.name == "chain")).scalar_one_or_none()
        return int.from_bytes(value or b"", "big")

    # the log

    def audit(self, after: int = 0, limit: int = 1000) -> list[AuditRow]:
        """Rows after a number, in order."""
        query = select(audit).where(audit.c.number > after).order_by(audit.c.number).limit(limit)
        with self._database.reading() as connection:
            return [
                AuditRow(row.number, row.at, row.actor, Deed(row.deed), row.message, row.reason, row.link)
                for row in connection.execute(query)
            ]

    def audit_head(self) -> tuple[int, bytes]:
        """Number of the last row and the keyed hash that tells it is the last; (0, b"") before the first."""
        with self._database.reading() as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.name == HEAD)).scalar_one_or_none()
        return (0, b"") if value is None else (int.from_bytes(value[:_NUMBER_BYTES], "big"), value[_NUMBER_BYTES:])

    def log(self, connection: Connection, order: Order, keys: Sequence[int]) -> None:
        """Log a deed on messages, in the transaction that does it."""
        if not keys:
            return
        last = connection.execute(
            select(audit.c.number, audit.c.link).order_by(audit.c.number.desc()).limit(1)
        ).one_or_none()
        number, link = (last.number, last.link) if last is not None else (0, FIRST_LINK)
        self._require_head(connection, number, link)
        rows = []
        for key in keys:
            number += 1
            link = self._seal.link(link, number, order, key)
            rows.append(
                {
                    "number": number,
                    "at": order.at,
                    "actor": order.actor,
                    "deed": order.deed.value,
                    "message": key,
                    "reason": order.reason,
                    "link": link,
                }
            )
        connection.execute(insert(audit), rows)
        connection.execute(meta.delete().where(meta.c.name == HEAD))
        head = number.to_bytes(_NUMBER_BYTES, "big") + self._seal.head(number, link)
        connection.execute(insert(meta).values(name=HEAD, value=head))

    def _require_head(self, connection: Connection, number: int, link: bytes) -> None:
        """A log whose end was cut off must not grow over the cut."""
        value = connection.execute(select(meta.c.value).where(meta.c.name == HEAD)).scalar_one_or_none()
        expected = number.to_bytes(_NUMBER_BYTES, "big") + self._seal.head(number, link) if number else None
        if value != expected:
            raise IntegrityError("the operators' log does not end where it ended: `salus oracle audit` says more")

    def _chosen(
        self,
        connection: Connection,
        selection: Selection,
        states: Sequence[MessageState],
        limit: int,
        complaint: str,
        *,
        kept: bool = True,
    ) -> list[int]:
        """Keys of a selection that are in one of these states, with their bytes if those are needed."""
        if selection.keys:
            for key in selection.keys:
                state = _state(connection, key)
                if state not in states:
                    raise ConflictError(f"message {key} {complaint}: it is {state.name.lower()}")
                if kept and not _is_kept(connection, key):
                    raise ConflictError(f"the bytes of message {key} are erased, so it can't be read again")
            return sorted(set(selection.keys))
        named = ", ".join(str(int(state)) for state in states)
        query = select(message.c.key).where(text(f"state IN ({named})"), message.c.key > selection.after)
        for column, value in (
            (message.c.code, selection.condition),
            (message.c.listener, selection.listener),
            (message.c.kind, selection.kind),
        ):
            if value:
                query = query.where(column == value)
        if selection.since:
            query = query.where(message.c.received_at >= selection.since)
        if selection.until:
            query = query.where(message.c.received_at < selection.until)
        if kept:
            query = query.where(exists().where(raw.c.message == message.c.key))
        return list(connection.execute(query.order_by(message.c.key).limit(limit)).scalars())


def _state(connection: Connection, key: int) -> MessageState:
    state = connection.execute(select(message.c.state).where(message.c.key == key)).scalar_one_or_none()
    if state is None:
        raise NotFoundError(f"the journal has no message {key}")
    return MessageState(state)


def _is_kept(connection: Connection, key: int) -> bool:
    return bool(connection.execute(select(func.count()).where(raw.c.message == key)).scalar_one())


def _change(connection: Connection, keys: Sequence[int], values: dict[str, Any]) -> None:
    for chunk in chunks(keys):
        connection.execute(update(message).where(message.c.key.in_(chunk)).values(**values))


def _status(connection: Connection, row: Row[Any]) -> MessageStatus:
    of = row.duplicate_of or row.key
    owed = connection.execute(select(ack.c.state).where(ack.c.message == row.key)).scalar_one_or_none()
    return MessageStatus(
        message=stored_message(row),
        of=of,
        result=MessageState(row.state) if of == row.key else _state(connection, of),
        kept=_is_kept(connection, of),
        versions=_versions(connection, of),
        confirms=_confirms(connection, of),
        acknowledgment=None if owed is None else AckState(owed),
    )


def _versions(connection: Connection, key: int) -> tuple[MadeVersion, ...]:
    query = (
        select(
            record.c.record_id,
            version.c.version,
            version.c.status,
            batch.c.key,
            batch.c.state,
            batch.c.root,
            batch.c.anchor_block,
            invalidation.c.done_at,
        )
        .join(record, record.c.key == version.c.record)
        .outerjoin(batch, batch.c.key == version.c.batch)
        .outerjoin(invalidation, invalidation.c.version == version.c.key)
        .where(version.c.message == key)
        .order_by(version.c.key)
    )
    return tuple(
        MadeVersion(
            RecordId(record_id),
            number,
            HeadStatus(status),
            done_at is not None,
            batch_key or 0,
            None if state is None else BatchState(state),
            None if root is None else Root(root),
            block or 0,
        )
        for record_id, number, status, batch_key, state, root, block, done_at in connection.execute(query)
    )


def _confirms(connection: Connection, key: int) -> tuple[RecordId, ...]:
    query = select(told.c.group_hash).where(told.c.message == key).order_by(told.c.group_hash)
    return tuple(RecordId(group) for group in connection.execute(query).scalars())


_AWAITING = (MessageState.QUARANTINED, MessageState.FAILED)
_RELEASABLE = (*_AWAITING, MessageState.DISCARDED)
