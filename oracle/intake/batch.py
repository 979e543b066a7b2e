"""Batch files taken apart, a piece at a time: memory holds one message, however long the file.

    [FHS] { [BHS] { message } [BTS] } [FTS]

A file may also be messages only, one after the other. Lines may end in CR, LF or both; MLLP marks and a byte order mark
are tolerated. No character set in use has a line end inside a character, so lines are cut from bytes.
Source: HL7 v2.5.1 sections 2.10.3 (batch protocol), 2.15.2 (BHS), 2.15.3 (BTS), 2.15.6 (FHS), 2.15.7 (FTS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

_CHUNK = 1 << 20
_LINE_END = re.compile(rb"[\r\n]")
_MARKS = b"\x0b\x1c"
_BOM = b"\xef\xbb\xbf"
_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")
_SCANNED = 4096


@dataclass(frozen=True, slots=True)
class Envelope:
    """A header or trailer of a file or batch: its name, its line as sent, and the number of that line."""

    name: str
    line: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A message, with the number of its first line. `cut`: it was longer than allowed, and this is its head."""

    raw: bytes
    number: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Stray:
    """A line that belongs to no message."""

    number: int


Piece = Envelope | Enclosed | Stray


@dataclass(slots=True)
class Shape:
    """How a file is built. `counts` has, for each batch with a trailer, the messages it tells and those found.

    `problem` says why it is no batch file, and `line` where; then nothing of it may be taken.
    """

    messages: int = 0
    batches: int = 0
    told_batches: int | None = None
    counts: list[tuple[int | None, int]] = field(default_factory=list)
    problem: str = ""
    line: int = 0

    @property
    def mismatches(self) -> list[str]:
        """What the trailers count otherwise than it is."""
        found = [
            f"batch {place}: BTS-1 says {told}, found {there}"
            for place, (told, there) in enumerate(self.counts, start=1)
            if told is not None and told != there
        ]
        if self.told_batches is not None and self.told_batches != self.batches:
            found.append(f"FTS-1 says {self.told_batches} batches, found {self.batches}")
        return found


def pieces(file: BinaryIO, most: int) -> Iterator[Piece]:
    """The pieces of a file in order; of a message longer than `most` bytes only the head is kept."""
    lines: list[bytes] = []
    began, size, cut = 0, 0, False
    for number, (line, was_cut) in enumerate(_lines(file, most), start=1):
        name = line[:3]
        is_envelope = name in _ENVELOPES and not line[3:4].isalnum()
        if (is_envelope or name == b"MSH") and lines:
            yield Enclosed(b"\r".join(lines), began, cut)
            lines = []
        if is_envelope:
            yield Envelope(name.decode(), line, number)
        elif name == b"MSH":
            lines, began, size, cut = [line], number, len(line), was_cut
        elif not line.strip():
            continue
        elif not lines:
            yield Stray(number)
        elif size + len(line) + 1 > most:
            cut = True
        else:
            lines.append(line)
            size += len(line) + 1
            cut = cut or was_cut
    if lines:
        yield Enclosed(b"\r".join(lines), began, cut)


def shape_of(file: BinaryIO) -> Shape:
    """Read through a file and say how it is built; nothing of its content is kept."""
    shape, state, in_batch = Shape(), "start", 0
    for piece in pieces(file, _SCANNED):
        kind = _kind(piece)
        following = _GRAMMAR.get((state, kind))
        if following is None:
            shape.problem, shape.line = f"{kind} is not expected {_WHERE[state]}", piece.number
            return shape
        state = following
        if kind == "a message":
            shape.messages += 1
            in_batch += 1
        elif kind == "BHS":
            shape.batches += 1
            in_batch = 0
        elif isinstance(piece, Envelope) and kind == "BTS":
            shape.counts.append((_count(piece.line), in_batch))
        elif isinstance(piece, Envelope) and kind == "FTS":
            shape.told_batches = _count(piece.line)
    shape.problem = _CUT_OFF.get(state, "")
    return shape


def _kind(piece: Piece) -> str:
    if isinstance(piece, Envelope):
        return piece.name
    return "a message" if isinstance(piece, Enclosed) else "a line of no message"


# What may follow what: (where the reader is, what it meets) → where it is then
_GRAMMAR = {
    ("start", "a message"): "plain",
    ("start", "BHS"): "batch",
    ("start", "FHS"): "file",
    ("plain", "a message"): "plain",
    ("batch", "a message"): "batch",
    ("batch", "BTS"): "after batch",
    ("after batch", "BHS"): "batch",
    ("file", "a message"): "loose",
    ("file", "BHS"): "file batch",
    ("file", "FTS"): "end",
    ("loose", "a message"): "loose",
    ("loose", "FTS"): "end",
    ("file batch", "a message"): "file batch",
    ("file batch", "BTS"): "file after batch",
    ("file after batch", "BHS"): "file batch",
    ("file after batch", "FTS"): "end",
}
_WHERE = {
    "start": "at the start",
    "plain": "among messages without BHS",
    "batch": "inside a batch",
    "after batch": "after a batch",
    "file": "after FHS",
    "loose": "among messages without BHS",
    "file batch": "inside a batch",
    "file after batch": "after a batch",
    "end": "after FTS",
}
_CUT_OFF = {
    "start": "no message",
    "batch": "BTS is missing: the file is cut off",
    "file batch": "BTS is missing: the file is cut off",
    "file": "FTS is missing: the file is cut off",
    "loose": "FTS is missing: the file is cut off",
    "file after batch": "FTS is missing: the file is cut off",
}


def _count(line: bytes) -> int | None:
    """BTS-1 or FTS-1; None when it isn't given."""
    fields = line.split(line[3:4]) if len(line) > 3 else []
    text = fields[1].strip() if len(fields) > 1 else b""
    return int(text) if text.isdigit() and len(text) < 16 else None


def _lines(file: BinaryIO, most: int) -> Iterator[tuple[bytes, bool]]:
    """Lines without their ends, and whether more than `most` bytes of one were left out."""
    line, cut, first = bytearray(), False, True
    while chunk := file.read(_CHUNK):
        for place, part in enumerate(_LINE_END.split(chunk.removeprefix(_BOM) if first else chunk)):
            if place:
                yield bytes(line.strip(_MARKS)), cut
                line.clear()
                cut = False
            room = most - len(line)
            cut = cut or len(part) > room
            line += part if len(part) <= room else part[: max(0, room)]
        first = False
    if line:
        yield bytes(line.strip(_MARKS)), cut
