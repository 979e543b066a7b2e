"""Refused messages are kept for a person to look at, as many a minute as do no harm to the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from oracle.journal import Journal
from oracle.ports import Incoming, Origin

MOST_PER_MINUTE = 600
_MINUTE = 60.0


class RefusedKeeper:
    """Puts refused messages into the journal, in quarantine. Their senders have their answer already.

    `dropped` counts what came above the limit and was not kept.
    """

    def __init__(self, journal: Journal, monotonic: Callable[[], float], most: int = MOST_PER_MINUTE) -> None:
        self._journal = journal
        self._monotonic = monotonic
        self._most = most
        self._began = monotonic()
        self._kept = 0
        self.dropped = 0

    def keep(self, received: Incoming, peer: Origin) -> None:
        """Keep one; never raises and never waits."""
        now = self._monotonic()
        if now - self._began >= _MINUTE:
            self._began, self._kept = now, 0
        if self._kept >= self._most:
            self.dropped += 1
            return
        self._kept += 1
        self._journal.append(received, peer).add_done_callback(self._look)

    def _look(self, stored: asyncio.Future[bytes]) -> None:
        if stored.cancelled() or stored.exception() is not None:
            self.dropped += 1
