"""How long records are kept, patients' agreements to their end, and destruction orders, in the oracle's database."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, text, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_records import leaf_from_bytes
from salus.adapters.database.oracle_tables import (
    ANCHORED,
    agreed_destruction,
    batch,
    destruction,
    meta,
    record,
    version,
)
from salus.core.ids import ParticipantId, RecordId, SubjectRef
from salus.core.journal import HeadStatus
from salus.core.retention import Agreement, KeptCopy, OpenOrder

_FOLLOWED = "orders_followed"


class DatabaseRetention:
    """The `RetentionStore` port of the oracle."""

    def __init__(self, database: OracleDatabase, source: ParticipantId) -> None:
        self._database = database
        self._source = source

    def kept(self, anchored_before: int, after: int, limit: int, subject: SubjectRef | None = None) -> list[KeptCopy]:
        """Records not erased whose newest anchored version was anchored before a time, by ascending key."""
        later, its_batch = version.alias("later"), batch.alias("its_batch")
        newest = (
            select(func.max(later.c.version))
            .select_from(later)
            .join(its_batch, and_(its_batch.c.key == later.c.batch, its_batch.c.state == ANCHORED))
            .where(later.c.record == record.c.key)
            .scalar_subquery()
        )
        query = (
            select(record.c.key, version.c.leaf, batch.c.anchored_at)
            .select_from(record)
            .join(version, and_(version.c.record == record.c.key, version.c.version == newest))
            .join(batch, batch.c.key == version.c.batch)
            .where(record.c.key > after, record.c.status != int(HeadStatus.DESTROYED))
            .where(batch.c.anchored_at < anchored_before)
            .order_by(record.c.key)
            .limit(limit)
        )
        if subject is not None:
            query = query.where(record.c.subject_ref == subject)
        with self._database.reading() as connection:
            found = [(row.key, leaf_from_bytes(row.leaf), row.anchored_at) for row in connection.execute(query)]
        return [
            KeptCopy(key, leaf.record_id, leaf.subject, leaf.version, leaf.custodian_set, at) for key, leaf, at in found
        ]

    def agree(self, agreement: Agreement) -> None:
        """Keep an agreement; a later one takes the place of an earlier."""
        with self._database.writing() as connection:
            _drop(connection, agreement.record_id, agreement.subject)
            values = {
                "record_id": agreement.record_id,
                "subject_ref": agreement.subject,
                "custodian_set": agreement.custodian_set,
                "deadline": agreement.deadline,
                "signature": agreement.signature,
            }
            connection.execute(insert(agreed_destruction).values(values))

    def agreements(self) -> list[Agreement]:
        """Agreements that are neither used nor dropped."""
        query = select(agreed_destruction).order_by(agreed_destruction.c.deadline, agreed_destruction.c.record_id)
        with self._database.reading() as connection:
            return [
                Agreement(
                    RecordId(bytes(row.record_id)),
                    SubjectRef(bytes(row.subject_ref)),
                    row.custodian_set,
                    row.deadline,
                    bytes(row.signature),
                )
                for row in connection.execute(query)
            ]

    def drop(self, record_id: RecordId, subject: SubjectRef) -> None:
        """Forget an agreement."""
        with self._database.writing() as connection:
            _drop(connection, record_id, subject)

    def followed(self) -> tuple[int, bytes] | None:
        """Last final block whose orders were read, number and hash; None before the first. The hash is empty if an
        earlier release noted it."""
        with self._database.reading() as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.name == _FOLLOWED)).scalar_one_or_none()
        return None if value is None else (int.from_bytes(value[:8], "big"), bytes(value[8:]))

    def forget_orders(self) -> None:
        """Forget all orders and how far they were read: the chain they were read from has lost blocks."""
        with self._database.writing() as connection:
            connection.execute(delete(destruction))
            connection.execute(delete(meta).where(meta.c.name == _FOLLOWED))

    def note(self, orders: Iterable[OpenOrder], block: int, block_hash: bytes) -> None:
        """Remember orders until they are carried out, and up to which block they were read; again is fine."""
        with self._database.writing() as connection:
            for one in orders:
                known = _is(destruction, one.record_id, one.subject)
                if connection.execute(select(destruction.c.custodian_set).where(known)).first() is None:
                    values = {
                        "record_id": one.record_id,
                        "subject_ref": one.subject,
                        "custodian_set": one.custodian_set,
                        "erasable_from": one.erasable_from,
                    }
                    connection.execute(insert(destruction).values(values))
            connection.execute(delete(meta).where(meta.c.name == _FOLLOWED))
            connection.execute(insert(meta).values(name=_FOLLOWED, value=block.to_bytes(8, "big") + block_hash))

    def open_orders(self) -> list[OpenOrder]:
        """Orders that are not carried out, the longest due first."""
        query = select(destruction).where(text("done_at IS NULL")).order_by(destruction.c.erasable_from)
        with self._database.reading() as connection:
            return [
                OpenOrder(
                    self._source,
                    RecordId(bytes(row.record_id)),
                    SubjectRef(bytes(row.subject_ref)),
                    row.custodian_set,
                    row.erasable_from,
                )
                for row in connection.execute(query)
            ]

    def carried_out(self, record_id: RecordId, subject: SubjectRef, at: int, absent: int) -> None:
        """An order is carried out: so many envelopes were asked for and not found."""
        with self._database.writing() as connection:
            _drop(connection, record_id, subject)
            done = update(destruction).where(_is(destruction, record_id, subject)).values(done_at=at, absent=absent)
            connection.execute(done)


def _is(table: Table, record_id: RecordId, subject: SubjectRef) -> ColumnElement[bool]:
    return and_(table.c.record_id == record_id, table.c.subject_ref == subject)


def _drop(connection: Connection, record_id: RecordId, subject: SubjectRef) -> None:
    connection.execute(delete(agreed_destruction).where(_is(agreed_destruction, record_id, subject)))
