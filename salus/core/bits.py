"""Bit fields packed into 256-bit words, least significant field first (protocol section 4, Words)."""

from __future__ import annotations

from collections.abc import Mapping

from salus.core.errors import CalldataError

Layout = tuple[tuple[str, int], ...]


def pack(layout: Layout, values: Mapping[str, int]) -> int:
    """Word of the fields named in the layout.

    Raises:
        CalldataError: a value does not fit its field.
    """
    word = offset = 0
    for name, width in layout:
        value = int(values[name])
        if value < 0 or value >> width:
            raise CalldataError(f"{name} does not fit {width} bits")
        word |= value << offset
        offset += width
    return word


def unpack(layout: Layout, word: int) -> dict[str, int]:
    """Fields of a word.

    Raises:
        CalldataError: bits above the last field are set.
    """
    values: dict[str, int] = {}
    for name, width in layout:
        values[name] = word & ((1 << width) - 1)
        word >>= width
    if word:
        raise CalldataError("bits beyond the last field are set")
    return values
