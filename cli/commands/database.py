"""`salus database`: what the administrator of a PostgreSQL does for a service, with the owner's account."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from cli import output
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.roles import SERVICES, roles_sql
from salus.core.errors import InputError, SetupError

_OWNER = "SALUS_DATABASE_OWNER_URL"
_Service = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    noun = typer.Typer(help="Databases on PostgreSQL: schemas, and roles with least privilege.", no_args_is_help=True)
    noun.command(
        "migrate",
        help="Bring a service's schema up to date, as the owner of its database; a URL in the environment shows no "
        "password in the list of processes. "
        f"Example: {_OWNER}=postgresql+psycopg://owner:…@db/oracle salus database migrate oracle",
    )(migrate_)
    noun.command(
        "roles",
        help="Print SQL that makes a service's role and gives it what it needs; again after each migration. "
        "Example: salus database roles oracle | psql --dbname oracle",
    )(roles)
    app.add_typer(noun, name="database")


def migrate_(
    service: _Service,
    url: Annotated[str | None, typer.Option(help=f"The owner's URL; {_OWNER} otherwise.")] = None,
) -> None:
    """Services migrate by themselves where their account may; one with a role of least privilege may not.

    Example: `SALUS_DATABASE_OWNER_URL=postgresql+psycopg://owner@db/oracle salus database migrate oracle`
    """
    if service not in SERVICES:
        raise InputError(f"say one of {', '.join(SERVICES)}")
    address = url or os.environ.get(_OWNER)
    if not address:
        raise SetupError(f"say which database: --url, or {_OWNER}")
    engine = open_engine(address)
    try:
        migrate(engine, service)
    finally:
        engine.dispose()
    output.emit({"service": service}, [f"the schema of {service} is up to date"])


def roles(service: _Service) -> None:
    """The SQL may be run again, and must be after a migration that makes tables.

    Example: `salus database roles oracle | psql --dbname oracle`
    """
    text = roles_sql(service)
    if output.is_json():
        output.emit({"sql": text})
    else:
        sys.stdout.write(text)
