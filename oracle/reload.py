"""Sources exchanged while the oracle runs, on SIGHUP or when a file of their folder changes.

    folder ─► read ─► new ports open ─► reading knows the new profiles ─► in force ─► old ports drain
                └ wrong ─► said in the log, in /ready and by an alert, by file and key; what was in force stays

No connection of a source that stays is dropped, and each message is judged and read by one set of rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from oracle.intake.doors import Doors
from oracle.sources import LiveSources, Source, SourceFolder
from salus.core.errors import SetupError

POLL_SECONDS = 2.0

_log = structlog.get_logger()


class Reload:
    """Watches the folder of an oracle's sources. `prepare` is told of new sources before they come into force."""

    def __init__(
        self,
        folder: SourceFolder,
        sources: LiveSources,
        doors: Doors,
        prepare: Callable[[Sequence[Source]], None],
        poll: float = POLL_SECONDS,
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._doors = doors
        self._prepare = prepare
        self._poll = poll
        self._state = folder.state()
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Read again now, whether something changed or not; call it on the event loop."""
        self._asked.set()

    async def watch(self) -> None:
        """Look for changes until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), self._poll)
                forced = True
            except TimeoutError:
                forced = False
            self._asked.clear()
            try:
                await self.look(forced=forced)
            except Exception as error:  # noqa: BLE001 - the sources in force go on, and the next look tries again
                _log.error("sources not looked at", error=type(error).__name__)

    async def look(self, *, forced: bool = False) -> bool:
        """Put changed files into force; whether others are in force now.

        A folder that changes while it is read is read again at the next look.
        """
        state = await asyncio.to_thread(self._folder.state)
        if state == self._state and not forced:
            return False
        self._state = state
        try:
            found = await asyncio.to_thread(self._folder.read)
            put_into_force = await self._doors.open(found)
        except SetupError as error:
            self._sources.rejected = tuple(str(error).splitlines())
            for line in self._sources.rejected:
                _log.error("sources not exchanged", reason=line)
            return False
        self._prepare(found)
        self._sources.exchange(found)
        put_into_force()
        _log.info("sources exchanged", sources=[source.name for source in found])
        return True
