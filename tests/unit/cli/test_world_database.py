"""What a world's databases are, as it is kept in its folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.world.cast import BASE_PORT, CAST, Ports
from cli.world.database import Database, database_parts, server_of
from cli.world.layout import World, load
from cli.world.networks import Network
from cli.world.raising import raise_world
from salus.core.errors import SetupError
from salus.core.ids import ParticipantId

IDS = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}


@pytest.mark.parametrize("kind", list(Database))
def test_world__of_either_kind__is_so_again_when_it_is_loaded(tmp_path: Path, kind: Database) -> None:
    World(tmp_path, Ports(BASE_PORT), IDS, Network.DEV, kind).save()
    assert load(tmp_path).database is kind


def test_world__saved_before_there_was_a_choice__has_files(tmp_path: Path) -> None:
    world = World(tmp_path, Ports(BASE_PORT), IDS)
    world.save()
    file = tmp_path / "world.json"
    file.write_text(
        json.dumps({name: told for name, told in json.loads(file.read_text()).items() if name != "database"})
    )
    assert load(tmp_path) == world
    assert world.index_url == f"sqlite:///{tmp_path}/watch/index.db"
    assert database_parts(tmp_path, world.ports, world.database) == []


def test_server_of__without_the_driver__says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(SetupError, match=r"psycopg.*tools/install.sh postgres"):
        server_of(tmp_path, Ports(BASE_PORT))


def test_raise__world_with_other_databases__says_so_before_anything_starts(tmp_path: Path) -> None:
    World(tmp_path, Ports(BASE_PORT), IDS).save()
    with pytest.raises(SetupError, match="are sqlite: start it so again"):
        raise_world(tmp_path, BASE_PORT, pytest.fail, database=Database.POSTGRES)
    assert not (tmp_path / "parts.json").exists()


def test_raise__consortium_on_other_ports__names_those_it_has_before_anything_starts(tmp_path: Path) -> None:
    World(tmp_path, Ports(BASE_PORT), IDS, Network.CONSORTIUM).save()
    with pytest.raises(SetupError, match=f"set SALUS_BASE_PORT={BASE_PORT}"):
        raise_world(tmp_path, BASE_PORT + 100, pytest.fail, Network.CONSORTIUM)
    assert not (tmp_path / "parts.json").exists()
