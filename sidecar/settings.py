"""Settings of the sidecar, from the environment or a file of `NAME=value` lines.

| variable | meaning | default |
| --- | --- | --- |
| `SALUS_SIDECAR_RPC_URL` | JSON-RPC of this member's own node; with Besu its APIs ADMIN, PERM and QBFT are needed | `http://127.0.0.1:8545` |
| `SALUS_SIDECAR_ENGINE` | `clique` (geth), `goquorum` or `besu` | required |
| `SALUS_SIDECAR_IPC` | socket of a geth or GoQuorum node | required for these |
| `SALUS_SIDECAR_NODE_FOLDER` | folder with the node's config.toml, permissioned-nodes.json, permissions_config.toml, static-nodes.json, as its kind has them | required |
| `SALUS_SIDECAR_ADDRESS_BOOK` | JSON file, node key (128 hex digits) to `"host:port"` | required |
| `SALUS_SIDECAR_DEPLOYMENT` | file of the deployment, `deployments/<chain-id>.json` | required |
| `SALUS_SIDECAR_FIRST_BLOCK` | block in which the deployment begins | 0 |
| `SALUS_SIDECAR_POLL_SECONDS` | pause between two looks at the registry | 2 |
| `SALUS_SIDECAR_PORT` | /health, /ready and /metrics on 127.0.0.1 | 8470 |
"""  # noqa: E501 - rows of a table cannot be broken

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from salus.core.errors import SetupError
from salus.core.variables import LOCAL_NODE, Variables

_PREFIX = "SALUS_SIDECAR_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the sidecar is told."""

    rpc_url: str
    engine: str
    ipc: Path | None
    node_folder: Path
    address_book: Path
    deployment: Path
    first_block: int
    poll_seconds: float
    port: int


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment.

    Raises:
        SetupError: a required one is missing, or one is malformed.
    """
    values = os.environ if environ is None else environ
    told = Variables(_PREFIX, "sidecar/settings.py", values, Path.read_bytes)
    return Settings(
        rpc_url=told.text("RPC_URL", LOCAL_NODE),
        engine=told.required("ENGINE"),
        ipc=told.optional_path("IPC"),
        node_folder=told.path("NODE_FOLDER"),
        address_book=told.path("ADDRESS_BOOK"),
        deployment=told.path("DEPLOYMENT"),
        first_block=told.number("FIRST_BLOCK", 0),
        poll_seconds=told.seconds("POLL_SECONDS", 2),
        port=told.number("PORT", 8470),
    )


def read_file(file: Path) -> Settings:
    """Settings of a file of `NAME=value` lines; lines that are empty or begin with # say nothing.

    Raises:
        SetupError: it cannot be read, a line is no setting, a required one is missing, or one is malformed.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise SetupError(f"the settings {file} cannot be read ({error.strerror})") from error
    told: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals or not name.strip().startswith(_PREFIX):
                raise SetupError(f"{file} has a line that is no setting of the sidecar: {name.strip()[:40]}")
            told[name.strip()] = value.strip()
    return read(told)
