"""Versions of a custodian set that has lost a member for good, given up in the oracle's database.

One transaction gives up records whole, breaks up the open batches they were in, and puts their messages back in the
queue: killed at any point there is no batch that is half a batch, and no message that is neither done nor pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, insert, select, text, update

from salus.adapters.database.bulk import find_rows
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_line import ring
from salus.adapters.database.oracle_messages import chunks
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.adapters.database.oracle_records import leaf_from_bytes
from salus.adapters.database.oracle_tables import (
    ANCHORED,
    batch,
    destruction,
    head_of,
    invalidation,
    message,
    raw,
    record,
    secret,
    version,
)
from salus.core.abandon import Fate, GivenUp, MadeBy, Maker, Part, Place, fates
from salus.core.errors import ConflictError
from salus.core.ids import LeafHash, RecordId
from salus.core.journal import BatchState, HeadStatus, MessageFlag, MessageState
from salus.core.merkle import MerkleTree
from salus.core.operations import Order

_Row = Row[Any, *tuple[Any, ...]]
_AGAIN = int(MessageFlag.REPROCESSED)
_NOT_RESEALED = 0x7FFF ^ int(MessageFlag.RESEALED)


class DatabaseAbandon:
    """The `AbandonStore` port of the oracle. `operations` keeps the operators' log."""

    def __init__(self, database: OracleDatabase, operations: DatabaseOperations) -> None:
        self._database = database
        self._operations = operations

    def parts(self, custodian_set: int) -> list[Part]:
        """Records with versions of a set that wait for a batch or are in an open one; oldest messages first."""
        of_set = version.c.custodian_set == custodian_set
        is_open = batch.c.custodian_set == custodian_set, batch.c.state == int(BatchState.OPEN), text("state <> 3")
        columns = version.c.record, version.c.message
        waiting = select(*columns).where(text("batch IS NULL"), of_set)
        opened = select(*columns).join(batch, batch.c.key == version.c.batch).where(*is_open)
        with self._database.reading() as connection:
            return _joined(
                [(int(one), int(by)) for query in (waiting, opened) for one, by in connection.execute(query)]
            )

    def give_up(
        self,
        custodian_set: int,
        records: Sequence[int],
        identity: Collection[str],
        order: Order,
        forget: Callable[[Sequence[bytes]], None],
    ) -> GivenUp:
        """Give up what these records have under way in a set, in one durable transaction.

        `forget` destroys the keys of sealed shares, of which it is given the heads, before the rows go. `identity` are
        kinds of messages that change identities. What was given up before changes nothing.

        Raises:
            ConflictError: all custodians of the set have a batch of it: that will be anchored first.
        """
        with self._database.writing() as connection:
            self._require_none_deposited(connection, custodian_set)
            found = _Found(connection, custodian_set, records, identity)
            self._give_up(connection, found, custodian_set, order, forget)
            return found.told()

    def _require_none_deposited(self, connection: Connection, custodian_set: int) -> None:
        deposited = batch.c.custodian_set == custodian_set, batch.c.state == int(BatchState.DEPOSITED)
        if connection.execute(select(batch.c.key).where(*deposited, text("state <> 3")).limit(1)).first() is not None:
            raise ConflictError("all custodians of the set have one of its batches: let the oracle anchor it first")

    def _give_up(
        self,
        connection: Connection,
        found: _Found,
        custodian_set: int,
        order: Order,
        forget: Callable[[Sequence[bytes]], None],
    ) -> None:
        gone = found.again + found.aside
        if not gone:
            return
        forget([bytes(row.head) for row in gone if row.head is not None])
        _delete(connection, secret, secret.c.version, [row.key for row in gone])
        _drop_invalidations(connection, found)
        for chunk in chunks(found.broken):
            connection.execute(update(version).where(version.c.batch.in_(chunk)).values(batch=None))
        _delete(connection, batch, batch.c.key, found.broken)
        _withdraw(connection, found)
        _set_aside(connection, found.aside, custodian_set, order.at)
        _put_heads_back(connection, found, order.at)
        for chunk in chunks(found.messages):
            values = {
                "state": int(MessageState.PENDING),
                "attempts": message.c.attempts + 1,
                "flags": message.c.flags.op("&")(_NOT_RESEALED).op("|")(_AGAIN),
            }
            connection.execute(update(message).where(message.c.key.in_(chunk)).values(**values))
        self._operations.log(connection, order, sorted({row.message for row in gone}))
        ring(connection)


class _Found:
    """Records as they stand in a transaction, and what is to become of their versions."""

    def __init__(
        self, connection: Connection, custodian_set: int, records: Sequence[int], identity: Collection[str]
    ) -> None:
        rows = [row for chunk in chunks(records) for row in connection.execute(_VERSIONS.where(_of(chunk)))]
        makers = _makers(connection, {row.message for row in rows})
        self.records = _records(connection, records)
        ended = _ended(connection, self.records.values())
        self.versions: dict[int, list[_Row]] = {key: [] for key in self.records}
        for row in sorted(rows, key=lambda row: int(row.version)):
            self.versions[row.record].append(row)
        self.fates: dict[int, Fate] = {}
        for key, listed in self.versions.items():
            made = [MadeBy(row.key, _place(row, custodian_set), makers[row.message]) for row in listed]
            self.fates |= fates(made, is_ended=key in ended, identity=identity)
        under_way = [row for row in rows if row.key in self.fates]
        self.again = [row for row in under_way if self.fates[row.key] is Fate.AGAIN]
        self.aside = [row for row in under_way if self.fates[row.key] in (Fate.SUPERSEDED, Fate.ORDERED)]
        self.broken = sorted({row.batch for row in self.again + self.aside if row.batch is not None})
        self.messages = sorted({row.message for row in self.again})

    def told(self) -> GivenUp:
        """What came of it."""
        of_record = {
            RecordId(bytes(self.records[key].record_id)): {self.fates[row.key] for row in rows if row.key in self.fates}
            for key, rows in self.versions.items()
        }
        left = [(one, fate) for one, found in of_record.items() for fate in found & _STAYS]
        anew = [one for one, found in of_record.items() if Fate.AGAIN in found]
        counts = dict(Counter(self.fates[row.key] for row in self.again + self.aside))
        envelopes = tuple(leaf_from_bytes(row.leaf).envelope_digest for row in self.again)
        return GivenUp(counts, tuple(self.messages), len(self.broken), tuple(anew), envelopes, tuple(sorted(left)))


def _joined(made: Iterable[tuple[int, int]]) -> list[Part]:
    """Records that have a message in common, directly or over others; from (record, message) of each version."""
    parent: dict[int, int] = {}

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    of_message: dict[int, int] = {}
    oldest: dict[int, int] = {}
    count: Counter[int] = Counter()
    for one, by in made:
        parent.setdefault(one, one)
        parent[root(one)] = root(of_message.setdefault(by, one))
        oldest[one] = min(by, oldest.get(one, by))
        count[one] += 1
    members: dict[int, list[int]] = {}
    for one in parent:
        members.setdefault(root(one), []).append(one)
    listed = sorted(members.values(), key=lambda part: min(oldest[one] for one in part))
    return [Part(tuple(sorted(part)), sum(count[one] for one in part)) for part in listed]


def _place(row: _Row, custodian_set: int) -> Place:
    if row.state == int(BatchState.ABANDONED):
        return Place.GIVEN_UP
    is_open = row.batch is None or row.state == int(BatchState.OPEN)
    return Place.UNDER_WAY if is_open and row.custodian_set == custodian_set else Place.STANDS


def _makers(connection: Connection, keys: Collection[int]) -> dict[int, Maker]:
    is_kept = exists().where(raw.c.message == message.c.key).label("is_kept")
    found: dict[int, Maker] = {}
    for chunk in chunks(sorted(keys)):
        query = select(message.c.key, message.c.state, message.c.kind, is_kept).where(message.c.key.in_(chunk))
        for key, state, kind, kept in connection.execute(query):
            found[key] = Maker(key, MessageState(state), kind, bool(kept))
    return found


def _records(connection: Connection, keys: Sequence[int]) -> dict[int, _Row]:
    query = select(record.c.key, record.c.record_id, record.c.status, record.c.version)
    rows = [row for chunk in chunks(keys) for row in connection.execute(query.where(record.c.key.in_(chunk)))]
    return {row.key: row for row in rows}


def _ended(connection: Connection, records: Collection[_Row]) -> set[int]:
    """Records that are destroyed, or whose destruction is ordered."""
    ids = [bytes(row.record_id) for row in records]
    ordered = {bytes(one) for (one,) in find_rows(connection, destruction, ("record_id",), "record_id", ids, _NOT_DONE)}
    destroyed = int(HeadStatus.DESTROYED)
    return {row.key for row in records if row.status == destroyed or bytes(row.record_id) in ordered}


def _drop_invalidations(connection: Connection, found: _Found) -> None:
    """What was never anchored needs no invalidation; one that the chain has is kept with a version that is."""
    _delete(connection, invalidation, invalidation.c.version, [row.key for row in found.again])
    for chunk in chunks([row.key for row in found.aside]):
        open_still = invalidation.c.version.in_(chunk), text("done_at IS NULL")
        connection.execute(delete(invalidation).where(*open_still))


def _withdraw(connection: Connection, found: _Found) -> None:
    """A version that is set aside said that what stood before was wrong: that holds, though it is never anchored."""
    reasons: dict[int, int] = {}
    for row in found.aside:
        if row.withdraws:
            for before in found.versions[row.record]:
                is_wrong = before.state == ANCHORED and before.status != int(HeadStatus.ENTERED_IN_ERROR)
                if before.version < row.version and is_wrong:
                    reasons[before.key] = min(row.withdraws, reasons.get(before.key, row.withdraws))
    known = {key for (key,) in find_rows(connection, invalidation, ("version",), "version", list(reasons))}
    rows = [{"version": key, "reason": reason} for key, reason in sorted(reasons.items()) if key not in known]
    if rows:
        connection.execute(insert(invalidation), rows)


def _set_aside(connection: Connection, rows: Sequence[_Row], custodian_set: int, at: int) -> None:
    """Versions that stay for what they tell of their records are a batch that goes nowhere."""
    if not rows:
        return
    values = {
        "root": MerkleTree(LeafHash(bytes(row.leaf_hash)) for row in rows).root,
        "custodian_set": custodian_set,
        "size": len(rows),
        "acknowledged": 0,
        "state": int(BatchState.ABANDONED),
        "created_at": at,
    }
    key = connection.execute(insert(batch).values(values).returning(batch.c.key)).scalar_one()
    for chunk in chunks([row.key for row in rows]):
        connection.execute(update(version).where(version.c.key.in_(chunk)).values(batch=key))


def _put_heads_back(connection: Connection, found: _Found, at: int) -> None:
    """Heads are those of the newest versions left; what these say is not known, so that the next says it anew."""
    gone = {row.key for row in found.again}
    empty: list[int] = []
    _delete(connection, version, version.c.key, sorted(gone))
    for key in sorted({row.record for row in found.again}):
        left = [row for row in found.versions[key] if row.key not in gone]
        if not left:
            empty.append(key)
            continue
        values = {
            "subject_ref": leaf_from_bytes(left[-1].leaf).subject,
            "version": left[-1].version,
            "leaf_hash": left[-1].leaf_hash,
            "content_hash": bytes(32),
            "status": left[-1].status,
            "updated_at": at,
            "said_at": 0,
        }
        connection.execute(update(record).where(record.c.key == key).values(**values))
    _delete(connection, record, record.c.key, empty)


def _delete(connection: Connection, table: Any, column: Any, values: Sequence[int]) -> None:
    for chunk in chunks(values):
        connection.execute(delete(table).where(column.in_(chunk)))


def _of(records: Sequence[int]) -> Any:
    return version.c.record.in_(records)


_STAYS = {Fate.FORGOTTEN, Fate.HELD, Fate.MERGED, Fate.PENDING}
_NOT_DONE = "done_at IS NULL"
_VERSIONS = (
    select(
        version.c.key,
        version.c.record,
        version.c.message,
        version.c.version,
        version.c.leaf_hash,
        version.c.leaf,
        version.c.custodian_set,
        version.c.status,
        version.c.withdraws,
        version.c.batch,
        batch.c.state,
        head_of(secret.c.sealed),
    )
    .outerjoin(batch, batch.c.key == version.c.batch)
    .outerjoin(secret, secret.c.version == version.c.key)
)
