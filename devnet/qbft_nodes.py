"""The processes of a QBFT network, as parts of a supervisor."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from devnet import ipc
from devnet.qbft import QbftNetwork
from devnet.supervisor import Part
from salus.core.errors import SetupError, UnavailableError

_INIT_SECONDS = 60
_ENVIRONMENT = {"PRIVATE_CONFIG": "ignore"}
"""GoQuorum asks for it: no private transactions."""


def node_part(network: QbftNetwork, name: str, binary: Path, part_name: str | None = None) -> Part:
    """The process of a node, which is ready when it takes orders.

    Raises:
        SetupError: it does not take the genesis.
    """
    if not (network.node_folder(name) / "geth" / "chaindata").exists():
        done = subprocess.run(
            network.init_command(binary, name),
            capture_output=True,
            text=True,
            check=False,
            timeout=_INIT_SECONDS,
            env={**os.environ, **_ENVIRONMENT},
        )
        if done.returncode != 0:
            raise SetupError(f"the node does not take the genesis of {name}: {done.stderr.strip().splitlines()[-1:]}")
    node = network.nodes[name]

    def ready() -> bool:
        try:
            return bool(ipc.ask(network.ipc(name), "eth_chainId") == hex(network.settings.chain_id))
        except UnavailableError:
            return False

    return Part(part_name or name, network.command(binary, name), _ENVIRONMENT, (node.rpc_port, node.p2p_port), ready)
