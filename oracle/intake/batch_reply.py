"""The reply to a batch file: the same envelopes, exchanged sender and receiver, around the replies to its messages.

A file of messages only is answered by one batch. Counts in the trailers are those of the replies; a comment says what
the trailers of the file count otherwise than it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from oracle.hl7.ack import without_controls
from oracle.hl7.charset import UTF_8, decode, encode
from oracle.hl7.errors import HL7Error
from oracle.hl7.escapes import escape
from oracle.hl7.separators import STANDARD, Separators, separators_of
from oracle.hl7.timestamps import hl7_stamp
from oracle.intake.batch import Envelope

_CONTROL = 11
_HEADERS = {"FHS", "BHS"}


@dataclass(slots=True)
class BatchReply:
    """Writes a reply file, piece by piece. `now` is aware; `next_control_id` gives its own FHS-11 and BHS-11."""

    out: BinaryIO
    charset: str | None
    now: Callable[[], datetime]
    next_control_id: Callable[[], str]
    mismatches: list[str] = field(default_factory=list)
    batches: int = 0
    _replies: int = 0
    _in_batch: bool = False
    _in_file: bool = False
    _marks: Separators = STANDARD
    _codec: str = UTF_8

    def envelope(self, piece: Envelope) -> None:
        """Answer a header or trailer of the file."""
        if piece.name == "FHS":
            self._in_file = True
            self._header(piece)
        elif piece.name == "BHS":
            self._begin(piece)
        elif piece.name == "BTS":
            self._end()
        else:
            if self._in_batch:
                self._end()
            self._line("FTS", [str(self.batches), self._comment()])

    def reply(self, message: bytes) -> None:
        """Add the reply to a message; an empty one is none."""
        if not self._in_batch:
            self._begin(None)
        if message:
            self._replies += 1
            self.out.write(message if message.endswith(b"\r") else message + b"\r")

    def end(self) -> None:
        """The file has ended."""
        if self._in_batch:
            self._end()

    def _begin(self, piece: Envelope | None) -> None:
        if piece is not None:
            self._header(piece)
        else:
            self._line("BHS", [*[""] * 4, hl7_stamp(self.now()), "", "", "", self.next_control_id()])
        self.batches += 1
        self._replies, self._in_batch = 0, True

    def _end(self) -> None:
        comment = "" if self._in_file else self._comment()
        self._line("BTS", [str(self._replies), *([comment] if comment else [])])
        self._in_batch = False

    def _comment(self) -> str:
        return escape("; ".join(self.mismatches), self._marks)

    def _header(self, piece: Envelope) -> None:
        """FHS or BHS: 3 to 6 exchanged, 7 now, 11 our own control id, 12 the sender's."""
        try:
            decoded = decode(piece.line, self.charset)
            text, self._codec = without_controls(decoded.text), decoded.codec
            self._marks = separators_of("MSH" + text[3:])
        except HL7Error:
            text, self._marks = piece.name, STANDARD
        fields = ["", *text.split(self._marks.field)]
        fields += [""] * (_CONTROL + 2 - len(fields))
        ours = [fields[5], fields[6], fields[3], fields[4], hl7_stamp(self.now()), "", "", ""]
        self._line(piece.name, [*ours, self.next_control_id(), fields[_CONTROL]])

    def _line(self, name: str, fields: list[str]) -> None:
        marks = self._marks
        head = [name, marks.encoding_characters] if name in _HEADERS else [name]
        text = marks.field.join([*head, *fields]).rstrip(marks.field)
        self.out.write(encode(text + "\r", self._codec))
