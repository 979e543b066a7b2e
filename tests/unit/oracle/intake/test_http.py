"""What an answer over HTTP says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oracle.hl7.texts import Language
from oracle.intake.http import CONTENT_TYPE, content_type_of
from oracle.intake.receive import receive, reply_to

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def reply(charset: str, body: bytes, setting: str | None = None) -> bytes:
    raw = f"MSH|^~\\&|LIS|H1|ESB|H2|20261127||ADT^A99|42|P|2.4||||||{charset}\rPID|1||7||".encode() + body + b"\r"
    return reply_to(receive(raw, setting), now=NOW, control_id="1", language=Language.CHINESE)


@pytest.mark.parametrize(
    ("charset", "body", "setting", "expected"),
    [
        ("UNICODE UTF-8", "王東".encode(), None, "UTF-8"),
        ("GB 18030-2000", "王東".encode("gb18030"), None, "GB18030"),
        ("GBK", b"Wang", None, "GB18030"),
        ("BIG-5", "王東".encode("big5"), None, "Big5-HKSCS"),
        ("ASCII", b"Wang", None, "US-ASCII"),
        ("", "王東".encode("gb18030"), None, "GB18030"),
        ("", b"Wang", None, "UTF-8"),
        ("", b"Wang", "GB18030", "GB18030"),
        ("GBK", "王東".encode(), None, "UTF-8"),
    ],
)
def test_content_type__of_a_reply__names_the_character_set_that_reads_it(
    charset: str, body: bytes, setting: str | None, expected: str
) -> None:
    answer = reply(charset, body, setting)
    assert content_type_of(answer) == f"application/hl7-v2; charset={expected}"
    text = answer.decode(expected)
    assert ("不支持" in text) is (expected != "US-ASCII")


def test_content_type__bytes_of_no_known_character_set__names_none() -> None:
    assert content_type_of(b"MSH|^~\\&|||||||||||||||8859/1\rMSA|AR|\xff\xff\r") == CONTENT_TYPE
