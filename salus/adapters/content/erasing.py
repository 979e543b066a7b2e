"""Out of a node for good: unpinned, removed, and remembered as erased; and the like for blocks that are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from salus.adapters.content.car import DAG_CBOR, Block, Cid, batch_links, batch_root, raw_cid
from salus.adapters.content.kubo_node import KuboNode
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256

_MOST_ROOTS = 10_000
_REPIN_SECONDS = 10.0


def erase_at(
    node: KuboNode,
    digest: bytes,
    block: Callable[[Cid], bytes],
    files: Mapping[Cid, Sequence[Cid]] = MappingProxyType({}),
) -> bool:
    """Remove an envelope from one node; whether it had any of it.

    `block` reads roots of batches. `files` are the files of linked blocks that hold this envelope, each with its pieces
    (`linked.files_holding`).

    Raises:
        UnavailableError: the node is away or refuses: it may have it still.
    """
    node.mark_erased(digest)  # first: whoever copies between nodes must know before it is gone
    gone = set[Cid]()
    for file, pieces in files.items():
        node.unpin(file)
        gone |= node.remove([*pieces, file])
    node.unname_file(digest)  # last: a second try finds by it what the first one left
    try:
        _leave_out(node, raw_cid(digest), block)
    except (IntegrityError, NotFoundError) as error:
        raise UnavailableError(f"{node.name} keeps {digest.hex()} pinned by a root that can't be read") from error
    return bool(gone | node.remove([raw_cid(digest)]))


def _leave_out(node: KuboNode, cid: Cid, block: Callable[[Cid], bytes]) -> None:
    """Put a root without the block in the place of each that names it.

    Somebody else may erase from the same batch: then the root seen is not pinned any more, and it is looked again.
    """
    unreadable: Cid | None = None
    for _ in range(_MOST_ROOTS):
        root = node.pinned_by(cid)
        if root is None:
            return
        if root == cid:
            node.unpin(cid)
            continue
        if root.codec != DAG_CBOR:
            raise UnavailableError(f"{node.name} keeps {cid} as a piece of {root}")
        try:
            rest = [digest for digest in batch_links(block(root)) if digest != cid.digest]
        except (IntegrityError, NotFoundError):
            if root == unreadable:
                raise
            unreadable = root
            continue
        if rest:
            smaller = batch_root(rest)
            node.store(smaller.cid, [smaller], pin=False)
            if not node.repin(root, smaller.cid):
                continue
        else:
            node.unpin(root)
        node.remove([root])


def put_right(node: KuboNode, blocks: Iterable[Block]) -> None:
    """Replace damaged blocks of a node, and add missing ones, by these; what pinned them pins them again.

    A damaged block stays as it is, whatever is stored over it, until it is unpinned and removed.

    Raises:
        UnavailableError: the node is away or refuses.
    """
    wanted = [block for block in blocks if not is_whole(node, block.cid)]
    let_go: list[Cid] = []
    for block in wanted:
        while (root := node.pinned_by(block.cid)) is not None:
            node.unpin(root)
            let_go.append(root)
    node.remove([block.cid for block in wanted])
    if wanted:
        node.store(wanted[0].cid, wanted, pin=False)
    for root in let_go:
        with suppress(IntegrityError, NotFoundError):  # damaged or missing elsewhere too: the next check finds it short
            node.pin(root, _REPIN_SECONDS)


def is_whole(node: KuboNode, cid: Cid) -> bool:
    """Whether a node has a block as its name says.

    Raises:
        UnavailableError: it is away.
    """
    try:
        return sha256(node.block(cid)) == cid.digest
    except (IntegrityError, NotFoundError):
        return False
