"""Rows of the index: the read model that `watch` folds from the chain's events.

Every row carries `seq`, its place in the chain: block number times 2^20 plus the event's index in the block. A
`Version` is one state of something that changes; the next version of the same `KEY` closes it by setting `until`.
Dropping all rows from a block on and reopening what they closed restores the index as it was before that block.
Times are Unix seconds of the block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from salus.core.ids import ZERO32, ZERO_ADDRESS, Address

_SEQ_BITS = 20
ZERO_HEAD = bytes(26)


def seq_of(block: int, log_index: int = 0) -> int:
    """Place of an event in the chain; `seq_of(block)` is the first place of a block."""
    return block << _SEQ_BITS | log_index


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact, never changed."""

    KEY: ClassVar[tuple[str, ...]] = ()
    seq: int

    @property
    def block(self) -> int:
        """Number of the block it happened in."""
        return self.seq >> _SEQ_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(Row):
    """One state of what `KEY` names; `until` is the seq of the next one, None for the present."""

    until: int | None = None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow(Row):
    """A block the index has seen: one with events, or the last of a range."""

    number: int
    hash: bytes
    timestamp: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow(Row):
    """One AuditLog entry, with both heads as recomputed after it (26 bytes each).

    `position` and `key_position` count from 1 in the global chain and in the chain of `key`. `participant` is the
    institution the entry is about, None when the chain does not say.
    """

    position: int
    key: bytes
    key_position: int
    kind: int
    code: int
    reference: bytes
    emitter: Address
    at: int
    participant: bytes | None
    head: bytes
    key_head: bytes
    tx: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow(Row):
    """One request and its outcome. `key` is the chain key: holder left-padded, or subjectRef. `expiry` 0: denied."""

    access: bytes
    participant: bytes
    operator: Address
    kind: int
    reference: bytes
    key: bytes
    purpose: int
    categories: int
    actions: int
    level: int
    confidentiality: int
    form: int
    from_day: int
    to_day: int
    role: int
    record_count: int
    records_root: bytes
    user_digest: bytes
    code: int
    expiry: int
    at: int
    tx: bytes


class MarkKind:
    """What happened to an access after its entry."""

    EMERGENCY: ClassVar[int] = 1
    REVIEWED: ClassVar[int] = 2
    FROZEN: ClassVar[int] = 3
    UNFROZEN: ClassVar[int] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow(Row):
    """Something that happened to an access: `mark` is a MarkKind, `value` the verdict or the review's deadline."""

    access: bytes
    mark: int
    participant: bytes
    operator: Address
    value: int = 0
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow(Version):
    """A consent; `status` is a ConsentStatus, 0 in any time field means it has not happened.

    `voided_at` is set when the holder revoked everything of its epoch.
    """

    KEY: ClassVar[tuple[str, ...]] = ("holder", "consent")
    holder: Address
    consent: bytes
    status: int = 0
    epoch: int = 0
    max_uses: int = 0
    granted_at: int = 0
    revoked_at: int = 0
    voided_at: int = 0
    replaces: bytes = ZERO32
    replaced_by: bytes = ZERO32


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRow(Version):
    """A holder that revoked everything: its present epoch."""

    KEY: ClassVar[tuple[str, ...]] = ("holder",)
    holder: Address
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow(Version):
    """A subject. `pending_until` 0: no change of controller or guardian is waiting."""

    KEY: ClassVar[tuple[str, ...]] = ("subject",)
    subject: bytes
    source: bytes = ZERO32
    controller: Address = ZERO_ADDRESS
    guardian: Address = ZERO_ADDRESS
    epoch: int = 0
    frozen: bool = False
    held: bool = False
    retention_years: int = 0
    survivor: bytes = ZERO32
    bound_at: int = 0
    pending_account: Address = ZERO_ADDRESS
    pending_guardian: bool = False
    pending_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialRow(Version):
    """A subject's word about one institution: 0 none, 1 overridable, 2 absolute."""

    KEY: ClassVar[tuple[str, ...]] = ("subject", "participant")
    subject: bytes
    participant: bytes
    denial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantRow(Version):
    """An institution. `since` is the time of its first admission, 0 before."""

    KEY: ClassVar[tuple[str, ...]] = ("participant",)
    participant: bytes
    kind: int = 0
    roles: int = 0
    status: int = 0
    principal: Address = ZERO_ADDRESS
    accreditation: bytes = ZERO32
    accredited_until: int = 0
    hourly_quota: int = 0
    encryption_key: bytes = ZERO32
    validator: Address = ZERO_ADDRESS
    applied_at: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow(Version):
    """An account that acts, or acted, for an institution."""

    KEY: ClassVar[tuple[str, ...]] = ("operator",)
    operator: Address
    participant: bytes = ZERO32
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianSetRow(Row):
    """A custodian set; `members` are their 32-byte ids joined in order of share index."""

    number: int
    threshold: int
    members: bytes
    at: int

    def member_ids(self) -> tuple[bytes, ...]:
        """Members in order of share index."""
        return tuple(self.members[i : i + 32] for i in range(0, len(self.members), 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRow(Row):
    """An anchored root; `tag` 1 batch, 2 custodian log. `participant` is the source or the custodian."""

    participant: bytes
    root: bytes
    count: int
    custodian_set: int
    tag: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow(Version):
    """What a source said of a leaf, or ordered for a subject's record, since it was anchored; `status` is a
    RecordStatus."""

    KEY: ClassVar[tuple[str, ...]] = ("source", "record", "subject")
    source: bytes
    record: bytes
    subject: bytes
    status: int = 0
    reason: int = 0
    custodian_set: int = 0
    invalidated_at: int = 0
    ordered_at: int = 0
    erasable_from: int = 0
    attestations: int = 0
    destroyed_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationRow(Row):
    """One custodian's word that it erased `erased` shares of a record."""

    source: bytes
    record: bytes
    subject: bytes
    custodian: bytes
    erased: int
    at: int


class ProposalStatus:
    """Life of a Council proposal."""

    OPEN: ClassVar[int] = 1
    EXECUTED: ClassVar[int] = 2
    CANCELLED: ClassVar[int] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRow(Version):
    """A Council proposal; `reached_at` is when its approvals reached the threshold, 0 before."""

    KEY: ClassVar[tuple[str, ...]] = ("proposal",)
    proposal: bytes
    proposer: Address = ZERO_ADDRESS
    status: int = 0
    calls: int = 0
    approvals: int = 0
    proposed_at: int = 0
    reached_at: int = 0
    closed_at: int = 0
    executor: Address = ZERO_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedCallRow(Row):
    """One call of a proposal."""

    proposal: bytes
    position: int
    target: Address
    call_data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRow(Row):
    """One vote: for a proposal, or for its cancellation."""

    proposal: bytes
    member: Address
    cancels: bool
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow(Version):
    """A Council member."""

    KEY: ClassVar[tuple[str, ...]] = ("member",)
    member: Address
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow(Version):
    """A number the Council sets: `threshold` of votes or `delaySeconds`."""

    KEY: ClassVar[tuple[str, ...]] = ("name",)
    name: str
    value: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenureRow(Row):
    """A contract that took a directory role from this block on."""

    role: bytes
    account: Address
    previous: Address
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterRow(Version):
    """A contract that may, or might once, append to the AuditLog."""

    KEY: ClassVar[tuple[str, ...]] = ("writer",)
    writer: Address
    admitted: bool = False


ROWS: tuple[type[Row], ...] = (
    BlockRow,
    EntryRow,
    AccessRow,
    MarkRow,
    ConsentRow,
    HolderRow,
    SubjectRow,
    DenialRow,
    ParticipantRow,
    OperatorRow,
    CustodianSetRow,
    AnchorRow,
    RecordRow,
    AttestationRow,
    ProposalRow,
    ProposedCallRow,
    VoteRow,
    MemberRow,
    RuleRow,
    TenureRow,
    WriterRow,
)
"""Every kind of row of the index, in the order its digest is taken."""


def digest_rows(rows: Iterable[Row]) -> bytes:
    """SHA-256 of rows in the order given (tables in order of `ROWS`, rows by seq, then key), without empty blocks."""
    whole = hashlib.sha256()
    for row in rows:
        if isinstance(row, BlockRow) and row.events == 0:
            continue
        whole.update(type(row).__name__.encode() + b"|")
        for field in fields(row):
            value = getattr(row, field.name)
            shown = value.hex() if isinstance(value, bytes) else str(int(value) if isinstance(value, bool) else value)
            whole.update(f"{field.name}={shown}|".encode())
        whole.update(b"\n")
    return whole.digest()
