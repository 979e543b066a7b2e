"""What a custodian keeps: deposited batches, record versions, wrapped shares, tombstones, and its own log.

The log is a hash chain; the Merkle root of each day of it is anchored (RecordRegistry, tag 2).
Source: docs/protocol.md sections 3 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from salus.core.canonical import canonical
from salus.core.eip712 import Domain, StructType
from salus.core.hashing import Tag, sha256, words
from salus.core.ids import LeafHash, ParticipantId, RecordId, Root, SubjectRef, hex32
from salus.core.leaf import Leaf
from salus.core.merkle import MerkleTree, double_hash


@dataclass(frozen=True, slots=True)
class WrappedShare:
    """A record version's shares as they rest: sealed under the key of a period (`2026-11`)."""

    period: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class DepositedRecord:
    """One record version on its way into the store.

    `fingerprint` is a SHA-256 over the shares, by which a second deposit is seen to be the same or another. The `note`
    is the source's (`salus/core/recall.py`); the first one stays.
    """

    leaf_hash: LeafHash
    leaf: Leaf
    topics: int
    topics_salt: bytes
    share: WrappedShare
    fingerprint: bytes
    note: bytes = b""


@dataclass(frozen=True, slots=True)
class DepositBatch:
    """One deposit: all record versions under a batch root; `at` in Unix seconds."""

    source: ParticipantId
    root: Root
    custodian_set: int
    at: int
    records: tuple[DepositedRecord, ...]


@dataclass(frozen=True, slots=True)
class RestoredBatch:
    """Record versions of an anchored batch that come back after a loss; `count` is how many the batch has in all.

    `anchored_at` in Unix seconds, by the chain.
    """

    source: ParticipantId
    root: Root
    custodian_set: int
    count: int
    anchored_at: int
    records: tuple[DepositedRecord, ...]


@dataclass(frozen=True, slots=True)
class BatchRef:
    """A stored batch that is not known to be anchored yet; `key` is its number in the store."""

    key: int
    source: ParticipantId
    root: Root
    custodian_set: int
    count: int


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record version as kept; `key` is its number in the store, ascending in order of deposit.

    `anchored` is True once one of its batches was seen anchored at a final block.
    """

    key: int
    source: ParticipantId
    leaf_hash: LeafHash
    leaf: Leaf
    topics: int
    anchored: bool
    deposited_at: int


@dataclass(frozen=True, slots=True)
class Order:
    """A destruction order seen on chain that is not carried out yet; `erasable_from` in Unix seconds."""

    source: ParticipantId
    record_id: RecordId
    subject: SubjectRef
    erasable_from: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a custodian's log: its index from 1, Unix time, content, and the digest that chains it."""

    index: int
    at: int
    previous: bytes
    content: dict[str, Any]
    digest: bytes


def log_entry(index: int, at: int, previous: bytes, content: dict[str, Any]) -> LogEntry:
    """The entry that follows `previous` (32 zero bytes before the first)."""
    body = {"at": at, "content": content, "index": index, "previous": hex32(previous)}
    return LogEntry(index, at, previous, content, sha256(canonical(body)))


def log_root(entries: Iterable[tuple[int, bytes]]) -> Root:
    """Root over (index, digest) of a day's entries.

    Raises:
        InputError: there are none.
    """
    return MerkleTree(double_hash(words(Tag.LOG, index, digest)) for index, digest in entries).root


ATTESTATION_TYPE = StructType(
    "Attestation",
    ("bytes32", "sourceId"),
    ("bytes32", "recordId"),
    ("bytes32", "subjectRef"),
    ("bytes32", "custodianId"),
    ("uint32", "erased"),
)


def attestation_digest(
    domain: Domain,
    source: ParticipantId,
    record: RecordId,
    subject: SubjectRef,
    custodian: ParticipantId,
    erased: int,
) -> bytes:
    """What a custodian signs when it has erased its shares; `domain` is the RecordRegistry's (protocol section 4)."""
    values = {
        "sourceId": source,
        "recordId": record,
        "subjectRef": subject,
        "custodianId": custodian,
        "erased": erased,
    }
    return ATTESTATION_TYPE.digest(domain, values)
