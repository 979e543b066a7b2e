"""The guarded HTTP server over real loopback connections: slow heads, half bodies, floods of connections."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from salus.adapters.http_server import HttpCounters, HttpLimits, config_of

LIMITS = HttpLimits(connections=20, head_bytes=4096, head_seconds=0.6, body_seconds=0.6, slowest=1000, look_seconds=0.1)
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def _echo(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        return Response(status_code=400)
    await asyncio.sleep(float(request.query_params.get("wait", "0")))
    return Response(str(len(body)))


class Served:
    """A running server; `ask` opens a connection, sends and reads until the end."""

    def __init__(self, port: int, counters: HttpCounters) -> None:
        self.port = port
        self.counters = counters

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        reader, writer = await self.open()
        for piece in pieces:
            try:
                writer.write(piece)
                await writer.drain()
            except OSError:
                break
            await asyncio.sleep(pause)
        try:
            return await reader.read(65536)
        except OSError:
            return b""
        finally:
            writer.close()


def served(case: Callable[[Served], Awaitable[None]], limits: HttpLimits = LIMITS) -> None:
    """Run a case against a server of its own."""

    async def main() -> None:
        counters = HttpCounters()
        app = Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])])
        server = uvicorn.Server(config_of(app, "127.0.0.1", 0, limits, counters, lifespan="off"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        try:
            await case(Served(server.servers[0].sockets[0].getsockname()[1], counters))
        finally:
            server.should_exit = True
            await running

    asyncio.run(main())


def test_request__whole__is_answered_and_the_connection_kept() -> None:
    async def case(server: Served) -> None:
        reader, writer = await server.open()
        for _ in range(3):
            writer.write(GET)
            assert (await reader.read(4096)).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(0.4)
        writer.close()
        assert server.counters == HttpCounters()

    served(case)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"GET / HT",),
        (b"\r\n",),
        tuple(GET[place : place + 1] for place in range(20)),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n", b"12345"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"5\r\n12"),
        (GET + b"GET / HT",),
    ],
    ids=["silent", "half a line", "blank line", "byte by byte", "half a body", "half a chunk", "second one half"],
)
def test_request__half_sent_and_left__is_ended(pieces: tuple[bytes, ...]) -> None:
    async def case(server: Served) -> None:
        reader, writer = await server.open()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        found = b""
        try:
            async with asyncio.timeout(5):
                while more := await reader.read(4096):
                    found += more
        except OSError:
            pass
        writer.close()
        assert found.count(b"HTTP/1.1") == pieces[0].count(b"\r\n\r\n") * pieces[0].startswith(b"GET")
        assert server.counters.late == 1

    served(case)


def test_request__large_body_that_keeps_coming__may_take_longer() -> None:
    async def case(server: Served) -> None:
        head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 6000\r\n\r\n"
        answer = await server.ask(head, *([b"x" * 400] * 15), pause=0.1)
        assert answer.endswith(b"6000")

    served(case)


def test_request__slowly_answered__is_not_ended() -> None:
    async def case(server: Served) -> None:
        reader, writer = await server.open()
        writer.write(b"GET /?wait=1.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"\r\n")
        assert (await reader.read(4096)).startswith(b"HTTP/1.1 200")
        writer.close()

    served(case)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: ", b"y" * 3000, b"y" * 3000),
        (b"GET /", b"y" * 3000, b"y" * 3000),
        (
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
            b"t: " + b"y" * 3000,
            b"y" * 3000,
        ),
    ],
    ids=["header", "path", "trailer"],
)
def test_request__head_without_end__is_ended(pieces: tuple[bytes, ...]) -> None:
    async def case(server: Served) -> None:
        assert await server.ask(*pieces, pause=0.02) == b""
        assert (server.counters.oversized_heads, server.counters.late) == (1, 0)

    served(case)


def test_connections__hundreds_opened_and_left__others_are_served() -> None:
    async def case(server: Served) -> None:
        left = [await server.open() for _ in range(300)]
        for _ in range(20):
            left.append(await server.open())
            assert (await server.ask(GET.replace(b"host", b"connection: close\r\nhost"))).startswith(b"HTTP/1.1 200")
        assert server.counters.crowded_out >= 300
        assert server.counters.refused == 0
        for _, writer in left:
            writer.close()

    served(case, HttpLimits(connections=20, head_seconds=60))


def test_connections__all_being_answered__a_further_one_is_refused() -> None:
    async def case(server: Served) -> None:
        busy = [await server.open() for _ in range(20)]
        for _, writer in busy:
            writer.write(b"GET /?wait=1 HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.3)
        assert await server.ask(GET) == b""
        for reader, writer in busy:
            assert (await reader.read(4096)).startswith(b"HTTP/1.1 200")
            writer.close()
        assert server.counters.refused == 1

    served(case)


def test_bodies__half_sent_ones_together_too_large__the_oldest_make_room() -> None:
    async def case(server: Served) -> None:
        head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10000\r\n\r\n"
        left = [await server.open() for _ in range(12)]
        for _, writer in left:
            writer.write(head + b"x" * 9000)
            await asyncio.sleep(0.01)
        assert (await server.ask(head, b"y" * 10_000)).endswith(b"10000")
        assert 4 <= server.counters.crowded_out <= 9
        for _, writer in left:
            writer.close()

    served(case, HttpLimits(unfinished_bytes=50_000, head_seconds=60, body_seconds=60))
