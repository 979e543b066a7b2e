"""Ports of the custodian: its node, its store, and other custodians."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from salus.core.custody import BatchRef, DepositBatch, KeptRecord, LogEntry, Order, RestoredBatch, WrappedShare
from salus.core.ids import LeafHash, ParticipantId, RecordId, Root, SubjectRef
from salus.core.ports import ChainReader
from salus.core.state import BlockStamp


class Node(ChainReader, Protocol):
    """The custodian's own node: a chain reader that can fetch many reads in one exchange."""

    def prefetch(self, reads: Sequence[tuple[str, tuple[Any, ...]]], at: BlockStamp) -> None:
        """Fetch what several methods need at a block; they then answer from memory.

        `reads` are method names of the reader with their arguments, without the block.
        """
        ...


class Helpers(Protocol):
    """Other custodians over their wire, as one that lost shares asks them; `call` is a signed call in JSON form."""

    def repair(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask for help.

        Raises:
            RefusedError, NotFoundError, ConflictError, InputError: what it said.
            UnavailableError: it does not answer, or helps with no more for now.
        """
        ...


class CustodianStore(Protocol):
    """What a custodian keeps. Every method that writes has committed durably when it returns."""

    # calls and blocks

    def admit(self, nonce: bytes, now: int) -> None:
        """Remember a call's nonce, at least until it is too old to be accepted again.

        Raises:
            ConflictError: it was seen before.
        """
        ...

    def seen_block(self) -> tuple[int, bytes] | None:
        """Highest final block ever seen: number and hash."""
        ...

    def see_block(self, number: int, block_hash: bytes) -> None:
        """Remember a final block if it is higher than the one remembered."""
        ...

    def accept_chain(self, number: int, block_hash: bytes, now: int, content: dict[str, Any]) -> None:
        """Remember this final block though it may be lower, and log why: an operator's decision.

        What was read from other blocks is forgotten, for they may be gone: which batches are anchored, how far
        destruction orders were followed, which days of the log are anchored. It is read again.
        """
        ...

    # records

    def deposit(self, batch: DepositBatch, content: dict[str, Any]) -> None:
        """Store a batch and a log entry in one transaction. The same batch again changes nothing.

        A version whose shares were erased stays erased.

        Raises:
            ConflictError: a leaf, or the batch, is stored with other content.
        """
        ...

    def find(self, leaves: Sequence[LeafHash]) -> dict[LeafHash, list[KeptRecord]]:
        """Record versions by leaf; more than one if several sources deposited the same leaf."""
        ...

    def of_subject(self, subject: SubjectRef) -> list[KeptRecord]:
        """All record versions of a subject that are not erased, in order of deposit."""
        ...

    def newest(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """Newest anchored version of each record that has one."""
        ...

    def unanchored_of(self, source: ParticipantId, records: Iterable[RecordId]) -> list[KeptRecord]:
        """Versions of these records that are not known to be anchored."""
        ...

    def batches_of(self, keys: Iterable[int]) -> dict[int, list[BatchRef]]:
        """Batches, not known to be anchored, that hold the records with these keys."""
        ...

    def open_batches(self, since: int, limit: int) -> list[BatchRef]:
        """Batches deposited since a time (Unix seconds) that are not known to be anchored, oldest first."""
        ...

    def kept_in(self, source: ParticipantId, root: Root) -> list[KeptRecord] | None:
        """Record versions of a batch that are not erased, in any order; None if the batch was never deposited."""
        ...

    def mark_anchored(self, batches: Mapping[int, int]) -> None:
        """Remember that batches are anchored at a final block, and when by the chain (Unix seconds by key)."""
        ...

    def newest_anchored(self, source: ParticipantId, records: Iterable[RecordId]) -> dict[RecordId, int]:
        """When the newest anchored version of each record that has one was anchored first, by the chain."""
        ...

    def fingerprints(self, keys: Iterable[int]) -> dict[int, bytes]:
        """By record key what its shares must have as fingerprint, as they were deposited."""
        ...

    def shares(self, keys: Iterable[int]) -> dict[int, WrappedShare]:
        """Wrapped shares by record key; erased ones are missing."""
        ...

    # recall

    def deposited_batch(self, source: ParticipantId, root: Root) -> BatchRef | None:
        """A batch as deposited; None if it never was."""
        ...

    def notes(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Sources' notes by record key; those of records without one are missing."""
        ...

    # repair

    def restore(self, batch: RestoredBatch, content: dict[str, Any], now: int) -> None:
        """Put record versions of an anchored batch back, and log, in one transaction.

        One that is kept has its share replaced, and gets the note if it has none; one with a tombstone stays away.

        Raises:
            ConflictError: a version is stored with another share, or the batch with other content.
        """
        ...

    def leave_tombstones(self, source: ParticipantId, gone: Mapping[LeafHash, bytes], now: int) -> None:
        """Mark leaves that are not kept as erased; by leaf the id of the order that named them."""
        ...

    def tombstones_after(self, source: ParticipantId, after: bytes, limit: int) -> list[tuple[LeafHash, bytes]]:
        """Leaves of a source with a tombstone, and the ids of their orders, in order of the leaf."""
        ...

    def topics_salts(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Salts of the topics' commitments by record key."""
        ...

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
        """Erase the shares of all versions of a record that name a subject, leave tombstones, and log, in one
        transaction; from then on none of a version that is deposited later is kept.

        `forget` destroys the keys of the shares before their rows go, and no deposit comes between. Returns how many
        versions of the record are erased, now and before. Nothing left to erase logs nothing.
        """
        ...

    def tombstones(self, source: ParticipantId) -> int:
        """How many record versions of a source were erased."""
        ...

    def erased(self, leaves: Sequence[LeafHash]) -> set[LeafHash]:
        """Which leaves have a tombstone."""
        ...

    def versions_of(self, source: ParticipantId, record: RecordId) -> list[KeptRecord]:
        """Versions of a record that are not erased."""
        ...

    def swept_block(self) -> int:
        """Last block whose events were read for destruction orders; -1 before the first."""
        ...

    def note_orders(self, orders: Iterable[Order], swept_block: int) -> None:
        """Remember orders until they are carried out, and how far events were read."""
        ...

    def orders(self) -> list[Order]:
        """Orders not carried out yet."""
        ...

    def drop_order(self, source: ParticipantId, record: RecordId, subject: SubjectRef) -> None:
        """Forget an order that is carried out."""
        ...

    def periods_in_use(self) -> set[str]:
        """Periods whose key still wraps a share."""
        ...

    def wrapped_in(self, period: str) -> Iterator[WrappedShare]:
        """All wrapped shares of a period."""
        ...

    # the custodian's own log

    def append(self, content: dict[str, Any], now: int) -> LogEntry:
        """Append to the log. `content["reference"]`, if there, can be searched for."""
        ...

    def log(self, after: int, limit: int) -> list[LogEntry]:
        """Entries with an index above `after`."""
        ...

    def log_about(self, reference: str, kind: str) -> list[LogEntry]:
        """Entries of a kind whose content has this reference, oldest first."""
        ...

    def log_of(self, kind: str, since: int) -> list[LogEntry]:
        """Entries of a kind written at or after a time (Unix seconds), oldest first."""
        ...

    def log_between(self, start: int, end: int) -> list[tuple[int, bytes]]:
        """Index and digest of the entries with start <= at < end (Unix seconds)."""
        ...

    def first_log_time(self) -> int | None:
        """When the first entry was written."""
        ...

    def anchored_log_day(self) -> int | None:
        """Last civil day (Asia/Shanghai) whose log root was anchored or was empty."""
        ...

    def set_anchored_log_day(self, day: int, root: Root | None) -> None:
        """Remember that the log up to this day is anchored."""
        ...

    def close(self) -> None:
        """Let go of what the store holds open."""
        ...
