"""Migrations make the tables the oracle is written against, up and down."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle_tables import agreed_destruction, destruction, metadata
from tests.databases import url_of


def test_migrations__up__make_the_tables_and_indexes_of_retention(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "oracle.db"))
    migrate(engine, "oracle")
    with engine.connect() as connection:
        differences = [str(one) for one in compare_metadata(MigrationContext.configure(connection), metadata)]
        indexes = {index["name"] for table in metadata.tables for index in inspect(connection).get_indexes(table)}
    assert [one for one in differences if "destruction" in one or "oracle_record_subject" in one] == []
    assert {"oracle_destruction_open", "oracle_record_subject"} <= indexes
    engine.dispose()


def test_migrations__down_and_up__leave_the_same_tables(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "oracle.db"))
    found: list[set[str]] = []
    for revision in ("head", "base", "head"):
        migrate(engine, "oracle", revision)
        with engine.connect() as connection:
            found.append(set(inspect(connection).get_table_names()) - {"oracle_version"})
    first, none, again = found
    assert first == again
    assert not none
    assert {agreed_destruction.name, destruction.name} <= first
    engine.dispose()
