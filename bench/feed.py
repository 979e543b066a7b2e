"""A sender in a process of its own, which keeps the oracle busy without running away from it.

Messages go over MLLP in chunks; a new chunk leaves while fewer than a number of earlier messages are still on their way
to a batch, so what waits in the oracle stays bounded and the rate is the oracle's own.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import signal
import time
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from bench.messages import reports
from cli.mllp_client import send

CHUNK = 256
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Feeding:
    """What to send where: up to `most` messages of a seed for some seconds, at most about `ahead` on their way."""

    mllp_port: int
    http_port: int
    seconds: float
    most: int
    ahead: int
    seed: int = 7
    connections: int = 8
    window: int = 32


@dataclass(slots=True)
class Fed:
    """What was answered. `acknowledged` are the messages answered AA, `began` and `ended` Unix times."""

    began: float = 0.0
    ended: float = 0.0
    sent: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    exhausted: bool = False


def load(feeding: Feeding, number: int | None = None) -> list[bytes]:
    """The messages, or so many of the first; the same for the same seed."""
    return list(islice(reports(feeding.seed, feeding.most), number))


class Feeder:
    """The sender process; use it as a context. Once `ready`, `start` lets it send; `done`, `result` tell of its end."""

    def __init__(self, feeding: Feeding) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(feeding, self._theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()

    def ready(self) -> None:
        """Wait until its messages are made."""
        self._pipe.recv()

    def start(self) -> None:
        """Let it send."""
        self._pipe.send("go")

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid or 0

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._pipe.poll()

    def result(self) -> Fed:
        """What became of the messages."""
        found: Fed = self._pipe.recv()
        return found


def _run(feeding: Feeding, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the measuring process ends this one
    messages = load(feeding)
    pipe.send("ready")
    pipe.recv()
    pipe.send(asyncio.run(_feed(feeding, messages)))


async def _feed(feeding: Feeding, messages: list[bytes]) -> Fed:
    fed = Fed(began=time.time())
    source = iter(messages)
    health = http.client.HTTPConnection("127.0.0.1", feeding.http_port, timeout=30)
    while time.time() - fed.began < feeding.seconds:
        chunk = list(islice(source, CHUNK))
        if not chunk:
            fed.exhausted = True
            break
        report = await send(
            chunk, "127.0.0.1", feeding.mllp_port, connections=feeding.connections, window=feeding.window
        )
        fed.sent += report.sent
        for code, number in report.codes.items():
            fed.codes[code] = fed.codes.get(code, 0) + number
        while _on_their_way(health) > feeding.ahead:
            time.sleep(_PAUSE_SECONDS)  # noqa: ASYNC251 - nothing else runs on this loop now
    fed.ended = time.time()
    return fed


def _on_their_way(health: http.client.HTTPConnection) -> int:
    health.request("GET", "/ready")
    found = json.loads(health.getresponse().read())
    return int(found["pendingMessages"]) + int(found["waitingVersions"])
