"""A throw-away PostgreSQL of version 15 or newer on loopback: for tests, benches and networks on one machine.

The server refuses to run as root, so root hands it to the account that the distribution's package made (`postgres`),
and the folder must lie where that account can reach it. Every account has a password; with `tls` nothing is answered
in plain text. Nothing here is faster than production: fsync, full page writes and synchronous commit are on.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from devnet.certificate import self_signed
from devnet.supervisor import require_free
from salus.adapters.keys import files
from salus.core.errors import SetupError, UnavailableError

OWNER = "salus"
"""Account that owns the cluster."""
MISSING = (
    "PostgreSQL 15 or newer is not here: `tools/install.sh postgres` (as root), or set SALUS_POSTGRES to the folder of "
    "its programs (initdb, postgres)"
)
_ACCOUNT = "postgres"
_OLDEST = 15
_POLL_SECONDS = 0.05
_STOP_SECONDS = 30.0
_RELEASE_SECONDS = 10.0  # what a killed server leaves behind needs a moment to notice
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """One cluster: its folder, loopback port, whether only TLS is answered, further settings of the server by name."""

    folder: Path
    port: int
    tls: bool = False
    more: dict[str, str] = field(default_factory=dict)


def postgres_programs() -> Path:
    """Folder of initdb and postgres: `SALUS_POSTGRES`, else that of the newest package.

    Raises:
        SetupError: there is none, or it is too old.
    """
    if named := os.environ.get("SALUS_POSTGRES"):
        if not (Path(named) / "initdb").is_file():
            raise SetupError(f"SALUS_POSTGRES names {named}, which has no initdb: correct or unset it")
        return Path(named)
    found = {
        int(folder.parent.name): folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and (folder / "initdb").is_file()
    }
    newest = max(found, default=0)
    if newest < _OLDEST:
        raise SetupError(MISSING)
    return found[newest]


class Postgres:
    """A cluster; use it as a context, or `start` and `stop`. Its folder, with its data, survives `stop` and `kill`."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings = settings
        self._programs = postgres_programs()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    def log(self) -> Path:
        """What the server says; never values of statements."""
        return self.settings.folder / "log"

    def url(self, database: str = "postgres", account: str = OWNER, password: str | None = None) -> str:
        """SQLAlchemy URL of a database, as the owner or as an account with its password."""
        secret = self._password() if password is None else password
        url = f"postgresql+psycopg://{quote(account)}:{quote(secret)}@{_HOST}:{self.settings.port}/{database}"
        if self.settings.tls:
            url += f"?sslmode=verify-full&sslrootcert={quote(str(self.settings.folder / 'server.crt'))}"
        return url

    def prepare(self) -> None:
        """Make the cluster if it is not there yet.

        Raises:
            SetupError: the account can't reach the folder, or a restore into it was cut off.
        """
        data = self.settings.folder / "data"
        if (data / "PG_VERSION").is_file():
            return
        if left := sorted(self.settings.folder.glob("data.*")):
            raise SetupError(
                f"{data} is missing, and there is {', '.join(path.name for path in left)}: a restore was cut off. Run "
                "it again, or give what is to be there that name; once none of them is left a new server is made"
            )
        self._create()

    def answers(self) -> bool:
        """Whether it answers, and what was left after a crash is recovered."""
        try:
            with self.session() as session:
                return session.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        except psycopg.OperationalError:
            return False

    def start(self, patience: float = 60) -> None:
        """Make the cluster if it is not there yet, start it and wait until it answers.

        Raises:
            SetupError: the port is taken, or the account can't reach the folder, or the server ended at once.
            UnavailableError: it doesn't answer within `patience` seconds.
        """
        require_free(self.settings.port)
        self.prepare()
        deadline = time.monotonic() + patience
        released = time.monotonic() + _RELEASE_SECONDS
        child = self._spawn()
        while not self.answers():
            if child.poll() is not None:
                if time.monotonic() > released:
                    self._child = None
                    raise SetupError(f"PostgreSQL ended at once; its log says why:\n{self._tail()}")
                time.sleep(_POLL_SECONDS * 4)
                child = self._spawn()
            if time.monotonic() > deadline:
                self.kill()
                raise UnavailableError(f"PostgreSQL does not answer; its log: {self.log}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Stop in order: sessions end, what was committed is on disk anyway."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the server; its children notice and end."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def create(self, database: str, template: str = "template0") -> str:
        """Make a database; returns its URL."""
        with self.session() as session:
            session.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template))
            )
        return self.url(database)

    def ensure(self, databases: Iterable[str]) -> None:
        """Make those of these databases that are not there yet.

        Raises:
            OSError: the server is away.
        """
        try:
            with self.session() as session:
                there = {row[0] for row in session.execute("SELECT datname FROM pg_database")}
            for database in databases:
                if database not in there:
                    self.create(database)
        except psycopg.OperationalError as error:
            raise OSError(f"PostgreSQL at port {self.settings.port} is away") from error

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self.session() as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    @contextmanager
    def session(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        """A connection of the owner; each statement is a transaction."""
        url = self.url(database).replace("+psycopg", "", 1)
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            yield connection

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def command(self) -> tuple[str, ...]:
        """Command line of the server, to be run by whoever calls `start`."""
        data = self.settings.folder / "data"
        told = {
            "listen_addresses": _HOST,
            "port": str(self.settings.port),
            "unix_socket_directories": "",
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "password_encryption": "scram-sha-256",
            "log_min_error_statement": "panic",  # statements of errors stay out of the log
            "hba_file": str(self.settings.folder / "hba.conf"),
            **({"ssl": "on"} if self.settings.tls else {}),
            **({"ssl_cert_file": str(self.settings.folder / "server.crt")} if self.settings.tls else {}),
            **({"ssl_key_file": str(self.settings.folder / "server.key")} if self.settings.tls else {}),
            **self.settings.more,
        }
        options = (word for name, value in told.items() for word in ("-c", f"{name}={value}"))
        return (*_as_account(), str(self._programs / "postgres"), "-D", str(data), *options)

    def _create(self) -> None:
        folder = self.settings.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "password").exists():  # a restored cluster has that of the one before
            files.write_new(folder / "password", secrets.token_hex(16).encode())
        kind = "hostssl" if self.settings.tls else "host"
        (folder / "hba.conf").write_text(
            f"{kind} all all {_HOST}/32 scram-sha-256\n{kind} replication all {_HOST}/32 scram-sha-256\n"
        )
        if self.settings.tls:
            certificate, key = self_signed(_HOST)
            (folder / "server.crt").write_bytes(certificate)
            (folder / "server.key").write_bytes(key)
        making = folder / "making"  # initdb names its version long before it is done, and may be killed
        shutil.rmtree(making, ignore_errors=True)
        _hand_over(folder)
        made = subprocess.run(
            [
                *_as_account(),
                str(self._programs / "initdb"),
                *("-D", str(making), "-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"),
                *("--pwfile", str(folder / "password"), "--data-checksums"),
            ],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
        )
        if made.returncode:
            shutil.rmtree(making, ignore_errors=True)
            raise SetupError(f"initdb failed in {folder}: {made.stderr.strip().splitlines()[-1:]}")
        making.rename(folder / "data")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        self._child = child
        return child

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.send_signal(how)
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _password(self) -> str:
        return (self.settings.folder / "password").read_text()

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])


def _as_account() -> tuple[str, ...]:
    """What goes before a command so that it doesn't run as root; the process id stays the command's."""
    if os.geteuid() != 0:
        return ()
    found = _account()
    return ("setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups")


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError as error:
        raise SetupError(f"PostgreSQL does not run as root, and there is no account {_ACCOUNT}: {MISSING}") from error


def _hand_over(folder: Path) -> None:
    """Nobody but the server's account, and root, may read the folder."""
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        if os.geteuid() == 0:
            os.chown(path, _account().pw_uid, _account().pw_gid)
