"""Tables of the index: one per kind of row, columns by the row's fields, and the indexes its look-ups need.

The migrations under `migrations/index/` create them; a test keeps both equal.
"""

from __future__ import annotations

import re
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from sqlalchemy import BigInteger, Boolean, Column, Dialect, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from salus.core.index_rows import ROWS, AccessRow, BlockRow, EntryRow, Row, Version

METADATA = MetaData()
_WRAP = 1 << 64
_HALF = 1 << 63

_LOOKUPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "blocks": (("timestamp", "seq"),),
    "entries": (
        ("key", "seq"),
        ("reference", "seq"),
        ("kind", "seq"),
        ("code", "seq"),
        ("kind", "code", "seq"),
        ("participant", "seq"),
        ("participant", "kind", "seq"),
        ("participant", "code", "seq"),
        ("participant", "kind", "code", "seq"),
    ),
    "accesses": (
        ("access",),
        ("key", "seq"),
        ("reference", "seq"),
        ("purpose", "seq"),
        ("code", "seq"),
        ("purpose", "code", "seq"),
        ("participant", "seq"),
        ("participant", "purpose", "seq"),
        ("participant", "code", "seq"),
    ),
    "marks": (("access",),),
    "anchors": (("participant", "root"), ("participant", "seq"), ("root",)),
    "subjects": (("controller",), ("guardian",)),
    "operators": (("participant",),),
    "records": (("record", "seq"), ("subject", "seq")),
    "attestations": (("source", "record"),),
    "proposed_calls": (("proposal",),),
    "votes": (("proposal",),),
}


class Unsigned64(TypeDecorator[int]):
    """Integers of 0 to 2^64 - 1 in a signed column: from 2^63 on they wrap to negative."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite's own integers have 64 bits, and only a column called INTEGER can be the row's number."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To the signed column."""
        return value - _WRAP if value is not None and value >= _HALF else value

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """From the signed column."""
        return value + _WRAP if value is not None and value < 0 else value


_TYPES: dict[type, TypeEngine[Any]] = {int: Unsigned64(), bytes: LargeBinary(), str: Text(), bool: Boolean()}


def table_name(kind: type[Row]) -> str:
    """Name of a row's table: ConsentRow is kept in `consents`."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__.removesuffix("Row")).lower()
    if plain.endswith("y"):
        return plain[:-1] + "ies"
    return plain + ("es" if plain.endswith("s") else "s")


def _column(name: str, hint: Any, *, primary: bool) -> Column[Any]:
    parts = [part for part in get_args(hint) or (hint,) if part is not NoneType]
    plain = getattr(parts[0], "__supertype__", parts[0])
    nullable = NoneType in get_args(hint)
    return Column(name, _TYPES[plain], primary_key=primary, autoincrement=False, nullable=nullable)


def _table(kind: type[Row]) -> Table:
    hints = get_type_hints(kind)
    keys = ("seq", *kind.KEY)
    columns = [_column(f.name, hints[f.name], primary=f.name in keys) for f in fields(kind)]
    name = table_name(kind)
    table = Table(name, METADATA, *columns)
    if issubclass(kind, Version):
        present = table.c.until.is_(None)
        Index(
            f"{name}_present",
            *(table.c[k] for k in kind.KEY),
            unique=True,
            sqlite_where=present,
            postgresql_where=present,
        )
        Index(f"{name}_until", table.c.until)
    for lookup in _LOOKUPS.get(name, ()):
        Index(f"{name}_by_{'_'.join(part for part in lookup if part != 'seq')}", *(table.c[part] for part in lookup))
    return table


TABLES: dict[type[Row], Table] = {kind: _table(kind) for kind in ROWS}
BLOCKS, ENTRIES, ACCESSES = TABLES[BlockRow], TABLES[EntryRow], TABLES[AccessRow]

COUNTS = Table(
    "access_counts",
    METADATA,
    Column("day", Unsigned64(), primary_key=True, autoincrement=False),
    Column("participant", LargeBinary(), primary_key=True),
    Column("purpose", Unsigned64(), primary_key=True, autoincrement=False),
    Column("code", Unsigned64(), primary_key=True, autoincrement=False),
    Column("count", Unsigned64(), nullable=False),
)
"""Accesses per day in Asia/Shanghai, so that a sum never reads every access."""

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", Unsigned64(), primary_key=True, autoincrement=True),
    Column("kind", Text(), nullable=False),
    Column("reference", LargeBinary(), nullable=False),
    Column("block", Unsigned64(), nullable=False),
    Column("at", Unsigned64(), nullable=False),
    Column("detail", Text(), nullable=False),
    Column("resolved_at", Unsigned64(), nullable=True),
)
_empty = BLOCKS.c.events == 0
Index("blocks_empty", BLOCKS.c.seq, sqlite_where=_empty, postgresql_where=_empty)
_open = ALERTS.c.resolved_at.is_(None)
Index("alerts_open", ALERTS.c.kind, ALERTS.c.reference, unique=True, sqlite_where=_open, postgresql_where=_open)
