"""Ports of the oracle: its stores, and messages as the journal sees them. Writers have committed durably on return."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from salus.core.abandon import GivenUp, Part
from salus.core.ids import Address, LeafHash, RecordId, Root, SubjectRef
from salus.core.journal import (
    Anchored,
    AnchoredBatch,
    Appended,
    Backlog,
    Batch,
    BatchItem,
    BatchState,
    DeskCode,
    DoneInvalidation,
    Invalidation,
    JournalRow,
    KnownSubject,
    LinkSignature,
    OpenLink,
    RecordState,
    SealedMessage,
    Sender,
    StoredMessage,
    WaitingVersion,
    Work,
)
from salus.core.leaf import Leaf
from salus.core.numbering import OpenGap
from salus.core.operations import AuditRow, Elsewhere, MessageStatus, Order, Selection
from salus.core.remembered import Adopted, RememberedBatch
from salus.core.retention import Agreement, KeptCopy, OpenOrder
from salus.core.state import BlockStamp


class Objection(Protocol):
    """What was found wrong with a message (an `HL7Error`)."""

    @property
    def condition(self) -> int:
        """HL7 table 0357."""
        ...

    @property
    def location(self) -> object:
        """Place in the message; its text is like "PID-3"."""
        ...


class Incoming(Protocol):
    """One judged message (`oracle.intake.receive.Received`)."""

    @property
    def raw(self) -> bytes: ...

    @property
    def message_key(self) -> tuple[str, str, str]:
        """MSH-3, MSH-4 and MSH-10 as sent."""
        ...

    @property
    def sha256(self) -> bytes: ...

    @property
    def content_hash(self) -> bytes: ...

    @property
    def message_type(self) -> str: ...

    @property
    def sequence_number(self) -> int | None:
        """MSH-13, the sender's own count of its messages."""
        ...

    @property
    def charset_mismatch(self) -> bool: ...

    @property
    def error(self) -> Objection | None: ...

    @property
    def owed(self) -> bytes:
        """What an application acknowledgment will need; empty when none is owed."""
        ...

    @property
    def transport(self) -> str:
        """The way that acknowledgment goes back."""
        ...


class Origin(Protocol):
    """Where a message came in (`oracle.intake.ports.Peer`)."""

    @property
    def listener(self) -> str: ...


class MessageStore(Protocol):
    """Messages as received, and what has become of them."""

    def append(self, rows: Sequence[JournalRow], forget: Callable[[Sequence[bytes]], None]) -> list[Appended]: ...

    def pending(self, limit: int, after: int = 0) -> list[SealedMessage]: ...

    def sealed(self, key: int) -> SealedMessage: ...

    def message(self, key: int) -> StoredMessage: ...

    def quarantine(self, after: int = 0, limit: int = 100) -> list[StoredMessage]: ...

    def purge(
        self,
        forget: Callable[[Sequence[bytes]], None],
        received_before: int,
        limit: int = 1000,
        *,
        of: str | None = None,
        but: Collection[str] = (),
    ) -> int: ...

    def purge_destroyed(self, forget: Callable[[Sequence[bytes]], None], limit: int = 1000) -> int: ...


class OperationStore(Protocol):
    """What operators ask and do; each deed and its row in their log are one."""

    def senders(self, listener: str = "") -> list[Sender]: ...

    def statuses(self, message_hashes: Iterable[bytes]) -> list[MessageStatus]: ...

    def status(self, key: int) -> MessageStatus: ...

    def note(self, key: int, order: Order) -> None: ...

    def release(self, selection: Selection, order: Order, limit: int) -> list[int]: ...

    def discard(self, selection: Selection, order: Order, limit: int) -> list[int]: ...

    def reprocess(self, selection: Selection, order: Order, limit: int) -> list[int]: ...

    def reseal(self, keys: Sequence[int], order: Order) -> list[int]: ...

    def chain_id(self) -> int: ...

    def audit(self, after: int = 0, limit: int = 1000) -> list[AuditRow]: ...

    def audit_head(self) -> tuple[int, bytes]: ...


class ResealStore(Protocol):
    """Records of another custodian set, and the messages they could be made again from."""

    def of_set(self, custodian_set: int, after: int, limit: int) -> list[Elsewhere]: ...

    def are_pending(self, keys: Sequence[int]) -> int: ...


class AbandonStore(Protocol):
    """Versions that are under way in a custodian set that has lost a member for good."""

    def parts(self, custodian_set: int) -> list[Part]: ...

    def give_up(
        self,
        custodian_set: int,
        records: Sequence[int],
        identity: Collection[str],
        order: Order,
        forget: Callable[[Sequence[bytes]], None],
    ) -> GivenUp: ...


class RecordStore(Protocol):
    """Subjects, heads of records, and versions."""

    def subjects(self, name_hashes: Iterable[bytes]) -> dict[bytes, KnownSubject]: ...

    def heads(self, record_ids: Iterable[RecordId]) -> dict[RecordId, RecordState]: ...

    def histories(self, groups: Iterable[RecordId]) -> dict[RecordId, list[int]]: ...

    def named(self, aliases: Iterable[bytes]) -> list[RecordId]: ...

    def survivor(self, ref: SubjectRef) -> SubjectRef: ...

    def groups_of(self, refs: Iterable[SubjectRef]) -> list[RecordId]: ...

    def commit(self, work: Work) -> None: ...

    def versions(self, record_id: RecordId) -> list[Leaf]: ...

    def is_under_way(self, record_id: RecordId) -> bool: ...

    def is_ordered(self, record_id: RecordId) -> bool: ...

    def erase(
        self, record_id: RecordId, at: int, forget: Callable[[Sequence[bytes], Sequence[bytes]], None]
    ) -> None: ...


class Links(Protocol):
    """Subjects that are one patient."""

    def open(self, page: int) -> Iterable[OpenLink]: ...

    def done(self, key: int, tx_hash: bytes, at: int) -> None: ...

    def sign(self, signature: LinkSignature) -> None: ...

    def signatures(self, key: int) -> list[LinkSignature]: ...


class Outbox(Protocol):
    """Versions on their way to custodians and chain."""

    def are_waiting(self, number: int) -> bool: ...

    def waiting(self, limit: int, but: Collection[int] = ()) -> list[WaitingVersion]: ...

    def form(self, root: Root, custodian_set: int, versions: Sequence[WaitingVersion], at: int) -> None: ...

    def batches(self, state: BatchState, limit: int) -> list[Batch]: ...

    def items(self, key: int) -> list[BatchItem]: ...

    def anchored_with(self, leaf: LeafHash) -> AnchoredBatch: ...

    def secrets(self, key: int) -> list[bytes]: ...

    def acknowledge(self, key: int, acknowledged: int, *, complete: bool) -> None: ...

    def anchored(self, key: int, anchored: Anchored, seen: BlockStamp) -> None: ...

    def invalidations(self, limit: int) -> list[Invalidation]: ...

    def invalidated(self, key: int, tx_hash: bytes, at: int, seen: BlockStamp) -> None: ...

    def seen(self) -> tuple[int, bytes] | None: ...

    def done_batches(self, offset: int, limit: int) -> list[Batch]: ...

    def done_invalidations(self, offset: int, limit: int) -> list[DoneInvalidation]: ...

    def reopen(self, batches: Sequence[int], invalidations: Sequence[int], seen: BlockStamp) -> None: ...


class Recollection(Protocol):
    """Takes into the database what it had forgotten."""

    def adopt(
        self,
        batch: RememberedBatch,
        forget: Callable[[Sequence[bytes]], None],
        survivors: Iterable[tuple[SubjectRef, SubjectRef | None]] = (),
    ) -> Adopted: ...


class RetentionStore(Protocol):
    """How long records are kept, agreements to their end, and destruction orders."""

    def kept(
        self, anchored_before: int, after: int, limit: int, subject: SubjectRef | None = None
    ) -> list[KeptCopy]: ...

    def agree(self, agreement: Agreement) -> None: ...

    def agreements(self) -> list[Agreement]: ...

    def drop(self, record_id: RecordId, subject: SubjectRef) -> None: ...

    def followed(self) -> tuple[int, bytes] | None: ...

    def note(self, orders: Iterable[OpenOrder], block: int, block_hash: bytes) -> None: ...

    def forget_orders(self) -> None: ...

    def open_orders(self) -> list[OpenOrder]: ...

    def carried_out(self, record_id: RecordId, subject: SubjectRef, at: int, absent: int) -> None: ...


class Numbers(Protocol):
    """Senders' numbers."""

    def gaps(self, noticed_before: int) -> list[OpenGap]: ...


class DeskCodes(Protocol):
    """One-time codes of the registration desk."""

    def issue(self, name_hash: bytes, code_hash: bytes, at: int, expires_at: int) -> None: ...

    def find(self, code_hash: bytes) -> DeskCode: ...

    def use(self, key: int, controller: Address, at: int) -> None: ...


class Underway(Protocol):
    """How much is under way."""

    def backlog(self) -> Backlog: ...
