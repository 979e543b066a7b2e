"""A QBFT network of GoQuorum nodes on loopback: genesis, keys, allow-lists, command lines.

The binary is the operator's: `SALUS_QBFT_NODE` names it. Berlin rules and zero-price transactions, as every chain of
Salus has them. `devnet.besu` writes the same chain for Besu.

| what | why |
| --- | --- |
| 22 M gas a block | with far larger limits a proposer starts an empty block for ever under load |
| archive mode | else kill -9 of all nodes rewinds the chain |
| `ceil2Nby3Block` 0 | commit seals of two thirds, rounded up, from the first block |
| `--permissioned` | permissioned-nodes.json is read at every handshake: the sidecar rewrites it |
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from devnet.berlin import FORKS, POOL
from devnet.ipc import socket_path
from salus.adapters.chain.address_book import enode_of
from salus.adapters.keys import files
from salus.core import rlp
from salus.core.consensus.qbft import MIX
from salus.core.errors import SetupError
from salus.core.hashing import keccak

NODE_MISSING = (
    "SALUS_QBFT_NODE names no QBFT node: set it to a GoQuorum 24.4 binary of your own; nothing here builds one"
)
MOST_NODES = 8
PORTS = 2 * MOST_NODES
"""How many ports a network takes from its base: JSON-RPC, then peer to peer."""


@dataclass(frozen=True, slots=True)
class QbftSettings:
    """What all nodes of a chain agree on. `period` and `patience` in seconds: from block to block, and from when a
    block is due until another proposer takes over; `contract_limit` in KiB."""

    chain_id: int = 2026
    period: int = 1
    patience: int = 1
    epoch: int = 30_000
    gas_limit: int = 22_000_000
    contract_limit: int = 64


@dataclass(frozen=True, slots=True)
class QbftNode:
    """One node: loopback ports, account (`0x`, lower case) and 64-byte public key, both of its node key."""

    name: str
    rpc_port: int
    p2p_port: int
    key: bytes

    @property
    def account(self) -> str:
        """Account it validates with."""
        return "0x" + keccak(self.key)[12:].hex()

    @property
    def url(self) -> str:
        """Address of its JSON-RPC."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def address(self) -> str:
        """Where peers reach it."""
        return f"127.0.0.1:{self.p2p_port}"


@dataclass(frozen=True, slots=True)
class QbftNetwork:
    """Everything about a network but its processes."""

    folder: Path
    settings: QbftSettings
    nodes: Mapping[str, QbftNode]

    def node_folder(self, name: str) -> Path:
        """Data of a node."""
        return self.folder / name

    def ipc(self, name: str) -> Path:
        """Socket on which a node takes orders."""
        return socket_path(self.node_folder(name), "geth.ipc")

    def init_command(self, binary: Path, name: str) -> tuple[str, ...]:
        """What makes a node's first block."""
        return (str(binary), "--datadir", str(self.node_folder(name)), "init", str(self.folder / "genesis.json"))

    def command(self, binary: Path, name: str) -> tuple[str, ...]:
        """Command line of a node; it needs `PRIVATE_CONFIG=ignore` in its environment."""
        node, folder = self.nodes[name], self.node_folder(name)
        options: dict[str, object] = {
            "config": folder / "config.toml",
            "datadir": folder,
            "networkid": self.settings.chain_id,
            "syncmode": "full",
            "gcmode": "archive",
            "nat": "none",
            "netrestrict": "127.0.0.0/8",
            "ipcpath": self.ipc(name),
            "http.addr": "127.0.0.1",
            "http.port": node.rpc_port,
            "http.api": "eth,net,web3,istanbul,txpool,debug",
            "miner.threads": 1,
            "miner.gasprice": 0,
            "miner.gastarget": self.settings.gas_limit,
            "miner.gaslimit": self.settings.gas_limit,
            "rpc.gascap": 2 * self.settings.gas_limit,
            "txpool.pricelimit": 0,
            "cache": 64,
            "verbosity": 3,
            **{f"txpool.{name}": number for name, number in POOL},
        }
        flags = [part for option, value in options.items() for part in (f"--{option}", str(value))]
        return (str(binary), *flags, "--http", "--nodiscover", "--mine", "--permissioned", "--emitcheckpoints=false")


def found_network(
    folder: Path, names: Sequence[str], base_port: int, *, validators: int, settings: QbftSettings | None = None
) -> QbftNetwork:
    """A network of these nodes, the first `validators` of which validate from genesis; keys are made unless they
    exist. Every node lets all others in."""
    settings = settings or QbftSettings()
    nodes = {
        name: QbftNode(name, base_port + place, base_port + MOST_NODES + place, _node_key(folder / name))
        for place, name in enumerate(names)
    }
    accounts = [nodes[name].account for name in names[:validators]]
    _write(folder / "genesis.json", json.dumps(genesis(accounts, settings), indent=1) + "\n")
    for name, node in nodes.items():
        peers = [enode_of(peer.key, peer.address) for peer in nodes.values() if peer is not node]
        _write(folder / name / "permissioned-nodes.json", json.dumps(sorted(peers), indent=1) + "\n")
        _write(folder / name / "config.toml", node_config(node.p2p_port, peers))
    return QbftNetwork(folder, settings, nodes)


def qbft_binary() -> Path:
    """The node that `SALUS_QBFT_NODE` names.

    Raises:
        SetupError: it names no program.
    """
    named = os.environ.get("SALUS_QBFT_NODE", "")
    if not named or not Path(named).is_file() or not os.access(named, os.X_OK):
        raise SetupError(NODE_MISSING)
    return Path(named)


def genesis(validators: Iterable[str], settings: QbftSettings) -> dict[str, Any]:
    """First block, as GoQuorum's `init` reads it; the same for any order of validators."""
    config = {
        "chainId": settings.chain_id,
        **dict.fromkeys(FORKS, 0),
        "isQuorum": True,
        "txnSizeLimit": 64,
        "maxCodeSizeConfig": [{"block": 0, "size": settings.contract_limit}],
        "qbft": {
            "epochlength": settings.epoch,
            "blockperiodseconds": settings.period,
            "requesttimeoutseconds": settings.patience,
            "policy": 0,
            "ceil2Nby3Block": 0,
        },
    }
    return {"config": config, **first_block(validators, settings.gas_limit), "alloc": {}}


def first_block(validators: Iterable[str], gas_limit: int) -> dict[str, Any]:
    """Members of a genesis file that make the header of block 0, for GoQuorum and Besu alike."""
    return {
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": "0x" + extra_data(validators).hex(),
        "gasLimit": hex(gas_limit),
        "difficulty": "0x1",
        "mixHash": "0x" + MIX.hex(),
        "coinbase": "0x" + bytes(20).hex(),
    }


def extra_data(validators: Iterable[str]) -> bytes:
    """extraData of block 0: vanity, validators in ascending order, no vote, round 0, no seals."""
    accounts = sorted(bytes.fromhex(each.removeprefix("0x")) for each in validators)
    return rlp.encode([bytes(32), accounts, [], 0, []])


def node_config(port: int, peers: Iterable[str]) -> str:
    """config.toml of a node: where it listens and whom it dials."""
    return (
        "[Node.P2P]\n"
        f'ListenAddr = "127.0.0.1:{port}"\n'
        "NoDiscovery = true\nBootstrapNodes = []\nBootstrapNodesV5 = []\nMaxPeers = 25\n"
        f"StaticNodes = {json.dumps(sorted(peers))}\n"
    )


def _node_key(folder: Path) -> bytes:
    """Public key of a node, whose private one is made unless it exists."""
    secret = folder / "geth" / "nodekey"
    secret.parent.mkdir(parents=True, exist_ok=True)
    if not secret.exists():
        files.write_new(secret, os.urandom(32).hex().encode())
    return PrivateKey(bytes.fromhex(secret.read_text())).public_key.format(compressed=False)[1:]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
