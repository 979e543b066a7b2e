"""Fixtures of the content stores.

`swarm`  three Kubo nodes `a`, `b`, `c` of one swarm, all running again before each test. Kubo is built when it is not
         there yet (about five minutes, once). Where it can't be had the tests are skipped aloud; in CI they fail.
`site`   a store of either kind, with a way to damage what lies in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devnet.kubo_binary import kubo_binary
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.adapters.content.holding import ContentHolding
from salus.core.errors import SetupError

NAMES = ("a", "b", "c")


@pytest.fixture(scope="session")
def kubo() -> Path:
    try:
        return kubo_binary()
    except SetupError as why:
        if os.environ.get("CI"):
            pytest.fail(str(why))
        pytest.skip(str(why))  # said aloud: nothing of a content swarm was tested


@pytest.fixture(scope="module")
def _nodes(kubo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmNodes]:
    nodes = SwarmNodes(found(tmp_path_factory.mktemp("swarm"), NAMES, free_ports(PORTS), kubo), kubo)
    with nodes:
        yield nodes


@pytest.fixture
def swarm(_nodes: SwarmNodes) -> SwarmNodes:
    if away := [name for name in NAMES if name not in _nodes.running()]:
        _nodes.start(*away)
    return _nodes


@dataclass(frozen=True, slots=True)
class Site:
    """A store, another one on the same bytes, and a way to overwrite the start of every copy of a blob on disk."""

    store: ContentHolding
    again: Callable[[], ContentHolding]
    folders: tuple[Path, ...]

    def damage(self, data: bytes) -> None:
        """Overwrite the first bytes of every copy."""
        assert sum(spoil(folder, data) for folder in self.folders)


def spoil(folder: Path, data: bytes) -> int:
    """Overwrite the first bytes of each copy of a blob below a folder; how many there were."""
    copies = [
        (path, place) for path in folder.rglob("*") if path.is_file() and (place := path.read_bytes().find(data)) >= 0
    ]
    for path, place in copies:
        mode = path.stat().st_mode
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"\0\1\2")
        path.chmod(mode)
    return len(copies)


@pytest.fixture(params=["folder", "kubo"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "folder":
        address, folders = str(tmp_path / "content"), (tmp_path / "content",)
    else:
        swarm: SwarmNodes = request.getfixturevalue("swarm")
        address = swarm.swarm.address()
        folders = tuple(swarm.swarm.node_folder(name) / "blocks" for name in NAMES)
    opened = [content_store(address)]

    def again() -> ContentHolding:
        opened.append(content_store(address))
        return opened[-1]

    yield Site(opened[0], again, folders)
    for store in opened:
        store.close()
