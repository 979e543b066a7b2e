"""Envelopes too large for one block: stored and read in pieces of a MiB, never whole in memory.

Pieces go to the nodes as they come, unpinned, since nodes collect no garbage by themselves; the root that names them is
pinned at the end, and gets the envelope's CID for a name at every node that answers. What is cut short is noise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256 as new_sha256
from itertools import islice
from secrets import token_bytes

from salus.adapters.content.car import RAW, Block, Cid, archive, raw_block
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.content.members import Members
from salus.adapters.content.unixfs import PIECE, Piece, file_pieces, file_root
from salus.core.cid import cid_of
from salus.core.errors import InputError, IntegrityError, NotFoundError, SalusError, UnavailableError

_AT_ONCE = 4
"""Pieces in one archive, and pieces read ahead: each is in memory several times, once for each node at least."""
_FETCH_BYTES_A_SECOND = 4 << 20


def store_linked(members: Members, blobs: Iterable[bytes]) -> bytes:
    """Store bytes that come in pieces of any size; returns the digest of the whole.

    Raises:
        UnavailableError: fewer than `copies` nodes have all of it.
        InputError: too long for one file.
    """
    hashed, written = new_sha256(), list[Piece]()
    # Any order does, as long as not every file has the same nodes; its root is known only at the end.
    order = members.order(Cid(RAW, token_bytes(1) + bytes(31)))
    nodes, spare, failed = order[: members.copies], order[members.copies :], list[str]()

    def kept(root: Cid, car: bytes, node: KuboNode) -> bool:
        why = members.tried(node, len(car), lambda node: node.store_archive(root, car, pin=False))
        failed.extend([why] if why is not None else [])
        return why is None

    for blocks in _groups(map(raw_block, _regular(blobs, hashed.update)), _AT_ONCE):
        answers = members.on(nodes, partial(kept, blocks[0].cid, archive(blocks[0].cid, blocks)))
        nodes = [node for node, is_kept in zip(nodes, answers, strict=True) if is_kept]
        if not nodes:
            raise UnavailableError(f"no content node took all pieces: {'; '.join(failed)}")
        written += [Piece(block.cid, len(block.data)) for block in blocks]
    digest, root = hashed.digest(), file_root(written)
    size = sum(piece.size for piece in written)
    patience = 10 + size / _FETCH_BYTES_A_SECOND

    def pinned(node: KuboNode) -> None:
        if node in spare and (why := members.over_quota(node, size)) is not None:
            raise UnavailableError(why)
        node.store(root.cid, [root], pin=False)
        node.pin(root.cid, patience)  # a spare node fetches the pieces from its peers
        node.name_file(digest, root.cid)

    members.spread([*nodes, *spare], 0, pinned)
    for node in members.nodes:
        with suppress(UnavailableError):  # one that is away learns the name from the next check
            name_at(node, digest, root)
    return digest


def name_at(node: KuboNode, digest: bytes, root: Block) -> None:
    """Let a node know the file of an envelope, whether it has the pieces or not."""
    if node.file_of(digest) != root.cid:
        node.store(root.cid, [root], pin=False)
        node.name_file(digest, root.cid)


def read_linked(members: Members, root: Cid, digest: bytes) -> Iterator[bytes]:
    """Pieces of a file, each checked against its CID. The last comes only when the whole is what the digest says.

    Raises:
        NotFoundError, IntegrityError, UnavailableError: as `Members.block`.
    """
    hashed, held = new_sha256(), b""
    coming = deque[Callable[[], bytes]]()
    waiting = iter(pieces_of(members, root))
    while True:
        coming += (members.later(piece.cid) for piece in islice(waiting, _AT_ONCE - len(coming)))
        if not coming:
            break
        data = coming.popleft()()
        if held:
            yield held
        hashed.update(data)
        held = data
    if hashed.digest() != digest:
        raise IntegrityError(f"the file named {cid_of(digest)} holds other bytes")
    if held:
        yield held


def pieces_of(members: Members, root: Cid) -> list[Piece]:
    """Pieces of a file.

    Raises:
        IntegrityError: its root is none of ours.
        NotFoundError, UnavailableError: as `Members.block`.
    """
    try:
        return file_pieces(members.block(root))
    except InputError as error:
        raise IntegrityError(f"{root} is no file of one level") from error


def files_holding(
    members: Members, digest: bytes, named: Mapping[KuboNode, Cid], node: KuboNode
) -> dict[Cid, list[Cid]]:
    """Files of linked blocks that a node should let go of with an envelope, each with its pieces.

    `named` are the files that nodes name for it. A node's own name is believed for that node; what another one names is
    read whole before: else it could name another record's file, and have that erased everywhere.

    Raises:
        NotFoundError, UnavailableError: the root of the file it names itself can't be had.
    """
    found = dict[Cid, list[Cid]]()
    own = named.get(node)
    for root in dict.fromkeys(named.values()):
        try:
            pieces = [piece.cid for piece in pieces_of(members, root)]
            if root != own and not holds(members, root, digest):
                continue
        except IntegrityError:
            continue
        except (NotFoundError, UnavailableError):
            if root == own:
                raise
            continue
        found[root] = pieces
    return found


def holds(members: Members, root: Cid, digest: bytes) -> bool:
    """Whether a file is the envelope with a digest; it is read whole for it."""
    try:
        for _ in read_linked(members, root, digest):
            pass
    except SalusError:
        return False
    return True


def _regular(blobs: Iterable[bytes], seen: Callable[[bytes], object]) -> Iterator[bytes]:
    """The same bytes in pieces of PIECE, the last one shorter; `seen` gets all of them."""
    rest = bytearray()
    for blob in blobs:
        seen(blob)
        rest += blob
        while len(rest) > PIECE:
            yield bytes(rest[:PIECE])
            del rest[:PIECE]
    yield bytes(rest)


def _groups(blocks: Iterator[Block], size: int) -> Iterator[list[Block]]:
    while group := list(islice(blocks, size)):
        yield group
