"""The command line as a user meets it: usage, errors, exit codes, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cli import output
from cli.app import create_app, run

NOUNS = {"demo", "up", "down", "status", "patient", "staff", "audit", "oracle", "participant", "verify", "doctor"}


@pytest.fixture(autouse=True)
def _no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SALUS_HOME", str(tmp_path))
    yield
    output.use_json(on=False)


def test_create_app__no_name__has_every_noun() -> None:
    top = typer.main.get_command(create_app())
    assert set(top.commands) >= NOUNS  # type: ignore[attr-defined]


def test_create_app__one_noun__is_still_a_group_with_it_alone() -> None:
    top = typer.main.get_command(create_app("doctor"))
    assert set(top.commands) == {"doctor"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["doctor"], 8),
        (["patient", "log"], 8),
        (["nonsense"], 2),
        (["patient", "open", "nowhere"], 2),
        (["send", "/no/such/file", "--port", "1"], 2),
        (["simulate", "/proc/none/day.hl7"], 8),
        (["simulate", "day.hl7", "--charset", "KLINGON"], 2),
        (["simulate", "day.hl7", "--day", "2026-02-30"], 2),
        (["demo", "--patients", "0"], 2),
        (["status"], 0),
        (["down"], 0),
    ],
)
def test_run__as_a_user_may_type_it__has_the_documented_exit_code(arguments: list[str], code: int) -> None:
    assert run(arguments) == code


@pytest.mark.parametrize("arguments", [["nonsense"], ["doctor"], ["patient", "open", "nowhere"], ["send"]])
def test_run__json__an_error_is_one_json_value_with_advice(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output.use_json(on=True)
    assert run(arguments) != 0
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"error", "message", "advice"}
    assert said["message"]


def test_run__nothing_runs__one_line_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor"])
    assert capsys.readouterr().err == "salus: nothing is running: `make up` starts everything\n"


def test_run__base_port_is_no_number__says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SALUS_BASE_PORT", "many")
    assert run(["up"]) == 8
    assert capsys.readouterr().err == "salus: SALUS_BASE_PORT is a number from 1024 to 65000\n"
