"""Headers as a node shows them, read strictly and believed in nothing."""

from __future__ import annotations

from typing import Any

from salus.adapters.chain.rpc import Rpc
from salus.core.errors import IntegrityError, NodeError, UnavailableError
from salus.core.header import Header

BATCH = 100
"""Headers in one exchange."""
_WITHOUT_TRANSACTIONS = False


class Headers:
    """Headers of one node. Safe to use from several threads."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def newest(self, known: bytes) -> Header | None:
        """Newest header; None when the node names the block of hash `known`.

        Raises:
            NodeError: what the node shows is no header.
            UnavailableError: the node is away.
        """
        answer = self._rpc.call("eth_getBlockByNumber", "latest", _WITHOUT_TRANSACTIONS)
        if not isinstance(answer, dict):
            raise UnavailableError("the node has no newest block")
        return None if answer.get("hash") == "0x" + known.hex() else _read(answer)

    def between(self, first: int, last: int) -> list[Header]:
        """Headers from a number to another, `BATCH` at most; fewer where the node has no more.

        Raises:
            NodeError: what the node shows is no header of that number.
            UnavailableError: the node is away.
        """
        numbers = range(first, min(last, first + BATCH - 1) + 1)
        found: list[Header] = []
        asked = [("eth_getBlockByNumber", (hex(number), _WITHOUT_TRANSACTIONS)) for number in numbers]
        for number, answer in zip(numbers, self._rpc.batch_all(asked), strict=True):
            if answer is None:
                break
            header = _read(answer)
            if header.number != number:
                raise NodeError(f"the node shows block {header.number} for block {number}")
            found.append(header)
        return found


def _read(answer: Any) -> Header:
    if not isinstance(answer, dict):
        raise NodeError("the node shows a header that is no object")
    try:
        return Header.from_json(answer)
    except IntegrityError as error:
        raise NodeError(f"the node shows a header that does not hold: {error}") from error
