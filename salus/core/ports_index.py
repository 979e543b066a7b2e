"""Ports of the index: what services read from it, and what `watch` writes.

All look-ups with a page are in chain order, oldest first unless asked otherwise; `next` of one page is `after` of the
following. Filters are joined by *and*; None does not filter. Times are Unix seconds, `since` included, `until` not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from salus.core.audit import LogHead
from salus.core.errors import InputError
from salus.core.ids import Address, ConsentId, ParticipantId, SubjectRef
from salus.core.index_rows import (
    AccessRow,
    AnchorRow,
    AttestationRow,
    BlockRow,
    ConsentRow,
    CustodianSetRow,
    DenialRow,
    EntryRow,
    MarkRow,
    MemberRow,
    OperatorRow,
    ParticipantRow,
    ProposalRow,
    ProposedCallRow,
    RecordRow,
    Row,
    RuleRow,
    SubjectRow,
    TenureRow,
    Version,
    VoteRow,
    WriterRow,
)
from salus.core.state import BlockStamp

T_co = TypeVar("T_co", covariant=True)
V = TypeVar("V", bound=Version)
MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most `limit` (1 to 1,000) items beyond the cursor `after`."""

    after: int | None = None
    limit: int = 100
    newest_first: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise InputError(f"a page holds 1 to {MAX_PAGE} items")
        if self.after is not None and not 0 <= self.after < 1 << 63:
            raise InputError("a cursor is the `next` of an earlier page")


@dataclass(frozen=True, slots=True)
class Paged(Generic[T_co]):
    """One page and the cursor of the following one, None at the end."""

    items: tuple[T_co, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which log entries. `keys` are chain keys (32 bytes each, any of them); an empty tuple finds nothing."""

    keys: tuple[bytes, ...] | None = None
    participant: ParticipantId | None = None
    kind: int | None = None
    code: int | None = None
    reference: bytes | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Which accesses. `keys` are chain keys; `reference` is a consentId, or the subjectRef of an access without one."""

    keys: tuple[bytes, ...] | None = None
    participant: ParticipantId | None = None
    purpose: int | None = None
    code: int | None = None
    reference: bytes | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which record states."""

    source: ParticipantId | None = None
    record: bytes | None = None
    subject: SubjectRef | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class AccessCount:
    """How many accesses one participant made for one purpose with one outcome; `participant` is zero for patients."""

    participant: ParticipantId
    purpose: int
    code: int
    count: int


class AlertKind(StrEnum):
    """What the watch raises."""

    CHAIN_CHANGED = "chain-changed"
    CHAIN_SHORTENED = "chain-shortened"
    HEAD_MISMATCH = "head-mismatch"
    ENTRY_GAP = "entry-gap"
    ENTRY_UNEXPLAINED = "entry-unexplained"
    UNKNOWN_WRITER = "unknown-writer"
    UNKNOWN_EVENT = "unknown-event"
    EMERGENCY_OPENED = "emergency-opened"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must look at.

    `reference` is the chain key, access or account concerned (empty: the chain itself), `block` where it was seen,
    `at` Unix seconds of that block, `detail` one sentence of numbers and names of things, never of people.
    `resolved_at` is set when the cause was seen to be gone.
    """

    kind: AlertKind
    reference: bytes
    block: int
    at: int
    detail: str
    resolved_at: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class IndexDigest:
    """SHA-256 over every table of chain facts, and the last block they reach. Equal chains give equal digests."""

    block: int
    digest: bytes


class IndexReader(Protocol):
    """The read model of the chain: final blocks only. Identifiers of other deployments are simply not found."""

    def indexed(self) -> BlockStamp | None:
        """Last block the index has, None while it is empty."""
        ...

    def entries(self, which: EntryFilter, page: Page) -> Paged[EntryRow]:
        """Log entries."""
        ...

    def head(self, key: bytes | None) -> LogHead:
        """Head of a chain of the AuditLog as recomputed from events (None: the global chain)."""
        ...

    def accesses(self, which: AccessFilter, page: Page) -> Paged[AccessRow]:
        """Accesses, granted and denied."""
        ...

    def access(self, access: bytes) -> AccessRow | None:
        """One access by its id."""
        ...

    def marks(self, access: bytes) -> tuple[MarkRow, ...]:
        """What happened to an access after its entry: emergency, review, freeze, unfreeze."""
        ...

    def counts(
        self, since: int | None = None, until: int | None = None, participant: ParticipantId | None = None
    ) -> tuple[AccessCount, ...]:
        """Accesses by participant, purpose and code; times are widened to whole days in Asia/Shanghai."""
        ...

    def consents(self, holder: Address) -> tuple[ConsentRow, ...]:
        """Present state of all consents of a holder, in order of their last change."""
        ...

    def consent(self, holder: Address, consent: ConsentId) -> ConsentRow | None:
        """Present state of one consent."""
        ...

    def subject(self, subject: SubjectRef) -> SubjectRow | None:
        """Present state of a subject, None if no event names it."""
        ...

    def subjects_of(self, account: Address) -> tuple[SubjectRow, ...]:
        """Subjects whose controller or guardian is this account."""
        ...

    def denials(self, subject: SubjectRef) -> tuple[DenialRow, ...]:
        """Present denials of a subject, without those taken back."""
        ...

    def participants(self) -> tuple[ParticipantRow, ...]:
        """All institutions that ever applied, in order of their last change."""
        ...

    def participant(self, participant: ParticipantId) -> ParticipantRow | None:
        """Present state of an institution."""
        ...

    def operators(self, participant: ParticipantId) -> tuple[OperatorRow, ...]:
        """Accounts that act, or acted, for an institution."""
        ...

    def custodian_sets(self) -> tuple[CustodianSetRow, ...]:
        """All custodian sets, by number."""
        ...

    def anchors(self, participant: ParticipantId | None, page: Page) -> Paged[AnchorRow]:
        """Anchored roots, of one source or custodian or of all."""
        ...

    def anchor(self, participant: ParticipantId, root: bytes) -> AnchorRow | None:
        """One anchored root."""
        ...

    def record(self, source: ParticipantId, record_or_leaf: bytes, subject: SubjectRef) -> RecordRow | None:
        """What was said of a subject's leaf or record, None if nothing: then it is valid if it is anchored."""
        ...

    def records(self, which: RecordFilter, page: Page) -> Paged[RecordRow]:
        """Leaves and records of which something was said."""
        ...

    def attestations(self, source: ParticipantId, record: bytes) -> tuple[AttestationRow, ...]:
        """Custodians' attestations that a record's shares are erased."""
        ...

    def proposals(self, page: Page) -> Paged[ProposalRow]:
        """Council proposals in order of their last change."""
        ...

    def proposal(self, proposal: bytes) -> ProposalRow | None:
        """One Council proposal."""
        ...

    def proposed_calls(self, proposal: bytes) -> tuple[ProposedCallRow, ...]:
        """Calls of a proposal, in order."""
        ...

    def votes(self, proposal: bytes) -> tuple[VoteRow, ...]:
        """Votes on a proposal, in order."""
        ...

    def council(self) -> tuple[tuple[MemberRow, ...], tuple[RuleRow, ...]]:
        """Members of the Council, past ones included, and the numbers it set."""
        ...

    def directory(self) -> tuple[TenureRow, ...]:
        """Contracts that ever took a directory role, oldest first."""
        ...

    def writers(self) -> tuple[WriterRow, ...]:
        """Contracts that may, or might once, append to the AuditLog."""
        ...

    def alerts(self, *, open_only: bool, page: Page) -> Paged[Alert]:
        """Alerts by their id."""
        ...


class IndexStore(IndexReader, Protocol):
    """The index as `watch` writes it. One writer; readers see each batch whole or not at all."""

    def latest(self, kind: type[V], key: Sequence[object]) -> V | None:
        """Present version of what `key` (values of `kind.KEY`, in order) names."""
        ...

    def seen_block(self, at_most: int) -> BlockRow | None:
        """Newest seen block whose number is at most this."""
        ...

    def write(self, first_block: int, rows: Iterable[Row]) -> None:
        """Replace everything from `first_block` on by these rows, in one transaction."""
        ...

    def raise_alert(self, alert: Alert) -> bool:
        """Keep an alert; False when one of the same kind and reference is still open."""
        ...

    def resolve(self, kind: AlertKind, reference: bytes, at: int) -> bool:
        """Close an open alert; False when there is none."""
        ...

    def digest(self) -> IndexDigest:
        """Digest of all chain facts; blocks without events don't count."""
        ...
