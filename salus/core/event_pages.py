"""Events of many blocks, some blocks at a time: a node answers no question about all of a chain."""

from __future__ import annotations

from collections.abc import Iterator

from salus.core.ports import ChainEvent, ChainReader

BLOCKS_AT_ONCE = 5000


def event_pages(chain: ChainReader, first: int, last: int) -> Iterator[tuple[int, list[ChainEvent]]]:
    """Events from a block up to another, in order: of each page its last block and what it has, which may be nothing.

    Raises:
        UnavailableError: the node is away.
    """
    for start in range(first, last + 1, BLOCKS_AT_ONCE):
        end = min(start + BLOCKS_AT_ONCE - 1, last)
        yield end, chain.events(start, end)
