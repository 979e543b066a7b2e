"""Rate limits in memory: a token bucket per caller."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
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
