"""Migrations make the tables the custodian's store is written against, up and down, and keep what was deposited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.custodian_tables import metadata
from salus.adapters.database.engine import open_engine, writing
from salus.adapters.database.migrate import migrate
from tests.databases import url_of
from tests.unit.custodian.test_store import SOURCE, SUBJECT, batch_of, content, item


def test_migrations__up__make_exactly_the_tables_and_indexes(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
    migrate(engine, "custodian")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        indexes = {index["name"] for table in metadata.tables for index in inspect(connection).get_indexes(table)}
    assert [one for one in differences if "custodian_version" not in str(one)] == []
    assert {index.name for table in metadata.tables.values() for index in table.indexes} <= indexes
    engine.dispose()


def test_migrations__down_and_up__leave_the_same_tables(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
    for revision in ("head", "base", "head"):
        migrate(engine, "custodian", revision)
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names()) - {"custodian_version"}
        assert tables == (set(metadata.tables) if revision == "head" else set())
    engine.dispose()


def test_migrations__store_from_before_notes__keeps_its_records_and_takes_notes(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
    migrate(engine, "custodian")
    store = DatabaseCustodianStore(engine)
    old, new = item("old"), replace(item("new"), note=b"of new")
    store.deposit(batch_of(old), content())
    with writing(engine) as connection:  # as the version before left it
        connection.execute(text("ALTER TABLE custody_share DROP COLUMN note"))
        connection.execute(text("UPDATE custodian_version SET version_num = 'custodian_0001'"))
    migrate(engine, "custodian")
    store.deposit(batch_of(old, new), content())
    kept = {one.leaf_hash: one.key for one in store.of_subject(SUBJECT)}
    assert store.notes(kept.values()) == {kept[new.leaf_hash]: b"of new"}
    assert set(store.shares(kept.values())) == set(kept.values())
    found = store.deposited_batch(SOURCE, batch_of(old).root)
    assert found is not None
    assert found.count == 1
    store.close()
