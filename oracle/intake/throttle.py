"""A source's rate: a bucket of `burst` tokens that fills at `per_second`. One message takes one.

Messages that are there already are taken although the bucket is empty; it then owes, and the transport reads no more
until it owes nothing. So a fast sender is slowed and never refused.
"""

from __future__ import annotations

from collections.abc import Callable

from oracle.sources import LiveSources, Rate


class Throttle:
    """The bucket of one source, over all its connections. Times are monotonic seconds."""

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._tokens = float(rate.burst)
        self._at = now

    def take(self, now: float) -> None:
        """One message was taken."""
        self._fill(now)
        self._tokens -= 1.0

    def wait(self, now: float) -> float:
        """Seconds until a message may be taken; 0 for at once."""
        self._fill(now)
        return max(0.0, (1.0 - self._tokens) / self.rate.per_second)

    def _fill(self, now: float) -> None:
        elapsed = max(0.0, now - self._at)
        self._tokens = min(float(self.rate.burst), self._tokens + elapsed * self.rate.per_second)
        self._at = now


class Throttles:
    """Buckets by source, kept while the source's rate stays as it is."""

    def __init__(self, sources: LiveSources, monotonic: Callable[[], float]) -> None:
        self._sources = sources
        self._monotonic = monotonic
        self._buckets: dict[str, Throttle] = {}

    def of(self, name: str) -> Throttle | None:
        """The bucket of a source; None for one without a limit."""
        source = self._sources.get(name)
        if source is None or source.rate is None:
            return None
        found = self._buckets.get(name)
        if found is None or found.rate != source.rate:
            found = self._buckets[name] = Throttle(source.rate, self._monotonic())
        return found
