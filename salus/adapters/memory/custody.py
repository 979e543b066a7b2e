"""A custodian's store in dictionaries, with the behaviour of the one on a database."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any

from salus.core.canonical import canonical, parse
from salus.core.custody import (
    BatchRef,
    DepositBatch,
    DepositedRecord,
    KeptRecord,
    LogEntry,
    Order,
    RestoredBatch,
    WrappedShare,
    log_entry,
)
from salus.core.errors import ConflictError, NotFoundError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, ParticipantId, RecordId, Root, SubjectRef, order_id
from salus.core.key_tree import KeyTree
from salus.core.labels import MAX_LEVEL

NONCE_SECONDS = 3600


@dataclass(slots=True)
class _Batch:
    ref: BatchRef
    deposited_at: int
    records: list[int] = field(default_factory=list)
    anchored_at: int | None = None


class MemoryPeriodKeys:
    """Period keys that are the same in every run. An erased key stays away. Safe to use from several threads."""

    def __init__(self) -> None:
        self._trees: dict[str, KeyTree] = {}
        self._given: dict[str, int] = {}
        self._lock = RLock()  # a tree remembers the path it went last

    def fresh(self, period: str) -> tuple[int, bytes]:
        """Number and key that were never given out before."""
        with self._lock:
            tree = self._trees.setdefault(period, KeyTree.fresh(sha256(b"salus.memory.period|" + period.encode())))
            number = self._given.get(period, 0)
            self._given[period] = number + 1
            return number, tree.key(number)

    def past(self, period: str, number: int) -> bytes:
        """A key that was given out.

        Raises:
            NotFoundError: it was erased, or there is none.
        """
        with self._lock:
            if period not in self._trees:
                raise NotFoundError(f"there are no keys of the period {period}")
            return self._trees[period].key(number)

    def forget(self, period: str, numbers: Iterable[int]) -> None:
        """Erase keys."""
        with self._lock:
            if period in self._trees:
                self._trees[period] = self._trees[period].without(numbers)

    def keep_only(self, period: str, numbers: Iterable[int]) -> None:
        """Erase all keys that were given out but these. Nobody is kept from it: who gives out keys must not do so."""
        with self._lock:
            self._trees[period] = self._trees[period].only(numbers, self._given.get(period, 0))

    def periods(self) -> list[str]:
        """Periods that have keys."""
        return sorted(self._trees)

    def erase(self, period: str) -> None:
        """Erase all keys of a period."""
        self._trees.pop(period, None)


class MemoryCustodianStore:
    """The custodian's store in memory. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._nonces: dict[bytes, int] = {}
        self._seen: tuple[int, bytes] | None = None
        self._batches: dict[tuple[ParticipantId, Root], _Batch] = {}
        self._records: dict[int, KeptRecord] = {}
        self._fingerprints: dict[int, bytes] = {}
        self._topics_salts: dict[int, bytes] = {}
        self._notes: dict[int, bytes] = {}
        self._shares: dict[int, WrappedShare] = {}
        self._tombstones: dict[tuple[ParticipantId, bytes], set[LeafHash]] = {}
        self._orders: dict[tuple[ParticipantId, bytes], Order] = {}
        self._swept = -1
        self._log: list[LogEntry] = []
        self._log_day: tuple[int, Root | None] | None = None
        self._next = 1

    def close(self) -> None:
        """Nothing is held open."""

    # calls and blocks

    def admit(self, nonce: bytes, now: int) -> None:
        """Remember a call's nonce.

        Raises:
            ConflictError: it was seen before.
        """
        with self._lock:
            if nonce in self._nonces:
                raise ConflictError("this call was seen before")
            self._nonces = {old: at for old, at in self._nonces.items() if at >= now - NONCE_SECONDS}
            self._nonces[nonce] = now

    def seen_block(self) -> tuple[int, bytes] | None:
        """Highest final block ever seen: number and hash."""
        with self._lock:
            return self._seen

    def see_block(self, number: int, block_hash: bytes) -> None:
        """Remember a final block if it is higher than the one remembered."""
        with self._lock:
            if self._seen is None or self._seen[0] < number:
                self._seen = (number, block_hash)

    def accept_chain(self, number: int, block_hash: bytes, now: int, content: dict[str, Any]) -> None:
        """Remember this final block though it may be lower, forget all else the chain had said, and log why."""
        with self._lock:
            self.append(content, now)
            for batch in self._batches.values():
                batch.anchored_at = None
            self._records = {key: replace(kept, anchored=False) for key, kept in self._records.items()}
            self._swept, self._log_day = -1, None
            self._seen = (number, block_hash)

    # records

    def deposit(self, batch: DepositBatch, content: dict[str, Any]) -> None:
        """Store a batch and a log entry; the same batch again changes nothing, and of destroyed records none is kept.

        Raises:
            ConflictError: a leaf, or the batch, is stored with other content.
        """
        with self._lock:
            stored = {r.leaf_hash: r.key for r in self._records.values() if r.source == batch.source}
            gone: dict[LeafHash, bytes] = {}
            for item in batch.records:
                key = stored.get(item.leaf_hash)
                if key is not None and self._fingerprints[key] != item.fingerprint:
                    raise ConflictError("a record version is stored with another share")
                order = order_id(item.leaf.record_id, item.leaf.subject)
                if key is None and (batch.source, order) in self._tombstones:
                    gone[item.leaf_hash] = order
            new = [item for item in batch.records if item.leaf_hash not in stored and item.leaf_hash not in gone]
            known = self._batches.get((batch.source, batch.root))
            if known is not None:
                if new or (known.ref.custodian_set, known.ref.count) != (batch.custodian_set, len(batch.records)):
                    raise ConflictError("the batch is stored with other content")
                return
            self._insert(batch, new, stored)
            for leaf, order in gone.items():
                self._tombstones[batch.source, order].add(leaf)
            self.append(content, batch.at)

    def _insert(self, batch: DepositBatch, new: list[DepositedRecord], stored: dict[LeafHash, int]) -> None:
        for item in new:
            key = stored[item.leaf_hash] = self._number()
            self._keep(key, batch.source, item, batch.at)
        ref = BatchRef(self._number(), batch.source, batch.root, batch.custodian_set, len(batch.records))
        keys = [stored[item.leaf_hash] for item in batch.records if item.leaf_hash in stored]
        self._batches[batch.source, batch.root] = _Batch(ref, batch.at, keys)

    def _keep(self, key: int, source: ParticipantId, item: DepositedRecord, at: int) -> None:
        self._records[key] = KeptRecord(
            key, source, item.leaf_hash, item.leaf, item.topics, anchored=False, deposited_at=at
        )
        self._fingerprints[key] = item.fingerprint
        self._topics_salts[key] = item.topics_salt
        if item.note:
            self._notes.setdefault(key, item.note)
        self._shares[key] = item.share

    def find(self, leaves: Sequence[LeafHash]) -> dict[LeafHash, list[KeptRecord]]:
        """Record versions by leaf."""
        wanted = set(leaves)
        found: dict[LeafHash, list[KeptRecord]] = {}
        for kept in self._all():
            if kept.leaf_hash in wanted:
                found.setdefault(kept.leaf_hash, []).append(kept)
        return found

    def of_subject(self, subject: SubjectRef) -> list[KeptRecord]:
        """All record versions of a subject that are not erased, in order of deposit."""
        return [kept for kept in self._all() if kept.leaf.subject == subject]

    def newest(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """Newest anchored version of each record that has one."""
        wanted = set(records)
        found: dict[RecordId, int] = {}
        for kept in self._all():
            record = kept.leaf.record_id
            if kept.source == source and kept.anchored and record in wanted:
                found[record] = max(found.get(record, 0), kept.leaf.version)
        return found

    def unanchored_of(self, source: ParticipantId, records: Iterable[RecordId]) -> list[KeptRecord]:
        """Versions of these records that are not known to be anchored."""
        wanted = set(records)
        return [k for k in self._all() if k.source == source and not k.anchored and k.leaf.record_id in wanted]

    def batches_of(self, keys: Iterable[int]) -> dict[int, list[BatchRef]]:
        """Batches, not known to be anchored, that hold the records with these keys."""
        wanted = set(keys)
        found: dict[int, list[BatchRef]] = {}
        with self._lock:
            for batch in self._batches.values():
                if batch.anchored_at is None:
                    for key in wanted.intersection(batch.records):
                        found.setdefault(key, []).append(batch.ref)
        return found

    def open_batches(self, since: int, limit: int) -> list[BatchRef]:
        """Batches deposited since a time (Unix seconds) that are not known to be anchored, oldest first."""
        with self._lock:
            batches = [b for b in self._batches.values() if b.anchored_at is None and b.deposited_at >= since]
            return [batch.ref for batch in batches][:limit]

    def mark_anchored(self, batches: Mapping[int, int]) -> None:
        """Remember that batches are anchored at a final block, and when by the chain."""
        with self._lock:
            for batch in self._batches.values():
                if batch.ref.key in batches:
                    batch.anchored_at = batches[batch.ref.key]
                    for key in batch.records:
                        if key in self._records:
                            self._records[key] = replace(self._records[key], anchored=True)

    def newest_anchored(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """When the newest anchored version of each record that has one was anchored first, by the chain."""
        wanted = set(records)
        first: dict[tuple[RecordId, int], int] = {}
        with self._lock:
            for batch in self._batches.values():
                kept = [self._records[key] for key in batch.records if key in self._records]
                for one in kept if batch.anchored_at is not None and batch.ref.source == source else []:
                    name = (one.leaf.record_id, one.leaf.version)
                    first[name] = min(first.get(name, batch.anchored_at or 0), batch.anchored_at or 0)
        return {record: at for (record, _), at in sorted(first.items()) if record in wanted}

    def shares(self, keys: Iterable[int]) -> dict[int, WrappedShare]:
        """Wrapped shares by record key; erased ones are missing."""
        with self._lock:
            return {key: self._shares[key] for key in keys if key in self._shares}

    # recall

    def deposited_batch(self, source: ParticipantId, root: Root) -> BatchRef | None:
        """A batch as deposited; None if it never was."""
        with self._lock:
            batch = self._batches.get((source, root))
            return None if batch is None else batch.ref

    def notes(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Sources' notes by record key; those of records without one are missing."""
        with self._lock:
            return {key: self._notes[key] for key in keys if key in self._notes}

    # repair

    def restore(self, batch: RestoredBatch, content: dict[str, Any], now: int) -> None:
        """Put record versions back, and log; those with a tombstone stay away.

        Raises:
            ConflictError: a version is stored with another share, or the batch with other content.
        """
        with self._lock:
            stored = {r.leaf_hash: r.key for r in self._records.values() if r.source == batch.source}
            for item in batch.records:
                mark = self._fingerprints.get(stored.get(item.leaf_hash, -1), item.fingerprint)
                if mark != item.fingerprint and item.leaf.level < MAX_LEVEL:
                    raise ConflictError("a record version is stored with another share")
            name, shape = (batch.source, batch.root), (batch.custodian_set, batch.count)
            if name not in self._batches:
                ref = BatchRef(self._number(), batch.source, batch.root, *shape)
                self._batches[name] = _Batch(ref, batch.anchored_at)
            known = self._batches[name]
            if (known.ref.custodian_set, known.ref.count) != shape:
                raise ConflictError("the batch is stored with other content")
            for item in batch.records:
                order = order_id(item.leaf.record_id, item.leaf.subject)
                if item.leaf_hash not in stored and (batch.source, order) in self._tombstones:
                    self._tombstones[batch.source, order].add(item.leaf_hash)
                else:
                    key = stored.setdefault(item.leaf_hash, self._next)
                    self._next = max(self._next, key + 1)
                    self._keep(key, batch.source, item, batch.anchored_at)
                    known.records += [key] if key not in known.records else []
            self.mark_anchored({known.ref.key: batch.anchored_at})
            self.append(content, now)

    def leave_tombstones(
        self,
        source: ParticipantId,
        gone: Mapping[LeafHash, bytes],
        now: int,  # noqa: ARG002 - the port's shape
    ) -> None:
        """Mark leaves that are not kept as erased; by leaf the id of the order that named them."""
        with self._lock:
            known = self._gone(source) | {kept.leaf_hash for kept in self._records.values() if kept.source == source}
            for leaf in set(gone) - known:
                self._tombstones.setdefault((source, gone[leaf]), set()).add(leaf)

    def tombstones_after(self, source: ParticipantId, after: bytes, limit: int) -> list[tuple[LeafHash, bytes]]:
        """Leaves of a source with a tombstone, and the ids of their orders, in order of the leaf."""
        with self._lock:
            found = [
                (leaf, order) for (of, order), leaves in self._tombstones.items() if of == source for leaf in leaves
            ]
            return sorted(one for one in found if one[0] > after)[:limit]

    def topics_salts(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Salts of the topics' commitments by record key."""
        with self._lock:
            return {key: self._topics_salts[key] for key in keys if key in self._topics_salts}

    def _gone(self, source: ParticipantId) -> set[LeafHash]:
        return {leaf for (of, _), leaves in self._tombstones.items() if of == source for leaf in leaves}

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
        """Erase the shares of all versions of a subject's record, their keys first, leave tombstones, and log."""
        order = order_id(record, subject)
        with self._lock:
            versions = [kept for kept in self.versions_of(source, record) if kept.leaf.subject == subject]
            forget([(kept.leaf_hash, self._shares[kept.key]) for kept in versions if kept.key in self._shares])
            buried = self._tombstones.setdefault((source, order), set())
            for kept in versions:
                for of_record in (self._records, self._fingerprints, self._topics_salts, self._notes, self._shares):
                    of_record.pop(kept.key, None)
                buried.add(kept.leaf_hash)
            total = len(buried)
            if versions:
                self.append(content(total), now)
            return total

    def erased(self, leaves: Sequence[LeafHash]) -> set[LeafHash]:
        """Which leaves have a tombstone."""
        with self._lock:
            return {leaf for gone in self._tombstones.values() for leaf in gone}.intersection(leaves)

    def kept_in(self, source: ParticipantId, root: Root) -> list[KeptRecord] | None:
        """Record versions of a batch that are not erased; None if the batch was never deposited."""
        with self._lock:
            batch = self._batches.get((source, root))
            return None if batch is None else [self._records[key] for key in batch.records if key in self._records]

    def fingerprints(self, keys: Iterable[int]) -> dict[int, bytes]:
        """By record key what its shares must have as fingerprint."""
        with self._lock:
            return {key: self._fingerprints[key] for key in keys if key in self._fingerprints}

    def tombstones(self, source: ParticipantId) -> int:
        """How many record versions of a source were erased."""
        with self._lock:
            return sum(len(leaves) for (of, _), leaves in self._tombstones.items() if of == source)

    def versions_of(self, source: ParticipantId, record: RecordId) -> list[KeptRecord]:
        """Versions of a record that are not erased."""
        kept = [k for k in self._all() if k.source == source and k.leaf.record_id == record]
        return sorted(kept, key=lambda k: (k.leaf.version, k.key))

    def swept_block(self) -> int:
        """Last block whose events were read for destruction orders; -1 before the first."""
        with self._lock:
            return self._swept

    def note_orders(self, orders: Iterable[Order], swept_block: int) -> None:
        """Remember orders until they are carried out, and how far events were read."""
        with self._lock:
            for item in orders:
                order = order_id(item.record_id, item.subject)
                self._orders.pop((item.source, order), None)
                self._orders[item.source, order] = item
            self._swept = swept_block

    def orders(self) -> list[Order]:
        """Orders not carried out yet."""
        with self._lock:
            return list(self._orders.values())

    def drop_order(self, source: ParticipantId, record: RecordId, subject: SubjectRef) -> None:
        """Forget an order that is carried out."""
        with self._lock:
            self._orders.pop((source, order_id(record, subject)), None)

    def periods_in_use(self) -> set[str]:
        """Periods whose key still wraps a share."""
        with self._lock:
            return {share.period for share in self._shares.values()}

    def wrapped_in(self, period: str) -> Iterator[WrappedShare]:
        """All wrapped shares of a period."""
        with self._lock:
            return iter([share for share in self._shares.values() if share.period == period])

    # the custodian's own log

    def append(self, content: dict[str, Any], now: int) -> LogEntry:
        """Append to the log."""
        with self._lock:
            last = self._log[-1] if self._log else None
            at = now if last is None else max(now, last.at)
            copy = parse(canonical(content))
            entry = log_entry(len(self._log) + 1, at, ZERO32 if last is None else last.digest, copy)
            self._log.append(entry)
            return entry

    def log(self, after: int, limit: int) -> list[LogEntry]:
        """Entries with an index above `after`."""
        with self._lock:
            return self._log[after : after + limit]

    def log_about(self, reference: str, kind: str) -> list[LogEntry]:
        """Entries of a kind whose content has this reference, oldest first."""
        with self._lock:
            return [e for e in self._log if e.content["kind"] == kind and e.content.get("reference", "") == reference]

    def log_of(self, kind: str, since: int) -> list[LogEntry]:
        """Entries of a kind written at or after a time (Unix seconds), oldest first."""
        with self._lock:
            return [entry for entry in self._log if entry.at >= since and entry.content["kind"] == kind]

    def log_between(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Index and digest of the entries with start <= at < end (Unix seconds)."""
        with self._lock:
            first = bisect_left(self._log, start, key=lambda e: e.at)
            last = bisect_left(self._log, end, key=lambda e: e.at)
            return [(e.index, e.digest) for e in self._log[first:last]]

    def first_log_time(self) -> int | None:
        """When the first entry was written."""
        with self._lock:
            return self._log[0].at if self._log else None

    def anchored_log_day(self) -> int | None:
        """Last civil day whose log root was anchored or was empty."""
        with self._lock:
            return None if self._log_day is None else self._log_day[0]

    def set_anchored_log_day(self, day: int, root: Root | None) -> None:
        """Remember that the log up to this day is anchored."""
        with self._lock:
            self._log_day = (day, root)

    def _all(self) -> list[KeptRecord]:
        with self._lock:
            return list(self._records.values())

    def _number(self) -> int:
        self._next += 1
        return self._next - 1
