"""AuditLog chains in Python: entry kinds, entry digests and heads, so that a log can be recomputed from its events.

Source: docs/protocol.md section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from salus.core.hashing import Tag, keccak, words
from salus.core.ids import Address, address_bytes


class EntryKind(IntEnum):
    """What an entry records."""

    ACCESS_GRANTED = 1
    ACCESS_DENIED = 2
    ACCESS_REVIEWED = 3
    ACCESS_FROZEN = 4
    ACCESS_UNFROZEN = 5
    CONSENT_GRANTED = 10
    CONSENT_REPLACED = 11
    CONSENT_REVOKED = 12
    CONSENTS_REVOKED = 13
    SUBJECT_BOUND = 20
    CONTROLLER_ROTATED = 21
    GUARDIAN_APPOINTED = 22
    RECOVERY_STARTED = 23
    CONTROLLER_RECOVERED = 24
    RECOVERY_VETOED = 25
    SUBJECT_FROZEN = 26
    SUBJECT_UNFROZEN = 27
    DENIAL_SET = 28
    SUBJECT_LINKED = 29
    SUBJECT_UNLINKED = 30
    RETENTION_SET = 31
    HOLD_SET = 32
    SUBJECT_REGISTERED = 33
    BATCH_ANCHORED = 40
    RECORD_INVALIDATED = 41
    DESTRUCTION_ORDERED = 42
    DESTRUCTION_ATTESTED = 43
    LOG_ANCHORED = 44


_HEAD_BITS = 208
_COUNT_BITS = 48


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `key` is the 32-byte chain key, `at` Unix seconds, `emitter` the contract that wrote it."""

    emitter: Address
    key: bytes
    kind: int
    code: int
    reference: bytes
    at: int

    def digest(self, chain_id: int) -> bytes:
        """Entry digest, 32 bytes."""
        return keccak(
            words(
                Tag.ENTRY,
                chain_id,
                address_bytes(self.emitter),
                self.key,
                self.kind,
                self.code,
                self.reference,
                self.at,
            )
        )


@dataclass(frozen=True, slots=True)
class LogHead:
    """Head of a chain: 208 bits and the count of entries."""

    head: int = 0
    count: int = 0

    def after(self, entry_digest: bytes) -> LogHead:
        """Head after one more entry."""
        digest = int.from_bytes(keccak(words(Tag.HEAD, self.head, entry_digest)), "big")
        return LogHead(digest & ((1 << _HEAD_BITS) - 1), self.count + 1)

    def slot(self) -> int:
        """The storage word: head above, count in the low 48 bits."""
        return self.head << _COUNT_BITS | self.count

    @classmethod
    def from_slot(cls, word: int) -> LogHead:
        """Head of a storage word."""
        return cls(word >> _COUNT_BITS, word & ((1 << _COUNT_BITS) - 1))
