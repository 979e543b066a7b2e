"""`salus content migrate` and `check`, from a folder to a swarm and back, cut off in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.adapters.content.folder import FolderStore
from salus.adapters.content.holding import ContentHolding, Progress
from salus.adapters.content.migrate import migrate
from salus.core.cid import cid_of
from salus.core.errors import UnavailableError
from salus.core.hashing import sha256
from tests.integration.content.conftest import spoil
from tests.integration.content.test_stores import blobs

ROOT = Path(__file__).resolve().parents[3]


def salus(*arguments: str) -> tuple[int, Any]:
    """Exit code and JSON of a command."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--json", "content", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[0]) if done.stdout else done.stderr


def filled(folder: Path) -> tuple[FolderStore, list[bytes]]:
    """A folder with packs, files and long ones, and what is in it."""
    store = FolderStore(folder)
    given = [*blobs(700, 300), *blobs(5), os.urandom((2 << 20) + 1), os.urandom((3 << 20) + 9)]
    store.put_many(given[:700])
    for blob in given[700:]:
        store.put(blob)
    return store, given


def held(store: ContentHolding, given: list[bytes]) -> bool:
    return [store.get(sha256(blob)) for blob in given] == given


def test_migrate__folder_to_swarm_to_folder__nothing_is_lost(swarm: SwarmNodes, tmp_path: Path) -> None:
    store, given = filled(tmp_path / "from")
    address = swarm.swarm.address()
    assert salus("migrate", str(tmp_path / "from"), address)[1]["copied"] == len(given)
    code, again = salus("migrate", str(tmp_path / "from"), address)
    assert (code, again) == (0, {"copied": 0, "there": len(given), "erased": 0, "unreadable": []})
    with_swarm = content_store(address)
    assert held(with_swarm, given)
    cids = tmp_path / "cids"
    cids.write_text("\n".join(cid_of(digest) for digest in store.digests()))
    code, found = salus("check", address, "--expect", str(cids))
    assert (code, found["lost"], found["short"]) == (0, [], 0)
    assert salus("migrate", address, str(tmp_path / "back"))[0] == 0
    assert held(FolderStore(tmp_path / "back"), given)
    assert set(store.digests()) <= set(FolderStore(tmp_path / "back").digests())


class _Cut(ContentHolding):
    """A store that goes away after some calls of put_many."""

    def __init__(self, store: ContentHolding, calls: int) -> None:
        self._store = store
        self._left = calls

    def __getattribute__(self, name: str) -> Any:
        if name in ("put_many", "_store", "_left", "__class__"):
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_store"), name)

    def put_many(self, blobs: Any) -> list[bytes]:
        if not self._left:
            raise UnavailableError("gone")
        self._left -= 1
        return self._store.put_many(blobs)


def test_migrate__cut_off__goes_on_where_it_was(tmp_path: Path) -> None:
    store, given = filled(tmp_path / "from")
    target = FolderStore(tmp_path / "to")
    with pytest.raises(UnavailableError):
        migrate(store, _Cut(target, 1))
    there = len(set(target.digests()))
    assert 0 < there < len(given)
    moved = migrate(store, target)
    assert (moved.there, moved.copied) == (there, len(given) - there)
    assert held(target, given)


def test_migrate__damaged_where_it_comes_from__is_named_and_the_rest_moves(tmp_path: Path) -> None:
    store, given = filled(tmp_path / "from")
    for doomed in (given[3], given[702], given[706][-4096:]):
        assert spoil(tmp_path / "from", doomed) == 1
    code, moved = salus("migrate", str(tmp_path / "from"), str(tmp_path / "to"))
    assert code == 6
    assert set(moved["unreadable"]) == {cid_of(sha256(given[place])) for place in (3, 702, 706)}
    assert moved["copied"] == len(given) - 3
    store.close()


def test_migrate__damaged_where_it_goes__is_healed_with_verify(tmp_path: Path) -> None:
    store, given = filled(tmp_path / "from")
    target = FolderStore(tmp_path / "to")
    migrate(store, target)
    spoil(tmp_path / "to", given[702])
    assert migrate(store, target).copied == 0
    assert target.check().lost == (sha256(given[702]),)
    assert migrate(store, target, verify=True).copied == 1
    assert target.check().is_sound


def test_migrate__erased_in_the_swarm__stays_erased(swarm: SwarmNodes, tmp_path: Path) -> None:
    store, given = filled(tmp_path / "from")
    there = content_store(swarm.swarm.address())
    migrate(store, there)
    there.erase(sha256(given[0]))
    heard = list[str]()
    tell: Progress = lambda what, done, of: heard.append(what)  # noqa: E731 - a callback
    moved = migrate(store, there, tell)
    assert (moved.copied, moved.erased) == (0, 1)
    assert "envelopes copied" in heard
    assert sha256(given[0]) not in set(there.digests())


@pytest.mark.parametrize(
    "spoilt",
    [lambda folder: shutil.rmtree(folder / "packs"), lambda folder: spoil(folder, b"SLP1")],
    ids=["gone", "overwritten"],
)
def test_check__a_folder_that_lost_its_packs__says_what_is_lost(
    tmp_path: Path, spoilt: Callable[[Path], object]
) -> None:
    store, given = filled(tmp_path / "from")
    cids = tmp_path / "cids"
    cids.write_text("\n".join(cid_of(sha256(blob)) for blob in given))
    store.close()
    spoilt(tmp_path / "from")
    (tmp_path / "from" / "packs" / "index.db").unlink(missing_ok=True)
    for more in (tmp_path / "from" / "packs").glob("index.db-*"):
        more.unlink()
    code, found = salus("check", str(tmp_path / "from"), "--expect", str(cids))
    assert code == 6
    assert len(found["lost"]) == 700


@pytest.mark.parametrize(
    "address",
    [
        "kubo+http://127.0.0.1:5001",
        "kubo+ftp://127.0.0.1:5001?token_file=x",
        "kubo+http://127.0.0.1:5001?token_file=/nowhere/at/all",
        "kubo+http://127.0.0.1:5001/path?token_file=x",
    ],
)
def test_check__a_malformed_address__says_what_is_wrong(address: str) -> None:
    code, _ = salus("check", address)
    assert code == 8
