"""The custodian's store over SQLAlchemy Core, on SQLite and PostgreSQL.

One transaction per deposit, list, release or erasure; writers queue on the row of the log's head, so that the log is
one chain. Erased shares are overwritten before their rows are deleted; on SQLite the write-ahead log is emptied
afterwards and deleted pages are zeroed. What a backup still holds is useless without the period keys, which no
backup contains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, bindparam, delete, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from salus.adapters.database import custodian_repair as repair
from salus.adapters.database import custodian_rows as rows
from salus.adapters.database import custodian_tables as t
from salus.adapters.database.engine import reading, writing
from salus.core.canonical import parse
from salus.core.custody import (
    BatchRef,
    DepositBatch,
    KeptRecord,
    LogEntry,
    Order,
    RestoredBatch,
    WrappedShare,
)
from salus.core.errors import ConflictError, SetupError
from salus.core.ids import LeafHash, ParticipantId, RecordId, Root, SubjectRef, order_id

NONCE_SECONDS = 3600
_CACHE_KIB = 8_192
_CHECKPOINT_PAGES = 12_000
_SHARES_AT_ONCE = 10_000
_MARK_ANCHORED = update(t.batch).where(t.batch.c.key == bindparam("of_batch")).values(anchored_at=bindparam("at"))


class DatabaseCustodianStore:
    """The custodian's store on a migrated database (`migrate(engine, "custodian")`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._purge_lock = Lock()
        self._purged_at = 0
        self._is_sqlite = engine.dialect.name == "sqlite"
        if self._is_sqlite:
            event.listen(engine, "connect", _zero_deleted)
            engine.dispose()  # connections opened before don't zero

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def belong_to(self, custodian: ParticipantId, chain_id: int, council: bytes) -> None:
        """Write on first use whose database this is and of which deployment, later compare.

        Raises:
            SetupError: it is another custodian's, or of another deployment: shares in it open for nobody here.
        """
        marks = (("participant", 0, custodian, "another custodian"), ("deployment", chain_id, council, "another chain"))
        with writing(self._engine) as connection:
            rows.lock(connection)
            for name, number, value, of_whom in marks:
                kept = rows.read_state(connection, name)
                if kept is None:
                    rows.write_state(connection, name, number, value)
                elif kept != (number, value):
                    raise SetupError(
                        f"this database is of {of_whom}: give this one its own, or restore the right backup over it"
                    )

    # calls and blocks

    def admit(self, nonce: bytes, now: int) -> None:
        """Remember a call's nonce for an hour.

        Raises:
            ConflictError: it was seen before.
        """
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(t.nonce).values(nonce=nonce, seen_at=now))
                if self._is_time_to_purge(now):
                    connection.execute(delete(t.nonce).where(t.nonce.c.seen_at < now - NONCE_SECONDS))
        except IntegrityError as error:
            raise ConflictError("this call was seen before") from error

    def seen_block(self) -> tuple[int, bytes] | None:
        """Highest final block ever seen: number and hash."""
        with reading(self._engine) as connection:
            return rows.read_state(connection, "seen")

    def see_block(self, number: int, block_hash: bytes) -> None:
        """Remember a final block if it is higher than the one remembered."""
        with writing(self._engine) as connection:
            rows.lock(connection)
            seen = rows.read_state(connection, "seen")
            if seen is None or seen[0] < number:
                rows.write_state(connection, "seen", number, block_hash)

    def accept_chain(self, number: int, block_hash: bytes, now: int, content: dict[str, Any]) -> None:
        """Remember this final block though it may be lower, forget all else the chain had said, and log why."""
        with writing(self._engine) as connection:
            rows.append_log(connection, content, now)
            rows.forget_chain(connection)
            rows.write_state(connection, "seen", number, block_hash)

    # records

    def deposit(self, batch: DepositBatch, content: dict[str, Any]) -> None:
        """Store a batch and a log entry in one transaction; the same batch again changes nothing.

        Of a record that was destroyed nothing is kept but a tombstone: what else the batch holds must not wait for it.

        Raises:
            ConflictError: a leaf, or the batch, is stored with other content.
        """
        with writing(self._engine) as connection:
            rows.lock(connection)
            orders = {item.leaf_hash: order_id(item.leaf.record_id, item.leaf.subject) for item in batch.records}
            erased = rows.tombstones_of(connection, batch.source, orders.values())
            known = rows.known_leaves(connection, batch)
            for item in batch.records:
                if item.leaf_hash in known and known[item.leaf_hash][1] != item.fingerprint:
                    raise ConflictError("a record version is stored with another share")
            gone = {leaf: order for leaf, order in orders.items() if order in erased and leaf not in known}
            new = [item for item in batch.records if item.leaf_hash not in known and item.leaf_hash not in gone]
            if rows.is_stored(connection, batch):
                if new:
                    raise ConflictError("the batch is stored with other records")
                return
            rows.insert_batch(connection, batch, new, [key for key, _ in known.values()])
            for leaf in gone.keys() - {leaf for leaves in erased.values() for leaf in leaves}:
                rows.bury(connection, batch.source, gone[leaf], leaf, batch.at)
            rows.append_log(connection, content, batch.at)

    def find(self, leaves: Sequence[LeafHash]) -> dict[LeafHash, list[KeptRecord]]:
        """Record versions by leaf."""
        found: dict[LeafHash, list[KeptRecord]] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(leaves):
                for row in connection.execute(
                    select(t.record).where(t.record.c.leaf.in_(chunk)).order_by(t.record.c.key)
                ):
                    found.setdefault(LeafHash(bytes(row.leaf)), []).append(rows.kept_record(row))
        return found

    def of_subject(self, subject: SubjectRef) -> list[KeptRecord]:
        """All record versions of a subject that are not erased, in order of deposit."""
        with reading(self._engine) as connection:
            found = connection.execute(select(t.record).where(t.record.c.subject == subject).order_by(t.record.c.key))
            return [rows.kept_record(row) for row in found]

    def newest(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """Newest anchored version of each record that has one."""
        found: dict[RecordId, int] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(set(records)):
                query = (
                    select(t.record.c.record_id, func.max(t.record.c.version))
                    .where(t.record.c.source == source, t.record.c.record_id.in_(chunk), t.record.c.anchored.is_(True))
                    .group_by(t.record.c.record_id)
                )
                found.update((RecordId(bytes(r)), int(version)) for r, version in connection.execute(query))
        return found

    def unanchored_of(self, source: ParticipantId, records: Iterable[RecordId]) -> list[KeptRecord]:
        """Versions of these records that are not known to be anchored."""
        found: list[KeptRecord] = []
        with reading(self._engine) as connection:
            for chunk in rows.chunks(set(records)):
                query = select(t.record).where(
                    t.record.c.source == source, t.record.c.record_id.in_(chunk), t.record.c.anchored.is_(False)
                )
                found += [rows.kept_record(row) for row in connection.execute(query.order_by(t.record.c.key))]
        return found

    def batches_of(self, keys: Iterable[int]) -> dict[int, list[BatchRef]]:
        """Batches, not known to be anchored, that hold the records with these keys."""
        found: dict[int, list[BatchRef]] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(set(keys)):
                query = (
                    select(t.batch_record.c.record, t.batch)
                    .join(t.batch, t.batch.c.key == t.batch_record.c.batch)
                    .where(t.batch_record.c.record.in_(chunk), t.batch.c.anchored_at.is_(None))
                    .order_by(t.batch.c.key)
                )
                for row in connection.execute(query):
                    found.setdefault(int(row.record), []).append(rows.batch_ref(row))
        return found

    def open_batches(self, since: int, limit: int) -> list[BatchRef]:
        """Batches deposited since a time (Unix seconds) that are not known to be anchored, oldest first."""
        is_open = t.batch.c.anchored_at.is_(None) & (t.batch.c.deposited_at >= since)
        query = select(t.batch).where(is_open).order_by(t.batch.c.key).limit(limit)
        with reading(self._engine) as connection:
            return [rows.batch_ref(row) for row in connection.execute(query)]

    def mark_anchored(self, batches: Mapping[int, int]) -> None:
        """Remember that batches are anchored at a final block, and when by the chain."""
        with writing(self._engine) as connection:
            connection.execute(_MARK_ANCHORED, [{"of_batch": key, "at": at} for key, at in batches.items()])
            for chunk in rows.chunks(set(batches)):
                members = select(t.batch_record.c.record).where(t.batch_record.c.batch.in_(chunk))
                connection.execute(update(t.record).where(t.record.c.key.in_(members)).values(anchored=True))

    def newest_anchored(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """When the newest anchored version of each record that has one was anchored first, by the chain."""
        newest: dict[RecordId, tuple[int, int]] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(set(records)):
                query = (
                    select(t.record.c.record_id, t.record.c.version, func.min(t.batch.c.anchored_at))
                    .join(t.batch_record, t.batch_record.c.record == t.record.c.key)
                    .join(t.batch, t.batch.c.key == t.batch_record.c.batch)
                    .where(t.record.c.source == source, t.record.c.record_id.in_(chunk))
                    .where(t.batch.c.anchored_at.is_not(None))
                    .group_by(t.record.c.record_id, t.record.c.version)
                )
                for name, version, at in connection.execute(query):
                    record_id = RecordId(bytes(name))
                    newest[record_id] = max(newest.get(record_id, (0, 0)), (int(version), int(at)))
        return {record_id: at for record_id, (_, at) in newest.items()}

    def shares(self, keys: Iterable[int]) -> dict[int, WrappedShare]:
        """Wrapped shares by record key; erased ones are missing."""
        found: dict[int, WrappedShare] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(set(keys)):
                query = select(t.share.c.record, t.share.c.period, t.share.c.blob).where(t.share.c.record.in_(chunk))
                for row in connection.execute(query):
                    found[int(row.record)] = WrappedShare(row.period, bytes(row.blob))
        return found

    # recall

    def deposited_batch(self, source: ParticipantId, root: Root) -> BatchRef | None:
        """A batch as deposited; None if it never was."""
        query = select(t.batch).where(t.batch.c.source == source, t.batch.c.root == root)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else rows.batch_ref(row)

    def notes(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Sources' notes by record key; those of records without one are missing."""
        with reading(self._engine) as connection:
            return rows.notes_of(connection, keys)

    # repair

    def restore(self, batch: RestoredBatch, content: dict[str, Any], now: int) -> None:
        """Put record versions back, and log, in one transaction; those with a tombstone stay away.

        Raises:
            ConflictError: a version is stored with another share, or the batch with other content.
        """
        with writing(self._engine) as connection:
            rows.lock(connection)
            repair.restore(connection, batch)
            rows.append_log(connection, content, now)

    def leave_tombstones(self, source: ParticipantId, gone: Mapping[LeafHash, bytes], now: int) -> None:
        """Mark leaves that are not kept as erased; by leaf the id of the order that named them."""
        with writing(self._engine) as connection:
            rows.lock(connection)
            repair.leave_tombstones(connection, source, gone, now)

    def tombstones_after(self, source: ParticipantId, after: bytes, limit: int) -> list[tuple[LeafHash, bytes]]:
        """Leaves of a source with a tombstone, and the ids of their orders, in order of the leaf."""
        query = select(t.tombstone.c.leaf, t.tombstone.c.order_id).where(
            t.tombstone.c.source == source,
            t.tombstone.c.leaf > after,
            t.tombstone.c.leaf != t.tombstone.c.order_id,  # that one only says that nothing was here
        )
        with reading(self._engine) as connection:
            found = connection.execute(query.order_by(t.tombstone.c.leaf).limit(limit))
            return [(LeafHash(bytes(leaf)), bytes(order)) for leaf, order in found]

    def topics_salts(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Salts of the topics' commitments by record key."""
        return self._of_records(t.record.c.topics_salt, keys)

    # destruction

    def erase(
        self,
        source: ParticipantId,
        record: RecordId,
        subject: SubjectRef,
        now: int,
        content: Callable[[int], dict[str, Any]],
        forget: Callable[[Iterable[tuple[LeafHash, WrappedShare]]], None],
    ) -> int:
        """Erase the shares of all versions of a subject's record, leave tombstones, and log, in one transaction.

        `forget` destroys keys of shares first. Where no version is here the order gets a tombstone of its own, so that
        a deposit which comes too late leaves nothing.
        """
        order = order_id(record, subject)
        with writing(self._engine) as connection:
            rows.lock(connection)
            found = connection.execute(
                select(t.record.c.key, t.record.c.leaf, t.share.c.period, t.share.c.blob)
                .outerjoin(t.share, t.share.c.record == t.record.c.key)
                .where(t.record.c.source == source, t.record.c.record_id == record, t.record.c.subject == subject)
            ).all()
            forget(
                [
                    (LeafHash(bytes(row.leaf)), WrappedShare(row.period, bytes(row.blob)))
                    for row in found
                    if row.blob is not None
                ]
            )
            for row in found:
                rows.erase_one(connection, int(row.key))
                rows.bury(connection, source, order, bytes(row.leaf), now)
            buried = rows.tombstones_of(connection, source, [order]).get(order, set())
            if not buried:
                rows.bury(connection, source, order, order, now)
            total = len(buried - {order})
            if found:
                rows.append_log(connection, content(total), now)
        if found and self._is_sqlite:
            with self._engine.connect() as connection:
                connection.exec_driver_sql("COMMIT")  # a checkpoint waits for the end of transactions, this one's too
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
        return total

    def erased(self, leaves: Sequence[LeafHash]) -> set[LeafHash]:
        """Which leaves have a tombstone."""
        found: set[LeafHash] = set()
        with reading(self._engine) as connection:
            for chunk in rows.chunks(leaves):
                query = select(t.tombstone.c.leaf).where(t.tombstone.c.leaf.in_(chunk))
                found.update(LeafHash(bytes(leaf)) for (leaf,) in connection.execute(query))
        return found

    def kept_in(self, source: ParticipantId, root: Root) -> list[KeptRecord] | None:
        """Record versions of a batch that are not erased; None if the batch was never deposited."""
        with reading(self._engine) as connection:
            of_batch = select(t.batch.c.key).where(t.batch.c.source == source, t.batch.c.root == root)
            batch = connection.execute(of_batch).scalar_one_or_none()
            if batch is None:
                return None
            query = (
                select(t.record)
                .join(t.batch_record, t.batch_record.c.record == t.record.c.key)
                .where(t.batch_record.c.batch == batch)
            )
            return [rows.kept_record(row) for row in connection.execute(query)]

    def fingerprints(self, keys: Iterable[int]) -> dict[int, bytes]:
        """By record key what its shares must have as fingerprint."""
        return self._of_records(t.record.c.fingerprint, keys)

    def tombstones(self, source: ParticipantId) -> int:
        """How many record versions of a source were erased."""
        of_version = t.tombstone.c.leaf != t.tombstone.c.order_id  # else it says that nothing was here
        query = select(func.count()).select_from(t.tombstone).where(t.tombstone.c.source == source, of_version)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def versions_of(self, source: ParticipantId, record: RecordId) -> list[KeptRecord]:
        """Versions of a record that are not erased."""
        query = select(t.record).where(t.record.c.source == source, t.record.c.record_id == record)
        with reading(self._engine) as connection:
            return [
                rows.kept_record(row) for row in connection.execute(query.order_by(t.record.c.version, t.record.c.key))
            ]

    def swept_block(self) -> int:
        """Last block whose events were read for destruction orders; -1 before the first."""
        with reading(self._engine) as connection:
            found = rows.read_state(connection, "swept")
        return -1 if found is None else found[0]

    def note_orders(self, orders: Iterable[Order], swept_block: int) -> None:
        """Remember orders until they are carried out, and how far events were read."""
        with writing(self._engine) as connection:
            rows.lock(connection)
            for item in orders:
                connection.execute(delete(t.order).where(rows.is_order(item.source, item.record_id, item.subject)))
                connection.execute(
                    insert(t.order).values(
                        source=item.source,
                        record_id=item.record_id,
                        subject=item.subject,
                        erasable_from=item.erasable_from,
                    )
                )
            rows.write_state(connection, "swept", swept_block, b"")

    def orders(self) -> list[Order]:
        """Orders not carried out yet."""
        with reading(self._engine) as connection:
            found = connection.execute(select(t.order).order_by(t.order.c.key))
            return [
                Order(
                    ParticipantId(bytes(row.source)),
                    RecordId(bytes(row.record_id)),
                    SubjectRef(bytes(row.subject)),
                    int(row.erasable_from),
                )
                for row in found
            ]

    def drop_order(self, source: ParticipantId, record: RecordId, subject: SubjectRef) -> None:
        """Forget an order that is carried out."""
        with writing(self._engine) as connection:
            connection.execute(delete(t.order).where(rows.is_order(source, record, subject)))

    def periods_in_use(self) -> set[str]:
        """Periods whose key still wraps a share."""
        with reading(self._engine) as connection:
            return {str(period) for (period,) in connection.execute(select(t.share.c.period).distinct())}

    def wrapped_in(self, period: str) -> Iterator[WrappedShare]:
        """All wrapped shares of a period."""
        of_period, last = select(t.share.c.record, t.share.c.blob).where(t.share.c.period == period), -1
        while True:
            query = of_period.where(t.share.c.record > last).order_by(t.share.c.record).limit(_SHARES_AT_ONCE)
            with reading(self._engine) as connection:
                found = connection.execute(query).all()
            if not found:
                return
            yield from (WrappedShare(period, bytes(row.blob)) for row in found)
            last = int(found[-1].record)

    # the custodian's own log

    def append(self, content: dict[str, Any], now: int) -> LogEntry:
        """Append to the log."""
        with writing(self._engine) as connection:
            return rows.append_log(connection, content, now)

    def log(self, after: int, limit: int) -> list[LogEntry]:
        """Entries with an index above `after`."""
        return self._entries(select(t.log).where(t.log.c.entry > after).order_by(t.log.c.entry).limit(limit))

    def log_about(self, reference: str, kind: str) -> list[LogEntry]:
        """Entries of a kind whose content has this reference, oldest first."""
        query = select(t.log).where(t.log.c.reference == reference, t.log.c.kind == kind)
        return self._entries(query.order_by(t.log.c.entry))

    def log_of(self, kind: str, since: int) -> list[LogEntry]:
        """Entries of a kind written at or after a time (Unix seconds), oldest first."""
        return self._entries(select(t.log).where(t.log.c.at >= since, t.log.c.kind == kind).order_by(t.log.c.entry))

    def log_between(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Index and digest of the entries with start <= at < end (Unix seconds)."""
        query = (
            select(t.log.c.entry, t.log.c.digest).where(t.log.c.at >= start, t.log.c.at < end).order_by(t.log.c.entry)
        )
        with reading(self._engine) as connection:
            return [(int(index), bytes(digest)) for index, digest in connection.execute(query)]

    def first_log_time(self) -> int | None:
        """When the first entry was written."""
        with reading(self._engine) as connection:
            at = connection.execute(select(t.log.c.at).where(t.log.c.entry == 1)).scalar()
        return None if at is None else int(at)

    def anchored_log_day(self) -> int | None:
        """Last civil day whose log root was anchored or was empty."""
        with reading(self._engine) as connection:
            found = rows.read_state(connection, "log_day")
        return None if found is None else found[0]

    def set_anchored_log_day(self, day: int, root: Root | None) -> None:
        """Remember that the log up to this day is anchored."""
        with writing(self._engine) as connection:
            rows.write_state(connection, "log_day", day, root or b"")

    def _of_records(self, column: ColumnElement[Any], keys: Iterable[int]) -> dict[int, bytes]:
        """A column of bytes by record key."""
        found: dict[int, bytes] = {}
        with reading(self._engine) as connection:
            for chunk in rows.chunks(keys):
                query = select(t.record.c.key, column).where(t.record.c.key.in_(chunk))
                found.update((int(key), bytes(value)) for key, value in connection.execute(query))
        return found

    def _entries(self, query: Select[Any]) -> list[LogEntry]:
        with reading(self._engine) as connection:
            return [
                LogEntry(int(row.entry), int(row.at), bytes(row.previous), parse(row.content), bytes(row.digest))
                for row in connection.execute(query)
            ]

    def _is_time_to_purge(self, now: int) -> bool:
        with self._purge_lock:
            due = now - self._purged_at >= NONCE_SECONDS // 10
            if due:
                self._purged_at = now
            return due


def _zero_deleted(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA secure_delete=ON")
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
