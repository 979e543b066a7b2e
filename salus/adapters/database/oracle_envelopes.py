"""Envelopes an oracle's records need: what its content store must have."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_records import leaf_from_bytes
from salus.adapters.database.oracle_tables import record, version
from salus.core.journal import HeadStatus

_PAGE = 5_000


def envelopes(database: OracleDatabase) -> Iterator[bytes]:
    """Digests of the envelopes of all versions, but of destroyed records, in the order they were made."""
    last = 0
    while True:
        query = (
            select(version.c.key, version.c.leaf)
            .join(record, record.c.key == version.c.record)
            .where(version.c.key > last, record.c.status != int(HeadStatus.DESTROYED))
            .order_by(version.c.key)
            .limit(_PAGE)
        )
        with database.reading() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        yield from (leaf_from_bytes(row.leaf).envelope_digest for row in rows)
        last = rows[-1].key
