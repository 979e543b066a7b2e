"""Calls before they are sent: encoded, tried on the newest state, with the gas they need.

`eth_estimateGas` is the try: it executes the call as `eth_call` does and reverts as it does. Gas costs nothing on these
chains but fills blocks, so a limit far above the need would let fewer transactions into each; and a limit above that of
a block is never mined, so the room to spare ends there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salus.adapters.chain.abi import RevertTable
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.core.errors import ChainRevert, OversizeError, SetupError
from salus.core.ids import ZERO_ADDRESS, Address
from salus.core.ports import ContractCall

_WITHOUT_TRANSACTIONS = False
_CERTAIN = 500_000
"""Gas that any block holds."""
_TOO_MUCH = ("exceeds allowance", "out of gas", "outofgas", "exceeds block gas", "gas too high")
"""Words of an engine whose try ran into the gas limit of a block, in lower case."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An encoded call; `to` is the zero address for a creation."""

    to: Address
    data: bytes

    def request(self, sender: Address) -> dict[str, Any]:
        """Transaction object for `eth_call` and `eth_estimateGas`."""
        shown = {"from": sender, "data": "0x" + self.data.hex(), "gasPrice": "0x0"}
        return shown if self.to == ZERO_ADDRESS else {**shown, "to": self.to}


class Simulator:
    """Encodes and tries calls. Safe to use from several threads."""

    def __init__(self, rpc: Rpc, directory: Directory | None, reverts: RevertTable) -> None:
        self._rpc = rpc
        self._directory = directory
        self._reverts = reverts

    def prepare(self, call: ContractCall) -> Prepared:
        """Address and calldata of a call.

        Raises:
            SetupError: the writer knows no deployment.
            InputError: unknown contract or function, or arguments that don't fit.
        """
        if self._directory is None:
            raise SetupError("this writer knows no deployment: give it the address of the Council")
        address, abi = self._directory.resolve(call.contract)
        return Prepared(address, abi.function(call.function).encode(call.args))

    def gas(self, calls: Sequence[Prepared], sender: Address) -> list[int | ChainRevert | OversizeError]:
        """Gas limit for each call on the newest state, or why it can't be mined.

        Raises:
            UnavailableError: the node is away or cannot execute.
        """
        answers = self._rpc.batch([("eth_estimateGas", (call.request(sender), "latest")) for call in calls])
        return [self._limit(call, sender, answer) for call, answer in zip(calls, answers, strict=True)]

    def capped(self, limit: int) -> int:
        """A gas limit, or that of a block if it is beyond."""
        return limit if limit <= _CERTAIN else min(limit, self._block_limit())

    def _block_limit(self) -> int:
        return int(self._rpc.call("eth_getBlockByNumber", "latest", _WITHOUT_TRANSACTIONS)["gasLimit"], 16)

    def _limit(self, call: Prepared, sender: Address, answer: Any) -> int | ChainRevert | OversizeError:
        if not isinstance(answer, RpcError):
            need = int(answer, 16)
            limit = self.capped(need + need // 4 + 40_000)  # room for slots that are fresh by the time it is mined
            return limit if limit >= need else _oversize()
        if answer.revert_data is not None:
            return self._reverts.read(answer.revert_data)
        if _is_too_much(answer):
            return _oversize()
        try:  # some engines tell why only in a plain call
            self._rpc.call("eth_call", call.request(sender), "latest")
        except RpcError as refusal:
            if refusal.revert_data is not None or "revert" in refusal.reason:
                return self._reverts.read(refusal.revert_data or b"")
            if _is_too_much(refusal):
                return _oversize()
        raise answer


def _is_too_much(refusal: RpcError) -> bool:
    return any(words in refusal.reason.lower() for words in _TOO_MUCH)


def _oversize() -> OversizeError:
    return OversizeError("the transaction needs more gas than a block holds")
