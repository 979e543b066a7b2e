"""A clock that stands still until it is moved."""

from __future__ import annotations


class FixedClock:
    """The `Clock` port; starts at a Unix time and moves only by `tick`."""

    def __init__(self, at: int = 1_790_000_000) -> None:
        self._now = at

    def now(self) -> int:
        """Unix seconds."""
        return self._now

    def tick(self, seconds: int = 1) -> int:
        """Move by some seconds, backwards too; returns the new time."""
        self._now += seconds
        return self._now
