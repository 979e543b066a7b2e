"""The `ContentStore` port in a private swarm of Kubo nodes: the same CIDs as in a folder, at several institutions.

Envelopes stored together travel as one archive with one root, which is pinned at `copies` nodes before they count as
stored. Envelopes above the largest block that peers exchange are files of linked blocks (`linked`). Whatever a node
sends is hashed again here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock

from salus.adapters.content import linked, swarm_check
from salus.adapters.content.car import Block, Cid, archive, batch_root, raw_cid
from salus.adapters.content.erasing import erase_at, put_right
from salus.adapters.content.holding import Findings, Progress, silent
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.content.members import Members
from salus.adapters.content.unixfs import PIECE
from salus.core.cid import cid_of
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ports import Erasure

MAX_BLOCK = 2 << 20
"""Bytes of the largest block that peers exchange."""
MOST_IN_BATCH = 1_000
_BATCH_BYTES = 16 << 20


class KuboStore:
    """Envelopes in a swarm. Safe to use from several threads and processes.

    `nodes` come the nearest first, `copies` is how many of them must have an envelope before it is stored, `quota` the
    bytes a node's repository may take (None: no limit here).
    """

    def __init__(self, nodes: Sequence[KuboNode], copies: int = 2, quota: int | None = None) -> None:
        self._members = Members(nodes, copies, quota)
        self._erasing = Lock()  # two erasures in one batch would each put its own root in the place of the batch's

    @property
    def copies(self) -> int:
        """How many nodes must have an envelope."""
        return self._members.copies

    @property
    def places(self) -> tuple[str, ...]:
        """Its nodes, as an erasure and a check name them."""
        return tuple(node.name for node in self._members.nodes)

    # the port

    def put(self, data: bytes) -> bytes:
        """Store durably at `copies` nodes; returns the SHA-256. A damaged copy of the same bytes is replaced there."""
        return self.put_many([data])[0]

    def put_many(self, blobs: Sequence[bytes]) -> list[bytes]:
        """Store several durably, in batches of one root each. Returns their digests in order.

        Raises:
            UnavailableError: fewer than `copies` nodes took a batch; what did is not taken back.
        """
        digests = [sha256(blob) for blob in blobs]
        unique = dict(zip(digests, blobs, strict=True))
        small = [Block(raw_cid(digest), blob) for digest, blob in unique.items() if len(blob) <= MAX_BLOCK]
        for batch in _batches(small):
            self._store(batch)
        for blob in unique.values():
            if len(blob) > MAX_BLOCK:
                self.put_stream(_pieces(blob))
        return digests

    def get(self, digest: bytes) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            NotFoundError: no node has it.
            IntegrityError: only damaged copies are left.
            UnavailableError: the nodes that answer haven't got it, and others don't answer.
        """
        with suppress(NotFoundError, UnavailableError):
            return self._members.block(raw_cid(digest), fetch=0)
        root = self._members.file_of(digest)
        if root is None:
            return self._members.block(raw_cid(digest))
        return b"".join(linked.read_linked(self._members, root, digest))

    def erase(self, digest: bytes) -> Erasure:
        """Unpin and remove at every node; what each said."""
        named, files = self._named(digest), dict[KuboNode, dict[Cid, list[Cid]]]()
        for node in self._members.nodes:  # before the first piece is gone anywhere
            with suppress(NotFoundError, UnavailableError):
                files[node] = linked.files_holding(self._members, digest, named, node)

        def at(node: KuboNode) -> bool | None:
            try:
                block = partial(self._members.block, fetch=0)
                return erase_at(node, digest, block, files[node]) if node in files else None
            except UnavailableError:
                return None

        with self._erasing:
            said = dict(zip(self._members.nodes, self._members.each(at), strict=True))
        removed, absent, unreached = (
            tuple(node.name for node, answer in said.items() if answer is word) for word in (True, False, None)
        )
        return Erasure(removed, absent, unreached)

    def delete(self, digest: bytes) -> bool:
        """Remove everywhere; False when no node had it.

        Raises:
            UnavailableError: a node did not answer, or refuses.
        """
        erasure = self.erase(digest)
        if erasure.unreached:
            raise UnavailableError(f"{', '.join(erasure.unreached)} may still have {cid_of(digest)}: erase it again")
        return bool(erasure.removed)

    # beyond the port

    def put_stream(self, pieces: Iterable[bytes]) -> bytes:
        """Store bytes that come in pieces, durably, without holding them all; returns the digest of the whole.

        Raises:
            UnavailableError: as `put_many`.
        """
        return linked.store_linked(self._members, pieces)

    def stream(self, digest: bytes) -> Iterator[bytes]:
        """The bytes in pieces of a MiB or less. The last comes only when the whole is what the digest says.

        Raises:
            NotFoundError, IntegrityError, UnavailableError: as `get`.
        """
        with suppress(NotFoundError, UnavailableError, IntegrityError):
            return _pieces(self._members.block(raw_cid(digest), fetch=0))
        root = self._members.file_of(digest)
        return _pieces(self.get(digest)) if root is None else linked.read_linked(self._members, root, digest)

    def digests(self) -> Iterator[bytes]:
        """Digests of what the swarm holds, each once.

        Raises:
            UnavailableError: a node doesn't answer: what only it holds would be left out.
        """
        seen, roots = self.erased(), set[Cid]()
        for node in self._members.nodes:
            new = [root for root in node.pins() if root not in roots]
            roots.update(new)
            found = [node.files(), *(self._members.named_by(root) for root in new)]
            for digest in (digest for digests in found for digest in digests):
                if digest not in seen:
                    seen.add(digest)
                    yield digest

    def erased(self) -> set[bytes]:
        """Digests that most nodes remember as erased.

        Raises:
            UnavailableError: a node doesn't answer.
        """
        return set(self._members.agreed(node.erased() for node in self._members.nodes))

    def check(self, *, repair: bool = False, expected: Iterable[bytes] = (), progress: Progress = silent) -> Findings:
        """Look at every copy at every node; with `repair`, make good what can be. `expected` must be there too."""
        return swarm_check.check(self._members, expected, progress, repair=repair)

    def ready(self) -> None:
        """Ask the nodes.

        Raises:
            UnavailableError: fewer than `copies` would take an envelope.
        """
        self._members.require_room()

    def close(self) -> None:
        """Let go of connections and threads."""
        self._members.close()

    def _named(self, digest: bytes) -> dict[KuboNode, Cid]:
        """Files that nodes name for an envelope; one that does not answer is unreached below, or is told later."""
        named = dict[KuboNode, Cid]()
        for node in self._members.nodes:
            with suppress(UnavailableError):
                if (root := node.file_of(digest)) is not None:
                    named[node] = root
        return named

    def _store(self, blocks: list[Block]) -> None:
        """Store a batch under one root; a single block is its own root."""
        root = batch_root(block.cid.digest for block in blocks) if len(blocks) > 1 else None
        cid = blocks[0].cid if root is None else root.cid
        car = archive(cid, blocks if root is None else [root, *blocks])

        def store(node: KuboNode) -> None:
            try:
                node.store_archive(cid, car)
            except IntegrityError:  # a damaged copy was here before
                put_right(node, blocks if root is None else [root, *blocks])
                node.store_archive(cid, car)

        self._members.spread(self._members.order(cid), len(car), store)


def _batches(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    batch, size = list[Block](), 0
    for block in blocks:
        if batch and (len(batch) == MOST_IN_BATCH or size + len(block.data) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(block)
        size += len(block.data)
    if batch:
        yield batch


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[place : place + PIECE] for place in range(0, len(data), PIECE))
