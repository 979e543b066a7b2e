"""`salus backup` and `salus restore`: databases of services, of the world of `salus up` or by URL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from cli import output
from cli.world.layout import home, load
from cli.world.services import service_parts
from devnet.supervisor import Supervisor
from salus.adapters.database.backup import back_up, restore
from salus.core.errors import ConflictError, InputError, SetupError

SERVICES = ("oracle", "custodian", "api", "watch")
_URL = "_DATABASE_URL"
_What = Annotated[
    str, typer.Argument(help="A part (`custodian-1`, `hospital-a-oracle`, `watch`) or a kind of service.")
]
_Folder = Annotated[Path, typer.Argument(help="Folder of backups.")]
_Url = Annotated[str | None, typer.Option(help="Database of a service that is no part of the world here.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup", help="Copy a service's database while it runs, and check the copy.")(backup)
    app.command("restore", help="Put a backup in the place of a service's database; the service must be stopped.")(
        restore_
    )


def backup(what: _What, folder: _Folder, url: _Url = None) -> None:
    """Back up one database. Keys are not in it: docs/runbook.md says what to do about those.

    Examples: `salus backup custodian-1 backups`, `SALUS_ORACLE_DATABASE_URL=… salus backup oracle backups`.
    """
    service, address = _database(what, url)
    with _bar(what) as tell:
        made = back_up(address, service, folder, datetime.now(UTC), tell)
    output.emit(
        asdict(made), [f"{folder / made.file}: {made.size:,} bytes, schema {made.revision}, sha256 {made.sha256}"]
    )


def restore_(
    what: _What,
    folder: _Folder,
    url: _Url = None,
    file: Annotated[str | None, typer.Option(help="Which backup; the newest otherwise.")] = None,
) -> None:
    """Put a backup back; the database that was there is set aside beside it.

    A custodian reads every destruction order since, and erases again, before it serves. What was written after the
    backup is not in it: docs/runbook.md says for each service what to do about that.
    """
    if url is None and what not in SERVICES and what in Supervisor(home()).running():
        raise ConflictError(f"{what} runs: stop it first")
    service, address = _database(what, url)
    made, aside = restore(address, service, folder, file)
    value = {"restored": asdict(made), "setAside": None if aside is None else str(aside)}
    lines = [f"{what} is as it was at {made.begun}"]
    if aside is not None:
        lines.append(f"what was there is in {aside}; remove it once all is well")
    output.emit(value, lines)


def _database(what: str, url: str | None) -> tuple[str, str]:
    """Kind of service and URL of its database."""
    if what in SERVICES:
        found = url or os.environ.get(f"SALUS_{what.upper()}{_URL}")
        if found is None:
            raise SetupError(f"say which database: --url, or SALUS_{what.upper()}{_URL}")
        return what, found
    if url is not None:
        raise InputError(f"with --url say of which kind of service it is: {', '.join(SERVICES)}")
    parts = {part.name: part.environment for part in service_parts(load())}
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
