"""A writer whose word is final: what a person is told happened can't be taken back by a fork any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from salus.core.errors import NotFoundError, UnavailableError
from salus.core.ports import ChainReader, ChainWriter, ContractCall, TxReceipt
from salus.flows.open import require_final


@dataclass(frozen=True, slots=True)
class FinalWriter:
    """`ChainWriter` that answers once the transaction's block is final. `pause` sleeps, `patience` in seconds."""

    writer: ChainWriter
    chain: ChainReader
    pause: Callable[[float], None]
    patience: float = 30.0

    def send(self, call: ContractCall) -> TxReceipt:
        """As `ChainWriter.send`, and final.

        Raises:
            UnavailableError: not mined or not final in time, or a fork took the block back.
        """
        receipt = self.writer.send(call)
        self._await([receipt])
        return receipt

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        """As `ChainWriter.send_many`, and final; raises as `send`."""
        receipts = self.writer.send_many(calls)
        self._await(receipts)
        return receipts

    def _await(self, receipts: list[TxReceipt]) -> None:
        newest = max((receipt.block.number for receipt in receipts), default=0)
        require_final(lambda: self.chain.final().number >= newest, self.pause, self.patience)
        for block in {receipt.block for receipt in receipts}:
            try:
                stands = self.chain.block(block.number).hash == block.hash
            except NotFoundError:
                stands = False
            if not stands:
                raise UnavailableError("the block of this transaction was taken back by the chain; ask again")
