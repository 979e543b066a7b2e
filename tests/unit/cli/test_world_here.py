"""Which world of this machine a command means, and backup and restore of its parts by name."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.commands.backup import SERVICES, _database, backup, restore_
from cli.commands.world import up
from cli.world.cast import BASE_PORT, CAST, Ports
from cli.world.layout import World
from cli.world.networks import Network
from cli.world.raising import KEEPER, raise_world
from cli.world.running import KINDS, world_here
from devnet.supervisor import Part, Supervisor
from salus.adapters.alone import alone
from salus.core.errors import ConflictError, InputError, SetupError
from salus.core.ids import ParticipantId

IDS = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SALUS_HOME", str(tmp_path))
    return tmp_path


def founded(home: Path, kind: str) -> World:
    (home / kind).mkdir()
    world = World(home / kind, Ports(BASE_PORT), IDS, Network.DEV)
    world.save()
    return world


def started(world: World, name: str) -> Supervisor:
    supervisor = Supervisor(world.folder)
    supervisor.start([Part(name, ("sleep", "60"))])
    return supervisor


def database(world: World, part: str, says: str) -> Path:
    """A custodian's database as far as a backup looks at it: the revision, and one row to know it by."""
    file = Path(_database(part, None, None)[1].removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as made, made:
        made.execute("CREATE TABLE custodian_version (version_num TEXT)")
        made.execute("INSERT INTO custodian_version VALUES ('custodian_0001')")
        made.execute("CREATE TABLE mark (says TEXT)")
        made.execute("INSERT INTO mark VALUES (?)", (says,))
    return file


def mark(file: Path) -> str:
    with closing(sqlite3.connect(file)) as found:
        return str(found.execute("SELECT says FROM mark").fetchone()[0])


def test_world_here__none_founded__says_how_to_found_one() -> None:
    with pytest.raises(SetupError, match="run `make up` first"):
        world_here()


@pytest.mark.parametrize("kind", KINDS)
def test_world_here__one_founded__is_that_one_though_nothing_runs(home: Path, kind: str) -> None:
    world = founded(home, kind)
    assert world_here() == world == world_here(kind)


def test_world_here__several_stand_still__one_must_be_named(home: Path) -> None:
    up, consortium = founded(home, "up"), founded(home, "consortium")
    with pytest.raises(InputError, match="--world which world is meant: up, consortium"):
        world_here()
    assert (world_here("up"), world_here("consortium")) == (up, consortium)
    with pytest.raises(InputError, match="there is no world down"):
        world_here("down")


def test_world_here__one_of_several_runs__is_that_one(home: Path) -> None:
    founded(home, "up")
    consortium = founded(home, "consortium")
    supervisor = started(consortium, "links")
    try:
        assert world_here() == consortium
    finally:
        supervisor.stop()


@pytest.mark.parametrize("part", ["custodian-1", "hospital-b-oracle", "hospital-a-api"])
def test_database__of_a_part__is_its_own_and_of_a_kind_that_restores(home: Path, part: str) -> None:
    world = founded(home, "up")
    service, url = _database(part, None, None)
    assert service in SERVICES
    assert url.startswith(f"sqlite:///{world.folder}/")


def test_restore__two_custodians_in_one_folder__each_gets_its_own_back(home: Path) -> None:
    world = founded(home, "up")
    files = {part: database(world, part, part) for part in ("custodian-1", "custodian-2")}
    for part in files:
        backup(part, home / "backups")
    for part, file in files.items():
        file.unlink()
        restore_(part, home / "backups")
        assert mark(file) == part


@pytest.mark.parametrize(("runs", "says"), [("custodian-1", "custodian-1 runs"), (KEEPER, "the keeper starts")])
def test_restore__part_runs_or_would_be_started__refused(home: Path, runs: str, says: str) -> None:
    world = founded(home, "consortium")
    database(world, "custodian-1", "now")
    backup("custodian-1", home / "backups")
    supervisor = started(world, runs)
    try:
        with pytest.raises(ConflictError, match=says):
            restore_("custodian-1", home / "backups")
    finally:
        supervisor.stop()


def test_restore__keeper_is_started_while_it_copies__is_noticed_before_anything_is_exchanged(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = founded(home, "consortium")
    file = database(world, "custodian-1", "then")
    backup("custodian-1", home / "backups")
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE mark SET says = 'now'")
    copying, began = shutil.copyfile, list[Supervisor]()

    def slow(source: Path, target: Path) -> None:
        copying(source, target)
        began.append(started(world, KEEPER))

    monkeypatch.setattr(shutil, "copyfile", slow)
    try:
        with pytest.raises(ConflictError, match="the keeper starts"):
            restore_("custodian-1", home / "backups")
    finally:
        began[0].stop()
    assert mark(file) == "now"


def test_restore__world_is_being_started__is_refused(home: Path) -> None:
    world = founded(home, "consortium")
    database(world, "custodian-1", "then")
    backup("custodian-1", home / "backups")
    with alone(world.folder, "busy"), pytest.raises(ConflictError, match="somebody else is starting the world"):
        restore_("custodian-1", home / "backups")


def test_raise__twice_at_once__the_second_is_told_and_starts_nothing(home: Path) -> None:
    folder = home / "up"
    folder.mkdir()
    with alone(folder, "busy"), pytest.raises(ConflictError, match="somebody else is starting the world"):
        raise_world(folder, BASE_PORT, pytest.fail)
    assert not (folder / "parts.json").exists()


def test_up__killed_while_it_founded_the_world__goes_on_with_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(home / "up")
    supervisor.start([Part("chain", ("sleep", "60"))])
    went_on = list[Path]()

    def go_on(folder: Path, *_: object, **__: object) -> None:
        went_on.append(folder)
        raise ConflictError("far enough")

    monkeypatch.setattr("cli.world.raising.raise_world", go_on)
    try:
        with pytest.raises(ConflictError, match="far enough"):
            up()
    finally:
        supervisor.stop()
    assert went_on == [home / "up"]


def test_backup__after_one_that_was_cut_off__names_what_it_left(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = founded(home, "up")
    database(world, "custodian-1", "then")
    left = home / "backups" / "custodian-1" / "custodian-20261126T000000.000000Z.new"
    left.parent.mkdir(parents=True)
    left.touch()
    backup("custodian-1", home / "backups")
    assert left.name in "".join(capsys.readouterr().err.split())
