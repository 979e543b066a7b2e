"""What a node's pool says of a transaction, and handing transactions to the pools of the nodes.

| answer of the pool | texts (geth 1.13, GoQuorum, Besu, Anvil, Ganache) | what it means |
| --- | --- | --- |
| TAKEN | a hash; `already known`, `known transaction`, `already imported` | it is there, now or before |
| CONSUMED | `nonce too low`, `already been used` | the chain has a transaction of that nonce, this one or another |
| OCCUPIED | `replacement transaction underpriced` | another transaction of that nonce waits in the pool |
| FULL | `txpool is full`, `transaction underpriced`, `account limit exceeded`, … | no room: later, and no more now |
| HOPELESS | `exceeds block gas limit`, `intrinsic gas too low`, `oversized data`, … | no node ever takes these bytes |
| UNCLEAR | anything else | it may be there or not |

At price zero `transaction underpriced` is said by a full pool of everything that comes from a peer, and by a node that
does not take price zero (yet): geth makes 1 gwei of a zero from its flags until `miner_setGasPrice`. A transaction is
replaced by none of ours: equal prices never replace, so what waits in a pool under a nonce stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from salus.adapters.chain.rpc import Rpc, RpcError
from salus.adapters.chain.transactions import RawTransaction


class Verdict(Enum):
    """What became of a transaction that was handed to a pool."""

    TAKEN = auto()
    CONSUMED = auto()
    OCCUPIED = auto()
    FULL = auto()
    HOPELESS = auto()
    UNCLEAR = auto()


_WORDS: tuple[tuple[Verdict, tuple[str, ...]], ...] = (
    (Verdict.TAKEN, ("already known", "known transaction", "already imported")),
    (Verdict.OCCUPIED, ("replacement transaction underpriced", "replacement fee too low", "same nonce")),
    (Verdict.CONSUMED, ("nonce too low", "nonce is too low", "already been used")),
    (
        Verdict.FULL,
        (
            "txpool is full",
            "pool is full",
            "transaction underpriced",
            "account limit exceeded",
            "future transaction tries to replace pending",
            "too distant from current sender nonce",
            "too many transactions",
        ),
    ),
    (
        Verdict.HOPELESS,
        (
            "intrinsic gas",
            "exceeds block gas",
            "exceeds the block",
            "insufficient funds",
            "invalid sender",
            "oversized",
        ),
    ),
)
"""Words of each verdict in lower case; the first row that fits."""

_BEST_FIRST = (
    Verdict.TAKEN,
    Verdict.CONSUMED,
    Verdict.OCCUPIED,
    Verdict.UNCLEAR,
    Verdict.FULL,
    Verdict.HOPELESS,
)
"""Of several nodes' answers, the one that counts: one pool is enough, and a refusal counts only when all refuse."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and the node's own words where it refused."""

    verdict: Verdict
    refusal: RpcError | None = None


def read(result: Any) -> Answer:
    """What a result of `eth_sendRawTransaction` means."""
    if not isinstance(result, RpcError):
        return Answer(Verdict.TAKEN)
    reason = result.reason.lower()
    for verdict, words in _WORDS:
        if any(word in reason for word in words):
            return Answer(verdict, result)
    return Answer(Verdict.UNCLEAR, result)


def offer(rpc: Rpc, raws: Sequence[RawTransaction], *, everywhere: bool = False) -> list[Answer]:
    """Hand transactions to the node in use (to the next one if it is away), or to every node that can be reached.

    The same bytes are one transaction however often they arrive, so nothing is doubled.

    Raises:
        UnavailableError: no node answers.
    """
    if not raws:
        return []
    requests = [("eth_sendRawTransaction", ("0x" + raw.raw.hex(),)) for raw in raws]
    by_node = rpc.spread(requests, everywhere=everywhere)
    return [
        min((read(result) for result in results), key=lambda answer: _BEST_FIRST.index(answer.verdict))
        for results in zip(*by_node, strict=True)
    ]
