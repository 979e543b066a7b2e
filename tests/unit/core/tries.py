"""A Merkle-Patricia trie of the tests' own, to prove things from: built whole, by the yellow paper's recursion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp as pyrlp

from salus.core.hashing import keccak

Node = list[Any]


class Trie:
    """A trie over paths of nibbles, written as hex digits."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self.content = dict(content)
        self.listed: dict[bytes, bytes] = {}
        raw = pyrlp.encode(self._node(self.content) if content else b"")
        self.root = keccak(raw)
        self.listed[self.root] = raw

    def prove(self, path: str) -> list[bytes]:
        """Listed nodes on the way to a path, root first."""
        found = [self.listed[self.root]]
        node = pyrlp.decode(found[0])
        while node:
            if len(node) == 17:
                if not path:
                    break
                node, path = node[int(path[0], 16)], path[1:]
            else:
                part, leaf = _unpacked(node[0])
                if leaf or not path.startswith(part):
                    break
                node, path = node[1], path[len(part) :]
            if isinstance(node, bytes) and node:
                found.append(self.listed[node])
                node = pyrlp.decode(found[-1])
        return found

    def _node(self, content: Mapping[str, bytes]) -> Node:
        if len(content) == 1:
            ((path, value),) = content.items()
            return [_packed(path, leaf=True), value]
        low, high = min(content), max(content)
        shared = low[: next((i for i, digit in enumerate(low) if high[i] != digit), len(low))]
        if shared:
            below = {path[len(shared) :]: value for path, value in content.items()}
            return [_packed(shared, leaf=False), self._named(below)]
        children = []
        for digit in "0123456789abcdef":
            below = {path[1:]: value for path, value in content.items() if path[:1] == digit}
            children.append(self._named(below) if below else b"")
        return [*children, content.get("", b"")]

    def _named(self, content: Mapping[str, bytes]) -> Node | bytes:
        node = self._node(content)
        raw = pyrlp.encode(node)
        if len(raw) < 32:
            return node
        self.listed[keccak(raw)] = raw
        return keccak(raw)


def _packed(path: str, *, leaf: bool) -> bytes:
    flag = 2 if leaf else 0
    return bytes.fromhex(f"{flag + 1}{path}" if len(path) % 2 else f"{flag}0{path}")


def _unpacked(packed: bytes) -> tuple[str, bool]:
    digits = packed.hex()
    return digits[1 if digits[0] in "13" else 2 :], digits[0] in "23"
