"""JSON-RPC against nodes that answer anything."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from salus.adapters.chain.rpc import Rpc, RpcError
from salus.core.errors import UnavailableError

Answer = Callable[[Any], Any]


def node(answer: Answer, failures: int = 0, seen: list[Any] | None = None) -> Rpc:
    """A node that drops the first connections, then answers."""
    left = [failures]

    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if seen is not None:
            seen.append(body)
        if left[0]:
            left[0] -= 1
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json=answer(body))

    return Rpc("http://node.test", transport=httpx.MockTransport(handle))


def echo(body: Any) -> Any:
    if isinstance(body, list):
        return [echo(one) for one in reversed(body)]
    if body["method"] == "eth_bad":
        return {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32601, "message": "no such method"}}
    return {"jsonrpc": "2.0", "id": body["id"], "result": [body["method"], *body["params"]]}


def test_call__answered__returns_the_result() -> None:
    assert node(echo).call("eth_getBalance", "0x1", "latest") == ["eth_getBalance", "0x1", "latest"]


@pytest.mark.parametrize(("user", "sent"), [("", None), ("salus:pass%20word@", "Basic c2FsdXM6cGFzcyB3b3Jk")])
def test_call__sent__names_host_length_and_user(user: str, sent: str | None) -> None:
    headers: list[httpx.Headers] = []

    def handle(request: httpx.Request) -> httpx.Response:
        headers.append(request.headers)
        assert int(request.headers["content-length"]) == len(request.content)
        return httpx.Response(200, json=echo(json.loads(request.content)))

    Rpc(f"http://{user}node.test:8545", transport=httpx.MockTransport(handle)).call("eth_chainId")
    assert headers[0]["host"] == "node.test:8545"
    assert headers[0]["content-type"] == "application/json"
    assert headers[0].get("authorization") == sent


def test_call__null_result__is_none() -> None:
    assert node(lambda body: {"id": body["id"], "result": None}).call("eth_getBlockByHash") is None


def test_call__refused__is_an_rpc_error_with_its_data() -> None:
    error = {"code": 3, "message": "execution reverted", "data": "0x0102"}
    with pytest.raises(RpcError) as caught:
        node(lambda body: {"id": body["id"], "error": error}).call("eth_call")
    assert (caught.value.code, caught.value.reason, caught.value.revert_data) == (3, "execution reverted", b"\1\2")
    assert isinstance(caught.value, UnavailableError)


@pytest.mark.parametrize(
    ("data", "expected"),
    [("0x", b""), (None, None), ("Reverted", None), ("0xzz", None), ({"data": "0x07"}, b"\7"), ({}, None), (7, None)],
)
def test_revert_data__in_every_engines_form__is_read(data: Any, expected: bytes | None) -> None:
    assert RpcError("eth_call", 3, "reverted", data).revert_data == expected


def test_read__connection_lost_twice__is_tried_again() -> None:
    seen: list[Any] = []
    assert node(echo, failures=2, seen=seen).call("eth_blockNumber") == ["eth_blockNumber"]
    assert len(seen) == 3


def test_read__connection_lost_for_good__is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        node(echo, failures=9).call("eth_blockNumber")


@pytest.mark.parametrize("method", ["eth_sendRawTransaction", "evm_mine", "anvil_dropTransaction", "eth_sign"])
def test_write__connection_lost__is_never_repeated(method: str) -> None:
    seen: list[Any] = []
    with pytest.raises(UnavailableError):
        node(echo, failures=1, seen=seen).call(method)
    assert len(seen) == 1


def test_batch__with_a_write_in_it__is_never_repeated() -> None:
    seen: list[Any] = []
    with pytest.raises(UnavailableError):
        node(echo, failures=1, seen=seen).batch([("eth_blockNumber", ()), ("eth_sendRawTransaction", ("0x",))])
    assert len(seen) == 1


def test_batch__answered_out_of_order__is_put_in_order() -> None:
    found = node(echo).batch([("eth_call", (n,)) for n in range(250)])
    assert found == [["eth_call", n] for n in range(250)]


def test_batch__of_many__is_cut_in_parts() -> None:
    seen: list[Any] = []
    node(echo, seen=seen).batch([("eth_call", (n,)) for n in range(250)])
    assert [len(part) for part in seen] == [100, 100, 50]


@pytest.mark.parametrize("others", [0, 1])
def test_batch__with_a_refusal__has_it_in_its_place(others: int) -> None:
    found = node(echo).batch([("eth_bad", ())] + [("eth_call", ())] * others)
    assert isinstance(found[0], RpcError)
    assert found[1:] == [["eth_call"]] * others
    with pytest.raises(RpcError, match="no such method"):
        node(echo).batch_all([("eth_call", ()), ("eth_bad", ())])


def test_batch__with_an_answer_missing__has_an_error_in_its_place() -> None:
    found = node(lambda body: [echo(body[0])]).batch([("eth_call", (1,)), ("eth_call", (2,))])
    assert found[0] == ["eth_call", 1]
    assert isinstance(found[1], RpcError)


def test_batch__refused_as_a_whole__has_the_error_in_every_place() -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batch too large"}}
    found = node(lambda _: error).batch([("eth_call", ()), ("eth_call", ())])
    assert [answer.reason for answer in found] == ["batch too large", "batch too large"]


def test_batch__of_nothing__asks_nothing() -> None:
    seen: list[Any] = []
    assert node(echo, seen=seen).batch([]) == []
    assert seen == []


@pytest.mark.parametrize("content", [b"", b"<html>502</html>", b"{"])
def test_call__answered_without_json__is_unavailable(content: bytes) -> None:
    rpc = Rpc("http://node.test", transport=httpx.MockTransport(lambda _: httpx.Response(502, content=content)))
    with pytest.raises(UnavailableError, match="HTTP 502 without JSON"):
        rpc.call("eth_sendRawTransaction")


@pytest.mark.parametrize("answer", [[], 7, "text", {}, {"error": "text"}])
def test_call__answered_in_no_rpc_form__is_an_rpc_error(answer: Any) -> None:
    with pytest.raises(RpcError, match=r"JSON-RPC 2\.0"):
        node(lambda _: answer).call("eth_chainId")


# a node that is hostile


class Stream(httpx.SyncByteStream):
    """Bytes without end, of which is noted how many were taken."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.taken += len(self.part)
            yield self.part


class Once(httpx.SyncByteStream):
    """A body in parts as a socket gives them."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.body), 4096):
            yield self.body[start : start + 4096]


def served(**answer: Any) -> Rpc:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, **answer))
    return Rpc("http://node.test", transport=transport, attempts=1, timeout=0.05)


def test_call__answer_without_end__is_cut_off() -> None:
    stream = Stream(b"[" * 1024 * 1024)
    with pytest.raises(UnavailableError, match="more than"):
        Rpc(
            "http://node.test",
            transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=stream)),
            attempts=1,
        ).call("eth_chainId")
    assert stream.taken <= 66 * 1024 * 1024


def test_call__answer_that_dribbles__is_given_up() -> None:
    class Dribble(Stream):
        def __iter__(self) -> Iterator[bytes]:
            for part in super().__iter__():
                time.sleep(0.02)
                yield part

    with pytest.raises(UnavailableError, match="come to an end"):
        served(stream=Dribble(b" ")).call("eth_chainId")


def test_call__answer_that_unpacks_to_gigabytes__is_cut_off() -> None:
    packed = gzip.compress(bytes(80 * 1024 * 1024))
    with pytest.raises(UnavailableError, match=r"more than|come to an end"):
        served(stream=Once(packed), headers={"content-encoding": "gzip"}).call("eth_chainId")


@pytest.mark.parametrize("part", [b"[]", b"{}", b'""', b'"a"', b"1.5", b'{"a":7}'])
def test_call__megabytes_of_empty_parts__are_not_decoded(part: bytes) -> None:
    content = b'{"id":1,"result":[' + b",".join([part] * (2**21 // len(part))) + b"]}"
    with pytest.raises(UnavailableError, match="next to nothing but brackets"):
        served(content=content).call("eth_chainId")


def test_call__megabytes_of_logs__are_read() -> None:
    word = "0x" + "11" * 32
    log = {"address": word[:42], "topics": [word], "data": "0x", "blockNumber": "0x1", "blockHash": word}
    log |= {"transactionHash": word, "transactionIndex": "0x0", "logIndex": "0x0", "removed": False}
    content = json.dumps({"id": 1, "result": [log] * 6_000}, separators=(",", ":")).encode()
    assert len(content) > 2**21
    assert served(content=content).call("eth_getLogs") == [log] * 6_000


@pytest.mark.parametrize(
    "answer",
    [
        {"content": b"[" * 200_000},
        {"content": b'{"result":' * 200_000},
        {"stream": Once(b"garbage"), "headers": {"content-encoding": "gzip"}},
        {"content": b'{"error":{"code":"x"}}'},
        {"content": b'{"error":{"code":null,"message":[1]}}'},
    ],
    ids=["deep list", "deep object", "not gzip", "code of letters", "no code"],
)
def test_call__answer_made_to_break_the_reader__is_unavailable(answer: dict[str, Any]) -> None:
    with pytest.raises(UnavailableError):
        served(**answer).call("eth_chainId")


def test_batch__ids_that_are_none__have_errors_in_their_places() -> None:
    results = served(json=[{"id": [1], "result": 1}, {"id": {}, "result": 2}, {"id": None}, 7]).batch(
        [("eth_chainId", ()), ("eth_chainId", ())]
    )
    assert [isinstance(result, RpcError) for result in results] == [True, True]
