"""Sends the acknowledgments that are owed: for each source in the order its messages came, until confirmed.

The next is sent while earlier ones wait for nothing but their confirmation; one that isn't due yet holds up those
behind it. What was sent in vain goes again after a growing pause, as often as the source says, then is given up. The
store is told after the sender was: a crash in between sends once more, and the same MSH-10 shows that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from oracle.replies.compose import Composer
from oracle.replies.ports import AckStore, Delivery, Outgoing, Outlet
from oracle.replies.shares import Standing
from oracle.sources import LiveSources, Source
from salus.core.acks import OwedAck
from salus.core.errors import IntegrityError

TOGETHER = 32
_SEEN = 512
POLL_SECONDS = 0.25
_FIRST_PAUSE = 1
_LONGEST_PAUSE = 300
FORGET_SECONDS = 7 * 86_400
_FORGET_EVERY = 3600.0

_log = structlog.get_logger()


class Sending:
    """Sends for those who are owed something. `told` counts what became of it; `now` gives Unix seconds.

    `standing` may take its time; `came_here` says whether a message, by its name, came by a connection of this oracle.
    """

    def __init__(
        self,
        store: AckStore,
        sources: LiveSources,
        composer: Composer,
        sender: Outlet,
        own: Outlet,
        *,
        now: Callable[[], int],
        told: Callable[[str, int], None] = lambda _outcome, _count: None,
        poll: float = POLL_SECONDS,
        standing: Callable[[], Standing] = Standing,
        came_here: Callable[[bytes], bool] = lambda _name: True,
    ) -> None:
        self._store = store
        self._sources = sources
        self._composer = composer
        self._sender = sender
        self._own = own
        self._now = now
        self._told = told
        self._poll = poll
        self._standing = standing
        self._came_here = came_here
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def watch(self) -> None:
        """Look who is owed any and send, one task for each source at a time, until cancelled."""
        loop = asyncio.get_running_loop()
        forgotten = loop.time() - _FORGET_EVERY
        try:
            while True:
                try:
                    waiting = await asyncio.to_thread(self._store.waiting)
                    if loop.time() - forgotten >= _FORGET_EVERY:
                        forgotten = loop.time()
                        await asyncio.to_thread(self._store.forget, self._now() - FORGET_SECONDS)
                except Exception as error:  # noqa: BLE001 - nothing is lost: the rows are still owed
                    _log.warning("acknowledgments not read", error=type(error).__name__)
                    waiting = set()
                for name in waiting - set(self._tasks):
                    self._tasks[name] = task = loop.create_task(self._serve(name))
                    task.add_done_callback(partial(self._ended, name))
                await asyncio.sleep(self._poll)
        finally:
            for task in list(self._tasks.values()):
                task.cancel()

    def _ended(self, name: str, _: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)

    async def once(self, name: str) -> int:
        """Send what a source can be sent now; how many rows that settled."""
        source = self._sources.get(name)
        if source is None:
            return 0
        own = source.acknowledgement.reply_to is not None
        transports = ("mllp", "http", "file") if own else ("mllp",)
        standing = await asyncio.to_thread(self._standing)
        seen = TOGETHER if standing.alone else _SEEN  # others' must not hide this oracle's
        owed = await asyncio.to_thread(self._store.owed, name, transports, seen)
        now, came_here = self._now(), self._came_here
        ours = [ack for ack in owed if standing.sends(ack, own=own, came_here=came_here, now=now)][:TOGETHER]
        ready, unwanted = self._ready(ours, source)
        if unwanted:
            await asyncio.to_thread(self._store.answered, unwanted)
        if not ready:
            return len(unwanted)
        outlet = self._own if own else self._sender
        deliveries = await outlet.send(source, [outgoing for _, outgoing in ready])
        return len(unwanted) + await self._settle(source, [ack for ack, _ in ready], deliveries)

    def _ready(self, owed: list[OwedAck], source: Source) -> tuple[list[tuple[OwedAck, Outgoing]], list[int]]:
        """Those to be sent now, up to the first that must wait; and keys of those nobody wants to be told."""
        ready: list[tuple[OwedAck, Outgoing]] = []
        unwanted: list[int] = []
        for ack in owed:
            if ack.next_at > self._now() or not self._composer.is_due(ack, source):
                break
            try:
                outgoing = self._composer.compose(ack, source)
            except IntegrityError:
                _log.error("acknowledgment can't be read", acknowledgment=ack.key)
                unwanted.append(ack.key)
                continue
            if outgoing is None:
                unwanted.append(ack.key)
            else:
                ready.append((ack, outgoing))
        return ready, unwanted

    async def _settle(self, source: Source, acks: list[OwedAck], deliveries: list[Delivery]) -> int:
        by: dict[Delivery, list[OwedAck]] = {}
        for ack, delivery in zip(acks, deliveries, strict=True):
            last = delivery is Delivery.FAILED and ack.attempts + 1 >= source.acknowledgement.attempts
            by.setdefault(Delivery.REJECTED if last else delivery, []).append(ack)
        done, rejected = by.get(Delivery.DONE, []), by.get(Delivery.REJECTED, [])
        await asyncio.to_thread(self._store.answered, [ack.key for ack in done])
        await asyncio.to_thread(self._store.gave_up, [ack.key for ack in rejected])
        for ack in by.get(Delivery.FAILED, []):
            pause = min(_FIRST_PAUSE << min(ack.attempts, 16), _LONGEST_PAUSE)
            await asyncio.to_thread(self._store.failed, [ack.key], self._now() + pause)
        for delivery in (Delivery.DONE, Delivery.FAILED):
            self._told(delivery.value, len(by.get(delivery, ())))
        if rejected:
            self._told("given up", len(rejected))
            _log.warning("acknowledgments given up", source=source.name, count=len(rejected))
        return len(done) + len(rejected)

    async def _serve(self, name: str) -> None:
        """Send until nothing more can be sent now."""
        try:
            while await self.once(name):
                pass
        except Exception as error:  # noqa: BLE001 - nothing is lost: the rows are still owed
            _log.warning("acknowledgments not sent", source=name, error=type(error).__name__)
