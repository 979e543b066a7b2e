"""Encrypted files for X25519 private keys: what deposits, links and openings are sealed to.

    "SLX1" | log2 of the scrypt cost, 1 byte | salt 16 | nonce 12 | AES-256-GCM(private key) 48       AAD = all before

Key derivation: scrypt with r = 8, p = 1 (RFC 7914).
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from salus.adapters.keys.files import read, write_new
from salus.core.errors import InputError, SetupError
from salus.core.ports import Randomness

_MARKER = b"SLX1"
_HEAD = len(_MARKER) + 1 + 16 + 12
STANDARD = 18
LIGHT = 12
_MOST = 22


def create(path: Path, passphrase: str, random: Randomness, cost: int = STANDARD) -> bytes:
    """A new private key (32 bytes) in a new file; `cost` is the base-2 logarithm of scrypt's n.

    Raises:
        ConflictError: the file exists.
    """
    private_key = random(32)
    store(path, passphrase, private_key, random, cost)
    return private_key


def store(path: Path, passphrase: str, private_key: bytes, random: Randomness, cost: int = STANDARD) -> None:
    """A given private key in a new file.

    Raises:
        ConflictError: the file exists.
        InputError: not 32 bytes.
    """
    if len(private_key) != 32:
        raise InputError("an X25519 private key has 32 bytes")
    salt, nonce = random(16), random(12)
    head = _MARKER + bytes([cost]) + salt + nonce
    write_new(path, head + AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, private_key, head))


def load(path: Path, passphrase: str) -> bytes:
    """The private key of a file, 32 bytes.

    Raises:
        SetupError: no such file, another kind of file, or the passphrase is wrong.
    """
    raw = read(path)
    if raw[:4] != _MARKER or len(raw) != _HEAD + 48 or raw[4] > _MOST:
        raise SetupError(f"{path.name} is no key file of Salus: check the setting that names it")
    head = raw[:_HEAD]
    try:
        return AESGCM(_key(passphrase, head[5:21], head[4])).decrypt(head[21:], raw[_HEAD:], head)
    except InvalidTag as error:
        raise SetupError(f"{path.name} does not open: a wrong passphrase, or a damaged file") from error


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase.encode())
