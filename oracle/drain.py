"""The orderly end: no more is read, what was taken is answered, what is under way is brought to the chain, for a time.

SIGTERM ─► doors shut, replies out ─► journal empty ─► seal, deposit, anchor … ─► workers end ─► exit
                                                       └ nothing moves for some seconds, or the time is over:
                                                         the rest is durable and goes on at the next start
second SIGTERM ─► exit at once
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import NoReturn

import structlog

from salus.core.journal import Backlog

LOOK_SECONDS = 0.1
STANDSTILL_SECONDS = 5.0

_log = structlog.get_logger()


class Ending:
    """Whether the oracle was told to end. `listen` is called on the event loop, which then gets the signals."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT: the first asks, the second ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take, number)

    @property
    def is_asked(self) -> bool:
        """Whether the end has begun."""
        return self._asked.is_set()

    async def asked(self) -> None:
        """Wait until it is."""
        await self._asked.wait()

    def _take(self, number: signal.Signals) -> None:
        if self.is_asked:
            _at_once(number)
        _log.info("drain begins", signal=number.name)
        self._asked.set()


async def drained(
    backlog: Callable[[], Backlog],
    seconds: float,
    clock: Callable[[], float],
    pause: float = LOOK_SECONDS,
    standstill: float = STANDSTILL_SECONDS,
) -> bool:
    """Wait until nothing is under way, nothing moves any more, or the seconds are over; whether all is done."""
    began = moved = clock()
    before: Backlog | None = None
    while True:
        now = clock()
        try:
            found = await asyncio.to_thread(backlog)
        except Exception as error:  # noqa: BLE001 - a database that is away: what is in it is durable
            _log.warning("drain ends", reason=type(error).__name__)
            return False
        if not _under_way(found):
            _log.info("drained", seconds=round(now - began, 1))
            return True
        if found != before:
            before, moved = found, now
        if now - began >= seconds or now - moved >= standstill:
            _log.warning(
                "drain ends before all is anchored",
                pending=found.pending,
                waitingVersions=found.waiting_versions,
                openBatches=found.open_batches,
            )
            return False
        await asyncio.sleep(pause)


def _under_way(backlog: Backlog) -> bool:
    """Links may wait for a patient's signature, so they are not waited for."""
    return bool(backlog.pending or backlog.waiting_versions or backlog.open_batches or backlog.invalidations)


def _at_once(number: signal.Signals) -> NoReturn:
    _log.warning("ends at once", signal=number.name)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)
