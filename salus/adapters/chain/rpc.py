"""JSON-RPC 2.0 over HTTP: kept connections, batches, typed errors, one node or several (`nodes`).

Reads are tried again when the node does not answer, at the next node if there is one; a transaction or a change of the
node never is, because whoever sends it must decide (`pool`). web3 has a provider for the same job, but costs 0.6 to
1.2 ms of processor time a call where this costs a third, so the hot paths stand on this one and `client` lets web3
stand on it too.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from salus.adapters.chain.nodes import Node, Nodes, Standing, addresses
from salus.core.errors import UnavailableError

_READS = (
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_estimateGas",
    "eth_get",
    "net_version",
    "web3_clientVersion",
    "clique_get",
)
_BATCH = 100
"""Requests in one HTTP body: below the limits of geth (1,000) and Besu (1,024), and answered within a second."""
_PAUSE_SECONDS = 0.1
_REASON = 1000
"""Characters of a node's words that are repeated."""
_OTHERS_SECONDS = 2.0
"""How long a node that is not in use may take when all are told something."""

Request = tuple[str, Sequence[Any]]


class RpcError(UnavailableError):
    """The node answered with an error object; `code`, `reason` and `data` are its members."""

    advice = "If it stays, check the node's version and settings; docs/runbook.md lists what Salus needs of a node."

    def __init__(self, method: str, code: int, reason: str, data: Any = None) -> None:
        super().__init__(f"the node refused {method}: {reason} ({code})")
        self.method = method
        self.code = code
        self.reason = reason
        self.data = data

    @property
    def revert_data(self) -> bytes | None:
        """Bytes a reverted call returned, or None when the error is no revert with data."""
        data = self.data.get("data") if isinstance(self.data, dict) else self.data
        if not isinstance(data, str) or not data.startswith("0x"):
            return None
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return None


class Rpc:
    """One node, or several of one chain. Safe to use from several threads.

    `url` is an address, or several separated by commas, most wanted first. `timeout` in seconds per HTTP exchange,
    `attempts` per read. Two reads may be answered by different nodes, of which one may be some blocks behind; the
    requests of a batch of up to 100 are answered by one.

    Raises:
        SetupError: no address.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._ids = itertools.count(1)
        self._transport = transport or httpx.HTTPTransport(
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32), trust_env=False
        )
        self._nodes = Nodes([Node(address, timeout, self._transport) for address in addresses(url)])
        self._attempts = attempts + len(self._nodes) - 1

    @property
    def standing(self) -> Standing:
        """How its nodes stand."""
        return self._nodes.standing()

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def call(self, method: str, *params: Any) -> Any:
        """Result of one request.

        Raises:
            RpcError: the node answered with an error.
            UnavailableError: the node did not answer.
        """
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return _result(method, self._exchange(body, repeat=_is_read(method)))

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Results of several requests in order; a request the node refuses has its `RpcError` as result.

        Raises:
            UnavailableError: the node did not answer.
        """
        results: list[Any] = []
        for part in _parts(requests):
            results += self._batch(part)
        return results

    def batch_all(self, requests: Sequence[Request]) -> list[Any]:
        """As `batch`, but the first refusal is raised.

        Raises:
            RpcError: the node refused a request.
            UnavailableError: the node did not answer.
        """
        results = self.batch(requests)
        for result in results:
            if isinstance(result, RpcError):
                raise result
        return results

    def spread(self, requests: Sequence[Request], *, everywhere: bool) -> list[list[Any]]:
        """Results of requests that may be answered twice, by node: of the node in use (or of the next that answers), or
        of every node that can be reached. Refusals as in `batch`.

        Raises:
            UnavailableError: no node answered.
        """
        found: list[list[Any]] = []
        trouble: UnavailableError | None = None
        for place, node in enumerate(self._nodes.reachable()):
            timeout = None if place == 0 else _OTHERS_SECONDS
            try:
                found.append([result for part in _parts(requests) for result in self._batch_at(node, part, timeout)])
            except UnavailableError as away:
                self._nodes.leave(node)
                trouble = away
            if found and not everywhere:
                break
        if not found and trouble is not None:
            raise trouble
        return found

    def _batch(self, requests: Sequence[Request]) -> list[Any]:
        if len(requests) == 1:
            method, params = requests[0]
            try:
                return [self.call(method, *params)]
            except RpcError as refusal:
                return [refusal]
        bodies = self._bodies(requests)
        answers = self._exchange(bodies, repeat=all(_is_read(method) for method, _ in requests))
        return _in_order(requests, bodies, answers)

    def _batch_at(self, node: Node, requests: Sequence[Request], timeout: float | None) -> list[Any]:
        bodies = self._bodies(requests)
        return _in_order(requests, bodies, node.ask(msgspec.json.encode(bodies), timeout))

    def _bodies(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        return [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params} for method, params in requests
        ]

    def _exchange(self, body: Any, *, repeat: bool) -> Any:
        content = msgspec.json.encode(body)
        attempt = 1
        while True:
            node = self._nodes.used()
            try:
                return node.ask(content)
            except UnavailableError:
                self._nodes.leave(node)
                if not repeat or attempt >= self._attempts:
                    raise
            if attempt % len(self._nodes) == 0:  # every node was asked
                time.sleep(_PAUSE_SECONDS * attempt)
            attempt += 1


def _is_read(method: str) -> bool:
    return method.startswith(_READS)


def _parts(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    for start in range(0, len(requests), _BATCH):
        yield requests[start : start + _BATCH]


def _in_order(requests: Sequence[Request], bodies: Sequence[dict[str, Any]], answers: Any) -> list[Any]:
    if not isinstance(answers, list):
        return [_settled(method, answers) for method, _ in requests]
    by_id = {
        answer["id"]: answer for answer in answers if isinstance(answer, dict) and isinstance(answer.get("id"), int)
    }
    return [_settled(method, by_id.get(body["id"])) for (method, _), body in zip(requests, bodies, strict=True)]


def _settled(method: str, answer: Any) -> Any:
    try:
        return _result(method, answer)
    except RpcError as refusal:
        return refusal


def _result(method: str, answer: Any) -> Any:
    if isinstance(answer, dict):
        if "result" in answer:
            return answer["result"]
        if isinstance(error := answer.get("error"), dict):
            code = error.get("code")
            reason = str(error.get("message", ""))[:_REASON]
            raise RpcError(method, code if isinstance(code, int) else 0, reason, error.get("data"))
    raise RpcError(method, 0, "no answer in the JSON-RPC 2.0 form")
