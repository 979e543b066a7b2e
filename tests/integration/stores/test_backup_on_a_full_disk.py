"""`salus backup` and `salus restore` on a full disk: nothing half made stays, and what was there is as it was."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.app import run
from devnet.small_disk import SmallDisk, refusal
from salus.adapters.database.backup import backups_in
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate

SPARE = 1 << 20


@pytest.fixture(autouse=True)
def _disks() -> None:
    if why := refusal():
        pytest.skip(f"{why}: nothing was tried on a full disk")


@pytest.fixture(autouse=True)
def _custodian(_disks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "service" / "custodian.db"
    made = f"sqlite:///{place}"
    engine = open_engine(made)
    migrate(engine, "custodian")
    engine.dispose()
    says(place, "then")
    monkeypatch.setenv("SALUS_CUSTODIAN_DATABASE_URL", made)


def says(place: Path, what: str) -> None:
    """Leave a mark, and enough beside it that a copy needs room."""
    with closing(sqlite3.connect(place)) as opened, opened:
        opened.execute("CREATE TABLE IF NOT EXISTS mark (says TEXT, much BLOB)")
        opened.execute("DELETE FROM mark")
        opened.execute("INSERT INTO mark VALUES (?, zeroblob(200000))", (what,))


def mark(place: Path) -> str:
    with closing(sqlite3.connect(place)) as opened:
        return str(opened.execute("SELECT says FROM mark").fetchone()[0])


def test_backup__disk_is_full__leaves_nothing_and_older_ones_are_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, place = tmp_path / "backups", tmp_path / "service" / "custodian.db"
    assert run(["backup", "custodian", str(folder)]) == 0
    before = sorted(folder.iterdir())
    says(place, "now")
    with SmallDisk(folder, SPARE) as disk:
        disk.fill()
        capsys.readouterr()
        assert run(["backup", "custodian", str(folder)]) == 5
        assert "disk is full" in " ".join(capsys.readouterr().err.split())
        assert sorted(one for one in folder.iterdir() if one.name != "filler") == before
        disk.make_room()
        assert run(["restore", "custodian", str(folder)]) == 0
        assert mark(place) == "then"
        assert run(["backup", "custodian", str(folder)]) == 0
        assert len(backups_in(folder, "custodian")) == 2


def test_restore__disk_is_full__leaves_what_was_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, place = tmp_path / "backups", tmp_path / "service" / "custodian.db"
    assert run(["backup", "custodian", str(folder)]) == 0
    says(place, "now")
    with SmallDisk(place.parent, SPARE) as disk:
        disk.fill()
        capsys.readouterr()
        assert run(["restore", "custodian", str(folder)]) != 0
        assert "No space left" in " ".join(capsys.readouterr().err.split())
        assert sorted(one.name for one in place.parent.iterdir()) == ["custodian.db", "filler"]
        disk.make_room()
        assert mark(place) == "now"
        assert run(["restore", "custodian", str(folder)]) == 0
        assert mark(place) == "then"
