"""Backups of a service's SQLite database: taken while it runs, whole, checked, and put back.

A backup is a database file and a JSON file beside it that says whose it is, when it was begun, its SHA-256 and the
revision of its schema. For PostgreSQL see `cluster_backup`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from salus.core.errors import ConflictError, IntegrityError, NotFoundError, SetupError

_PAGES_AT_ONCE = 4096
_FORM = "salus.backup.v1"
_NAME = re.compile(r"[0-9A-Za-z._-]+\.db")
Progress = Callable[[int, int], None]
"""Pages copied, pages in all."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was kept. `begun` is ISO 8601 in UTC: whatever was committed before it is in the file."""

    service: str
    begun: str
    file: str
    size: int
    sha256: str
    revision: str
    form: str = _FORM


def database_file(url: str) -> Path:
    """File of an SQLite database.

    Raises:
        SetupError: another dialect.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise SetupError(
            "this makes backups of SQLite files; PostgreSQL has base backups and WAL (docs/runbook.md, Backups)"
        )
    return Path(parsed.database)


def back_up(url: str, service: str, folder: Path, now: datetime, progress: Progress = lambda _a, _b: None) -> Backup:
    """Copy a database that may be in use into a folder.

    Raises:
        SetupError: no SQLite database, or none of that service.
        NotFoundError: there is no such file.
        IntegrityError: the copy is damaged, and so is the database.
    """
    source = database_file(url)
    if not source.exists():
        raise NotFoundError(f"there is no database {source}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    begun = now.astimezone(UTC)
    target = folder / f"{service}-{begun:%Y%m%dT%H%M%S.%fZ}.db"
    draft = target.with_suffix(".new")
    draft.touch(0o600)
    try:
        with closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(draft)) as copy:
            revision = _revision(opened, service)
            opened.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda _, left, total: progress(total - left, total))
            _require_sound(copy, source)
        _sync(draft)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    made = Backup(service, begun.isoformat(), target.name, target.stat().st_size, _sha256(target), revision)
    said = target.with_suffix(".json")
    said.write_text(json.dumps(asdict(made), indent=1) + "\n")
    _sync(said)
    _sync(folder)
    return made


def backups_in(folder: Path, service: str) -> list[Backup]:
    """Backups of a service in a folder, the newest first.

    Raises:
        IntegrityError: a file that says what one is can't be read.
    """
    found = []
    for file in folder.glob(f"{service}-*.json"):
        try:
            made = Backup(**json.loads(file.read_text()))
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{file} does not say what the backup is") from error
        if made.form == _FORM and made.service == service:
            if not _NAME.fullmatch(made.file):
                raise IntegrityError(f"{file} names a file that is not in the folder of backups")
            found.append(made)
    return sorted(found, key=lambda one: one.begun, reverse=True)


def restore(url: str, service: str, folder: Path, name: str | None = None) -> tuple[Backup, Path | None]:
    """Put a backup in the place of a service's database; the newest, or the one with a file name.

    Returns it, and where the database that was there is now (None: there was none).

    Raises:
        NotFoundError: no such backup.
        IntegrityError: the backup is not what it was when it was made.
        SetupError: it is one of another kind of service.
        ConflictError: the database is in use.
    """
    file = database_file(url)
    chosen = [one for one in backups_in(folder, service) if name in (None, one.file)]
    if not chosen:
        raise NotFoundError(f"there is no backup of {service}{f' named {name}' if name else ''} in {folder}")
    made, copy = chosen[0], folder / chosen[0].file
    if not copy.exists() or _sha256(copy) != made.sha256:
        raise IntegrityError(f"{copy} is damaged or missing: take another backup")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(0o600, exist_ok=False)
    try:
        shutil.copyfile(copy, draft)
        with closing(sqlite3.connect(f"{draft.absolute().as_uri()}?immutable=1", uri=True)) as opened:
            _revision(opened, service)
        _sync(draft)
        aside = _set_aside(file)
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    _sync(file.parent)
    return made, aside


def _set_aside(file: Path) -> Path | None:
    """Move a database away, with what belongs to it; None if there was none.

    Also a write-ahead log whose database is gone: SQLite would play it into the one that takes its place.
    """
    parts = [part for ending in ("", "-wal", "-shm") if (part := file.with_name(file.name + ending)).exists()]
    if file.exists():
        _require_unused(file)
    if not parts:
        return None
    number = 1
    while any(file.parent.glob(f"{file.name}.before-{number}*")):
        number += 1
    aside = file.with_name(f"{file.name}.before-{number}")
    for part in reversed(parts):
        if part.exists():  # looking whether it is in use may have ended the log
            part.rename(aside.with_name(aside.name + part.name.removeprefix(file.name)))
    return aside if aside.exists() else None


def _require_unused(file: Path) -> None:
    try:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as opened:
            opened.execute("PRAGMA locking_mode=EXCLUSIVE")
            opened.execute("BEGIN EXCLUSIVE")
            opened.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise ConflictError(f"{file} is in use: stop the service first") from error
    except sqlite3.DatabaseError:
        return  # damaged: that is why it is replaced


def _revision(opened: sqlite3.Connection, service: str) -> str:
    table = f"{'index' if service == 'watch' else service}_version"
    try:
        row = opened.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 - a name of ours
    except sqlite3.OperationalError as error:
        raise SetupError(f"this is no database of the kind {service}") from error
    return str(row[0]) if row else ""


def _require_sound(copy: sqlite3.Connection, source: Path) -> None:
    said = copy.execute("PRAGMA quick_check").fetchone()
    if said is None or said[0] != "ok":
        raise IntegrityError(f"{source} is damaged; restore an older backup")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
