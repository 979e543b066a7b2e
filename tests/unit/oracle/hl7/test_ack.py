from datetime import UTC, datetime

import pytest

from oracle.hl7.ack import Header, accept, header_of, refuse, salvage_header
from oracle.hl7.charset import decode
from oracle.hl7.errors import (
    AckCode,
    CharsetError,
    Condition,
    HL7Error,
    LimitError,
    Location,
    MissingFieldError,
    StructureError,
    TooLargeError,
    UnsupportedError,
)
from oracle.hl7.message import Message, parse
from oracle.intake.receive import receive, reply_to

NOW = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
RAW = b"MSH|^~\\&|LIS|H1&1.2&ISO|ESB|H2|20260101083000||ORU^R01^ORU_R01|42|T|2.4||||||GBK\rPID|1\r"


def _reply(raw: bytes, error: HL7Error | None = None) -> Message:
    header = salvage_header(raw)
    reply = refuse(header, error, now=NOW, control_id="R1") if error else accept(header, now=NOW, control_id="R1")
    return parse(decode(reply).text)


def test_accept__header__swaps_sender_and_receiver() -> None:
    msh = _reply(RAW).header
    assert [msh.field(n) for n in (3, 4, 5, 6)] == ["ESB", "H2", "LIS", "H1&1.2&ISO"]
    assert [msh.field(n) for n in (9, 10, 11, 12, 18)] == ["ACK^R01^ACK", "R1", "T", "2.4", "GBK"]


def test_accept__msa__names_the_message() -> None:
    msa = _reply(RAW).segments[1]
    assert (msa.name, msa.value(1), msa.value(2)) == ("MSA", "AA", "42")


def test_refuse__err__has_location_condition_and_severity() -> None:
    error = MissingFieldError("the field | must be there", Location("PID", 2, 3, 0, 1))
    err = _reply(RAW, error).segments[2]
    assert [err.value(2, n) for n in (1, 2, 3, 4, 5)] == ["PID", "2", "3", "1", "1"]
    assert (err.value(3, 1), err.value(3, 3), err.value(4)) == ("101", "HL70357", "E")
    assert err.value(8) == "the field | must be there"


@pytest.mark.parametrize(
    ("kind", "ack", "condition"),
    [
        (TooLargeError, AckCode.REJECT, 104),
        (StructureError, AckCode.REJECT, 100),
        (LimitError, AckCode.REJECT, 104),
        (UnsupportedError, AckCode.REJECT, 200),
        (CharsetError, AckCode.ERROR, 102),
        (MissingFieldError, AckCode.ERROR, 101),
        (HL7Error, AckCode.ERROR, 207),
    ],
)
def test_refuse__each_error__has_its_row_in_the_table(kind: type[HL7Error], ack: AckCode, condition: int) -> None:
    reply = _reply(RAW, kind("x"))
    assert reply.segments[1].value(1) == ack.value
    assert reply.segments[2].value(3) == str(condition)


def test_refuse__condition_given__wins() -> None:
    error = UnsupportedError("x", condition=Condition.UNSUPPORTED_EVENT_CODE)
    assert _reply(RAW, error).segments[2].value(3) == "201"


def test_accept__chinese_facility_in_gb18030__answers_in_gb18030() -> None:
    raw = RAW.decode().replace("|H2|", "|東方醫院|").encode("gb18030")
    reply = accept(salvage_header(raw), now=NOW, control_id="R1")
    assert "東方醫院".encode("gb18030") in reply


def test_accept__custom_separators__are_kept() -> None:
    raw = b"MSH#*@!%#LIS#H1#ESB#H2#2026##ORU*R01#42#P#2.3\r"
    reply = accept(salvage_header(raw), now=NOW, control_id="R1")
    assert reply.startswith(b"MSH#*@!%#ESB#H2#LIS#H1#")
    assert b"MSA#AA#42\r" in reply


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"PID|1", b"MSH", b"MSH|", b"MSH|^~\\&|\xff|H\xff"])
def test_salvage_header__rubbish__never_raises(raw: bytes) -> None:
    assert isinstance(salvage_header(raw), Header)
    assert b"MSA|AR|" in refuse(salvage_header(raw), StructureError("x"), now=NOW, control_id="1")


def test_salvage_header__undecodable_body__still_names_control_id() -> None:
    assert salvage_header(RAW + b"OBX|\xff\xff").control_id == "42"


def test_header_of__parsed_message__same_as_salvaged() -> None:
    decoded = decode(RAW)
    assert header_of(parse(decoded.text).header, decoded.codec) == salvage_header(RAW)


@pytest.mark.parametrize("sent", ["A01\\X0D\\MSA|AA|Z", "A01\\F\\x", "A01\\.br\\MSA", "A01\x0b", "A01\x1c", "A01\rx"])
def test_reply__event_with_line_ends_or_marks__makes_no_other_segment(sent: str) -> None:
    raw = f"MSH|^~\\&|A|B|C|D|20260101||ADT^{sent}|M1|P|2.5.1\rPID|1".encode()
    received = receive(raw)
    reply = reply_to(received, now=NOW, control_id="S1")
    assert [line[:3] for line in reply.split(b"\r")] == [b"MSH", b"MSA", *([b"ERR"] if received.error else []), b""]
    assert not set(reply) & set(b"\n\x0b\x1c")


def test_reply__header_broken_into_lines__is_one_line() -> None:
    reply = reply_to(receive(b"MSH|^~\\&|A|B|C|D\r|20260101||ADT^A01|M\n1|P|2.5.1\rPID|1"), now=NOW, control_id="S1")
    assert b"\n" not in reply
    assert b"\rMSA|AE|M1\r" in reply or b"\rMSA|AA|M1\r" in reply


@pytest.mark.parametrize(
    ("said", "back"), [("ASCII", "UNICODE UTF-8"), ("GBK", "UNICODE UTF-8"), ("~", "UNICODE UTF-8")]
)
def test_reply__msh_18_lied__says_what_the_bytes_are(said: str, back: str) -> None:
    raw = f"MSH|^~\\&|陈|B|C|D|20260101||ADT^A01|M1|P|2.5.1||||||{said}\rPID|1".encode()
    reply = reply_to(receive(raw), now=NOW, control_id="S1").decode()
    assert reply.split("\r")[0].split("|")[17] == back
    assert reply.split("|")[4] == "陈"
