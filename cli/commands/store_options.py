"""Options of commands that raise a world: where it keeps envelopes, and what its databases are."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.world.database import Database
from cli.world.swarm import Content

CONTENT_HELP = "Where envelopes lie: one folder, or a private swarm of Kubo nodes at three institutions."
_DATABASE_HELP = "Databases of services: SQLite files, or one PostgreSQL server."
_AS_IT_IS = " As the world has it by default."
ContentOption = Annotated[Content | None, typer.Option(help=CONTENT_HELP + _AS_IT_IS)]
DatabaseOption = Annotated[Database | None, typer.Option(help=_DATABASE_HELP + _AS_IT_IS)]
