"""An account whose key lives in memory."""

from __future__ import annotations

from coincurve import PrivateKey

from salus.core.hashing import keccak, sha256
from salus.core.ids import Address, to_address


class MemorySigner:
    """The `Signer` port over a 32-byte secp256k1 key; signatures are deterministic (RFC 6979) with low s."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self._address = to_address(keccak(self._key.public_key.format(compressed=False)[1:])[12:])

    @classmethod
    def named(cls, name: str) -> MemorySigner:
        """The account of a name: the same in every run."""
        return cls(sha256(b"salus.memory.signer|" + name.encode()))

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def sign(self, digest: bytes) -> bytes:
        """65-byte signature (r, s low, v 27 or 28) of a 32-byte digest."""
        raw: bytes = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([raw[64] + 27])
