"""`salus consortium make-node | run-node | introduce`: a member's own node, on its own machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.exits import exit_code
from cli.participant.machines import read_node_key
from cli.world.cast import VALIDATORS
from cli.world.layout import home
from cli.world.sidecars import address_book
from devnet import member_node
from devnet.geth_binary import geth_binary
from salus.adapters.chain.address_book import enode_of, merge_addresses, place_of, read_address_book
from salus.core.errors import ConflictError, InputError, UnavailableError

_Folder = Annotated[Path, typer.Argument(help="The node's folder.")]


def add_to(consortium: typer.Typer) -> None:
    """Add the commands to their noun."""
    consortium.command("make-node")(make)
    consortium.command("run-node")(run)
    consortium.command("introduce")(introduce)


def make(
    folder: _Folder,
    genesis: Annotated[Path, typer.Option(help="The chain's genesis.json, from a member.")],
    addresses: Annotated[Path, typer.Option(help="Address book, from a member: node key to host:port.")],
    listen: Annotated[str, typer.Option(help="host:port at which members reach the node.")],
    deployment: Annotated[Path, typer.Option(help="Deployment file; the sidecar beside the node reads it.")],
    rpc_port: Annotated[int, typer.Option(min=1024, max=65535, help="JSON-RPC, on 127.0.0.1.")] = 8545,
    sidecar_port: Annotated[int, typer.Option(min=1024, max=65535, help="The sidecar's /ready and /metrics.")] = 8470,
) -> None:
    """Make keys and files of a node and of the sidecar beside it. A second call keeps the keys.

    Example: salus consortium make-node /var/lib/salus/node --genesis genesis.json --addresses addresses.json
    --listen 10.1.2.3:30303 --deployment deployments/2026.json
    """
    network = member_node.make_member_node(folder, genesis, read_address_book(addresses), listen, rpc_port)
    node = network.nodes[member_node.NODE]
    settings = {
        "RPC_URL": node.url,
        "ENGINE": "clique",
        "IPC": str(network.ipc(member_node.NODE)),
        "NODE_FOLDER": str(network.node_folder(member_node.NODE).resolve()),
        "ADDRESS_BOOK": str((folder / "addresses.json").resolve()),
        "DEPLOYMENT": str(deployment.resolve()),
        "PORT": str(sidecar_port),
    }
    file = folder / "sidecar.env"
    file.write_text("".join(f"SALUS_SIDECAR_{name}={value}\n" for name, value in settings.items()))
    value = {
        "enode": enode_of(bytes.fromhex(node.node_id), listen),
        "validator": node.sealer,
        "rpc": node.url,
        "ipc": settings["IPC"],
        "sidecar": str(file),
    }
    output.emit(
        value,
        [
            f"node {value['enode']}",
            f"seals with {value['validator']}; JSON-RPC {value['rpc']}; socket {value['ipc']}",
            f"Start it: salus consortium run-node {folder}",
            f"Once admitted, beside it: salus consortium sidecar --settings {file}",
        ],
    )


def run(folder: _Folder) -> None:
    """Run a node made by `make-node`, in the foreground, and let it seal once members vote it in (a systemd unit).

    Example: salus consortium run-node /var/lib/salus/node
    """
    network = member_node.load_member_node(folder)
    code = member_node.run(network, geth_binary(output.say))
    if code:
        raise typer.Exit(exit_code(UnavailableError()))


def introduce(
    node: Annotated[str, typer.Argument(help="enode://…@host:port of a newcomer's node.")],
    book: Annotated[
        Path | None, typer.Option(help="Your sidecar's address book; all books of `salus consortium up` without it.")
    ] = None,
    *,
    moved: Annotated[
        bool, typer.Option("--moved", help="Yes, a node that is in the book elsewhere is there now.")
    ] = False,
) -> None:
    """Write where a newcomer's node is into an address book. It only finds: who is let in, the Council decides.

    An address of a node that the book has elsewhere is taken with --moved only: ask its people by another way first.
    Example: salus consortium introduce enode://…@10.1.2.3:30303 --book /var/lib/salus/node/addresses.json
    """
    found = place_of(node)
    if found is None:
        raise InputError("name the node whole, as `make-node` printed it: enode://<128 hex digits>@host:port")
    read_node_key(node)
    folder = home() / "consortium"
    books = [book] if book is not None else [address_book(folder, name) for name in VALIDATORS]
    elsewhere = {listed for file in books if file.exists() and (listed := read_address_book(file).get(found[0]))}
    if not moved and elsewhere - {found[1]}:
        raise ConflictError(
            f"that node is known at {', '.join(sorted(elsewhere - {found[1]}))}, not at {found[1]}",
            advice="Did its people tell you by a way you trust that it moved, say --moved.",
        )
    for file in books:
        merge_addresses(file, dict([found]))
    output.emit({"books": [str(file) for file in books]}, [f"{found[1]} is in {len(books)} address books"])
