"""Server and sender over real loopback connections."""

import asyncio
from datetime import UTC, datetime
from itertools import count

from cli.mllp_client import send
from oracle.intake.mllp import MllpLimits, MllpServer
from oracle.intake.ports import Peer
from oracle.intake.receive import Received
from oracle.intake.reception import Reception


class GroupJournal:
    """Keeps messages in memory and makes them durable in groups, as a group commit does."""

    def __init__(self) -> None:
        self.kept: list[Received] = []
        self.groups = 0
        self._open: list[asyncio.Future[bytes]] = []

    def append(self, received: Received, peer: Peer) -> asyncio.Future[bytes]:
        loop = asyncio.get_running_loop()
        self.kept.append(received)
        if not self._open:
            loop.call_later(0.002, self._commit)
        stored: asyncio.Future[bytes] = loop.create_future()
        self._open.append(stored)
        return stored

    def _commit(self) -> None:
        self.groups += 1
        for stored in self._open:
            stored.set_result(b"")
        self._open = []


def _messages(number: int, kind: str = "ORU^R01") -> list[bytes]:
    return [
        f"MSH|^~\\&|LIS|H1|ESB|H2|20260101||{kind}|C{place}|P|2.4||||||UNICODE UTF-8\rPID|1||7||王東\r".encode()
        for place in range(number)
    ]


def test_send__thousands_over_eight_connections__each_answered_once() -> None:
    async def case() -> None:
        journal, numbers = GroupJournal(), count()
        reception = Reception(
            journal, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), next_control_id=lambda: str(next(numbers))
        )
        server = MllpServer(reception, "his", MllpLimits(pending_messages=16))
        port = await server.start("127.0.0.1", 0)
        seen: list[int] = []
        report = await send(
            [*_messages(3000), *_messages(5, "QRY^A19"), *_messages(2, "")],
            "127.0.0.1",
            port,
            connections=8,
            window=40,
            progress=lambda so_far: seen.append(so_far.answered),
        )
        await server.stop()
        assert (report.sent, report.answered, report.unanswered, report.mismatched) == (3007, 3007, 0, 0)
        assert report.codes == {"AA": 3000, "AE": 2, "AR": 5}
        assert len({one.control_id for one in journal.kept}) == 3000
        assert journal.groups < 1500
        assert seen[-1] == 3007
        assert server.counters.connections == 8

    asyncio.run(case())


def test_send__server_stops_before_answering__reports_unanswered() -> None:
    class Silent:
        def append(self, received: Received, peer: Peer) -> asyncio.Future[bytes]:
            return asyncio.get_running_loop().create_future()

    async def case() -> None:
        reception = Reception(Silent(), now=lambda: datetime(2026, 1, 1, tzinfo=UTC), next_control_id=lambda: "1")
        server = MllpServer(reception)
        port = await server.start("127.0.0.1", 0)
        report = await send(_messages(10), "127.0.0.1", port, connections=2, window=3, reply_seconds=0.2)
        await server.stop(grace=0.1)
        assert report.answered == 0
        assert report.unanswered == report.sent == 6

    asyncio.run(case())


def test_send__application_acknowledgment_after_the_commit_accept__is_kept_and_answered() -> None:
    head, later = b"MSH|^~\\&|ESB||LIS||20260101||ACK|", b"|P|2.5.1|||AL|NE\r"
    heard: list[bytes] = []

    async def oracle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\x1c\r")
        writer.write(b"\x0b" + head + b"S1|P|2.5.1\rMSA|CA|E1\r\x1c\r")
        writer.write(b"\x0b" + head + b"A7" + later + b"MSA|AA|E1\rZSL|1|did:salus:1\r\x1c\r")
        heard.append(await reader.readuntil(b"\x1c\r"))
        writer.close()

    async def case() -> None:
        server = await asyncio.start_server(oracle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        message = b"MSH|^~\\&|LIS|H1|ESB|H2|20260101||ORU^R01|E1|P|2.5.1|||AL|AL\rPID|1||7\r"
        report = await send([message], "127.0.0.1", port, connections=1, listen_seconds=0.5)
        server.close()
        assert (report.codes["CA"], report.unanswered, report.mismatched, report.refused) == (1, 0, 0, [])
        (found,) = report.deferred
        assert b"ZSL|1|did:salus:1" in found
        assert b"\rMSA|CA|A7\r" in heard[0]

    asyncio.run(case())


def test_send__message_that_asks_for_no_reply__is_not_waited_for() -> None:
    async def case() -> None:
        journal = GroupJournal()
        reception = Reception(journal, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), next_control_id=lambda: "1")
        server = MllpServer(reception)
        port = await server.start("127.0.0.1", 0)
        silent = b"MSH|^~\\&|LIS|H1|ESB|H2|20260101||ORU^R01|N1|P|2.5.1|||NE|NE\rPID|1||7\r"
        report = await send([silent, *_messages(1)], "127.0.0.1", port, connections=1)
        await server.stop()
        assert (report.sent, report.answered, report.unanswered) == (2, 1, 0)
        assert [one.control_id for one in journal.kept] == ["N1", "C0"]

    asyncio.run(case())
