"""Which chain a world stands on, and which node each of its parts asks.

| network | chain | who asks which node |
| --- | --- | --- |
| `dev` | one Anvil: nothing is proven | everybody that one |
| `consortium` | four geth nodes that seal by Clique | a custodian its own only; others A's, else another |
| `namespaces` | the same, each node in a network namespace of its own (`devnet.netns`) | the same |
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from cli.world.cast import CUSTODIANS, VALIDATORS, Name, Ports
from devnet.anvil import CHAIN_ID
from devnet.clique import LOOPBACK, CliqueNetwork, CliqueSettings, found_network
from devnet.netns import Namespaces

_SETTINGS = CliqueSettings(chain_id=2027)


class Network(StrEnum):
    """What the chain is made of; `deployments/networks/` has a file for each."""

    DEV = "dev"
    CONSORTIUM = "consortium"
    NAMESPACES = "namespaces"

    @property
    def file(self) -> str:
        """Name of its file of settings. `consortium.yaml` there is the example of one with real members."""
        return self.value if self is Network.DEV else "local"

    @property
    def chain_id(self) -> int:
        """Id of its chain."""
        return CHAIN_ID if self is Network.DEV else _SETTINGS.chain_id


def clique_of(folder: Path, ports: Ports, network: Network = Network.CONSORTIUM) -> CliqueNetwork:
    """The Clique network of a world; made when there is none yet, and only then is `network` asked."""
    spaces = namespaces(ports)
    hosts = {name: spaces.host(name) for name in spaces.names} if network is Network.NAMESPACES else {}
    return found_network(folder / "chain", VALIDATORS, ports.network, _SETTINGS, hosts)


def namespaces(ports: Ports) -> Namespaces:
    """Namespaces of a world's nodes."""
    return Namespaces(ports.base, VALIDATORS)


def node_part_name(name: str) -> str:
    """Name of the part that is an institution's node."""
    return f"{name}-node"


def rpc_url(network: Network, ports: Ports, name: Name | None) -> str:
    """JSON-RPC for an institution's services (None: nobody's own); several by comma, best first."""
    if network is Network.DEV:
        return f"http://127.0.0.1:{ports.chain}"
    spaces = namespaces(ports)
    nodes = {
        each: f"http://{spaces.host(each) if network is Network.NAMESPACES else LOOPBACK}:{ports.network + place}"
        for place, each in enumerate(VALIDATORS)
    }
    return nodes[name] if name in CUSTODIANS and name is not None else ",".join(nodes.values())


def finality(network: Network) -> Mapping[str, str]:
    """The setting that says when a block is final."""
    return {} if network is Network.DEV else {"FINALITY": f"clique:{len(VALIDATORS)}"}
