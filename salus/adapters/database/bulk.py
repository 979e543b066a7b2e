"""Many rows in one statement: inserted under keys that are known before, or found by many values of one column.

SQLAlchemy makes a dictionary, a parameter set and a result row for each row, and a new text of an `IN` for each number
of values; for thousands of rows a second that costs several times what the database does. These take and give tuples,
as the driver does, by few texts of statements, inside the transaction of the connection they are given. What the driver
raises comes as SQLAlchemy's error of the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

_WIDTHS = (1, 8, 32, 128, 400)
"""Numbers of values a statement is written for; the last value is repeated up to the next."""

_COPIED = 8
"""Rows from which on PostgreSQL's COPY is faster than an INSERT for each."""


def reserve_keys(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """That many new values of a table's `key`, ascending. On SQLite only a transaction that writes may ask."""
    if connection.dialect.name == "sqlite":
        [(last,)] = _fetch(connection, f"SELECT coalesce(max(key), 0) FROM {table.name}", ())  # noqa: S608 - as below
        return range(last + 1, last + 1 + count)
    query = text("SELECT nextval(pg_get_serial_sequence(:table, 'key')) FROM generate_series(1, :count)")
    return sorted(connection.execute(query, {"table": table.name, "count": count}).scalars())


def append_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of plain values (int, str, bytes, bool, None) in the order of the columns."""
    if len(rows) >= _COPIED and connection.dialect.name == "postgresql":
        statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        with _cursor(connection, statement) as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    elif rows:
        statement = _insertion(table.name, columns, connection.dialect.paramstyle)
        with _cursor(connection, statement) as cursor:
            cursor.executemany(statement, rows)


def find_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], column: str, values: Collection[Any], more: str = ""
) -> list[Sequence[Any]]:
    """Rows whose column has one of the values, and for which `more` (a condition in SQL) holds; in no order."""
    distinct = list(dict.fromkeys(values))
    if not distinct:
        return []
    if connection.dialect.name != "sqlite":
        query = _query(table.name, columns, f"{column} = ANY(%s)", more)
        return _fetch(connection, query, (distinct,))
    found: list[Sequence[Any]] = []
    for start in range(0, len(distinct), _WIDTHS[-1]):
        chunk = distinct[start : start + _WIDTHS[-1]]
        width = next(width for width in _WIDTHS if width >= len(chunk))
        query = _query(table.name, columns, f"{column} IN ({', '.join('?' * width)})", more)
        found += _fetch(connection, query, tuple(chunk + chunk[-1:] * (width - len(chunk))))
    return found


def _fetch(connection: Connection, query: str, values: tuple[Any, ...]) -> list[Any]:
    with _cursor(connection, query) as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


@contextmanager
def _cursor(connection: Connection, statement: str) -> Iterator[Any]:
    if not connection.in_transaction():
        connection.begin()
    cursor = connection.connection.cursor()
    dialect = connection.dialect
    driver = dialect.loaded_dbapi
    try:
        yield cursor
    except driver.Error as error:
        is_lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
        raise DBAPIError.instance(
            statement,
            None,
            error,
            driver.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=dialect,
        ) from error
    finally:
        cursor.close()


@lru_cache(maxsize=64)
def _query(table: str, columns: tuple[str, ...], condition: str, more: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {condition}{' AND ' if more else ''}{more}"  # noqa: S608 - as below


@lru_cache(maxsize=64)
def _insertion(table: str, columns: tuple[str, ...], style: str) -> str:
    marks = ", ".join(["?" if style == "qmark" else "%s"] * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own tables
