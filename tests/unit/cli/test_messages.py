"""`salus send`: what of a file is sent, and how a refusal is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import app
from cli.commands import messages
from cli.mllp_client import SendReport

ONE = "MSH|^~\\&|LIS|检验科|||20260101||ORU^R01|1|P|2.5.1\rPID|1||7\r"
OTHER = ONE.replace("|1|P|", "|2|P|")


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (ONE, ["1"]),
        (ONE + OTHER, ["1", "2"]),
        ((ONE + OTHER).replace("\r", "\n"), ["1", "2"]),
        (f"FHS|^~\\&\rBHS|^~\\&\r{ONE}{OTHER}BTS|2\rFTS|1\r", ["1", "2"]),
        (f"\x0b{ONE}\x1c\r\x0b{OTHER}\x1c\r", ["1", "2"]),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_framed__messages_as_people_write_them__are_each_one(content: str, ids: list[str], charset: str) -> None:
    found = messages.framed(content.encode(charset))
    assert [one.decode(charset).split("|")[9] for one in found] == ids


def test_framed__no_message_at_all__is_sent_as_it_is() -> None:
    assert messages.framed(b"hello") == [b"hello"]


def test_send__refusal_in_gb18030__is_told_in_hanzi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = "MSH|^~\\&|SALUS||||2026||ACK|S1|P|2.5.1||||||GB18030\rMSA|AE|1\rERR||PID^1|100|E||||缺少消息段\x1b[2J\r"
    report = SendReport(sent=1, codes={"AE": 1}, refused=["1"], refusals=[reply.encode("gb18030")])
    monkeypatch.setattr(messages, "send_all", lambda *_, **__: report)
    (tmp_path / "one.hl7").write_text(ONE)
    assert app.run(["send", str(tmp_path / "one.hl7"), "--port", "2575"]) == 3
    said = capsys.readouterr().out
    assert "1 sent: 1 AE, 0 unanswered" in said
    assert "MSA|AE|1" in said
    assert "ERR||PID^1|100|E||||缺少消息段\\x1b[2J" in said


@pytest.mark.parametrize("words", [("--certificate", "a.pem", "--key", "a.key"), ("--ca", "ca.pem", "--key", "a.key")])
def test_send__half_of_tls__is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "one.hl7").write_text(ONE)
    assert app.run(["send", str(tmp_path / "one.hl7"), "--port", "2575", *words]) == 2
