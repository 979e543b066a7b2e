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

from salus.core.errors import InputError, SetupError
from salus.core.ids import ParticipantId, from_hex

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
    values = {
        name.removeprefix(_PREFIX): value
        for name, value in (os.environ if environ is None else environ).items()
        if name.startswith(_PREFIX) and value
    }
    operator, port = Path(_required(values, "OPERATOR_KEYSTORE")), _number(values, "PORT", 8480)
    return Settings(
        participant=_participant(_required(values, "PARTICIPANT_ID"), "PARTICIPANT_ID"),
        rpc_url=values.get("RPC_URL", "http://127.0.0.1:8545"),
        deployment=Path(_required(values, "DEPLOYMENT")),
        finality=values.get("FINALITY", "dev"),
        database_url=_secret(values, "DATABASE_URL"),
        index_url=_secret(values, "INDEX_URL"),
        operator_keystore=operator,
        second_keystore=_path(values, "SECOND_KEYSTORE"),
        relay_keystores=tuple(Path(part.strip()) for part in _required(values, "RELAY_KEYSTORES").split(",")),
        passphrase_file=Path(_required(values, "PASSPHRASE_FILE")),
        token_key=_path(values, "TOKEN_KEY") or operator.with_name(f"{operator.stem}.api-token.pem"),
        seal_key=_path(values, "SEAL_KEY") or operator.with_name(f"{operator.stem}.api-seal.key"),
        content=_required(values, "CONTENT"),
        custodians=Path(_required(values, "CUSTODIANS")),
        clients=Path(_required(values, "CLIENTS")),
        titles=_path(values, "TITLES"),
        regulator=_participant(values["REGULATOR"], "REGULATOR") if "REGULATOR" in values else None,
        public_url=values.get("PUBLIC_URL", f"http://127.0.0.1:{port}").rstrip("/"),
        port=port,
        head_age=_number(values, "HEAD_AGE", 15),
        index_lag=_number(values, "INDEX_LAG", 30),
        calls_per_minute=_number(values, "CALLS_PER_MINUTE", 1200),
        calls_per_account=_number(values, "CALLS_PER_ACCOUNT", 120),
        batch_milliseconds=_number(values, "BATCH_MILLISECONDS", 250, least=0),
    )


def _required(values: Mapping[str, str], name: str) -> str:
    if name not in values:
        raise SetupError(f"set {_PREFIX}{name}: see api/settings.py")
    return values[name]


def _secret(values: Mapping[str, str], name: str) -> str:
    file = values.get(f"{name}_FILE")
    if name in values or file is None:
        return _required(values, name)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SetupError(f"{_PREFIX}{name}_FILE names a file that cannot be read") from error


def _path(values: Mapping[str, str], name: str) -> Path | None:
    return Path(values[name]) if name in values else None


def _number(values: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    text = values.get(name, str(default))
    if not text.isdigit() or int(text) < least:
        raise SetupError(f"{_PREFIX}{name} is a whole number of {least} or more")
    return int(text)


def _participant(text: str, name: str) -> ParticipantId:
    try:
        return ParticipantId(from_hex(text))
    except InputError as error:
        raise SetupError(f"{_PREFIX}{name} is 0x and 64 hex digits") from error
