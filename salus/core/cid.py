"""Content identifiers: CIDv1, raw codec, SHA-256, base32 lower case (multiformats specification)."""

from __future__ import annotations

import base64

from salus.core.errors import InputError

_PREFIX = b"\x01\x55\x12\x20"  # version 1, raw, sha2-256, 32 bytes


def cid_of(digest: bytes) -> str:
    """CID of a SHA-256 digest, `bafkrei…`."""
    if len(digest) != 32:
        raise InputError("a SHA-256 digest has 32 bytes")
    return "b" + base64.b32encode(_PREFIX + digest).decode().lower().rstrip("=")


def digest_of(cid: str) -> bytes:
    """SHA-256 digest inside a CID.

    Raises:
        InputError: another version, codec, hash or spelling.
    """
    try:
        raw = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))
    except ValueError as error:
        raise InputError("not a CID") from error
    if cid[:1] != "b" or raw[:4] != _PREFIX or len(raw) != 36 or cid != cid_of(raw[4:]):
        raise InputError("not a CIDv1 of raw bytes under SHA-256")
    return raw[4:]
