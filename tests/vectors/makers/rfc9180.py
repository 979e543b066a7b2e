"""HPKE base mode written from RFC 9180 with a chosen ephemeral key, so that sealed bytes can stand in a vector.

DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. For vectors only: the code under test uses
the library's.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_HPKE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def seal(plaintext: bytes, public_key: bytes, ephemeral: bytes, info: bytes) -> bytes:
    """`enc` (32 bytes) and the ciphertext with its tag (RFC 9180 section 6.1, no associated data)."""
    sender = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = sender.public_key().public_bytes_raw()
    shared = sender.exchange(X25519PublicKey.from_public_bytes(public_key))
    secret = _kem_secret(shared, enc + public_key)
    context = b"\x00" + _extract(_HPKE, b"", b"psk_id_hash", b"") + _extract(_HPKE, b"", b"info_hash", info)
    schedule = _extract(_HPKE, secret, b"secret", b"")
    key = _expand(_HPKE, schedule, b"key", context, 32)
    nonce = _expand(_HPKE, schedule, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, None)


def _kem_secret(shared: bytes, context: bytes) -> bytes:
    return _expand(_KEM, _extract(_KEM, b"", b"eae_prk", shared), b"shared_secret", context, 32)


def _extract(suite: bytes, salt: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, hashlib.sha256)


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labelled + b"\x01", hashlib.sha256)[:length]
