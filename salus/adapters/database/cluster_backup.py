"""Backups of a PostgreSQL server with its own programs: base backup and manifest. `cluster_restore` puts them back.

A base backup holds every database of its server, so one is taken for all services there. It is a folder of
`pg_basebackup` and a JSON file beside it that says of which server and services it is and the SHA-256 of its manifest;
`pg_verifybackup` compares every file with that. Going to a point in time needs the archived log as well, which the
server's `archive_command` writes (PostgreSQL 15, chapters 26.3 and 20.5.5).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url

from salus.adapters.database.backup_folder import (
    DRAFT,
    checked,
    cut_off,
    digest,
    note_of,
    read_notes,
    write_note,
)
from salus.adapters.database.engine import open_engine, reading
from salus.adapters.database.postgres_programs import program, require_whole, run
from salus.core.errors import IntegrityError, SetupError, UnavailableError

ROLE = (
    "this needs an account that may replicate, which none of a service may: "
    "CREATE ROLE salus_backup LOGIN REPLICATION PASSWORD '…', a line `hostssl replication salus_backup …` in "
    "pg_hba.conf, and its URL (with any database) in SALUS_DATABASE_BACKUP_URL"
)
MANIFEST = "backup_manifest"
"""What `pg_basebackup` writes of every file."""
_FORM = "salus.cluster.v1"
_SERVICES = {"oracle": "oracle", "custodian": "custodian", "api": "api", "watch": "index"}
"""Kind of service, and what its table of the schema's version is named after."""
_NAME = re.compile(r"postgres-[0-9]+-[0-9TZ.]+")
_KEYS = re.compile(r"\d{4}-\d{2}(-\d{2})?\.(keys|next)")  # salus.adapters.period_keys


@dataclass(frozen=True, slots=True)
class ClusterBackup:
    """What was kept. `begun` is ISO 8601 in UTC: whatever was committed before it is there. `services` are kinds.

    `archive` is whether the server archives its log: `on`, `off`, or `failing` if the last attempt failed.
    """

    begun: str
    file: str
    size: int
    sha256: str
    system: str
    version: int
    databases: tuple[str, ...]
    services: tuple[str, ...]
    archive: str
    form: str = _FORM


def is_cluster(url: str) -> bool:
    """Whether a database URL leads to a PostgreSQL server."""
    return make_url(url).get_backend_name() == "postgresql"


def back_up_cluster(url: str, service: str, folder: Path, now: datetime, programs: Path) -> ClusterBackup:
    """Take a base backup of the server a URL leads to, of which one database is of that kind of service.

    Raises:
        SetupError: the account may not replicate, the server has tablespaces, no database is of that kind, keys that
            can be destroyed lie among the server's files, or a tool is missing.
        UnavailableError: the server is away, or `pg_basebackup` failed.
        IntegrityError: the copy is not what its manifest says.
    """
    begun = now.astimezone(UTC)
    base_backup, verify = program(programs, "pg_basebackup"), program(programs, "pg_verifybackup")
    system, version, databases, archive = _look(url)
    services = tuple(kind for kind in _SERVICES if any(_has(url, name, kind) for name in databases))
    if service not in services:
        raise SetupError(
            f"no database that this account may connect to on this server is of the kind {service}; there are "
            f"{', '.join(databases)}"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"postgres-{system}-{begun:%Y%m%dT%H%M%S.%fZ}"
    draft = target.with_name(target.name + DRAFT)
    try:
        conninfo, secret = _conninfo(make_url(url))
        how = ("--checkpoint=fast", "--wal-method=stream", "--no-password", "--manifest-checksums=SHA256")
        said = run((base_backup, "-d", conninfo, "-D", draft, *how), secret)
        if said:
            raise UnavailableError(f"pg_basebackup failed: {said}")
        _require_no_keys(draft)
        require_whole(verify, draft)
        size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
        whole = digest(draft / MANIFEST)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    made = ClusterBackup(begun.isoformat(), target.name, size, whole, system, version, databases, services, archive)
    try:
        write_note(note_of(target), made)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return made


def cluster_backups_in(folder: Path, service: str, name: str | None = None) -> list[ClusterBackup]:
    """Base backups in a folder that hold a service, the newest first; with a name only that one.

    Raises:
        IntegrityError: a file that says what one is can't be read.
    """
    if name is not None and not _NAME.fullmatch(name):
        return []
    names = "postgres-*.json" if name is None else note_of(Path(name)).name
    found = [made for made in read_notes(folder, names, _note) if made.form == _FORM and service in made.services]
    for made in found:
        if not _NAME.fullmatch(made.file):
            raise IntegrityError(f"a note in {folder} names a folder that is not in it: {made.file}")
    found = [made for made in found if name in (None, made.file)]
    return sorted(found, key=lambda one: datetime.fromisoformat(one.begun), reverse=True)


def unfinished_clusters(folder: Path) -> list[Path]:
    """What base backups left that were cut off, or are still being made."""
    return cut_off(folder, "postgres-[0-9]*T*Z*")


def _note(told: Mapping[str, Any]) -> ClusterBackup:
    checked(told, begun=str, file=str, sha256=str, system=str, databases=list, services=list, archive=str, form=str)
    return ClusterBackup(**{**told, "databases": tuple(told["databases"]), "services": tuple(told["services"])})


def _look(url: str) -> tuple[str, int, tuple[str, ...], str]:
    """System identifier, version, databases this account may connect to, and state of the archive."""
    engine = open_engine(url, read_only=True)
    try:
        with reading(engine) as connection:
            if not _one(connection, "SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user"):
                raise SetupError(ROLE)
            if _one(connection, "SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')"):
                raise SetupError("the server has tablespaces of its own: back it up with pg_basebackup by hand")
            names = connection.execute(
                text(
                    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate "
                    "AND has_database_privilege(datname, 'CONNECT') ORDER BY datname"
                )
            )
            databases = tuple(str(row[0]) for row in names)
            archive = "off" if _one(connection, "SELECT current_setting('archive_mode')") == "off" else "on"
            failed = "SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver"
            if archive == "on" and _one(connection, failed):
                archive = "failing"
            system = str(_one(connection, "SELECT system_identifier FROM pg_control_system()"))
            version = int(str(_one(connection, "SELECT current_setting('server_version_num')")))
            return system, version, databases, archive
    finally:
        engine.dispose()


def _has(url: str, database: str, kind: str) -> bool:
    """Whether a database is of a kind of service; no, if the server lets this account only replicate."""
    engine = open_engine(make_url(url).set(database=database).render_as_string(hide_password=False), read_only=True)
    try:
        with reading(engine) as connection:
            there = "SELECT count(*) FROM pg_tables WHERE tablename = :name"
            return bool(connection.execute(text(there), {"name": f"{_SERVICES[kind]}_version"}).scalar_one())
    except UnavailableError:
        return False
    finally:
        engine.dispose()


def _one(connection: Connection, statement: str) -> object:
    return connection.execute(text(statement)).scalar_one()


def _conninfo(url: URL) -> tuple[str, str]:
    """Connection string of libpq without the password, which others on this machine could read, and the password."""
    told = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database, **url.query}
    secret = told.pop("password", None) or url.password or ""
    quoted = {name: str(value).replace("\\", "\\\\").replace("'", "\\'") for name, value in told.items() if value}
    return " ".join(f"{name}='{value}'" for name, value in quoted.items()), str(secret)


def _require_no_keys(copy: Path) -> None:
    if any(_KEYS.fullmatch(path.name) for path in copy.rglob("*")):
        raise SetupError(
            "a folder of keys that can be destroyed lies among the server's files and would be in every backup: move it"
        )
