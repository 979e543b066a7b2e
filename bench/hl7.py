"""Rates of the write path up to labelled drafts, on results of about 3.5 KB.

    PYTHONPATH=. python bench/hl7.py [messages]

One process plays sender and receiver; the journal is memory with a 2 ms group commit, so disk and chain are not in it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import count

from cli.hospital_day import results
from cli.hospital_people import HOSPITAL
from cli.mllp_client import send
from oracle.hl7.charset import decode
from oracle.hl7.message import parse
from oracle.intake.mllp import MllpServer
from oracle.intake.ports import Peer
from oracle.intake.receive import Received, receive
from oracle.intake.reception import Reception
from oracle.label import label
from oracle.normalise import normalise


class MemoryJournal:
    """Durable after 2 ms, in groups."""

    def __init__(self) -> None:
        self.groups = 0
        self._open: list[asyncio.Future[None]] = []

    def append(self, received: Received, peer: Peer) -> asyncio.Future[None]:  # noqa: ARG002 - the port names them
        """Wait for the next group."""
        loop = asyncio.get_running_loop()
        if not self._open:
            loop.call_later(0.002, self._commit)
        stored: asyncio.Future[None] = loop.create_future()
        self._open.append(stored)
        return stored

    def _commit(self) -> None:
        self.groups += 1
        for stored in self._open:
            stored.set_result(None)
        self._open = []


def rate(messages: list[bytes], work: Callable[[bytes], object]) -> float:
    """Messages a second, best of three rounds."""
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        for message in messages:
            work(message)
        best = max(best, len(messages) / (time.perf_counter() - began))
    return best


async def over_mllp(messages: list[bytes]) -> str:
    """Send everything over eight loopback connections."""
    numbers, journal = count(), MemoryJournal()
    reception = Reception(journal, now=lambda: datetime.now(UTC), next_control_id=lambda: str(next(numbers)))
    server = MllpServer(reception, "bench")
    port = await server.start("127.0.0.1", 0)
    report = await send(messages, "127.0.0.1", port, connections=8, window=64)
    await server.stop()
    return f"{report.answered / report.seconds:,.0f}/s, {report.codes}, {journal.groups} groups"


def main() -> None:
    """Print the table."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    messages = list(results(1, number, "UNICODE UTF-8", date(2026, 11, 23)))
    some = messages[: max(1, number // 4)]
    print(f"{number} messages of {sum(map(len, messages)) / number:,.0f} bytes, {messages[0].count(13)} segments")
    print(f"decode and parse            {rate(messages, lambda raw: parse(decode(raw).text)):10,.0f}/s")
    print(f"receive (hashes, verdict)   {rate(messages, receive):10,.0f}/s")
    print(
        f"  and normalise             {rate(some, lambda raw: normalise(parse(receive(raw).text), HOSPITAL)):10,.0f}/s"
    )
    labelled = rate(some, lambda raw: [label(one) for one in normalise(parse(receive(raw).text), HOSPITAL)])
    print(f"  and label                 {labelled:10,.0f}/s")
    print(f"MLLP, 8 connections         {asyncio.run(over_mllp(messages)):>10}")


if __name__ == "__main__":
    main()
