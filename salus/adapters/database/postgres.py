"""What PostgreSQL needs to behave as the embedded database does: durable commits, one writer, errors that say "away".

One writer at a time per database (a transaction-level advisory lock) is what SQLite's write lock gives: read-then-write
needs no retry, a group of the journal has its keys in the order of its commit, and several processes may share a
database. See docs/decisions/0024.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from salus.core.errors import SetupError, UnavailableError

WRITER = 0x53414C5553
"""Advisory lock of whoever writes ("SALUS"); advisory locks are a database's own."""
_POOL = {"pool_size": 8, "max_overflow": 32, "pool_timeout": 20, "pool_use_lifo": True}
_FRESH_SECONDS = 1.0
"""A connection that was used so lately isn't asked whether it is alive."""
_CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "salus",
}
_SESSION = (
    "SET synchronous_commit = on",  # whatever the server's default: a commit that returns has been flushed
    "SET plan_cache_mode = force_custom_plan",  # a plan made while a table was empty would read all of it ever after
    "SET idle_in_transaction_session_timeout = '30s'",  # a process that stopped with the lock holds up nobody longer
)
_LOOPBACK = ("", "127.0.0.1", "::1", "localhost")
_LOCK = f"SELECT pg_advisory_xact_lock({WRITER})"


def open_postgres(url: URL, *, read_only: bool) -> Engine:
    """Engine of a PostgreSQL URL. Values never get into messages of errors.

    Raises:
        SetupError: the server is another machine, and its certificate would not be checked; the driver is missing.
    """
    if not _is_here(url) and url.query.get("sslmode") != "verify-full":
        raise SetupError(
            "a PostgreSQL on another machine needs ?sslmode=verify-full&sslrootcert=FILE in its URL: else a server "
            "nobody checked gets the password, and what is written"
        )
    given = {name: value for name, value in _CONNECTING.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=given, hide_parameters=True, **_POOL)
    except ModuleNotFoundError as error:
        raise SetupError(
            f"{url.drivername} needs the package {error.name}, which is no part of Salus: `tools/install.sh postgres`"
        ) from error

    @event.listens_for(engine, "connect")
    def _begin(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('fsync'), current_setting('full_page_writes')")
            if cursor.fetchone() != ("on", "on"):
                connection.close()
                raise SetupError(
                    "this PostgreSQL runs with fsync or full_page_writes off: a power cut would lose what was "
                    "acknowledged; set both to on"
                )
            for statement in _SESSION:
                cursor.execute(statement)
            if read_only:
                cursor.execute("SET default_transaction_read_only = on")
        connection.autocommit = False

    @event.listens_for(engine, "checkin")
    def _came_back(_connection: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _is_alive(connection: Any, record: Any, _proxy: Any) -> None:
        used_at = record.info.get("used_at")
        if used_at is None or monotonic() - used_at < _FRESH_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except Exception as error:
            raise DisconnectionError from error  # the pool makes a new one

    return engine


def _is_here(url: URL) -> bool:
    """Whether every server that libpq would try is a socket or a loopback address (libpq, "Parameter Key Words")."""
    if "service" in url.query:
        return False
    named = [url.host or ""]
    for name in ("host", "hostaddr"):
        told = url.query.get(name, ())
        named += [told] if isinstance(told, str) else told
    hosts = (host.rpartition(":")[0] if host.count(":") == 1 else host for many in named for host in many.split(","))
    return all(host in _LOOPBACK or host.startswith(("/", "@")) for host in hosts)


def only_reading(connection: Connection) -> Connection:
    """The connection, its next transaction a snapshot that can't write."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def take_turn(connection: Connection) -> None:
    """Wait until nobody else writes; the turn ends with the transaction, whatever becomes of this process."""
    connection.exec_driver_sql(_LOCK)


@contextmanager
def answering() -> Iterator[None]:
    """Errors that tell of a server that is away, or gave up, as what they are to callers.

    Raises:
        UnavailableError: connection lost, server ending, starting or out of room.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise UnavailableError(f"the database is away ({_reason(error)})") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnavailableError(f"the database is away ({_reason(error)})") from error
        raise


def _reason(error: Exception) -> str:
    """SQLSTATE where the server gave one, else the kind of error: its text may name hosts and accounts."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return f"SQLSTATE {state}" if state else type(error).__name__
