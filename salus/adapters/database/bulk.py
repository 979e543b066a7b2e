"""Many rows in one statement, under keys that are known before.

SQLAlchemy makes a dictionary, a parameter set and a result row for each row; for thousands of rows a second that costs
several times what the database does. These two take tuples and give them to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, func, select, text


def reserve_keys(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """That many new values of a table's `key`, ascending. On SQLite only a transaction that writes may ask."""
    if connection.dialect.name == "sqlite":
        last = int(connection.execute(select(func.max(table.c.key))).scalar_one() or 0)
        return range(last + 1, last + 1 + count)
    query = text("SELECT nextval(pg_get_serial_sequence(:table, 'key')) FROM generate_series(1, :count)")
    return sorted(connection.execute(query, {"table": table.name, "count": count}).scalars())


def append_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of plain values (int, str, bytes, None) in the order of the columns."""
    if rows:
        connection.exec_driver_sql(_insertion(table.name, columns, connection.dialect.paramstyle), list(rows))


@lru_cache(maxsize=64)
def _insertion(table: str, columns: tuple[str, ...], style: str) -> str:
    marks = ", ".join(["?" if style == "qmark" else "%s"] * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own tables
