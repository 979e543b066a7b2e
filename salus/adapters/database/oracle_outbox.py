"""Batches on their way to custodians and chain, and invalidations, in the oracle's database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, literal, select, text, update

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import chunks
from salus.adapters.database.oracle_quality import add_anchored
from salus.adapters.database.oracle_records import KNOWN_SUBJECT, known_subject, leaf_from_bytes
from salus.adapters.database.oracle_tables import batch, head_of, invalidation, meta, secret, subject, version
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import LeafHash, Root
from salus.core.journal import (
    Anchored,
    AnchoredBatch,
    Batch,
    BatchItem,
    BatchState,
    DoneInvalidation,
    HeadStatus,
    Invalidation,
    InvalidationReason,
    WaitingVersion,
)
from salus.core.state import BlockStamp

_SEEN = "seen"


class DatabaseOutbox:
    """The `Outbox` port of the oracle."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def are_waiting(self, number: int) -> bool:
        """Whether at least that many versions are in no batch yet."""
        query = select(version.c.key).where(text("batch IS NULL")).order_by(version.c.key).offset(number - 1).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def waiting(self, limit: int, but: Collection[int] = ()) -> list[WaitingVersion]:
        """Versions in no batch yet, oldest first; `but` those of some custodian sets."""
        columns = (version.c.key, version.c.leaf_hash, version.c.custodian_set)
        query = select(*columns).where(text("batch IS NULL")).order_by(version.c.key).limit(limit)
        if but:
            query = query.where(version.c.custodian_set.not_in(list(but)))
        with self._database.reading() as connection:
            return [
                WaitingVersion(row.key, LeafHash(row.leaf_hash), row.custodian_set) for row in connection.execute(query)
            ]

    def form(self, root: Root, custodian_set: int, versions: Sequence[WaitingVersion], at: int) -> None:
        """Make waiting versions a batch.

        Raises:
            ConflictError: one was given up meanwhile.
        """
        with self._database.writing_in_line() as connection:
            values = {
                "root": root,
                "custodian_set": custodian_set,
                "size": len(versions),
                "acknowledged": 0,
                "state": int(BatchState.OPEN),
                "created_at": at,
            }
            key = connection.execute(insert(batch).values(values).returning(batch.c.key)).scalar_one()
            of_set = version.c.custodian_set == custodian_set  # SQLite gives keys of removed rows away again
            for chunk in chunks([one.key for one in versions]):
                there = version.c.key.in_(chunk), text("batch IS NULL"), of_set
                if connection.execute(update(version).where(*there).values(batch=key)).rowcount != len(chunk):
                    raise ConflictError("a version was given up while its batch was formed")

    def batches(self, state: BatchState, limit: int) -> list[Batch]:
        """Batches in a state, oldest first."""
        query = select(batch).where(batch.c.state == int(state)).order_by(batch.c.key).limit(limit)
        if state is not BatchState.ANCHORED:
            query = query.where(text("state <> 3"))
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def items(self, key: int) -> list[BatchItem]:
        """Versions of a batch with their sealed shares, in the order they were made."""
        query = (
            select(version.c.leaf_hash, version.c.leaf, secret.c.sealed, secret.c.note)
            .join(secret, secret.c.version == version.c.key)
            .where(version.c.batch == key)
            .order_by(version.c.key)
        )
        with self._database.reading() as connection:
            return [
                BatchItem(LeafHash(row.leaf_hash), leaf_from_bytes(row.leaf), row.sealed, row.note or b"")
                for row in connection.execute(query)
            ]

    def secrets(self, key: int) -> list[bytes]:
        """Heads of the sealed shares of a batch."""
        query = select(head_of(secret.c.sealed)).join(version, version.c.key == secret.c.version)
        with self._database.reading() as connection:
            return [bytes(one) for one in connection.execute(query.where(version.c.batch == key)).scalars()]

    def anchored_with(self, leaf: LeafHash) -> AnchoredBatch:
        """The anchored batch a leaf is in.

        Raises:
            NotFoundError: no such leaf, or not anchored yet.
        """
        found = (
            select(batch.c.key, batch.c.root)
            .join(version, version.c.batch == batch.c.key)
            .where(version.c.leaf_hash == leaf, batch.c.state == int(BatchState.ANCHORED))
        )
        with self._database.reading() as connection:
            row = connection.execute(found).one_or_none()
            if row is None:
                raise NotFoundError("this source has anchored no such leaf")
            members = select(version.c.leaf_hash).where(version.c.batch == row.key)
            return AnchoredBatch(
                Root(row.root), tuple(LeafHash(other.leaf_hash) for other in connection.execute(members))
            )

    def acknowledge(self, key: int, acknowledged: int, *, complete: bool) -> None:
        """Remember which custodians have an open batch; DEPOSITED once complete. One given up meanwhile stays so."""
        values: dict[str, Any] = {"acknowledged": batch.c.acknowledged.op("|")(acknowledged)}
        if complete:
            values["state"] = int(BatchState.DEPOSITED)
        with self._database.writing_in_line() as connection:
            is_open = batch.c.state == int(BatchState.OPEN)
            connection.execute(update(batch).where(batch.c.key == key, is_open).values(values))

    def anchored(self, key: int, anchored: Anchored, seen: BlockStamp) -> None:
        """A batch's root is final on chain: erase its shares, and note what its versions make invalid."""
        with self._database.writing_in_line() as connection:
            _see(connection, seen)
            note_anchored(connection, key, anchored)

    def invalidations(self, limit: int) -> list[Invalidation]:
        """Versions still to be declared invalid, oldest first."""
        query = (
            select(invalidation.c.key, invalidation.c.reason, version.c.leaf_hash, version.c.leaf)
            .join(version, version.c.key == invalidation.c.version)
            .where(text("done_at IS NULL"))
            .order_by(invalidation.c.key)
            .limit(limit)
        )
        with self._database.reading() as connection:
            found = [(row, leaf_from_bytes(row.leaf).subject) for row in connection.execute(query)]
            if not found:  # nearly always, and asked at every anchor
                return []
            named = select(*KNOWN_SUBJECT).where(subject.c.subject_ref.in_({ref for _, ref in found}))
            known = {row.subject_ref: known_subject(row) for row in connection.execute(named)}
        return [
            Invalidation(row.key, LeafHash(row.leaf_hash), known[ref], InvalidationReason(row.reason))
            for row, ref in found
        ]

    def invalidated(self, key: int, tx_hash: bytes, at: int, seen: BlockStamp) -> None:
        """A version is invalid on chain, at a final block."""
        with self._database.writing_in_line() as connection:
            _see(connection, seen)
            values = {"done_at": at, "tx_hash": tx_hash or None}
            connection.execute(update(invalidation).where(invalidation.c.key == key).values(values))

    # looking back

    def seen(self) -> tuple[int, bytes] | None:
        """Number and hash of the final block at which something was last done; None before the first."""
        with self._database.reading() as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.name == _SEEN)).scalar_one_or_none()
        return None if value is None else (int.from_bytes(value[:8], "big"), bytes(value[8:]))

    def done_batches(self, offset: int, limit: int) -> list[Batch]:
        """Anchored batches, those in the newest blocks first."""
        query = select(batch).where(batch.c.state == int(BatchState.ANCHORED))
        query = query.order_by(batch.c.anchor_block.desc(), batch.c.key.desc()).offset(offset).limit(limit)
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def done_invalidations(self, offset: int, limit: int) -> list[DoneInvalidation]:
        """Versions that are invalid on chain, the newest first."""
        query = (
            select(invalidation.c.key, version.c.leaf_hash)
            .join(version, version.c.key == invalidation.c.version)
            .where(invalidation.c.done_at.is_not(None))
            .order_by(invalidation.c.done_at.desc(), invalidation.c.key.desc())
            .offset(offset)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [DoneInvalidation(row.key, LeafHash(row.leaf_hash)) for row in connection.execute(query)]

    def reopen(self, batches: Sequence[int], invalidations: Sequence[int], seen: BlockStamp) -> None:
        """The chain has lost these: custodians hold the batches still, so they wait to be anchored again."""
        none = {"anchored_at": None, "anchor_block": None, "anchor_tx": None}
        with self._database.writing_in_line() as connection:
            _see(connection, seen)
            for chunk in chunks(batches):
                values = none | {"state": int(BatchState.DEPOSITED)}
                connection.execute(update(batch).where(batch.c.key.in_(chunk)).values(values))
            for chunk in chunks(invalidations):
                undone = {"done_at": None, "tx_hash": None}
                connection.execute(update(invalidation).where(invalidation.c.key.in_(chunk)).values(undone))


def note_anchored(connection: Connection, key: int, anchored: Anchored) -> None:
    """In a writer's transaction: a batch is anchored; its shares go, what its versions make invalid is to be told."""
    values = {
        "state": int(BatchState.ANCHORED),
        "anchored_at": anchored.at,
        "anchor_block": anchored.block,
        "anchor_tx": anchored.tx_hash or None,
    }
    connection.execute(update(batch).where(batch.c.key == key).values(values))
    members = select(version.c.key).where(version.c.batch == key)
    connection.execute(delete(secret).where(secret.c.version.in_(members)))
    connection.execute(insert(invalidation).from_select(["version", "reason"], _withdrawn_by(key)))
    add_anchored(connection, key, anchored.at)


def _see(connection: Connection, seen: BlockStamp) -> None:
    connection.execute(delete(meta).where(meta.c.name == _SEEN))
    connection.execute(insert(meta).values(name=_SEEN, value=seen.number.to_bytes(8, "big") + seen.hash))


def _withdrawn_by(key: int) -> Any:
    """Earlier versions of the records a batch withdraws, with the reason; not those that were errors by themselves.

    So do versions between that wait still, in a batch of a set with a member gone: what came after them says so too.
    """
    newest, later, earlier = (version.alias(name) for name in ("newest", "later", "earlier"))
    return (
        select(earlier.c.key, func.min(later.c.withdraws))
        .join(later, and_(later.c.record == earlier.c.record, later.c.version > earlier.c.version))
        .join(newest, and_(newest.c.record == later.c.record, newest.c.version >= later.c.version))
        .where(
            newest.c.batch == key,
            later.c.withdraws != 0,
            earlier.c.status != int(HeadStatus.ENTERED_IN_ERROR),
            ~exists(select(literal(1)).where(invalidation.c.version == earlier.c.key)),
        )
        .group_by(earlier.c.key)
    )


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        row.key,
        Root(row.root),
        row.custodian_set,
        row.size,
        row.acknowledged,
        BatchState(row.state),
        row.created_at,
    )
