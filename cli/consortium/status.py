"""How a consortium does: one row for each part, and for each node of a member that joined; for nodes also what their
chain says."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cli.consortium.newcomers import newcomer_rows
from cli.world.cast import VALIDATORS
from cli.world.health import Health
from cli.world.layout import World
from cli.world.networks import Network, clique_of, node_part_name
from cli.world.raising import KEEPER
from cli.world.services import service_parts
from cli.world.sidecars import sidecar_name, standing
from devnet.clique import CliqueNode
from devnet.clique_nodes import LINKS
from devnet.links import Links
from devnet.supervisor import Supervisor
from salus.adapters.chain.finality import rule_of
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import SalusError

HEADINGS = {
    "part": "part",
    "pid": "pid",
    "state": "state",
    "head": "head",
    "final": "final",
    "peers": "peers",
    "sealing": "sealed of 64",
    "lag": "lag (s)",
    "why": "why not",
}
_ASK_SECONDS = 3.0


def rows(world: World) -> list[dict[str, Any]]:
    """One row per part. `state` is well, not ready or dead; `lag` the age of a node's head in seconds; `sealing` how
    many of the last 64 blocks its account sealed; `why` what a service says of why it is not ready."""
    pids = Supervisor(world.folder).running()
    network = clique_of(world.folder, world.ports)
    nodes = {node_part_name(name): node for name, node in network.nodes.items()}
    sidecars = {sidecar_name(name): world.ports.sidecar(name) for name in VALIDATORS}
    ready = {part.name: part.ready for part in service_parts(world)}
    ready |= {LINKS: Links(network.control).serving, KEEPER: lambda: True}

    def row(part: str) -> dict[str, Any]:
        if part not in pids:
            return {"part": part, "pid": None, "state": "dead"}
        if part in nodes:
            said = _of_node(nodes[part])
        elif part in sidecars:
            said = _of_sidecar(sidecars[part])
        else:
            said = _of_service(ready[part])
        return {"part": part, "pid": pids[part], **said}

    def asked(part: str) -> dict[str, Any]:
        try:
            return row(part)
        except (OSError, SalusError):
            return {"part": part, "pid": pids.get(part), "state": "not ready"}

    between = [] if world.network is Network.NAMESPACES else [LINKS]
    names = [KEEPER, *between, *nodes, *(name for name in ready if name not in {LINKS, KEEPER})]
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return list(pool.map(asked, names))


def all_rows(world: World) -> list[dict[str, Any]]:
    """`rows`, then one row per member's node that is none of this world's (`newcomers`)."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        joined = beside.submit(_joined, world)
        return [*rows(world), *joined.result()]


def _joined(world: World) -> list[dict[str, Any]]:
    pids, network = Supervisor(world.folder).running(), clique_of(world.folder, world.ports)
    try:
        return newcomer_rows(world, network, [name for name in network.nodes if node_part_name(name) in pids])
    except (OSError, SalusError):
        return []  # the chain can't be read, which the nodes' own rows say


def _of_service(ready: Callable[[], bool]) -> dict[str, Any]:
    if ready():
        return {"state": "well"}
    return {"state": "not ready", **({"why": ready.why_not()} if isinstance(ready, Health) else {})}


def _of_sidecar(port: int) -> dict[str, Any]:
    said = standing(port)
    if said is None:
        return {"state": "not ready"}
    found = {"state": "well" if said.follows else "not ready", "final": said.final, "peers": said.peers}
    return found if said.follows else {**found, "why": "; ".join(said.reasons)}


def _of_node(node: CliqueNode) -> dict[str, Any]:
    rpc = Rpc(node.url, timeout=_ASK_SECONDS)
    try:
        head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - no bodies
        signers = rpc.call("clique_getSigners", "latest")  # more or fewer than at first, as members come and go
        final = rule_of(f"clique:{len(signers)}").final(
            head,
            lambda digest: rpc.call("eth_getBlockByHash", "0x" + digest.hex(), False),  # noqa: FBT003 - as above
        )
        sealed = rpc.call("clique_status")["sealerActivity"]
        return {
            "state": "well",
            "head": int(head["number"], 16),
            "final": int(final["number"], 16),
            "peers": int(rpc.call("net_peerCount"), 16),
            "sealing": sealed.get(node.sealer, 0),
            "lag": max(0, int(time.time()) - int(head["timestamp"], 16)),
        }
    finally:
        rpc.close()
