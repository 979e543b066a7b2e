"""Raise a world: chain, founding, every service; and take it down again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

from cli.consortium.orders import forget_orders
from cli.world.cast import VALIDATORS, Ports
from cli.world.database import SERVER, Database, prepare_databases, server_of
from cli.world.founding import Seat, found
from cli.world.keys import KeyFolder
from cli.world.layout import World, load
from cli.world.networks import Network, clique_of, namespaces, node_part_name, rpc_url
from cli.world.services import chain_parts, service_parts, store_parts
from cli.world.sidecars import write_public_book
from cli.world.swarm import KEEPERS, Content, found_swarm, part_name
from devnet import netns
from devnet.anvil import instant_blocks
from devnet.clique_nodes import LINKS
from devnet.geth_binary import geth_binary
from devnet.ipc import ask
from devnet.kubo_binary import kubo_binary
from devnet.supervisor import Part, Supervisor, require_free
from salus.adapters.alone import alone
from salus.core.errors import ConflictError, SetupError
from salus.core.ids import to_address

Progress = Callable[[str], None]
KEEPER = "keeper"
"""Part that starts the others again when they die (`cli.consortium.keeper`)."""
RAISING = "somebody else is starting the world in {}, or restores a part of it"
"""What it means that a world's folder is locked."""


def raise_world(
    folder: Path,
    base_port: int,
    progress: Progress,
    network: Network = Network.DEV,
    content: Content | None = None,
    database: Database | None = None,
) -> tuple[World, Supervisor]:
    """Start the chain, found the world if it is not yet, and start every service; all is stopped again on an error.

    Parts that run already are left as they are, so what was cut off goes on from there. `content` and `database` None:
    as the world has them already, in a new world a folder and SQLite.

    Raises:
        SetupError: a port is taken (looked at before anything starts), a part does not come up, or the world was
            founded on another network, for other content or another database, or as a consortium on other ports.
        ConflictError: somebody else is starting it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder, RAISING.format(folder)):
        return _raised(folder, base_port, progress, network, content, database)


def _raised(
    folder: Path,
    base_port: int,
    progress: Progress,
    network: Network,
    content: Content | None,
    database: Database | None,
) -> tuple[World, Supervisor]:
    if network is Network.NAMESPACES:
        netns.require()
    if (folder / "world.json").exists() and (found := load(folder)).network is not network:
        raise SetupError(
            f"the world in {folder} was founded on the network {found.network}: start it so again, or remove the folder"
        )
    _require_ports(folder, base_port, network)
    kind = _database(folder, database)
    ports, supervisor = Ports(base_port), Supervisor(folder)
    if not supervisor.running():
        for port in ports.all():
            require_free(port)
    keys = KeyFolder(folder / "keys")
    try:
        if kind is Database.POSTGRES:
            server_of(folder, ports)  # that there is one is known before anything is built or starts
        if content is Content.KUBO:
            kubo_binary(progress)
        world = _founded(folder, ports, keys, supervisor, progress, network, kind)
        _place_content(world, content)
        beside = " and a sidecar beside each node" if network is not Network.DEV else ""
        progress(f"custodians, watch, oracles, one API per institution{beside} start")
        prepare_databases(folder, ports, kind)
        start_missing(supervisor, store_parts(world))
        start_missing(supervisor, service_parts(world), patience=120)
    except BaseException:
        stop(supervisor)
        raise
    return world, supervisor


def start_missing(supervisor: Supervisor, parts: list[Part], patience: float = 60) -> None:
    """Start the parts that do not run, and wait until they are ready."""
    alive = supervisor.running()
    supervisor.start([part for part in parts if part.name not in alive], patience)


def stop(supervisor: Supervisor) -> list[str]:
    """Stop every part, and remove namespaces of nodes; a Ctrl-C meanwhile does not leave some of it. Returns names."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # First who would start the others again; chain and stores after all that speak to them.
        first = supervisor.stop([KEEPER])
        last = {LINKS, *(node_part_name(name) for name in VALIDATORS), "chain", SERVER, *map(part_name, KEEPERS)}
        services = supervisor.stop([name for name in supervisor.running() if name not in last], together=True)
        stopped = [*first, *services, *supervisor.stop(together=True)]
        forget_orders(supervisor.folder)
        netns.remove_of(supervisor.folder)
        return stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _require_ports(folder: Path, base_port: int, network: Network) -> None:
    """Raises SetupError: the nodes of a consortium know each other by ports that were other ones."""
    if network is Network.DEV or not (folder / "world.json").exists():
        return
    if (base := load(folder).ports.base) != base_port:
        raise SetupError(
            f"the world in {folder} has ports from {base}: set SALUS_BASE_PORT={base}, or remove the folder"
        )


def _database(folder: Path, wanted: Database | None) -> Database:
    """What the world's databases are, or will be."""
    if not (folder / "world.json").exists():
        return wanted or Database.SQLITE
    kind = load(folder).database
    if wanted not in (None, kind):
        raise SetupError(f"the databases of the world in {folder} are {kind}: start it so again, or remove that folder")
    return kind


def _founded(
    folder: Path,
    ports: Ports,
    keys: KeyFolder,
    supervisor: Supervisor,
    progress: Progress,
    network: Network,
    database: Database,
) -> World:
    if network is Network.DEV:
        progress("keys and a development chain (Anvil, blocks every second)")
    else:
        geth_binary(progress)
        progress("keys and four nodes that seal by Clique, of hospital A and the three custodians")
    keys.make()
    if network is Network.NAMESPACES:
        netns.make_for(folder, namespaces(ports))
    start_missing(supervisor, chain_parts(folder, ports, network))
    url = rpc_url(network, ports, None)
    try:
        if network is Network.DEV:
            with instant_blocks(ports.chain):
                _, ids = found(folder, url, keys, progress)
        elif (folder / "world.json").exists():
            return load(folder)
        else:
            _write_genesis(folder, ports)
            _, ids = found(folder, url, keys, progress, network.file, _seats(folder, ports))
    except ConflictError as error:
        raise SetupError(
            f"the world in {folder} was founded by another version of Salus ({error}): remove that folder, start again"
        ) from error
    world = World(folder, ports, ids, network, database)
    world.content.mkdir(exist_ok=True)
    if network is not Network.DEV:
        write_public_book(world)
    world.save()
    return world


def _place_content(world: World, content: Content | None) -> None:
    if content is Content.FOLDER and world.has_swarm:
        raise SetupError(
            f"the world in {world.folder} keeps its content on Kubo: start it so again, or remove that folder"
        )
    if content is Content.KUBO:
        found_swarm(world)


def _seats(folder: Path, ports: Ports) -> dict[str, Seat]:
    nodes = clique_of(folder, ports).nodes
    return {
        name: (bytes.fromhex(node.node_id), to_address(bytes.fromhex(node.sealer[2:]))) for name, node in nodes.items()
    }


def _write_genesis(folder: Path, ports: Ports) -> None:
    network = clique_of(folder, ports)
    header = ask(network.ipc(VALIDATORS[0]), "eth_getBlockByNumber", "0x0", False)  # noqa: FBT003 - no bodies
    scratch = folder / "genesis-header.new"
    scratch.write_text(json.dumps(header, indent=1))
    scratch.replace(folder / "genesis-header.json")
