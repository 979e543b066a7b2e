"""Root of a Merkle-Patricia trie from everything it holds, for the few that are known whole: a genesis block's state.

Source: Ethereum yellow paper, appendix D.
"""

from __future__ import annotations

from collections.abc import Mapping

from salus.core import rlp
from salus.core.hashing import keccak
from salus.core.trie import EMPTY_ROOT, nibbles

_DIGITS = "0123456789abcdef"


def root_of(content: Mapping[bytes, bytes]) -> bytes:
    """Root, 32 bytes, of a secure trie (values at `keccak(key)`); no value is empty."""
    if not content:
        return EMPTY_ROOT
    return keccak(rlp.encode(_node({nibbles(keccak(key)): value for key, value in content.items()})))


def _node(content: Mapping[str, bytes]) -> list[rlp.Item]:
    low, high = min(content), max(content)
    if len(content) == 1:
        return [_partial(low, leaf=True), content[low]]
    shared = next(i for i, digit in enumerate(low) if digit != high[i])  # paths are of one length and differ
    if shared:
        return [_partial(low[:shared], leaf=False), _child({path[shared:]: value for path, value in content.items()})]
    children: list[rlp.Item] = []
    for digit in _DIGITS:
        below = {path[1:]: value for path, value in content.items() if path[0] == digit}
        children.append(_child(below) if below else b"")
    return [*children, b""]


def _child(content: Mapping[str, bytes]) -> rlp.Item:
    """How a parent names a node: by hash, or whole where that is shorter."""
    node = _node(content)
    raw = rlp.encode(node)
    return node if len(raw) < 32 else keccak(raw)


def _partial(path: str, *, leaf: bool) -> bytes:
    """Hex-prefixed path."""
    flag = 2 * leaf + len(path) % 2
    return bytes.fromhex(f"{flag}{path}" if len(path) % 2 else f"{flag}0{path}")
