"""Rows of the custodian's store: what several of its transactions share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, func, insert, select, update

from salus.adapters.database import custodian_tables as t
from salus.adapters.database.bulk import append_rows, reserve_keys
from salus.core.canonical import canonical
from salus.core.custody import BatchRef, DepositBatch, DepositedRecord, KeptRecord, LogEntry, log_entry
from salus.core.errors import ConflictError
from salus.core.ids import LeafHash, ParticipantId, RecordId, Root, SubjectRef
from salus.core.leaf import Leaf

T = TypeVar("T")
_CHUNK = 400
"""Values in one `IN (…)`; both databases take more."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Values in groups that fit one query."""
    left = iter(values)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def read_state(connection: Connection, name: str) -> tuple[int, bytes] | None:
    """Number and value of a row of state."""
    row = connection.execute(select(t.state.c.number, t.state.c.value).where(t.state.c.name == name)).first()
    return None if row is None else (int(row.number), bytes(row.value))


def write_state(connection: Connection, name: str, number: int, value: bytes) -> None:
    """Set a row of state."""
    changed = connection.execute(update(t.state).where(t.state.c.name == name).values(number=number, value=value))
    if changed.rowcount == 0:
        connection.execute(insert(t.state).values(name=name, number=number, value=value))


def forget_chain(connection: Connection) -> None:
    """Forget what blocks that may be gone have said: anchors, how far orders were read, anchored days of the log."""
    connection.execute(update(t.batch).where(t.batch.c.anchored_at.is_not(None)).values(anchored_at=None))
    connection.execute(update(t.record).where(t.record.c.anchored.is_(True)).values(anchored=False))
    connection.execute(delete(t.state).where(t.state.c.name.in_(("swept", "log_day"))))


def lock(connection: Connection) -> tuple[int, bytes]:
    """Count and head of the log; until the transaction ends no other writer passes here."""
    query = select(t.state.c.number, t.state.c.value).where(t.state.c.name == "log").with_for_update()
    row = connection.execute(query).one()
    return int(row.number), bytes(row.value)


def append_log(connection: Connection, content: dict[str, Any], now: int) -> LogEntry:
    """Append to the log inside this transaction."""
    count, head = lock(connection)
    last = connection.execute(select(t.log.c.at).where(t.log.c.entry == count)).scalar()
    entry = log_entry(count + 1, max(now, int(last or 0)), head, content)
    connection.execute(
        insert(t.log).values(
            entry=entry.index,
            at=entry.at,
            kind=str(content["kind"]),
            reference=str(content.get("reference", "")),
            previous=entry.previous,
            content=canonical(content).decode(),
            digest=entry.digest,
        )
    )
    write_state(connection, "log", entry.index, entry.digest)
    return entry


def is_stored(connection: Connection, deposited: DepositBatch) -> bool:
    """Whether the batch is stored.

    Raises:
        ConflictError: with other content.
    """
    query = select(t.batch.c.custodian_set, t.batch.c.size).where(
        t.batch.c.source == deposited.source, t.batch.c.root == deposited.root
    )
    row = connection.execute(query).first()
    if row is None:
        return False
    if (int(row.custodian_set), int(row.size)) != (deposited.custodian_set, len(deposited.records)):
        raise ConflictError("the batch is stored with other content")
    return True


def known_leaves(connection: Connection, deposited: DepositBatch) -> dict[LeafHash, tuple[int, bytes]]:
    """Key and fingerprint of those leaves of the batch that are stored."""
    known: dict[LeafHash, tuple[int, bytes]] = {}
    for chunk in chunks([item.leaf_hash for item in deposited.records]):
        found = connection.execute(_KNOWN_LEAVES, {"source": deposited.source, "leaves": chunk})
        known.update((LeafHash(bytes(leaf)), (int(key), bytes(mark))) for leaf, key, mark in found)
    return known


def tombstones_of(connection: Connection, source: ParticipantId, orders: Iterable[bytes]) -> dict[bytes, set[bytes]]:
    """Leaves of a source's erased versions by order id; the order itself stands for a record that was not here."""
    found: dict[bytes, set[bytes]] = {}
    for chunk in chunks(set(orders)):
        for order, leaf in connection.execute(_TOMBSTONES, {"source": source, "orders": chunk}):
            found.setdefault(bytes(order), set()).add(bytes(leaf))
    return found


def bury(connection: Connection, source: ParticipantId, order: bytes, leaf: bytes, now: int) -> None:
    """Leave a tombstone, unless the leaf has one: helpers that all lied can have given it another order's."""
    has_one = select(t.tombstone.c.key).where(t.tombstone.c.source == source, t.tombstone.c.leaf == leaf)
    if connection.execute(has_one).first() is not None:
        return
    values = {"source": source, "order_id": order, "leaf": leaf, "erased_at": now}
    connection.execute(insert(t.tombstone).values(**values))


def insert_batch(
    connection: Connection, deposited: DepositBatch, new: Sequence[DepositedRecord], known: Iterable[int]
) -> None:
    """Insert a batch, those of its records that are new, and their shares; `known` are keys of its other records."""
    [batch_key] = reserve_keys(connection, t.batch, 1)
    row = (batch_key, deposited.source, deposited.root, deposited.custodian_set, len(deposited.records), deposited.at)
    append_rows(connection, t.batch, ("key", "source", "root", "custodian_set", "size", "deposited_at"), [row])
    keys = reserve_keys(connection, t.record, len(new)) if new else ()
    insert_records(connection, deposited, list(zip(keys, new, strict=True)))
    members = [(batch_key, key) for key in sorted({*known, *keys})]
    append_rows(connection, t.batch_record, ("batch", "record"), members)


def insert_records(
    connection: Connection, deposited: DepositBatch, numbered: Sequence[tuple[int, DepositedRecord]]
) -> None:
    """Insert records of a batch under their keys, their shares, and the notes of those that have one."""
    append_rows(connection, t.record, _RECORD, [_record_row(deposited, key, item) for key, item in numbered])
    shares = [(key, item.share.period, item.share.blob, item.note or None) for key, item in numbered]
    append_rows(connection, t.share, ("record", "period", "blob", "note"), shares)


def notes_of(connection: Connection, keys: Iterable[int]) -> dict[int, bytes]:
    """Notes by record key; those of records without one are missing."""
    found: dict[int, bytes] = {}
    for chunk in chunks(keys):
        has_one = t.share.c.record.in_(chunk) & t.share.c.note.is_not(None)
        rows = connection.execute(select(t.share.c.record, t.share.c.note).where(has_one))
        found.update((int(key), bytes(note)) for key, note in rows)
    return found


_KNOWN_LEAVES = select(t.record.c.leaf, t.record.c.key, t.record.c.fingerprint).where(
    t.record.c.source == bindparam("source"), t.record.c.leaf.in_(bindparam("leaves", expanding=True))
)
_TOMBSTONES = select(t.tombstone.c.order_id, t.tombstone.c.leaf).where(
    t.tombstone.c.source == bindparam("source"), t.tombstone.c.order_id.in_(bindparam("orders", expanding=True))
)
_RECORD = (
    "key",
    "source",
    "leaf",
    "record_id",
    "version",
    "previous",
    "subject",
    "envelope_digest",
    "content_commitment",
    "categories",
    "level",
    "confidentiality",
    "form",
    "first_day",
    "last_day",
    "topics",
    "topics_salt",
    "topics_commitment",
    "custodian_set",
    "fingerprint",
    "anchored",
    "deposited_at",
)


def _record_row(deposited: DepositBatch, key: int, item: DepositedRecord) -> tuple[Any, ...]:
    """Values of a record, in the order of `_RECORD`."""
    leaf = item.leaf
    return (
        key,
        deposited.source,
        item.leaf_hash,
        leaf.record_id,
        leaf.version,
        leaf.previous,
        leaf.subject,
        leaf.envelope_digest,
        leaf.content_commitment,
        leaf.categories,
        leaf.level,
        leaf.confidentiality,
        leaf.form,
        leaf.first_day,
        leaf.last_day,
        item.topics,
        item.topics_salt,
        leaf.topics_commitment,
        leaf.custodian_set,
        item.fingerprint,
        False,
        deposited.at,
    )


def erase_one(connection: Connection, key: int) -> None:
    """Overwrite and delete a record's share, and its note with it, then delete the record."""
    size = connection.execute(select(func.length(t.share.c.blob)).where(t.share.c.record == key)).scalar()
    if size is not None:
        connection.execute(update(t.share).where(t.share.c.record == key).values(blob=bytes(int(size))))
        connection.execute(delete(t.share).where(t.share.c.record == key))
    connection.execute(delete(t.batch_record).where(t.batch_record.c.record == key))
    connection.execute(delete(t.record).where(t.record.c.key == key))


def is_order(source: ParticipantId, record_id: RecordId, subject: SubjectRef) -> ColumnElement[bool]:
    """Condition that names an order."""
    return (t.order.c.source == source) & (t.order.c.record_id == record_id) & (t.order.c.subject == subject)


def batch_ref(row: Row[Any]) -> BatchRef:
    """Batch of a row."""
    return BatchRef(
        int(row.key),
        ParticipantId(bytes(row.source)),
        Root(bytes(row.root)),
        int(row.custodian_set),
        int(row.size),
    )


def kept_record(row: Row[Any]) -> KeptRecord:
    """Record version of a row."""
    leaf = Leaf(
        record_id=RecordId(bytes(row.record_id)),
        version=int(row.version),
        previous=LeafHash(bytes(row.previous)),
        subject=SubjectRef(bytes(row.subject)),
        envelope_digest=bytes(row.envelope_digest),
        content_commitment=bytes(row.content_commitment),
        categories=int(row.categories),
        level=int(row.level),
        confidentiality=int(row.confidentiality),
        form=int(row.form),
        first_day=int(row.first_day),
        last_day=int(row.last_day),
        topics_commitment=bytes(row.topics_commitment),
        custodian_set=int(row.custodian_set),
    )
    return KeptRecord(
        int(row.key),
        ParticipantId(bytes(row.source)),
        LeafHash(bytes(row.leaf)),
        leaf,
        int(row.topics),
        bool(row.anchored),
        int(row.deposited_at),
    )
