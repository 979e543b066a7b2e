"""Settings of a custodian, from the environment.

| variable | meaning | default |
| --- | --- | --- |
| `SALUS_CUSTODIAN_PARTICIPANT_ID` | this custodian's participantId, `0x` and 64 hex digits | required |
| `SALUS_CUSTODIAN_RPC_URL` | JSON-RPC of its own node, never a list | `http://127.0.0.1:8545` |
| `SALUS_CUSTODIAN_FINALITY` | `dev`: the node is believed; `clique`, `qbft`, `qbft-besu`: it is not | `dev` |
| `SALUS_CUSTODIAN_GENESIS` | JSON: genesis file, block 0 as a node shows it, or a snapshot | required unless `dev` |
| `SALUS_CUSTODIAN_EPOCH` | blocks of the engine's epoch, as the genesis file has it | 30000 |
| `SALUS_CUSTODIAN_DEPLOYMENT` | file of the deployment, `deployments/<chain-id>.json` | required |
| `SALUS_CUSTODIAN_DATABASE_URL` (or `…_FILE`) | its store, `sqlite:///…` or `postgresql+psycopg://…` | required |
| `SALUS_CUSTODIAN_OPERATOR_KEYSTORE` | keystore file of its operator account | required |
| `SALUS_CUSTODIAN_ENCRYPTION_KEY` | file of its X25519 private key | required |
| `SALUS_CUSTODIAN_PASSPHRASE_FILE` | file with the passphrase of both | required |
| `SALUS_CUSTODIAN_PERIOD_KEYS` | folder of the keys of shares at rest; left out of backups | required |
| `SALUS_CUSTODIAN_HEAD_AGE` | seconds above which the node's head is stale; 5, or two block periods | 5 |
| `SALUS_CUSTODIAN_MAX_BODY_BYTES` | largest call taken | 4194304 |
| `SALUS_CUSTODIAN_SWEEP_SECONDS` | pause between sweeps of orders, log and keys | 5 |
| `SALUS_CUSTODIAN_RETENTION_GRACE_DAYS` | days after its retention for which a record is still released | 30 |
| `SALUS_CUSTODIAN_REPAIRS_PER_HOUR` | record versions told to one other custodian in repairs; 0 helps none | 400000 |
| `SALUS_CUSTODIAN_CUSTODIANS` | JSON file: participantId of each custodian to its base URL | required by `repair` |
| `SALUS_CUSTODIAN_CONTENT` | where envelopes are, as for the oracle | required by `repair` |
| `SALUS_CUSTODIAN_PORT` | port on 127.0.0.1 | 8440 |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from salus.core.errors import InputError, SetupError
from salus.core.ids import ParticipantId, from_hex
from salus.core.repair_wire import REPAIRS_AN_HOUR
from salus.core.retention import GRACE_DAYS

_PREFIX = "SALUS_CUSTODIAN_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a custodian is told."""

    participant: ParticipantId
    rpc_url: str
    finality: str
    genesis: Path | None
    epoch: int
    deployment: Path
    database_url: str = field(repr=False)
    operator_keystore: Path
    encryption_key: Path
    passphrase: str = field(repr=False)
    period_keys: Path
    head_age: int
    max_body: int
    sweep_seconds: float
    port: int
    grace_days: int = GRACE_DAYS
    repairs_an_hour: int = REPAIRS_AN_HOUR
    custodians: Path | None = None
    content: str | None = None


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment.

    Raises:
        SetupError: a required one is missing, or one is malformed.
    """
    values = os.environ if environ is None else environ
    finality = values.get(f"{_PREFIX}FINALITY", "dev").partition(":")[0]  # clique:N says what the chain says itself
    try:
        return Settings(
            participant=ParticipantId(from_hex(_required(values, "PARTICIPANT_ID"))),
            rpc_url=_own_node(values.get(f"{_PREFIX}RPC_URL", "http://127.0.0.1:8545")),
            finality=finality,
            genesis=None if finality == "dev" else Path(_required(values, "GENESIS")),
            epoch=int(values.get(f"{_PREFIX}EPOCH", "30000")),
            deployment=Path(_required(values, "DEPLOYMENT")),
            database_url=_required(values, "DATABASE_URL"),
            operator_keystore=Path(_required(values, "OPERATOR_KEYSTORE")),
            encryption_key=Path(_required(values, "ENCRYPTION_KEY")),
            passphrase=_required(values, "PASSPHRASE"),
            period_keys=Path(_required(values, "PERIOD_KEYS")),
            head_age=int(values.get(f"{_PREFIX}HEAD_AGE", "5")),
            max_body=int(values.get(f"{_PREFIX}MAX_BODY_BYTES", str(4 * 1024 * 1024))),
            sweep_seconds=float(values.get(f"{_PREFIX}SWEEP_SECONDS", "5")),
            port=int(values.get(f"{_PREFIX}PORT", "8440")),
            grace_days=_count(values, "RETENTION_GRACE_DAYS", GRACE_DAYS, "days"),
            repairs_an_hour=_count(values, "REPAIRS_PER_HOUR", REPAIRS_AN_HOUR, "record versions"),
            custodians=Path(told) if (told := values.get(f"{_PREFIX}CUSTODIANS")) else None,
            content=values.get(f"{_PREFIX}CONTENT") or None,
        )
    except InputError as error:
        raise SetupError(f"{_PREFIX}PARTICIPANT_ID is 0x and 64 hex digits") from error
    except ValueError as error:
        raise SetupError(
            f"{_PREFIX}EPOCH, {_PREFIX}HEAD_AGE, {_PREFIX}MAX_BODY_BYTES and {_PREFIX}PORT are whole numbers, "
            f"{_PREFIX}SWEEP_SECONDS a number of seconds"
        ) from error


def _count(values: Mapping[str, str], name: str, default: int, what: str) -> int:
    text = values.get(_PREFIX + name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise SetupError(f"{_PREFIX}{name} is a whole number of {what}")
    return int(text)


def _own_node(url: str) -> str:
    if "," in url:
        raise SetupError(
            f"{_PREFIX}RPC_URL names several nodes: a custodian asks its own and no other, or whoever runs another one "
            "could tell it what is final"
        )
    return url


def _required(values: Mapping[str, str], name: str) -> str:
    if name != "PASSPHRASE" and (found := values.get(_PREFIX + name)):
        return found
    if file := values.get(f"{_PREFIX}{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SetupError(f"{_PREFIX}{name}_FILE names a file that cannot be read") from error
    suffix = "_FILE" if name == "PASSPHRASE" else ""
    raise SetupError(f"set {_PREFIX}{name}{suffix}: see custodian/settings.py")
