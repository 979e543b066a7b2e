"""The file of a light client: what is kept is there again, and a wrong file is refused before it is trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from salus.adapters.snapshot_file import SnapshotFile
from salus.core.consensus.snapshot import Snapshot
from salus.core.consensus.votes import Vote
from salus.core.errors import ConflictError, IntegrityError, SalusError

SNAPSHOT = Snapshot(
    7,
    b"\x01" * 32,
    1_795_744_520,
    b"\x02" * 32,
    (b"\x0a" * 20, b"\x0b" * 20),
    (Vote(b"\x0a" * 20, b"\x0c" * 20, authorise=True),),
    ((6, b"\x0a" * 20), (7, b"\x0b" * 20)),
)


def opened(path: Path, engine: str = "clique", epoch: int = 30_000) -> SnapshotFile:
    return SnapshotFile(path, engine, epoch)


def test_file__not_there_yet__has_nothing_and_is_not_made(tmp_path: Path) -> None:
    file = opened(tmp_path / "kept.json")
    assert (file.snapshot, file.halted) == (None, None)
    assert list(tmp_path.iterdir()) == []


def test_keep__read_again__is_the_same_and_leaves_no_scratch(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "kept.json"
    file = opened(path)
    file.keep(SNAPSHOT)
    assert file.snapshot == opened(path).snapshot == SNAPSHOT
    assert opened(path).halted is None
    assert [one.name for one in path.parent.iterdir()] == ["kept.json"]


def test_keep__newer__takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = opened(tmp_path / "kept.json")
    newer = Snapshot(8, b"\x03" * 32, 1_795_744_521, b"\x04" * 32, SNAPSHOT.validators)
    file.keep(SNAPSHOT)
    file.keep(newer)
    assert opened(tmp_path / "kept.json").snapshot == newer


def test_halt__read_again__is_the_reason_beside_the_snapshot(tmp_path: Path) -> None:
    file = opened(tmp_path / "kept.json")
    file.keep(SNAPSHOT)
    file.halt("a signer sealed two blocks of one parent")
    again = opened(tmp_path / "kept.json")
    assert (again.snapshot, again.halted) == (SNAPSHOT, "a signer sealed two blocks of one parent")


def test_keep__scratch_of_a_power_cut__is_written_over_and_never_read(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    opened(path).keep(SNAPSHOT)
    path.with_suffix(".new").write_text('{"engine": "cli')
    assert opened(path).snapshot == SNAPSHOT
    opened(path).halt("why")
    assert opened(path).halted == "why"


@pytest.mark.parametrize(
    ("engine", "epoch"), [("qbft", 30_000), ("clique", 100)], ids=["another engine", "another epoch"]
)
def test_file__of_another_chain__is_refused_and_left_as_it_is(tmp_path: Path, engine: str, epoch: int) -> None:
    path = tmp_path / "kept.json"
    opened(path).keep(SNAPSHOT)
    before = path.read_bytes()
    with pytest.raises(ConflictError, match=f"not of engine {engine} with epochs of {epoch}"):
        opened(path, engine, epoch)
    assert path.read_bytes() == before


def _without(name: str) -> Any:
    kept = SNAPSHOT.to_json()
    del kept[name]
    return kept


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", IntegrityError),
        ('{"engine": "clique", "epo', IntegrityError),
        ("[]", ConflictError),
        ('"clique"', ConflictError),
        ("{}", ConflictError),
        (json.dumps({"engine": "clique", "epoch": 30_000, "snapshot": {}}), IntegrityError),
        (json.dumps({"engine": "clique", "epoch": 30_000, "snapshot": _without("validators")}), IntegrityError),
        (json.dumps({"engine": "clique", "epoch": 30_000, "snapshot": [1]}), IntegrityError),
    ],
)
def test_file__damaged__is_refused(tmp_path: Path, text: str, error: type[SalusError]) -> None:
    path = tmp_path / "kept.json"
    path.write_text(text)
    with pytest.raises(error):
        opened(path)
    assert path.read_text() == text
