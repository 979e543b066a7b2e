"""Four GoQuorum nodes, where `SALUS_QBFT_NODE` names one: they seal, survive, vote; every seal is checked here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devnet import ipc
from devnet.qbft import NODE_MISSING, PORTS, QbftNetwork, found_network, qbft_binary
from devnet.qbft_nodes import node_part
from devnet.supervisor import Supervisor
from salus.adapters.chain.headers import Headers
from salus.adapters.chain.node_admin import own_node
from salus.adapters.chain.rpc import Rpc
from salus.core.consensus import Qbft, Snapshot
from salus.core.errors import SetupError
from salus.core.node import Action, Verb

FOUR = ("a", "b", "c", "d")


class Running:
    """A network, and what is followed of it from block 0 with no trust in a node."""

    def __init__(self, network: QbftNetwork, binary: Path) -> None:
        self.network = network
        self.supervisor = Supervisor(network.folder)
        self._binary = binary

    def start(self, *names: str) -> None:
        self.supervisor.start([node_part(self.network, name, self._binary) for name in names])

    def ask(self, name: str, method: str, *parameters: object) -> Any:
        return ipc.ask(self.network.ipc(name), method, *parameters)

    def height(self, name: str) -> int:
        return int(self.ask(name, "eth_blockNumber"), 16)

    def until(self, what: str, holds: Callable[[], bool], patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, what
            time.sleep(0.2)

    def advances(self, name: str, blocks: int = 3) -> None:
        height = self.height(name)
        self.until(f"{name} advances", lambda: self.height(name) >= height + blocks)

    def followed(self, name: str) -> Snapshot:
        """The chain from block 0, every header checked against the votes replayed."""
        engine, headers = Qbft(), Headers(Rpc(self.network.nodes[name].url))
        snapshot = engine.genesis(headers.between(0, 0)[0])
        while batch := headers.between(snapshot.number + 1, self.height(name)):
            for header in batch:
                snapshot = engine.follow(snapshot, header)
        return snapshot


@pytest.fixture(scope="module")
def running(free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    try:
        binary = qbft_binary()
    except SetupError:
        pytest.skip(NODE_MISSING)
    network = found_network(tmp_path_factory.mktemp("qbft"), (*FOUR, "e"), free_base(PORTS), validators=4)
    made = Running(network, binary)
    try:
        made.start(*FOUR)
        yield made
    finally:
        made.supervisor.stop()


def test_qbft__four_nodes__seal_and_every_seal_holds(running: Running) -> None:
    running.advances("a", 5)
    snapshot = running.followed("a")
    assert {each.hex() for each in snapshot.validators} == {running.network.nodes[n].account[2:] for n in FOUR}
    assert snapshot.number >= 5


def test_qbft__one_dead__the_others_go_on(running: Running) -> None:
    running.supervisor.kill("d")
    running.advances("a", 3)
    running.start("d")
    running.advances("d", 2)


def test_qbft__sidecars_vote__a_fifth_is_let_in_and_out(running: Running) -> None:
    running.start("e")
    account = bytes.fromhex(running.network.nodes["e"].account[2:])
    book = running.network.folder / "book.json"
    book.write_text("{}")

    def admin(name: str) -> Any:
        node = running.network.nodes[name]
        files = running.network.node_folder(name)
        return own_node("goquorum", Rpc(node.url), files, book, running.network.ipc(name))

    for verb, wanted in ((Verb.VOTE_IN, True), (Verb.VOTE_OUT, False)):
        for name in FOUR[:3]:
            admin(name).carry_out(Action(verb, account))
            assert admin(name).state().votes[account] is wanted
        running.until(verb, lambda w=wanted: (account in running.followed("a").validators) is w)
    for name in FOUR[:3]:
        admin(name).carry_out(Action(Verb.DISCARD, account))
        assert admin(name).state().votes == {}


def test_qbft__forgotten_node__is_dropped_and_stays_out_until_it_is_let_in_again(running: Running) -> None:
    network, outsider = running.network, running.network.nodes["e"]
    if "e" not in running.supervisor.running():
        running.start("e")
    book = network.folder / "book.json"
    book.write_text(f'{{"{outsider.key.hex()}": "{outsider.address}"}}')
    admins = [
        own_node("goquorum", Rpc(network.nodes[n].url), network.node_folder(n), book, network.ipc(n)) for n in FOUR
    ]
    for admin in admins:
        admin.carry_out(Action(Verb.FORGET, outsider.key))
    running.until("it is alone", lambda: int(running.ask("e", "net_peerCount"), 16) == 0)
    height = running.height("e")
    running.advances("a", 4)
    assert running.height("e") <= height + 1
    assert outsider.key not in admins[0].state().allowed
    for admin in admins:
        admin.carry_out(Action(Verb.ALLOW, outsider.key))
        assert outsider.key in admin.state().allowed
    running.until("it follows", lambda: running.height("e") >= running.height("a") - 1)
