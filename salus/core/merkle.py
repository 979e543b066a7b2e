"""Merkle trees in the dialect of OpenZeppelin's StandardMerkleTree.

Leaves are hashed twice by their makers, sorted ascending, and stored as an array heap: `tree[2n - 2 - i]` is the i-th
sorted leaf, `tree[0]` the root; a parent is keccak of its children, smaller first. Source: @openzeppelin/merkle-tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from salus.core.errors import InputError, ProofError
from salus.core.hashing import Tag, keccak, words
from salus.core.ids import LeafHash, Root


def double_hash(encoded: bytes) -> bytes:
    """Leaf of an ABI-encoded value."""
    return keccak(keccak(encoded))


def _pair(a: bytes, b: bytes) -> bytes:
    return keccak(a + b if a < b else b + a)


class MerkleTree:
    """A tree over distinct or equal 32-byte leaves; the order they come in does not matter.

    Raises:
        InputError: no leaves.
    """

    __slots__ = ("_heap", "_leaves")

    def __init__(self, leaves: Iterable[bytes]) -> None:
        ordered = sorted(leaves)
        if not ordered:
            raise InputError("a Merkle tree needs at least one leaf")
        size = len(ordered)
        heap = [b""] * (2 * size - 1)
        for i, leaf in enumerate(ordered):
            heap[2 * size - 2 - i] = leaf
        for i in range(size - 2, -1, -1):
            a, b = heap[2 * i + 1], heap[2 * i + 2]
            heap[i] = keccak(a + b if a < b else b + a)  # `_pair`, without its call: batches come by the thousand
        self._heap = heap
        self._leaves = {leaf: 2 * size - 2 - i for i, leaf in enumerate(ordered)}

    @property
    def root(self) -> Root:
        """Root of the tree, 32 bytes."""
        return Root(self._heap[0])

    def proof(self, leaf: bytes) -> tuple[bytes, ...]:
        """Siblings from the leaf up.

        Raises:
            ProofError: the leaf is not in this tree.
        """
        if leaf not in self._leaves:
            raise ProofError("the leaf is not in this tree")
        path, i = [], self._leaves[leaf]
        while i:
            path.append(self._heap[i + 1 if i % 2 else i - 1])
            i = (i - 1) // 2
        return tuple(path)


def check_proof(leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is under a root.

    Raises:
        ProofError: the path leads elsewhere.
    """
    node = leaf
    for sibling in proof:
        node = _pair(node, sibling)
    if node != root:
        raise ProofError("the Merkle path does not lead to the root")


def records_leaf(leaf: LeafHash) -> bytes:
    """Leaf of the records tree of an access."""
    return double_hash(words(Tag.RECORDS, leaf))


def records_root(leaves: Iterable[LeafHash]) -> Root:
    """Root an access names for the record versions it asks for."""
    return MerkleTree(records_leaf(leaf) for leaf in leaves).root
