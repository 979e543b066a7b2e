"""Transactions against the memory chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from salus.adapters.memory.chain import MemoryChain
from salus.core.errors import ChainRevert
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId
from salus.core.ports import ContractCall, TxReceipt

Applied = Callable[..., None]
"""What a contract function does to the memory chain: its arguments in ABI order."""


class MemoryWriter:
    """The `ChainWriter` port for one participant's account.

    `functions` maps (contract, function) to what it does to the chain; any other call reverts. All calls that were made
    stand in `sent`. RecordRegistry.anchor of the participant is built in.
    """

    def __init__(
        self,
        chain: MemoryChain,
        participant: ParticipantId,
        functions: Mapping[tuple[str, str], Applied] | None = None,
    ) -> None:
        self._chain = chain
        self._participant = participant
        self._functions = {("RecordRegistry", "anchor"): self._anchor, **(functions or {})}
        self.sent: list[ContractCall] = []

    def send(self, call: ContractCall) -> TxReceipt:
        """Apply and mine.

        Raises:
            ChainRevert: the function is not among those given.
        """
        call = replace(call, contract=self._chain.role_of(call.contract))
        apply = self._functions.get((call.contract, call.function))
        if apply is None:
            raise ChainRevert("UnknownFunction", {"contract": call.contract, "function": call.function})
        before = self._chain.head().number
        apply(*call.args)
        block = self._chain.head()
        if block.number == before:
            block = self._chain.advance()
        self.sent.append(call)
        tx_hash = sha256(b"tx" + block.hash)
        return TxReceipt(tx_hash, block, 21_000, tuple(self._chain.events(block.number, block.number)))

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        """Apply several in order."""
        return [self.send(call) for call in calls]

    def _anchor(self, *args: Any) -> None:
        root, count, custodian_set, tag = args
        self._chain.set_anchor(self._participant, root, count, custodian_set, tag)
