"""Files of linked blocks: bytes too many for one block, as one UnixFS file of one level (specs.ipfs.tech/unixfs).

The root is a dag-pb node: a link for each raw block of `PIECE` bytes (the last may be shorter), then what UnixFS says
of the file. `ipfs add --cid-version 1 --raw-leaves --chunker size-1048576` makes the same root of up to 174 blocks;
longer files get more levels there, and a wider root here, which any IPFS node reads alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from salus.adapters.content.car import DAG_PB, Block, Cid, cid_from_bytes, varint
from salus.core.errors import InputError
from salus.core.hashing import sha256

PIECE = 1 << 20
"""Bytes of a block."""
MOST_PIECES = 32_000
"""So many links still fit into a root of one block (2 MiB): 31 GiB."""
_FILE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """One block of a file."""

    cid: Cid
    size: int


def file_root(pieces: Iterable[Piece]) -> Block:
    """The root of a file.

    Raises:
        InputError: too many pieces.
    """
    listed = list(pieces)
    if len(listed) > MOST_PIECES:
        raise InputError(f"a file has at most {MOST_PIECES} blocks of {PIECE} bytes")
    links = b"".join(_field(2, _link(piece)) for piece in listed)
    about = _number(1, _FILE) + _number(3, sum(piece.size for piece in listed))
    about += b"".join(_number(4, piece.size) for piece in listed)
    body = links + _field(1, about)  # dag-pb has links before data
    return Block(Cid(DAG_PB, sha256(body)), body)


def file_pieces(body: bytes) -> list[Piece]:
    """The pieces a root of `file_root` names, in order.

    Raises:
        InputError: not such a root.
    """
    links: list[Piece] = []
    for number, value in _fields(body):
        if number == 2 and isinstance(value, bytes):
            parts = dict(_fields(value))
            raw, size = parts.get(1), parts.get(3)
            if not isinstance(raw, bytes) or not isinstance(size, int):
                raise InputError("not the root of a file")
            links.append(Piece(cid_from_bytes(raw), size))
    if not links or file_root(links).data != body:
        raise InputError("not the root of a file of one level")
    return links


def _link(piece: Piece) -> bytes:
    return _field(1, bytes(piece.cid)) + _field(2, b"") + _number(3, piece.size)


def _field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + varint(len(value)) + value


def _number(number: int, value: int) -> bytes:
    return bytes((number << 3,)) + varint(value)


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Fields of a protocol-buffers message that has only numbers and byte strings."""
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        value, place = _read_varint(message, place)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and place + value <= len(message):
            yield tag >> 3, message[place : place + value]
            place += value
        else:
            raise InputError("not a protocol-buffers message of the kind used here")


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise InputError("a number is cut short")
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
