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

from salus.core.errors import SetupError

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
    try:
        return Settings(
            rpc_url=values.get(f"{_PREFIX}RPC_URL", "http://127.0.0.1:8545"),
            deployment=Path(_required(values, "DEPLOYMENT")),
            database_url=_required(values, "DATABASE_URL"),
            finality=values.get(f"{_PREFIX}FINALITY", "dev"),
            first_block=int(values.get(f"{_PREFIX}FIRST_BLOCK", "0")),
            poll_seconds=float(values.get(f"{_PREFIX}POLL_SECONDS", "0.5")),
            port=int(values.get(f"{_PREFIX}PORT", "8460")),
        )
    except ValueError as error:
        raise SetupError(
            f"{_PREFIX}FIRST_BLOCK and {_PREFIX}PORT are whole numbers, {_PREFIX}POLL_SECONDS a number of seconds"
        ) from error


def _required(values: Mapping[str, str], name: str) -> str:
    if found := values.get(_PREFIX + name):
        return found
    if file := values.get(f"{_PREFIX}{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SetupError(f"{_PREFIX}{name}_FILE names a file that cannot be read") from error
    raise SetupError(f"set {_PREFIX}{name}: see watch/settings.py")
