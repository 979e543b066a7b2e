"""Backups of a service's SQLite database: taken while it runs, whole, checked, and put back.

A backup is a database file and a JSON file beside it that says whose it is, when it was begun, its SHA-256 and the
revision of its schema. For PostgreSQL see `cluster_backup`.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from salus.adapters.alone import alone
from salus.adapters.database.backup_folder import (
    DRAFT,
    RESTORING,
    checked,
    cut_off,
    digest,
    free_name,
    note_of,
    read_notes,
    write_note,
)
from salus.adapters.durable import sync
from salus.core.errors import ConflictError, IntegrityError, NotFoundError, SetupError, UnavailableError

_PAGES_AT_ONCE = 4096
_FORM = "salus.backup.v1"
_NAME = re.compile(r"[0-9A-Za-z._-]+\.db")
_LOGS = ("-wal", "-shm", "-journal")
"""What SQLite would play into whatever lies beside them under a database's name."""
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
        IntegrityError: the database is damaged.
        UnavailableError: the folder's disk is full, or the database can't be read now.
    """
    source = database_file(url)
    if not source.exists():
        raise NotFoundError(f"there is no database {source}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    begun = now.astimezone(UTC)
    target = folder / f"{service}-{begun:%Y%m%dT%H%M%S.%fZ}.db"
    draft = target.with_suffix(DRAFT)
    draft.touch(0o600)
    try:
        with _told(source), closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(draft)) as copy:
            revision = _revision(opened, service)
            opened.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda _, left, total: progress(total - left, total))
            _require_sound(copy, source)
        sync(draft)
        made = Backup(service, begun.isoformat(), target.name, draft.stat().st_size, digest(draft), revision)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    try:
        write_note(note_of(target), made)
    except BaseException:
        target.unlink()
        raise
    return made


def backups_in(folder: Path, service: str, name: str | None = None) -> list[Backup]:
    """Backups of a service in a folder, the newest first; with a file name only that one.

    Raises:
        IntegrityError: a file that says what one is can't be read.
    """
    if name is not None and not _NAME.fullmatch(name):
        return []
    names = f"{service}-*.json" if name is None else note_of(Path(name)).name
    found = [made for made in read_notes(folder, names, _note) if made.form == _FORM and made.service == service]
    for made in found:
        if not _NAME.fullmatch(made.file):
            raise IntegrityError(f"a note in {folder} names a file that is not in it: {made.file}")
    found = [made for made in found if name in (None, made.file)]
    return sorted(found, key=lambda one: datetime.fromisoformat(one.begun), reverse=True)


def unfinished(folder: Path, service: str) -> list[Path]:
    """What backups of a service left that were cut off, or are still being made."""
    return cut_off(folder, f"{service}-[0-9]*T*Z.*")


def restore(
    url: str, service: str, folder: Path, name: str | None = None, last_look: Callable[[], None] = lambda: None
) -> tuple[Backup, Path | None]:
    """Put a backup in the place of a service's database; the newest, or the one with a file name.

    Returns it, and where the database that was there is now (None: there was none). Whenever it is cut off, one of the
    two is in place, whole. `last_look` is called right before they are exchanged, and may raise.

    Raises:
        NotFoundError: no such backup.
        IntegrityError: the backup is not what it was when it was made.
        SetupError: it is one of another kind of service.
        ConflictError: the database is in use, or another restore is under way.
    """
    file = database_file(url).resolve()  # SQLite has the logs beside the file itself, wherever a link to it lies
    chosen = backups_in(folder, service, name)
    if not chosen:
        raise NotFoundError(f"there is no backup of {service}{f' named {name}' if name else ''} in {folder}")
    made, copy = chosen[0], folder / chosen[0].file
    if not copy.exists():
        raise IntegrityError(f"{copy} is missing: take another backup")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + DRAFT)
    with alone(file.parent, RESTORING):
        draft.unlink(missing_ok=True)
        draft.touch(0o600, exist_ok=False)
        try:
            shutil.copyfile(copy, draft)
            if digest(draft) != made.sha256:
                raise IntegrityError(f"{copy} is damaged: take another backup")
            with _told(copy), closing(sqlite3.connect(f"{draft.as_uri()}?immutable=1", uri=True)) as opened:
                _revision(opened, service)
            if os.geteuid() == 0:  # who restores is not who serves
                owner = (file if file.exists() else file.parent).stat()
                os.chown(draft, owner.st_uid, owner.st_gid)
            sync(draft)
            last_look()
            aside = _exchange(draft, file)
        finally:
            draft.unlink(missing_ok=True)
        sync(file.parent)
    return made, aside


def _note(told: Mapping[str, Any]) -> Backup:
    return Backup(**checked(told, service=str, begun=str, file=str, sha256=str, revision=str, form=str))


def _exchange(draft: Path, file: Path) -> Path | None:
    """Put a file in the place of a database, and that aside with its logs; None if there was none.

    Also a write-ahead log whose database is gone: SQLite would play it into the one that takes its place. The database
    gets its second name before it loses its first: a service that starts after a cut would else find nothing, and begin
    an empty one.
    """
    is_there = file.exists()
    if is_there:
        _require_unused(file)
    aside = free_name(file)
    if is_there:
        aside.hardlink_to(file)
    for ending in _LOGS:  # looking whether it is in use ends them where the database is whole
        if (log := file.with_name(file.name + ending)).exists():
            log.rename(aside.with_name(aside.name + ending))
    draft.replace(file)
    return aside if is_there else None


def _require_unused(file: Path) -> None:
    try:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as opened:
            opened.execute("PRAGMA locking_mode=EXCLUSIVE")
            opened.execute("BEGIN EXCLUSIVE")
            opened.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise ConflictError(
            f"{file} is in use: stop the service first", advice="Then run this again, and start the service after it."
        ) from error
    except sqlite3.DatabaseError:
        return  # damaged: that is why it is replaced


@contextmanager
def _told(source: Path) -> Iterator[None]:
    """Errors of SQLite, as what became of a copy of a database."""
    try:
        yield
    except sqlite3.OperationalError as error:  # a full disk, a lock, a disk that fails
        raise UnavailableError(f"no copy of {source} could be made: {error}") from error
    except sqlite3.DatabaseError as error:
        raise IntegrityError(f"{source} is damaged ({error}); restore an older backup") from error


def _revision(opened: sqlite3.Connection, service: str) -> str:
    table = f"{'index' if service == 'watch' else service}_version"
    try:
        row = opened.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 - a name of ours
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        raise SetupError(f"this is no database of the kind {service}") from error
    return str(row[0]) if row else ""


def _require_sound(copy: sqlite3.Connection, source: Path) -> None:
    said = copy.execute("PRAGMA quick_check").fetchone()
    if said is None or said[0] != "ok":
        raise IntegrityError(f"{source} is damaged; restore an older backup")
