"""A QBFT network of Besu nodes: genesis, keys, and each node's files, in Besu's format. It runs nothing.

Block 0 is the one `devnet.qbft` makes for GoQuorum, bit by bit. Sources: Besu documentation, "Configure QBFT",
"Genesis file items", "Command line options", "Use local permissioning", "Static nodes".

| what | why |
| --- | --- |
| Berlin, London off | legacy transactions of price zero; no base fee that could rise |
| `data-storage-format` FOREST | Bonsai keeps recent state only: receipts ask for proofs at older blocks |
| `tx-pool` sequenced, 100 % per account | a relay's account may fill the pool; order is by arrival |
| APIs ADMIN, PERM, QBFT | the sidecar reads peers, reloads the allow-list, votes; so JSON-RPC is loopback's only |
| hosts are IP addresses | Besu compares addresses of the allow-list, and resolves no names unless told to |

| file | of |
| --- | --- |
| genesis.json, addresses.json | all: block 0, and the address book that sidecars find nodes by |
| NAME/config/ | one node: config.toml, key, permissions_config.toml and static-nodes.json, which its sidecar rewrites |
| NAME/data/ | one node: its chain |
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from devnet.qbft import QbftSettings, first_block
from salus.adapters.chain.address_book import address_of, enode_of, merge_addresses
from salus.adapters.keys import files
from salus.core.errors import InputError
from salus.core.hashing import keccak

LEAST_VALIDATORS = 4
"""QBFT stands f Byzantine validators of 3 f + 1; fewer than four stand none."""
COMPOSE_HOSTS: Mapping[str, str] = {
    "hospital-a": "172.30.77.11:30303",
    "custodian-1": "172.30.77.12:30303",
    "custodian-2": "172.30.77.13:30303",
    "custodian-3": "172.30.77.14:30303",
}
"""Where deployments/besu/compose.yaml puts the four institutions' nodes."""
RPC_PORT = 8545
_APIS = ("ETH", "NET", "WEB3", "TXPOOL", "ADMIN", "PERM", "QBFT")
_CONFIG, _DATA, _NETWORK = "/config", "/data", "/network"
"""Where a container has a node's files, its chain, and what all share."""


@dataclass(frozen=True, slots=True)
class BesuNode:
    """One node: `host:port` at which the others reach it, and the 64-byte public key it is known by."""

    name: str
    address: str
    key: bytes

    @property
    def account(self) -> str:
        """Account it validates with (`0x`, lower case): that of its node key."""
        return "0x" + keccak(self.key)[12:].hex()

    @property
    def enode(self) -> str:
        """How the others name it."""
        return enode_of(self.key, self.address)


def write_network(
    folder: Path, hosts: Mapping[str, str] = COMPOSE_HOSTS, settings: QbftSettings | None = None
) -> tuple[BesuNode, ...]:
    """Write everything for these nodes, all of them validators from genesis. What exists stays.

    So a node that is added to `hosts` later is no validator, nor on the lists of the others: members' sidecars let it
    in and vote it in.

    Raises:
        InputError: too few nodes, or a host is no IP address with a port.
    """
    if len(hosts) < LEAST_VALIDATORS:
        raise InputError(f"a QBFT network begins with {LEAST_VALIDATORS} validators at least, not {len(hosts)}")
    nodes = tuple(BesuNode(name, _checked(host), _key(folder / name)) for name, host in hosts.items())
    first = genesis([node.account for node in nodes], settings or QbftSettings())
    _write(folder / "genesis.json", json.dumps(first, indent=1) + "\n")
    merge_addresses(folder / "addresses.json", {node.key: node.address for node in nodes})
    for node in nodes:
        own, peers = folder / node.name / "config", sorted(peer.enode for peer in nodes if peer is not node)
        _write(own / "config.toml", node_config(node.address))
        _write(own / "permissions_config.toml", f"nodes-allowlist={json.dumps(peers)}\n")
        _write(own / "static-nodes.json", json.dumps(peers, indent=1) + "\n")
        (folder / node.name / "data").mkdir(exist_ok=True)
    return nodes


def genesis(validators: Iterable[str], settings: QbftSettings) -> dict[str, Any]:
    """First block, as Besu reads it; the same for any order of validators."""
    config = {
        "chainId": settings.chain_id,
        "berlinBlock": 0,
        "contractSizeLimit": settings.contract_limit * 1024,
        "qbft": {
            "epochlength": settings.epoch,
            "blockperiodseconds": settings.period,
            "requesttimeoutseconds": max(2 * settings.period, settings.patience),  # Besu asks for twice the period
        },
    }
    return {"config": config, **first_block(validators, settings.gas_limit), "alloc": {}}


def node_config(address: str) -> str:
    """config.toml of a node, with the paths of its container."""
    host, _, port = address.rpartition(":")
    options: dict[str, object] = {
        "genesis-file": f"{_NETWORK}/genesis.json",
        "data-path": _DATA,
        "data-storage-format": "FOREST",
        "node-private-key-file": f"{_CONFIG}/key",
        "sync-mode": "FULL",
        "p2p-host": host,
        "p2p-port": int(port),
        "discovery-enabled": False,
        "static-nodes-file": f"{_CONFIG}/static-nodes.json",
        "permissions-nodes-config-file-enabled": True,
        "permissions-nodes-config-file": f"{_CONFIG}/permissions_config.toml",
        "rpc-http-enabled": True,
        "rpc-http-host": "0.0.0.0",  # noqa: S104 - inside the container; compose.yaml publishes it on loopback only
        "rpc-http-port": RPC_PORT,
        "rpc-http-api": list(_APIS),
        "host-allowlist": ["localhost", "127.0.0.1"],
        "min-gas-price": 0,
        "tx-pool": "sequenced",
        "tx-pool-limit-by-account-percentage": 1.0,
    }
    return "".join(f"{name}={json.dumps(value)}\n" for name, value in options.items())


def read_hosts(given: Sequence[str]) -> Mapping[str, str]:
    """Hosts of `name=host:port` words; those of compose.yaml without any.

    Raises:
        InputError: a word is none, or a name or a host comes twice.
    """
    if not given:
        return COMPOSE_HOSTS
    hosts: dict[str, str] = {}
    for word in given:
        name, equals, host = word.partition("=")
        if not equals or not name or "/" in name or name.startswith("."):
            raise InputError(f"{word!r} is no name=host:port")
        if name in hosts or host in hosts.values():
            raise InputError(f"{word!r}: that name or host came before")
        hosts[name] = _checked(host)
    return hosts


def _checked(host: str) -> str:
    address = address_of(host)
    try:
        ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError as error:
        raise InputError(f"{host!r} has no IP address, and Besu's allow-lists know no names") from error
    return address


def _key(folder: Path) -> bytes:
    """Public key of a node, whose private one is made unless it exists."""
    secret = folder / "config" / "key"
    if not secret.exists():
        files.write_new(secret, ("0x" + os.urandom(32).hex()).encode())
    private = bytes.fromhex(secret.read_text().strip().removeprefix("0x"))
    return PrivateKey(private).public_key.format(compressed=False)[1:]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(text)
