"""`salus oracle …` about messages, on the journal whose settings are in force."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cli import app, output
from cli.commands.oracle_messages import _readable
from oracle import runtime
from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.journal import Journal
from oracle.settings import PREFIX, read_journal
from salus.adapters.memory import FixedClock
from tests.unit.oracle.oracle_world import report


@pytest.fixture
def salus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A command and its exit code with what it prints; one quarantined and one pending message are in the journal."""
    site = tmp_path / "site"
    site.write_text("5a" * 32)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"sqlite:///{tmp_path / 'oracle.db'}")
    monkeypatch.setenv(f"{PREFIX}SITE_KEY_FILE", str(site))
    odd = report("Q1").replace(b"UNICODE UTF-8", b"EBCDIC").decode().encode("gb18030")
    with runtime.opened_journal(read_journal()) as kept:

        async def taken() -> None:
            journal = Journal(kept.messages, kept.site, FixedClock())
            futures = [journal.append(receive(raw), Peer("mllp", "127.0.0.1", "his")) for raw in (odd, report("P1"))]
            journal.commit_group()
            await asyncio.gather(*futures)

        asyncio.run(taken())

    def run(*words: str, as_json: bool = True) -> tuple[int, Any]:
        monkeypatch.setitem(output._state, "json", as_json)
        code = app.run(["oracle", *words])
        said = capsys.readouterr()
        return code, (json.loads(said.out) if said.out.startswith(("[", "{")) else said.out + said.err)

    return run


def test_status__of_a_waiting_message__says_what_to_do(salus: Any) -> None:
    code, (told,) = salus("status", "here", "Q1")
    assert (code, told["state"], told["source"]) == (0, "quarantined", "his")
    code, text = salus("status", "here", "Q1", as_json=False)
    assert code == 0
    assert "quarantined" in text
    assert told["fault"]["advice"] in text
    assert "小明" not in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status", "here", "X9"), 4),
        (("status", "here", "Q1", "--source", "lis"), 4),
        (("status", "nowhere", "Q1"), 2),
        (("release", "here"), 2),
        (("release", "here", "2"), 7),
        (("release", "here", "9"), 4),
        (("discard", "here", "1", "--reason", " "), 2),
        (("discard", "here", "--reason", "all of them"), 2),
        (("reprocess", "here"), 2),
        (("reprocess", "here", "--since", "yesterday"), 2),
        (("reprocess", "here", "1"), 7),
        (("show", "here", "9"), 4),
    ],
)
def test_command__that_cannot_be_done__ends_with_its_code_and_logs_nothing(
    words: tuple[str, ...], code: int, salus: Any
) -> None:
    assert salus(*words)[0] == code
    assert salus("audit", "here") == (0, {"rows": [], "checked": 0, "wrong": ""})


def test_commands__one_after_the_other__change_states_and_are_logged(salus: Any) -> None:
    assert [row["key"] for row in salus("quarantine", "here")[1]] == [1]
    assert salus("discard", "here", "1", "--reason", "of the vendor") == (0, {"discarded": [1]})
    assert salus("quarantine", "here") == (0, [])
    assert salus("release", "here", "1") == (0, {"released": [1]})
    assert salus("status", "here", "Q1")[1][0]["state"] == "pending"
    code, text = salus("audit", "here", as_json=False)
    assert code == 0
    assert "of the vendor" in text
    assert "2 rows, whole" in text


def test_audit__row_taken_away__exit_6(salus: Any) -> None:
    for _ in range(2):
        salus("show", "here", "1")
    with runtime.opened_journal(read_journal()) as kept, kept.database.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER oracle_audit_no_delete")
        connection.exec_driver_sql("DELETE FROM oracle_audit WHERE number = 1")
    code, told = salus("audit", "here")
    assert (code, told["checked"], told["wrong"]) == (6, 0, "row 1 is missing")
    assert "NOT WHOLE" in salus("audit", "here", as_json=False)[1]


def test_show__message_in_gb18030_refused_for_its_charset__is_read_line_by_line(salus: Any) -> None:
    code, text = salus("show", "here", "1", as_json=False)
    assert code == 0
    assert "小明" in text
    assert "\r" not in text
    assert "\ufffd" not in text
    code, told = salus("show", "here", "1")
    assert (told["charset"], told["lines"][0].startswith("MSH|")) == ("gb18030", True)
    assert salus("show", "here", "1", "--charset", "EBCDIC")[0] == 2


@pytest.mark.parametrize(
    ("raw", "charset", "text", "codec"),
    [
        ("MSH|^~\\&|\rPID|||||张^三".encode("gb18030"), "", "张^三", "gb18030"),
        ("MSH|^~\\&|\rPID|||||张^三".encode(), "", "张^三", "utf-8"),
        ("MSH|^~\\&|\rPID|||||陳^大文".encode("big5hkscs"), "BIG5", "陳^大文", "big5hkscs"),
        (b"MSH|^~\\&|\rPID|||||\xff\xff", "", "\ufffd", "utf-8"),
    ],
)
def test_readable__bytes_of_a_charset__are_the_sender_s_text(raw: bytes, charset: str, text: str, codec: str) -> None:
    found = _readable(raw, charset)
    assert text in found[0]
    assert found[1] == codec
