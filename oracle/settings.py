"""Settings of an oracle, from the environment.

| variable | meaning | default |
| --- | --- | --- |
| `SALUS_ORACLE_PARTICIPANT_ID` | this source's participantId, `0x` and 64 hex digits | required |
| `SALUS_ORACLE_RPC_URL` | JSON-RPC of one node, or of several by comma, best first | `http://127.0.0.1:8545` |
| `SALUS_ORACLE_FINALITY` | `dev`, `qbft`, or `clique:N` with N signers | `dev` |
| `SALUS_ORACLE_DEPLOYMENT` | file of the deployment, `deployments/<chain-id>.json` | required |
| `SALUS_ORACLE_DATABASE_URL` (or `…_FILE`) | its journal, `sqlite:///…` or `postgresql+psycopg://…` | required |
| `SALUS_ORACLE_KEYSTORE` | keystore file of its operator account, which no other process uses | required |
| `SALUS_ORACLE_PASSPHRASE_FILE` | file with the keystore's passphrase | required |
| `SALUS_ORACLE_SITE_KEY_FILE` | file of the site key, 64 hex digits; back it up apart from the database | required |
| `SALUS_ORACLE_ROW_KEYS` | folder of keys that can be destroyed; left out of backups | `…SITE_KEY_FILE` with `.rows` |
| `SALUS_ORACLE_CONTENT` | folder of envelopes, or `kubo+http://…` nodes by comma (docs/runbook.md) | required |
| `SALUS_ORACLE_CUSTODIANS` | JSON file: participantId of each custodian to its base URL | required |
| `SALUS_ORACLE_CUSTODIAN_SET` | number of the custodian set that gets the shares | 1 |
| `SALUS_ORACLE_NAME` | the institution's name as it stands in records | required |
| `SALUS_ORACLE_AUTHORITY` | assigning authority of identifiers that name none | the name |
| `SALUS_ORACLE_CHARSET` | character set of the source's messages; wins over MSH-18 | by message |
| `SALUS_ORACLE_CHECKUP` | `1`: every report is check-up content | by the participant's kind |
| `SALUS_ORACLE_SOURCES` | folder with one TOML file for each sender (docs/hl7-intake.md) | one, as below |
| `SALUS_ORACLE_MLLP_PORT` | MLLP port on 127.0.0.1 | 2575 |
| `SALUS_ORACLE_HTTP_PORT` | HTTP port on 127.0.0.1 | 8450 |
| `SALUS_ORACLE_HTTP_TOKEN_FILE` | file with the bearer token senders over HTTP must show | none asked |
| `SALUS_ORACLE_READERS` | processes that read messages; 0: the oracle's own does | 2 |
| `SALUS_ORACLE_RETAIN_DAYS` | days the journal keeps messages whose records are anchored | 30 |
| `SALUS_ORACLE_RETENTION_HOURS` | orders what is past its years and agreed to each so many hours; 0: never | 24 |
| `SALUS_ORACLE_RETENTION_GRACE_DAYS` | days a patient has to answer before the Council is asked | 30 |
| `SALUS_ORACLE_MOST_PENDING` | messages not processed and versions in no batch at which intake holds | 100000 |
| `SALUS_ORACLE_MOST_PENDING_BYTES` | bytes of messages not processed at which it does | 4294967296 |
| `SALUS_ORACLE_DRAIN_SECONDS` | after SIGTERM: seconds to bring to the chain what is under way | 8 |
| `SALUS_ORACLE_ALERT_WEBHOOK` (or `…_FILE`) | URL that gets alerts as JSON by POST | none |
| `SALUS_ORACLE_ALERT_PENDING` | alert at so many messages not processed yet | 10000 |
| `SALUS_ORACLE_ALERT_PENDING_SECONDS` | alert when the oldest of them has waited so long | 120 |
| `SALUS_ORACLE_ALERT_QUARANTINED` | alert when so many came into quarantine within an hour | 20 |
| `SALUS_ORACLE_ALERT_REFUSED_PERCENT` | alert when such a share was refused within five minutes | 5 |
| `SALUS_ORACLE_ALERT_GAP_SECONDS` | alert when a sender's number has not come for so long | 600 |
| `SALUS_ORACLE_ALERT_DISK_PERCENT` | alert below so much free room of a disk | 10 |
| `SALUS_ORACLE_ALERT_AWAY_SECONDS` | alert when something has failed for so long | 60 |
| `SALUS_ORACLE_ALERT_DESTRUCTION_SECONDS` | alert when an order is not carried out so long after it could | 86400 |
| `SALUS_ORACLE_ALERT_CALM_SECONDS` | an alert is cleared when all was well for so long | 30 |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from oracle.alerts import Limits
from oracle.pressure import Bounds
from salus.core.errors import SetupError
from salus.core.ids import ParticipantId
from salus.core.retention import GRACE_DAYS
from salus.core.variables import LOCAL_NODE, Variables

PREFIX = "SALUS_ORACLE_"
_HTTP_PORT = 8450
SITE_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class OperationsSettings:
    """How much may wait, how long the end may take, and when to ring."""

    bounds: Bounds = field(default_factory=Bounds)
    drain_seconds: int = 8
    limits: Limits = field(default_factory=Limits)
    webhook: str | None = field(default=None, repr=False)
    retention_hours: int = 24
    grace_days: int = GRACE_DAYS


@dataclass(frozen=True, slots=True)
class Settings:
    """What an oracle is told."""

    participant: ParticipantId
    rpc_url: str
    finality: str
    deployment: Path
    database_url: str = field(repr=False)
    keystore: Path
    passphrase: str = field(repr=False)
    site_key: bytes = field(repr=False)
    row_keys: Path
    content: str
    custodians: Path
    custodian_set: int
    name: str
    authority: str
    charset: str | None
    is_checkup: bool | None
    mllp_port: int
    http_port: int
    http_token: str | None = field(repr=False)
    readers: int
    retain_days: int
    sources: Path | None = None
    operations: OperationsSettings = field(default_factory=OperationsSettings)


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """What the desk and the quarantine need: the database and its key."""

    database_url: str = field(repr=False)
    site_key: bytes = field(repr=False)
    row_keys: Path


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of the environment.

    Raises:
        SetupError: a required one is missing, or one is malformed.
    """
    told = _told(environ)
    journal = read_journal(environ)
    name = told.required("NAME")
    return Settings(
        participant=told.participant("PARTICIPANT_ID"),
        rpc_url=told.text("RPC_URL", LOCAL_NODE),
        finality=told.text("FINALITY", "dev"),
        deployment=told.path("DEPLOYMENT"),
        database_url=journal.database_url,
        keystore=told.path("KEYSTORE"),
        passphrase=told.secret("PASSPHRASE").splitlines()[0],
        site_key=journal.site_key,
        row_keys=journal.row_keys,
        content=told.required("CONTENT"),
        custodians=told.path("CUSTODIANS"),
        custodian_set=told.number("CUSTODIAN_SET", 1),
        name=name,
        authority=told.text("AUTHORITY", name),
        charset=told.optional("CHARSET"),
        is_checkup=told.flag("CHECKUP"),
        mllp_port=told.number("MLLP_PORT", 2575),
        http_port=told.number("HTTP_PORT", _HTTP_PORT),
        http_token=told.optional_secret("HTTP_TOKEN"),
        readers=told.number("READERS", 2),
        retain_days=told.number("RETAIN_DAYS", 30),
        sources=_folder(told, "SOURCES"),
        operations=_operations(told),
    )


def _operations(told: Variables) -> OperationsSettings:
    bounds, limits, usual = Bounds(), Limits(), OperationsSettings()
    return OperationsSettings(
        Bounds(
            max(1, told.number("MOST_PENDING", bounds.messages)),
            max(1, told.number("MOST_PENDING_BYTES", bounds.bytes)),
        ),
        told.number("DRAIN_SECONDS", usual.drain_seconds),
        Limits(
            pending=max(1, told.number("ALERT_PENDING", limits.pending)),
            pending_seconds=max(1, told.number("ALERT_PENDING_SECONDS", limits.pending_seconds)),
            quarantined=max(1, told.number("ALERT_QUARANTINED", limits.quarantined)),
            refused_percent=max(1, told.number("ALERT_REFUSED_PERCENT", limits.refused_percent)),
            gap_seconds=told.number("ALERT_GAP_SECONDS", limits.gap_seconds),
            disk_percent=told.number("ALERT_DISK_PERCENT", limits.disk_percent),
            away_seconds=max(1, told.number("ALERT_AWAY_SECONDS", limits.away_seconds)),
            calm_seconds=told.number("ALERT_CALM_SECONDS", limits.calm_seconds),
            destruction_seconds=told.number("ALERT_DESTRUCTION_SECONDS", limits.destruction_seconds),
        ),
        _webhook(told),
        told.number("RETENTION_HOURS", usual.retention_hours),
        told.number("RETENTION_GRACE_DAYS", usual.grace_days),
    )


def _webhook(told: Variables) -> str | None:
    """The webhook's URL; many of them are secrets, so it may stand in a file."""
    url = told.optional("ALERT_WEBHOOK") or told.optional_secret("ALERT_WEBHOOK")
    if url and not url.startswith(("http://", "https://")):
        raise SetupError(f"{PREFIX}ALERT_WEBHOOK is an http or https URL")
    return url


@dataclass(frozen=True, slots=True)
class SourcesSettings:
    """What the check of source files needs: their folder, and what the files needn't say."""

    folder: Path | None
    name: str
    authority: str
    charset: str | None
    is_checkup: bool | None
    retain_days: int


def read_sources(environ: Mapping[str, str] | None = None) -> SourcesSettings:
    """The settings of sources alone; a missing name stands as "?" in what is shown.

    Raises:
        SetupError: as `read`.
    """
    told = _told(environ)
    name = told.text("NAME", "?")
    return SourcesSettings(
        folder=_folder(told, "SOURCES"),
        name=name,
        authority=told.text("AUTHORITY", name),
        charset=told.optional("CHARSET"),
        is_checkup=told.flag("CHECKUP"),
        retain_days=told.number("RETAIN_DAYS", 30),
    )


def read_http_port(environ: Mapping[str, str] | None = None) -> int:
    """Port of the oracle's HTTP alone.

    Raises:
        SetupError: it is no number.
    """
    return _told(environ).number("HTTP_PORT", _HTTP_PORT)


def read_journal(environ: Mapping[str, str] | None = None) -> JournalSettings:
    """The settings of the journal alone.

    Raises:
        SetupError: as `read`.
    """
    told = _told(environ)
    try:
        site_key = bytes.fromhex(told.secret("SITE_KEY"))
    except ValueError:
        site_key = b""
    if len(site_key) != SITE_KEY_BYTES:
        raise SetupError(f"the file of {PREFIX}SITE_KEY_FILE holds 64 hex digits: `openssl rand -hex 32` makes some")
    beside = told.required("SITE_KEY_FILE") + ".rows"
    return JournalSettings(told.either("DATABASE_URL"), site_key, Path(told.text("ROW_KEYS", beside)))


def _folder(told: Variables, name: str) -> Path | None:
    path = told.optional_path(name)
    if path and not path.is_dir():
        raise SetupError(f"{PREFIX}{name} names no folder")
    return path


def _told(environ: Mapping[str, str] | None) -> Variables:
    return Variables(PREFIX, "oracle/settings.py", os.environ if environ is None else environ, Path.read_bytes)
