"""How many messages a second are answered once they are durable, beside python-hl7 on the same messages.

    python -m bench.ingest [--messages N] [--connections N]

The sender is this process, each receiver one of its own. Messages are ORU^R01 of about 3.5 KB, each of another patient.
Senders keep 1 (as most systems do) or 32 messages unanswered per connection.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.lines import Progress, fsync_milliseconds, line, run, scratch
from bench.messages import reports
from bench.receivers import Receiver
from cli.mllp_client import SendReport, send

GOAL = "≥ 2,000/s"
WARM_UP = 500
WINDOWS = (1, 32)
_SHARE = {"salus": 1, "hl7": 8, "hl7-durable": 8}
_NAMES = {
    "salus": "durable ACK, oracle on SQLite WAL FULL",
    "hl7": "ACK of python-hl7's asyncio server, NOT durable",
    "hl7-durable": "ACK of python-hl7's asyncio server, made to append and sync each message",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Rate in messages a second, receiver's CPU microseconds and commits per message."""

    rate: float
    cpu_micros: float
    per_sync: float


def measure(kind: str, messages: int, connections: int, window: int, folder: Path, seed: int) -> Measured:
    """One receiver under one sender.

    Raises:
        RuntimeError: a message was not answered AA, or a durable receiver keeps another number than it answered.
    """
    warm, load = list(reports(seed, WARM_UP)), list(reports(seed + 1, messages))
    with Receiver(kind, folder) as receiver:
        asyncio.run(_send(warm, receiver.port, connections, window))
        before = receiver.report()
        report = asyncio.run(_send(load, receiver.port, connections, window))
        after = receiver.report()
    if report.codes["AA"] != messages or report.mismatched:
        raise RuntimeError(f"{kind}: {messages} messages were sent, replies were {report.codes}")
    if kind != "hl7" and after.kept - before.kept != messages:
        raise RuntimeError(f"{kind}: {messages} messages were answered, {after.kept - before.kept} are kept")
    cpu = (after.cpu_seconds - before.cpu_seconds) / messages * 1e6
    syncs = after.syncs - before.syncs
    return Measured(messages / report.seconds, cpu, messages / syncs if syncs else 0.0)


async def _send(messages: list[bytes], port: int, connections: int, window: int) -> SendReport:
    return await send(messages, "127.0.0.1", port, connections=connections, window=window)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="messages per run; an eighth for python-hl7")
    parser.add_argument("--connections", type=int, default=8)
    told = parser.parse_args()
    seeds = count(1, 2)
    with scratch("ingest") as folder, Progress() as progress:
        before = fsync_milliseconds(folder)
        line("4 KiB append + fdatasync, before", f"{before:.2f} ms", "", "ingest")
        for kind, share in _SHARE.items():
            for window in WINDOWS:
                seed, messages = next(seeds), max(100, told.messages // share)
                progress.tell(f"{kind}, {messages:,} messages, {window} unanswered on each connection")
                found = measure(kind, messages, told.connections, window, folder / f"{kind}-{window}", seed)
                figure = f"{found.rate:,.0f}/s, receiver's CPU {found.cpu_micros:,.0f} µs a message"
                if found.per_sync:
                    figure += f", {found.per_sync:.1f} messages a commit"
                name = f"{_NAMES[kind]}, {told.connections} connections, window {window}"
                line(name, figure, GOAL if kind == "salus" else "", "ingest")
        line("4 KiB append + fdatasync, after", f"{fsync_milliseconds(folder):.2f} ms", "", "ingest")


if __name__ == "__main__":
    run(main)
