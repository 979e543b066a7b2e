"""Limits in memory: a token bucket per caller, and how many may wait for chain and custodians at once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Lock

from api.errors import TooManyRequestsError

_CALLERS = 50_000


class RateLimit:
    """`per_minute` requests a caller on average, and as many at once; the longest silent are forgotten first."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._most = float(per_minute)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: the caller has none left.
        """
        with self._lock:
            at = self._now()
            left, since = self._buckets.pop(caller, (self._most, at))
            left = min(self._most, left + (at - since) * self._rate)
            self._buckets[caller] = (left - 1 if left >= 1 else left, at)
            while len(self._buckets) > _CALLERS:
                self._buckets.popitem(last=False)
        if left < 1:
            raise TooManyRequestsError(max(1, round((1 - left) / self._rate)))


class Line:
    """Callers who wait for long, at most `most` of them at once and `each` of one peer; others wait for their turn.

    A call that waits for a block holds a thread for seconds, and all routes share 40. Without a line one stranger with
    keys of its own making keeps an emergency from being opened. Who stands in line holds no thread. Belongs to the
    event loop in which somebody first had to wait.
    """

    def __init__(self, most: int, each: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._each = each
        self._peers: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def place(self, peer: str) -> AsyncIterator[None]:
        """A place, once there is one for this peer and then one at all."""
        own, users = self._peers.get(peer, (asyncio.Semaphore(self._each), 0))
        self._peers[peer] = own, users + 1
        try:
            async with own, self._all:
                yield
        finally:
            own, users = self._peers.pop(peer)
            if users > 1:
                self._peers[peer] = own, users - 1
