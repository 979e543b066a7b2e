"""Sidecars of a consortium's world: one beside each node, with its settings and the address book it finds others by.

Each member's book is its own. It is made with the links to the world's other nodes, once; `salus consortium introduce`
adds a newcomer.
"""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.world.cast import VALIDATORS, Name
from cli.world.layout import World
from cli.world.networks import clique_of
from devnet.clique import CliqueNetwork
from devnet.supervisor import Part
from salus.adapters.chain.address_book import merge_addresses

_ROOT = Path(__file__).resolve().parents[2]
_PREFIX = "SALUS_SIDECAR_"
_ASK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a sidecar says of itself: whether its node follows the registry, final block of its last look, counts."""

    follows: bool
    final: int | None
    peers: int
    reasons: tuple[str, ...]


def sidecar_name(name: Name) -> str:
    """Name of the part that is the sidecar of an institution's node."""
    return f"{name}-sidecar"


def address_book(folder: Path, name: Name) -> Path:
    """Where a member's sidecar finds other members' nodes; a member edits it while its sidecar runs."""
    return folder / sidecar_name(name) / "addresses.json"


def sidecar_part(world: World, name: Name) -> Part:
    """One sidecar. It is up once it answers: a node that cannot follow the registry yet is for people to see."""
    port, environment = world.ports.sidecar(name), {"PYTHONPATH": str(_ROOT)}
    environment |= {_PREFIX + key: value for key, value in sidecar_settings(world, name).items()}
    command = (sys.executable, "-m", "sidecar")
    return Part(sidecar_name(name), command, environment, (port,), lambda: standing(port) is not None)


def sidecar_settings(world: World, name: Name) -> dict[str, str]:
    """Settings of a sidecar, without their prefix; its address book is made if there is none."""
    network, book = clique_of(world.folder, world.ports), address_book(world.folder, name)
    if not book.exists():
        merge_addresses(book, links_of(network, name))
    return {
        "RPC_URL": network.nodes[name].url,
        "ENGINE": "clique",
        "IPC": str(network.ipc(name)),
        "NODE_FOLDER": str(network.node_folder(name)),
        "ADDRESS_BOOK": str(book),
        "DEPLOYMENT": str(world.deployment_file),
        "PORT": str(world.ports.sidecar(name)),
    }


def links_of(network: CliqueNetwork, name: str) -> Mapping[bytes, str]:
    """How a node reaches the world's other nodes: through links that can be cut, or cables that can be pulled."""
    others = [peer for peer in network.members if peer != name]
    return {bytes.fromhex(network.nodes[each].node_id): network.place(name, each) for each in others}


def write_public_book(world: World) -> Path:
    """The members' nodes as others reach them: what a newcomer is given (`addresses.json` of the world)."""
    nodes, file = clique_of(world.folder, world.ports).nodes, world.folder / "addresses.json"
    merge_addresses(file, {bytes.fromhex(nodes[n].node_id): f"{nodes[n].host}:{nodes[n].p2p_port}" for n in VALIDATORS})
    return file


def standing(port: int) -> Standing | None:
    """What the sidecar at a port says of itself; None while it says nothing.

    Raises:
        OSError: nothing listens there.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/ready")
        said: dict[str, Any] = json.loads(connection.getresponse().read())
        return Standing(bool(said["ready"]), said["final"], int(said["peers"]), tuple(said["reasons"]))
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
