"""What an oracle keeps: received messages, subjects, record heads and versions, and batches on their way to the chain.

    message  PENDING ─► DONE                     its record versions are sealed and stored
                ├────► QUARANTINED               a person must look; can be driven again
                └────► FAILED                    a fault of this software; can be driven again
             DUPLICATE                           a resend under a new control id; never processed
             DISCARDED                           was in quarantine, and a person decided that nothing comes of it
    DONE ─► PENDING                              processed again, after a mapping or a table changed
    batch    OPEN ─► DEPOSITED ─► ANCHORED       all custodians acknowledged; root final on chain
             ABANDONED                           a member of its set is lost for good; what is in it is never anchored

Hashes here are keyed by the site key (32 bytes): nothing can be looked up without it. Sealed bytes are under it too.
Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from salus.core.ids import Address, LeafHash, RecordId, Root, SubjectRef
from salus.core.leaf import Leaf
from salus.core.numbering import Numbered
from salus.core.quality import Figure


class MessageState(IntEnum):
    """What has become of a message."""

    PENDING = 1
    DONE = 2
    DUPLICATE = 3
    QUARANTINED = 4
    FAILED = 5
    DISCARDED = 6


class MessageFlag(IntFlag):
    """What is odd about a message that was taken all the same.

    RECALLED: known from what custodians keep of its records; its bytes are taken when they come once more.
    """

    REUSED_CONTROL_ID = 1 << 0
    CHARSET_MISMATCH = 1 << 1
    REFUSED = 1 << 2
    REPROCESSED = 1 << 3
    RESEALED = 1 << 4
    RECALLED = 1 << 5


class Appended(IntEnum):
    """What storing a message came to. A replay stores nothing, a duplicate only the fact."""

    STORED = 1
    REPLAY = 2
    DUPLICATE = 3


class HeadStatus(IntEnum):
    """How the newest version of a record stands."""

    CURRENT = 1
    CORRECTED = 2
    ENTERED_IN_ERROR = 3
    DESTROYED = 4


class BatchState(IntEnum):
    """How far a batch has come."""

    OPEN = 1
    DEPOSITED = 2
    ANCHORED = 3
    ABANDONED = 4


class InvalidationReason(IntEnum):
    """Why a source declares a version invalid; the reason byte of RecordRegistry.invalidate."""

    ENTERED_IN_ERROR = 1
    OTHER_PATIENT = 2


class LinkKind(IntEnum):
    """What the chain is to learn about two subjects that are one patient, or are not after all."""

    LINK = 1
    UNLINK = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is in quarantine: HL7 table 0357 condition, and where in the message ("PID-3")."""

    code: int
    location: str


NO_FAULT = Fault(0, "")


@dataclass(frozen=True, slots=True)
class Sender:
    """MSH-3 and MSH-4 of messages of one source: their keyed hash, and both sealed."""

    listener: str
    name_hash: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One message on its way in. `kind` is its type and event ("ORU^R01"), `state` PENDING or QUARANTINED.

    `owed` is what an application acknowledgment will need, sealed, and `transport` its way back; empty for none.
    `numbered` is the number its sender counts it by, if that is looked after; `sender` is None when unknown.
    """

    listener: str
    message_hash: bytes
    raw_hash: bytes
    content_hash: bytes
    kind: str
    received_at: int
    state: MessageState
    flags: MessageFlag
    fault: Fault
    sealed: bytes
    owed: bytes = b""
    transport: str = ""
    numbered: Numbered | None = None
    sender: Sender | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message as kept, without its bytes. `key` is its place in the journal."""

    key: int
    listener: str
    kind: str
    received_at: int
    state: MessageState
    flags: MessageFlag
    fault: Fault
    attempts: int


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """The bytes of a kept message, sealed, with the hashes they are bound to. `again`: it was processed before.

    `reseal`: what stands by it is to be dealt to the present custodian set, and nothing else is to come of it.
    """

    key: int
    listener: str
    message_hash: bytes
    raw_hash: bytes
    sealed: bytes
    received_at: int = 0
    again: bool = False
    reseal: bool = False
    content_hash: bytes = bytes(32)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    """What processing made of a message."""

    key: int
    state: MessageState
    fault: Fault = NO_FAULT


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A subject by the keyed hash of the source's own key for it; the seed stays sealed.

    `survivor` is the subject it was merged into, as the source says.
    """

    name_hash: bytes
    subject: SubjectRef
    sealed_seed: bytes
    survivor: SubjectRef | None = None


@dataclass(frozen=True, slots=True)
class RecordState:
    """The newest version of a record. `said_at`: microseconds since 1970, when its source last said so."""

    record_id: RecordId
    subject: SubjectRef
    version: int
    leaf_hash: LeafHash
    content_hash: bytes
    status: HeadStatus
    said_at: int = 0


@dataclass(frozen=True, slots=True)
class NewVersion:
    """One sealed record version, not yet stored.

    `secret` is the sealed topics and shares for the custodians; it is erased once the version is anchored. A version
    that `withdraws` makes all earlier ones invalid, for that reason. `group` is the record id of the group it was split
    from, its own when it was not; `also` are keyed hashes of further names of that group. `note` is what custodians
    keep of it for the source alone.
    """

    message: int
    leaf_hash: LeafHash
    leaf: Leaf
    content_hash: bytes
    status: HeadStatus
    withdraws: InvalidationReason | None
    secret: bytes
    group: RecordId
    said_at: int = 0
    also: tuple[bytes, ...] = ()
    note: bytes = b""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A message said again what the newest version of a record of its group says."""

    message: int
    group: RecordId
    record_id: RecordId
    said_at: int


@dataclass(frozen=True, slots=True)
class NewLink:
    """Two subjects, by their keyed hashes, that are one patient, or are not after all."""

    kind: LinkKind
    subject: bytes
    survivor: bytes


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link or unlinking the chain doesn't show yet; in the order they must be done."""

    key: int
    kind: LinkKind
    subject: KnownSubject
    survivor: KnownSubject


@dataclass(frozen=True, slots=True)
class LinkSignature:
    """A controller's agreement to an open link: the subject it was given for, and the words it is of."""

    link: int
    subject: SubjectRef
    nonce: int
    deadline: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Work:
    """All that one run of the seal stage changes: stored in one transaction or not at all."""

    at: int
    outcomes: tuple[MessageOutcome, ...]
    subjects: tuple[KnownSubject, ...]
    versions: tuple[NewVersion, ...]
    confirmed: tuple[Confirmed, ...] = ()
    links: tuple[NewLink, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingVersion:
    """A version that is in no batch yet."""

    key: int
    leaf_hash: LeafHash
    custodian_set: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch; bit i of `acknowledged` is the custodian at position i of the set."""

    key: int
    root: Root
    custodian_set: int
    count: int
    acknowledged: int
    state: BatchState
    created_at: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One version of a batch, with what its custodians get still sealed."""

    leaf_hash: LeafHash
    leaf: Leaf
    secret: bytes
    note: bytes = b""


@dataclass(frozen=True, slots=True)
class AnchoredBatch:
    """An anchored batch by one of its leaves: its root, and the leaf hashes of all its versions."""

    root: Root
    leaves: tuple[LeafHash, ...]


@dataclass(frozen=True, slots=True)
class Anchored:
    """Where a batch was anchored; `tx_hash` is empty when another run of the oracle had sent it."""

    block: int
    tx_hash: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Invalidation:
    """A version to be declared invalid on chain, on the chain of its subject."""

    key: int
    leaf_hash: LeafHash
    subject: KnownSubject
    reason: InvalidationReason


@dataclass(frozen=True, slots=True)
class DoneInvalidation:
    """A version that was declared invalid on chain."""

    key: int
    leaf_hash: LeafHash


@dataclass(frozen=True, slots=True)
class DeskCode:
    """A one-time code of a subject, found by its keyed hash. `controller` is who used it."""

    key: int
    subject: KnownSubject
    expires_at: int
    controller: Address | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is under way: messages pending, their oldest arrival (0: none), versions and batches not anchored.

    `pending_bytes` is what pending messages take in the journal. `recalled` messages are known from custodians' notes
    alone: their bytes are lost until they are sent again.
    """

    pending: int
    oldest_pending_at: int
    quarantined: int
    waiting_versions: int
    open_batches: int
    invalidations: int
    links: int = 0
    pending_bytes: int = 0
    recalled: int = 0
