"""How processing ended, for replies that wait for it: asked of the journal for all that wait together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from oracle.intake.ports import Result
from oracle.replies.ports import AckStore
from salus.core.journal import Fault, MessageState

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 30.0
_HALF = 32

_log = structlog.get_logger()
Waiting = tuple[float, asyncio.Future["Result | None"]]


class ProcessingResults:
    """The `Results` port of intake. `watch` runs on the event loop for as long as the oracle does."""

    def __init__(self, store: AckStore, monotonic: Callable[[], float], patience: float = PATIENCE_SECONDS) -> None:
        self._store = store
        self._monotonic = monotonic
        self._patience = patience
        self._waiting: dict[bytes, list[Waiting]] = {}
        self._some = asyncio.Event()

    def of(self, name: bytes) -> asyncio.Future[Result | None]:
        """The result of a stored message, once there is one; None when that takes too long."""
        told: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(name, []).append((self._monotonic() + self._patience, told))
        self._some.set()
        return told

    async def watch(self) -> None:
        """Look for results while somebody waits for one, until cancelled."""
        while True:
            await self._some.wait()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - looked for again; who waits too long is told so
                _log.warning("results not read", error=type(error).__name__)
            if self._waiting:
                await asyncio.sleep(POLL_SECONDS)
            else:
                self._some.clear()

    async def look(self) -> None:
        """Tell the results that are known now, and those who waited too long that there is none."""
        names = [(name[:_HALF], name[_HALF:]) for name in self._waiting]
        try:
            found = await asyncio.to_thread(self._store.results, names)
        finally:
            self._give_up()
        for (message_hash, raw_hash), (state, fault) in found.items():
            if state in (MessageState.PENDING, MessageState.DUPLICATE):
                continue
            for _, told in self._waiting.pop(message_hash + raw_hash, ()):
                _tell(told, _result(state, fault))

    def _give_up(self) -> None:
        now = self._monotonic()
        for name, waiting in list(self._waiting.items()):
            kept = []
            for until, told in waiting:
                if until > now and not told.done():
                    kept.append((until, told))
                else:
                    _tell(told, None)
            if kept:
                self._waiting[name] = kept
            else:
                del self._waiting[name]


def _result(state: MessageState, fault: Fault) -> Result:
    return Result(state is MessageState.DONE, fault.code, fault.location)


def _tell(told: asyncio.Future[Result | None], result: Result | None) -> None:
    if not told.done():
        told.set_result(result)
