"""JSON-RPC 2.0 over HTTP: kept connections, batches, typed errors.

Reads are tried again when the node does not answer; a transaction or a change of the node never is, because whoever
sends it must decide (`lanes`). web3 has a provider for the same job, but costs 0.6 to 1.2 ms of processor time a call
where this costs a third, so the hot paths stand on this one and `client` lets web3 stand on it too.
"""

from __future__ import annotations

import itertools
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

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
    """One node. Safe to use from several threads.

    `timeout` in seconds per HTTP exchange, `attempts` per read.
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
        self._attempts = attempts
        self._ids = itertools.count(1)
        self._transport = transport or httpx.HTTPTransport(
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32), trust_env=False
        )
        self._target = httpx.URL(url)
        self._headers = _headers(self._target)
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict()}

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

    def _batch(self, requests: Sequence[Request]) -> list[Any]:
        if len(requests) == 1:
            method, params = requests[0]
            try:
                return [self.call(method, *params)]
            except RpcError as refusal:
                return [refusal]
        bodies = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params} for method, params in requests
        ]
        answers = self._exchange(bodies, repeat=all(_is_read(method) for method, _ in requests))
        if not isinstance(answers, list):
            return [_settled(method, answers) for method, _ in requests]
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [_settled(method, by_id.get(body["id"])) for (method, _), body in zip(requests, bodies, strict=True)]

    def _exchange(self, body: Any, *, repeat: bool) -> Any:
        content = msgspec.json.encode(body)
        attempt = 1
        while True:
            try:
                return _read(self._post(content))
            except httpx.TransportError as error:
                if not repeat or attempt >= self._attempts:
                    raise UnavailableError(f"the node does not answer ({type(error).__name__})") from error
            except UnavailableError:
                if not repeat or attempt >= self._attempts:
                    raise
            time.sleep(_PAUSE_SECONDS * attempt)
            attempt += 1

    def _post(self, content: bytes) -> httpx.Response:
        """One exchange. httpx's client costs as much again as all the rest of a request; its transport does not."""
        headers = [*self._headers, (b"content-length", b"%d" % len(content))]
        stream = httpx.ByteStream(content)
        request = httpx.Request("POST", self._target, headers=headers, stream=stream, extensions=self._extensions)
        response = self._transport.handle_request(request)
        try:
            response.read()
        finally:
            response.close()
        return response


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    headers = [(b"host", url.netloc), (b"content-type", b"application/json")]
    if url.userinfo:
        headers.append((b"authorization", b"Basic " + b64encode(f"{url.username}:{url.password}".encode())))
    return headers


def _is_read(method: str) -> bool:
    return method.startswith(_READS)


def _parts(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    for start in range(0, len(requests), _BATCH):
        yield requests[start : start + _BATCH]


def _read(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError as error:
        raise UnavailableError(f"the node answered HTTP {response.status_code} without JSON") from error


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
            raise RpcError(method, int(error.get("code", 0)), str(error.get("message", "")), error.get("data"))
    raise RpcError(method, 0, "no answer in the JSON-RPC 2.0 form")
