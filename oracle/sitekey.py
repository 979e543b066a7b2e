"""The site key: one secret of 32 bytes from which all that protects the oracle's database is derived.

    digest   HMAC-SHA-256 under a key per purpose: what may be looked up but not guessed
    seal     version 1 | salt 16 | AES-256-GCM ciphertext, tag; key and nonce are HMAC-SHA-512(purpose key, salt, AAD)
    seal_row version 2 | civil day u24 | number u32 | as above, with a key that can be destroyed joined to the salt

What holds content (raw messages, shares on their way) is sealed as a row, and its key is destroyed with it: then
neither the site key nor an old backup of the database opens it again. A salt of 16 bytes makes a fresh key and nonce
for every sealing, so the bound on random nonces under one key (NIST SP 800-38D section 8.3) is never near. Whoever
loses the site key, or the keys of rows, loses the journal: back up the one apart from the database, and keep the others
on a second disk. Source: NIST SP 800-108 (key derivation by HMAC), RFC 2104.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from salus.core.days import date_of, day_at
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import IntegrityError, NotFoundError, SetupError
from salus.core.ids import RecordId, record_id
from salus.core.ports import Randomness

KEY_BYTES = 32
RAW, SHARES = "raw", "shares"
"""Purposes of rows: bytes of messages, and shares on their way to custodians."""
_VERSION = b"\x01"
_ROW_VERSION = 2
_ROW_HEAD = 1 + 3 + 4
_SALT_BYTES = 16
_log = structlog.get_logger()


class SiteKey:
    """Digests and sealing under one institution's secret. `rows` are the keys that can be destroyed, by purpose.

    Raises:
        SetupError: the secret has not 32 bytes.
    """

    def __init__(
        self, secret: bytes, random: Randomness, rows: Mapping[str, ErasableKeys] = MappingProxyType({})
    ) -> None:
        if len(secret) != KEY_BYTES:
            raise SetupError(f"the site key file must hold {KEY_BYTES} bytes, as 64 hex digits")
        self._secret = secret
        self._random = random
        self._rows = rows
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
        return _opened(key, nonce, sealed[1 + _SALT_BYTES :], bound_to)

    def seal_row(self, purpose: str, bound_to: bytes, plaintext: bytes, at: int) -> bytes:
        """Seal bytes so that they can be destroyed: `at` (Unix seconds) tells the day whose tree gives the key."""
        day = day_at(at)
        number, key_of_row = self._keys_of_rows(purpose).fresh(date_of(day).isoformat())
        salt = self._random(_SALT_BYTES)
        key, nonce = self._once(purpose, salt + key_of_row, bound_to)
        head = bytes([_ROW_VERSION]) + day.to_bytes(3, "big") + number.to_bytes(4, "big")
        return head + salt + AESGCM(key).encrypt(nonce, plaintext, bound_to)

    def open_row(self, purpose: str, bound_to: bytes, sealed: bytes) -> bytes:
        """Open what `seal_row` sealed.

        Raises:
            IntegrityError: as `open`; or its key was destroyed, or the folder of these keys is another.
        """
        day, number = _place(sealed)
        try:
            key_of_row = self._keys_of_rows(purpose).past(day, number)
        except NotFoundError as error:
            raise IntegrityError(f"sealed bytes of the journal cannot be opened: {error}") from error
        salt, body = sealed[_ROW_HEAD : _ROW_HEAD + _SALT_BYTES], sealed[_ROW_HEAD + _SALT_BYTES :]
        key, nonce = self._once(purpose, salt + key_of_row, bound_to)
        return _opened(key, nonce, body, bound_to)

    def forget_rows(self, purpose: str, rows: Iterable[bytes]) -> None:
        """Destroy the keys of sealed rows; only their heads are looked at. Before the rows themselves are removed.

        A row that is damaged and does not say which key it had opens no more by itself, and holds up no other. Its key
        is left, for an older copy of the database: that is said in the log.
        """
        by_day: dict[str, list[int]] = {}
        left = 0
        for sealed in rows:
            try:
                day, number = _place(sealed)
            except IntegrityError:
                left += 1
                continue
            by_day.setdefault(day, []).append(number)
        if left:
            _log.error("key of a damaged row is left: remove older copies of the database", purpose=purpose, rows=left)
        for day, numbers in by_day.items():
            self._keys_of_rows(purpose).forget(day, numbers)

    def _keys_of_rows(self, purpose: str) -> ErasableKeys:
        if purpose not in self._rows:
            raise SetupError(f"no folder of row keys was given for {purpose}")
        return self._rows[purpose]

    def _once(self, purpose: str, salt: bytes, bound_to: bytes) -> tuple[bytes, bytes]:
        made = hmac.digest(self._key(f"seal {purpose}"), salt + hashlib.sha256(bound_to).digest(), "sha512")
        return made[:32], made[32:44]

    def _key(self, purpose: str) -> bytes:
        key = self._keys.get(purpose)
        if key is None:
            key = hmac.digest(self._secret, f"salus.site.v1|{purpose}".encode(), "sha256")
            self._keys[purpose] = key
        return key


def _opened(key: bytes, nonce: bytes, body: bytes, bound_to: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, body, bound_to)
    except (InvalidTag, ValueError) as error:
        raise IntegrityError("sealed bytes of the journal do not open: another site key, or damage") from error


def _place(sealed: bytes) -> tuple[str, int]:
    """Day and number of the key of a sealed row."""
    if sealed[:1] != bytes([_ROW_VERSION]) or len(sealed) < _ROW_HEAD:
        raise IntegrityError("sealed bytes of the journal have an unknown version")
    try:
        day = date_of(int.from_bytes(sealed[1:4], "big")).isoformat()
    except (ValueError, OverflowError) as error:
        raise IntegrityError("sealed bytes of the journal name no day") from error
    return day, int.from_bytes(sealed[4:_ROW_HEAD], "big")
