"""A member's node that lies to the others' tools: it must not make them erase, leave out or misname what is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest

from salus.adapters.content.car import DAG_CBOR, DAG_PB, RAW, Block, Cid, batch_links, batch_root, raw_block, raw_cid
from salus.adapters.content.kubo import KuboStore
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.content.unixfs import Piece, file_pieces, file_root
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256


class FakeNode(KuboNode):
    """A node's blocks, pins and names in memory, with the behaviour that `KuboNode` promises."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.blocks = dict[bytes, bytes]()
        self.pinned = set[Cid]()
        self.names = dict[bytes, Cid]()
        self.marks = set[bytes]()
        self.taken = list[int]()
        self.takes = 0
        self.is_full = False
        self.is_spare = False

    def greet(self) -> None: ...

    def close(self) -> None: ...

    def block(self, cid: Cid, fetch: float = 0) -> bytes:
        if cid.digest not in self.blocks:
            raise NotFoundError("not here")
        return self.blocks[cid.digest]

    def store(self, root: Cid, blocks: Iterable[Block], *, pin: bool = True) -> None:
        self.blocks |= {block.cid.digest: block.data for block in blocks}
        if pin:
            self.pinned.add(root)

    def pin(self, root: Cid, fetch: float) -> None:
        if self.is_full:
            raise UnavailableError("no room")
        if self.taken or self.is_spare:
            self.pinned.add(root)
            return
        if any(cid.digest not in self.blocks for cid in (root, *self._named(root))):
            raise NotFoundError("something is missing")
        self.pinned.add(root)

    def unpin(self, root: Cid) -> None:
        self.pinned.discard(root)

    def repin(self, old: Cid, new: Cid) -> bool:
        if old not in self.pinned:
            return False
        self.pinned = (self.pinned - {old}) | {new}
        return True

    def store_archive(self, root: Cid, car: bytes, *, pin: bool = True) -> None:
        if self.is_full:
            raise UnavailableError("no room")
        self.taken.append(len(car))

    def size(self) -> int:
        return self.takes

    def pins(self) -> list[Cid]:
        return sorted(self.pinned, key=bytes)

    def pinned_by(self, cid: Cid) -> Cid | None:
        return next((root for root in self.pins() if cid == root or cid in self._named(root)), None)

    def remove(self, cids: Sequence[Cid]) -> set[Cid]:
        for cid in cids:
            if self.pinned_by(cid) is not None:
                raise UnavailableError("pinned")
        return {cid for cid in cids if self.blocks.pop(cid.digest, None) is not None}

    def present(self) -> Iterator[bytes]:
        return iter(list(self.blocks))

    def damaged(self) -> Iterator[bytes]:
        return (digest for digest, data in self.blocks.items() if sha256(data) != digest)

    def files(self) -> list[bytes]:
        return list(self.names)

    def file_of(self, digest: bytes) -> Cid | None:
        return self.names.get(digest)

    def name_file(self, digest: bytes, root: Cid) -> None:
        self.names[digest] = root

    def unname_file(self, digest: bytes) -> None:
        self.names.pop(digest, None)

    def mark_erased(self, digest: bytes) -> None:
        self.marks.add(digest)

    def erased(self) -> list[bytes]:
        return list(self.marks)

    def _named(self, root: Cid) -> list[Cid]:
        body = self.blocks.get(root.digest, b"")
        if root.codec == DAG_CBOR:
            return [raw_cid(digest) for digest in batch_links(body)]
        return [piece.cid for piece in file_pieces(body)] if root.codec == DAG_PB else []


Swarm = tuple[FakeNode, FakeNode, FakeNode]
BLOCKS = [raw_block(text) for text in (b"sealed one", b"sealed two", b"sealed three")]
ROOT = batch_root(block.cid.digest for block in BLOCKS)


@pytest.fixture
def nodes() -> Swarm:
    """Two honest nodes with a batch, and one more."""
    made = FakeNode("a"), FakeNode("b"), FakeNode("c")
    for node in made[:2]:
        node.store(ROOT.cid, [ROOT, *BLOCKS])
    return made


@pytest.fixture
def store(nodes: Swarm) -> Iterator[KuboStore]:
    opened = KuboStore(nodes)
    yield opened
    opened.close()


def test_check__one_node_says_that_all_was_erased__erases_nothing_and_tells(store: KuboStore, nodes: Swarm) -> None:
    nodes[2].marks = {block.cid.digest for block in BLOCKS}
    found = store.check(repair=True)
    for node in nodes[:2]:
        assert {block.cid.digest for block in BLOCKS} <= node.blocks.keys()
        assert node.marks == set()
    assert (found.disputed, found.is_sound) == (3, False)
    assert set(store.digests()) == {block.cid.digest for block in BLOCKS}
    assert store.erased() == set()


def test_check__most_nodes_say_that_one_was_erased__it_is_gone_at_the_one_that_was_away(
    store: KuboStore, nodes: Swarm
) -> None:
    doomed = BLOCKS[0].cid.digest
    nodes[2].store(ROOT.cid, [ROOT, *BLOCKS])
    away, nodes[2].pinned = set(nodes[2].pinned), set()
    kept = dict(nodes[2].blocks)
    nodes[2].blocks = {}
    store.erase(doomed)
    nodes[2].marks, nodes[2].pinned, nodes[2].blocks = set(), away, kept
    found = store.check(repair=True)
    assert (found.returned, found.repaired, found.disputed) == (1, 1, 0)
    assert all(doomed not in node.blocks and doomed in node.marks for node in nodes)
    assert store.erased() == {doomed}


def test_check__two_files_named_for_one_envelope__the_true_one_is_named_everywhere(
    store: KuboStore, nodes: Swarm
) -> None:
    parts = [raw_block(b"first part "), raw_block(b"second part")]
    true = file_root(Piece(block.cid, len(block.data)) for block in parts)
    digest = sha256(b"".join(block.data for block in parts))
    false = file_root([Piece(parts[1].cid, len(parts[1].data))])
    for node in nodes[:2]:
        node.store(true.cid, [true, *parts])
        node.names[digest] = true.cid
    nodes[2].store(false.cid, [false, parts[1]])
    nodes[2].names[digest] = false.cid
    store.check(repair=True)
    assert [node.names[digest] for node in nodes[:2]] == [true.cid, true.cid]
    assert b"".join(store.stream(digest)) == b"first part second part"


@pytest.mark.parametrize("how", ["erased", "checked"])
def test_erase__a_node_names_another_records_file__that_file_stays(store: KuboStore, nodes: Swarm, how: str) -> None:
    parts = [raw_block(b"of another "), raw_block(b"record")]
    theirs = file_root(Piece(block.cid, len(block.data)) for block in parts)
    other, doomed = sha256(b"of another record"), BLOCKS[0].cid.digest
    for node in nodes[:2]:
        node.store(theirs.cid, [theirs, *parts])
        node.names[other] = theirs.cid
    nodes[2].names[doomed] = theirs.cid
    nodes[2].marks.add(doomed)
    if how == "erased":
        assert not store.erase(doomed).unreached
    else:
        for node in nodes[:2]:
            node.marks.add(doomed)
        store.check(repair=True)
    assert all(doomed not in node.blocks for node in nodes)
    assert b"".join(store.stream(other)) == b"of another record"
    assert all(theirs.cid in node.pinned for node in nodes[:2])


def test_erase__cut_off_after_some_pieces__the_next_one_takes_the_rest(store: KuboStore, nodes: Swarm) -> None:
    parts = [raw_block(b"first part "), raw_block(b"second part")]
    file = file_root(Piece(block.cid, len(block.data)) for block in parts)
    digest = sha256(b"first part second part")
    for node in nodes[:2]:
        node.store(file.cid, [file, *parts])
        node.names[digest] = file.cid
        node.marks.add(digest)
        node.unpin(file.cid)
        node.remove([parts[0].cid])
    assert not store.erase(digest).unreached
    assert not any({file.cid.digest, parts[1].cid.digest} & node.blocks.keys() or node.names for node in nodes)


def test_stream__a_node_names_a_file_for_a_small_envelope__the_block_is_read(store: KuboStore, nodes: Swarm) -> None:
    nodes[0].names[BLOCKS[0].cid.digest] = ROOT.cid
    assert b"".join(store.stream(BLOCKS[0].cid.digest)) == b"sealed one"


def test_get__a_node_sends_other_bytes__another_one_is_asked(store: KuboStore, nodes: Swarm) -> None:
    nodes[0].blocks[BLOCKS[0].cid.digest] = b"forged"
    assert store.get(BLOCKS[0].cid.digest) == b"sealed one"
    nodes[1].blocks[BLOCKS[0].cid.digest] = b"forged too"
    with pytest.raises(IntegrityError):
        store.get(BLOCKS[0].cid.digest)


@pytest.mark.parametrize("codec", [RAW, DAG_CBOR, DAG_PB])
def test_check__a_node_pins_what_is_none_of_ours__nothing_of_ours_is_lost(
    store: KuboStore, nodes: Swarm, codec: int
) -> None:
    for body in (b"", b"\x9a\xff\xff\xff\xff", b"\x81" * 2000, b"\x0a\xff\xff\xff\xff\x0f", ROOT.data[:-1]):
        strange = Cid(codec, sha256(body))
        nodes[2].blocks[strange.digest] = body
        nodes[2].pinned.add(strange)
    store.check(repair=True)
    assert {block.cid.digest for block in BLOCKS} <= set(store.digests())
    assert all(store.get(block.cid.digest) == block.data for block in BLOCKS)


def test_put_stream__a_spare_node_near_its_quota__does_not_fetch_the_whole_file(nodes: Swarm) -> None:
    for node in nodes:
        node.is_spare = True
    nodes[1].is_full, nodes[2].takes = True, (10 << 20) - 1
    store = KuboStore(nodes, copies=2, quota=10 << 20)
    try:
        with pytest.raises(UnavailableError, match=r"quota|no room"):  # by chance either is the spare one
            store.put_stream([bytes(3 << 20)])
    finally:
        store.close()
    assert not any(root.codec == DAG_PB for root in nodes[2].pinned)
