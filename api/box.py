"""Sealing at rest under the API's own key: nonce 12 | AES-256-GCM ciphertext and tag (NIST SP 800-38D)."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salus.core.errors import IntegrityError
from salus.core.ports import Randomness

_NONCE_BYTES = 12


class Box:
    """Seals rows of the API's database. `key` has 32 bytes; `label` ties sealed bytes to their row."""

    def __init__(self, key: bytes, random: Randomness) -> None:
        self._cipher = AESGCM(key)
        self._random = random

    def seal(self, plaintext: bytes, label: bytes) -> bytes:
        """Sealed bytes."""
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plaintext, label)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """Plaintext.

        Raises:
            IntegrityError: sealed under another key or label, or damaged.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label)
        except (InvalidTag, ValueError) as error:
            raise IntegrityError("a stored row does not open under this API's key") from error
