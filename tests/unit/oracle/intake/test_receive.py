from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.hl7.errors import HL7Error
from oracle.intake.receive import SUPPORTED_EVENTS, Verdict, receive, reply_to, take_apart

NOW = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


def _raw(
    kind: str = "ORU^R01^ORU_R01", control: str = "42", stamp: str = "20260101", tail: str = "P|2.4", body: str = ""
) -> bytes:
    return f"MSH|^~\\&|LIS|H1|ESB|H2|{stamp}||{kind}|{control}|{tail}\rPID|1||7||王東\r{body}".encode()


def test_receive__good_message__is_accepted_with_its_keys() -> None:
    received = receive(_raw())
    assert received.verdict is Verdict.ACCEPT
    assert received.message_key == ("LIS", "H1", "42")
    assert (received.message_type, received.control_id, received.codec) == ("ORU^R01", "42", "utf-8")
    assert "王東" in received.text
    assert b"MSA|AA|42\r" in reply_to(received, now=NOW, control_id="1")


@pytest.mark.parametrize(
    ("raw", "verdict", "msa", "condition"),
    [
        (b"", Verdict.REJECT, b"MSA|AR|\r", b"|100^"),
        (b"\r\n", Verdict.REJECT, b"MSA|AR|\r", b"|100^"),
        (b"PID|1||7", Verdict.REJECT, b"MSA|AR|\r", b"|100^"),
        (_raw("QRY^A19"), Verdict.REJECT, b"MSA|AR|42\r", b"|200^"),
        (_raw("ACK"), Verdict.REJECT, b"MSA|AR|42\r", b"|200^"),
        (_raw("ADT^A99"), Verdict.REJECT, b"MSA|AR|42\r", b"|201^"),
        (_raw("ADT"), Verdict.REJECT, b"MSA|AR|42\r", b"|201^"),
        (_raw(tail="X|2.4"), Verdict.REJECT, b"MSA|AR|42\r", b"|202^"),
        (_raw(tail="P|3.0"), Verdict.REJECT, b"MSA|AR|42\r", b"|203^"),
        (_raw(""), Verdict.ERROR, b"MSA|AE|42\r", b"|101^"),
        (_raw(control=""), Verdict.ERROR, b"MSA|AE|\r", b"|101^"),
        (b"MSH|^^^^|LIS", Verdict.ERROR, b"MSA|AE|\r", b"|102^"),
        (_raw() + _raw(), Verdict.REJECT, b"MSA|AR|42\r", b"|100^"),
        (b"BHS|^~\\&|\r" + _raw(), Verdict.REJECT, b"MSA|AR|\r", b"|100^"),
        (_raw() + b"\xff\xff", Verdict.QUARANTINE, b"MSA|AE|42\r", b"|102^"),
        (_raw(tail="P|2.4||||||8859/1") + b"\xe9\r", Verdict.QUARANTINE, b"MSA|AE|42\r", b"|102^"),
    ],
)
def test_receive__each_fault__has_its_reply(raw: bytes, verdict: Verdict, msa: bytes, condition: bytes) -> None:
    received = receive(raw)
    reply = reply_to(received, now=NOW, control_id="1")
    assert received.verdict is verdict
    assert msa in reply
    assert condition in reply


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdict__only_accepted_and_quarantined__are_stored(verdict: Verdict) -> None:
    assert verdict.stored is (verdict.name in {"ACCEPT", "QUARANTINE"})


def test_content_hash__other_time_and_control_id__is_the_same() -> None:
    first, again = receive(_raw()), receive(_raw(control="43", stamp="20260102"))
    assert first.content_hash == again.content_hash
    assert first.sha256 != again.sha256
    assert first.content_hash != receive(_raw(body="OBR|1")).content_hash


def test_content_hash__other_charset_and_line_ends__is_the_same() -> None:
    utf_8 = _raw()
    assert receive(utf_8).content_hash == receive(utf_8.decode().encode("gb18030")).content_hash
    assert receive(utf_8).content_hash == receive(utf_8.replace(b"\r", b"\r\n")).content_hash


def test_receive__source_setting__decides_charset() -> None:
    raw = _raw().decode().replace("王東", "臺灣醫院").encode("big5hkscs")
    assert "臺灣醫院" in receive(raw, "BIG-5").text


def test_supported_events__each_type__has_events() -> None:
    assert all(SUPPORTED_EVENTS.values())
    assert {"ADT", "BAR", "DFT", "MDM", "OML", "ORM", "ORU", "PPR", "RDE", "SIU", "VXU"} <= set(SUPPORTED_EVENTS)


@given(st.binary(max_size=400), st.booleans())
def test_receive__any_bytes__never_raises_and_always_has_a_reply(raw: bytes, headed: bool) -> None:
    received = receive(b"MSH|^~\\&|" + raw if headed else raw)
    assert received.error is None or isinstance(received.error, HL7Error)
    assert b"\rMSA" in reply_to(received, now=NOW, control_id="1")


@pytest.mark.parametrize(
    "raw",
    [
        _raw(),
        _raw(body="OBX|1|NM|718-7^Hb||5.40|g/dL"),
        b"",
        b"PID|1||7",
        _raw("QRY^A19"),
        _raw("ADT^A99"),
        _raw(tail="P|3.0"),
        _raw(control=""),
        b"MSH|^^^^|LIS",
        _raw() + _raw(),
        _raw() + b"\xff\xff",
        _raw(tail="P|2.4||||||8859/1") + b"\xe9\r",
    ],
)
def test_take_apart__any_message__is_judged_as_by_receive(raw: bytes) -> None:
    received = receive(raw)
    if received.error is None:
        assert [segment.raw for segment in take_apart(raw).segments] == received.text.rstrip("\r").split("\r")
        return
    with pytest.raises(type(received.error)) as caught:
        take_apart(raw)
    assert (caught.value.location, caught.value.condition) == (received.error.location, received.error.condition)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("ADT^A01^ADT_A01", "ADT^A01"),
        ("QRY^A19", "QRY^A19"),
        ("ADT^WANG", "ADT"),
        ("WANG^LEI", ""),
        ("LEE^A01", ""),
        ("王^小明", ""),
        ("A" * 5000, ""),
    ],
)
def test_receive__message_type__in_clear_only_if_hl7_knows_it(sent: str, kept: str) -> None:
    raw = f"MSH|^~\\&|A|B|C|D|20260101||{sent}|M1|P|2.5.1\rPID|1\r".encode()
    assert receive(raw).message_type == kept
