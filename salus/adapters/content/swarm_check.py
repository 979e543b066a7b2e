"""Every copy at every node looked at: damaged, missing, too few, or back after they were erased; and made good.

Nodes list what they pin, what they have and what they find damaged; a batch's root says which envelopes should be
there. What one node still pins all should know, so a node that lost its disk is filled again from the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from salus.adapters.content.car import DAG_CBOR, DAG_PB, RAW, Block, Cid, batch_root, raw_cid
from salus.adapters.content.erasing import erase_at, put_right
from salus.adapters.content.holding import Findings, Progress
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.content.linked import files_holding, holds, name_at, pieces_of
from salus.adapters.content.members import Members
from salus.core.errors import NotFoundError, SalusError, UnavailableError

_Fault = tuple[str, bytes]
_AT_ONCE = 16
_PIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _View:
    """What one node says of itself."""

    node: KuboNode
    pins: frozenset[Cid]
    present: frozenset[bytes]
    damaged: frozenset[bytes]
    files: dict[bytes, Cid]
    erased: frozenset[bytes]

    def has(self, digest: bytes) -> bool:
        """Whether it has a block whole."""
        return digest in self.present and digest not in self.damaged


@dataclass(frozen=True, slots=True)
class _Batch:
    """A pinned root: what it stands for (digests of envelopes) and the blocks it needs, itself among them.

    `names_erased`: it names others too, which must not be copied with it.
    """

    root: Cid
    envelopes: tuple[bytes, ...]
    blocks: tuple[Cid, ...]
    names_erased: bool


@dataclass(slots=True)
class _Tally:
    """Faults, each by its node (none for too few copies) and digest, and those that are good again."""

    damaged: set[_Fault] = field(default_factory=set)
    missing: set[_Fault] = field(default_factory=set)
    short: set[_Fault] = field(default_factory=set)
    returned: set[_Fault] = field(default_factory=set)
    repaired: int = 0
    lost: set[bytes] = field(default_factory=set)


def check(members: Members, expected: Iterable[bytes], progress: Progress, *, repair: bool) -> Findings:
    """Look at everything; with `repair`, make good what can be.

    Nodes that don't answer are named in what comes back; their copies count for nothing.

    Raises:
        UnavailableError: no node answers.
    """
    answering = members.answering()
    views = _look(members, answering, progress)
    tally = _Tally()
    _bury(members, views, tally, repair=repair)
    if repair and tally.returned:
        views = _look(members, answering, progress)
    erased = members.agreed(view.erased for view in views)
    batches = list(_batches(members, views, erased, tally))
    for number, batch in enumerate(batches, 1):
        _Judged(members, views, batch).tell(tally, repair=repair)
        progress("batches looked at", number, len(batches))
    envelopes = {digest for batch in batches for digest in batch.envelopes}
    tally.lost |= {digest for digest in expected if digest not in envelopes and digest not in erased}
    seen = {view.node.name for view in views}
    claimed = frozenset[bytes]().union(*(view.erased for view in views)) - erased
    return Findings(
        envelopes=len(envelopes),
        copies_wanted=members.copies,
        damaged=len(tally.damaged),
        missing=len(tally.missing),
        short=len(tally.short),
        returned=len(tally.returned),
        repaired=tally.repaired,
        disputed=len(envelopes & claimed),
        lost=tuple(sorted(tally.lost)),
        unreached=tuple(node.name for node in members.nodes if node.name not in seen),
    )


def _look(members: Members, nodes: Sequence[KuboNode], progress: Progress) -> list[_View]:
    progress("nodes listed", 0, len(nodes))
    views = [view for view in members.on(nodes, _view) if view is not None]
    if not views:
        raise UnavailableError("no content node answers")
    progress("nodes listed", len(views), len(nodes))
    return views


def _view(node: KuboNode) -> _View | None:
    try:
        files = {digest: root for digest in node.files() if (root := node.file_of(digest)) is not None}
        pins, erased = frozenset(node.pins()), frozenset(node.erased())
        return _View(node, pins, frozenset(node.present()), frozenset(node.damaged()), files, erased)
    except UnavailableError:
        return None


def _bury(members: Members, views: list[_View], tally: _Tally, *, repair: bool) -> None:
    """What was erased at most nodes must be gone at all, named by no root, and be known as erased there."""
    erased = members.agreed(view.erased for view in views)
    named = defaultdict[bytes, set[Cid]](set)
    for root in frozenset[Cid]().union(*(view.pins for view in views)) if erased else ():
        with suppress(SalusError):  # a root that can't be read is told of later
            for digest in erased.intersection(members.named_by(root)):
                named[digest].add(root)
    for digest in erased:
        names = {view.node: view.files[digest] for view in views if digest in view.files}
        files = dict[KuboNode, dict[Cid, list[Cid]]]()
        for view in views if repair else ():  # before the first piece is gone anywhere
            with suppress(SalusError):
                files[view.node] = files_holding(members, digest, names, view.node)
        for view in views:
            is_back = digest in view.present or digest in view.files or bool(named[digest] & view.pins)
            if is_back:
                tally.returned.add((view.node.name, digest))
            if view.node in files and (is_back or digest not in view.erased):
                try:
                    erase_at(view.node, digest, members.block, files[view.node])
                except SalusError:
                    continue  # counted as returned, not as repaired
                tally.repaired += is_back


def _batches(members: Members, views: list[_View], erased: frozenset[bytes], tally: _Tally) -> Iterator[_Batch]:
    names = defaultdict[Cid, set[bytes]](set)
    for view in views:
        for digest, root in view.files.items():
            names[root].add(digest)
    for root in sorted(frozenset[Cid]().union(*(view.pins for view in views)) | names.keys(), key=bytes):
        if root.codec == DAG_PB and root not in names:
            continue  # cut short before it had a name
        try:
            pieces = [piece.cid for piece in pieces_of(members, root)] if root.codec == DAG_PB else []
            named = set(names[root]) if pieces else set(members.named_by(root))
        except SalusError:
            tally.lost |= (set(names[root]) or {root.digest}) - erased
            continue
        digests = named - erased
        if not digests:
            continue
        blocks = pieces or [raw_cid(digest) for digest in sorted(digests)]
        yield _Batch(
            root,
            tuple(sorted(digests)),
            tuple(blocks if root.codec == RAW else [root, *blocks]),
            names_erased=digests != named,
        )


class _Judged:
    """One batch and its copies."""

    def __init__(self, members: Members, views: list[_View], batch: _Batch) -> None:
        self._members = members
        self._batch = batch
        self._views = views
        self._lost = {cid for cid in batch.blocks if not any(view.has(cid.digest) for view in views)}

    def tell(self, tally: _Tally, *, repair: bool) -> None:
        """Add faults to the tally, and make them good."""
        batch, lost = self._batch, self._lost
        is_file = batch.root.codec == DAG_PB
        tally.lost |= set(batch.envelopes) if is_file and lost else {cid.digest for cid in lost}
        for view in self._holders():
            bad = [cid for cid in batch.blocks if not view.has(cid.digest)]
            for cid in bad:
                (tally.damaged if cid.digest in view.damaged else tally.missing).add((view.node.name, cid.digest))
            mendable = [cid for cid in bad if cid not in lost]
            if repair and mendable and self._restore(view.node, mendable):
                tally.repaired += len(mendable)
                self._pin_again(view.node)
        wanted = self._members.copies - len(self._holders())
        if wanted > 0:
            tally.short |= {("", digest) for digest in batch.envelopes}
            if repair and sum(self._copy(node) for node in self._others()[:wanted]) == wanted:
                tally.repaired += len(batch.envelopes) if not is_file else 1 - bool(lost)
        if repair and is_file and not lost:
            self._name()

    def _holders(self) -> list[_View]:
        return [view for view in self._views if self._batch.root in view.pins]

    def _others(self) -> list[KuboNode]:
        free = {view.node.name for view in self._views} - {view.node.name for view in self._holders()}
        return [node for node in self._members.order(self._batch.root) if node.name in free]

    def _restore(self, node: KuboNode, cids: Sequence[Cid]) -> bool:
        """Bring whole blocks to a node from the others."""
        try:
            waiting = iter(cids)
            while group := list(islice(waiting, _AT_ONCE)):
                put_right(node, [Block(cid, self._members.block(cid)) for cid in group])
        except SalusError:
            return False
        return True

    def _copy(self, node: KuboNode) -> bool:
        """Make a node one more holder: it fetches from its peers what is left of the batch, or is sent it."""
        root, whole = self._batch.root, [cid for cid in self._batch.blocks if cid not in self._lost]
        is_whole = not self._lost and not self._batch.names_erased
        if not is_whole:
            if root.codec != DAG_CBOR or len(whole) < 2:
                return False
            smaller = batch_root(cid.digest for cid in whole if cid != root)
            root = smaller.cid
        try:
            node.store(root, [Block(root, self._members.block(root)) if is_whole else smaller], pin=False)
            try:
                node.pin(root, _PIN_SECONDS)
            except (NotFoundError, UnavailableError):
                if not self._restore(node, [cid for cid in whole if cid != self._batch.root]):
                    return False
                node.pin(root, _PIN_SECONDS)
        except SalusError:
            return False
        return True

    def _pin_again(self, node: KuboNode) -> None:
        """A pin is gone where its batch was stored again over a damaged block."""
        with suppress(SalusError):  # short at the next check
            if not self._lost and not self._batch.names_erased:
                node.pin(self._batch.root, _PIN_SECONDS)

    def _name(self) -> None:
        root = Block(self._batch.root, self._members.block(self._batch.root))
        for digest in self._batch.envelopes:
            without = [view.node for view in self._views if view.files.get(digest) != root.cid]
            if not without or not holds(self._members, root.cid, digest):
                continue  # one node's word must not rename it at all others
            for node in without:
                with suppress(UnavailableError):  # it reads by other nodes' names until the next check
                    name_at(node, digest, root)
