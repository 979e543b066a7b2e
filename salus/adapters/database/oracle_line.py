"""Several oracles on one journal: which has the line that seals, deposits and anchors, and the bell between them.

    oracle 1  takes messages ─┐                       ┌─ has the line: a session's advisory lock, and a number
    oracle 2  takes messages ─┴► journal ─► NOTIFY ─► ┴─ waits for it: asks again every half second

Only PostgreSQL lets several oracles in; an SQLite journal belongs to one, which always has the line. An oracle that
lost its session without noticing finds another number in the transaction it wants to commit. Why: docs/decisions/0024.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread, local
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, delete, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from salus.adapters.database import postgres
from salus.adapters.database.engine import writing
from salus.adapters.database.oracle_tables import meta
from salus.core.errors import ConflictError

ASK_SECONDS = 0.5
_LINE = 0x53414C5554
_MEMBERS = 0x53414C5555
_NUMBER = "line"
_NUMBER_BYTES = 8
_CHANNEL = "salus_oracle"
_LISTEN_SECONDS = 1.0
_OTHERS = text(
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
    " WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()"
    " AND datname = current_database() AND classid = :high AND objid = :low"
).bindparams(high=_MEMBERS >> 32, low=_MEMBERS & 0xFFFFFFFF)

_log = structlog.get_logger()


class OracleLine:
    """This oracle's claim to the line of one journal. Safe to use from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._is_shared = engine.dialect.name == "postgresql"
        self._turn = Lock()
        self._session: Connection | None = None
        self._asked_at = -ASK_SECONDS
        self._number: int | None = None
        self._of_run = local()
        self._ended = False

    def is_held(self) -> bool:
        """Whether this oracle has the line now; asks for it if nobody has it. The server is asked twice a second.

        Ask at the beginning of each run: what the calling thread writes afterwards is of the line as it was then.

        Raises:
            UnavailableError: the database is away.
        """
        if not self._is_shared:
            return True
        with self._turn:
            if self._clock() - self._asked_at >= ASK_SECONDS and not self._ended:
                self._ask()
                self._asked_at = self._clock()
            self._of_run.number = self._number
            return self._number is not None

    def others(self) -> int:
        """How many other oracles have this journal open.

        Raises:
            UnavailableError: the database is away.
        """
        if not self._is_shared:
            return 0
        with self._turn, self._talking() as session:
            return int(session.execute(_OTHERS).scalar_one())

    def check(self, connection: Connection) -> None:
        """Make sure, in a transaction that writes, that the line is as it was when this thread's run began.

        Raises:
            ConflictError: it has been handed over since.
        """
        if self._is_shared and _present_number(connection) != (getattr(self._of_run, "number", None) or 0):
            raise ConflictError("another oracle has the line of this journal now")

    def release(self) -> None:
        """Give the line up for good; the next oracle that asks has it."""
        with self._turn:
            self._ended = True
            self._number = None
            if self._session is not None:
                with suppress(SQLAlchemyError):
                    self._session.exec_driver_sql("SELECT pg_advisory_unlock_all()")  # at once, not once it is noticed
            self._hang_up()

    def _ask(self) -> None:
        with self._talking() as session:
            if self._number is not None:
                session.exec_driver_sql("SELECT 1")  # the session lives, and with it the lock
                return
            if not session.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LINE})").scalar_one():
                return
            with writing(self._engine) as connection:
                self._number = _raise_number(connection)
            _log.info("has the line", number=self._number)

    @contextmanager
    def _talking(self) -> Iterator[Connection]:
        """The session that holds the lock; a broken one is given up, and the line with it."""
        try:
            with postgres.answering():
                if self._session is None:
                    self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                    self._session.exec_driver_sql(f"SELECT pg_advisory_lock_shared({_MEMBERS})")
                yield self._session
        except Exception:
            if self._number is not None:
                _log.warning("lost the line", number=self._number)
            self._number = None
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()  # locks of a session end with it, so it must not go back to the pool
            session.close()


def _present_number(connection: Connection) -> int:
    """0 while no oracle has ever had the line: tools that run a pipeline by hand need none."""
    value = connection.execute(select(meta.c.value).where(meta.c.name == _NUMBER)).scalar_one_or_none()
    return int.from_bytes(value or b"", "big")


def _raise_number(connection: Connection) -> int:
    number = _present_number(connection) + 1
    connection.execute(delete(meta).where(meta.c.name == _NUMBER))
    connection.execute(insert(meta).values(name=_NUMBER, value=number.to_bytes(_NUMBER_BYTES, "big")))
    return number


def ring(connection: Connection) -> None:
    """Tell the other oracles, once this transaction is committed, that there are messages."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


class Bell:
    """A thread that hears `ring` and calls `heard`; without PostgreSQL nobody rings."""

    def __init__(self, engine: Engine, heard: Callable[[], None]) -> None:
        self._engine = engine
        self._heard = heard
        self._stop = Event()
        self._thread = Thread(target=self._run, name="bell", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        if self._engine.dialect.name == "postgresql":
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
                    session.exec_driver_sql(f"LISTEN {_CHANNEL}")
                    self._heard()  # what was rung while nobody listened
                    try:
                        self._listen(session.connection.dbapi_connection)
                    finally:
                        session.invalidate()
            except Exception as error:  # noqa: BLE001 - the server is away; workers look by themselves meanwhile
                _log.warning("bell not heard", error=type(error).__name__)
                self._stop.wait(ASK_SECONDS)

    def _listen(self, driver: Any) -> None:
        while not self._stop.is_set():
            rung = False
            for _ in driver.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                rung = True
            if rung:
                self._heard()
