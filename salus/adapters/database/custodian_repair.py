"""Rows of the custodian's store that repair reads and writes: batches that come back, and tombstones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, insert, select, update

from salus.adapters.database import custodian_rows as rows
from salus.adapters.database import custodian_tables as t
from salus.adapters.database.bulk import append_rows, reserve_keys
from salus.core.custody import DepositBatch, DepositedRecord, RestoredBatch
from salus.core.errors import ConflictError
from salus.core.ids import LeafHash, ParticipantId, order_id
from salus.core.labels import MAX_LEVEL


def restore(connection: Connection, batch: RestoredBatch) -> None:
    """Put record versions back, with their shares and notes; of a destroyed record nothing but a tombstone.

    Raises:
        ConflictError: a version is stored with another share, or the batch with other content.
    """
    deposited = DepositBatch(batch.source, batch.root, batch.custodian_set, batch.anchored_at, batch.records)
    orders = {item.leaf_hash: order_id(item.leaf.record_id, item.leaf.subject) for item in batch.records}
    known = rows.known_leaves(connection, deposited)
    erased = rows.tombstones_of(connection, batch.source, orders.values())
    gone = {leaf: order for leaf, order in orders.items() if order in erased and leaf not in known}
    leave_tombstones(connection, batch.source, gone, batch.anchored_at)
    for item in batch.records:
        # An inner share can't come back, so at the highest level the fingerprint is another one.
        mark = known.get(item.leaf_hash, (0, item.fingerprint))[1]
        if mark != item.fingerprint and item.leaf.level < MAX_LEVEL:
            raise ConflictError("a record version is stored with another share")
    kept = [(known[item.leaf_hash][0], item) for item in batch.records if item.leaf_hash in known]
    notes = rows.notes_of(connection, (key for key, _ in kept))
    for key, item in kept:
        _replace_share(connection, key, item, notes.get(key) or item.note)
    new = [item for item in batch.records if item.leaf_hash not in known and item.leaf_hash not in gone]
    keys = reserve_keys(connection, t.record, len(new)) if new else ()
    rows.insert_records(connection, deposited, list(zip(keys, new, strict=True)))
    members = {*keys, *(key for key, _ in known.values())}
    batch_key = _batch_key(connection, batch)
    _join(connection, batch_key, members)
    connection.execute(update(t.batch).where(t.batch.c.key == batch_key).values(anchored_at=batch.anchored_at))
    of_batch = select(t.batch_record.c.record).where(t.batch_record.c.batch == batch_key)
    connection.execute(update(t.record).where(t.record.c.key.in_(of_batch)).values(anchored=True))


def _erased_of(connection: Connection, source: ParticipantId, leaves: Iterable[LeafHash]) -> set[LeafHash]:
    """Which leaves of a source have a tombstone."""
    found: set[LeafHash] = set()
    for chunk in rows.chunks(leaves):
        query = select(t.tombstone.c.leaf).where(t.tombstone.c.source == source, t.tombstone.c.leaf.in_(chunk))
        found.update(LeafHash(bytes(leaf)) for (leaf,) in connection.execute(query))
    return found


def leave_tombstones(connection: Connection, source: ParticipantId, gone: Mapping[LeafHash, bytes], now: int) -> None:
    """A tombstone for each leaf that has none and is not kept; by leaf the order's id."""
    known = _erased_of(connection, source, gone)
    for chunk in rows.chunks(gone):
        query = select(t.record.c.leaf).where(t.record.c.source == source, t.record.c.leaf.in_(chunk))
        known.update(LeafHash(bytes(leaf)) for (leaf,) in connection.execute(query))
    new = [leaf for leaf in gone if leaf not in known]
    if new:
        values = [{"source": source, "order_id": gone[leaf], "leaf": leaf, "erased_at": now} for leaf in new]
        connection.execute(insert(t.tombstone), values)


def _replace_share(connection: Connection, key: int, item: DepositedRecord, note: bytes) -> None:
    connection.execute(delete(t.share).where(t.share.c.record == key))
    values = (key, item.share.period, item.share.blob, note or None)
    append_rows(connection, t.share, ("record", "period", "blob", "note"), [values])
    connection.execute(update(t.record).where(t.record.c.key == key).values(fingerprint=item.fingerprint))


def _batch_key(connection: Connection, batch: RestoredBatch) -> int:
    query = select(t.batch.c.key, t.batch.c.custodian_set, t.batch.c.size).where(
        t.batch.c.source == batch.source, t.batch.c.root == batch.root
    )
    row = connection.execute(query).first()
    if row is not None:
        if (int(row.custodian_set), int(row.size)) != (batch.custodian_set, batch.count):
            raise ConflictError("the batch is stored with other content")
        return int(row.key)
    [key] = reserve_keys(connection, t.batch, 1)
    columns = ("key", "source", "root", "custodian_set", "size", "deposited_at")
    values = (key, batch.source, batch.root, batch.custodian_set, batch.count, batch.anchored_at)
    append_rows(connection, t.batch, columns, [values])
    return key


def _join(connection: Connection, batch_key: int, members: set[int]) -> None:
    query = select(t.batch_record.c.record).where(t.batch_record.c.batch == batch_key)
    joined = {int(key) for (key,) in connection.execute(query)}
    append_rows(connection, t.batch_record, ("batch", "record"), [(batch_key, key) for key in sorted(members - joined)])
