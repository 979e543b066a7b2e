"""Schema migrations with Alembic: one line of versions per service, applied at start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from salus.adapters.database.engine import writing

_HERE = Path(__file__).parent / "migrations"


def migrate(engine: Engine, service: str, revision: str = "head") -> None:
    """Bring a service's schema (`oracle`, `custodian`, `index`, `api`) to a revision; up from an empty database too.

    Migrations live in `migrations/<service>/`; `migrations/env.py` is shared by all.
    """
    config = _config(service)
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        if revision == "base":
            command.downgrade(config, "base")
        else:
            command.upgrade(config, revision)


def _config(service: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("version_locations", str(_HERE / service))
    config.set_main_option("path_separator", "os")
    config.attributes["version_table"] = f"{service}_version"
    return config
