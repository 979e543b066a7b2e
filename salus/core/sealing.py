"""Sealing and opening one record version: content to envelope and shares, and back.

Suite 1 puts the content under one data key, t of n. Suite 2 (level 5) puts an inner envelope, whose key needs all n
custodians, under the outer key. Source: docs/protocol.md sections 3 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from salus.core import envelope as sealed
from salus.core import shares as sharing
from salus.core.canonical import canonical, integer, parse
from salus.core.errors import EnvelopeError, InputError, IntegrityError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, RecordId, SubjectRef, from_hex, hex32
from salus.core.labels import MAX_LEVEL, Labels
from salus.core.leaf import SALT_BYTES, Leaf, content_commitment, topics_commitment

RandomBytes = Callable[[int], bytes]
"""Port: that many bytes from a secure source."""


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What is known of a record version before it is sealed."""

    record_id: RecordId
    version: int
    previous: LeafHash
    subject: SubjectRef
    labels: Labels
    form: int
    first_day: int
    last_day: int
    custodian_set: int


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A sealed record version.

    `shares[i]` (33 bytes) belongs to the custodian at position i of the set; `inner_shares` is empty below level 5.
    """

    leaf: Leaf
    envelope: bytes
    topics: int
    topics_salt: bytes
    shares: tuple[bytes, ...]
    inner_shares: tuple[bytes, ...]


def seal_record(
    head: RecordHead, content: dict[str, Any], threshold: int, custodians: int, random: RandomBytes
) -> SealedRecord:
    """Seal content for a custodian set of `custodians` members, of whom `threshold` join a key."""
    return seal_canonical(head, canonical(content), threshold, custodians, random)


def seal_canonical(head: RecordHead, body: bytes, threshold: int, custodians: int, random: RandomBytes) -> SealedRecord:
    """Seal content that is in canonical form already; else as `seal_record`."""
    content_salt, topics_salt = random(SALT_BYTES), random(SALT_BYTES)
    topics = int(head.labels.topics)
    rest = canonical(
        {
            "contentSalt": hex32(content_salt),
            "leaf": {"recordId": hex32(head.record_id), "version": head.version},
            "topics": topics,
            "topicsSalt": hex32(topics_salt),
        }
    )
    plaintext = b'{"content":' + body + b"," + rest[1:]  # "content" sorts before all others
    suite, inner_shares = sealed.SUITE_SINGLE, tuple[bytes, ...]()
    if head.labels.level == MAX_LEVEL:
        plaintext, inner_shares = _seal_once(plaintext, custodians, custodians, sealed.SUITE_SINGLE, random)
        suite = sealed.SUITE_NESTED
    outer, outer_shares = _seal_once(plaintext, threshold, custodians, suite, random)
    leaf = Leaf(
        record_id=head.record_id,
        version=head.version,
        previous=head.previous,
        subject=head.subject,
        envelope_digest=sha256(outer),
        content_commitment=content_commitment(content_salt, body),
        categories=int(head.labels.categories),
        level=head.labels.level,
        confidentiality=int(head.labels.confidentiality),
        form=head.form,
        first_day=head.first_day,
        last_day=head.last_day,
        topics_commitment=topics_commitment(topics_salt, topics),
        custodian_set=head.custodian_set,
    )
    return SealedRecord(leaf, outer, topics, topics_salt, outer_shares, inner_shares)


def _seal_once(
    plaintext: bytes, threshold: int, custodians: int, suite: int, random: RandomBytes
) -> tuple[bytes, tuple[bytes, ...]]:
    key = random(sharing.KEY_BYTES)
    dealt = sharing.split(key, threshold, custodians, random)
    header = sealed.header_for(threshold, dealt)
    return sealed.seal(plaintext, key, random(sealed.NONCE_BYTES), header, suite), dealt


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """Content of an opened record version, its topics, and the salt its commitment was made with."""

    content: dict[str, Any]
    topics: int
    record_id: RecordId
    version: int


def open_record(
    raw: bytes,
    envelope_digest: bytes,
    commitment: bytes,
    shares: Iterable[bytes],
    inner_shares: Iterable[bytes] = (),
) -> OpenedRecord:
    """Open envelope bytes and check them against the leaf's digest and content commitment.

    Raises:
        IntegrityError: the bytes are not the envelope anchored, or the content is not the one committed to.
        ShareError: a share is wrong (its custodian's position is named) or too few are here.
        EnvelopeError: the envelope does not open or does not hold a record.
    """
    if sha256(raw) != envelope_digest:
        raise IntegrityError("the bytes are not the envelope that was anchored")
    outer = sealed.parse(raw)
    plaintext = outer.open(sharing.join(shares, outer.header.threshold, outer.header.share_digests))
    if outer.suite == sealed.SUITE_NESTED:
        inner = sealed.parse(plaintext)
        plaintext = inner.open(sharing.join(inner_shares, inner.header.threshold, inner.header.share_digests))
    try:
        value = parse(plaintext)
        content, topics = value["content"], integer(value["topics"], 32)
        salt = from_hex(value["contentSalt"], SALT_BYTES)
        record_id = RecordId(from_hex(value["leaf"]["recordId"]))
        version = integer(value["leaf"]["version"], 32)
        body = canonical(content)
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise EnvelopeError("the envelope does not hold a record") from error
    if content_commitment(salt, body) != commitment:
        raise IntegrityError("the content is not the one the leaf commits to")
    return OpenedRecord(content, topics, record_id, version)
