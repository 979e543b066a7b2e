"""The `Site` port (`salus.core.site`): contracts by address on one node, at one block.

Unlike `Reader` it trusts no directory: every contract is looked at where somebody says it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salus.adapters.chain.abi import abi_of, checksummed
from salus.adapters.chain.artifacts import load
from salus.adapters.chain.creation import creating_transaction, transaction_that_created
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.core.errors import ChainRevert, IntegrityError
from salus.core.ids import Address
from salus.core.site import Compiled, Seen

_BLOCKS = 2_000
"""Blocks of one `eth_getLogs`: below the limits of Besu (5,000) and of most gateways."""
_BATCH = 20


class NodeSite:
    """One node at its newest block when this is made."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self.block = int(rpc.call("eth_blockNumber"), 16)
        self.chain_id = int(rpc.call("eth_chainId"), 16)

    def compiled(self, contract: str) -> Compiled:
        """What the artifacts say."""
        artifact = load(contract)
        return Compiled(
            artifact.runtime,
            artifact.immutables,
            artifact.bytecode,
            f"solc {artifact.compiler}, sources {artifact.source_hash[:18]}…",
        )

    def code(self, address: Address) -> bytes:
        """Code at an address, empty where there is none."""
        return bytes.fromhex(str(self._rpc.call("eth_getCode", address, hex(self.block)) or "0x")[2:])

    def call(self, contract: str, address: Address, function: str, *args: Any) -> tuple[Any, ...] | None:
        """What a view function returns, None when it reverts or returns something else."""
        found = abi_of(contract).function(function)
        try:
            answer = self._rpc.call(
                "eth_call", {"to": address, "data": "0x" + found.encode(args).hex()}, hex(self.block)
            )
            return found.decode(bytes.fromhex(answer[2:]))
        except RpcError as error:
            if error.revert_data is None and "revert" not in error.reason:
                raise
            return None
        except (ChainRevert, IntegrityError):
            return None

    def events(self, contract: str, address: Address, *names: str) -> list[Seen]:
        """Every event of these names a contract ever emitted, in order."""
        known = [topic for topic, event in abi_of(contract).events.items() if event.name in names]
        starts = range(0, self.block + 1, _BLOCKS)
        filters = [
            {
                "address": address,
                "fromBlock": hex(start),
                "toBlock": hex(min(start + _BLOCKS - 1, self.block)),
                "topics": [["0x" + topic.hex() for topic in known]],
            }
            for start in starts
        ]
        found: list[Seen] = []
        for start in range(0, len(filters), _BATCH):
            for logs in self._rpc.batch_all([("eth_getLogs", (each,)) for each in filters[start : start + _BATCH]]):
                found += [self._seen(contract, log) for log in logs]
        return found

    def creation(self, address: Address, transaction: bytes | None) -> bytes:
        """Input of the transaction that created a contract.

        Raises:
            NotFoundError: none did, or `transaction` did not.
            RpcError: the node no longer has the state of that time.
        """
        if transaction is None:
            found = creating_transaction(self._rpc, address, self.block)
        else:
            found = transaction_that_created(self._rpc, transaction, address)
        return bytes.fromhex(found["input"][2:])

    def sender(self, tx_hash: bytes) -> Address:
        """Who sent a transaction."""
        return checksummed(self._rpc.call("eth_getTransactionByHash", "0x" + tx_hash.hex())["from"])

    def _seen(self, contract: str, log: Mapping[str, Any]) -> Seen:
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        event = abi_of(contract).events[topics[0]]
        return Seen(
            event.name,
            event.decode(topics, bytes.fromhex(log["data"][2:])),
            bytes.fromhex(log["transactionHash"][2:]),
        )
