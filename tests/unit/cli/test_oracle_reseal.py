"""`salus oracle reseal` on the journal whose settings are in force: what stays is listed by record and reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli import app, output
from cli.exits import WARNED
from oracle.settings import PREFIX
from salus.core.ids import hex32
from tests.unit.oracle.oracle_world import SITE_SECRET, Oracle, Outside, report


@pytest.fixture
def oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two records, anchored; the settings of their journal are in force."""
    site = tmp_path / "site"
    site.write_text(SITE_SECRET.hex())
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", f"sqlite:///{tmp_path / 'oracle.db'}")
    monkeypatch.setenv(f"{PREFIX}SITE_KEY_FILE", str(site))
    made = Oracle(tmp_path / "oracle.db", Outside())
    made.take(report("1"), report("2", "L2"))
    made.pipeline.settle()
    yield made
    made.close()


def _run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> tuple[int, Any]:
    monkeypatch.setitem(output._state, "json", as_json)
    code = app.run(["oracle", "reseal", "here", "--from-set", "1"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if as_json else said.out


def test_reseal__what_is_forgotten__is_listed_by_record_and_the_code_warns(
    oracle: Oracle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (item.leaf.record_id for item in oracle.outside.anchored_items())
    with oracle.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM oracle_raw")
    code, told = _run(capsys, monkeypatch, as_json=True)
    assert code == WARNED
    assert (told["found"], told["resealed"]) == (2, 0)
    assert told["left"] == [{"record": hex32(one), "why": "forgotten"} for one in (first, second)]
    code, text = _run(capsys, monkeypatch, as_json=False)
    assert code == WARNED
    assert "0 of 2" in text
    assert hex32(first) in text
    assert "小明" not in text


def test_reseal__only_destroyed_records_stay__is_done(
    oracle: Oracle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in oracle.outside.anchored_items():
        oracle.records.erase(item.leaf.record_id, 1, lambda _raws, _shares: None)
    code, told = _run(capsys, monkeypatch, as_json=True)
    assert code == 0
    assert [one["why"] for one in told["left"]] == ["destroyed", "destroyed"]
