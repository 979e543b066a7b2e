"""The four nodes under the consortium's bench: geth that seals by Clique, or a QBFT node of the operator's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devnet import clique, clique_nodes, qbft, qbft_nodes
from devnet.geth_binary import geth_binary
from devnet.supervisor import Part, Supervisor, free_ports
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import UnavailableError

NODES = ("a", "b", "c", "d")
ENGINES = ("clique", "qbft")
_BLOCKS_WITHIN = 60.0


@dataclass(frozen=True, slots=True)
class Nodes:
    """A running chain: JSON-RPC by node, its rule of finality, and the delay that is asked of finality, in seconds."""

    urls: Mapping[str, str]
    folder: Path
    finality: str
    final_within: int
    gas_limit: int
    supervisor: Supervisor

    def kill(self, name: str) -> None:
        """kill -9 of a node."""
        self.supervisor.kill(name)


@contextmanager
def running(
    engine: str, folder: Path, chain_id: int, gas_limit: int | None, tell: Callable[[str], None]
) -> Iterator[Nodes]:
    """Four nodes that validate; `gas_limit` None is the engine's own.

    Raises:
        SetupError: for QBFT, SALUS_QBFT_NODE names no node; or one does not come up.
    """
    supervisor = Supervisor(folder)
    nodes, parts = (_clique if engine == "clique" else _qbft)(folder, chain_id, gas_limit, tell, supervisor)
    try:
        for some in parts:
            supervisor.start(some)
        _await_blocks(nodes)
        yield nodes
    finally:
        supervisor.stop(None)


_Made = tuple[Nodes, list[list[Part]]]


def _clique(
    folder: Path, chain_id: int, gas_limit: int | None, tell: Callable[[str], None], supervisor: Supervisor
) -> _Made:
    limit = gas_limit or clique.CliqueSettings().gas_limit
    binary = geth_binary(tell)
    network = clique.found_network(
        folder, NODES, free_ports(clique.PORTS), clique.CliqueSettings(chain_id=chain_id, gas_limit=limit)
    )
    urls = {name: node.url for name, node in network.nodes.items()}
    parts = [clique_nodes.node_part(network, name, binary) for name in NODES]
    nodes = Nodes(urls, folder, f"clique:{len(NODES)}", 5, limit, supervisor)
    return nodes, [[clique_nodes.links_part(network)], parts]


def _qbft(
    folder: Path, chain_id: int, gas_limit: int | None, _tell: Callable[[str], None], supervisor: Supervisor
) -> _Made:
    limit = gas_limit or qbft.QbftSettings().gas_limit
    binary = qbft.qbft_binary()
    settings = qbft.QbftSettings(chain_id=chain_id, gas_limit=limit)
    network = qbft.found_network(folder, NODES, free_ports(qbft.PORTS), validators=len(NODES), settings=settings)
    urls = {name: node.url for name, node in network.nodes.items()}
    return Nodes(urls, folder, "qbft", 3, limit, supervisor), [
        [qbft_nodes.node_part(network, name, binary) for name in NODES]
    ]


def _await_blocks(nodes: Nodes) -> None:
    """Wait until every node has more than the first block."""
    deadline = time.monotonic() + _BLOCKS_WITHIN
    for url in nodes.urls.values():
        rpc = Rpc(url)
        while int(rpc.call("eth_blockNumber"), 16) <= 1:
            if time.monotonic() > deadline:
                raise UnavailableError("the chain makes no blocks")
            time.sleep(0.2)
