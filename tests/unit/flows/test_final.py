"""A final writer answers once the block can't be undone, and not for a block that a fork took back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from salus.adapters.memory.chain import MemoryChain
from salus.core.errors import UnavailableError
from salus.core.ports import ContractCall, TxReceipt
from salus.flows.final import FinalWriter

CALL = ContractCall("SubjectRegistry", "retain", ())


class Fixed:
    """A clock that stands."""

    def now(self) -> int:
        return 1_800_000_000


class Mining:
    """A writer that mines a block for each call."""

    def __init__(self, chain: MemoryChain) -> None:
        self.chain = chain

    def send(self, call: ContractCall) -> TxReceipt:
        return TxReceipt(bytes(32), self.chain.advance(), 21_000, ())

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        return [self.send(call) for call in calls]


def made(depth: int, pause: Callable[[MemoryChain], None]) -> tuple[FinalWriter, MemoryChain, list[float]]:
    chain, paused = MemoryChain(Fixed(), finality_depth=depth), list[float]()

    def wait(seconds: float) -> None:
        paused.append(seconds)
        pause(chain)

    return FinalWriter(Mining(chain), chain, wait, patience=1), chain, paused


def test_send__block_that_becomes_final_later__answers_then() -> None:
    writer, chain, paused = made(3, lambda chain: chain.advance())
    receipt = writer.send(CALL)
    assert chain.final().number == receipt.block.number
    assert len(paused) == 3


def test_send_many__the_newest_block__is_waited_for() -> None:
    writer, chain, _ = made(2, lambda chain: chain.advance())
    receipts = writer.send_many([CALL, CALL, CALL])
    assert chain.final().number >= receipts[-1].block.number


def test_send__nothing_becomes_final__says_so() -> None:
    writer, _, _ = made(3, lambda chain: None)
    with pytest.raises(UnavailableError, match="final in time"):
        writer.send(CALL)


def test_send__block_taken_back_by_a_fork__is_not_told_as_done() -> None:
    def fork(chain: MemoryChain) -> None:
        if not forked:
            forked.append(1)
            chain.fork(1)
        chain.advance()

    forked: list[int] = []
    writer, _, _ = made(3, fork)
    with pytest.raises(UnavailableError, match="taken back"):
        writer.send(CALL)


def test_send__chain_that_is_final_at_once__does_not_wait() -> None:
    writer, _, paused = made(0, lambda chain: None)
    writer.send(CALL)
    assert not paused
