"""Settings of an institution's API, from the environment.

| variable | meaning | default |
| --- | --- | --- |
| `SALUS_API_PARTICIPANT_ID` | the institution's participantId, `0x` and 64 hex digits | required |
| `SALUS_API_RPC_URL` | JSON-RPC of one node, or of several by comma, best first | `http://127.0.0.1:8545` |
| `SALUS_API_DEPLOYMENT` | file of the deployment, `deployments/<chain-id>.json` | required |
| `SALUS_API_FINALITY` | `dev`, `qbft`, or `clique:N` with N signers | `dev` |
| `SALUS_API_DATABASE_URL` (or `…_FILE`) | own database, `sqlite:///…` or `postgresql+psycopg://…` | required |
| `SALUS_API_INDEX_URL` (or `…_FILE`) | the watch's index, which is only read | required |
| `SALUS_API_OPERATOR_KEYSTORE` | keystore of the operator that asks and signs calls | required |
| `SALUS_API_SECOND_KEYSTORE` | keystore of a second operator, for emergencies | none: no emergencies |
| `SALUS_API_RELAY_KEYSTORES` | keystores, comma-separated, of accounts that only send patients' calls | required |
| `SALUS_API_PASSPHRASE_FILE` | file whose first line opens these keystores | required |
| `SALUS_API_TOKEN_KEY` | PEM file of the Ed25519 key of tokens; made if absent | beside the operator's keystore |
| `SALUS_API_SEAL_KEY` | file of the hex key of rows at rest; made if absent | beside the operator's keystore |
| `SALUS_API_CONTENT` | folder of envelopes, or `kubo+http://…` nodes by comma (docs/runbook.md) | required |
| `SALUS_API_CUSTODIANS` | JSON file, participantId to base URL | required |
| `SALUS_API_CLIENTS` | JSON file of clients and public keys (docs/api.md); read again on change | required |
| `SALUS_API_TITLES` | JSON file, participantId to `{"en", "zh"}` | none: short ids |
| `SALUS_API_REGULATOR` | participantId to whom names of people are sealed | the first active supervisor |
| `SALUS_API_PUBLIC_URL` | where clients reach this API; part of what they sign | `http://127.0.0.1:<port>` |
| `SALUS_API_PORT` | port on 127.0.0.1 | 8480 |
| `SALUS_API_HEAD_AGE` | seconds after which /ready calls the node's head stale | 15 |
| `SALUS_API_INDEX_LAG` | blocks the index may lie behind before /ready says so | 30 |
| `SALUS_API_CALLS_PER_MINUTE` | calls from one address that are not of staff | 1200 |
| `SALUS_API_CALLS_PER_ACCOUNT` | relayed calls of one account in a minute | 120 |
| `SALUS_API_BATCH_MILLISECONDS` | longest wait of a request for others to go in one transaction; 0: each alone | 250 |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from salus.core.ids import ParticipantId
from salus.core.variables import LOCAL_NODE, Variables

_PREFIX = "SALUS_API_"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an API is told."""

    participant: ParticipantId
    rpc_url: str
    deployment: Path
    finality: str
    database_url: str
    index_url: str
    operator_keystore: Path
    second_keystore: Path | None
    relay_keystores: tuple[Path, ...]
    passphrase_file: Path
    token_key: Path
    seal_key: Path
    content: str
    custodians: Path
    clients: Path
    titles: Path | None
    regulator: ParticipantId | None
    public_url: str
    port: int
    head_age: int
    index_lag: int
    calls_per_minute: int
    calls_per_account: int
    batch_milliseconds: int


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment.

    Raises:
        SetupError: a required one is missing, or one is malformed; names it.
    """
    values = os.environ if environ is None else environ
    told = Variables(_PREFIX, "api/settings.py", values, Path.read_bytes)
    operator, port = told.path("OPERATOR_KEYSTORE"), told.number("PORT", 8480, least=1)
    return Settings(
        participant=told.participant("PARTICIPANT_ID"),
        rpc_url=told.text("RPC_URL", LOCAL_NODE),
        deployment=told.path("DEPLOYMENT"),
        finality=told.text("FINALITY", "dev"),
        database_url=told.either("DATABASE_URL"),
        index_url=told.either("INDEX_URL"),
        operator_keystore=operator,
        second_keystore=told.optional_path("SECOND_KEYSTORE"),
        relay_keystores=tuple(Path(part.strip()) for part in told.required("RELAY_KEYSTORES").split(",")),
        passphrase_file=told.path("PASSPHRASE_FILE"),
        token_key=told.optional_path("TOKEN_KEY") or operator.with_name(f"{operator.stem}.api-token.pem"),
        seal_key=told.optional_path("SEAL_KEY") or operator.with_name(f"{operator.stem}.api-seal.key"),
        content=told.required("CONTENT"),
        custodians=told.path("CUSTODIANS"),
        clients=told.path("CLIENTS"),
        titles=told.optional_path("TITLES"),
        regulator=told.participant("REGULATOR") if told.optional("REGULATOR") else None,
        public_url=told.text("PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        port=port,
        head_age=told.number("HEAD_AGE", 15, least=1),
        index_lag=told.number("INDEX_LAG", 30, least=1),
        calls_per_minute=told.number("CALLS_PER_MINUTE", 1200, least=1),
        calls_per_account=told.number("CALLS_PER_ACCOUNT", 120, least=1),
        batch_milliseconds=told.number("BATCH_MILLISECONDS", 250),
    )
