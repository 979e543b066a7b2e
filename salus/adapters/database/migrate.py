"""Schema migrations with Alembic: one line of versions per service, applied at start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from salus.adapters.database.engine import writing
from salus.core.errors import SetupError

_NOT_ALLOWED = "42501"  # SQLSTATE insufficient_privilege
_HERE = Path(__file__).parent / "migrations"


def migrate(engine: Engine, service: str, revision: str = "head") -> None:
    """Bring a service's schema (`oracle`, `custodian`, `index`, `api`) to a revision; up from an empty database too.

    Raises:
        SetupError: this account may not change the schema, or a newer version of Salus has changed it.

    Migrations live in `migrations/<service>/`; `migrations/env.py` is shared by all.
    """
    config = _config(service)
    try:
        with writing(engine) as connection:
            config.attributes["connection"] = connection
            if revision == "base":
                command.downgrade(config, "base")
            else:
                command.upgrade(config, revision)
    except CommandError as error:
        raise SetupError(
            f"the schema of this {service} database is one that this version of Salus does not know ({error}): run the "
            "version that made it, or restore a backup from before"
        ) from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED:
            raise
        raise SetupError(
            f"this account may not change the schema: run `salus database migrate {service}` as the database's owner"
        ) from error


def _config(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / service))
    config.set_main_option("path_separator", "os")
    config.attributes["version_table"] = f"{service}_version"
    return config
