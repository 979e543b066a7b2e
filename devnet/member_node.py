"""A geth node of one's own in a Clique network that others founded: keys, files, its process.

| file of its folder | what it is |
| --- | --- |
| genesis.json | the chain's first block, from any member; compare it with another member's |
| addresses.json | where the other members' nodes are: the address book of the sidecar beside it |
| node.json | where it listens, port of its JSON-RPC |
| node/ | data of geth: config.toml, keystore, geth/nodekey, geth.ipc |

It dials every node of the book and is let in by none before the Council admits its key (docs/decisions/0021).
"""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from devnet.clique import CliqueNetwork, CliqueNode, CliqueSettings, genesis, node_config, node_keys
from devnet.clique_nodes import node_part
from salus.adapters.chain.address_book import Addresses, address_of, enode_of, merge_addresses
from salus.core.errors import ConflictError, InputError, SalusError, SetupError

NODE = "node"
_LOOK_SECONDS = 0.2


def make_member_node(folder: Path, first_block: Path, book: Addresses, listen: str, rpc_port: int) -> CliqueNetwork:
    """Files of a node, its keys among them; a second call keeps the keys and takes addresses and ports anew.

    `listen` is the `host:port` at which members reach it.

    Raises:
        InputError: not an address, or the genesis is not of a Clique chain of Salus.
        ConflictError: the folder has a node of another chain.
        SetupError: the genesis cannot be read.
    """
    address_of(listen)
    file = _json(first_block)
    settings_of(file)
    if (folder / "genesis.json").exists() and _json(folder / "genesis.json") != file:
        raise ConflictError(
            f"{folder} has a node of another chain: take another folder for this genesis",
            advice="Was it meant to be this chain, compare both genesis files with another member's first.",
        )
    _write(folder / "genesis.json", file)
    _write(folder / "node.json", {"listen": listen, "rpcPort": rpc_port})
    _, node_id = node_keys(folder / NODE)
    others = {key: address for key, address in book.items() if key.hex() != node_id}
    merge_addresses(folder / "addresses.json", others)
    enodes = sorted(enode_of(key, address) for key, address in others.items())
    (folder / NODE / "config.toml").write_text(node_config(listen, enodes))
    return load_member_node(folder)


def load_member_node(folder: Path) -> CliqueNetwork:
    """The node of a folder, as a network that has this one only.

    Raises:
        SetupError: there is none.
    """
    told, settings = _json(folder / "node.json"), settings_of(_json(folder / "genesis.json"))
    sealer, node_id = node_keys(folder / NODE)
    port, p2p = int(told["rpcPort"]), int(str(told["listen"]).rpartition(":")[2])
    return CliqueNetwork(folder, port, settings, {NODE: CliqueNode(NODE, port, p2p, sealer, node_id)}, (NODE,))


def settings_of(file: dict[str, Any]) -> CliqueSettings:
    """What a genesis file says all nodes agree on.

    Raises:
        InputError: it is not of a Clique chain, or has rules that chains of Salus don't have.
    """
    try:
        config = file["config"]
        clique = config["clique"]
        settings = CliqueSettings(config["chainId"], clique["period"], clique["epoch"], int(file["gasLimit"], 16))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("this is no genesis file of a Clique chain: ask a member for chain/genesis.json") from error
    if config != genesis([], settings)["config"]:
        raise InputError("this genesis has forks that chains of Salus don't have (Berlin on, London and later off)")
    return settings


def run(network: CliqueNetwork, binary: Path) -> int:
    """Run the node in the foreground until SIGTERM or SIGINT, and let it seal; returns geth's exit code.

    Raises:
        SetupError: its data folder cannot be made.
    """
    part = node_part(network, NODE, binary)
    child = subprocess.Popen(part.command, stdin=subprocess.DEVNULL)

    def end(_number: int, _frame: FrameType | None) -> None:
        child.terminate()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    settled = False
    try:
        while child.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_LOOK_SECONDS)
            with suppress(OSError, SalusError):  # not yet; the next look asks again
                if not settled and part.ready():
                    part.settle()
                    settled = True
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return child.returncode


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{file} cannot be read ({type(error).__name__}): name a file that `make-node` wrote"
        ) from error
    if not isinstance(value, dict):
        raise SetupError(
            f"{file} is no JSON object: ask a member for genesis.json again, or make the node in a new folder"
        )
    return value


def _write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=1) + "\n")
