"""Who is meant and who votes, inside a world and outside of one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.participant.hall import Hall, Place, Voters, opened
from cli.world.cast import Name, Ports
from cli.world.layout import World
from salus.core.errors import InputError, NotFoundError, SetupError
from salus.core.ids import ZERO_ADDRESS, ParticipantId, hex32
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus

ID = ParticipantId(b"\x07" * 32)
MEMBER = Membership(
    ParticipantStatus.SUSPENDED,
    1,
    ParticipantRole.SOURCE,
    1_000,
    100,
    ZERO_ADDRESS,
    bytes(32),
    b"\x04" * 32,
    bytes(64),
    ZERO_ADDRESS,
)


def hall(world: World | None) -> Hall:
    chain: Any = None  # not asked
    return Hall(chain, world)


def world_of(folder: Path) -> World:
    return World(folder, Ports(), {Name.HOSPITAL_A: ID})


def test_participant__by_id__needs_no_world() -> None:
    assert hall(None).participant(hex32(ID)) == ID


def test_participant__by_name__is_the_worlds(tmp_path: Path) -> None:
    assert hall(world_of(tmp_path)).participant("hospital-a") == ID


@pytest.mark.parametrize("name", ["", "hospital-z", "0x", "0xabcd", "0x" + "zz" * 32, "ab" * 32])
def test_participant__neither__is_refused(name: str, tmp_path: Path) -> None:
    for world in (None, world_of(tmp_path)):
        with pytest.raises(InputError):
            hall(world).participant(name)


def test_participant__unknown_name_in_a_world__is_told_the_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="or one of hospital-a"):
        hall(world_of(tmp_path)).participant("hospital-b")


class Behind:
    """Reads of a node that has an institution from its `since`th look on; suspended at first, then active."""

    def __init__(self, since: int) -> None:
        self.since, self.looks = since, 0

    @property
    def reader(self) -> Behind:
        return self

    def head(self) -> int:
        self.looks += 1
        return self.looks

    def read_all(self, _: object, at: int) -> list[Membership]:
        if at < self.since:
            return [replace(MEMBER, status=ParticipantStatus.NONE)]
        return [MEMBER if at == self.since else replace(MEMBER, status=ParticipantStatus.ACTIVE)]


def behind(since: int) -> Hall:
    chain: Any = Behind(since)
    return Hall(chain, None)


def test_once__node_is_behind__waits_for_what_was_sent() -> None:
    pauses = list[float]()
    assert behind(4).once(ID, pause=pauses.append) == MEMBER
    assert len(pauses) == 3
    active = behind(2).once(ID, lambda member: member.status is ParticipantStatus.ACTIVE, pauses.append)
    assert active.status is ParticipantStatus.ACTIVE


def test_once__it_never_comes__says_so_and_what_stands_is_told() -> None:
    pauses = list[float]()
    with pytest.raises(NotFoundError):
        behind(1_000).once(ID, pause=pauses.append)
    assert 5 <= sum(pauses) <= 20
    assert behind(1).once(ID, lambda _: False, pauses.append).status is ParticipantStatus.ACTIVE


def test_chamber__outside_a_world_without_voters__is_refused() -> None:
    with pytest.raises(InputError, match="--member KEYSTORE"):
        hall(None).chamber(Voters())


def test_chamber__keystores_without_passphrase__are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--passphrase-file"):
        hall(None).chamber(Voters((tmp_path / "council.json",)))


def test_opened__no_world_and_half_a_place__says_what_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALUS_HOME", str(tmp_path))
    for place in (Place(), Place(rpc="http://127.0.0.1:1"), Place(deployment=tmp_path / "2026.json")):
        with pytest.raises(SetupError, match="--rpc URL --deployment FILE"), opened(place):
            pass


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({"contracts": {"Council": []}})])
def test_opened__file_that_lists_no_council__is_refused_before_the_node_is_asked(text: str, tmp_path: Path) -> None:
    file = tmp_path / "2026.json"
    file.write_text(text)
    with pytest.raises(SetupError, match="lists the Council"), opened(Place("http://127.0.0.1:1", file)):
        pass
