"""What tools ask of a content store beyond the port: what it holds, bytes in pieces, and a check of its copies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from salus.core.ports import ContentStore

Progress = Callable[[str, int, int], None]
"""Hears what is done, how much of it, and of how much (0: not known)."""


def silent(what: str, done: int, of: int) -> None:
    """Progress that nobody wants to hear."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found.

    `envelopes` are those the store holds; `damaged` copies had other bytes than their name, `missing` ones were gone
    where they should be; `short` envelopes have fewer copies than wanted; `returned` copies are of envelopes that were
    erased elsewhere while their place was away; `repaired` counts all of these that are good now. `disputed` are
    here and erased as too few places say: an erasure under way, or a place that lies. `lost` are digests without a
    whole copy at any place that answered, `unreached` places that did not.
    """

    envelopes: int
    copies_wanted: int
    damaged: int = 0
    missing: int = 0
    short: int = 0
    returned: int = 0
    repaired: int = 0
    disputed: int = 0
    lost: tuple[bytes, ...] = ()
    unreached: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether all is well now, as far as could be seen."""
        return not (self.lost or self.unreached or self.disputed) and self.repaired == self.found

    @property
    def found(self) -> int:
        """Faults found."""
        return self.damaged + self.missing + self.short + self.returned


class ContentHolding(ContentStore, Protocol):
    """A content store as `salus content` uses it."""

    def digests(self) -> Iterator[bytes]:
        """Digests of what it holds, each once, in any order."""
        ...

    def erased(self) -> set[bytes]:
        """Digests it remembers as erased. They must not come back: stored again, they are removed by the next check."""
        ...

    def put_stream(self, pieces: Iterable[bytes]) -> bytes:
        """Store bytes that come in pieces, durably, without holding them all; returns the digest of the whole."""
        ...

    def stream(self, digest: bytes) -> Iterator[bytes]:
        """The bytes in pieces of a MiB or less. The last comes only when the whole is what the digest says.

        Raises:
            NotFoundError, IntegrityError, UnavailableError: as `get`.
        """
        ...

    def check(self, *, repair: bool = False, expected: Iterable[bytes] = (), progress: Progress = silent) -> Findings:
        """Look at every copy of everything; with `repair`, make good what can be. `expected` must be there too."""
        ...

    def ready(self) -> None:
        """Whether it would take an envelope now.

        Raises:
            UnavailableError: no; says why.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
