"""The counting transport: asks for gzip, counts bytes as they went over the wire, changes nothing else."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.wire import Wire
from salus.core.errors import UnavailableError

BODY = b'{"jsonrpc": "2.0", "id": 1, "result": "' + b"0" * 5000 + b'"}'
PACKED = gzip.compress(BODY)


class Node(httpx.BaseTransport):
    """Answers packed if it is asked to; keeps what it was asked and whether it was closed."""

    def __init__(self, parts: int = 1) -> None:
        self.parts = parts
        self.asked: list[httpx.Request] = []
        self.is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        size = -(-len(PACKED) // self.parts)
        chunks = [PACKED[at : at + size] for at in range(0, len(PACKED), size)]
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=_Chunks(chunks))

    def close(self) -> None:
        self.is_closed = True


class _Chunks(httpx.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks


class _Later(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""


@pytest.mark.parametrize("parts", [1, 3])
def test_wire__packed_answer__is_read_whole_and_counted_as_it_came(parts: int) -> None:
    node = Node(parts)
    wire = Wire(node)
    rpc = Rpc("http://node.test/path", transport=wire)
    assert rpc.call("eth_chainId") == "0" * 5000
    assert node.asked[0].headers["accept-encoding"] == "gzip"
    head = sum(len(name) + len(value) + 4 for name, value in [(b"content-encoding", b"gzip")])
    assert wire.received == len(PACKED) + head
    assert wire.received < len(BODY) / 10


def test_wire__requests__count_path_headers_and_body() -> None:
    node = Node()
    wire = Wire(node)
    rpc = Rpc("http://node.test/path", transport=wire)
    rpc.call("eth_chainId")
    [asked] = node.asked
    headers = sum(len(name) + len(value) + 4 for name, value in asked.headers.raw)
    body = int(asked.headers["content-length"])
    assert body == len(b"".join(asked.stream)) > 0  # type: ignore[arg-type]  # a stream that is not asynchronous
    assert wire.sent == len("/path") + headers + body
    rpc.call("eth_chainId")
    assert wire.sent == 2 * (len("/path") + headers + body)


def test_wire__node_away__counts_what_was_sent_and_nothing_received() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    wire = Wire(httpx.MockTransport(away))
    with pytest.raises(UnavailableError):
        Rpc("http://node.test", transport=wire, attempts=1).call("eth_chainId")
    assert wire.sent > 0
    assert wire.received == 0


def test_wire__closed__closes_what_is_below() -> None:
    node = Node()
    Rpc("http://node.test", transport=Wire(node)).close()
    assert node.is_closed


def test_wire__asynchronous_transport__is_refused() -> None:
    wire = Wire(httpx.MockTransport(lambda _: httpx.Response(200, stream=_Later())))
    with pytest.raises(TypeError, match="not asynchronous"):
        wire.handle_request(httpx.Request("POST", "http://node.test", content=b"{}"))
