"""`salus consortium besu`: writes a QBFT network in Besu's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output
from devnet import besu
from devnet.qbft import QbftSettings

_CHAIN_ID = QbftSettings().chain_id


def add_to(consortium: typer.Typer) -> None:
    """Add the command to its noun."""
    consortium.command("besu")(write)


def write(
    folder: Annotated[Path, typer.Argument(help="Where the files go, for instance deployments/besu/network.")],
    host: Annotated[
        list[str] | None, typer.Option(help="name=IP:port of a validator's node; compose.yaml's four without it.")
    ] = None,
    chain_id: Annotated[int, typer.Option(min=1, help="Id of the chain (EIP-155).")] = _CHAIN_ID,
) -> None:
    """Write genesis, keys and every node's files for Besu; what exists of keys and genesis stays.

    Example: salus consortium besu deployments/besu/network; then deployments/besu/compose.yaml says how to start it.
    """
    nodes = besu.write_network(folder, besu.read_hosts(host or ()), QbftSettings(chain_id=chain_id))
    rows = [{"node": node.name, "validator": node.account, "enode": node.enode} for node in nodes]
    output.emit_table(rows, {"node": "node", "validator": "validator", "enode": "enode"})
