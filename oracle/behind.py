"""Behind: has this source anchored what its own database does not know? Then the database is an old one.

An oracle restored from a backup does not know the versions it made since, and would number its next ones as if they did
not exist. The chain does: every batch is an event of its source, with its root and how many versions it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oracle.ports import Outbox
from salus.core.event_pages import event_pages
from salus.core.ids import ParticipantId, Root
from salus.core.journal import Batch, BatchState
from salus.core.ports import ChainEvent, ChainReader

_PAGE = 256
_MOST_OPEN = 1_000_000


@dataclass(frozen=True, slots=True)
class Missing:
    """A batch of `count` versions that is on chain and not in the database, and where it was anchored."""

    root: Root
    count: int
    block: int
    tx_hash: bytes


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
    last = chain.final().number
    listed = list(missing(outbox, chain, source, last))
    first = listed[0].block if listed else 0
    return Behind(len(listed), sum(one.count for one in listed), first, last)


def missing(outbox: Outbox, chain: ChainReader, source: ParticipantId, last: int) -> Iterator[Missing]:
    """Batches that the database does not know, up to a block, in the order of the chain.

    Raises:
        UnavailableError: the node is away.
    """
    seen, known = outbox.seen(), set(_roots(outbox))
    for event in events_between(chain, 0 if seen is None else seen[0], last):
        if (event.contract, event.name) != ("RecordRegistry", "BatchAnchored"):
            continue
        if event.args["sourceId"] == source and event.args["root"] not in known:
            root, count = Root(event.args["root"]), int(event.args["count"])
            yield Missing(root, count, event.block_number, event.tx_hash)


def events_between(chain: ChainReader, first: int, last: int) -> Iterator[ChainEvent]:
    """All events from a block up to another, in order."""
    for _, events in event_pages(chain, first, last):
        yield from events


def all_in(outbox: Outbox, state: BatchState) -> list[Batch]:
    """All batches that are open, or deposited and not anchored."""
    return outbox.batches(state, _MOST_OPEN)


def _roots(outbox: Outbox) -> Iterator[bytes]:
    for state in (BatchState.OPEN, BatchState.DEPOSITED):
        yield from (batch.root for batch in all_in(outbox, state))
    offset = 0
    while page := outbox.done_batches(offset, _PAGE):
        yield from (batch.root for batch in page)
        offset += len(page)
