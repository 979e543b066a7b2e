"""The chain as its seals prove it: headers followed from a trusted one, whatever the node behind says.

    advance: newest header → headers up to it, each checked against its parent → new final block kept → trail

The node is asked for headers and believed in nothing: it can withhold, and choose among blocks that were really sealed.
Source: `salus.core.consensus` (what is checked), DESIGN section 5 (what is final).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from salus.adapters.chain.headers import BATCH, Headers
from salus.adapters.chain.past import Past, PastBlock
from salus.adapters.chain.rpc import Rpc
from salus.core.consensus.engine import Engine
from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import ForkError, IntegrityError, NodeError, NotFoundError, UnavailableError
from salus.core.header import Header
from salus.core.state import BlockStamp

_SEEN_HEIGHTS = 256
"""Heights, counted from the highest, whose headers are remembered to notice two of one signer."""


@dataclass(frozen=True, slots=True)
class Link:
    """A checked block. `header` and `sealer` are absent of the block the follower began with."""

    snapshot: Snapshot
    header: Header | None = None
    sealer: bytes = b""

    @property
    def stamp(self) -> BlockStamp:
        """Number, hash and time."""
        return BlockStamp(self.snapshot.number, self.snapshot.hash, self.snapshot.timestamp)


class TrustedChain:
    """One node's chain, checked. Safe to use from several threads.

    `snapshot` is what is trusted to begin with: genesis, or what `keep` was last given. `keep` stores a new final
    snapshot durably. `halt` stores durably why an operator must decide; `halted` is that reason, once stored: the
    follower then goes no further.
    """

    def __init__(
        self,
        rpc: Rpc,
        engine: Engine,
        snapshot: Snapshot,
        keep: Callable[[Snapshot], None],
        *,
        halt: Callable[[str], None] | None = None,
        halted: str | None = None,
    ) -> None:
        self._headers = Headers(rpc)
        self._engine = engine
        self._past = Past(self._headers, engine)
        self._keep = keep
        self._halt = halt
        self._halted = halted
        self._lock = threading.Lock()
        self._walking = threading.Lock()
        self._trail: tuple[Link, ...] = (Link(snapshot),)
        self._seen: dict[int, list[Link]] = {snapshot.number: [self._trail[0]]}
        self._remember(self._trail)

    @property
    def engine(self) -> Engine:
        """The engine whose rules are applied."""
        return self._engine

    # the present

    def advance(self) -> None:
        """Follow the node to its newest block.

        Raises:
            ForkError: the node's chain does not lead on from the final block, or sealers broke the engine's promise.
            NodeError: a header does not hold.
            UnavailableError: the node is away.
        """
        self._require_going()
        tip = self._trail[-1]
        newest = self._headers.newest(tip.snapshot.hash)
        if newest is None:
            return  # the name alone is believed: it is that of a block which was checked
        with self._lock:
            self._require_going()
            if self._trail[-1] is not tip:  # another thread was faster: what was newest may lie below our final block
                newest = self._headers.newest(self._trail[-1].snapshot.hash)
            if newest is not None:
                self._follow(newest)

    def head(self) -> BlockStamp:
        """Newest block that was checked."""
        return self._trail[-1].stamp

    def final(self) -> BlockStamp:
        """Newest final block that was checked."""
        return self._trail[0].stamp

    def snapshot(self) -> Snapshot:
        """The engine's state at the final block."""
        return self._trail[0].snapshot

    # the past

    def state_root(self, block_hash: bytes) -> bytes:
        """State root of a checked block.

        Raises:
            UnavailableError: no block of that hash is on the chain that was checked (any more).
        """
        with self._lock:
            past = self._past.of_hash(block_hash)
        if past is None:
            raise UnavailableError("no block of that hash is on the checked chain any more: read the head again")
        return past.state_root

    def block(self, number: int) -> BlockStamp:
        """A block of the checked chain by number.

        Raises:
            NotFoundError: the chain is shorter.
            NodeError: the node shows another past than the one its headers name.
            UnavailableError: the node is away, or the block lies too far back.
        """
        with self._lock:
            for link in self._trail:
                if link.snapshot.number == number:
                    return link.stamp
            if number > self._trail[-1].snapshot.number or number < 0:
                raise NotFoundError(f"the chain has no block {number}")
            near = self._past.final_block(number)
        return near.stamp if near.stamp.number == number else self._older_block(number)

    def _older_block(self, number: int) -> BlockStamp:
        """A block before those that are remembered. It may take minutes, in which the present goes on."""
        with self._walking:
            with self._lock:
                near = self._past.final_block(number)
            if near.stamp.number == number:
                return near.stamp
            found = self._past.walk_back(near, number)
        with self._lock:
            self._past.remember_older(found)
        return found.stamp

    # following

    def _require_going(self) -> None:
        if self._halted is not None:
            raise ForkError(self._halted)

    def _follow(self, newest: Header) -> None:
        """Check headers batch by batch from the tip, or from the final block where the node reorganised."""
        final, tip = self._trail[0].snapshot, self._trail[-1].snapshot
        if newest.number < final.number:
            raise ForkError(f"the node's chain ends at block {newest.number}, below the final block {final.number}")
        try:
            newest_hash = self._engine.hash(newest)
        except IntegrityError as error:
            raise NodeError(f"the node shows a header that does not hold: {error}") from error
        if newest_hash == final.hash:
            return  # the node fell behind, as far as to our final block
        grown = self._trail
        batch = [newest] if newest.number == tip.number + 1 else self._headers.between(tip.number + 1, newest.number)
        if not batch or batch[0].parent_hash != tip.hash:
            grown = self._trail[:1]
            batch = self._headers.between(final.number + 1, newest.number) or [newest]
            if batch[0].parent_hash != final.hash:
                self._accuse_fork(final)
                raise ForkError(f"the node's chain does not lead on from the final block {final.number}")
        while batch and batch[0].parent_hash == grown[-1].snapshot.hash:
            grown = self._checked(grown, batch)
            # A lighter branch than the one that was followed is what a node shows that fell behind, or hides blocks.
            if grown[: len(self._trail)] == self._trail or _weight(grown) >= _weight(self._trail):
                grown = self._adopt(grown)
            batch = self._headers.between(grown[-1].snapshot.number + 1, newest.number)

    def _checked(self, links: tuple[Link, ...], headers: Sequence[Header]) -> tuple[Link, ...]:
        """Links with headers added, each checked against the one before."""
        grown = list(links)
        for header in headers:
            try:
                snapshot = self._engine.follow(grown[-1].snapshot, header)
                link = Link(snapshot, header, self._engine.sealer(header))
            except IntegrityError as error:
                raise NodeError(f"the node shows a header that does not hold: {error}") from error
            self._accuse(link)
            grown.append(link)
        return tuple(grown)

    def _adopt(self, links: tuple[Link, ...]) -> tuple[Link, ...]:
        """Make checked links the trail, from their newest final block on; that is kept first."""
        index = self._engine.final([link.snapshot for link in links], [link.sealer for link in links])
        if index:
            self._keep(links[index].snapshot)
        self._remember(links, final=index)
        self._trail = links[index:]
        return self._trail

    def _remember(self, links: Sequence[Link], *, final: int = 0) -> None:
        for index, link in enumerate(links):
            parent = None if link.header is None else link.header.parent_hash
            self._past.remember(PastBlock(link.stamp, link.snapshot.state_root, parent), final=index <= final)

    # sealers that broke the engine's promise

    def _accuse(self, link: Link) -> None:
        """Stop if a sealer of this block sealed another one beside it; remember it else."""
        height = link.snapshot.number
        others = self._seen.setdefault(height, [])
        if any(other.snapshot.hash == link.snapshot.hash for other in others):
            return
        for other in others:
            if other.header is not None and link.header is not None and self._breaks(other.header, link.header):
                self._stop(
                    f"account 0x{link.sealer.hex()} sealed two blocks at height {height} on one parent: "
                    f"0x{other.snapshot.hash.hex()} and 0x{link.snapshot.hash.hex()}"
                )
        others.append(link)
        for old in [number for number in self._seen if number <= height - _SEEN_HEIGHTS]:
            del self._seen[old]

    def _breaks(self, one: Header, other: Header) -> bool:
        try:
            return self._engine.equivocation(one, other)
        except IntegrityError:
            return False  # both were checked: an engine that finds one malformed now sees no promise in them

    def _accuse_fork(self, final: Snapshot) -> None:
        """Look for the block where the node's chain leaves ours, for it may be one that a sealer sealed beside ours."""
        shown = self._headers.between(max(0, final.number - BATCH + 1), final.number)
        for header in shown:
            before = [
                link for link in self._seen.get(header.number - 1, []) if link.snapshot.hash == header.parent_hash
            ]
            if before:
                self._checked((before[0],), [header])

    def _stop(self, reason: str) -> None:
        if self._halt is not None:
            self._halt(reason)
        self._halted = reason
        raise ForkError(reason)


def _weight(links: Sequence[Link]) -> int:
    """Difficulty of what stands on the first."""
    return sum(link.header.difficulty for link in links[1:] if link.header is not None)
