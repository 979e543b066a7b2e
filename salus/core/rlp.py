"""Recursive length prefix, the one canonical form and nothing else.

An item is bytes or a list of items. What has two encodings is refused, so bytes that decode are the bytes their hash
committed to. Source: Ethereum yellow paper, appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from salus.core.errors import IntegrityError

Item: TypeAlias = "bytes | list[Item]"
"""What decodes: a string of bytes, or a list."""
Encodable: TypeAlias = "bytes | int | Sequence[Encodable]"
"""What encodes: integers become their shortest big-endian bytes, zero the empty string."""

DEPTH = 16
"""Lists within lists that are read; headers, trie nodes and accounts need three."""


def encode(item: Encodable) -> bytes:
    """Canonical bytes of an item.

    Raises:
        OverflowError: a negative integer.
    """
    if isinstance(item, int):
        item = whole(item)
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(len(item), 0x80) + item
    body = b"".join([encode(each) for each in item])
    return _prefix(len(body), 0xC0) + body


def decode(data: bytes) -> Item:
    """The one item these bytes encode.

    Raises:
        IntegrityError: not canonical, cut short, followed by more, or nested deeper than `DEPTH`.
    """
    item, end = _read(data, 0, len(data), DEPTH)
    if end != len(data):
        raise IntegrityError("RLP is followed by more bytes")
    return item


def whole(value: int) -> bytes:
    """Shortest big-endian bytes of an integer that is not negative."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def number(item: Item, most: int) -> int:
    """Integer of a decoded string of at most `most` bytes.

    Raises:
        IntegrityError: a list, longer, or with leading zeros.
    """
    if isinstance(item, list) or len(item) > most or item[:1] == b"\0":
        raise IntegrityError(f"an RLP integer has at most {most} bytes and no leading zero")
    return int.from_bytes(item, "big")


def text(item: Item, length: int) -> bytes:
    """A decoded string of exactly `length` bytes.

    Raises:
        IntegrityError: a list, or of another length.
    """
    if isinstance(item, list) or len(item) != length:
        raise IntegrityError(f"expected {length} bytes of RLP")
    return item


def items(item: Item, *counts: int) -> list[Item]:
    """A decoded list of one of these lengths; of any length when none is given.

    Raises:
        IntegrityError: a string, or of another length.
    """
    if not isinstance(item, list) or (counts and len(item) not in counts):
        raise IntegrityError(f"expected an RLP list of {' or '.join(map(str, counts)) or 'any number of'} items")
    return item


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    size = whole(length)
    return bytes((offset + 55 + len(size),)) + size


def _read(data: bytes, at: int, end: int, depth: int) -> tuple[Item, int]:
    """Item at an offset, and the offset after it; nothing at or beyond `end` belongs to it."""
    if at >= end:
        raise IntegrityError("RLP is cut short")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    if first < 0xC0:
        start, stop = _span(data, at, end, first - 0x80)
        if stop - start == 1 and data[start] < 0x80:
            raise IntegrityError("RLP of a small byte has a prefix")
        return data[start:stop], stop
    if not depth:
        raise IntegrityError(f"RLP is nested deeper than {DEPTH} lists")
    start, stop = _span(data, at, end, first - 0xC0)
    found: list[Item] = []
    while start < stop:
        if data[start] == 0xA0 and start + 33 <= stop:  # a 32-byte string, what trie nodes are made of
            found.append(data[start + 1 : start + 33])
            start += 33
        else:
            item, start = _read(data, start, stop, depth - 1)
            found.append(item)
    return found, stop


def _span(data: bytes, at: int, end: int, marker: int) -> tuple[int, int]:
    """Where the payload begins and ends whose prefix, less its kind's offset, is `marker` (0 to 63)."""
    start = at + 1
    if marker < 56:
        length = marker
    else:
        start += marker - 55
        size = data[at + 1 : start]
        length = int.from_bytes(size, "big")
        if start > end or size[0] == 0 or length < 56:
            raise IntegrityError("RLP length is not in its shortest form")
    if start + length > end:
        raise IntegrityError("RLP is cut short")
    return start, start + length
