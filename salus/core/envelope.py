"""Envelope: the sealed bytes of a record version.

    "SLE1" | suite u8 | nonce 12 | header length u16 | header | AES-256-GCM ciphertext and tag

All before the ciphertext is associated data. The header holds t, n and the SHA-256 of each key share, no secrets.
Source: docs/protocol.md section 7; NIST SP 800-38D.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salus.core.errors import EnvelopeError
from salus.core.hashing import sha256
from salus.core.shares import KEY_BYTES

MARKER = b"SLE1"
NONCE_BYTES = 12
SUITE_SINGLE = 1
SUITE_NESTED = 2
_SUITES = {SUITE_SINGLE: "content", SUITE_NESTED: "inner envelope"}
_FIXED = len(MARKER) + 1 + NONCE_BYTES + 2
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class Header:
    """Threshold and share digests (32 bytes each, in order of index)."""

    threshold: int
    share_digests: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """Binary form."""
        return bytes([self.threshold, len(self.share_digests)]) + b"".join(self.share_digests)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Header:
        """Read the binary form.

        Raises:
            EnvelopeError: malformed.
        """
        if len(raw) < 2 or len(raw) != 2 + 32 * raw[1] or not 1 <= raw[0] <= raw[1]:
            raise EnvelopeError("malformed envelope header")
        return cls(raw[0], tuple(raw[i : i + 32] for i in range(2, len(raw), 32)))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Parsed envelope; `prefix` is the associated data."""

    suite: int
    nonce: bytes
    header: Header
    prefix: bytes
    ciphertext: bytes

    def open(self, key: bytes) -> bytes:
        """Plaintext under a 32-byte key.

        Raises:
            EnvelopeError: wrong key, or a byte was changed.
        """
        if len(key) != KEY_BYTES:
            raise EnvelopeError("a data key has 32 bytes")
        try:
            return AESGCM(key).decrypt(self.nonce, self.ciphertext, self.prefix)
        except InvalidTag as error:
            raise EnvelopeError("the envelope does not open: wrong key or changed bytes") from error


def seal(plaintext: bytes, key: bytes, nonce: bytes, header: Header, suite: int = SUITE_SINGLE) -> bytes:
    """Envelope bytes of a plaintext. A key and nonce pair seals once.

    Raises:
        ValueError: key, nonce or suite malformed.
    """
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES or suite not in _SUITES:
        raise ValueError("sealing needs a 32-byte key, a 12-byte nonce and a known suite")
    head = header.to_bytes()
    prefix = MARKER + bytes([suite]) + nonce + len(head).to_bytes(2, "big") + head
    return prefix + AESGCM(key).encrypt(nonce, plaintext, prefix)


def parse(raw: bytes) -> Envelope:
    """Read envelope bytes without opening them.

    Raises:
        EnvelopeError: not an envelope of a known version and suite.
    """
    if raw[: len(MARKER)] != MARKER or len(raw) < _FIXED or raw[4] not in _SUITES:
        raise EnvelopeError("not an envelope of a known version and suite")
    end = _FIXED + int.from_bytes(raw[_FIXED - 2 : _FIXED], "big")
    if len(raw) < end + _TAG_BYTES:
        raise EnvelopeError("the envelope is cut short")
    header = Header.from_bytes(raw[_FIXED:end])
    return Envelope(raw[4], raw[5 : 5 + NONCE_BYTES], header, raw[:end], raw[end:])


def header_for(threshold: int, shares: tuple[bytes, ...]) -> Header:
    """Header that commits to dealt shares."""
    return Header(threshold, tuple(sha256(share) for share in shares))
