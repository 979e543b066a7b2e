"""Gaps: numbers of a sender that have not come are told, once when that is noticed and once when they came after all.

A number may be late by seconds because connections overtake each other, so only gaps older than that count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from oracle.metrics import Metrics
from oracle.ports import Numbers
from salus.core.ports import Clock

LATE_SECONDS = 60

_log = structlog.get_logger()


class GapWatch:
    """Looks at open gaps now and then. `missing` is how many numbers of each source had not come at the last look."""

    def __init__(
        self,
        numbers: Numbers,
        clock: Clock,
        metrics: Metrics,
        told: Callable[[str, int], None] = lambda _source, _missing: None,
    ) -> None:
        self._numbers = numbers
        self._clock = clock
        self._metrics = metrics
        self._told = told
        self.missing: dict[str, int] = {}

    def look(self) -> None:
        """Compare with the last look; tell of every source that misses more, or nothing any more."""
        now = self._clock.now()
        missing: Counter[str] = Counter()
        oldest: dict[str, int] = {}
        for one in self._numbers.gaps(now - LATE_SECONDS):
            missing[one.source] += one.gap.missing
            oldest.setdefault(one.source, one.gap.noticed_at)
        for source in missing.keys() | self.missing.keys():
            count, before = missing[source], self.missing.get(source, 0)
            self._metrics.missing_numbers.labels(source).set(count)
            self._metrics.oldest_gap.labels(source).set(now - oldest[source] if count else 0)
            if count > before:
                _log.warning("messages missing", source=source, missing=count, more=count - before)
                self._told(source, count)
            elif before and not count:
                _log.info("missing messages came", source=source)
                self._told(source, 0)
        self.missing = dict(missing)
