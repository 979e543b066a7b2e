"""Source files of a world's oracles: a folder for each institution, used once there is a file in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.world.cast import BASE_PORT, CAST, Name, Ports
from cli.world.layout import World
from cli.world.services import oracle_part
from cli.world.tour import what_to_try
from oracle import settings
from salus.core.ids import ParticipantId


@pytest.fixture
def world(tmp_path: Path) -> World:
    ids = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}
    return World(tmp_path, Ports(BASE_PORT), ids)


def folder_of(world: World, name: Name) -> Path | None:
    """What the oracle would be told, beside a folder in the caller's own environment."""
    return settings.read_sources({"SALUS_ORACLE_SOURCES": "/", **oracle_part(world, name).environment}).folder


def test_world__without_source_files__oracles_have_their_one_port(world: World) -> None:
    assert [folder_of(world, name) for name in (Name.HOSPITAL_B, Name.CHECKUP)] == [None, None]


def test_world__source_files_of_one_institution__are_that_oracles_alone(world: World) -> None:
    oracle_part(world, Name.HOSPITAL_B)
    (world.sources(Name.HOSPITAL_B) / "lis.toml").write_text('name = "lis"\n[mllp]\nport = 2575\n')
    assert folder_of(world, Name.HOSPITAL_B) == world.sources(Name.HOSPITAL_B)
    assert folder_of(world, Name.CHECKUP) is None


def test_tour__names_the_folder__before_and_after_it_has_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keys:
        def signer(self, _: str) -> object:
            return type("Signer", (), {"address": "0x00"})

    monkeypatch.setattr(World, "keys", Keys())
    said = "\n".join(what_to_try(world))
    assert f"MLLP port {world.ports.oracle_mllp(Name.HOSPITAL_B)} (or source files in" in said
    world.sources(Name.HOSPITAL_B).mkdir(parents=True)
    (world.sources(Name.HOSPITAL_B) / "lis.toml").touch()
    said = "\n".join(what_to_try(world))
    assert f"senders by {world.sources(Name.HOSPITAL_B)}" in said
