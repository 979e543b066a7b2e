"""Backups and restores of SQLite databases that end in the middle: killed at every step, disks that refuse, company."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salus.adapters.alone import alone
from salus.adapters.database.backup import back_up, backups_in, restore, unfinished
from salus.core.errors import ConflictError, IntegrityError, NotFoundError, SetupError, UnavailableError
from tests.killed import killed_at

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 28, 12, tzinfo=UTC)
STEPS = ("open", "os.", "shutil.", "sqlite3.connect")
MOST_STEPS = 200


def database(file: Path, says: str) -> str:
    """A custodian's database as far as a backup looks at it, in WAL mode as the services have it."""
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as made, made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE custodian_version (version_num TEXT)")
        made.execute("INSERT INTO custodian_version VALUES ('custodian_0001')")
        made.execute("CREATE TABLE mark (says TEXT)")
        made.execute("INSERT INTO mark VALUES (?)", (says,))
    return f"sqlite:///{file}"


def mark(file: Path) -> str:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as found:
        return str(found.execute("SELECT says FROM mark").fetchone()[0])


def steps(do: Callable[[int], bool]) -> Iterator[int]:
    """Every step at which it can be killed."""
    for step in range(MOST_STEPS):
        if not do(step):
            return
        yield step
    pytest.fail("it never came to its end")


def test_restore__killed_at_every_step__leaves_one_of_the_two_in_place_and_can_be_done_again(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    made = back_up(url, "custodian", folder, NOW)
    found = set()

    def do(step: int) -> bool:
        database(place, "now")
        return killed_at(step, lambda: restore(url, "custodian", folder), STEPS)

    for step in steps(do):
        found.add(mark(place))
        aside = restore(url, "custodian", folder)[1]
        assert (mark(place), aside is not None) == ("then", True)
        kept = {mark(one) for one in tmp_path.glob("custodian.db.before-?")}
        assert "now" in kept, step
        for one in tmp_path.glob("custodian.db.before-*"):
            one.unlink()
    assert found == {"now", "then"}
    assert sorted(one.name for one in folder.iterdir()) == sorted([made.file, f"{made.file.removesuffix('.db')}.json"])


def test_backup__killed_at_every_step__is_whole_or_none_and_older_ones_can_be_put_back(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    older = back_up(url, "custodian", folder, NOW)
    database(place, "now")
    has_left = False
    for _ in steps(lambda step: killed_at(step, lambda: back_up(url, "custodian", folder, LATER), STEPS)):
        there = backups_in(folder, "custodian")
        assert older in there
        restore(url, "custodian", folder)
        assert mark(place) == ("now" if len(there) == 2 else "then")
        left = unfinished(folder, "custodian")
        has_left |= bool(left)
        known = {name for one in there for name in (one.file, f"{one.file.removesuffix('.db')}.json")}
        assert {one.name for one in folder.iterdir()} - known == {one.name for one in left}
        for one in folder.iterdir():
            if one.name not in {older.file, f"{older.file.removesuffix('.db')}.json"}:
                one.unlink()
        database(place, "now")
    assert has_left


def test_backup__note_that_can_not_be_written__leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    url = database(tmp_path / "custodian.db", "then")
    (folder / f"custodian-{NOW:%Y%m%dT%H%M%S.%fZ}.json.new").mkdir(parents=True)
    with pytest.raises(OSError, match=r"json\.new"):
        back_up(url, "custodian", folder, NOW)
    assert [one.name for one in folder.iterdir() if one.is_file()] == []


def test_restore__one_note_is_damaged__another_can_be_named_and_none_is_passed_over(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    made = back_up(url, "custodian", folder, NOW)
    (folder / "custodian-20261128T120000.000000Z.json").write_text('{"service": "custo')
    with pytest.raises(IntegrityError, match="another backup with --file"):
        restore(url, "custodian", folder)
    assert restore(url, "custodian", folder, made.file)[0] == made
    with pytest.raises(NotFoundError):
        restore(url, "custodian", folder, "../backups/" + made.file)


@pytest.mark.parametrize(
    "change",
    [('"begun": "2026-11-27T12:00:00+00:00"', '"begun": 5'), ("T12:00:00+00:00", " noon"), ("+00:00", "")],
)
def test_restore__note_with_another_time__is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    folder = tmp_path / "backups"
    url = database(tmp_path / "custodian.db", "then")
    made = back_up(url, "custodian", folder, NOW)
    note = folder / f"{made.file.removesuffix('.db')}.json"
    assert change[0] in note.read_text()
    note.write_text(note.read_text().replace(*change))
    with pytest.raises(IntegrityError, match="does not say"):
        restore(url, "custodian", folder)


def test_restore__copy_is_cut_short_on_its_way__is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    back_up(url, "custodian", folder, NOW)
    database(place, "now")
    copying = shutil.copyfile

    def cut(source: Path, target: Path) -> None:
        copying(source, target)
        os.truncate(target, target.stat().st_size - 1)

    monkeypatch.setattr(shutil, "copyfile", cut)
    with pytest.raises(IntegrityError, match="damaged"):
        restore(url, "custodian", folder)
    assert mark(place) == "now"


def test_restore__journal_of_another_database__is_not_played_into_the_backup(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    back_up(url, "custodian", folder, NOW)
    journal = place.with_name("custodian.db-journal")
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE much (text)")
        other.execute("INSERT INTO much VALUES (zeroblob(100000))")
        other.execute("BEGIN IMMEDIATE")
        other.execute("PRAGMA cache_size=1")
        other.execute("UPDATE much SET text = zeroblob(99999)")
        shutil.copyfile(tmp_path / "other.db-journal", journal)
    place.unlink()
    restore(url, "custodian", folder)
    assert not journal.exists()
    assert mark(place) == "then"


def test_restore__database_behind_a_link__is_exchanged_where_it_lies(tmp_path: Path) -> None:
    folder, disk = tmp_path / "backups", tmp_path / "disk"
    disk.mkdir()
    database(disk / "real.db", "then")
    link = tmp_path / "custodian.db"
    link.symlink_to(disk / "real.db")
    url = f"sqlite:///{link}"
    back_up(url, "custodian", folder, NOW)
    database(disk / "real.db", "now")
    aside = restore(url, "custodian", folder)[1]
    assert link.is_symlink()
    assert mark(disk / "real.db") == "then"
    assert aside == disk / "real.db.before-1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("was_there", [True, False])
def test_restore__by_root__belongs_to_whose_database_it_is(tmp_path: Path, was_there: bool) -> None:
    folder, place = tmp_path / "backups", tmp_path / "service" / "custodian.db"
    place.parent.mkdir()
    os.chown(place.parent, 1234, 1235)
    url = database(place, "then")
    os.chown(place, 1234, 1235)
    back_up(url, "custodian", folder, NOW)
    if not was_there:
        place.unlink()
    restore(url, "custodian", folder)
    found = place.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 1235, 0o600)


def test_restore__while_another_is_under_way__is_refused_and_takes_nothing_from_it(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    back_up(url, "custodian", folder, NOW)
    draft = tmp_path / "custodian.db.new"
    draft.write_bytes(b"of the other one")
    with alone(tmp_path, "busy"), pytest.raises(ConflictError, match="another restore"):
        restore(url, "custodian", folder)
    assert draft.read_bytes() == b"of the other one"
    restore(url, "custodian", folder)


def test_restore__last_look_says_no__changes_nothing(tmp_path: Path) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    back_up(url, "custodian", folder, NOW)
    database(place, "now")

    def no() -> None:
        assert (tmp_path / "custodian.db.new").exists()  # the long part is over
        raise ConflictError("it runs")

    with pytest.raises(ConflictError, match="it runs"):
        restore(url, "custodian", folder, last_look=no)
    assert [one.name for one in tmp_path.glob("custodian.db*")] == ["custodian.db"]
    assert mark(place) == "now"


def test_backup__of_a_damaged_or_a_locked_database__says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, place = tmp_path / "backups", tmp_path / "custodian.db"
    url = database(place, "then")
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        opening = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *all_, **more: opening(*all_, **{**more, "timeout": 0}))
        with pytest.raises(UnavailableError, match="locked"):
            back_up(url, "custodian", folder, NOW)
    place.write_bytes(b"not a database at all" * 500)
    with pytest.raises(IntegrityError, match="damaged"):
        back_up(url, "custodian", folder, NOW)
    assert list(folder.iterdir()) == []


def test_backup__of_another_kind__is_told_apart_from_a_lock(tmp_path: Path) -> None:
    url = database(tmp_path / "custodian.db", "then")
    with pytest.raises(SetupError, match="of the kind oracle"):
        back_up(url, "oracle", tmp_path / "backups", NOW)
