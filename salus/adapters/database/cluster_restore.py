"""Base backups of a PostgreSQL server, put back into the place of its data: whole, and as far as a point in time.

What is restored is copied and checked beside the data first; the two are exchanged by name at the end. The server's
next start recovers it (PostgreSQL 15, chapter 26.3).
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from salus.adapters.alone import alone
from salus.adapters.database.archived_log import LogStart, require_log, require_readable, segments, unarchived
from salus.adapters.database.backup_folder import RESTORING, digest, free_name
from salus.adapters.database.cluster_backup import MANIFEST, ClusterBackup, cluster_backups_in
from salus.adapters.database.postgres_programs import program, require_whole
from salus.adapters.durable import sync
from salus.core.errors import ConflictError, InputError, IntegrityError, NotFoundError, SetupError, UnavailableError

_SETTINGS = "postgresql.auto.conf"
_PLAIN = re.compile(r"[0-9A-Za-z_./ +-]+")
_TARGETS = ("recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time")


@dataclass(frozen=True, slots=True)
class Recovery:
    """How far to go beyond the base backup: folder of the archived log, then a time or a named point, or its end."""

    log: Path | None = None
    until: datetime | None = None
    point: str | None = None


def restore_cluster(
    data: Path,
    service: str,
    folder: Path,
    programs: Path,
    recovery: Recovery,
    name: str | None = None,
    last_look: Callable[[], None] = lambda: None,
) -> tuple[ClusterBackup, Path | None]:
    """Put a base backup in the place of a stopped server's data; the newest, or the one with a name.

    Its next start recovers it, as far as `recovery` says, also with what the data that is there has of the log beyond
    the archive. Returns it, and where the data that was there is now (None:
    there was none). `last_look` is called right before they are exchanged, and may raise.

    Raises:
        NotFoundError: no such backup.
        IntegrityError: the backup is not what it was when it was made, or the log is another server's, or has a hole.
        InputError: a point before the backup or without a log, or the log's folder has a strange name, or no log in it.
        ConflictError: the server runs; backups of several servers are there; something else is in that place; another
            restore is under way.
        SetupError: nothing says whose the data shall be, or a tool is missing.
        UnavailableError: the disk is full.
    """
    verify = program(programs, "pg_verifybackup")
    made = _chosen(folder, service, name)
    settings = _settings(made, recovery)
    copy = folder / made.file
    if not (copy / MANIFEST).is_file() or digest(copy / MANIFEST) != made.sha256:
        raise IntegrityError(f"{copy} is damaged or missing: take another backup")
    manifest = json.loads((copy / MANIFEST).read_text())
    _require_own_settings(copy, manifest)
    data = data.resolve()  # a link to it stays one
    _require_stopped(data)
    _require_data(data)
    owner = _owner(data)
    more = _log(recovery, data, copy, made.system, _log_start(manifest), owner)
    draft = data.with_name(f"{data.name}.salus-restore")
    with alone(data.parent, RESTORING):
        if draft.exists():
            shutil.rmtree(draft)  # of a restore that was cut off
        try:
            draft.mkdir(0o700)
            _copy(copy.iterdir(), draft)
            require_whole(verify, draft)
            _copy(more, draft / "pg_wal")
            with (draft / _SETTINGS).open("a") as opened:
                opened.write(settings)
            if recovery.log is not None:
                (draft / "recovery.signal").touch()
            _hand_over(draft, owner)
            _require_stopped(data)  # copying may have taken hours
            last_look()
            aside = _set_aside(data)
            draft.rename(data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        sync(data.parent)
    return made, aside


def _log(
    recovery: Recovery, data: Path, copy: Path, system: str, start: LogStart, owner: tuple[int, int] | None
) -> list[Path]:
    """What the data that is there has of the log and the archive has not: the server is to have that too.

    The archive is looked through before, for the server would take whatever is wrong with it for its end.
    """
    if recovery.log is None:
        return []
    more, own = unarchived(data, recovery.log, system), segments(copy / "pg_wal")
    require_log(
        recovery.log,
        [*own, *(one for one in more if one.suffix == "")],
        system,
        start,
        to_the_end=recovery.until is None and recovery.point is None,
    )
    require_readable(recovery.log, owner)
    return more


def _chosen(folder: Path, service: str, name: str | None) -> ClusterBackup:
    found = cluster_backups_in(folder, service, name)
    if not found:
        raise NotFoundError(f"there is no base backup with {service}{f' named {name}' if name else ''} in {folder}")
    if len({one.system for one in found}) > 1:
        raise ConflictError(
            f"there are backups of several servers in {folder}: say which with --file",
            advice="`begun` and `system` in the notes beside them say when and of which server each is.",
        )
    return found[0]


def _log_start(manifest: Mapping[str, Any]) -> LogStart:
    """Where the log begins that the backup has not got itself."""
    last = manifest["WAL-Ranges"][-1]
    high, low = (int(part, 16) for part in last["End-LSN"].split("/"))
    return LogStart(int(last["Timeline"]), high << 32 | low)


def _require_own_settings(copy: Path, manifest: Mapping[str, Any]) -> None:
    """`pg_verifybackup` passes over settings, and over files that make the server a standby."""
    told = {one["Path"]: one.get("Checksum") for one in manifest["Files"] if "Path" in one}
    for name in (_SETTINGS, "recovery.signal", "standby.signal"):
        is_there = (copy / name).is_file()
        if is_there != (name in told) or (is_there and digest(copy / name) != told[name]):
            raise IntegrityError(f"{copy / name} is not what the manifest says: take another backup")


def _copy(paths: Iterable[Path], folder: Path) -> None:
    """Copy files and folders into one that is its owner's only, whatever became of the modes where they lie."""
    try:
        for path in paths:
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, folder / path.name)
    except OSError as error:
        why = error.args[0][0][2] if isinstance(error, shutil.Error) else error  # the former tells of each file
        raise UnavailableError(f"not all could be copied: {why}") from error


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


def _require_stopped(data: Path) -> None:
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return
    except (ValueError, IndexError, PermissionError):
        pass
    raise ConflictError(
        f"the server of {data} runs: stop it, and the services, first",
        advice="If the process that its postmaster.pid names is another program's, remove that file.",
    )


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
            sync(path)


def _require_data(data: Path) -> None:
    if data.exists() and any(data.iterdir()) and not (data / "PG_VERSION").is_file():
        raise ConflictError(
            f"{data} holds something that is no data of PostgreSQL: nothing was changed",
            advice="Name the server's data folder, or an empty one, with --data.",
        )


def _set_aside(data: Path) -> Path | None:
    if not data.exists():
        return None
    if not any(data.iterdir()):
        data.rmdir()
        return None
    _require_data(data)
    aside = free_name(data)
    try:
        data.rename(aside)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        raise ConflictError(
            f"{data} is a mounted disk: use a folder inside it",
            advice="Let the server's data be that folder (`data_directory`), and name it with --data.",
        ) from error
    return aside
