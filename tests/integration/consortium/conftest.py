"""Fixtures of the consortium's chain.

`nodes` four geth nodes that seal by Clique, `a` to `d`, whole again before each test: all run, no link is cut. geth is
        built when it is not there yet (about four minutes, once). Where it can't be had the tests are skipped aloud;
        in CI they fail.
`free_base` a port from which some number of loopback ports are free.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devnet.clique import PORTS, found_network
from devnet.clique_nodes import CliqueNodes
from devnet.geth_binary import geth_binary
from salus.core.errors import SetupError

NAMES = ("a", "b", "c", "d")


def _all_free(base: int, count: int) -> bool:
    for port in range(base, base + count):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@pytest.fixture(scope="session")
def free_base() -> Callable[[int], int]:
    def find(count: int) -> int:
        chance = random.Random()
        return next(base for base in iter(lambda: chance.randrange(20_000, 32_000), None) if _all_free(base, count))

    return find


@pytest.fixture(scope="session")
def geth() -> Path:
    try:
        return geth_binary()
    except SetupError as why:
        if os.environ.get("CI"):
            pytest.fail(str(why))
        pytest.skip(str(why))  # said aloud: nothing of a consortium's chain was tested


@pytest.fixture(scope="module")
def _network(
    geth: Path, free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CliqueNodes]:
    network = found_network(tmp_path_factory.mktemp("clique"), NAMES, free_base(PORTS))
    running = CliqueNodes(network, geth)
    try:
        running.start()
        yield running
    finally:
        for name in running.running():
            running.kill(name)
        running.stop()


@pytest.fixture
def nodes(_network: CliqueNodes) -> CliqueNodes:
    _network.links.heal()
    _network.links.delay(0)
    away = [name for name in NAMES if name not in _network.running()]
    if away:
        _network.start(*away)
    _network.await_("every node has its three peers", lambda: all(_network.peers(name) >= 3 for name in NAMES))
    return _network
