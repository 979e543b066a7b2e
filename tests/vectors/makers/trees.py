"""Roots and proofs of trees over given leaves (protocol section 3; OpenZeppelin StandardMerkleTree)."""

from __future__ import annotations

from salus.core.merkle import MerkleTree
from tests.vectors.samples import Json, case, hexed, raw32


def make() -> list[Json]:
    """Leaves come unsorted, as hashed by their makers; proofs are in the order of the leaves."""
    sizes = (1, 2, 3, 4, 5, 7, 8, 9, 16, 33)
    cases = [_tree(f"{size} leaves", [raw32(f"leaf {size} {i}") for i in range(size)]) for size in sizes]
    cases.append(_tree("one leaf three times", [raw32("again")] * 3))
    cases.append(_tree("lowest and highest leaf", [b"\xff" * 32, bytes(32)]))
    return cases


def _tree(name: str, leaves: list[bytes]) -> Json:
    tree = MerkleTree(leaves)
    proofs = [[hexed(node) for node in tree.proof(leaf)] for leaf in leaves]
    return case(name, {"leaves": [hexed(leaf) for leaf in leaves]}, {"root": hexed(tree.root), "proofs": proofs})
