"""The site key: one secret of 32 bytes from which all that protects the oracle's database is derived.

    digest   HMAC-SHA-256 under a key per purpose: what may be looked up but not guessed
    seal     version 1 | salt 16 | AES-256-GCM ciphertext, tag; key and nonce are HMAC-SHA-512(purpose key, salt, AAD)

A salt of 16 bytes makes a fresh key and nonce for every sealing, so the bound on random nonces under one key
(NIST SP 800-38D section 8.3) is never near. Whoever loses the site key loses the journal; back it up apart from the
database. Source: NIST SP 800-108 (key derivation by HMAC), RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salus.core.errors import IntegrityError, SetupError
from salus.core.ids import RecordId, record_id
from salus.core.ports import Randomness

KEY_BYTES = 32
_VERSION = b"\x01"
_SALT_BYTES = 16


class SiteKey:
    """Digests and sealing under one institution's secret.

    Raises:
        SetupError: the secret has not 32 bytes.
    """

    def __init__(self, secret: bytes, random: Randomness) -> None:
        if len(secret) != KEY_BYTES:
            raise SetupError(f"the site key file must hold {KEY_BYTES} bytes, as 64 hex digits")
        self._secret = secret
        self._random = random
        self._keys: dict[str, bytes] = {}

    @property
    def fingerprint(self) -> bytes:
        """By which a database knows its key again, 32 bytes; tells nothing of the key."""
        return self.digest("fingerprint")

    def digest(self, purpose: str, *parts: bytes | str) -> bytes:
        """Keyed hash of parts, each with its length before it: 32 bytes."""
        raw = [part.encode() if isinstance(part, str) else part for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in raw)
        return hmac.digest(self._key(f"digest {purpose}"), message, "sha256")

    def record_id(self, record_key: str) -> RecordId:
        """Id of a record by the source's own key (docs/protocol.md section 2)."""
        return record_id(self._key("record"), record_key)

    def seal(self, purpose: str, bound_to: bytes, plaintext: bytes) -> bytes:
        """Seal bytes; they open only with the same purpose and the same `bound_to`."""
        salt = self._random(_SALT_BYTES)
        key, nonce = self._once(purpose, salt, bound_to)
        return _VERSION + salt + AESGCM(key).encrypt(nonce, plaintext, bound_to)

    def open(self, purpose: str, bound_to: bytes, sealed: bytes) -> bytes:
        """Open sealed bytes.

        Raises:
            IntegrityError: another key, purpose or binding, or a byte was changed.
        """
        if sealed[:1] != _VERSION:
            raise IntegrityError("sealed bytes of the journal have an unknown version")
        salt = sealed[1 : 1 + _SALT_BYTES]
        key, nonce = self._once(purpose, salt, bound_to)
        try:
            return AESGCM(key).decrypt(nonce, sealed[1 + _SALT_BYTES :], bound_to)
        except (InvalidTag, ValueError) as error:
            raise IntegrityError("sealed bytes of the journal do not open: another site key, or damage") from error

    def _once(self, purpose: str, salt: bytes, bound_to: bytes) -> tuple[bytes, bytes]:
        made = hmac.digest(self._key(f"seal {purpose}"), salt + hashlib.sha256(bound_to).digest(), "sha512")
        return made[:32], made[32:44]

    def _key(self, purpose: str) -> bytes:
        key = self._keys.get(purpose)
        if key is None:
            key = hmac.digest(self._secret, f"salus.site.v1|{purpose}".encode(), "sha256")
            self._keys[purpose] = key
        return key
