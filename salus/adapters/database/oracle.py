"""The oracle's database: one engine, one writer at a time, and what it belongs to.

Writers of this process queue on a lock, so that SQLite never has to make one wait by polling; the journal, whose
commits are awaited by senders, goes before the others. Deleted rows are overwritten with zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, Engine, delete, event, func, insert, select, text

from salus.adapters.database.engine import reading, writing
from salus.adapters.database.oracle_line import OracleLine
from salus.adapters.database.oracle_tables import batch, invalidation, link, message, meta, version
from salus.core.errors import SetupError
from salus.core.journal import Backlog

_CHECKPOINT_PAGES = 8000
_CACHE_KIB = 16_384


class OracleDatabase:
    """A migrated database (`migrate(engine, "oracle")`), shared by the oracle's stores."""

    def __init__(self, engine: Engine) -> None:
        self.line = OracleLine(engine)
        self._engine = engine
        self._turn = Condition()
        self._busy = False
        self._urgent = 0
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _tune)
            engine.dispose()  # connections made before this are without those settings

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads."""
        with reading(self._engine) as connection:
            yield connection

    @contextmanager
    def writing(self, *, urgent: bool = False) -> Iterator[Connection]:
        """A connection that writes; committed durably at the end."""
        with self._turn:
            self._urgent += urgent
            try:
                self._turn.wait_for(lambda: not self._busy and (urgent or not self._urgent))
            finally:
                self._urgent -= urgent
            self._busy = True
        try:
            with writing(self._engine) as connection:
                yield connection
        finally:
            with self._turn:
                self._busy = False
                self._turn.notify_all()

    @contextmanager
    def writing_in_line(self) -> Iterator[Connection]:
        """A connection that writes what only one oracle of several may: what sealing, depositing and anchoring came to.

        Raises:
            ConflictError: another oracle has the line now; nothing is written.
        """
        with self.writing() as connection:
            self.line.check(connection)
            yield connection

    def belong_to(self, marks: dict[str, bytes]) -> None:
        """Write on first use what this database belongs to (deployment, source, site key), later compare.

        Raises:
            SetupError: it belongs to another; says which mark differs.
        """
        with self.writing() as connection:
            kept = {row.name: row.value for row in connection.execute(select(meta))}
            for name, value in marks.items():
                if name not in kept:
                    connection.execute(insert(meta).values(name=name, value=value))
                elif kept[name] != value:
                    raise SetupError(
                        f"this database was made with another {name.replace('_', ' ')}: "
                        "give the oracle the one it began with, or a database of its own"
                    )

    def probe(self) -> float:
        """Do one durable write; seconds it took."""
        began = perf_counter()
        with self.writing() as connection:
            connection.execute(delete(meta).where(meta.c.name == "probe"))
            connection.execute(insert(meta).values(name="probe", value=b""))
        return perf_counter() - began

    def backlog(self) -> Backlog:
        """What is under way; a few index pages, however long the journal.

        Conditions are spelled as in the partial indexes: SQLite takes such an index for the same words only.
        """
        with self.reading() as connection:
            pending, oldest, size = connection.execute(
                select(func.count(), func.min(message.c.received_at), func.sum(message.c.size)).where(text("state = 1"))
            ).one()

            def count(table: Any, where: str) -> int:
                query = select(func.count()).select_from(table).where(text(where))
                return int(connection.execute(query).scalar_one())

            return Backlog(
                pending=int(pending),
                oldest_pending_at=int(oldest or 0),
                quarantined=count(message, "state IN (4, 5)"),
                waiting_versions=count(version, "batch IS NULL"),
                open_batches=count(batch, "state <> 3 AND state <> 4"),
                invalidations=count(invalidation, "done_at IS NULL"),
                links=count(link, "done_at IS NULL"),
                pending_bytes=int(size or 0),
                recalled=count(message, "flags & 32 <> 0"),
            )


def _tune(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()
