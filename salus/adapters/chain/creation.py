"""Which transaction created a contract: nodes don't say, so it is searched for by when the code appeared."""

from __future__ import annotations

from typing import Any

from salus.adapters.chain.rpc import Rpc
from salus.core.errors import NotFoundError
from salus.core.ids import Address

Transaction = dict[str, Any]
"""As JSON-RPC shows it."""


def creating_transaction(rpc: Rpc, address: Address, newest: int) -> Transaction:
    """The transaction whose receipt names the contract; `newest` is a block in which it has code.

    Raises:
        NotFoundError: it stood in the genesis block, or was created by another contract.
        RpcError: the node no longer has the state of that time.
    """
    number = _first_block(rpc, address, newest)
    if number == 0:
        raise NotFoundError("it stood in the genesis block, so its storage can be anything")
    block = rpc.call("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - a JSON-RPC parameter: whole transactions
    for found in block["transactions"]:
        if found.get("to") is None and _creates(rpc, found["hash"], address):
            return dict(found)
    raise NotFoundError(f"no transaction of block {number} created it: another contract did")


def transaction_that_created(rpc: Rpc, tx_hash: bytes, address: Address) -> Transaction:
    """A transaction by its hash, if it created that contract.

    Raises:
        NotFoundError: there is none, or it created another.
    """
    shown = "0x" + tx_hash.hex()
    if (found := rpc.call("eth_getTransactionByHash", shown)) is None or not _creates(rpc, shown, address):
        raise NotFoundError(f"transaction {shown} did not create it")
    return dict(found)


def _creates(rpc: Rpc, shown: str, address: Address) -> bool:
    receipt = rpc.call("eth_getTransactionReceipt", shown)
    created = (receipt or {}).get("contractAddress")
    return isinstance(created, str) and created.lower() == address.lower()


def _first_block(rpc: Rpc, address: Address, newest: int) -> int:
    """First block with code there: steps back from the newest, doubled each time, then halves what is between."""
    present, step = newest, 1
    while present > 0 and _has_code(rpc, address, max(0, present - step)):
        present, step = max(0, present - step), step * 2
    absent = max(-1, present - step)
    while present - absent > 1:
        middle = (present + absent) // 2
        if _has_code(rpc, address, middle):
            present = middle
        else:
            absent = middle
    return present


def _has_code(rpc: Rpc, address: Address, block: int) -> bool:
    return rpc.call("eth_getCode", address, hex(block)) not in {"0x", "", None}
