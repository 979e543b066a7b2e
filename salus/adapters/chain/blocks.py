"""Block headers of one node, remembered by hash."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from salus.adapters.chain.finality import Header, stamp_of
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import NotFoundError, UnavailableError
from salus.core.state import BlockStamp

_KEPT = 512
_WITHOUT_TRANSACTIONS = False


class Blocks:
    """Headers by number or hash. Safe to use from several threads."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._kept: OrderedDict[bytes, Header] = OrderedDict()
        self._lock = threading.Lock()

    def newest(self) -> Header:
        """Newest block the node has."""
        header: Header = self._rpc.call("eth_getBlockByNumber", "latest", _WITHOUT_TRANSACTIONS)
        return self._keep(header)

    def numbered(self, number: int) -> Header:
        """A block of the present chain by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        header: Header | None = self._rpc.call("eth_getBlockByNumber", hex(number), _WITHOUT_TRANSACTIONS)
        if header is None:
            raise NotFoundError(f"the chain has no block {number}")
        return self._keep(header)

    def hashed(self, block_hash: bytes) -> Header:
        """A block by hash.

        Raises:
            UnavailableError: the node no longer has it.
        """
        return self._fetch([block_hash])[block_hash]

    def stamps(self, block_hashes: Iterable[bytes]) -> dict[bytes, BlockStamp]:
        """Stamps of several blocks by hash, in one exchange.

        Raises:
            UnavailableError: the node no longer has one of them.
        """
        return {block_hash: stamp_of(header) for block_hash, header in self._fetch(block_hashes).items()}

    def _fetch(self, block_hashes: Iterable[bytes]) -> dict[bytes, Header]:
        wanted = list(dict.fromkeys(block_hashes))
        with self._lock:
            found = {block_hash: self._kept[block_hash] for block_hash in wanted if block_hash in self._kept}
        missing = [block_hash for block_hash in wanted if block_hash not in found]
        asked = [("eth_getBlockByHash", ("0x" + block_hash.hex(), _WITHOUT_TRANSACTIONS)) for block_hash in missing]
        for block_hash, header in zip(missing, self._rpc.batch_all(asked), strict=True):
            if header is None:
                raise UnavailableError("the node no longer has a block it had named: read the head again")
            found[block_hash] = self._keep(header)
        return found

    def _keep(self, header: Header) -> Header:
        with self._lock:
            self._kept[bytes.fromhex(header["hash"][2:])] = header
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return header
