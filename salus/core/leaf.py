"""Leaf: the commitment to one record version, and its commitments to content and topics.

Source: docs/protocol.md section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core.canonical import integer
from salus.core.errors import InputError
from salus.core.hashing import Tag, keccak, sha256, words
from salus.core.ids import LeafHash, RecordId, SubjectRef, from_hex, hex32
from salus.core.merkle import double_hash

SALT_BYTES = 16


def content_commitment(salt: bytes, content: bytes) -> bytes:
    """Salted commitment to canonical content, 32 bytes."""
    _check_salt(salt)
    return sha256(b"salus.content.v1" + salt + content)


def topics_commitment(salt: bytes, topics: int) -> bytes:
    """Salted commitment to a topics mask, 32 bytes."""
    _check_salt(salt)
    return keccak(words(Tag.TOPICS, salt.ljust(32, b"\0"), topics))


def _check_salt(salt: bytes) -> None:
    if len(salt) != SALT_BYTES:
        raise InputError(f"a salt has {SALT_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Leaf:
    """Everything a leaf commits to. Days count from 1970-01-01 in Asia/Shanghai; 0 is undated."""

    record_id: RecordId
    version: int
    previous: LeafHash
    subject: SubjectRef
    envelope_digest: bytes
    content_commitment: bytes
    categories: int
    level: int
    confidentiality: int
    form: int
    first_day: int
    last_day: int
    topics_commitment: bytes
    custodian_set: int

    def hash(self, chain_id: int) -> LeafHash:
        """The leaf hash: the record version's name everywhere."""
        return LeafHash(
            double_hash(
                words(
                    Tag.LEAF,
                    chain_id,
                    self.record_id,
                    self.version,
                    self.previous,
                    self.subject,
                    self.envelope_digest,
                    self.content_commitment,
                    self.categories,
                    self.level,
                    self.confidentiality,
                    self.form,
                    self.first_day,
                    self.last_day,
                    self.topics_commitment,
                    self.custodian_set,
                )
            )
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form, bytes as hex."""
        return {
            "recordId": hex32(self.record_id),
            "version": self.version,
            "previousLeaf": hex32(self.previous),
            "subjectRef": hex32(self.subject),
            "envelopeDigest": hex32(self.envelope_digest),
            "contentCommitment": hex32(self.content_commitment),
            "categories": self.categories,
            "level": self.level,
            "confidentiality": self.confidentiality,
            "form": self.form,
            "firstDay": self.first_day,
            "lastDay": self.last_day,
            "topicsCommitment": hex32(self.topics_commitment),
            "custodianSet": self.custodian_set,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Leaf:
        """Read the JSON form.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                RecordId(from_hex(value["recordId"])),
                integer(value["version"], 32),
                LeafHash(from_hex(value["previousLeaf"])),
                SubjectRef(from_hex(value["subjectRef"])),
                from_hex(value["envelopeDigest"]),
                from_hex(value["contentCommitment"]),
                integer(value["categories"], 64),
                integer(value["level"], 8),
                integer(value["confidentiality"], 8),
                integer(value["form"], 8),
                integer(value["firstDay"], 32),
                integer(value["lastDay"], 32),
                from_hex(value["topicsCommitment"]),
                integer(value["custodianSet"], 32),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed leaf") from error
