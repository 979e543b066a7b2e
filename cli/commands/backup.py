"""`salus backup` and `salus restore`: databases of services, of the world of `salus up` or by URL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from cli import output
from cli.world.database import SERVER, require_driver
from cli.world.raising import KEEPER, RAISING
from cli.world.running import world_here
from cli.world.services import service_parts
from devnet.supervisor import Supervisor
from salus.adapters.alone import alone
from salus.adapters.database.backup import back_up, restore, unfinished
from salus.adapters.database.cluster_backup import (
    ClusterBackup,
    back_up_cluster,
    cluster_backups_in,
    is_cluster,
    unfinished_clusters,
)
from salus.adapters.database.cluster_restore import Recovery, restore_cluster
from salus.core.errors import ConflictError, InputError, SetupError

SERVICES = ("oracle", "custodian", "api", "watch")
_URL = "_DATABASE_URL"
_REPLICATES = "SALUS_DATABASE_BACKUP_URL"
_AFTERWARDS = "Then run this again, and start the world after it."
_What = Annotated[str, typer.Argument(help="A part (`custodian-1`, `hospital-b-oracle`) or a kind of service.")]
_Folder = Annotated[Path, typer.Argument(help="Folder of backups.")]
_Url = Annotated[str | None, typer.Option(help="Database of a service that is no part of the world here.")]
_World = Annotated[
    str | None, typer.Option(help="up, consortium or demo; the one that runs, or the only one, otherwise.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "backup",
        help="Copy a service's database while it runs, and check the copy. Example: salus backup custodian-1 backups",
    )(backup)
    app.command(
        "restore",
        help="Put a backup in the place of a service's database; the service must be stopped. "
        "Example: salus restore custodian-1 backups",
    )(restore_)


def backup(what: _What, folder: _Folder, url: _Url = None, world: _World = None) -> None:
    """Back up one database; on PostgreSQL the whole server, once for all services there, as SALUS_DATABASE_BACKUP_URL.

    Keys are not in it: docs/runbook.md says what to do about those.
    Examples: `salus backup custodian-1 backups`, `SALUS_ORACLE_DATABASE_URL=… salus backup oracle backups`.
    """
    service, address = _database(what, url, world)
    if is_cluster(address):
        address = url or (os.environ.get(_REPLICATES) if what in SERVICES else None) or address
        _tell_cluster(back_up_cluster(address, service, folder, datetime.now(UTC), _programs()), service, folder)
        return
    folder = _own(folder, what)
    with _bar(what) as tell:
        made = back_up(address, service, folder, datetime.now(UTC), tell)
    output.emit(
        asdict(made), [f"{folder / made.file}: {made.size:,} bytes, schema {made.revision}, sha256 {made.sha256}"]
    )
    _tell_unfinished(unfinished(folder, service))


def restore_(
    what: _What,
    folder: _Folder,
    url: _Url = None,
    world: _World = None,
    file: Annotated[str | None, typer.Option(help="Which backup; the newest otherwise.")] = None,
    data: Annotated[Path | None, typer.Option(help="PostgreSQL: folder of the stopped server's data.")] = None,
    log: Annotated[Path | None, typer.Option(help="PostgreSQL: folder its archive_command writes to.")] = None,
    until: Annotated[str | None, typer.Option(help="PostgreSQL: a time, `2026-11-27T12:00:00+08:00`.")] = None,
    point: Annotated[str | None, typer.Option(help="PostgreSQL: name given to pg_create_restore_point.")] = None,
    *,
    whole_server: Annotated[
        bool, typer.Option("--whole-server", help="PostgreSQL: yes, other services' databases go back too.")
    ] = False,
) -> None:
    """Put a backup back; what was there is set aside beside it.

    A custodian reads every destruction order since, and erases again, before it serves. What was written after the
    backup is not in it: docs/runbook.md says for each service what to do about that.
    Example: `salus restore oracle backups --data /var/lib/postgresql/17/main --log archive --until 2026-11-27T12:00Z`.
    """
    service, address = _database(what, url, world)
    with _standing_still(what, url, world) as look:
        if not is_cluster(address):
            if data or log or until or point:
                raise InputError("--data, --log, --until and --point are for PostgreSQL")
            made, aside = restore(address, service, _own(folder, what), file, look)
            _tell_restored(asdict(made), aside, f"{what} is as it was at {made.begun}")
            return
        if data is None and (what in SERVICES or url is not None):
            raise SetupError("say where the server's data lies: --data")
        others = _others(folder, service, file)
        if others and not whole_server:
            raise InputError(f"databases of {', '.join(others)} go back with it: say --whole-server if they shall")
        place = data or world_here(world).folder / SERVER / "data"
        recovery = Recovery(log, _time(until), point)
        whole, aside = restore_cluster(place, service, folder, _programs(), recovery, file, look)
    how_far = until or point or ("the end of the log" if log else whole.begun)
    _tell_restored(asdict(whole), aside, f"start the server: it recovers {', '.join(whole.databases)} to {how_far}")


def _own(folder: Path, what: str) -> Path:
    """Folder of a part's backups: none goes back to another part of its kind. A kind of service has `folder`."""
    return folder if what in SERVICES else folder / what


@contextmanager
def _standing_still(what: str, url: str | None, kind: str | None) -> Iterator[Callable[[], None]]:
    """A part of a world stands still, and nobody starts the world meanwhile; a look that raises if one did.

    Raises:
        ConflictError: it runs, or would be started again in the middle of it.
    """
    if url is not None or what in SERVICES:
        yield lambda: None
        return
    folder = world_here(kind).folder
    with alone(folder, RAISING.format(folder)):
        _require_stopped(what, folder)
        yield lambda: _require_stopped(what, folder)


def _require_stopped(part: str, folder: Path) -> None:
    running = Supervisor(folder).running()
    if part in running:
        raise ConflictError(
            f"{part} runs: stop it first",
            advice=f"Stop the world it is of (`salus down`, or `salus consortium down`). {_AFTERWARDS}",
        )
    if KEEPER in running:
        raise ConflictError(f"the keeper starts {part} again: `salus consortium down` first", advice=_AFTERWARDS)


def _others(folder: Path, service: str, file: str | None) -> list[str]:
    """Kinds of other services in the backup that would be put back."""
    found = cluster_backups_in(folder, service, file)
    return [kind for kind in found[0].services if kind != service] if found else []


def _time(said: str | None) -> datetime | None:
    if said is None:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise InputError("--until takes a time such as 2026-11-27T12:00:00+08:00") from error
    if found.tzinfo is None:
        raise InputError("--until needs a zone, such as +08:00 or Z")
    return found


def _programs() -> Path:
    """Folder of PostgreSQL's tools: as for tests, else that of the one on PATH."""
    require_driver()
    from devnet.postgres import postgres_programs  # noqa: PLC0415 - needs the driver, which SQLite does not

    try:
        return postgres_programs()
    except SetupError:
        if (found := shutil.which("pg_verifybackup")) is None:
            raise
        return Path(found).resolve().parent


def _tell_cluster(made: ClusterBackup, service: str, folder: Path) -> None:
    lines = [
        f"{folder / made.file}: {made.size:,} bytes, checked, PostgreSQL {made.version // 10000}",
        f"databases: {', '.join(made.databases)}",
    ]
    if others := [kind for kind in made.services if kind != service]:
        lines.append(f"it also holds {', '.join(others)}: one backup is enough for all on this server")
    if made.archive == "off":
        lines.append("the server archives no log: only back to this backup, not to a point in time after it")
    if made.archive == "failing":
        lines.append("the server's archive_command FAILS: points in time after this backup are being lost")
    output.emit(asdict(made), lines)
    _tell_unfinished(unfinished_clusters(folder))


def _tell_unfinished(found: list[Path]) -> None:
    if found:
        output.complain(
            f"no whole backups, cut off or still being made: {', '.join(map(str, found))}",
            "Remove them if nobody is making one.",
        )


def _tell_restored(made: dict[str, object], aside: Path | None, said: str) -> None:
    lines = [said]
    if aside is not None:
        lines.append(f"what was there is in {aside}; remove it once all is well")
    output.emit({"restored": made, "setAside": None if aside is None else str(aside)}, lines)


def _database(what: str, url: str | None, world: str | None) -> tuple[str, str]:
    """Kind of service and URL of its database."""
    if what in SERVICES:
        found = url or os.environ.get(f"SALUS_{what.upper()}{_URL}")
        if found is None:
            raise SetupError(f"say which database: --url, or SALUS_{what.upper()}{_URL}")
        return what, found
    if url is not None:
        raise InputError(f"with --url say of which kind of service it is: {', '.join(SERVICES)}")
    parts = {part.name: part.environment for part in service_parts(world_here(world))}
    if what not in parts:
        raise InputError(f"there is no part {what}; there are {', '.join(parts)}")
    ((name, address),) = [(name, told) for name, told in parts[what].items() if name.endswith(_URL)]
    return name.removeprefix("SALUS_").removesuffix(_URL).lower(), address


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    if output.is_json():
        yield lambda _done, _total: None
        return
    with Progress(console=output.notes, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
