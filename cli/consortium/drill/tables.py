"""A service's database, read beside the service that writes it, whichever kind it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection

from salus.adapters.database.engine import open_engine, reading


class Tables(Protocol):
    """Rows of a query that both dialects know, as tuples."""

    def execute(self, query: str, /) -> Iterable[Any]:
        """Ask."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    connection: Connection

    def execute(self, query: str, /) -> Iterable[Any]:
        return self.connection.exec_driver_sql(query)


@contextmanager
def tables_of(url: str) -> Iterator[Tables]:
    """One consistent picture of a database, by its URL.

    Raises:
        UnavailableError: its server is away.
    """
    engine = open_engine(url, read_only=True)
    try:
        with reading(engine) as connection:
            yield _Opened(connection)
    finally:
        engine.dispose()
