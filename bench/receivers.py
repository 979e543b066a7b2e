"""MLLP receivers to measure, each in a process of its own: Salus, python-hl7, and python-hl7 made durable.

Receivers answer every message with AA. They end when the measuring process closes their pipe, however it ends.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from types import TracebackType
from typing import Any, Protocol, Self

import hl7
from hl7.mllp import start_hl7_server
from sqlalchemy import func, select

from oracle.intake.mllp import MllpServer
from oracle.intake.reception import Reception
from oracle.journal import GroupResult, Journal
from oracle.runtime import row_keys
from oracle.sitekey import SiteKey
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.database.oracle_tables import message

_SWITCH_SECONDS = 0.001  # as oracle.runtime sets it


@dataclass(frozen=True, slots=True)
class Report:
    """CPU seconds the receiver has used since it began, messages it holds durably, and commits or syncs it made."""

    cpu_seconds: float
    kept: int
    syncs: int


class Server(Protocol):
    """What a receiver process runs."""

    async def start(self) -> int: ...

    async def stop(self) -> None: ...

    def kept(self) -> int: ...

    syncs: int


class Salus:
    """The oracle's own intake: MLLP server, reception, journal, nothing behind it.

    The journal is on SQLite (WAL, synchronous FULL), or on the database whose URL stands in the folder's file `url`.
    """

    def __init__(self, folder: Path) -> None:
        sys.setswitchinterval(_SWITCH_SECONDS)
        named = folder / "url"
        engine = open_engine(named.read_text() if named.exists() else f"sqlite:///{folder / 'journal.db'}")
        migrate(engine, "oracle")
        self._database = OracleDatabase(engine)
        numbers = count()
        site = SiteKey(secrets.token_bytes(32), secrets.token_bytes, row_keys(folder / "rows"))
        self._journal = Journal(DatabaseMessages(self._database), site, _Clock(), on_group=self._grouped)
        reception = Reception(self._journal, now=lambda: datetime.now(UTC), next_control_id=lambda: f"S{next(numbers)}")
        self._mllp = MllpServer(reception, "bench")
        self.syncs = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        self._journal.start()
        return await self._mllp.start("127.0.0.1", 0)

    async def stop(self) -> None:
        """End in order."""
        await self._mllp.stop()
        await asyncio.to_thread(self._journal.stop)

    def kept(self) -> int:
        """Messages in the journal."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(message)).scalar_one())

    def _grouped(self, _: GroupResult) -> None:
        self.syncs += 1


class _Clock:
    def now(self) -> int:
        return int(time.time())


class PythonHl7:
    """python-hl7's asyncio MLLP server. With a file, each message is appended and synced before its ACK."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._path = folder / "messages"
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND) if durable else None
        self._server: asyncio.Server | None = None
        self.syncs = 0

    async def start(self) -> int:
        """Listen; returns the port."""
        self._server = await start_hl7_server(self._serve, "127.0.0.1", 0, encoding="utf-8")
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End."""
        if self._server is not None:
            self._server.close()

    def kept(self) -> int:
        """Messages in the file."""
        return self._path.read_bytes().count(b"\x1c") if self._file is not None else 0

    async def _serve(self, reader: Any, writer: Any) -> None:
        try:
            while True:
                received: hl7.Message = await reader.readmessage()
                if self._file is not None:
                    os.write(self._file, str(received).encode() + b"\x1c")
                    os.fdatasync(self._file)
                    self.syncs += 1
                writer.writemessage(received.create_ack("AA"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


KINDS: dict[str, Callable[[Path], Server]] = {
    "salus": Salus,
    "hl7": partial(PythonHl7, durable=False),
    "hl7-durable": partial(PythonHl7, durable=True),
}


class Receiver:
    """A receiver process, as the measuring process sees it; use it as a context."""

    def __init__(self, kind: str, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        folder.mkdir(parents=True)
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(kind, folder, theirs), daemon=True)
        self._theirs = theirs

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        self.port = int(self._pipe.recv())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pipe.close()
        self._process.join(15)
        if self._process.is_alive():
            self._process.kill()

    def report(self) -> Report:
        """What it has done so far."""
        self._pipe.send("report")
        found: Report = self._pipe.recv()
        return found


def _run(kind: str, folder: Path, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the measuring process closes the pipe at Ctrl-C
    asyncio.run(_serve(KINDS[kind](folder), pipe))


async def _serve(server: Server, pipe: Connection) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def told() -> None:
        try:
            pipe.recv()
        except EOFError:
            loop.remove_reader(pipe.fileno())
            stopped.set()
            return
        used = getrusage(RUSAGE_SELF)
        pipe.send(Report(used.ru_utime + used.ru_stime, server.kept(), server.syncs))

    pipe.send(await server.start())
    loop.add_reader(pipe.fileno(), told)
    await stopped.wait()
    await server.stop()
