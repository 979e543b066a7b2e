"""Shares at rest: AES-256-GCM under the key of the calendar month they came in.

    version u8 = 1 | nonce 12 | AES-GCM(share 33 | inner share 33 or nothing)      AAD: tag, source, leaf, period

Period keys are left out of backups, so a backup alone opens nothing.
Source: DESIGN section 4, Destruction; NIST SP 800-38D.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custodian.ports import PeriodKeys
from salus.core.custody import WrappedShare
from salus.core.days import date_of, day_at
from salus.core.errors import IntegrityError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId
from salus.core.ports import Randomness
from salus.core.shares import SHARE_BYTES

_VERSION = b"\x01"
_NONCE_BYTES = 12
_TAG = b"salus.rest.v1"


def period_at(now: int) -> str:
    """Period of a Unix time: the calendar month in Asia/Shanghai, `2026-11`."""
    return date_of(day_at(now)).strftime("%Y-%m")


def fingerprint(share: bytes, inner: bytes | None) -> bytes:
    """SHA-256 by which two deposits of one leaf are compared; a share is 256 random bits, so it tells nothing."""
    return sha256(b"salus.share.v1" + share + (inner or b""))


class Wrapping:
    """Wraps shares of one source under the present period's key."""

    def __init__(self, source: ParticipantId, now: int, keys: PeriodKeys, random: Randomness) -> None:
        self._source = source
        self._period = period_at(now)
        self._cipher = AESGCM(keys.present(self._period))
        self._random = random

    def wrap(self, share: bytes, inner: bytes | None, leaf: LeafHash) -> WrappedShare:
        """Wrap a record version's shares."""
        nonce = self._random(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, share + (inner or b""), _aad(self._source, leaf, self._period))
        return WrappedShare(self._period, _VERSION + nonce + sealed)


def unwrap(
    wrapped: WrappedShare, source: ParticipantId, leaf: LeafHash, keys: PeriodKeys
) -> tuple[bytes, bytes | None]:
    """A record version's share and inner share.

    Raises:
        IntegrityError: damaged, or moved from another row.
        NotFoundError: the period's key is gone.
    """
    nonce, sealed = wrapped.blob[1 : 1 + _NONCE_BYTES], wrapped.blob[1 + _NONCE_BYTES :]
    try:
        if wrapped.blob[:1] != _VERSION:
            raise IntegrityError("a share at rest has an unknown version")
        plain = AESGCM(keys.past(wrapped.period)).decrypt(nonce, sealed, _aad(source, leaf, wrapped.period))
    except (InvalidTag, ValueError) as error:
        raise IntegrityError("a share at rest is damaged") from error
    return plain[:SHARE_BYTES], plain[SHARE_BYTES:] or None


def _aad(source: ParticipantId, leaf: LeafHash, period: str) -> bytes:
    return _TAG + source + leaf + period.encode()
