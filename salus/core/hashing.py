"""Keccak-256, word encoding and the protocol's tags."""

from __future__ import annotations

import hashlib
from enum import Enum

from tiny_keccak import keccak256


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (not SHA3-256): 32 bytes."""
    return keccak256(data)


def sha256(data: bytes) -> bytes:
    """SHA-256: 32 bytes."""
    return hashlib.sha256(data).digest()


class Tag(Enum):
    """Domain tags of every digest that is not EIP-712 (protocol section 1)."""

    LEAF = keccak(b"salus.leaf.v1")
    RECORDS = keccak(b"salus.records.v1")
    TERMS = keccak(b"salus.terms.v1")
    TOPICS = keccak(b"salus.topics.v1")
    ENTRY = keccak(b"salus.entry.v1")
    HEAD = keccak(b"salus.head.v1")
    SUBJECT = keccak(b"salus.subject.v1")
    PARTICIPANT = keccak(b"salus.participant.v1")
    LOG = keccak(b"salus.log.v1")
    ORDER = keccak(b"salus.order.v1")


Word = int | bytes | bool | Tag


def words(*values: Word) -> bytes:
    """`abi.encode` of values that each fill one word: integers and addresses right-aligned, 32-byte values as they are.

    Raises:
        ValueError: bytes of another length than 20 or 32, a negative integer, or one beyond 256 bits.
    """
    try:
        return b"".join(
            [
                value
                if type(value) is bytes and len(value) == 32
                else value.to_bytes(32, "big")
                if type(value) is int
                else _word(value)
                for value in values
            ]
        )
    except OverflowError as error:
        raise ValueError("an integer word is 0 to 2^256 - 1") from error


def _word(value: Word) -> bytes:
    """The rarer kinds."""
    if isinstance(value, Tag):
        return value._value_  # what `value` gives, without the call
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if len(value) == 32:
        return bytes(value)
    if len(value) == 20:
        return bytes(value).rjust(32, b"\0")
    raise ValueError(f"a bytes word has 20 or 32 bytes, got {len(value)}")
