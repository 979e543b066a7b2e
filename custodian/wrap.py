"""Shares at rest: AES-256-GCM, each under a key of its own, from the tree of the calendar month it came in.

    version u8 = 2 | number of the key u32 | nonce 12 | AES-GCM(share 33 | inner share 33 or nothing)

    AAD: tag, source, leaf, period, number

The trees are left out of backups, so a backup alone opens nothing; and once a share's key is taken out of its tree,
an old backup opens it no more, whatever else is still on the machine.
Source: DESIGN section 4, Destruction; NIST SP 800-38D.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salus.core.custody import WrappedShare
from salus.core.days import date_of, day_at
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import IntegrityError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId
from salus.core.ports import Randomness
from salus.core.shares import SHARE_BYTES

_VERSION = 2
_HEAD = struct.Struct(">BI")
_NONCE_BYTES = 12
_TAG = b"salus.rest.v2"


def period_at(now: int) -> str:
    """Period of a Unix time: the calendar month in Asia/Shanghai, `2026-11`."""
    return date_of(day_at(now)).strftime("%Y-%m")


def fingerprint(share: bytes, inner: bytes | None) -> bytes:
    """SHA-256 by which two deposits of one leaf are compared; a share is 256 random bits, so it tells nothing."""
    return sha256(b"salus.share.v1" + share + (inner or b""))


class Wrapping:
    """Wraps shares of one source under keys of the present period."""

    def __init__(self, source: ParticipantId, now: int, keys: ErasableKeys, random: Randomness) -> None:
        self._source = source
        self._period = period_at(now)
        self._keys = keys
        self._random = random

    def wrap(self, share: bytes, inner: bytes | None, leaf: LeafHash) -> WrappedShare:
        """Wrap a record version's shares."""
        number, key = self._keys.fresh(self._period)
        head, nonce = _HEAD.pack(_VERSION, number), self._random(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, share + (inner or b""), _aad(self._source, leaf, self._period, number))
        return WrappedShare(self._period, head + nonce + sealed)


def number_of(wrapped: WrappedShare) -> int:
    """Number of the key that a share is wrapped by.

    Raises:
        IntegrityError: damaged.
    """
    if len(wrapped.blob) <= _HEAD.size + _NONCE_BYTES or wrapped.blob[0] != _VERSION:
        raise IntegrityError("a share at rest has an unknown version")
    return int(_HEAD.unpack_from(wrapped.blob)[1])


def nearby(wrapped: WrappedShare, periods: Iterable[str]) -> Iterator[WrappedShare]:
    """The same share under every number that differs in one bit from the one it names, and in these periods."""
    number, rest = number_of(wrapped), wrapped.blob[_HEAD.size :]
    for bit in range(32):
        yield WrappedShare(wrapped.period, _HEAD.pack(_VERSION, number ^ 1 << bit) + rest)
    for period in periods:
        yield WrappedShare(period, wrapped.blob)


def unwrap(
    wrapped: WrappedShare, source: ParticipantId, leaf: LeafHash, keys: ErasableKeys
) -> tuple[bytes, bytes | None]:
    """A record version's share and inner share.

    Raises:
        IntegrityError: damaged, or moved from another row.
        NotFoundError: its key is gone.
    """
    number = number_of(wrapped)
    nonce, sealed = wrapped.blob[_HEAD.size : _HEAD.size + _NONCE_BYTES], wrapped.blob[_HEAD.size + _NONCE_BYTES :]
    key = keys.past(wrapped.period, number)
    try:
        plain = AESGCM(key).decrypt(nonce, sealed, _aad(source, leaf, wrapped.period, number))
    except (InvalidTag, ValueError) as error:
        raise IntegrityError("a share at rest is damaged") from error
    return plain[:SHARE_BYTES], plain[SHARE_BYTES:] or None


def _aad(source: ParticipantId, leaf: LeafHash, period: str, number: int) -> bytes:
    return _TAG + source + leaf + period.encode() + number.to_bytes(4, "big")
