"""The databases of a world: a SQLite file beside each service, or one PostgreSQL server with a database for each."""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cli.world.cast import CAST, CUSTODIANS, Ports
from devnet.supervisor import Part
from salus.core.errors import SetupError

if TYPE_CHECKING:
    from devnet.postgres import Postgres

SERVER = "postgres"
"""Part that is the database server."""
_MOST_CONNECTIONS = 400  # eleven services with up to 40 each, of which few use more than 10


class Database(StrEnum):
    """What a world's services keep their tables in."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


def require_driver() -> None:
    """Look whether PostgreSQL's driver is installed.

    Raises:
        SetupError: it is not.
    """
    try:
        import_module("psycopg")
    except ModuleNotFoundError as error:
        raise SetupError(
            "PostgreSQL needs the package psycopg, which is no part of Salus: run `tools/install.sh postgres`"
        ) from error


def server_of(folder: Path, ports: Ports) -> Postgres:
    """The PostgreSQL server of the world in a folder.

    Raises:
        SetupError: there is no PostgreSQL here, it is too old, or its driver is missing.
    """
    require_driver()
    from devnet.postgres import Postgres, PostgresSettings  # noqa: PLC0415 - most worlds and commands need no driver

    more = {"max_connections": str(_MOST_CONNECTIONS)}
    return Postgres(PostgresSettings(folder / SERVER, ports.database, more=more))


def database_url(folder: Path, ports: Ports, kind: Database, part: str, name: str) -> str:
    """URL of a part's database: the file `name`.db in the part's folder, or the server's database of the part."""
    if kind is Database.SQLITE:
        return f"sqlite:///{folder / part / name}.db"
    return server_of(folder, ports).url(_named(part))


def prepare_databases(folder: Path, ports: Ports, kind: Database) -> None:
    """Make the server's cluster, if it is not there yet; files are made by who uses them.

    Only who starts the world does it: whoever looks at it, or restores it, must not find a new one in place of one
    that is lost.

    Raises:
        SetupError: there is no PostgreSQL here, its account can't reach the folder, or a restore was cut off.
    """
    if kind is not Database.SQLITE:
        server_of(folder, ports).prepare()


def database_parts(folder: Path, ports: Ports, kind: Database) -> list[Part]:
    """The database server; nothing where there are files. It is settled once every service has its database.

    Raises:
        SetupError: there is no PostgreSQL here.
    """
    if kind is Database.SQLITE:
        return []
    server = server_of(folder, ports)
    wanted = [*CUSTODIANS, "watch"]
    wanted += [f"{one.name}-oracle" for one in CAST if one.oracle] + [f"{one.name}-api" for one in CAST if one.api]
    # From the root folder: its account may not be able to reach that of whoever starts it.
    return [
        Part(
            SERVER,
            ("env", "--chdir=/", *server.command()),
            ports=(ports.database,),
            ready=server.answers,
            settle=lambda: server.ensure(_named(part) for part in wanted),
        )
    ]


def _named(part: str) -> str:
    return part.replace("-", "_")
