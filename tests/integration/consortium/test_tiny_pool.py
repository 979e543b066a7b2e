"""More transactions than the pools of a consortium's nodes hold: replaced, thrown out and refused ones arrive, once.

Four geth nodes that seal by Clique, each with room for two dozen transactions, none of them exempt (`nolocals`). The
nodes stop sealing while the pools fill; meanwhile somebody else uses a nonce of one lane at a price, and a stranger's
dearer transactions throw waiting ones out. Then they seal again.
"""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from devnet.clique import PORTS, CliqueNetwork, found_network
from devnet.clique_nodes import CliqueNodes, let_seal
from salus.adapters.chain import pool as pools
from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.pool import Verdict
from salus.adapters.chain.rpc import Request, Rpc
from salus.adapters.chain.simulate import Prepared, Simulator
from salus.core.hashing import keccak
from salus.core.ids import Address
from tests.integration.consortium.conftest import NAMES
from tests.integration.world import account

NODES = NAMES
ROOM = {"accountslots": 4, "globalslots": 16, "accountqueue": 4, "globalqueue": 8}
LANES, SENDERS, EACH = 4, 8, 20
NOTES = SENDERS * EACH
STRANGERS, PRICE, GAS = 3, 1_000_000_000, 60_000
MOST_OFFERS = 15
"""How often a transaction may be handed over in the middle; 5 on a quiet machine."""
NOWHERE = Address("0x00000000000000000000000000000000000000F1")
STRANGER = keccak(b"integration|stranger")


@dataclass(frozen=True, slots=True)
class TinyPools(CliqueNetwork):
    """The network with other sizes of the nodes' pools, which hold for what comes by JSON-RPC too."""

    def command(self, binary: Path, name: str) -> tuple[str, ...]:
        """Command line of a node."""
        command = list(CliqueNetwork.command(self, binary, name))  # no super(): a dataclass with slots is made twice
        for option, size in ROOM.items():
            command[command.index(f"--txpool.{option}") + 1] = str(size)
        return (*command, "--txpool.nolocals")


@dataclass(frozen=True, slots=True)
class Offer:
    """Transactions handed to the node in use or everywhere: when (monotonic), how many, and whether a pool was full."""

    at: float
    transactions: int
    everywhere: bool
    full: bool


class Counted(Rpc):
    """Remembers what pools were offered."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.offers: list[Offer] = []

    def spread(self, requests: Sequence[Request], *, everywhere: bool) -> list[list[Any]]:
        """As `Rpc.spread`."""
        answers = super().spread(requests, everywhere=everywhere)
        full = any(pools.read(result).verdict is Verdict.FULL for results in answers for result in results)
        self.offers.append(Offer(time.monotonic(), len(requests), everywhere, full))
        return answers


@pytest.fixture
def nodes(geth: Path, free_base: Callable[[int], int], tmp_path: Path) -> Iterator[CliqueNodes]:
    made = found_network(tmp_path, NODES, free_base(PORTS))
    genesis = json.loads(made.genesis_file.read_text())
    rich = {str(account(name).address): {"balance": hex(10**18)} for name in lane_names()}
    genesis["alloc"] = {**rich, Account.from_key(STRANGER).address: {"balance": hex(10**18)}}
    made.genesis_file.write_text(json.dumps(genesis))
    network = TinyPools(**{field.name: getattr(made, field.name) for field in fields(made)})
    with CliqueNodes(network, geth) as running:
        running.await_("blocks", lambda: all(running.height(name) > 1 for name in NODES))
        yield running


def lane_names() -> list[str]:
    return [f"tiny pool {number}" for number in range(LANES)]


def priced(key: bytes, nonce: int, data: bytes) -> str:
    """Raw transaction with a gas price, as nothing of Salus sends it."""
    fields_ = {
        "nonce": nonce,
        "gas": GAS,
        "gasPrice": PRICE,
        "to": bytes.fromhex(NOWHERE[2:]),
        "value": 0,
        "data": data,
        "chainId": 2026,
    }
    return "0x" + bytes(Account.from_key(key).sign_transaction(fields_).raw_transaction).hex()


def waiting(nodes: CliqueNodes, name: str) -> Mapping[tuple[str, int], str]:
    """Hash by sender (lower case) and nonce of all that can be mined, in a node's pool."""
    pending = nodes.ask(name, "txpool_content")["pending"]
    return {(sender.lower(), int(nonce)): tx["hash"] for sender, txs in pending.items() for nonce, tx in txs.items()}


def mined(nodes: CliqueNodes) -> list[dict[str, Any]]:
    """Every transaction of the chain."""
    found: list[dict[str, Any]] = []
    for number in range(1, nodes.height(NODES[0]) + 1):
        block = nodes.ask(NODES[0], "eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - with bodies
        found += block["transactions"]
    return found


@contextmanager
def not_sealing(nodes: CliqueNodes) -> Iterator[None]:
    """No blocks meanwhile."""
    for name in NODES:
        nodes.ask(name, "miner_stop")
    try:
        yield
    finally:
        for name in NODES:
            let_seal(nodes.network, name)


@pytest.mark.timeout(600)
def test_pools_too_small__replaced_thrown_out_and_refused__each_happens_once(nodes: CliqueNodes) -> None:
    rpc = Counted(",".join(nodes.network.nodes[name].url for name in NODES))
    signers = [account(name) for name in lane_names()]
    lanes = Lanes(rpc, Blocks(rpc), None, Simulator(rpc, None, reverts()), signers, patience=120)
    with ThreadPoolExecutor(SENDERS) as pool, not_sealing(nodes):
        futures = [
            pool.submit(lanes.fly, [Prepared(NOWHERE, f"{sender} {number}".encode()) for number in range(EACH)])
            for sender in range(SENDERS)
        ]
        nodes.await_("a pool was full", lambda: lanes.counts.held > 0)
        nodes.await_("another pool has some", lambda: len(waiting(nodes, NODES[1])) > 1)
        stopped_at = nodes.height(NODES[0])

        before = waiting(nodes, NODES[0])
        assert 0 < len(before) <= ROOM["globalslots"] + ROOM["globalqueue"] < NOTES
        (sender, nonce), theirs = min(before.items(), key=lambda item: item[0][1])
        [owner] = [name for name in lane_names() if str(account(name).address).lower() == sender]
        foreign = priced(keccak(f"integration|{owner}".encode()), nonce, b"foreign")
        strangers = [priced(STRANGER, number, b"stranger %d" % number) for number in range(STRANGERS)]
        dearer = {nodes.ask(NODES[0], "eth_sendRawTransaction", raw) for raw in (foreign, *strangers)}
        nodes.await_(
            "every node has the dearer ones", lambda: all(dearer <= {*waiting(nodes, name).values()} for name in NODES)
        )
        after = waiting(nodes, NODES[0])
        assert after[sender, nonce] in dearer
        assert theirs not in dearer
        gone = [place for place, tx in before.items() if place not in after]
        assert gone, "nothing was thrown out"
        assert nodes.height(NODES[0]) == stopped_at, "a block came in between"
    flights = [flight for future in futures for flight in future.result()]

    chain = mined(nodes)
    told = Counter(bytes.fromhex(tx["input"][2:]) for tx in chain)
    notes = [f"{sender} {number}".encode() for sender in range(SENDERS) for number in range(EACH)]
    expected = [*notes, b"foreign", *(b"stranger %d" % number for number in range(STRANGERS))]
    assert {text: told[text] for text in expected} == dict.fromkeys(expected, 1)
    assert len({flight.raw.hash for flight in flights}) == NOTES
    of_lanes = Counter(tx["from"].lower() for tx in chain)
    for signer in signers:
        count = int(nodes.ask(NODES[0], "eth_getTransactionCount", str(signer.address), "latest"), 16)
        assert count == of_lanes[str(signer.address).lower()]
    assert sum(of_lanes[str(signer.address).lower()] for signer in signers) == len(chain) - STRANGERS
    assert lanes.counts.replaced >= 1
    assert lanes.counts.mined == NOTES

    first = [offer for offer in rpc.offers if not offer.everywhere]
    for full, following in itertools.pairwise(first):
        assert not full.full or following.at - full.at >= 1.0, "something new came to a full pool at once"
    # A lane hands over all it has, to every node, when nothing of it was mined for seconds, ever more rarely.
    assert sum(offer.transactions for offer in rpc.offers) < MOST_OFFERS * NOTES
    rpc.close()
