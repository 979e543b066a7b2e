"""What each source was told in recalls of the last hour: read from the log once, and then as it grows.

An oracle that lost a day asks for tens of thousands of small batches; to read an hour of the log at each call would
cost more than all the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from salus.core.custody import LogEntry

HOUR = 3600
LEAST_COST = 10
"""A call counts as this many record versions at least, for its entry in the log."""


class ToldLately:
    """Times and costs of recalls, by source. Safe to use from several threads, and beside other processes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest = (0, 0)  # index and time of the entry read last
        self._told: dict[str, deque[tuple[int, int]]] = {}

    def of(self, source: str, read: Callable[[int], Sequence[LogEntry]], now: int) -> list[tuple[int, int]]:
        """Unix time and cost of each recall of a source that still counts, oldest first.

        `read` gives the log's entries of recalls at or after a time.
        """
        first = now - HOUR + 1
        with self._lock:
            index, at = self._newest
            for entry in read(max(first, at)):
                if entry.index > index:
                    told = self._told.setdefault(entry.content["sourceId"], deque())
                    told.append((entry.at, cost_of(int(entry.content["count"]))))
                    self._newest = (entry.index, entry.at)
            counted = self._told.get(source, deque())
            while counted and counted[0][0] < first:
                counted.popleft()
            return list(counted)


def cost_of(count: int) -> int:
    """What a call that tells of so many record versions counts as."""
    return max(LEAST_COST, count)
