"""The gate of intake: shut while the journal holds more than it should, or while the oracle ends.

While it is shut no transport reads: connections stay, what senders write stays in their own buffers (TCP
backpressure), and HTTP is told to come later. What was read before is judged, stored and answered as always.
"""

from __future__ import annotations

from collections.abc import Callable


class Gate:
    """Shut or open. `turn` is called on the event loop; so are those that `on_turn` named."""

    def __init__(self) -> None:
        self.is_shut = False
        self.turns = 0
        self._told: list[Callable[[], None]] = []

    def on_turn(self, told: Callable[[], None]) -> None:
        """Be told after each change."""
        self._told.append(told)

    def turn(self, *, shut: bool) -> None:
        """Shut or open it."""
        if shut == self.is_shut:
            return
        self.is_shut = shut
        self.turns += 1
        for told in self._told:
            told()
