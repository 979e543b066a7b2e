"""Merkle-Patricia proofs: what an Ethereum trie holds at a key, or that it holds nothing, from the nodes on the way.

A proof is the nodes from the root down, each as its RLP, as `eth_getProof` lists them. A node shorter than 32 bytes is
written inside its parent and not listed. Source: Ethereum yellow paper, appendix D; EIP-1186.
"""

from __future__ import annotations

from collections.abc import Sequence

from salus.core import rlp
from salus.core.errors import IntegrityError, ProofError
from salus.core.hashing import keccak

EMPTY_ROOT = keccak(rlp.encode(b""))
"""Root of a trie that holds nothing."""

_BRANCH, _PAIR = 17, 2
_ODD, _LEAF = 1, 2


def value_at(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Value at `keccak(key)` (state and storage are such secure tries), or None when the nodes prove there is none.

    Raises:
        ProofError: the nodes prove neither: one is missing, surplus, not canonical or under another root.
    """
    return value_on(root, nibbles(keccak(key)), nodes)


def value_on(root: bytes, path: str, nodes: Sequence[bytes]) -> bytes | None:
    """Value at a path of nibbles, as hex digits, or None when the nodes prove there is none.

    Raises:
        ProofError: as `value_at`.
    """
    if len(root) != 32:
        raise ProofError("a root has 32 bytes")
    if root == EMPTY_ROOT and not nodes:
        return None
    try:
        value, used = _walk(root, path, nodes)
    except ProofError:
        raise
    except IntegrityError as error:
        raise ProofError(f"a node of the proof is malformed: {error}") from error
    if used != len(nodes):
        raise ProofError(f"the proof has {len(nodes) - used} surplus nodes")
    return value


def nibbles(key: bytes) -> str:
    """Path of a key: two hex digits a byte."""
    return key.hex()


def _walk(root: bytes, path: str, nodes: Sequence[bytes]) -> tuple[bytes | None, int]:
    """What is found, and how many of the nodes it took."""
    at, used = 0, 0
    node: rlp.Item = root
    while node:
        if isinstance(node, bytes):
            if used == len(nodes):
                raise ProofError("a node of the proof is missing")
            node, used = _listed(nodes[used], node, root=used == 0), used + 1
            continue
        value, node, at = _step(node, path, at)
        if value:
            return value, used
    return None, used


def _listed(raw: bytes, named: bytes, *, root: bool) -> rlp.Item:
    """Content of a listed node that its parent, or the root, names by hash; empty when the whole trie is."""
    if keccak(raw) != named:
        raise ProofError("a node of the proof is not the one its parent names")
    if len(raw) < 32 and not root:
        raise ProofError("a short node stands beside its parent instead of inside")
    node = rlp.decode(raw)
    if node != b"" and (not node or isinstance(node, bytes)):
        raise ProofError("a node of the proof is no list, or an empty one")
    return node


def _step(node: list[rlp.Item], path: str, at: int) -> tuple[bytes, rlp.Item, int]:
    """Value a node holds at the path, or the child to go on to and where in the path; neither when there is nothing."""
    if len(node) == _BRANCH:
        if at == len(path):
            return _value(node[16]), b"", at
        return b"", _child(node[int(path[at], 16)]), at + 1
    if len(node) != _PAIR:
        raise ProofError("a node has neither 17 items nor two")
    part, leaf = _partial(node[0])
    if leaf:
        value = _value(node[1])
        if not value:
            raise ProofError("a leaf holds nothing")
        return value if part == path[at:] else b"", b"", at
    child = _child(node[1])
    if not part or not child:
        raise ProofError("an extension leads nowhere")
    if not path.startswith(part, at):
        return b"", b"", at
    return b"", child, at + len(part)


def _child(item: rlp.Item) -> rlp.Item:
    """A reference to a child: 32 bytes of hash, nothing, or a node that is short enough to stand inside."""
    if isinstance(item, bytes):
        if len(item) not in (0, 32):
            raise ProofError("a node names its child by neither hash nor content")
    elif not item or len(rlp.encode(item)) >= 32:
        raise ProofError("a node that stands inside its parent is empty or long")
    return item


def _value(item: rlp.Item) -> bytes:
    if isinstance(item, list):
        raise ProofError("a value is a list")
    return item


def _partial(item: rlp.Item) -> tuple[str, bool]:
    """Nibbles and kind (whether a leaf) of a hex-prefixed path."""
    if isinstance(item, list) or not item:
        raise ProofError("a partial path is missing")
    digits = item.hex()
    flag = int(digits[0], 16)
    if flag > _ODD | _LEAF or (not flag & _ODD and digits[1] != "0"):
        raise ProofError("a partial path has an unknown prefix")
    return digits[1 if flag & _ODD else 2 :], bool(flag & _LEAF)
