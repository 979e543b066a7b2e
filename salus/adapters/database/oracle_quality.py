"""Figures of quality, and senders' numbers, in the oracle's database.

What counts is written by whoever does what is counted, in the same transaction: the functions here take a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from salus.adapters.database.columns import Octets
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_tables import message, metadata, version
from salus.core.journal import Appended, JournalRow, MessageState
from salus.core.numbering import Gap, Numbered, OpenGap, Run, begin
from salus.core.quality import DUPLICATES, HELD, LATE, MISSED, NUMBERED, REPLAYS, TAKEN, Figure, Tally, delay_class

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
figure = sa.Table(
    "oracle_figure",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),
    sa.Column("measure", sa.String(64), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
)
series = sa.Table(
    "oracle_series",
    metadata,
    sa.Column("key", _KEY, primary_key=True, autoincrement=True),
    sa.Column("series_hash", Octets(32), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("highest", sa.BigInteger, nullable=False),
    sa.Column("before", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("series_hash", name="oracle_series_hash"),
)
gap = sa.Table(
    "oracle_gap",
    metadata,
    sa.Column("series", _KEY, sa.ForeignKey("oracle_series.key"), primary_key=True),
    sa.Column("first", sa.BigInteger, primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("noticed_at", sa.BigInteger, nullable=False),
)


class DatabaseQuality:
    """Reads what was counted."""

    def __init__(self, database: OracleDatabase) -> None:
        self._database = database

    def figures(self, since: int = 0, source: str = "") -> list[Figure]:
        """Counts from a civil day on, of one source or of all, in order."""
        query = sa.select(figure).where(figure.c.day >= since).order_by(*figure.primary_key)
        if source:
            query = query.where(figure.c.source == source)
        with self._database.reading() as connection:
            return [Figure(*row) for row in connection.execute(query)]

    def gaps(self, noticed_before: int | None = None, source: str = "") -> list[OpenGap]:
        """Open gaps of one source or of all, oldest first; only those noticed by a Unix time if one is given."""
        query = (
            sa.select(series.c.source, gap.c.first, gap.c.last, gap.c.noticed_at)
            .join(series, series.c.key == gap.c.series)
            .order_by(gap.c.noticed_at, gap.c.first)
        )
        if noticed_before is not None:
            query = query.where(gap.c.noticed_at <= noticed_before)
        if source:
            query = query.where(series.c.source == source)
        with self._database.reading() as connection:
            return [OpenGap(name, Gap(first, last, at)) for name, first, last, at in connection.execute(query)]


def add_figures(connection: sa.Connection, figures: Iterable[Figure]) -> None:
    """Add counts to those there are."""
    rows = [(one.source[:64], one.day, one.measure[:64], one.count) for one in figures]
    if rows:
        place = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(_ADD.format(place=place), rows)


def add_arrivals(connection: sa.Connection, rows: Sequence[JournalRow], results: Sequence[Appended]) -> None:
    """Count one group of the journal, and the numbers of its messages; one that came before counts no number."""
    tally = Tally()
    numbers: dict[bytes, list[tuple[Numbered, JournalRow]]] = {}
    for row, result in zip(rows, results, strict=True):
        tally.add(row.listener, row.received_at, _MEASURE[result])
        if result is Appended.STORED and row.state is not MessageState.PENDING:
            tally.add(row.listener, row.received_at, HELD)
        if result is Appended.STORED and row.numbered is not None:
            numbers.setdefault(row.numbered.series, []).append((row.numbered, row))
    for name, listed in numbers.items():
        _take(connection, name, listed, tally)
    add_figures(connection, tally.figures())


def add_anchored(connection: sa.Connection, batch: int, at: int) -> None:
    """Count how long the versions of a batch took from receipt to a root that is final."""
    query = (
        sa.select(message.c.listener, message.c.received_at, sa.func.count())
        .join(version, version.c.message == message.c.key)
        .where(version.c.batch == batch)
        .group_by(message.c.listener, message.c.received_at)
    )
    tally = Tally()
    for source, received_at, count in connection.execute(query):
        tally.add(source, received_at, f"anchored.{delay_class(at - received_at)}", count)
    add_figures(connection, tally.figures())


def _take(connection: sa.Connection, name: bytes, listed: Sequence[tuple[Numbered, JournalRow]], tally: Tally) -> None:
    known = connection.execute(_FIND, {"name": name}).one_or_none()
    if known is None:
        run = begin(numbered.number for numbered, _ in listed)
    else:
        lowest = min(numbered.number for numbered, _ in listed)
        gaps = _gaps(connection, known.key, lowest) if lowest <= known.highest else []
        run = Run(known.first, known.highest, known.before, gaps)
    before = set(run.gaps)
    for numbered, row in listed:
        taken, missed, late = run.taken, run.missed, run.late
        run.take(numbered.number, row.received_at)
        for measure, count in ((NUMBERED, run.taken - taken), (MISSED, run.missed - missed), (LATE, run.late - late)):
            if count:
                tally.add(row.listener, row.received_at, measure, count)
    _keep(connection, known, name, run, before, listed[-1][1])


def _keep(
    connection: sa.Connection,
    known: sa.Row[Any, Any, Any, Any] | None,
    name: bytes,
    run: Run,
    before: set[Gap],
    row: JournalRow,
) -> None:
    values = {"first": run.first, "highest": run.highest, "before": run.before, "seen_at": row.received_at}
    if known is None:
        made = sa.insert(series).values(series_hash=name, source=row.listener, **values).returning(series.c.key)
        key = connection.execute(made).scalar_one()
    else:
        key = known.key
        connection.execute(_MOVE, values | {"at_key": key})
    after = set(run.gaps)
    for one in before - after:
        connection.execute(sa.delete(gap).where(gap.c.series == key, gap.c.first == one.first))
    new = [
        {"series": key, "first": one.first, "last": one.last, "noticed_at": one.noticed_at} for one in after - before
    ]
    if new:
        connection.execute(sa.insert(gap), new)


def _gaps(connection: sa.Connection, key: int, lowest: int) -> list[Gap]:
    """Open gaps a number from `lowest` on may lie in."""
    query = sa.select(gap.c.first, gap.c.last, gap.c.noticed_at).where(gap.c.series == key, gap.c.last >= lowest)
    return [Gap(*row) for row in connection.execute(query)]


# Statements of every group commit are built once: building them costs as much as running them
_FIND = sa.select(series.c.key, series.c.first, series.c.highest, series.c.before).where(
    series.c.series_hash == sa.bindparam("name")
)
_MOVE = (
    sa.update(series)
    .where(series.c.key == sa.bindparam("at_key"))
    .values({name: sa.bindparam(name) for name in ("first", "highest", "before", "seen_at")})
)
_MEASURE = {Appended.STORED: TAKEN, Appended.REPLAY: REPLAYS, Appended.DUPLICATE: DUPLICATES}
_ADD = (
    "INSERT INTO oracle_figure (source, day, measure, count) VALUES ({place}, {place}, {place}, {place})"
    " ON CONFLICT (source, day, measure) DO UPDATE SET count = oracle_figure.count + excluded.count"
)
