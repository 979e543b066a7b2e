"""A node in memory with the pool of geth 1.13 as far as one sender meets it: its words, its limits, and its losses."""

from __future__ import annotations

import json
import random
from collections import Counter
from threading import RLock
from typing import Any

import httpx
import rlp

from salus.core import signatures
from salus.core.hashing import keccak
from salus.core.ids import Address

CHAIN_ID = 2026


class RefusedError(Exception):
    """The node's words."""


class GethNode:
    """Blocks are made by `mine`; `limit` is how many transactions the pool holds. Safe to use from several threads.

    `fullest` is the largest the pool ever was, `sends` counts what was handed in by hash. With `lags` most HTTP
    exchanges are answered as of five blocks earlier, as by another node behind the same address.
    """

    def __init__(self, limit: int = 5_000) -> None:
        self.limit = limit
        self.lags = False
        self.pool: dict[tuple[Address, int], bytes] = {}
        self.blocks: list[list[tuple[Address, int, bytes]]] = [[]]
        self.fullest = 0
        self.sends: Counter[bytes] = Counter()
        self._chance = random.Random(7)
        self._lock = RLock()
        self.transport = httpx.MockTransport(self._exchange)

    def mine(self, most: int = 1_000) -> None:
        """A block of what the pool can execute."""
        with self._lock:
            block: list[tuple[Address, int, bytes]] = []
            for sender, nonce in sorted(self.pool, key=lambda key: key[1]):
                if nonce == self._count(sender, self.blocks) + sum(one[0] == sender for one in block):
                    block.append((sender, nonce, self.pool[sender, nonce]))
            for sender, nonce, _ in block[:most]:
                del self.pool[sender, nonce]
            self.blocks.append(block[:most])

    def forget(self) -> None:
        """A restart without a journal of the pool."""
        with self._lock:
            self.pool.clear()

    def take_back(self, blocks: int) -> None:
        """A fork of empty blocks, on a node that had none of the transactions."""
        with self._lock:
            del self.blocks[-blocks:]
            self.blocks += [[] for _ in range(blocks + 1)]

    def mined(self) -> list[tuple[Address, int, bytes]]:
        """Transactions on chain, oldest first."""
        with self._lock:
            return [one for block in self.blocks for one in block]

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        with self._lock:
            behind = self.lags and self._chance.random() < 0.8
            seen = self.blocks[: max(1, len(self.blocks) - 5)] if behind else self.blocks
            if isinstance(body, list):
                return httpx.Response(200, json=[self._answer(one, seen) for one in body])
            return httpx.Response(200, json=self._answer(body, seen))

    def _answer(self, body: dict[str, Any], blocks: list[list[tuple[Address, int, bytes]]]) -> dict[str, Any]:
        try:
            return {"id": body["id"], "result": self._result(body["method"], body["params"], blocks)}
        except RefusedError as refused:
            return {"id": body["id"], "error": {"code": -32000, "message": str(refused)}}

    def _result(self, method: str, params: list[Any], blocks: list[list[tuple[Address, int, bytes]]]) -> Any:
        match method:
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_blockNumber":
                return hex(len(blocks) - 1)
            case "eth_estimateGas":
                return hex(30_000)
            case "eth_getTransactionCount":
                sender = Address(params[0])
                mined = self._count(sender, blocks)
                return hex(mined if params[1] == "latest" else self._next(sender, mined))
            case "eth_getTransactionReceipt":
                return self._receipt(bytes.fromhex(params[0][2:]), blocks)
            case "eth_sendRawTransaction":
                return self._send(bytes.fromhex(params[0][2:]))
        raise RefusedError(f"the method {method} does not exist")

    def _count(self, sender: Address, blocks: list[list[tuple[Address, int, bytes]]]) -> int:
        return sum(one[0] == sender for block in blocks for one in block)

    def _next(self, sender: Address, mined: int) -> int:
        while (sender, mined) in self.pool:
            mined += 1
        return mined

    def _receipt(self, tx_hash: bytes, blocks: list[list[tuple[Address, int, bytes]]]) -> dict[str, Any] | None:
        for number, block in enumerate(blocks):
            if any(one[2] == tx_hash for one in block):
                return {"status": "0x1", "blockHash": "0x" + number.to_bytes(32, "big").hex()}
        return None

    def _send(self, raw: bytes) -> str:
        tx_hash = keccak(raw)
        self.sends[tx_hash] += 1
        fields = rlp.decode(raw)
        nonce = int.from_bytes(fields[0], "big")
        parity = int.from_bytes(fields[6], "big") - 2 * CHAIN_ID - 35
        signature = fields[7].rjust(32, b"\0") + fields[8].rjust(32, b"\0") + bytes([27 + parity])
        sender = signatures.recover(keccak(rlp.encode([*fields[:6], CHAIN_ID.to_bytes(2, "big"), b"", b""])), signature)
        waiting = self.pool.get((sender, nonce))
        if waiting == tx_hash:
            raise RefusedError("already known")
        if nonce < (count := self._count(sender, self.blocks)):
            raise RefusedError(f"nonce too low: next nonce {count}, tx nonce {nonce}")
        if waiting is not None:
            raise RefusedError("replacement transaction underpriced")
        if len(self.pool) >= self.limit:
            raise RefusedError("txpool is full")
        self.pool[sender, nonce] = tx_hash
        self.fullest = max(self.fullest, len(self.pool))
        return "0x" + tx_hash.hex()
