"""What the registries say at one block, as frozen values. Every reader states the block it read at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from salus.core.access import AccessKind
from salus.core.ids import Address, ParticipantId, SubjectRef
from salus.core.policy import ConsentStatus, ParticipantStatus


@dataclass(frozen=True, slots=True)
class BlockStamp:
    """One block: number, hash (32 bytes) and Unix time."""

    number: int
    hash: bytes
    timestamp: int


class ParticipantKind(IntEnum):
    """Kind of institution."""

    HOSPITAL = 1
    CHECKUP_CENTRE = 2
    PRIMARY_CARE = 3
    RESEARCH_INSTITUTE = 4
    PUBLIC_HEALTH = 5
    INSURER = 6
    REGULATOR = 7
    CUSTODIAN = 8
    REGIONAL_CLOUD = 9


@dataclass(frozen=True, slots=True)
class ParticipantState:
    """An institution; `status` NONE when the id is unknown."""

    status: ParticipantStatus
    kind: int
    roles: int
    accredited_until: int
    hourly_quota: int
    encryption_key: bytes


@dataclass(frozen=True, slots=True)
class SubjectState:
    """A subject; `source` and `controller` are zero while it is not bound."""

    source: ParticipantId
    controller: Address
    guardian: Address
    nonce: int
    epoch: int
    retention_years: int
    frozen: bool
    hold: bool
    survivor: SubjectRef


@dataclass(frozen=True, slots=True)
class ConsentState:
    """A consent slot and its holder's present epoch."""

    status: ConsentStatus
    uses_left: int
    epoch: int
    granted_at: int
    holder_epoch: int


@dataclass(frozen=True, slots=True)
class AccessState:
    """An access slot; `code` 0 when there is no entry."""

    code: int
    expires_at: int
    kind: AccessKind | None
    frozen: bool
    reviewed: bool
    recorded_at: int


@dataclass(frozen=True, slots=True)
class AnchorState:
    """An anchor slot; `anchored_at` 0 when there is none."""

    anchored_at: int
    count: int
    custodian_set: int
    tag: int


class RecordStatus(IntEnum):
    """What a source has said about a leaf or a record since it was anchored."""

    VALID = 0
    INVALID = 1
    ORDERED = 2
    DESTROYED = 3


@dataclass(frozen=True, slots=True)
class RecordState:
    """State of a leaf or recordId under its source."""

    status: RecordStatus
    reason: int
    ordered_at: int
    erasable_from: int
    custodian_set: int
    attestations: int


@dataclass(frozen=True, slots=True)
class CustodianSet:
    """Members in order of share index, and how many of them join a key."""

    members: tuple[ParticipantId, ...]
    threshold: int


class Denial(IntEnum):
    """A subject's word about one institution."""

    NONE = 0
    OVERRIDABLE = 1
    ABSOLUTE = 2


@dataclass(frozen=True, slots=True)
class Tenure:
    """A contract's time in a role of the directory, in blocks; `until_block` 0 while it lasts."""

    account: Address
    from_block: int
    until_block: int


class ProposalStatus(IntEnum):
    """Where a proposal of the Council stands."""

    UNKNOWN = 0
    OPEN = 1
    EXECUTED = 2
    CANCELLED = 3


@dataclass(frozen=True, slots=True)
class ProposalState:
    """A proposal: status, approvals by present members, and when the threshold was reached (0: not yet)."""

    status: ProposalStatus
    proposer: Address
    approvals: int
    reached_at: int
