"""A Clique network of geth nodes on loopback (EIP-225): genesis, keys, allow-lists, command lines.

Berlin rules and zero-price transactions, as every chain of Salus has them. Nodes find each other by fixed lists only:
each dials the others through links that can be cut (`devnet.links`) and lets in nobody else. `devnet.clique_nodes`
runs the processes.

| what | why |
| --- | --- |
| `DialRatio` = 1 | every slot is for dialling out: none for a stranger who dials in; trusted nodes need no slot |
| `MaxPeers` = other members | geth waits up to 10 s before it catches up with fewer peers than that (5 at most) |
| archive mode | after kill -9 of all nodes the chain goes on from its head; else it falls back to a state on disk |
| London off | the first busy block would set a base fee of 1 wei, and zero-price transactions stick |
| 30 M gas a block | what four nodes and the senders on two cores still carry out in a second |
| the first block lies 6 s ahead | a new node throws others' blocks away until it may seal: begun too early, two |
|  | branches of equal weight can arise, and all who signed on either wait for the others' next block for good |
| `miner_setGasPrice` after each start | geth makes 1 gwei of a zero from flags and files |
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from coincurve import PrivateKey

from devnet.berlin import FORKS, POOL
from devnet.ipc import socket_path
from salus.adapters.keys import files, keystore
from salus.core.errors import ConflictError, InputError, SetupError

_HEAD_START_SECONDS = 6
"""From founding until the first block: all nodes run by then, and have been told to seal."""
_VANITY, _SEAL = bytes(32), bytes(65)
MOST_NODES = 8
_P2P, _LINKS = MOST_NODES, 2 * MOST_NODES
LOOPBACK = "127.0.0.1"
PORTS = _LINKS + MOST_NODES * MOST_NODES
"""How many ports a network takes from its base: JSON-RPC, then peer to peer, then links."""


@dataclass(frozen=True, slots=True)
class CliqueSettings:
    """What all nodes of a chain agree on. `period` is the seconds from block to block, `epoch` the blocks from one
    listing of all signers to the next."""

    chain_id: int = 2026
    period: int = 1
    epoch: int = 30_000
    gas_limit: int = 30_000_000


@dataclass(frozen=True, slots=True)
class CliqueNode:
    """One node: ports of JSON-RPC and peer to peer, account it seals with (`0x`, lower case), public key (128 hex
    digits). `host` is loopback, or the address of a namespace of its own (`devnet.netns`)."""

    name: str
    rpc_port: int
    p2p_port: int
    sealer: str
    node_id: str
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """Address of its JSON-RPC."""
        return f"http://{self.host}:{self.rpc_port}"


@dataclass(frozen=True, slots=True)
class CliqueNetwork:
    """Everything about a network but its processes. `members` may connect to each other; other nodes of the folder,
    made by `add`, are strangers until `admit`."""

    folder: Path
    base_port: int
    settings: CliqueSettings
    nodes: Mapping[str, CliqueNode]
    members: tuple[str, ...]

    def node_folder(self, name: str) -> Path:
        """Data of a node."""
        return self.folder / name

    def ipc(self, name: str) -> Path:
        """Socket on which a node takes orders."""
        return socket_path(self.node_folder(name), "geth.ipc")

    @property
    def links_file(self) -> Path:
        """What `python -m devnet.links` serves."""
        return self.folder / "links.json"

    @property
    def control(self) -> Path:
        """Socket on which the links take orders."""
        return socket_path(self.folder, "links.sock")

    @property
    def genesis_file(self) -> Path:
        """The first block, as geth reads it."""
        return self.folder / "genesis.json"

    def enode(self, origin: str, peer: str) -> str:
        """How one node names another."""
        return f"enode://{self.nodes[peer].node_id}@{self.place(origin, peer)}?discport=0"

    def place(self, origin: str, peer: str) -> str:
        """`host:port` at which one node reaches another: the link between them, or itself where it has a host of its
        own."""
        node = self.nodes[peer]
        if node.host != LOOPBACK:
            return f"{node.host}:{node.p2p_port}"
        return f"{LOOPBACK}:{self.link_port(origin, peer)}"

    def link_port(self, origin: str, peer: str) -> int:
        """Port of the link from one node to another."""
        places = list(self.nodes)
        return self.base_port + _LINKS + places.index(origin) * MOST_NODES + places.index(peer)

    def add(self, name: str) -> CliqueNetwork:
        """The network with one more node: keys and files are made, nobody lets it in yet."""
        network = replace(self, nodes={**self.nodes, name: _made(self.folder, name, self.base_port, len(self.nodes))})
        network.write()
        return network

    def admit(self, name: str) -> CliqueNetwork:
        """The network with a node on everybody's allow-list; running nodes are told by `clique_nodes`."""
        network = replace(self, members=(*(member for member in self.members if member != name), name))
        network.write()
        return network

    def expel(self, name: str) -> CliqueNetwork:
        """The network with a node on nobody's allow-list."""
        network = replace(self, members=tuple(member for member in self.members if member != name))
        network.write()
        return network

    def command(self, binary: Path, name: str) -> tuple[str, ...]:
        """Command line of a node. It does not seal before `miner_start`."""
        node, folder = self.nodes[name], self.node_folder(name)
        options: dict[str, object] = {
            "config": folder / "config.toml",
            "datadir": folder,
            "networkid": self.settings.chain_id,
            "syncmode": "full",
            "gcmode": "archive",
            "state.scheme": "hash",
            "nat": "none",
            "ipcpath": self.ipc(name),
            "http.addr": node.host,
            "http.port": node.rpc_port,
            "http.api": "eth,net,web3,clique,txpool,debug",
            "authrpc.port": 0,
            "unlock": node.sealer,
            "password": folder / "password",
            "miner.etherbase": node.sealer,
            "miner.gaslimit": self.settings.gas_limit,
            "rpc.gascap": 2 * self.settings.gas_limit,
            "cache": 64,
            "verbosity": 3,
            **{f"txpool.{name}": number for name, number in POOL},
        }
        flags = [part for option, value in options.items() for part in (f"--{option}", str(value))]
        # The account is unlocked beside HTTP: it holds nothing, and nobody but this machine reaches the interface.
        return (
            str(binary),
            *flags,
            "--http",
            "--nodiscover",
            "--allow-insecure-unlock",
        )

    def write(self) -> None:
        """Write what nodes and links read; they learn of it at their next start, or by orders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in self.nodes:
            config = self.node_folder(name) / "config.toml"
            _write(config, self._config(name))
        links = [
            {"from": origin, "to": peer, "listen": self.link_port(origin, peer), "target": self.nodes[peer].p2p_port}
            for origin in self.nodes
            for peer in self.nodes
            if origin != peer and self.nodes[peer].host == LOOPBACK
        ]
        _write(self.links_file, json.dumps({"control": str(self.control), "links": links}, indent=1))
        value = {
            "basePort": self.base_port,
            "chainId": self.settings.chain_id,
            "period": self.settings.period,
            "epoch": self.settings.epoch,
            "gasLimit": self.settings.gas_limit,
            "nodes": {
                node.name: {"sealer": node.sealer, "nodeId": node.node_id, "host": node.host}
                for node in self.nodes.values()
            },
            "members": list(self.members),
        }
        _write(self.folder / "network.json", json.dumps(value, indent=1))

    def _config(self, name: str) -> str:
        enodes = [self.enode(name, peer) for peer in self.members if peer != name]
        return node_config(f"{self.nodes[name].host}:{self.nodes[name].p2p_port}", enodes)


def found_network(
    folder: Path,
    names: Sequence[str],
    base_port: int,
    settings: CliqueSettings | None = None,
    hosts: Mapping[str, str] = MappingProxyType({}),
) -> CliqueNetwork:
    """A network with these validators; one that was made in the folder before is used as it is. `hosts` are addresses
    of nodes in namespaces of their own; without one a node is on loopback, behind links.

    Raises:
        InputError: too few or too many names.
        ConflictError: the folder has a network of other names, ports or settings.
    """
    settings = settings or CliqueSettings()
    if not 1 <= len(names) <= MOST_NODES or len(set(names)) != len(names):
        raise InputError(f"a network has 1 to {MOST_NODES} nodes of different names")
    if (folder / "network.json").exists():
        network = load_network(folder)
        if (network.base_port, network.settings) != (base_port, settings) or not set(names) <= set(network.nodes):
            raise ConflictError(
                f"the network in {folder} was made with other names, ports or settings",
                advice=f"Set SALUS_BASE_PORT to what it was founded with (nodes are at {network.base_port} and on), or "
                "remove the world's folder.",
            )
        return network
    nodes = {
        name: replace(_made(folder, name, base_port, place), host=hosts.get(name, LOOPBACK))
        for place, name in enumerate(names)
    }
    signers = [node.sealer for node in nodes.values()]
    begins_at = int(time.time()) + _HEAD_START_SECONDS if len(signers) > 1 else 0
    _write(folder / "genesis.json", json.dumps(genesis(signers, settings, begins_at), indent=1))
    network = CliqueNetwork(folder, base_port, settings, nodes, tuple(names))
    network.write()
    return network


def load_network(folder: Path) -> CliqueNetwork:
    """The network that was made in a folder.

    Raises:
        SetupError: none was.
    """
    try:
        value: dict[str, Any] = json.loads((folder / "network.json").read_text())
    except FileNotFoundError as error:
        raise SetupError(f"there is no network in {folder}") from error
    base = int(value["basePort"])
    nodes = {
        name: CliqueNode(
            name, base + place, base + _P2P + place, node["sealer"], node["nodeId"], node.get("host", LOOPBACK)
        )
        for place, (name, node) in enumerate(value["nodes"].items())
    }
    settings = CliqueSettings(value["chainId"], value["period"], value["epoch"], value["gasLimit"])
    return CliqueNetwork(folder, base, settings, nodes, tuple(value["members"]))


def genesis(sealers: Iterable[str], settings: CliqueSettings, begins_at: int = 0) -> dict[str, Any]:
    """First block, as geth's `init` reads it: extraData is 32 zero bytes, the signers in ascending order, 65 zero bytes
    (EIP-225). The same for any order of signers. `begins_at` is its time, Unix seconds; the next comes a period later.
    """
    signers = b"".join(sorted(bytes.fromhex(sealer.removeprefix("0x")) for sealer in sealers))
    return {
        "config": {
            "chainId": settings.chain_id,
            **dict.fromkeys(FORKS, 0),
            "clique": {"period": settings.period, "epoch": settings.epoch},
        },
        "nonce": "0x0",
        "timestamp": hex(begins_at),
        "extraData": "0x" + (_VANITY + signers + _SEAL).hex(),
        "gasLimit": hex(settings.gas_limit),
        "difficulty": "0x1",
        "mixHash": "0x" + bytes(32).hex(),
        "coinbase": "0x" + bytes(20).hex(),
        "alloc": {},
    }


def node_config(listen: str, enodes: Sequence[str]) -> str:
    """config.toml of a node: where it listens (`host:port`), and whom it dials and lets in."""
    peers = json.dumps(list(enodes))
    return (
        "[Node.P2P]\n"
        f'ListenAddr = "{listen}"\n'
        "NoDiscovery = true\nBootstrapNodes = []\nBootstrapNodesV5 = []\n"
        f"MaxPeers = {max(1, len(enodes))}\nDialRatio = 1\n"
        f"StaticNodes = {peers}\nTrustedNodes = {peers}\n"
    )


def node_keys(home: Path) -> tuple[str, str]:
    """Account and public key of a node, whose keys are made in its folder unless they exist."""
    (home / "geth").mkdir(parents=True, exist_ok=True)
    (home / "keystore").mkdir(exist_ok=True)
    password, sealing, node_key = home / "password", home / "keystore" / "sealer.json", home / "geth" / "nodekey"
    if not password.exists():
        files.write_new(password, os.urandom(16).hex().encode())
    if not sealing.exists():
        keystore.create(sealing, password.read_text(), os.urandom, keystore.LIGHT)
    if not node_key.exists():
        files.write_new(node_key, os.urandom(32).hex().encode())
    public = PrivateKey(bytes.fromhex(node_key.read_text())).public_key.format(compressed=False)[1:]
    return keystore.address_of(sealing), public.hex()


def _made(folder: Path, name: str, base_port: int, place: int) -> CliqueNode:
    """A node with its keys, which are made unless they exist."""
    if place >= MOST_NODES:
        raise InputError(f"a network has at most {MOST_NODES} nodes")
    return CliqueNode(name, base_port + place, base_port + _P2P + place, *node_keys(folder / name))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(text)
    scratch.replace(path)
