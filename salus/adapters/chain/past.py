"""Blocks that were checked once: their stamps and state roots, and older ones by walking back along parent hashes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from salus.adapters.chain.headers import BATCH, Headers
from salus.core.consensus.engine import Engine
from salus.core.errors import IntegrityError, NodeError, UnavailableError
from salus.core.state import BlockStamp

_KEPT = 16_384
"""Blocks that are remembered."""
_WALK = 100_000
"""Headers that are walked back at most: a day of one-second blocks, longer than any session."""
_OLDER = 64
"""Blocks found by walking back that are remembered."""


@dataclass(frozen=True, slots=True)
class PastBlock:
    """A checked block; `parent` is None of the block a follower began with, whose header it has not seen."""

    stamp: BlockStamp
    state_root: bytes
    parent: bytes | None


class Past:
    """Checked blocks of one follower, which holds its lock around every call but `walk_back`, which takes minutes."""

    def __init__(self, headers: Headers, engine: Engine) -> None:
        self._headers = headers
        self._engine = engine
        self._by_hash: OrderedDict[bytes, PastBlock] = OrderedDict()
        self._finals: OrderedDict[int, PastBlock] = OrderedDict()  # without a gap, oldest first
        self._older: OrderedDict[int, PastBlock] = OrderedDict()

    def remember(self, block: PastBlock, *, final: bool) -> None:
        """Remember a checked block. Final ones come in order, from that on which the follower began with."""
        self._by_hash.setdefault(block.stamp.hash, block)
        if final:
            self._finals.setdefault(block.stamp.number, block)
        for kept in (self._by_hash, self._finals):
            while len(kept) > _KEPT:
                kept.popitem(last=False)

    def of_hash(self, block_hash: bytes) -> PastBlock | None:
        """A checked block by hash, final or not."""
        return self._by_hash.get(block_hash)

    def final_block(self, number: int) -> PastBlock:
        """The block of this number, or the next one above it that is remembered: where to walk back from."""
        near = min(known for known in (*self._finals, *self._older) if known >= number)
        return self._finals.get(near) or self._older[near]

    def remember_older(self, found: PastBlock) -> None:
        """Remember a block that was found by walking back."""
        self._older[found.stamp.number] = self._by_hash[found.stamp.hash] = found
        while len(self._older) > _OLDER:
            self._older.popitem(last=False)

    def walk_back(self, at: PastBlock, number: int) -> PastBlock:
        """An older block by number, from a checked one above it.

        Raises:
            NodeError: the node shows another past than the one its headers name.
            UnavailableError: the node is away, or the block lies too far back.
        """
        later = at.stamp.number
        if later - number > _WALK:
            raise UnavailableError(f"block {number} lies {later - number} blocks back; {_WALK} at most are walked")
        top, expected = (later, at.stamp.hash) if at.parent is None else (later - 1, at.parent)
        for high in range(top, number - 1, -BATCH):
            low = max(number, high - BATCH + 1)
            shown = self._headers.between(low, high)
            if len(shown) <= high - low:
                raise UnavailableError(f"the node lacks blocks between {low} and {high}")
            for header in reversed(shown):
                try:
                    found = self._engine.hash(header)
                except IntegrityError:
                    found = b""
                if found != expected:
                    raise NodeError(f"block {header.number} of the node is not the one that the block after it names")
                stamp = BlockStamp(header.number, expected, header.timestamp)
                at = PastBlock(stamp, header.state_root, header.parent_hash)
                expected = header.parent_hash
        return at
