"""`salus quality` over the database of an oracle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import output
from cli.app import run
from cli.world import journal
from cli.world.cast import Name
from oracle.sources.model import Source
from oracle.sources.numbers import number_of
from salus.core.days import date_of, day_at
from tests.unit.oracle.oracle_world import SITE_SECRET, Oracle, Outside, admission, report

_COUNTED = Source("his", "Hospital B", "HB", sequence_numbers=True)


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The day on which the oracle of hospital B got three messages of five, and that of the check-up centre none."""
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside, number_of=lambda _, received: number_of(_COUNTED, received))
    odd = report("C2", order="L2", value="六点二").replace(b"|N|||F|", b"|N|||X9|")
    raws = (report("C1"), odd, admission("C3").replace(b"|HIS|", b"|LIS|"))
    numbered = [
        raw.replace(b"|P|2.5.1||", f"|P|2.5.1|{number}|".encode()) for raw, number in zip(raws, (1, 2, 5), strict=True)
    ]
    oracle.take(*numbered)
    oracle.take(numbered[0])
    oracle.pipeline.settle()
    oracle.close()
    (tmp_path / "site").write_text(SITE_SECRET.hex())

    def told(_world: object, name: Name) -> dict[str, str]:
        database = "oracle.db" if name is Name.HOSPITAL_B else "other.db"
        return {"DATABASE_URL": f"sqlite:///{tmp_path / database}", "SITE_KEY_FILE": str(tmp_path / "site")}

    monkeypatch.setattr(journal, "running_world", object)
    monkeypatch.setattr(journal, "oracle_settings", told)
    yield date_of(day_at(outside.clock.now())).isoformat()
    output.use_json(on=False)


def told_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    output.use_json(on=True)
    assert run(["quality", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_quality__of_a_source__is_one_row_with_pairs(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = told_json(capsys, "--since", day)
    assert (row["oracle"], row["source"], row["messages"], row["missing"]) == ("hospital-b", "his", 3, 2)
    assert row["resends"] == {"part": 1, "whole": 4}
    assert row["coverage"] == {"part": 3, "whole": 5}
    assert row["codes"] == {"part": 4, "whole": 4}
    assert row["values"] == {"part": 1, "whole": 2}
    assert row["statuses"] == {"part": 1, "whole": 2}
    assert row["lacking"]["demographics.phone"] == row["lacking"]["encounter.doctor"] == 1
    assert row["completeness"]["part"] < row["completeness"]["whole"]


def test_quality__for_people__is_a_table_and_what_lacks_most(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quality", "--since", day]) == 0
    shown = capsys.readouterr().out
    assert "60.0%" in shown
    assert "his lacks most: " in shown
    assert "his: 1 values are not written as their type (OBX-2) says" in shown
    assert "his: 1 statuses (OBX-11) are none of HL7 table 0085" in shown
    assert "小明" not in shown


def test_quality__numbers_that_never_came__are_named(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = told_json(capsys, "--since", day)
    assert [(gap["first"], gap["last"]) for gap in row["gaps"]] == [(3, 4)]
    output.use_json(on=False)
    assert run(["quality", "--since", day]) == 0
    assert "numbers of his that never came: 3 to 4 (noticed " in capsys.readouterr().out


def test_quality__here__is_the_oracle_of_the_settings_in_force_and_needs_no_world(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(journal, "running_world")
    monkeypatch.setenv("SALUS_ORACLE_DATABASE_URL", f"sqlite:///{tmp_path / 'oracle.db'}")
    monkeypatch.setenv("SALUS_ORACLE_SITE_KEY_FILE", str(tmp_path / "site"))
    (row,) = told_json(capsys, "--since", day, "--oracle", "here")
    assert (row["oracle"], row["source"], row["messages"]) == ("here", "his", 3)
    output.use_json(on=False)
    assert run(["quality", "--oracle", "nowhere"]) == 2


def test_quality__another_source_or_a_later_day__is_nothing(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told_json(capsys, "--since", day, "--source", "lis") == []
    output.use_json(on=False)
    assert run(["quality", "--since", "2099-01-01", "--source", "lis"]) == 0
    assert "no messages since 2099-01-01" in capsys.readouterr().out


def test_quality__no_day__is_wrong_usage(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["quality", "--since", "yesterday"]) == 2
    assert "--since is a day" in capsys.readouterr().err
