"""Writing a batch of the index: versions closed, a rollback if need be, accesses counted, empty blocks forgotten."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import cast

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from salus.adapters.database.index_tables import ACCESSES, BLOCKS, COUNTS, TABLES
from salus.core.days import SHANGHAI_OFFSET, day_at
from salus.core.index_rows import AccessRow, BlockRow, Row, Version, seq_of

_KEPT_EMPTY_BLOCKS = 1024
"""Blocks without events are kept to notice a changed chain; only the newest matter."""


def replace_from(connection: Connection, first_block: int, rows: Iterable[Row]) -> None:
    """Replace everything from a block on by these rows."""
    last = newest_block(connection)
    if last is not None and last.number >= first_block:
        _roll_back(connection, first_block)
    grouped: dict[type[Row], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.seq):
        grouped[type(row)].append(row)
    for kind, fresh in grouped.items():
        closed = _closing(connection, TABLES[kind], fresh) if issubclass(kind, Version) else fresh
        connection.execute(insert(TABLES[kind]), [_values(row) for row in closed])
    _count(connection, cast("list[AccessRow]", grouped.get(AccessRow, [])))
    _forget_empty_blocks(connection)


def place_at(connection: Connection, time: int) -> int | None:
    """First place in the chain whose block is not older than a time."""
    query = select(BLOCKS.c.seq).where(BLOCKS.c.timestamp >= time).order_by(BLOCKS.c.timestamp, BLOCKS.c.seq).limit(1)
    found: int | None = connection.execute(query).scalar()
    return found


def newest_block(connection: Connection, at_most: int | None = None) -> BlockRow | None:
    """Newest seen block, or the newest whose number is at most `at_most`."""
    query = select(BLOCKS).order_by(BLOCKS.c.seq.desc()).limit(1)
    if at_most is not None:
        query = query.where(BLOCKS.c.seq <= seq_of(at_most))
    found = connection.execute(query).mappings().first()
    return BlockRow(**found) if found else None


def _values(row: Row) -> dict[str, object]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _closing(connection: Connection, table: Table, rows: Sequence[Row]) -> list[Row]:
    """Versions of one batch with those closed that a later one follows, and earlier ones closed in the table."""
    closed: list[Row] = []
    place: dict[tuple[object, ...], int] = {}
    for row in rows:
        kind = cast("type[Version]", type(row))
        key = tuple(getattr(row, name) for name in kind.KEY)
        if key in place:
            closed[place[key]] = replace(cast("Version", closed[place[key]]), until=row.seq)
        else:
            same = [table.c[name] == value for name, value in zip(kind.KEY, key, strict=True)]
            connection.execute(update(table).where(*same, table.c.until.is_(None)).values(until=row.seq))
        place[key] = len(closed)
        closed.append(row)
    return closed


def _roll_back(connection: Connection, first_block: int) -> None:
    start = seq_of(first_block)
    first = connection.execute(select(func.min(ACCESSES.c.at)).where(ACCESSES.c.seq >= start)).scalar()
    for kind, table in TABLES.items():
        connection.execute(delete(table).where(table.c.seq >= start))
        if issubclass(kind, Version):
            connection.execute(update(table).where(table.c.until >= start).values(until=None))
    if first is None:
        return
    day = day_at(first)
    connection.execute(delete(COUNTS).where(COUNTS.c.day >= day))
    place = place_at(connection, day * 86400 - SHANGHAI_OFFSET)
    if place is not None:
        rows = connection.execute(select(ACCESSES).where(ACCESSES.c.seq >= place)).mappings()
        _count(connection, [AccessRow(**row) for row in rows])


def _count(connection: Connection, accesses: Sequence[AccessRow]) -> None:
    found = Counter((day_at(a.at), a.participant, a.purpose, a.code) for a in accesses)
    for (day, participant, purpose, code), count in found.items():
        key = {"day": day, "participant": participant, "purpose": purpose, "code": code}
        same = [COUNTS.c[name] == value for name, value in key.items()]
        if not connection.execute(update(COUNTS).where(*same).values(count=COUNTS.c.count + count)).rowcount:
            connection.execute(insert(COUNTS).values(**key, count=count))


def _forget_empty_blocks(connection: Connection) -> None:
    empty = BLOCKS.c.events == 0
    query = select(BLOCKS.c.seq).where(empty).order_by(BLOCKS.c.seq.desc()).offset(_KEPT_EMPTY_BLOCKS).limit(1)
    oldest = connection.execute(query).scalar()
    if oldest is not None:
        connection.execute(delete(BLOCKS).where(empty, BLOCKS.c.seq <= oldest))
