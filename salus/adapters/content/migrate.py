"""From one content store to another: only what is missing, so it may be cut off and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from salus.adapters.content.holding import ContentHolding, Progress, silent
from salus.core.cid import cid_of
from salus.core.errors import IntegrityError, NotFoundError

R = TypeVar("R")
_LARGE = 2 << 20
"""What is longer goes alone, in pieces."""
_BATCH = 500
_BATCH_BYTES = 16 << 20
_READERS = 8


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the envelopes of the store that was read: copied now, there before, left out because the other
    store remembers them as erased, and the digests of those that could not be read whole."""

    copied: int
    there: int
    erased: int
    unreadable: tuple[bytes, ...]


def migrate(
    source: ContentHolding, target: ContentHolding, progress: Progress = silent, *, verify: bool = False
) -> Moved:
    """Copy what `target` hasn't got. With `verify` every envelope is read again there, and copied again if damaged.

    Raises:
        UnavailableError: a store is away, or has no room; start again, it goes on.
    """
    wanted, erased = set(source.digests()), target.erased()
    there = set(target.digests()) & wanted
    if verify:
        there = {
            digest for digest in _told(sorted(there), "envelopes read again", progress) if _is_whole(target, digest)
        }
    missing = sorted(wanted - there - erased)
    copied, unreadable = 0, list[bytes]()
    with ThreadPoolExecutor(_READERS) as pool:
        heads = _ahead(pool, lambda digest: _head(source, digest), missing)
        batch, size = list[bytes](), 0
        for digest, head in zip(missing, heads, strict=True):
            progress("envelopes copied", copied, len(missing))
            if head is None:
                unreadable.append(digest)
                continue
            data, rest = head
            if rest is None:
                batch.append(data)
                size += len(data)
            elif _stored_alone(target, digest, chain([data], rest)):
                copied += 1
            else:
                unreadable.append(digest)
            if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                copied += len(target.put_many(batch))
                batch, size = [], 0
        copied += len(target.put_many(batch))
    progress("envelopes copied", copied, len(missing))
    return Moved(copied, len(there), len(wanted & erased), tuple(unreadable))


def _head(store: ContentHolding, digest: bytes) -> tuple[bytes, Iterator[bytes] | None] | None:
    """An envelope whole, or the first pieces of a long one and what follows; None when it can't be read."""
    pieces = store.stream(digest)
    taken = list[bytes]()
    try:
        while sum(map(len, taken)) <= _LARGE:
            piece = next(pieces, None)
            if piece is None:
                return b"".join(taken), None
            taken.append(piece)
    except (IntegrityError, NotFoundError):
        return None
    return b"".join(taken), pieces


def _stored_alone(target: ContentHolding, digest: bytes, pieces: Iterable[bytes]) -> bool:
    """Store a long envelope; False when its end turns out damaged."""
    try:
        if target.put_stream(pieces) != digest:
            raise IntegrityError(f"{cid_of(digest)} was stored as something else")
    except (IntegrityError, NotFoundError):
        return False
    return True


def _is_whole(store: ContentHolding, digest: bytes) -> bool:
    try:
        for _ in store.stream(digest):
            pass
    except (IntegrityError, NotFoundError):
        return False
    return True


def _ahead(pool: ThreadPoolExecutor, do: Callable[[bytes], R], items: Iterable[bytes]) -> Iterator[R]:
    """Results in order, a few worked out ahead: not all, which would be held in memory."""
    waiting = iter(items)
    coming = [pool.submit(do, item) for item in islice(waiting, 4 * _READERS)]
    while coming:
        yield coming.pop(0).result()
        coming += [pool.submit(do, item) for item in islice(waiting, 1)]


def _told(items: list[bytes], what: str, progress: Progress) -> Iterator[bytes]:
    for number, item in enumerate(items):
        progress(what, number, len(items))
        yield item
