"""Decoding before splitting; `GB18030_TRAPS` are all hanzi of the BMP whose second GB18030 byte is a separator."""

import pytest

from oracle.hl7.charset import codec_of, declared_in, decode, encode
from oracle.hl7.errors import CharsetError
from oracle.hl7.message import parse


def _traps() -> list[str]:
    found = []
    for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000)):
        raw = chr(code).encode("gb18030")
        if len(raw) == 2 and raw[1] in b"\\^|~":
            found.append(chr(code))
    return found


GB18030_TRAPS = _traps()


def _message(name: str, charset: str = "", shifted: bool = False) -> str:
    tail = f"||||CHN|{charset}" if shifted else f"|||AL|AL|CHN|{charset}"
    return f"MSH|^~\\&|HIS|H1|ESB|H2|20260101||ADT^A01|1|P|2.4{tail}\rPID|1||7^^^H1^PI||{name}^^^^^^L||19800101|M\r"


def test_traps__unified_hanzi__are_464_and_two_of_extension_a() -> None:
    assert sum(hanzi >= "\u4e00" for hanzi in GB18030_TRAPS) == 464
    assert len(GB18030_TRAPS) == 466


@pytest.mark.parametrize("declared", ["GB 18030-2000", "GBK", "GB2312", "CP936", ""])
def test_decode__every_dangerous_hanzi__keeps_name_and_fields(declared: str) -> None:
    for hanzi in GB18030_TRAPS:
        name = f"王{hanzi}明"
        pid = parse(decode(_message(name, declared).encode("gb18030")).text).first("PID")
        assert pid is not None
        assert (pid.value(5), pid.value(7), pid.value(8)) == (name, "19800101", "M")


@pytest.mark.parametrize("declared", ["UNICODE UTF-8", "UNICODE", "UTF8", "utf-8", "GB 18030-2000", "GBK", "BIG-5", ""])
def test_decode__utf8_bytes__are_utf8_whatever_is_declared(declared: str) -> None:
    decoded = decode(_message("何潤東", declared).encode())
    assert "何潤東" in decoded.text
    assert decoded.codec == "utf-8"


def test_decode__gb_declared_but_utf8_sent__says_mismatch() -> None:
    assert decode(_message("何潤", "GBK").encode()).mismatch
    assert not decode(_message("何潤", "UTF-8").encode()).mismatch


def test_decode__utf8_declared_but_gb_sent__falls_back_to_gb() -> None:
    decoded = decode(_message("王伟", "UNICODE UTF-8").encode("gb18030"))
    assert "王伟" in decoded.text
    assert decoded.mismatch


@pytest.mark.parametrize("charset", ["GBK", "UNICODE UTF-8"])
def test_decode__charset_shifted_to_msh17__is_found(charset: str) -> None:
    raw = _message("万億", charset, shifted=True).encode("gb18030" if charset == "GBK" else "utf-8")
    assert declared_in(raw) == charset
    assert "万億" in decode(raw).text


def test_decode__header_with_dangerous_hanzi__charset_still_found() -> None:
    raw = _message("李四", "GBK").replace("|H1|ESB", "|東方醫院|ESB").encode("gb18030")
    assert declared_in(raw) == "GBK"
    assert parse(decode(raw).text).header.value(4) == "東方醫院"


def test_decode__source_setting__wins_over_msh18() -> None:
    raw = _message("繁體", "GBK").encode("big5")
    assert "繁體" in decode(raw, "BIG-5").text


def test_decode__unknown_setting__raises() -> None:
    with pytest.raises(CharsetError):
        decode(b"MSH|^~\\&|", "KLINGON")


def test_decode__short_gb_name_that_is_also_valid_utf8__is_gb_when_declared() -> None:
    raw = _message("一", "GBK").encode("gb18030")
    raw.decode()
    assert "一" in decode(raw).text


def test_decode__utf8_with_middle_dot_and_hanzi__stays_utf8() -> None:
    assert "买买提·阿卜" in decode(_message("买买提·阿卜", "GBK").encode()).text


@pytest.mark.parametrize("declared", ["8859/1", "ISO8859-1", "KLINGON"])
def test_decode__unknown_charset_and_not_utf8__raises_instead_of_guessing(declared: str) -> None:
    with pytest.raises(CharsetError):
        decode(_message("José", declared).encode("latin-1"))


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|\xff\xff\xff", b"MSH|^~\\&|a\x80", b"\xff\xfeM\x00S\x00H\x00"])
def test_decode__bytes_of_no_charset__raises(raw: bytes) -> None:
    with pytest.raises(CharsetError):
        decode(raw)


def test_decode__utf8_mark_in_front__is_dropped() -> None:
    assert decode(b"\xef\xbb\xbfMSH|^~\\&|").text.startswith("MSH")


def test_decode__plain_ascii__takes_declared_codec_for_the_reply() -> None:
    assert decode(_message("Li", "GBK").encode()).codec == "gb18030"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [("GB 18030-2000", "gb18030"), ("gb2312", "gb18030"), ("UNICODE", "utf-8"), ("BIG-5", "big5hkscs"), ("X", None)],
)
def test_codec_of__names_seen_in_china__are_known(declared: str, codec: str | None) -> None:
    assert codec_of(declared) == codec


def test_encode__character_missing_in_codec__becomes_question_mark() -> None:
    assert encode("𠮷a", "big5hkscs")[-1:] == b"a"
