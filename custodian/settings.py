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

from salus.core.errors import SetupError
from salus.core.ids import ParticipantId
from salus.core.repair_wire import REPAIRS_AN_HOUR
from salus.core.retention import GRACE_DAYS
from salus.core.variables import LOCAL_NODE, Variables

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
    told = Variables(_PREFIX, "custodian/settings.py", values, Path.read_bytes)
    finality = told.text("FINALITY", "dev").partition(":")[0]  # clique:N says what the chain says itself
    return Settings(
        participant=told.participant("PARTICIPANT_ID"),
        rpc_url=_own_node(told.text("RPC_URL", LOCAL_NODE)),
        finality=finality,
        genesis=None if finality == "dev" else told.path("GENESIS"),
        epoch=told.number("EPOCH", 30000),
        deployment=told.path("DEPLOYMENT"),
        database_url=told.either("DATABASE_URL"),
        operator_keystore=told.path("OPERATOR_KEYSTORE"),
        encryption_key=told.path("ENCRYPTION_KEY"),
        passphrase=told.secret("PASSPHRASE"),
        period_keys=told.path("PERIOD_KEYS"),
        head_age=told.number("HEAD_AGE", 5),
        max_body=told.number("MAX_BODY_BYTES", 4 * 1024 * 1024),
        sweep_seconds=told.seconds("SWEEP_SECONDS", 5),
        port=told.number("PORT", 8440),
        grace_days=told.number("RETENTION_GRACE_DAYS", GRACE_DAYS),
        repairs_an_hour=told.number("REPAIRS_PER_HOUR", REPAIRS_AN_HOUR),
        custodians=told.optional_path("CUSTODIANS"),
        content=told.optional("CONTENT"),
    )


def _own_node(url: str) -> str:
    if "," in url:
        raise SetupError(
            f"{_PREFIX}RPC_URL names several nodes: a custodian asks its own and no other, or whoever runs another one "
            "could tell it what is final"
        )
    return url
