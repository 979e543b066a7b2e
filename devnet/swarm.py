"""A private content swarm of Kubo nodes on loopback, one for each institution: key, tokens, configuration, addresses.

Nodes of one swarm share a key; who hasn't got it can't open a connection, so ciphertext goes to members only.
`devnet.swarm_nodes` runs the processes.

| what | why |
| --- | --- |
| no routing, bootstrap, mDNS, AutoConf, telemetry | a node knows the peers it is told and dials nobody else |
| TCP only | Kubo has the shared key on TCP only |
| flatfs `sync`, `HashOnRead` | Kubo's defaults acknowledge blocks that a power cut empties, and serve damaged ones |
| API with a token on loopback | `/debug/…` asks for no token, so the port must not be reached from elsewhere |
| no garbage collection by itself | what stays is the pins' and our own decision |
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from salus.adapters.durable import sync
from salus.adapters.keys import files
from salus.core.errors import SetupError

MOST_NODES = 8
PORTS = 2 * MOST_NODES
"""How many ports a swarm takes from its base: APIs, then peers."""
ENVIRONMENT = {
    "LIBP2P_FORCE_PNET": "1",  # without the shared key a node ends at once
    "IPFS_TELEMETRY": "off",
    "DO_NOT_TRACK": "1",
    "GOLOG_LOG_LEVEL": "warn",
}
_INIT_SECONDS = 60
_HOST = "/ip4/127.0.0.1/tcp"


@dataclass(frozen=True, slots=True)
class SwarmNode:
    """One node: loopback ports of its API and for peers, and its identity in the swarm."""

    name: str
    api_port: int
    peer_port: int
    peer_id: str

    @property
    def peer_address(self) -> str:
        """Where peers dial it, as a multiaddr with its identity."""
        return f"{_HOST}/{self.peer_port}/p2p/{self.peer_id}"


@dataclass(frozen=True, slots=True)
class Swarm:
    """Nodes of one folder, in order."""

    folder: Path
    nodes: Mapping[str, SwarmNode]

    def node_folder(self, name: str) -> Path:
        """A node's repository."""
        return self.folder / name

    def token_file(self, name: str) -> Path:
        """The token of a node's API."""
        return self.folder / "tokens" / name

    def token(self, name: str) -> str:
        """The token itself."""
        return self.token_file(name).read_text().strip()

    def url(self, name: str) -> str:
        """A node's API."""
        return f"http://127.0.0.1:{self.nodes[name].api_port}"

    def address(self, *names: str, copies: int = 2) -> str:
        """The swarm as a content store (`SALUS_…_CONTENT`): these nodes (all without names), the best first."""
        chosen = names or tuple(self.nodes)
        first, *others = (f"kubo+{self.url(name)}?token_file={quote(str(self.token_file(name)))}" for name in chosen)
        return ",".join([f"{first}&copies={copies}", *others])

    def environment(self, name: str) -> dict[str, str]:
        """Environment of a node's process."""
        return {**ENVIRONMENT, "IPFS_PATH": str(self.node_folder(name))}


def found(folder: Path, names: Iterable[str], base_port: int, binary: Path) -> Swarm:
    """A swarm with these nodes in a folder, made if it is not there yet.

    Raises:
        SetupError: Kubo does not make a node.
    """
    if (folder / "swarm.json").exists():
        return load(folder)
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    if not (folder / "swarm.key").exists():
        files.write_new(folder / "swarm.key", f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n".encode())
    nodes: dict[str, SwarmNode] = {}
    for number, name in enumerate(names):
        token = folder / "tokens" / name
        if not token.exists():
            files.write_new(token, (secrets.token_hex(32) + "\n").encode())
        shutil.rmtree(folder / name, ignore_errors=True)  # of a founding that was cut short
        peer = _initialise(folder / name, folder / "swarm.key", binary)
        nodes[name] = SwarmNode(name, base_port + number, base_port + MOST_NODES + number, peer)
    swarm = Swarm(folder, nodes)
    for name in nodes:
        _configure(swarm, name)
    _settle(folder)
    _save(swarm)
    return swarm


def load(folder: Path) -> Swarm:
    """The swarm that was founded in a folder.

    Raises:
        SetupError: none was.
    """
    try:
        rows = json.loads((folder / "swarm.json").read_text())
    except FileNotFoundError as error:
        raise SetupError(f"there is no swarm in {folder}") from error
    return Swarm(folder, {row["name"]: SwarmNode(**row) for row in rows})


def replaced(swarm: Swarm, name: str, binary: Path) -> Swarm:
    """The swarm with an empty node in place of one whose disk is lost: same ports and token, another identity.

    The node must not run. Nodes that do are told of the newcomer when it starts (`devnet.swarm_nodes`).

    Raises:
        SetupError: Kubo does not make a node.
    """
    shutil.rmtree(swarm.node_folder(name), ignore_errors=True)
    old = swarm.nodes[name]
    peer = _initialise(swarm.node_folder(name), swarm.folder / "swarm.key", binary)
    swarm = Swarm(swarm.folder, {**swarm.nodes, name: SwarmNode(name, old.api_port, old.peer_port, peer)})
    for other in swarm.nodes:
        _configure(swarm, other)
    _settle(swarm.node_folder(name))
    _save(swarm)
    return swarm


def _initialise(folder: Path, key: Path, binary: Path) -> str:
    """Make a node's repository; returns its identity."""
    command = [str(binary), "init", "--empty-repo", "--algorithm", "ed25519", "--profile", "test,flatfs"]
    environment = {**os.environ, **ENVIRONMENT, "IPFS_PATH": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INIT_SECONDS, env=environment)
    if done.returncode != 0:
        raise SetupError(f"Kubo does not make a node in {folder}: {done.stderr.strip().splitlines()[-1:]}")
    files.write_new(folder / "swarm.key", key.read_bytes())
    identity: str = json.loads((folder / "config").read_text())["Identity"]["PeerID"]
    return identity


def _configure(swarm: Swarm, name: str) -> None:
    path = swarm.node_folder(name) / "config"
    config = configured(json.loads(path.read_text()), swarm, name)
    _replace(path, json.dumps(config, indent=1))  # holds the node's private key


def _replace(path: Path, text: str) -> None:
    """Write a file anew, for its owner only, whole or not at all, also when the power goes."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    scratch.touch(0o600)
    scratch.write_text(text)
    sync(scratch)
    scratch.replace(path)
    sync(path.parent)


def _settle(folder: Path) -> None:
    """Bring to disk what `ipfs init` left in memory: else a node that acknowledged could lose its own configuration."""
    for path in (*folder.rglob("*"), folder):
        if path.is_file() or path.is_dir():
            sync(path)


def configured(config: dict[str, Any], swarm: Swarm, name: str) -> dict[str, Any]:
    """A node's configuration (docs/config.md of Kubo 0.43), from what `ipfs init` wrote."""
    node, token = swarm.nodes[name], swarm.token(name)
    peers = [
        {"ID": other.peer_id, "Addrs": [f"{_HOST}/{other.peer_port}"]}
        for other in swarm.nodes.values()
        if other.name != name
    ]
    network = {name: name == "TCP" for name in ("TCP", "QUIC", "WebTransport", "WebRTCDirect", "Websocket", "Relay")}
    allowed = {
        kind: {"AuthSecret": secret, "AllowedPaths": ["/api/v0"]}
        for kind, secret in (("salus", f"bearer:{token}"), ("basic", f"basic:salus:{token}"))
    }
    return config | {
        "Addresses": config["Addresses"]
        | {
            "API": f"{_HOST}/{node.api_port}",
            "Gateway": [],
            "Swarm": [f"{_HOST}/{node.peer_port}"],
            "Announce": [f"{_HOST}/{node.peer_port}"],
            "AppendAnnounce": [],
            "NoAnnounce": [],
        },
        "API": {"HTTPHeaders": {}, "Authorizations": allowed},
        "Bootstrap": [],
        "AutoConf": {"Enabled": False},
        "AutoTLS": {"Enabled": False},
        "AutoNAT": {"ServiceMode": "disabled"},
        "Discovery": {"MDNS": {"Enabled": False}},
        "DNS": {"Resolvers": {}},
        "Routing": {"Type": "none", "DelegatedRouters": []},
        "Ipns": config.get("Ipns", {}) | {"DelegatedPublishers": []},
        "Provide": {"Enabled": False, "DHT": {"Interval": "0s"}},
        "HTTPRetrieval": {"Enabled": False},
        "Gateway": config["Gateway"] | {"NoFetch": True, "NoDNSLink": True, "PublicGateways": None},
        "Plugins": {"Plugins": {"telemetry": {"Disabled": True, "Config": {"Mode": "off"}}}},
        "Peering": {"Peers": peers},
        "Version": {"SwarmCheckEnabled": False},
        "Internal": config.get("Internal", {}) | {"CGNATCheck": False, "ShutdownTimeout": "8s"},
        "Swarm": config["Swarm"]
        | {
            "DisableNatPortMap": True,
            "EnableHolePunching": False,
            "RelayClient": {"Enabled": False},
            "RelayService": {"Enabled": False},
            "Transports": {"Network": network, "Security": {}, "Multiplexers": {}},
        },
        "Datastore": config["Datastore"] | {"HashOnRead": True, "Spec": _synced(config["Datastore"]["Spec"])},
        "Import": {"CidVersion": 1, "UnixFSRawLeaves": True, "UnixFSChunker": "size-1048576"},
    }


def _synced(spec: Any) -> Any:
    """A datastore's description in which every flatfs syncs what it writes."""
    if isinstance(spec, list):
        return [_synced(item) for item in spec]
    if isinstance(spec, dict):
        inner = {key: _synced(value) for key, value in spec.items()}
        return inner | {"sync": True} if spec.get("type") == "flatfs" else inner
    return spec


def _save(swarm: Swarm) -> None:
    rows = [
        {"name": node.name, "api_port": node.api_port, "peer_port": node.peer_port, "peer_id": node.peer_id}
        for node in swarm.nodes.values()
    ]
    _replace(swarm.folder / "swarm.json", json.dumps(rows, indent=1))
