"""Behind: has this source anchored what its own database does not know? Then the database is an old one.

An oracle restored from a backup does not know the versions it made since, and would number its next ones as if they did
not exist. The chain does: every batch is an event of its source, with its root and how many versions it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oracle.ports import Outbox
from salus.core.ids import ParticipantId
from salus.core.journal import BatchState
from salus.core.ports import ChainReader

_BLOCKS_AT_ONCE = 5000
_PAGE = 256
_MOST_OPEN = 1_000_000


@dataclass(frozen=True, slots=True)
class Behind:
    """What is on chain up to final block `last` and not in the database: batches, versions in them, first block of one.

    `first` is 0 where nothing is missing.
    """

    batches: int
    versions: int
    first: int
    last: int


def behind(outbox: Outbox, chain: ChainReader, source: ParticipantId) -> Behind:
    """Compare the chain's batches of a source with the database, from the last block that this anchored in.

    Raises:
        UnavailableError: the node is away.
    """
    seen, final = outbox.seen(), chain.final()
    known = set(_roots(outbox))
    batches, versions, first = 0, 0, 0
    for start in range(0 if seen is None else seen[0], final.number + 1, _BLOCKS_AT_ONCE):
        for event in chain.events(start, min(start + _BLOCKS_AT_ONCE - 1, final.number)):
            if (event.contract, event.name) != ("RecordRegistry", "BatchAnchored"):
                continue
            if event.args["sourceId"] == source and event.args["root"] not in known:
                batches, versions = batches + 1, versions + int(event.args["count"])
                first = first or event.block_number
    return Behind(batches, versions, first, final.number)


def _roots(outbox: Outbox) -> Iterator[bytes]:
    for state in (BatchState.OPEN, BatchState.DEPOSITED):
        yield from (batch.root for batch in outbox.batches(state, _MOST_OPEN))
    offset = 0
    while page := outbox.done_batches(offset, _PAGE):
        yield from (batch.root for batch in page)
        offset += len(page)
