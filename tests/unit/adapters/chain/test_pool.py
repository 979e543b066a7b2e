"""What pools say, in the words of the engines."""

from __future__ import annotations

import pytest

from salus.adapters.chain.pool import Verdict, read
from salus.adapters.chain.rpc import RpcError

SAID = [
    # geth 1.13: core/txpool/errors.go, core/error.go
    ("already known", Verdict.TAKEN),
    ("nonce too low: next nonce 7, tx nonce 3", Verdict.CONSUMED),
    ("replacement transaction underpriced", Verdict.OCCUPIED),
    ("txpool is full", Verdict.FULL),
    ("transaction underpriced: tip needed 1000000000, tip permitted 0", Verdict.FULL),
    ("account limit exceeded", Verdict.FULL),
    ("future transaction tries to replace pending transaction", Verdict.FULL),
    ("exceeds block gas limit", Verdict.HOPELESS),
    ("intrinsic gas too low: have 21000, want 53000", Verdict.HOPELESS),
    ("insufficient funds for gas * price + value", Verdict.HOPELESS),
    ("oversized data: transaction size 140000, limit 131072", Verdict.HOPELESS),
    ("invalid sender", Verdict.HOPELESS),
    # GoQuorum
    ("known transaction: 0xabc", Verdict.TAKEN),
    # Besu: TransactionInvalidReason
    ("Known transaction", Verdict.TAKEN),
    ("Nonce too low", Verdict.CONSUMED),
    ("Replacement transaction underpriced", Verdict.OCCUPIED),
    ("Transaction nonce is too distant from current sender nonce", Verdict.FULL),
    # Anvil
    ("transaction already imported", Verdict.TAKEN),
    ("nonce is too low", Verdict.CONSUMED),
    # nobody
    ("the tables have turned", Verdict.UNCLEAR),
    ("", Verdict.UNCLEAR),
]


@pytest.mark.parametrize(("reason", "verdict"), SAID)
def test_read__words_of_an_engine__are_understood(reason: str, verdict: Verdict) -> None:
    refusal = RpcError("eth_sendRawTransaction", -32000, reason)
    answer = read(refusal)
    assert answer.verdict is verdict
    assert answer.refusal is refusal


def test_read__a_hash__is_taken() -> None:
    answer = read("0x" + "ab" * 32)
    assert (answer.verdict, answer.refusal) == (Verdict.TAKEN, None)
