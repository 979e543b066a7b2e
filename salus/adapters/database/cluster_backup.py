"""Backups of a PostgreSQL server with its own tools: base backup, manifest, and recovery to a point in time.

A base backup holds every database of its server, so one is taken for all services there. It is a folder of
`pg_basebackup` and a JSON file beside it that says of which server and services it is and the SHA-256 of its manifest;
`pg_verifybackup` compares every file with that. Going to a point in time needs the archived log as well, which the
server's `archive_command` writes (PostgreSQL 15, chapters 26.3 and 20.5.5).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url

from salus.adapters.database.engine import open_engine, reading
from salus.core.errors import ConflictError, InputError, IntegrityError, NotFoundError, SetupError, UnavailableError

ROLE = (
    "this needs an account that may replicate, which none of a service may: "
    "CREATE ROLE salus_backup LOGIN REPLICATION PASSWORD '…', a line `hostssl replication salus_backup …` in "
    "pg_hba.conf, and its URL (with any database) in SALUS_DATABASE_BACKUP_URL"
)
_FORM = "salus.cluster.v1"
_SERVICES = {"oracle": "oracle", "custodian": "custodian", "api": "api", "watch": "index"}
"""Kind of service, and what its table of the schema's version is named after."""
_NAME = re.compile(r"postgres-[0-9]+-[0-9TZ.]+")
_KEYS = re.compile(r"\d{4}-\d{2}(-\d{2})?\.(keys|next)")  # salus.adapters.period_keys
_PLAIN = re.compile(r"[0-9A-Za-z_./ +-]+")
_TARGETS = ("recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time")


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


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far to go beyond the base backup: folder of the archived log, then a time or a named point, or its end."""

    log: Path | None = None
    until: datetime | None = None
    point: str | None = None


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
    base_backup, verify = _program(programs, "pg_basebackup"), _program(programs, "pg_verifybackup")
    system, version, databases, archive = _look(url)
    services = tuple(kind for kind in _SERVICES if any(_has(url, name, kind) for name in databases))
    if service not in services:
        raise SetupError(
            f"no database that this account may connect to on this server is of the kind {service}; there are "
            f"{', '.join(databases)}"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"postgres-{system}-{begun:%Y%m%dT%H%M%S.%fZ}"
    draft = target.with_name(target.name + ".new")
    try:
        conninfo, secret = _conninfo(make_url(url))
        how = ("--checkpoint=fast", "--wal-method=stream", "--no-password", "--manifest-checksums=SHA256")
        said = _run((base_backup, "-d", conninfo, "-D", draft, *how), secret)
        if said:
            raise UnavailableError(f"pg_basebackup failed: {said}")
        _require_no_keys(draft)
        _require_whole(verify, draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    made = ClusterBackup(
        begun.isoformat(), target.name, size, _digest(target), system, version, databases, services, archive
    )
    noted = target.with_name(target.name + ".json")
    noted.write_text(json.dumps(asdict(made), indent=1) + "\n")
    _sync(noted)
    _sync(folder)
    return made


def cluster_backups_in(folder: Path, service: str) -> list[ClusterBackup]:
    """Base backups in a folder that hold a service, the newest first.

    Raises:
        IntegrityError: a file that says what one is can't be read.
    """
    found = []
    for file in folder.glob("postgres-*.json"):
        try:
            told = json.loads(file.read_text())
            made = ClusterBackup(**told | {"databases": tuple(told["databases"]), "services": tuple(told["services"])})
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(f"{file} does not say what the backup is") from error
        if not _NAME.fullmatch(made.file):
            raise IntegrityError(f"{file} names a folder that is not in the folder of backups")
        if made.form == _FORM and service in made.services:
            found.append(made)
    return sorted(found, key=lambda one: one.begun, reverse=True)


def restore_cluster(
    data: Path, service: str, folder: Path, programs: Path, recovery: Recovery, name: str | None = None
) -> tuple[ClusterBackup, Path | None]:
    """Put a base backup in the place of a stopped server's data; the newest, or the one with a name.

    Its next start recovers it, as far as `recovery` says. Returns it, and where the data that was there is now (None:
    there was none).

    Raises:
        NotFoundError: no such backup.
        IntegrityError: the backup is not what it was when it was made.
        InputError: a point before the backup or without a log, or the log's folder has a strange name.
        ConflictError: the server runs; backups of several servers are there; something else is in that place.
        SetupError: nothing says whose the data shall be, or a tool is missing.
    """
    verify = _program(programs, "pg_verifybackup")
    made = _chosen(folder, service, name)
    settings = _settings(made, recovery)
    copy = folder / made.file
    if not (copy / "backup_manifest").is_file() or _digest(copy) != made.sha256:
        raise IntegrityError(f"{copy} is damaged or missing: take another backup")
    _require_stopped(data)
    owner = _owner(data)
    draft = data.with_name(data.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        shutil.copytree(copy, draft)
        _require_whole(verify, draft)
        with (draft / "postgresql.auto.conf").open("a") as opened:
            opened.write(settings)
        if recovery.log is not None:
            (draft / "recovery.signal").touch()
        _hand_over(draft, owner)
        _require_stopped(data)  # copying may have taken hours
        aside = _set_aside(data)
        draft.rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _sync(data.parent)
    return made, aside


def _chosen(folder: Path, service: str, name: str | None) -> ClusterBackup:
    found = [one for one in cluster_backups_in(folder, service) if name in (None, one.file)]
    if not found:
        raise NotFoundError(f"there is no base backup with {service}{f' named {name}' if name else ''} in {folder}")
    if len({one.system for one in found}) > 1:
        raise ConflictError(f"there are backups of several servers in {folder}: say which with --file")
    return found[0]


def _settings(made: ClusterBackup, recovery: Recovery) -> str:
    """Lines for postgresql.auto.conf. Every target is set, for the backup may have those of an earlier recovery."""
    if recovery.until is not None and recovery.point is not None:
        raise InputError("say a time or a named point, not both")
    if recovery.log is None:
        if recovery.until is not None or recovery.point is not None:
            raise InputError("going to a point in time needs the archived log: --log FOLDER")
        if made.archive != "off":
            raise InputError(
                "this server archives its log, and must begin a new timeline: --log FOLDER, an empty one if it is lost"
            )
        return ""
    if recovery.until is not None and recovery.until <= datetime.fromisoformat(made.begun):
        raise InputError(f"the backup was begun at {made.begun}, after that time: say an older one with --file")
    log = str(recovery.log.absolute())
    if not recovery.log.is_dir() or not _PLAIN.fullmatch(log):
        raise InputError(f"{log} is no folder with a plain name: letters, digits, spaces and _ . / + - only")
    if recovery.point is not None and not _PLAIN.fullmatch(recovery.point):
        raise InputError("the name of a point is of letters, digits, spaces and _ . / + - only")
    targets = dict.fromkeys(_TARGETS, "")
    if recovery.until is not None:
        targets["recovery_target_time"] = recovery.until.astimezone(UTC).isoformat(sep=" ")
    if recovery.point is not None:
        targets["recovery_target_name"] = recovery.point
    told = {"restore_command": f'cp "{log}/%f" "%p"', **targets, "recovery_target_action": "promote"}
    return "\n# salus restore\n" + "".join(f"{key} = '{value}'\n" for key, value in told.items())


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


def _program(programs: Path, name: str) -> Path:
    if not (programs / name).is_file():
        raise SetupError(
            f"there is no {name} in {programs}: install PostgreSQL's server package, of the server's version"
        )
    return programs / name


def _run(command: Sequence[Path | str], secret: str = "") -> str:
    """What a tool complains of; nothing if it went well."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env={"LC_ALL": "C", **({"PGPASSWORD": secret} if secret else {})},
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def _require_whole(verify: Path, copy: Path) -> None:
    if said := _run((verify, "--exit-on-error", "--quiet", copy)):
        raise IntegrityError(f"{copy.name.removesuffix('.new')} is not what its manifest says: {said}")


def _require_no_keys(copy: Path) -> None:
    if any(_KEYS.fullmatch(path.name) for path in copy.rglob("*")):
        raise SetupError(
            "a folder of keys that can be destroyed lies among the server's files and would be in every backup: move it"
        )


def _require_stopped(data: Path) -> None:
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return
    except (ValueError, IndexError, PermissionError):
        pass
    raise ConflictError(f"the server of {data} runs: stop it, and the services, first")


def _owner(data: Path) -> tuple[int, int] | None:
    """Whose the restored files shall be; None where this process may not choose."""
    if os.geteuid() != 0:
        return None
    owner = (data if data.exists() else data.parent).stat()
    if owner.st_uid == 0:
        raise SetupError(f"PostgreSQL does not run as root: make {data} first, empty, owned by the server's account")
    return owner.st_uid, owner.st_gid


def _hand_over(draft: Path, owner: tuple[int, int] | None) -> None:
    draft.chmod(0o700)
    for path in (draft, *draft.rglob("*")):
        if owner is not None:
            os.chown(path, *owner, follow_symlinks=False)
        if not path.is_symlink():
            _sync(path)


def _set_aside(data: Path) -> Path | None:
    if not data.exists():
        return None
    if not any(data.iterdir()):
        data.rmdir()
        return None
    if not (data / "PG_VERSION").is_file():
        raise ConflictError(f"{data} holds something that is no data of PostgreSQL: nothing was changed")
    number = 1
    while (aside := data.with_name(f"{data.name}.before-{number}")).exists():
        number += 1
    try:
        data.rename(aside)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise ConflictError(f"{data} is a mounted disk: use a folder inside it") from error
    return aside


def _digest(copy: Path) -> str:
    with (copy / "backup_manifest").open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
