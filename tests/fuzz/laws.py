"""What must hold for any bytes a sender gives: one law for each way in, checked by hypothesis and by `bench.fuzz`.

A law raises when it is broken. Bytes come from anywhere: a mutated message, a coverage-guided fuzzer, a file of
something found before.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fhirkit

from oracle.fold import Told, fold
from oracle.hl7.ack import build_ack, header_from_bytes, header_to_bytes
from oracle.hl7.charset import codec_of, decode
from oracle.hl7.errors import AckCode, HL7Error
from oracle.hl7.escapes import escape, unescape
from oracle.hl7.message import Message, parse
from oracle.hl7.texts import Language
from oracle.intake.batch import Enclosed, Envelope, pieces, shape_of
from oracle.intake.batch_reply import BatchReply
from oracle.intake.mllp import END, START, MllpLimits, MllpProtocol, MllpServer
from oracle.intake.ports import Peer
from oracle.intake.receive import SUPPORTED_EVENTS, Received, receive, reply_to
from oracle.intake.reception import Reception
from oracle.label import label
from oracle.model import RawMessage
from oracle.normalise import SourceProfile, identity_changes, normalise
from oracle.reading import read_message
from oracle.sources import Institution, read_source
from salus.core.canonical import canonical
from salus.core.canonical import parse as parse_json
from salus.core.errors import CanonicalError, InputError, SetupError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
PROFILE = SourceProfile("示例医院", "HB")
_MARKS = (START, END)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


# a reply


def check_reply(reply: bytes, received: Received) -> None:
    """A reply is HL7 in the sender's own separators and character set, and answers this very message."""
    header = received.header
    marks = header.separators
    text = reply.decode(header.codec)
    assert text.endswith("\r")
    assert not any(mark in reply for mark in _MARKS), "a reply holds a frame mark"
    assert "\n" not in text, "a reply holds a line feed"
    segments = text[:-1].split("\r")
    fields = [segment.split(marks.field) for segment in segments]
    assert [one[0] for one in fields] == ["MSH", "MSA"] + (["ERR"] if len(fields) == 3 else []), "segments of a reply"
    msh, msa = fields[0], fields[1]
    assert len(msh) == 18, "fields of MSH"
    assert msh[1] == marks.encoding_characters
    assert msh[8].split(marks.component)[0] == "ACK"
    assert len(msh[8].split(marks.component)) in (1, 3), "MSH-9"
    assert len(msa) == 3, "fields of MSA"
    assert msa[2] == _CONTROL.sub("", header.control_id), "MSA-2"
    said = msh[17].split(marks.repetition)[0]
    assert said or header.codec == "ascii", "MSH-18"
    assert codec_of(said) in (header.codec, None), "MSH-18"
    assert (len(fields) == 2) == (msa[1] in ("AA", "CA"))
    assert text.startswith("MSH" + marks.field)
    parsed = parse(text)
    assert parsed.folded == 0
    assert [segment.name for segment in parsed.segments] == [one[0] for one in fields]


def acknowledged(raw: bytes) -> None:
    """Judging and answering never raises; every reply is well formed; a header survives its way to a later answer."""
    for charset in (None, "GB18030"):
        received = receive(raw, charset)
        for language in Language:
            check_reply(reply_to(received, now=NOW, control_id="S1", language=language), received)
        kept = header_from_bytes(header_to_bytes(received.header))
        assert kept == received.header
        build_ack(kept, AckCode.ACCEPT, now=NOW, control_id="S1")
        assert receive(raw, charset).content_hash == received.content_hash
        if received.error is not None:
            says_nothing(received.error, received.text)


def says_nothing(error: HL7Error, text: str) -> None:
    """An error names places only: its text is one of ours, so it is the same for another message."""
    assert error.text.isascii()
    assert "|" not in str(error)
    assert len(error.text) < 160


# a message taken apart


def parsed(raw: bytes) -> None:
    """Parsing raises only its own errors; what was parsed and is written again gives the same fields."""
    try:
        decoded = decode(raw)
        message = parse(decoded.text)
    except HL7Error:
        return
    again = parse("\r".join(segment.raw.replace("\n", "\r") for segment in message.segments))
    assert _fields(again) == _fields(message)
    marks = message.separators
    for segment in message.segments:
        for number in range(1, 12):
            try:
                value = segment.value(number)
                for repetition in segment.repetitions(number):
                    repetition.value(2, 1)
                    repetition.inner(1).value(1)
            except HL7Error:
                break
            if marks.escape and marks.subcomponent:
                lines = value.replace("\r\n", "\n").replace("\r", "\n")
                assert unescape(escape(value, marks), marks) == lines


def _fields(message: Message) -> list[list[str]]:
    return [segment.raw.split(message.separators.field) for segment in message.segments]


# a message read


def read(raw: bytes) -> None:
    """Reading never breaks; what it makes is FHIR with a canonical form, labelled, and folds to itself."""
    for profile in (PROFILE, SourceProfile("H", "HB", "GB18030", level=3)):
        outcome = read_message(RawMessage("his", raw), {"his": profile})
        assert not outcome.broken, outcome.broken
        try:
            message = parse(decode(raw, profile.charset).text)
            groups = normalise(message, profile)
            changes = identity_changes(message, profile)
        except HL7Error as error:
            says_nothing(error, "")
            continue
        assert normalise(message, profile) == groups
        for one in changes:
            assert one.subject_key
            assert one.survivor_key
        for group in groups:
            for resource in (group.head, *(item.resource for item in group.items)):
                check_fhir(resource)
            drafts = label(group)
            assert drafts
            for draft in drafts:
                assert draft.record_key
                canonical(draft.content)
            told = [Told(1, group), Told(2, group)]
            assert canonical(fold(told).group.head) == canonical(fold(told[:1]).group.head)
            fold([*told, Told(3, groups[0])] if groups[0].kind == group.kind else told)


def check_fhir(resource: dict[str, Any]) -> None:
    """Structure of a resource, as fhirkit sees it."""
    found = fhirkit.validate(canonical(resource).decode())
    issues = [one for one in found if one.severity in ("error", "fatal")]
    assert not issues, [(one.path, one.message) for one in issues][:3]


# frames on a wire


class _Journal:
    def append(self, received: Received, peer: Peer) -> asyncio.Future[bytes]:
        stored: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        stored.set_result(received.sha256)
        return stored


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    close = abort

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


_LIMITS = MllpLimits(message_bytes=4096, unfinished_bytes=16_384)


async def _answers(pieces: Sequence[bytes]) -> tuple[bytes, int]:
    numbers = count()
    sink = Reception(_Journal(), now=lambda: NOW, next_control_id=lambda: f"S{next(numbers)}")
    server = MllpServer(sink, "his", _LIMITS)
    transport, protocol = _Transport(), MllpProtocol(server)
    protocol.connection_made(transport)
    for piece in pieces:
        if transport.closed:
            break
        protocol.data_received(piece)
    for _ in range(6):
        await asyncio.sleep(0)
    assert protocol.pending == 0, "a message has no reply"
    held = server.held.bytes
    assert held <= _LIMITS.message_bytes + 2, "more than one message is held"
    protocol.connection_lost(None)
    assert server.held.bytes == 0
    return bytes(transport.written), server.counters.messages


def framed(data: bytes) -> None:
    """The same bytes get the same replies however they are cut; each reply is one whole frame."""

    async def case() -> None:
        whole = await _answers([data])
        sizes = (data[0] % 31 + 1 if data else 1, 1)
        for size in sizes if len(data) <= 6000 else sizes[:1]:
            cut = [data[place : place + size] for place in range(0, len(data), size)]
            assert await _answers(cut) == whole, f"cut into pieces of {size}"
        for one in whole[0].split(END + b"\r")[:-1]:
            assert one.startswith(START + b"MSH")
            assert one.count(START) == 1

    asyncio.run(case())


# batch files


class _Short(BytesIO):
    """A file that gives a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(7, size or 7))


def batch(data: bytes) -> None:
    """A file is taken apart alike however it is read; each message begins with MSH and is no longer than allowed."""
    found = list(pieces(BytesIO(data), 2048))
    assert list(pieces(_Short(data), 2048)) == found
    messages = [piece for piece in found if isinstance(piece, Enclosed)]
    for one in messages:
        assert one.raw.startswith(b"MSH")
        assert len(one.raw) <= 2048
        assert b"\n" not in one.raw
    shape = shape_of(BytesIO(data))
    assert shape.problem or shape.messages == len(messages)
    if shape.problem:
        return
    numbers, out = count(), BytesIO()
    answer = BatchReply(out, None, lambda: NOW, lambda: f"S{next(numbers)}", shape.mismatches)
    for piece in found:
        if isinstance(piece, Envelope):
            answer.envelope(piece)
        elif isinstance(piece, Enclosed):
            answer.reply(b"MSH|^~\\&\rMSA|AA|1\r")
    answer.end()
    lines = out.getvalue().split(b"\r")
    assert lines.pop() == b""
    assert {line[:3] for line in lines} <= {b"FHS", b"BHS", b"MSH", b"MSA", b"BTS", b"FTS"}
    assert sum(line.startswith(b"MSA") for line in lines) == len(messages)
    assert not any(sign in out.getvalue() for sign in (b"\n", START, END))
    assert (
        shape_of(BytesIO(out.getvalue())).problem == ("" if messages or shape.batches else "no message") or not messages
    )


# JSON and TOML


def json_body(data: bytes) -> None:
    """A body of JSON is read as it stands or refused; what can be written has one canonical form."""
    try:
        value = parse_json(data)
        written = canonical(value)
    except (InputError, CanonicalError):
        return
    assert canonical(parse_json(written)) == written


def source_file(data: bytes) -> None:
    """A source's file is read, or refused as a set-up error."""
    with TemporaryDirectory() as folder, suppress(SetupError):
        file = Path(folder) / "lis.toml"
        file.write_bytes(data)
        read_source(file, Institution("H", "HB"), SUPPORTED_EVENTS)


LAWS: dict[str, Callable[[bytes], None]] = {
    "ack": acknowledged,
    "parse": parsed,
    "read": read,
    "mllp": framed,
    "batch": batch,
    "json": json_body,
    "toml": source_file,
}
"""Laws by name."""
