"""Pages of events leave no block out and ask for none twice."""

from __future__ import annotations

from typing import cast

import pytest

from salus.core.event_pages import BLOCKS_AT_ONCE, event_pages
from salus.core.ports import ChainEvent, ChainReader


class Asked:
    """A chain that answers each question with the blocks it was asked about."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        self.ranges.append((first_block, last_block))
        return []


@pytest.mark.parametrize(
    ("first", "last", "ranges"),
    [
        (0, 0, [(0, 0)]),
        (7, BLOCKS_AT_ONCE + 6, [(7, BLOCKS_AT_ONCE + 6)]),
        (7, BLOCKS_AT_ONCE + 7, [(7, BLOCKS_AT_ONCE + 6), (BLOCKS_AT_ONCE + 7, BLOCKS_AT_ONCE + 7)]),
        (8, 7, []),
    ],
)
def test_event_pages__a_range__is_asked_about_once_in_order(
    first: int, last: int, ranges: list[tuple[int, int]]
) -> None:
    chain = Asked()
    assert [end for end, _ in event_pages(cast("ChainReader", chain), first, last)] == [end for _, end in ranges]
    assert chain.ranges == ranges
