"""The nodes of a swarm as one: whom to read from, whom to write to, who rests.

A node that doesn't answer rests for some seconds, so that one that hangs costs its patience once; the others stand in.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from salus.adapters.content.car import DAG_CBOR, RAW, Cid, batch_links
from salus.adapters.content.kubo_node import KuboNode
from salus.core.cid import cid_of
from salus.core.errors import InputError, IntegrityError, NotFoundError, SalusError, SetupError, UnavailableError
from salus.core.hashing import sha256

T = TypeVar("T")
FETCH_SECONDS = 3.0
"""How long a node may look for a block with peers that have no address here."""
_REST_SECONDS = 5.0
_SIZE_SECONDS = 10.0
_REFUSAL_SECONDS = 45.0
"""How long a node that could not store something counts as one that would not: writers try again sooner than that."""


class Members:
    """Nodes, the nearest first. Safe to use from several threads.

    `copies` is how many of them must have an envelope before it is stored, `quota` the bytes a node's repository may
    take (None: no limit here).
    """

    def __init__(self, nodes: Sequence[KuboNode], copies: int, quota: int | None = None) -> None:
        if not 1 <= copies <= len(nodes):
            raise SetupError(f"{copies} copies need as many content nodes, and {len(nodes)} are named")
        self.nodes = tuple(nodes)
        self.copies = copies
        self._quota = quota
        self._resting: dict[str, float] = {}
        self._sizes: dict[str, tuple[float, int]] = {}
        self._refusals: dict[str, tuple[float, str]] = {}
        self._pool = ThreadPoolExecutor(max(8, 3 * len(nodes)), thread_name_prefix="content")

    def close(self) -> None:
        """Let go of connections and threads."""
        self._pool.shutdown()
        for node in self.nodes:
            node.close()

    def each(self, do: Callable[[KuboNode], T]) -> list[T]:
        """Something done with every node, side by side; results in the nodes' order."""
        return self.on(self.nodes, do)

    def on(self, nodes: Sequence[KuboNode], do: Callable[[KuboNode], T]) -> list[T]:
        """Something done with some nodes, side by side; results in their order."""
        return list(self._pool.map(do, nodes))

    def answering(self) -> list[KuboNode]:
        """Nodes that answer now."""
        return [node for node, is_up in zip(self.nodes, self.each(KuboNode.alive), strict=True) if is_up]

    def agreed(self, said: Iterable[Iterable[bytes]]) -> frozenset[bytes]:
        """Of digests that nodes say were erased, those that more than half of all nodes say.

        One node's word alone would let its owner have everything erased at all the others. An erasure that reached
        fewer is not done, and whoever ordered it tries again.
        """
        votes = Counter(digest for digests in said for digest in set(digests))
        return frozenset(digest for digest, count in votes.items() if 2 * count > len(self.nodes))

    # reading

    def block(self, cid: Cid, fetch: float = FETCH_SECONDS) -> bytes:
        """A block, hashed here, from the first node that has it whole; if none has, from peers of a node that answers,
        which gets `fetch` seconds to find it.

        Raises:
            NotFoundError: nobody that was asked has it, and all answered.
            IntegrityError: only damaged copies are left.
            UnavailableError: the nodes that answer haven't got it, and others don't answer.
        """
        damaged, away, empty = [], [], []
        for node in self._reading():
            try:
                return self._whole(node, cid)
            except NotFoundError:
                empty.append(node)
            except IntegrityError:
                damaged.append(node.name)
            except UnavailableError:
                self.rest(node)
                away.append(node.name)
        if damaged:
            raise IntegrityError(f"the copy of {cid} at {', '.join(damaged)} is damaged, and no other is at hand")
        try:
            if empty and fetch:
                return self._whole(empty[0], cid, fetch)
        except (NotFoundError, UnavailableError):
            pass
        if away:
            raise UnavailableError(f"{cid} is not at the content nodes that answer; {', '.join(away)} did not")
        raise NotFoundError(f"no content node has {cid}")

    def later(self, cid: Cid) -> Callable[[], bytes]:
        """A block asked for now and awaited by calling what comes back."""
        return self._pool.submit(self.block, cid).result

    def file_of(self, digest: bytes) -> Cid | None:
        """Root of the file of linked blocks that stands for an envelope, None when there is none.

        Raises:
            UnavailableError: no node that answers knows one, and others don't answer.
        """
        away = []
        for node in self._reading():
            try:
                root = node.file_of(digest)
            except UnavailableError:
                self.rest(node)
                away.append(node.name)
            else:
                if root is not None:
                    return root
        if away:
            raise UnavailableError(
                f"{cid_of(digest)} is not at the content nodes that answer; {', '.join(away)} did not"
            )
        return None

    def named_by(self, root: Cid) -> list[bytes]:
        """Digests of the raw blocks a pinned root stands for: itself, or those of a batch; none for a file, nor for
        what a node's owner pins for other ends.

        Raises:
            NotFoundError, IntegrityError, UnavailableError: as `block`.
        """
        if root.codec == RAW:
            return [root.digest]
        try:
            return batch_links(self.block(root)) if root.codec == DAG_CBOR else []
        except InputError:
            return []

    def rest(self, node: KuboNode) -> None:
        """Leave a node alone for some seconds, where others will do."""
        self._resting[node.name] = time.monotonic() + _REST_SECONDS

    def _whole(self, node: KuboNode, cid: Cid, fetch: float = 0) -> bytes:
        data = node.block(cid, fetch)
        if sha256(data) != cid.digest:
            raise IntegrityError(f"{node.name} sent other bytes than {cid}")
        return data

    def _reading(self) -> list[KuboNode]:
        return sorted(self.nodes, key=self._is_resting)

    def _is_resting(self, node: KuboNode) -> bool:
        return self._resting.get(node.name, 0) > time.monotonic()

    # writing

    def order(self, root: Cid) -> list[KuboNode]:
        """Nodes as they are written to: the nearest, then by the root, so that all fill alike; who rests comes last."""
        own, *others = self.nodes
        start = root.digest[0] % len(others) if others else 0
        return sorted([own, *others[start:], *others[:start]], key=self._is_resting)

    def spread(self, order: Sequence[KuboNode], size: int, store: Callable[[KuboNode], None]) -> None:
        """Store `size` bytes at `copies` nodes side by side, at the next in order for each that can't.

        Raises:
            UnavailableError: too few could.
        """
        done, failed, waiting = 0, list[str](), list(order)
        while done < self.copies:
            wave, waiting = waiting[: self.copies - done], waiting[self.copies - done :]
            if not wave:
                raise UnavailableError(f"{done} of {self.copies} copies could be made: {'; '.join(failed)}")
            for why in self._pool.map(lambda node: self.tried(node, size, store), wave):
                done += why is None
                failed += [why] if why is not None else []

    def require_room(self) -> None:
        """Whether `copies` nodes would take an envelope now: they answer, have quota, and took the last one they got.

        A node on a full disk answers as ever, and does not say how much room its disk has.

        Raises:
            UnavailableError: fewer; says why.
        """
        said = [why for why in self.each(self._not_ready) if why]
        if len(self.nodes) - len(said) < self.copies:
            raise UnavailableError(f"fewer than {self.copies} content nodes are ready: {'; '.join(said)}")

    def _not_ready(self, node: KuboNode) -> str | None:
        at, refused = self._refusals.get(node.name, (float("-inf"), ""))
        if time.monotonic() - at < _REFUSAL_SECONDS:
            return refused
        try:
            node.greet()
            return self.over_quota(node, 1)
        except UnavailableError as error:
            return str(error)

    def tried(self, node: KuboNode, size: int, store: Callable[[KuboNode], None]) -> str | None:
        """Store `size` bytes at a node: why it could not, None when it did."""
        try:
            if (why := self.over_quota(node, size)) is not None:
                return why
            store(node)
        except UnavailableError as error:
            self.rest(node)
            self._refusals[node.name] = (time.monotonic(), str(error))
            return str(error)
        except SalusError as error:
            return f"{node.name}: {error}"
        self._refusals.pop(node.name, None)
        self._grown(node, size)
        return None

    def over_quota(self, node: KuboNode, size: int) -> str | None:
        """Why a node has no room for `size` bytes more; None when it has.

        Raises:
            UnavailableError: it does not say how full it is.
        """
        if self._quota is None or self._size(node) + size <= self._quota:
            return None
        return f"{node.name} has reached its quota of {self._quota} bytes"

    def _size(self, node: KuboNode) -> int:
        at, size = self._sizes.get(node.name, (float("-inf"), 0))
        if time.monotonic() - at > _SIZE_SECONDS:
            size = node.size()
            self._sizes[node.name] = (time.monotonic(), size)
        return size

    def _grown(self, node: KuboNode, size: int) -> None:
        if node.name in self._sizes:
            at, before = self._sizes[node.name]
            self._sizes[node.name] = (at, before + size)
