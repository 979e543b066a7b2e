"""Where a test keeps a database: an SQLite file or, below `tests/integration/postgres`, the PostgreSQL started there.

Tests name a database by a path below their own folder; `url_of` says what that is today. So one suite runs on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from devnet.postgres import Postgres
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%_version' ORDER BY 1"
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


class Databases:
    """Databases of one PostgreSQL. Those with a service's schema are emptied and given again: making one takes longer
    than most tests."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._given: dict[Path, tuple[str, str | None]] = {}
        self._free: dict[str | None, list[str]] = {}
        self._first_rows: dict[str, dict[str, bytes]] = {}
        self._made = 0

    def url_of(self, path: Path, service: str | None) -> str:
        """URL of the database a path stands for: an empty one at first, or with the schema of a service."""
        if path not in self._given:
            free = self._free.setdefault(service, [])
            self._given[path] = (free.pop() if free else self._make(service), service)
        return self.server.url(self._given[path][0])

    def copy(self, path: Path, to: Path) -> None:
        """Make `to` stand for a copy of the database of a path, with nobody connected to it."""
        name, service = self._given[path]
        self._made += 1
        self.server.create(f"test_{self._made}", name)
        self._given[to] = (f"test_{self._made}", service)

    def forget(self) -> None:
        """Take back what was given."""
        for name, service in self._given.values():
            if service is None:
                self.server.drop(name)
                continue
            with self.server.session(name) as session:
                session.execute(_OTHERS, (name,))
                self._empty(session, service)
            self._free[service].append(name)
        self._given.clear()

    def _make(self, service: str | None) -> str:
        self._made += 1
        name = f"test_{self._made}"
        if service is None:
            self.server.create(name)
            return name
        template = f"empty_{service}"
        if service not in self._first_rows:
            engine = open_engine(self.server.create(template))
            migrate(engine, service)
            engine.dispose()
            with self.server.session(template) as session:
                self._first_rows[service] = {table: _copied(session, table) for table in _tables(session)}
        self.server.create(name, template)
        return name

    def _empty(self, session: psycopg.Connection[Any], service: str) -> None:
        tables = sql.SQL(", ").join(sql.Identifier(table) for table in _tables(session))
        session.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
        for table, rows in self._first_rows[service].items():
            if rows:
                with session.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    copy.write(rows)


def _tables(session: psycopg.Connection[Any]) -> list[str]:
    return [table for (table,) in session.execute(_TABLES)]


def _copied(session: psycopg.Connection[Any], table: str) -> bytes:
    with session.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(bytes(part) for part in copy)


_present: list[Databases] = []


def on_postgres() -> Databases | None:
    """The databases on PostgreSQL, while tests run on it."""
    return _present[-1] if _present else None


def url_of(path: Path, service: str | None = None) -> str:
    """URL of the database that a path stands for; on PostgreSQL it may have the schema of a service already."""
    found = on_postgres()
    return f"sqlite:///{path}" if found is None else found.url_of(path, service)


@contextmanager
def kept_on(databases: Databases) -> Iterator[None]:
    """Keep databases there meanwhile."""
    _present.append(databases)
    try:
        yield
    finally:
        _present.pop()
        databases.forget()
