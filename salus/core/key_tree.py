"""A tree of keys from which single leaves can be taken away for good.

    child(node, bit) = HMAC-SHA-256(node, tag | bit)      key(leaf) = HMAC-SHA-256(leaf's node, tag | 2)

Whoever holds a node can make every key below it, and nothing beside or above it. A fresh tree holds its root only. To
take a leaf away, the node above it is replaced by the neighbours of the path from there to the leaf: every other key
can still be made, that one by nobody any more. So thousands of keys rest in 32 bytes until one of them must be
destroyed, and each destruction costs at most 32 nodes.

Source: Goldreich, Goldwasser, Micali, "How to construct random functions" (1986); puncturing as in Boneh, Waters,
"Constrained pseudorandom functions" (2013), section 3.
"""

from __future__ import annotations

import hmac
import struct
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from operator import itemgetter

from salus.core.errors import IntegrityError, NotFoundError

DEPTH = 32
"""Steps from the root to a leaf: leaves are numbered from 0 to 2^32 - 1."""
NODE_BYTES = 32
_TAG = b"salus.tree.v1"
_STEPS = (_TAG + b"\x00", _TAG + b"\x01")
_KEY = _TAG + b"\x02"
_ENTRY = struct.Struct(f">BI{NODE_BYTES}s")
_Place = tuple[int, int]


class KeyTree:
    """Nodes by place: depth (0 is the root) and number within that depth, from the left."""

    def __init__(self, nodes: Mapping[_Place, bytes]) -> None:
        self._nodes = dict(nodes)
        self._path: list[tuple[int, bytes]] = []  # number and node at each depth from `_base` on
        self._base = 0

    @classmethod
    def fresh(cls, root: bytes) -> KeyTree:
        """A tree with all leaves, from 32 random bytes."""
        return cls({(0, 0): root})

    @property
    def size(self) -> int:
        """How many nodes it holds; none is left once every leaf has been taken away."""
        return len(self._nodes)

    def key(self, leaf: int) -> bytes:
        """The 32-byte key of a leaf.

        Raises:
            NotFoundError: it was taken away.
        """
        return hmac.digest(self._walk(leaf), _KEY, "sha256")

    def without(self, leaves: Iterable[int]) -> KeyTree:
        """The same tree without some leaves; one that is gone already changes nothing."""
        nodes = dict(self._nodes)
        for leaf in leaves:
            if (top := _above(nodes, leaf)) is None:
                continue
            depth, node = top[0], nodes.pop(top)
            for step in range(depth, DEPTH):
                turn = leaf >> (DEPTH - 1 - step) & 1
                beside = (leaf >> (DEPTH - 1 - step)) ^ 1
                nodes[step + 1, beside] = hmac.digest(node, _STEPS[turn ^ 1], "sha256")
                node = hmac.digest(node, _STEPS[turn], "sha256")
        return KeyTree(nodes)

    def only(self, leaves: Iterable[int], onward: int) -> KeyTree:
        """The same tree with these leaves and all from `onward` on; what is gone already stays gone."""
        runs = _runs(leaves, onward)
        nodes: dict[_Place, bytes] = {}
        left = list(self._nodes.items())
        while left:
            (depth, number), node = left.pop()
            first = number << (DEPTH - depth)
            end = first + (1 << (DEPTH - depth))
            place = bisect_right(runs, first, key=itemgetter(1))  # the first run that ends behind it
            if place == len(runs) or runs[place][0] >= end:
                continue
            if runs[place][0] <= first and end <= runs[place][1]:
                nodes[depth, number] = node
                continue
            left += [((depth + 1, number << 1 | turn), hmac.digest(node, _STEPS[turn], "sha256")) for turn in (0, 1)]
        return KeyTree(nodes)

    def to_bytes(self) -> bytes:
        """Its nodes, each as depth u8, number u32 (a root's is 0) and 32 bytes, in order."""
        return b"".join(_ENTRY.pack(depth, number, node) for (depth, number), node in sorted(self._nodes.items()))

    @classmethod
    def from_bytes(cls, stored: bytes) -> KeyTree:
        """A stored tree.

        Raises:
            IntegrityError: no such bytes.
        """
        if len(stored) % _ENTRY.size:
            raise IntegrityError("a tree of keys has an odd length")
        nodes = {(depth, number): node for depth, number, node in _ENTRY.iter_unpack(stored)}
        if len(nodes) * _ENTRY.size != len(stored) or any(depth > DEPTH or number >> depth for depth, number in nodes):
            raise IntegrityError("a tree of keys has a node in no place")
        return cls(nodes)

    def _walk(self, leaf: int) -> bytes:
        """The node of a leaf. The last path is remembered: leaves are mostly asked for one after the other."""
        while self._path and self._path[-1][0] != leaf >> (DEPTH - self._deepest()):
            self._path.pop()
        if not self._path:
            if (top := _above(self._nodes, leaf)) is None:
                raise NotFoundError("this key was destroyed")
            self._base = top[0]
            self._path = [(top[1], self._nodes[top])]
        node = self._path[-1][1]
        for depth in range(self._deepest() + 1, DEPTH + 1):
            number = leaf >> (DEPTH - depth)
            node = hmac.digest(node, _STEPS[number & 1], "sha256")
            self._path.append((number, node))
        return node

    def _deepest(self) -> int:
        return self._base + len(self._path) - 1


def _runs(leaves: Iterable[int], onward: int) -> list[tuple[int, int]]:
    """Numbers as runs, each from its first to behind its last, in order; the last is all from `onward` on."""
    runs: list[tuple[int, int]] = []
    for leaf in sorted({leaf for leaf in leaves if 0 <= leaf < onward}):
        if runs and runs[-1][1] == leaf:
            runs[-1] = runs[-1][0], leaf + 1
        else:
            runs.append((leaf, leaf + 1))
    return [*runs, (onward, 1 << DEPTH)]


def _above(nodes: Mapping[_Place, bytes], leaf: int) -> _Place | None:
    """The place of the node from which a leaf's key can be made."""
    if not 0 <= leaf < 1 << DEPTH:
        raise NotFoundError(f"a leaf is a number from 0 to 2^{DEPTH} - 1")
    for depth in range(DEPTH + 1):
        if (depth, leaf >> (DEPTH - depth)) in nodes:
            return depth, leaf >> (DEPTH - depth)
    return None
