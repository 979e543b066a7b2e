"""The reply to a message: MSH with sender and receiver exchanged, MSA, and ERR when something is wrong.

A reply is built from as much of the header as could be read, so that even a refused frame gets an answer the sender can
match. It uses the separators and the character set of the message, and says so when MSH-18 lied. ERR never repeats
content. Control characters of the message's header don't come back: a line end or a frame mark in it would make other
segments, or another frame, of the reply.
Source: HL7 v2.9 sections 2.9.2.2 (response), 2.14.8 (MSA), 2.14.5 (ERR), table 0516 (severity).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from oracle.hl7.charset import ASCII, BIG5, GB18030, UTF_8, codec_of, decode, encode
from oracle.hl7.errors import AckCode, Condition, HL7Error, Location
from oracle.hl7.escapes import escape
from oracle.hl7.message import Segment
from oracle.hl7.modes import ORIGINAL, Asked, asked_by
from oracle.hl7.separators import STANDARD, Separators, separators_of
from oracle.hl7.texts import Language, condition_text, found_text
from oracle.hl7.timestamps import hl7_stamp

_CONDITION_SYSTEM = "HL70357"
_SEVERITY = "E"  # table 0516
_MAX_HEADER = 8192
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Header:
    """What a reply needs of a message's MSH; every field may be empty, texts are as sent (still escaped)."""

    separators: Separators = STANDARD
    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    trigger_event: str = ""
    control_id: str = ""
    processing_id: str = ""
    version_id: str = ""
    charset: str = ""
    codec: str = UTF_8
    sequence_number: str = ""
    accept_ack: str = ""
    application_ack: str = ""

    @property
    def asked(self) -> Asked:
        """Which answers the message asks for."""
        if not self.accept_ack and not self.application_ack:
            return ORIGINAL
        return asked_by(self.accept_ack, self.application_ack)


def header_of(segment: Segment, codec: str) -> Header:
    """Header of a parsed message."""
    return Header(
        separators=segment.separators,
        sending_application=segment.field(3),
        sending_facility=segment.field(4),
        receiving_application=segment.field(5),
        receiving_facility=segment.field(6),
        trigger_event=segment.first(9).raw_component(2),
        control_id=segment.field(10),
        processing_id=segment.field(11),
        version_id=segment.field(12),
        charset=segment.field(18),
        codec=codec,
        sequence_number=segment.field(13),
        accept_ack=segment.field(15),
        application_ack=segment.field(16),
    )


def salvage_header(raw: bytes, setting: str | None = None) -> Header:
    """As much of a header as a refused message shows; never raises."""
    line = raw.lstrip()[:_MAX_HEADER].replace(b"\n", b"\r").split(b"\r", 1)[0]
    try:
        decoded = decode(line, setting)
        text, codec = decoded.text, decoded.codec
    except HL7Error:
        text, codec = line.decode(ASCII, errors="replace"), UTF_8
    try:
        separators = separators_of(text)
        return header_of(Segment(text, separators, 1), codec)
    except HL7Error:
        return Header(codec=codec)


def header_to_bytes(header: Header) -> bytes:
    """A header as kept for a later answer (msgpack)."""
    return msgspec.msgpack.encode(header)


def header_from_bytes(kept: bytes) -> Header:
    """A kept header."""
    return _DECODER.decode(kept)


def build_ack(
    header: Header,
    code: AckCode,
    *,
    now: datetime,
    control_id: str,
    error: HL7Error | None = None,
    language: Language = Language.ENGLISH,
    confirm: bool | None = None,
    more: Sequence[Sequence[str]] = (),
) -> bytes:
    """The reply as bytes, without MLLP framing. `now` is aware; `control_id` is this reply's own MSH-10.

    `confirm` fills MSH-15 (AL or NE) and MSH-16 (NE) of a deferred application acknowledgment. `more` are segments
    beyond the standard's: name and fields of each, already escaped.
    """
    marks = header.separators
    f, c = marks.field, marks.component
    kind = f"ACK{c}{header.trigger_event}{c}ACK" if header.trigger_event else "ACK"
    msh = f.join(
        (
            "MSH",
            marks.encoding_characters,
            without_controls(header.receiving_application),
            without_controls(header.receiving_facility),
            without_controls(header.sending_application),
            without_controls(header.sending_facility),
            hl7_stamp(now),
            "",
            without_controls(kind),
            control_id,
            without_controls(header.processing_id) or "P",
            without_controls(header.version_id) or "2.5.1",
            "",
            "",
            *(("", "") if confirm is None else ("AL" if confirm else "NE", "NE")),
            "",
            _charset_name(header),
        )
    )
    text = f"{msh}\rMSA{f}{code.value}{f}{without_controls(header.control_id)}\r"
    if error is not None:
        text += _err(error, marks, _writable(language, header.codec)) + "\r"
    if more:
        text += "".join(f.join(segment) + "\r" for segment in more)
    return encode(text, header.codec)


def accept(header: Header, *, now: datetime, control_id: str) -> bytes:
    """AA, or CA in enhanced mode: the message is stored durably."""
    code = AckCode.COMMIT_ACCEPT if header.asked.enhanced else AckCode.ACCEPT
    return build_ack(header, code, now=now, control_id=control_id)


def refuse(
    header: Header, error: HL7Error, *, now: datetime, control_id: str, language: Language = Language.ENGLISH
) -> bytes:
    """AE or AR as the error's class says (CE or CR in enhanced mode), with an ERR segment."""
    code = error.ack.commit if header.asked.enhanced else error.ack
    return build_ack(header, code, now=now, control_id=control_id, error=error, language=language)


def _writable(language: Language, codec: str) -> Language:
    """Chinese only where the reply's character set has it."""
    return Language.ENGLISH if codec == ASCII else language


def _err(error: HL7Error, marks: Separators, language: Language) -> str:
    f, c = marks.field, marks.component
    condition = Condition(error.condition)
    coded = c.join((str(int(condition)), escape(condition_text(condition, language), marks), _CONDITION_SYSTEM))
    found = escape(found_text(error.text, condition, language), marks)
    return f.join(("ERR", "", _erl(error.location, c), coded, _SEVERITY, "", "", "", found))


def _erl(location: Location, component: str) -> str:
    """ERL: segment, sequence, field, repetition, component (HL7 v2.9 section 2A.3.28)."""
    if not location.segment:
        return ""
    parts = [location.segment, str(location.occurrence)]
    for number in (location.field, location.repetition or min(location.field, 1), location.component):
        if not number:
            break
        parts.append(str(number))
    return component.join(parts)


def _charset_name(header: Header) -> str:
    """MSH-18 of a reply: as the sender wrote it, unless it named none, or not the one it used. ASCII needs no name."""
    sent = without_controls(header.charset)
    first = sent.split(header.separators.repetition, 1)[0]
    if first and codec_of(first) in (None, header.codec):
        return sent
    return {UTF_8: "UNICODE UTF-8", GB18030: "GB 18030-2000", BIG5: "BIG-5"}.get(header.codec, "")


def without_controls(text: str) -> str:
    """A field of a header without control characters."""
    return text if text.isprintable() else _CONTROL.sub("", text)


_DECODER = msgspec.msgpack.Decoder(Header)
