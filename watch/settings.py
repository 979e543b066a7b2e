"""Settings of the watch, from the environment.

| variable | meaning | default |
| --- | --- | --- |
| `SALUS_WATCH_RPC_URL` | JSON-RPC of one node, or of several by comma, best first | `http://127.0.0.1:8545` |
| `SALUS_WATCH_DEPLOYMENT` | file of the deployment, `deployments/<chain-id>.json` | required |
| `SALUS_WATCH_DATABASE_URL` (or `…_FILE`) | the index, `sqlite:///…` or `postgresql+psycopg://…` | required |
| `SALUS_WATCH_FINALITY` | `dev`, `qbft`, or `clique:N` with N signers | `dev` |
| `SALUS_WATCH_FIRST_BLOCK` | block in which the deployment begins | 0 |
| `SALUS_WATCH_POLL_SECONDS` | pause between two looks at the chain | 0.5 |
| `SALUS_WATCH_PORT` | /health, /ready and /metrics on 127.0.0.1 | 8460 |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from salus.core.variables import LOCAL_NODE, Variables

_PREFIX = "SALUS_WATCH_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the watch is told."""

    rpc_url: str
    deployment: Path
    database_url: str
    finality: str
    first_block: int
    poll_seconds: float
    port: int


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment.

    Raises:
        SetupError: a required one is missing, or one is malformed.
    """
    values = os.environ if environ is None else environ
    told = Variables(_PREFIX, "watch/settings.py", values, Path.read_bytes)
    return Settings(
        rpc_url=told.text("RPC_URL", LOCAL_NODE),
        deployment=told.path("DEPLOYMENT"),
        database_url=told.either("DATABASE_URL"),
        finality=told.text("FINALITY", "dev"),
        first_block=told.number("FIRST_BLOCK", 0),
        poll_seconds=told.seconds("POLL_SECONDS", 0.5),
        port=told.number("PORT", 8460),
    )
