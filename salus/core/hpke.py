"""HPKE single-shot sealing (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, no AAD.

There is no sender authentication here: what is sealed is signed by its sender beside it.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from salus.core.errors import EnvelopeError, InputError

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def seal(plaintext: bytes, public_key: bytes, info: bytes) -> bytes:
    """Seal to a raw 32-byte X25519 public key.

    Raises:
        InputError: the key is malformed or of low order.
    """
    try:
        return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)
    except Exception as error:  # the backend raises several kinds for low-order and malformed keys
        raise InputError("cannot seal to this X25519 key") from error


def open_sealed(sealed: bytes, private_key: bytes, info: bytes) -> bytes:
    """Open with a raw 32-byte X25519 private key.

    Raises:
        EnvelopeError: sealed to another key or with other info, or a byte was changed.
    """
    try:
        return _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), info)
    except (InvalidTag, ValueError) as error:
        raise EnvelopeError("the sealed message does not open") from error


def public_key(private_key: bytes) -> bytes:
    """Raw public key of a raw private key, 32 bytes each."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def deposit_info(chain_id: int, root: bytes, custodian_set: int, custodian: bytes) -> bytes:
    """HPKE info of a deposit (protocol section 8)."""
    return b"salus.deposit.v1" + chain_id.to_bytes(32, "big") + root + custodian_set.to_bytes(32, "big") + custodian


def release_info(chain_id: int, gateway: bytes, access: bytes, leaf: bytes, custodian: bytes, *, inner: bool) -> bytes:
    """HPKE info of one released share (protocol section 8)."""
    return (
        b"salus.release.v1"
        + chain_id.to_bytes(32, "big")
        + gateway
        + access
        + leaf
        + custodian
        + (b"\x01" if inner else b"\x00")
    )


def recall_info(chain_id: int, source: bytes, root: bytes, custodian: bytes, after: bytes) -> bytes:
    """HPKE info of a page of a recall (protocol section 8)."""
    return b"salus.recall.v1" + chain_id.to_bytes(32, "big") + source + root + custodian + after


def link_info(chain_id: int, consent: bytes, custodian: bytes) -> bytes:
    """HPKE info of a link sealed to a custodian (protocol section 8)."""
    return b"salus.link.v1" + chain_id.to_bytes(32, "big") + consent + custodian
