"""Roles with least privilege: each service works with its own, and can do nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from devnet.postgres import Postgres
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine, reading, writing
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.database.roles import READER, SERVICES, roles_sql
from salus.core.errors import SetupError
from salus.core.ids import RecordId
from tests.unit.custodian.test_store import SOURCE, SUBJECT, batch_of, content, forgotten, item
from tests.unit.oracle import oracle_world
from tests.unit.oracle.oracle_world import Oracle, Outside, report
from tests.unit.watch.ledger import Ledger, one_day
from watch.index import Indexer

As = Callable[[str, str], str]


@pytest.fixture
def as_role(server: Postgres) -> Iterator[As]:
    """URL of a new database with the schema of a service, for an account that has one role and nothing more."""
    made: list[tuple[str, str]] = []

    def make(service: str, role: str) -> str:
        account, password = f"account_{secrets.token_hex(4)}", secrets.token_hex(8)
        database = f"roles_{secrets.token_hex(4)}"
        made.append((database, account))
        engine = open_engine(server.create(database))
        migrate(engine, service)
        engine.dispose()
        with server.session(database) as session:
            for _ in range(2):  # again after a migration
                session.execute(roles_sql(service))
            session.execute(f"CREATE ROLE {account} LOGIN PASSWORD '{password}' IN ROLE {role}")
        return server.url(database, account, password)

    yield make
    for database, account in made:
        server.drop(database)
        with server.session() as session:
            session.execute(f"DROP ROLE {account}")


def refused(engine: Engine, statement: str) -> None:
    """The server says that this account may not do that."""
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), writing(engine) as connection:
        connection.execute(text(statement))


def test_oracle__with_its_role__does_its_work_and_cannot_touch_its_log(
    as_role: As, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = as_role("oracle", SERVICES["oracle"])
    monkeypatch.setattr(oracle_world, "_journal_at", lambda _path: url)
    outside = Outside()
    oracle = Oracle(tmp_path / "journal", outside)
    migrate(oracle.engine, "oracle")  # as at every start: there is nothing to do
    assert oracle.database.line.is_held()
    assert oracle.take(report("1"), report("2", order="L2")) == [True, True]
    oracle.pipeline.settle()
    assert len(outside.anchored_items()) == 2
    for statement in (
        "UPDATE oracle_audit SET actor = ''",
        "DELETE FROM oracle_audit",
        "TRUNCATE oracle_message CASCADE",
        "DROP TABLE oracle_raw",
        "ALTER TABLE oracle_audit DISABLE TRIGGER ALL",
        "CREATE TABLE mine (key integer)",
        "UPDATE oracle_version SET version_num = ''",
    ):
        refused(oracle.engine, statement)
    oracle.database.line.release()
    oracle.close()


def test_custodian__with_its_role__does_its_work_and_only_adds_to_its_log(as_role: As) -> None:
    store = DatabaseCustodianStore(engine := open_engine(as_role("custodian", SERVICES["custodian"])))
    migrate(engine, "custodian")
    batch = batch_of(item("a"), item("b"))
    store.deposit(batch, content())
    record = RecordId(batch.records[0].leaf.record_id)
    assert store.erase(SOURCE, record, SUBJECT, 2000, lambda _: {"kind": "destroy"}, forgotten) == 1
    assert len(store.log(0, 10)) == 2
    for statement in (
        "UPDATE custody_log SET content = ''",
        "DELETE FROM custody_log",
        "DELETE FROM custody_tombstone",
        "TRUNCATE custody_share",
    ):
        refused(engine, statement)
    store.close()


def test_index__watch_writes_and_reader_only_reads(as_role: As, server: Postgres) -> None:
    url = as_role("index", SERVICES["index"])
    engine = open_engine(url)
    ledger = Ledger()
    one_day(ledger)
    written = DatabaseIndex(engine)
    for _ in Indexer(ledger, written).catch_up():
        pass
    refused(engine, "DROP TABLE blocks")
    account, password = f"account_{secrets.token_hex(4)}", secrets.token_hex(8)
    with server.session() as session:
        session.execute(f"CREATE ROLE {account} LOGIN PASSWORD '{password}' IN ROLE {READER}")
    reader = open_engine(server.url(str(engine.url.database), account, password))
    assert DatabaseIndex(reader).digest() == written.digest()
    with reading(reader) as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    assert len(tables) > 20
    for table in tables:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"INSERT INTO {table} DEFAULT VALUES"):
            refused(reader, statement)
    reader.dispose()
    engine.dispose()
    with server.session() as session:
        session.execute(f"DROP ROLE {account}")


def test_role__of_another_service__cannot_even_connect(as_role: As, server: Postgres) -> None:
    own, other = as_role("api", SERVICES["api"]), as_role("custodian", SERVICES["custodian"])
    crossed = other.rpartition("/")[0] + "/" + own.rpartition("/")[2]
    engine = open_engine(crossed)
    with pytest.raises(Exception, match="away"), reading(engine):
        pass
    engine.dispose()


def test_migrate__with_a_role_that_may_not__says_who_must(as_role: As, server: Postgres) -> None:
    url = as_role("api", SERVICES["api"])
    database = url.rpartition("/")[2]
    with server.session(database) as session:
        session.execute("DROP TABLE api_version")
    engine = open_engine(url)
    with pytest.raises(SetupError, match="salus database migrate api"):
        migrate(engine, "api")
    engine.dispose()
