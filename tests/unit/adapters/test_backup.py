"""Backups of SQLite databases: whole while they are written to, checked, and put back."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from salus.adapters.database.backup import back_up, backups_in, restore
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.core.errors import ConflictError, IntegrityError, NotFoundError, SetupError

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'custodian.db'}"
    engine = open_engine(made)
    migrate(engine, "custodian")
    engine.dispose()
    return made


def entries(file: Path) -> int:
    with closing(sqlite3.connect(file)) as opened:
        return int(opened.execute("SELECT count(*) FROM custody_log").fetchone()[0])


def write(url: str, count: int) -> None:
    engine = open_engine(url)
    store = DatabaseCustodianStore(engine)
    for number in range(count):
        store.append({"kind": "test", "number": number}, 1)
    engine.dispose()


def test_backup__put_back__is_as_it_was(url: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "custodian.db", tmp_path / "backups"
    write(url, 3)
    made = back_up(url, "custodian", folder, NOW)
    write(url, 2)
    newest = back_up(url, "custodian", folder, LATER)
    assert backups_in(folder, "custodian") == [newest, made]
    assert backups_in(folder, "oracle") == []
    assert made.begun == "2026-11-27T12:00:00+00:00"
    assert all(one.stat().st_mode & 0o077 == 0 for one in folder.glob("*.db"))

    chosen, aside = restore(url, "custodian", folder, made.file)
    assert (chosen, entries(file)) == (made, 3)
    assert aside is not None
    assert entries(aside) == 5
    assert restore(url, "custodian", folder)[0] == newest
    assert entries(file) == 5
    write(url, 1)  # and it goes on
    assert entries(file) == 6


def test_backup__while_it_is_written_to__holds_all_that_was_committed_before(url: str, tmp_path: Path) -> None:
    write(url, 50)
    stop, written = Event(), []

    def busy() -> None:
        store = DatabaseCustodianStore(open_engine(url))
        while not stop.is_set():
            store.append({"kind": "test"}, 1)
            written.append(1)

    thread = Thread(target=busy)
    thread.start()
    try:
        while len(written) < 10:
            pass
        before = 50 + len(written)
        made = back_up(url, "custodian", tmp_path / "backups", NOW)
    finally:
        stop.set()
        thread.join()
    assert before <= entries(tmp_path / "backups" / made.file) <= 50 + len(written)


def test_restore__of_a_database_in_use__is_refused(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    back_up(url, "custodian", folder, NOW)
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM custody_log").fetchone()
        with pytest.raises(ConflictError, match="stop the service"):
            restore(url, "custodian", folder)
    engine.dispose()
    restore(url, "custodian", folder)


def test_restore__of_a_damaged_database__needs_no_look_into_it(url: str, tmp_path: Path) -> None:
    folder, file = tmp_path / "backups", tmp_path / "custodian.db"
    write(url, 2)
    back_up(url, "custodian", folder, NOW)
    file.write_bytes(b"not a database at all" * 500)
    with pytest.raises((IntegrityError, SetupError, sqlite3.DatabaseError)):
        back_up(url, "custodian", folder, LATER)
    assert len(list(folder.iterdir())) == 2  # nothing half made is left
    restore(url, "custodian", folder)
    assert entries(file) == 2


@pytest.mark.parametrize("harm", ["changed", "missing", "said otherwise"])
def test_restore__of_a_damaged_backup__is_refused_and_leaves_what_is_there(url: str, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "backups"
    made = back_up(url, "custodian", folder, NOW)
    write(url, 1)
    copy = folder / made.file
    if harm == "changed":
        copy.write_bytes(copy.read_bytes()[:-1] + b"\x01")
    elif harm == "missing":
        copy.unlink()
    else:
        copy.with_suffix(".json").write_text("{}")
    with pytest.raises(IntegrityError):
        restore(url, "custodian", folder)
    assert entries(tmp_path / "custodian.db") == 1


def test_backup__of_nothing_or_of_another_kind__is_refused(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    with pytest.raises(NotFoundError):
        back_up(f"sqlite:///{tmp_path / 'none.db'}", "custodian", folder, NOW)
    with pytest.raises(SetupError, match="no database of the kind oracle"):
        back_up(url, "oracle", folder, NOW)
    with pytest.raises(SetupError, match="PostgreSQL"):
        back_up("postgresql+psycopg://x/y", "custodian", folder, NOW)
    with pytest.raises(NotFoundError):
        restore(url, "custodian", folder)


def test_restore__log_of_a_database_that_is_gone__is_not_played_into_the_backup(url: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "custodian.db", tmp_path / "backups"
    write(url, 3)
    made = back_up(url, "custodian", folder, NOW)
    engine = open_engine(url)
    store = DatabaseCustodianStore(engine)
    with engine.connect() as reader:  # keeps the write-ahead log from being emptied, as a power cut does
        reader.exec_driver_sql("SELECT count(*) FROM custody_log").fetchone()
        for number in range(40):
            store.append({"kind": "test", "number": number}, 1)
        log = file.with_name(f"{file.name}-wal").read_bytes()
    engine.dispose()
    for left in tmp_path.glob("custodian.db*"):
        left.unlink()
    file.with_name(f"{file.name}-wal").write_bytes(log)
    assert len(log) > 0

    assert restore(url, "custodian", folder)[0] == made
    assert entries(file) == 3
    with closing(sqlite3.connect(file)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_restore__backup_of_another_service__is_refused_and_leaves_what_is_there(url: str, tmp_path: Path) -> None:
    folder, other = tmp_path / "backups", f"sqlite:///{tmp_path / 'api.db'}"
    engine = open_engine(other)
    migrate(engine, "api")
    engine.dispose()
    write(url, 2)
    made = back_up(other, "api", folder, NOW)
    said = (folder / made.file).with_suffix(".json")
    (folder / "custodian-1.json").write_text(said.read_text().replace('"api"', '"custodian"'))
    with pytest.raises(SetupError, match="custodian"):
        restore(url, "custodian", folder)
    assert entries(tmp_path / "custodian.db") == 2
    assert sorted(one.name for one in tmp_path.glob("custodian.db*")) == ["custodian.db"]


@pytest.mark.parametrize("place", ["../elsewhere.db", "/etc/hostname", "sub/x.db", ".."])
def test_restore__a_file_outside_the_folder_of_backups__is_refused(url: str, tmp_path: Path, place: str) -> None:
    folder = tmp_path / "backups"
    made = back_up(url, "custodian", folder, NOW)
    (tmp_path / "elsewhere.db").write_bytes((folder / made.file).read_bytes())
    (folder / "sub").mkdir()
    (folder / "sub" / "x.db").write_bytes((folder / made.file).read_bytes())
    said = (folder / made.file).with_suffix(".json")
    said.write_text(said.read_text().replace(made.file, place))
    with pytest.raises(IntegrityError):
        restore(url, "custodian", folder)


def test_restore__file_of_a_restored_database__is_its_owners_only_from_the_first_byte(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, modes, copying = tmp_path / "backups", list[int](), shutil.copyfile
    back_up(url, "custodian", folder, NOW)

    def copied(source: Path, target: Path) -> None:
        copying(source, target)
        modes.append(Path(target).stat().st_mode & 0o077)

    monkeypatch.setattr(shutil, "copyfile", copied)
    restore(url, "custodian", folder)
    assert modes == [0]
