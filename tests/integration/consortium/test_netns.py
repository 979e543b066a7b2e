"""Namespaces of their own: machines that reach each other until a partition, and a chain that halts and goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from devnet import netns
from devnet.clique import CliqueNetwork, CliqueSettings, found_network
from devnet.clique_nodes import node_part
from devnet.ipc import ask
from devnet.netns import Namespaces
from devnet.supervisor import Supervisor
from salus.core.errors import InputError, SetupError
from tests.integration.consortium.conftest import NAMES

_SERVE = "import socket,sys; s=socket.create_server((sys.argv[1],5000)); print('up',flush=True)\nwhile 1: s.accept()"
_DIAL = "import socket,sys; socket.create_connection((sys.argv[1],5000),2)"


@pytest.fixture
def spaces(free_base: Callable[[int], int]) -> Iterator[Namespaces]:
    try:
        netns.require()
    except SetupError as why:  # said aloud: no partition of the kernel's own was tested
        pytest.skip(str(why))
    made = Namespaces(free_base(1), NAMES)
    probe = subprocess.run(("ip", "netns", "add", f"salus-{made.base}-a"), capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        pytest.skip(f"this kernel makes no network namespaces: {probe.stderr.strip()}")
    try:
        made.make()
        yield made
    finally:
        made.remove()


@pytest.fixture
def serving(spaces: Namespaces) -> Iterator[Namespaces]:
    """Each name answers at port 5000."""
    servers = []
    try:
        for name in spaces.names:
            command = spaces.command(name, (sys.executable, "-c", _SERVE, spaces.host(name)))
            servers.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for server in servers:
            assert server.stdout is not None
            assert server.stdout.readline() == b"up\n"
        yield spaces
    finally:
        for server in servers:
            server.kill()
            server.communicate()


def reached(spaces: Namespaces) -> set[tuple[str, str]]:
    """Who reaches whom; `here` is this machine."""
    dials = {
        **{(a, b): spaces.command(a, (sys.executable, "-c", _DIAL, spaces.host(b))) for a, b in permutations(NAMES, 2)},
        **{("here", name): (sys.executable, "-c", _DIAL, spaces.host(name)) for name in NAMES},
    }
    dialling = {pair: subprocess.Popen(command, stderr=subprocess.DEVNULL) for pair, command in dials.items()}
    return {pair for pair, process in dialling.items() if process.wait(30) == 0}


def within(*groups: str) -> set[tuple[str, str]]:
    return {pair for group in groups for pair in permutations(group, 2)}


def test_namespaces__made__reach_each_other_until_parted_and_again_once_healed(serving: Namespaces) -> None:
    here = {("here", name) for name in NAMES}
    assert reached(serving) == within("abcd") | here
    serving.partition("ab", "cd")
    assert reached(serving) == within("ab", "cd") | {("here", "a"), ("here", "b")}
    serving.partition("abc")  # d of no group is alone
    assert reached(serving) == within("abc") | {("here", name) for name in "abc"}
    serving.heal()
    assert reached(serving) == within("abcd") | here


def test_namespaces__made_and_removed_twice__leave_nothing(spaces: Namespaces) -> None:
    spaces.make()
    spaces.partition("ab", "cd")
    spaces.remove()
    spaces.remove()
    said = subprocess.run(("ip", "-brief", "link", "show"), capture_output=True, text=True, check=True).stdout
    said += subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=True).stdout
    assert f"sal{spaces.base}" not in said
    assert f"salus-{spaces.base}" not in said


def test_namespaces__half_gone_after_a_crash__are_made_whole(serving: Namespaces) -> None:
    subprocess.run(("ip", "link", "delete", f"sal{serving.base}v1"), check=True)
    serving.make()
    assert {("here", name) for name in NAMES} <= reached(serving)


def test_note__of_a_folder__finds_them_again(spaces: Namespaces, tmp_path: Path) -> None:
    netns.make_for(tmp_path, spaces)
    netns.remove_of(tmp_path)
    assert list(tmp_path.iterdir()) == []
    netns.remove_of(tmp_path)
    assert list(Path("/run/netns").glob(f"salus-{spaces.base}-*")) == []


def test_partition__unknown_or_twice__is_refused(spaces: Namespaces) -> None:
    for groups in (("ab", "bc"), ("ax",)):
        with pytest.raises(InputError):
            spaces.partition(*groups)


class Chain:
    """Four Clique nodes, each in a namespace of its own."""

    def __init__(self, network: CliqueNetwork, spaces: Namespaces, geth: Path) -> None:
        self.network, self.supervisor = network, Supervisor(network.folder)
        parts = [node_part(network, name, geth) for name in NAMES]
        self.parts = [replace(part, command=spaces.command(part.name, part.command)) for part in parts]

    def height(self, name: str) -> int:
        return int(ask(self.network.ipc(name), "eth_blockNumber"), 16)

    def peers(self, name: str) -> int:
        return int(ask(self.network.ipc(name), "net_peerCount"), 16)


def test_chain__parted_two_and_two__halts_and_goes_on_once_healed(
    spaces: Namespaces, geth: Path, tmp_path: Path
) -> None:
    hosts = {name: spaces.host(name) for name in NAMES}
    chain = Chain(found_network(tmp_path, NAMES, spaces.base, CliqueSettings(), hosts), spaces, geth)
    try:
        chain.supervisor.start(chain.parts)
        until("all have three peers", lambda: all(chain.peers(name) == 3 for name in NAMES))
        until("blocks come", lambda: chain.height("a") >= 5)

        spaces.partition("ab", "cd")
        until("both halves halt", lambda: halted(chain, "a", "d"))
        spaces.heal()
        stopped = chain.height("a")
        until("one chain goes on", lambda: all(chain.height(name) > stopped + 5 for name in NAMES))
        number = hex(stopped)
        assert len({ask(chain.network.ipc(name), "eth_getBlockByNumber", number, False)["hash"] for name in NAMES}) == 1  # noqa: FBT003 - no bodies
    finally:
        chain.supervisor.stop(together=True)


def until(what: str, holds: Callable[[], bool], patience: float = 90) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def halted(chain: Chain, *names: str) -> bool:
    """No block for four seconds, four times what one takes."""
    before = [chain.height(name) for name in names]
    time.sleep(4)
    return [chain.height(name) for name in names] == before
