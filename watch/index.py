"""Follows the chain: final blocks in, rows out, one transaction per range of blocks.

Restartable anywhere: a range is written whole or not at all, and writing it again gives the same rows. When a block it
has seen is another one now, or gone, it goes back to the newest block both agree on and folds again from there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from salus.core.errors import NotFoundError, UnavailableError
from salus.core.index_rows import AccessRow, BlockRow, EntryRow, MarkRow, Row, WriterRow, seq_of
from salus.core.ports import ChainEvent
from salus.core.ports_index import IndexDigest, IndexStore
from salus.core.state import BlockStamp
from watch.ports import Chain
from watch.project import Projection

RANGE = 500
"""Blocks written in one transaction while catching up."""


@dataclass(frozen=True, slots=True)
class Fork:
    """The chain is not the one indexed: seen up to `seen`, equal up to `common` (None: no block), now at `head`."""

    seen: int
    common: int | None
    head: int

    @property
    def shortened(self) -> bool:
        """Whether blocks are gone, rather than replaced."""
        return self.head < self.seen


@dataclass(frozen=True, slots=True)
class Indexed:
    """One range: its last block, its entries, accesses, marks and log writers, and the events no one knows."""

    last: BlockStamp
    entries: tuple[EntryRow, ...]
    accesses: tuple[AccessRow, ...]
    marks: tuple[MarkRow, ...]
    writers: tuple[WriterRow, ...]
    unknown: tuple[tuple[str, str], ...]


class Indexer:
    """Writes the index of one deployment. `first_block` is where the deployment begins."""

    def __init__(self, chain: Chain, store: IndexStore, first_block: int = 0, span: int = RANGE) -> None:
        self._chain = chain
        self._store = store
        self._first_block = first_block
        self._span = span

    def check_fork(self, judge: Callable[[Fork], None] = lambda _: None) -> Fork | None:
        """Compare the last block indexed with the chain; on a difference go back to the newest common block.

        `judge` sees the fork before anything is written, so what it keeps outlives a kill in between.
        """
        last = self._store.indexed()
        if last is None or self._same(last.number, last.hash):
            return None
        common = self._store.seen_block(last.number - 1)
        while common is not None and not self._same(common.number, common.hash):
            common = self._store.seen_block(common.number - 1)
        fork = Fork(last.number, common.number if common else None, self._chain.head().number)
        judge(fork)
        self._store.write(common.number + 1 if common else 0, ())
        return fork

    def next_range(self, judge: Callable[[Indexed], None] = lambda _: None) -> Indexed | None:
        """Index the next range of final blocks; None when there is nothing new.

        `judge` sees the range before it is written: a range that is written is a range that was judged.

        Raises:
            UnavailableError: the chain changed while it was read; call again.
        """
        done = self._store.indexed()
        first = self._first_block if done is None else done.number + 1
        final = self._chain.final()
        if final.number < first:
            return None
        last = final if final.number < first + self._span else self._chain.block(first + self._span - 1)
        projection = self._fold(first, last)
        found = _indexed(last, projection)
        judge(found)
        self._store.write(first, projection.rows)
        return found

    def catch_up(self, judge: Callable[[Indexed], None] = lambda _: None) -> Iterator[Indexed]:
        """Index range after range until there is nothing new."""
        while (done := self.next_range(judge)) is not None:
            yield done

    def _fold(self, first: int, last: BlockStamp) -> Projection:
        by_block: dict[int, list[ChainEvent]] = defaultdict(list)
        for event in self._chain.events(first, last.number):
            by_block[event.block_number].append(event)
        projection = Projection(self._chain.chain_id, self._store)
        for number in sorted({*by_block, last.number}):
            stamp = last if number == last.number else self._chain.block(number)
            if any(event.block_hash != stamp.hash for event in by_block[number]):
                raise UnavailableError(f"block {number} changed while it was read")
            projection.add_block(stamp, by_block[number])
        if not self._same(last.number, last.hash):
            raise UnavailableError(f"block {last.number} changed while it was read")
        return projection

    def _same(self, number: int, block_hash: bytes) -> bool:
        try:
            return self._chain.block(number).hash == block_hash
        except NotFoundError:
            return False


def rebuild(chain: Chain, empty: IndexStore, up_to: int, first_block: int = 0) -> IndexDigest:
    """Index the chain from its beginning into an empty store, up to a block, and return the digest.

    Equal to the digest of an index that followed the same chain block by block.

    Raises:
        NotFoundError: the chain is shorter.
    """
    last = chain.block(up_to)
    for _ in Indexer(_Until(chain, last), empty, first_block).catch_up():
        pass
    return empty.digest()


class _Until:
    """A chain as it was when a block was its newest final one."""

    def __init__(self, chain: Chain, last: BlockStamp) -> None:
        self._chain = chain
        self._last = last

    @property
    def chain_id(self) -> int:
        return self._chain.chain_id

    def head(self) -> BlockStamp:
        return self._last

    def final(self) -> BlockStamp:
        return self._last

    def block(self, number: int) -> BlockStamp:
        return self._chain.block(number)

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        return self._chain.log_slot(key, at)

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        return self._chain.events(first_block, last_block)


def _indexed(last: BlockStamp, projection: Projection) -> Indexed:
    rows: Sequence[Row] = projection.rows
    return Indexed(
        last,
        tuple(row for row in rows if isinstance(row, EntryRow)),
        tuple(row for row in rows if isinstance(row, AccessRow)),
        tuple(row for row in rows if isinstance(row, MarkRow)),
        tuple(row for row in rows if isinstance(row, WriterRow)),
        tuple(sorted(projection.unknown)),
    )


__all__ = ["RANGE", "BlockRow", "Fork", "Indexed", "Indexer", "rebuild", "seq_of"]
