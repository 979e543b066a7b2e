"""Judge one message before it is stored: cheap checks only, everything clinical is left to the pipeline.

    bytes ─► charset ─► MSH ─► type known? ─► control id? ─► ACCEPT     AA, stored
               │          │         │              └ no ─►    ERROR      AE, not stored
               │          └─────────┴─ no ─►                  REJECT     AR, not stored
               └ undecodable ─►                               QUARANTINE AE, stored for a person

These are the answers of original mode; `oracle.intake.reception` gives those of enhanced mode.

A replay is found by `message_key` and `sha256`: same key and bytes is a resend, same key and other bytes is a control
id used twice. `content_hash` leaves out MSH-7 and MSH-10, so it finds a resend under a new control id.
Source: HL7 v2.9 sections 2.9.2 and 2.14.9; v2.5.1 section 2.9.3.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from oracle.hl7.ack import Header, accept, header_of, refuse, salvage_header
from oracle.hl7.charset import decode
from oracle.hl7.errors import (
    CharsetError,
    Condition,
    FrameError,
    HL7Error,
    Location,
    MissingFieldError,
    UnsupportedError,
)
from oracle.hl7.message import Message, parse
from oracle.hl7.texts import Language
from oracle.sources import Source

# Message types with a mapping in oracle.normalise; a test there holds the two together.
SUPPORTED_EVENTS: dict[str, frozenset[str]] = {
    "ADT": frozenset(
        {
            "A01",
            "A02",
            "A03",
            "A04",
            "A05",
            "A06",
            "A07",
            "A08",
            "A11",
            "A13",
            "A18",
            "A24",
            "A28",
            "A30",
            "A31",
            "A34",
            "A36",
            "A37",
            "A39",
            "A40",
            "A43",
            "A44",
            "A45",
            "A47",
        }
    ),
    "ORU": frozenset({"R01"}),
    "OUL": frozenset({"R22", "R23", "R24"}),
    "MDM": frozenset({"T02", "T04", "T06", "T08", "T10"}),
    "ORM": frozenset({"O01"}),
    "OML": frozenset({"O21", "O33", "O35"}),
    "OMG": frozenset({"O19"}),
    "OMP": frozenset({"O09"}),
    "RDE": frozenset({"O01", "O11", "O25"}),
    "RDS": frozenset({"O01", "O13"}),
    "RAS": frozenset({"O01", "O17"}),
    "VXU": frozenset({"V04"}),
    "SIU": frozenset({f"S{number}" for number in (*range(12, 23), 26)}),
    "DFT": frozenset({"P03", "P11"}),
    "BAR": frozenset({"P01", "P05", "P06", "P12"}),
    "PPR": frozenset({"PC1", "PC2", "PC3"}),
}
_TABLE_0076 = """
ACK ADT BAR BPS BRP BRT BTS CCF CCI CCM CCQ CCR CCU CQU CRM CSU DBC DBU DEL DEO DER DFT DOC DPR DRC DRG DSR EAC
EAN EAR EDR EHC EQQ ERP ESR ESU INR INU IPC LSR LSU MCF MDM MFD MFK MFN MFQ MFR NMD NMQ NMR OMB OMD OMG OMI OML
OMN OMP OMQ OMS OPL OPR OPU ORA ORB ORD ORF ORG ORI ORL ORM ORN ORP ORR ORS ORU ORX OSM OSQ OSR OSU OUL PEX PGL
PIN PMU PPG PPP PPR PPT PPV PRR PTR QBP QCK QCN QRF QRY QSB QSX QVR RAR RAS RCI RCL RDE RDR RDS RDY REF RER RGR
RGV ROR RPA RPI RPL RPR RQA RQC RQI RQP RQQ RRA RRD RRE RRG RRI RSP RTB SCN SDN SDR SIU SLN SLR SMD SPQ SQM SQR
SRM SRR SSR SSU STC STI SUR TBR TCR TCU UDM VQQ VXQ VXR VXU VXX
"""  # HL7 v2.9, message types
_CODES = frozenset(_TABLE_0076.split())
_EVENT = re.compile(r"[A-Z][A-Z0-9][0-9]")
_PROCESSING_IDS = frozenset({"", "P", "T", "D"})


class Verdict(Enum):
    """What becomes of a message."""

    ACCEPT = "accept"
    REJECT = "reject"
    ERROR = "error"
    QUARANTINE = "quarantine"

    @property
    def stored(self) -> bool:
        """Whether the message must be durable before the reply goes out."""
        return self in (Verdict.ACCEPT, Verdict.QUARANTINE)


@dataclass(frozen=True, slots=True)
class Received:
    """One message, judged. `message_key` is (MSH-3, MSH-4, MSH-10) as sent; texts are "" where they can't be known.

    `owed` is what an application acknowledgment will need (`hl7.ack.header_to_bytes`), empty when none is owed, and
    `transport` the way it came, by which that goes back.
    """

    raw: bytes
    verdict: Verdict
    header: Header
    message_key: tuple[str, str, str]
    sha256: bytes
    content_hash: bytes
    message_type: str
    text: str
    codec: str
    charset_mismatch: bool = False
    error: HL7Error | None = None
    owed: bytes = b""
    transport: str = ""

    @property
    def control_id(self) -> str:
        """MSH-10 as sent."""
        return self.message_key[2]

    @property
    def sequence_number(self) -> int | None:
        """MSH-13, the sender's own count of its messages; None when it gives none."""
        text = self.header.sequence_number
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def receive(raw: bytes, charset: str | None = None, source: Source | None = None) -> Received:
    """Judge the bytes of one message; never raises. `charset` is the source's setting, which wins over MSH-18.

    With a `source`, its own rules count too: which messages it may send, which segments must be there.
    """
    digest = hashlib.sha256(raw).digest()
    try:
        if not raw.strip():
            raise FrameError("the frame is empty")
        decoded = decode(raw, charset)
    except CharsetError as error:
        return _refused(raw, digest, charset, Verdict.QUARANTINE, error)
    except HL7Error as error:
        return _refused(raw, digest, charset, Verdict.REJECT, error)
    try:
        message = parse(decoded.text)
        header = header_of(message.header, decoded.codec)
    except HL7Error as error:
        return _refused(raw, digest, charset, _verdict_of(error), error)
    error_found = _objection(message) or (_breach(message, source) if source is not None else None)
    return Received(
        raw=raw,
        verdict=_verdict_of(error_found) if error_found else Verdict.ACCEPT,
        header=header,
        message_key=(header.sending_application, header.sending_facility, header.control_id),
        sha256=digest,
        content_hash=_content_hash(message),
        message_type=_known_type(*message.type),
        text=decoded.text,
        codec=decoded.codec,
        charset_mismatch=decoded.mismatch,
        error=error_found,
    )


def take_apart(raw: bytes, charset: str | None = None) -> Message:
    """A message for reading it, after it was received: without the hashes and texts that only its reply needs.

    Raises:
        HL7Error: as `receive` would have found, source rules left out.
    """
    try:
        if not raw.strip():
            raise FrameError("the frame is empty")
        message = parse(decode(raw, charset).text)
        objection = _objection(message)
    except HL7Error as error:
        raise _placed(error) from error
    if objection is not None:
        raise objection
    return message


def reply_to(received: Received, *, now: datetime, control_id: str, language: Language = Language.ENGLISH) -> bytes:
    """The reply a verdict asks for. For a stored verdict call it after the message is durable.

    In enhanced mode a stored message gets its commit accept, also when it waits for a person: the rest is the
    application acknowledgment's to tell.
    """
    header = received.header
    if received.error is None or (header.asked.enhanced and received.verdict.stored):
        return accept(header, now=now, control_id=control_id)
    return refuse(header, received.error, now=now, control_id=control_id, language=language)


def _known_type(code: str, event: str) -> str:
    """Type and event as they may stand in clear in the journal, in lists and logs; "" for what only looks like them.

    A sender that lost a separator has a name there, or a text of any length.
    """
    if code not in _CODES:
        return ""
    return f"{code}^{event}" if _EVENT.fullmatch(event) else code


def _objection(message: Message) -> HL7Error | None:
    msh = message.header
    code, event = message.type
    if not msh.value(9):
        return MissingFieldError("the message type is missing", msh.at(9))
    if code not in SUPPORTED_EVENTS:
        return UnsupportedError("this message type is not taken here", msh.at(9, 1))
    if event not in SUPPORTED_EVENTS[code]:
        condition = Condition.UNSUPPORTED_EVENT_CODE
        return UnsupportedError("this trigger event is not taken here", msh.at(9, 2), condition=condition)
    if not message.control_id:
        return MissingFieldError("the message control id is missing", msh.at(10))
    if msh.value(11).upper() not in _PROCESSING_IDS:
        condition = Condition.UNSUPPORTED_PROCESSING_ID
        return UnsupportedError("the processing id must be P, T or D", msh.at(11), condition=condition)
    if not msh.value(12).startswith("2") and msh.value(12):
        condition = Condition.UNSUPPORTED_VERSION_ID
        return UnsupportedError("only version 2 messages are taken", msh.at(12), condition=condition)
    return None


def _breach(message: Message, source: Source) -> HL7Error | None:
    """What the source's own rules say against a message."""
    code, event = message.type
    if not source.takes(code, event):
        condition = Condition.UNSUPPORTED_EVENT_CODE
        return UnsupportedError("this source may not send such messages", message.header.at(9), condition=condition)
    for name in source.required_segments:
        if message.first(name) is None:
            condition, place = Condition.SEGMENT_SEQUENCE, Location(name)
            return MissingFieldError("a segment this source must send is missing", place, condition=condition)
    return None


def _verdict_of(error: HL7Error) -> Verdict:
    return Verdict.REJECT if error.ack.value == "AR" else Verdict.ERROR


def _refused(raw: bytes, digest: bytes, charset: str | None, verdict: Verdict, error: HL7Error) -> Received:
    header = salvage_header(raw, charset)
    return Received(
        raw=raw,
        verdict=verdict,
        header=header,
        message_key=(header.sending_application, header.sending_facility, header.control_id),
        sha256=digest,
        content_hash=digest,
        message_type="",
        text="",
        codec=header.codec,
        error=_placed(error),
    )


def _placed(error: HL7Error) -> HL7Error:
    return error if error.location.segment else type(error)(error.text, Location("MSH"))


def _content_hash(message: Message) -> bytes:
    """SHA-256 of the message as UTF-8 without MSH-7 and MSH-10, whatever its character set and line ends."""
    mark = message.separators.field
    fields = message.header.raw.split(mark)
    for place in (6, 9):
        if place < len(fields):
            fields[place] = ""
    body = "\r".join((mark.join(fields), *(segment.raw for segment in message.segments[1:])))
    return hashlib.sha256(body.encode("utf-8", errors="surrogatepass")).digest()
