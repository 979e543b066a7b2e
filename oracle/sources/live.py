"""The sources in force. Readers take the one they need for each message, so a change holds from the next message on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from oracle.sources.model import Source


class LiveSources:
    """Sources by name, exchanged as a whole. `on_change` functions are called after each exchange, in order.

    `rejected` is what must be mended in files that changed and could not come into force, one line for each; empty
    while what the files say is in force.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_name = {source.name: source for source in sources}
        self._listeners: list[Callable[[], None]] = []
        self.rejected: tuple[str, ...] = ()

    def all(self) -> tuple[Source, ...]:
        """All of them."""
        return tuple(self._by_name.values())

    def get(self, name: str) -> Source | None:
        """One by name; None when it isn't in force (any more)."""
        return self._by_name.get(name)

    def on_change(self, told: Callable[[], None]) -> None:
        """Be told of each exchange."""
        self._listeners.append(told)

    def exchange(self, sources: Iterable[Source]) -> None:
        """Put others in force; one assignment, so a reader sees all of the old or all of the new."""
        self._by_name = {source.name: source for source in sources}
        self.rejected = ()
        for told in self._listeners:
            told()
