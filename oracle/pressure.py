"""Backpressure: while more waits in the journal than should, intake doesn't read.

    backlog ≥ bound ─► gate shut ─► senders' writes stop at TCP, HTTP is told 503, batch files wait
    backlog ≤ 4/5 of it ─► gate open

Looked at every half second, so a fast sender may get some thousands above it. Versions count that no batch takes,
because a custodian or the chain is away. The gate stands for all sources: what holds up processing holds them all up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from salus.core.journal import Backlog

LOOK_SECONDS = 0.5
_ROOM = 0.8

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most that may wait: messages not processed and versions in no batch together, and bytes of those messages."""

    messages: int = 100_000
    bytes: int = 4 * 1024**3

    def over(self, backlog: Backlog) -> bool:
        """Whether that is too much."""
        return backlog.pending + backlog.waiting_versions >= self.messages or backlog.pending_bytes >= self.bytes

    def under(self, backlog: Backlog) -> bool:
        """Whether there is room again."""
        waiting = backlog.pending + backlog.waiting_versions
        return waiting <= self.messages * _ROOM and backlog.pending_bytes <= self.bytes * _ROOM


class Pressure:
    """A thread that looks at the backlog and turns the gate. `turn` may be called from any thread.

    A database that can't be read changes nothing: what is to be stored then is answered by the journal (AE 207).
    """

    def __init__(
        self,
        bounds: Bounds,
        backlog: Callable[[], Backlog],
        turn: Callable[[bool], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.bounds = bounds
        self._backlog = backlog
        self._turn = turn
        self._monotonic = monotonic
        self._stop = Event()
        self._thread = Thread(target=self._run, name="pressure", daemon=True)
        self._failing_since: float | None = None
        self.is_held = False
        self.latest: Backlog | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def failing_seconds(self) -> int:
        """For how long the backlog could not be read; 0 when it can."""
        since = self._failing_since
        return 0 if since is None else max(1, int(self._monotonic() - since))

    def look(self) -> None:
        """Look once."""
        began = self._monotonic()
        try:
            backlog = self._backlog()
        except Exception as error:  # noqa: BLE001 - looked at again in half a second; the alert tells
            if self._failing_since is None:
                self._failing_since = began
                _log.warning("backlog cannot be read", error=type(error).__name__)
            return
        self._failing_since = None
        self.latest = backlog
        held = not self.bounds.under(backlog) if self.is_held else self.bounds.over(backlog)
        if held != self.is_held:
            self.is_held = held
            self._turn(held)
            say = _log.warning if held else _log.info
            say(
                "intake holds back" if held else "intake reads again",
                pending=backlog.pending,
                pendingBytes=backlog.pending_bytes,
                waitingVersions=backlog.waiting_versions,
            )

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()
