"""One engine layer: SQLite with WAL and FULL synchronous writes, or PostgreSQL, by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url

from salus.adapters.database import postgres
from salus.core.errors import SetupError

_BUSY_MS = 10_000


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """Engine of a database URL, `sqlite:///path` or `postgresql+psycopg://…`.

    SQLite runs in WAL mode with `synchronous=FULL`, PostgreSQL with `synchronous_commit`: a committed transaction
    survives a power cut.

    Raises:
        SetupError: another dialect, or its driver is not installed; at the first connection, a PostgreSQL that doesn't
            flush.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return postgres.open_postgres(parsed, read_only=read_only)
    if parsed.get_backend_name() != "sqlite":
        raise SetupError("the database URL must start with sqlite:/// or postgresql+psycopg://")
    if parsed.database and not read_only:
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)  # labels and references are for this account only; SQLite makes -wal and -shm like the file
    engine = create_engine(url, connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by the listener below, not by the driver
        cursor = connection.cursor()
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("salus_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that only reads: one consistent picture, no lock taken from writers.

    Raises:
        UnavailableError: the PostgreSQL server is away.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection, connection.begin():
            yield connection
        return
    with postgres.answering(), engine.connect() as connection, postgres.only_reading(connection).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes; committed at the end, rolled back on an error.

    Writers take turns, on SQLite by its write lock (BEGIN IMMEDIATE), on PostgreSQL by an advisory lock: two of them
    queue instead of failing half-way.

    Raises:
        UnavailableError: the PostgreSQL server is away; whether what was written is committed is not known.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect().execution_options(salus_write=True) as connection, connection.begin():
            yield connection
        return
    with postgres.answering(), engine.connect() as connection, connection.begin():
        postgres.take_turn(connection)
        yield connection
