"""Migrations make the tables the index is written against, up and down."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from salus.adapters.database.engine import open_engine
from salus.adapters.database.index_tables import METADATA
from salus.adapters.database.migrate import migrate
from tests.databases import url_of


def test_migrations__up__make_exactly_the_tables_and_indexes(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "index.db"))
    migrate(engine, "index")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
        made = inspect(connection)
        indexes = {index["name"] for table in METADATA.tables for index in made.get_indexes(table)}
    assert [d for d in differences if "index_version" not in str(d)] == []
    assert indexes == {index.name for table in METADATA.tables.values() for index in table.indexes}
    engine.dispose()


def test_migrations__down_and_up__leave_the_same_tables(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "index.db"))
    for revision in ("head", "base", "head"):
        migrate(engine, "index", revision)
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names()) - {"index_version"}
        assert tables == (set(METADATA.tables) if revision == "head" else set())
    engine.dispose()
