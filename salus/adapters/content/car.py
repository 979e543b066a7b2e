"""Content-addressed archives (CAR version 1, ipld.io/specs/transport/car/carv1): blocks and the root that names them.

    varint length | DAG-CBOR {"roots": [CID], "version": 1}
    varint length | CID | bytes                                for each block

A CID here is its 36 bytes: version 1, codec, SHA-256, digest (multiformats specification).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from salus.core.errors import InputError
from salus.core.hashing import sha256

RAW, DAG_PB, DAG_CBOR = 0x55, 0x70, 0x71
CID_BYTES = 36
_CID_LINK = b"\xd8\x2a\x58\x25\x00"  # tag 42, 37 bytes, the multibase prefix of bytes (DAG-CBOR specification)
_HEAD = b"\xa2\x65roots\x81" + _CID_LINK
_TAIL = b"\x67version\x01"


@dataclass(frozen=True, slots=True)
class Cid:
    """A CIDv1 under SHA-256."""

    codec: int
    digest: bytes

    def __bytes__(self) -> bytes:
        return bytes((1, self.codec, 0x12, 0x20)) + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(bytes(self)).decode().lower().rstrip("=")


def raw_cid(digest: bytes) -> Cid:
    """CID of raw bytes with a digest, what `salus.core.cid.cid_of` spells."""
    return Cid(RAW, digest)


def cid_from_bytes(raw: bytes) -> Cid:
    """A CID's 36 bytes read.

    Raises:
        InputError: another version, codec, hash or length.
    """
    if len(raw) != CID_BYTES or raw[0] != 1 or raw[1] not in (RAW, DAG_PB, DAG_CBOR) or raw[2:4] != b"\x12\x20":
        raise InputError("not a CIDv1 under SHA-256 of a codec that is used here")
    return Cid(raw[1], raw[4:])


def cid_from_text(text: str) -> Cid:
    """A CID in base32 read.

    Raises:
        InputError: another spelling, version, codec or hash.
    """
    try:
        raw = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    except ValueError as error:
        raise InputError("not a CID") from error
    cid = cid_from_bytes(raw)
    if text != str(cid):
        raise InputError("not a CID in lower-case base32")
    return cid


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes and their name."""

    cid: Cid
    data: bytes


def raw_block(data: bytes) -> Block:
    """A block of raw bytes."""
    return Block(raw_cid(sha256(data)), data)


def archive(root: Cid, blocks: Iterable[Block]) -> bytes:
    """A CAR with one root."""
    header = _HEAD + bytes(root) + _TAIL
    parts = [varint(len(header)), header]
    for block in blocks:
        parts += [varint(CID_BYTES + len(block.data)), bytes(block.cid), block.data]
    return b"".join(parts)


def varint(number: int) -> bytes:
    """Unsigned LEB128, as CAR and protocol buffers have it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def batch_root(digests: Iterable[bytes]) -> Block:
    """The block that names raw blocks stored together: a DAG-CBOR list of links, sorted, so that the same blocks have
    the same root."""
    links = sorted(set(digests))
    body = _cbor_list_head(len(links)) + b"".join(_CID_LINK + bytes(raw_cid(digest)) for digest in links)
    return Block(Cid(DAG_CBOR, sha256(body)), body)


def batch_links(body: bytes) -> list[bytes]:
    """Digests that a root of `batch_root` names.

    Raises:
        InputError: not such a root.
    """
    size = len(_CID_LINK) + CID_BYTES
    count, start = _read_cbor_list_head(body)
    if len(body) != start + count * size:
        raise InputError("not the root of a batch")
    links = []
    for place in range(start, len(body), size):
        if body[place : place + len(_CID_LINK)] != _CID_LINK:
            raise InputError("not the root of a batch")
        links.append(cid_from_bytes(body[place + len(_CID_LINK) : place + size]).digest)
    return links


def _cbor_list_head(count: int) -> bytes:
    """Head of a CBOR array in its shortest form (RFC 8949 section 3)."""
    if count < 24:
        return bytes((0x80 | count,))
    for width, head in ((1, 0x98), (2, 0x99), (4, 0x9A)):
        if count < 1 << 8 * width:
            return bytes((head,)) + count.to_bytes(width, "big")
    raise InputError("too many links for one root")


def _read_cbor_list_head(body: bytes) -> tuple[int, int]:
    """Count of a CBOR array and where its items start."""
    first = body[0] if body else 0
    if 0x80 <= first < 0x98:
        return first - 0x80, 1
    width = {0x98: 1, 0x99: 2, 0x9A: 4}.get(first)
    if width is None or len(body) <= width:
        raise InputError("not the root of a batch")
    return int.from_bytes(body[1 : 1 + width], "big"), 1 + width
