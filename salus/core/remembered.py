"""What a source's own notes at custodians remember of it, for a database that has forgotten.

Hashes here are keyed by the site key, as in `salus.core.journal`; times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from salus.core.ids import LeafHash, RecordId, Root
from salus.core.journal import Anchored, HeadStatus, InvalidationReason, KnownSubject
from salus.core.leaf import Leaf


@dataclass(frozen=True, slots=True)
class RememberedMessage:
    """A message that a version was made of, without its bytes."""

    listener: str
    message_hash: bytes
    raw_hash: bytes
    content_hash: bytes
    kind: str
    received_at: int


@dataclass(frozen=True, slots=True)
class RememberedVersion:
    """One record version; fields as in `salus.core.journal.NewVersion`.

    `subject` is the one it is filed under, None where its note does not say more of it than the leaf does.
    """

    leaf_hash: LeafHash
    leaf: Leaf
    message: RememberedMessage
    content_hash: bytes
    status: HeadStatus
    withdraws: InvalidationReason | None
    group: RecordId
    said_at: int
    also: tuple[bytes, ...]
    subject: KnownSubject | None


@dataclass(frozen=True, slots=True)
class RememberedBatch:
    """An anchored batch. `count` is how many versions it has in all; those that are not among `versions` are destroyed.

    Bit i of `members` is the custodian at position i of the set: all of them.
    """

    root: Root
    custodian_set: int
    count: int
    members: int
    anchored: Anchored
    versions: tuple[RememberedVersion, ...]


@dataclass(frozen=True, slots=True)
class Adopted:
    """What came back with a batch: versions, records, subjects and messages the database had not known."""

    versions: int = 0
    records: int = 0
    subjects: int = 0
    messages: int = 0

    def __add__(self, other: Adopted) -> Adopted:
        return Adopted(
            self.versions + other.versions,
            self.records + other.records,
            self.subjects + other.subjects,
            self.messages + other.messages,
        )
