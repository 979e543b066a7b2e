"""One engine layer: SQLite with WAL and FULL synchronous writes, or PostgreSQL, by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from salus.core.errors import SetupError

_BUSY_MS = 10_000


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """Engine of a database URL, `sqlite:///path` or `postgresql+psycopg://…`.

    SQLite runs in WAL mode with `synchronous=FULL`, so a committed transaction survives a power cut; transactions that
    write start with BEGIN IMMEDIATE by `write_transaction`.

    Raises:
        SetupError: another dialect.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise SetupError("the database URL must start with sqlite:/// or postgresql+psycopg://")
    if parsed.database and not read_only:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
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
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
