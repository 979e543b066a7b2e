"""Look back: is what was anchored still on the chain? A chain that lost blocks lost anchors; they are made again.

With each anchor and invalidation the journal remembers the final block it was seen at. Where the chain has no such
block any more, what was done is compared with it, newest first, until a whole page still stands; the rest is under way
again. Custodians still have the shares, and the registry refuses a root twice, so a look too many does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from oracle.ports import Outbox
from salus.core.errors import NotFoundError
from salus.core.ids import ParticipantId
from salus.core.ports import ChainReader
from salus.core.state import RecordStatus

PAGE = 64
T = TypeVar("T")

_log = structlog.get_logger()


def look_back(outbox: Outbox, chain: ChainReader, source: ParticipantId) -> int:
    """Put what the chain has lost back on its way; how many batches and invalidations.

    Raises:
        UnavailableError: the node is away.
    """
    seen = outbox.seen()
    if seen is None or _holds(chain, *seen):
        return 0
    final = chain.final()
    batches = _lost(outbox.done_batches, lambda one: chain.anchor(source, one.root, final).anchored_at == 0)
    invalidations = _lost(
        outbox.done_invalidations,
        lambda one: chain.record_state(source, one.leaf_hash, final).status is RecordStatus.VALID,
    )
    outbox.reopen([one.key for one in batches], [one.key for one in invalidations], final)
    _log.error(
        "the chain has lost blocks",
        seen=seen[0],
        final=final.number,
        batches=len(batches),
        invalidations=len(invalidations),
    )
    return len(batches) + len(invalidations)


def _holds(chain: ChainReader, number: int, block_hash: bytes) -> bool:
    try:
        return chain.block(number).hash == block_hash
    except NotFoundError:
        return False


def _lost(page: Callable[[int, int], Sequence[T]], is_gone: Callable[[T], bool]) -> list[T]:
    """What is gone, looking at pages from the newest on until one is whole."""
    lost: list[T] = []
    offset = 0
    while listed := page(offset, PAGE):
        gone = [one for one in listed if is_gone(one)]
        lost += gone
        if not gone:
            break
        offset += PAGE
    return lost
