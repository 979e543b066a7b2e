"""Reading contracts at one block: what to read (`Read`), and the executor that reads many at once and remembers them.

State at a block hash never changes, so a result is kept by (hash, contract, calldata). Nodes that know EIP-1898 are
asked by hash; others by number, with the block's hash read in the same batch and compared.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from salus.adapters.chain.abi import RevertTable, abi_of
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.rpc import Request, Rpc, RpcError
from salus.core.errors import ChainRevert, UnavailableError
from salus.core.ids import Address
from salus.core.state import BlockStamp

T = TypeVar("T")
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """One view function of a contract of the directory, its calldata, and how its values become a `T`."""

    contract: str
    calldata: bytes
    parse: Callable[[bytes], T]


def view(contract: str, function: str, args: Sequence[Any], parse: Callable[..., T]) -> Read[T]:
    """A read by function name; `parse` takes the returned values as arguments."""
    found = abi_of(contract).function(function)
    return Read(contract, found.encode(args), lambda data: parse(*found.decode(data)))


Wanted = tuple[Address, bytes]
"""Contract address and calldata."""


class StateAt:
    """Executes calls at a block. Safe to use from several threads."""

    def __init__(self, rpc: Rpc, blocks: Blocks, reverts: RevertTable) -> None:
        self._rpc = rpc
        self._blocks = blocks
        self._reverts = reverts
        self._kept: OrderedDict[tuple[bytes, Wanted], bytes | ChainRevert] = OrderedDict()
        self._lock = threading.Lock()
        self._by_hash: bool | None = None

    def run(self, wanted: Sequence[Wanted], at: BlockStamp) -> list[bytes | ChainRevert]:
        """What each call returns at a block, or its revert.

        Raises:
            UnavailableError: the node is away, or does not have this block (any more).
        """
        with self._lock:
            found = {call: self._kept[at.hash, call] for call in wanted if (at.hash, call) in self._kept}
        missing = [call for call in dict.fromkeys(wanted) if call not in found]
        if missing:
            fresh = dict(zip(missing, self._ask(missing, at), strict=True))
            found |= fresh
            self._keep(fresh, at)
        return [found[call] for call in wanted]

    def _keep(self, fresh: dict[Wanted, bytes | ChainRevert], at: BlockStamp) -> None:
        with self._lock:
            for call, value in fresh.items():
                self._kept[at.hash, call] = value
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _ask(self, calls: Sequence[Wanted], at: BlockStamp) -> list[bytes | ChainRevert]:
        if self._knows_hashes():
            block: Any = {"blockHash": "0x" + at.hash.hex(), "requireCanonical": True}
            return [self._read(answer) for answer in self._rpc.batch(_requests(calls, block))]
        number = hex(at.number)
        asked = [*_requests(calls, number), ("eth_getBlockByNumber", [number, False])]
        *answers, header = self._rpc.batch(asked)
        if not isinstance(header, dict) or header["hash"] != "0x" + at.hash.hex():
            raise UnavailableError(f"the node no longer has block {at.number} of that hash: read the head again")
        return [self._read(answer) for answer in answers]

    def _knows_hashes(self) -> bool:
        if self._by_hash is None:
            zero = "0x" + "0" * 40
            newest = {"blockHash": self._blocks.newest()["hash"], "requireCanonical": True}
            try:
                self._rpc.call("eth_getBalance", zero, newest)
                self._by_hash = True
            except RpcError:
                self._by_hash = False
        return self._by_hash

    def _read(self, answer: Any) -> bytes | ChainRevert:
        if not isinstance(answer, RpcError):
            return bytes.fromhex(answer[2:])
        data = answer.revert_data
        if data is not None or "revert" in answer.reason:
            return self._reverts.read(data or b"")
        raise answer


def _requests(calls: Sequence[Wanted], block: Any) -> list[Request]:
    return [("eth_call", [{"to": to, "data": "0x" + data.hex()}, block]) for to, data in calls]
