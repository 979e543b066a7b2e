"""`salus oracle check` and `salus oracle sources`, without a chain, a database or an oracle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import output
from cli.app import run
from oracle.__main__ import main as oracle
from tests.unit.oracle.oracle_world import admission, report


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SOURCES", "NAME", "AUTHORITY", "CHARSET"):
        monkeypatch.delenv(f"SALUS_ORACLE_{name}", raising=False)
    monkeypatch.setenv("SALUS_ORACLE_NAME", "示例医院")
    yield
    output.use_json(on=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sources"
    made.mkdir()
    (made / "his.toml").write_text('name = "his"\nauthority = "HB"\n[mllp]\nport = 2575\n')
    (made / "lis.toml").write_text('name = "lis"\nlevel = 5\n[mllp]\nport = 2576\n[messages]\naccept = ["ORU"]\n')
    return made


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Exit code of `salus --json WORDS` and what it says."""
    output.use_json(on=True)
    code = run(list(words))
    output.use_json(on=False)
    said = capsys.readouterr()
    return code, json.loads(said.out or said.err)


def test_check__one_message__has_every_step_as_json(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.hl7").write_bytes(report("42"))
    file = str(tmp_path / "one.hl7")
    code, (found,) = asked(capsys, "oracle", "check", file, "--sources", str(folder), "--source", "lis")
    assert code == 0
    assert [one["name"] for one in found["segments"]] == ["MSH", "PID", "OBR", "OBX"]
    (record,) = found["records"]
    assert (record["level"], record["categories"], record["confidentiality"]) == (5, ["LAB"], record["confidentiality"])
    assert found["reply"].split("\r")[1] == "MSA|AA|42"


def test_check__rules_of_the_source__decide(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "adt.hl7").write_bytes(admission("7"))
    file, where = str(tmp_path / "adt.hl7"), ("--sources", str(folder))
    _, (taken,) = asked(capsys, "oracle", "check", file, *where, "--source", "his")
    _, (refused,) = asked(capsys, "oracle", "check", file, *where, "--source", "lis")
    assert (taken["verdict"], refused["verdict"], refused["problem"]["condition"]) == ("accept", "reject", 201)


def test_check__message_that_would_be_held__says_so_with_advice_and_exits_with_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.hl7").write_bytes(report("1", patient="") + report("2"))
    assert run(["oracle", "check", str(tmp_path / "odd.hl7"), "--sources", str(folder), "--source", "lis"]) == 2
    held, taken = capsys.readouterr().out.split("message 2 of 2")
    assert "held in quarantine" in held
    assert "mend the file and release it; or have the sender fill the field" in held.replace("\n", " ")
    assert "not mapped" not in held
    assert "taken: 1 record" in taken


@pytest.mark.parametrize(("name", "said"), [("示例医院", False), ("", True)])
def test_sources__name_left_to_the_oracle_s_settings__what_stands_for_it_is_explained(
    name: str, said: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SALUS_ORACLE_NAME", name)
    assert run(["oracle", "sources", "--sources", str(folder)]) == 0
    assert ("? stands for SALUS_ORACLE_NAME" in capsys.readouterr().err) is said


def test_sources__certificate_that_is_not_there__is_named_with_the_place_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "lis.toml").write_text('name = "lis"\n[http]\ntoken_file = "tls/lis.token"\n')
    assert run(["oracle", "sources", "--sources", str(folder)]) == 8
    assert f"there is no {folder / 'tls' / 'lis.token'}" in "".join(capsys.readouterr().err.splitlines())


def test_check__several_messages_in_a_batch__are_each_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = b"BHS|^~\\&|LIS|HB\r"
    (tmp_path / "day.hl7").write_bytes(head + report("1") + report("2", order="L2") + b"BTS|2\r")
    code, found = asked(capsys, "oracle", "check", str(tmp_path / "day.hl7"))
    assert (code, len(found)) == (0, 2)
    assert run(["oracle", "check", str(tmp_path / "day.hl7")]) == 0
    said = capsys.readouterr().out
    for words in (
        "message 2 of 2",
        "as sent",
        "as parsed",
        "labels",
        "not mapped: nothing",
        "MSA|AA|2",
        '"resourceType"',
    ):
        assert words in said


def test_check__without_a_folder__is_read_as_the_environment_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALUS_ORACLE_AUTHORITY", "H9")
    (tmp_path / "one.hl7").write_bytes(report("42").replace(b"^^^HB^MR", b"^^^^MR"))
    _, (found,) = asked(capsys, "oracle", "check", str(tmp_path / "one.hl7"))
    assert found["records"][0]["subjectKey"] == "H9|P1"


@pytest.mark.parametrize(
    ("words", "code", "detail"),
    [
        (("check", "/none/file.hl7"), 2, "cannot be read"),
        (("check", "{empty}"), 2, "holds no message"),
        (("check", "{one}", "--source", "his"), 8, "give --sources"),
        (("check", "{one}", "--sources", "{folder}"), 8, "--source is one of his, lis"),
        (("check", "{one}", "--sources", "{folder}", "--source", "ris"), 8, "--source is one of his, lis"),
        (("sources",), 8, "give --sources"),
        (("sources", "--sources", "/none"), 8, "names no folder"),
    ],
)
def test_commands__asked_for_what_is_not_there__say_what_to_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, detail: str
) -> None:
    (tmp_path / "one.hl7").write_bytes(report("42"))
    (tmp_path / "empty.hl7").write_bytes(b"")
    places = {"folder": folder, "one": tmp_path / "one.hl7", "empty": tmp_path / "empty.hl7"}
    found, said = asked(capsys, "oracle", *(word.format(**places) for word in words))
    assert found == code
    assert detail in json.dumps(said, ensure_ascii=False)


def test_sources__right_files__are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = asked(capsys, "oracle", "sources", "--sources", str(folder))
    assert code == 0
    assert [(row["name"], row["in"], row["events"]) for row in rows] == [
        ("his", "mllp 127.0.0.1:2575", "all"),
        ("lis", "mllp 127.0.0.1:2576", "ORU"),
    ]


def test_sources__wrong_files__name_file_and_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lis.toml").write_text('name = "lis"\nprot = 1\n[mllp]\nport = 2576\n')
    code, said = asked(capsys, "oracle", "sources", "--sources", str(folder))
    assert code == 8
    assert "lis.toml: prot: is not a key here" in json.dumps(said)


def test_python_m_oracle_sources__right_and_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oracle(["sources"]) == 1
    assert "set SALUS_ORACLE_SOURCES" in capsys.readouterr().err
    monkeypatch.setenv("SALUS_ORACLE_SOURCES", str(folder))
    assert oracle(["sources"]) == 0
    assert "name=his" in capsys.readouterr().out
    (folder / "his.toml").write_text("name = 1")
    assert oracle(["sources"]) == 1
    assert "his.toml: name: must be a text" in capsys.readouterr().err
