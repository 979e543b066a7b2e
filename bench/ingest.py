"""How many messages a second are answered once they are durable, beside python-hl7 and HAPI on the same messages.

    python -m bench.ingest [--messages N] [--connections N …]

The sender is this process, each receiver one of its own. Senders keep 1 message unanswered per connection (as most
systems do: "waiting") or 32 ("pipelined"). Every durable receiver must keep exactly what it has answered.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.hapi import HapiReceiver, MissingPeerError, build
from bench.lines import Progress, fsync_milliseconds, line, run, scratch
from bench.messages import reports
from bench.receivers import Receiver
from cli.mllp_client import SendReport, send

GOAL, GOAL_RATIO = "≥ 5,000/s at 8 and at 64 connections", "≥ 3"
WAITING, PIPELINED = 1, 32
CONNECTIONS = (1, 8, 64)


@dataclass(frozen=True, slots=True)
class Kind:
    """A receiver: what it is, how to make one in a folder, which share of the messages and how many before them.

    `in_order` is False for one that answers messages of a connection in another order than they came.
    """

    name: str
    about: str
    make: Callable[[Path], Receiver | HapiReceiver]
    share: float
    warm_up: int
    durable: bool = True
    in_order: bool = True


@dataclass(frozen=True, slots=True)
class Measured:
    """Rate in messages a second, receiver's CPU microseconds and messages per commit or sync."""

    rate: float
    cpu_micros: float
    per_sync: float


def kinds() -> list[Kind]:
    """Salus and its peers; one that can't be had here is left out aloud."""
    found = [
        Kind("salus", "oracle on SQLite WAL FULL", lambda folder: Receiver("salus", folder), 1, 1000),
        Kind(
            "hl7-durable",
            "python-hl7's asyncio server, made to append and sync each message",
            lambda folder: Receiver("hl7-durable", folder),
            1 / 16,
            200,
        ),
        Kind(
            "hl7",
            "python-hl7's asyncio server as it is, NOT durable",
            lambda folder: Receiver("hl7", folder),
            1 / 16,
            200,
            durable=False,
        ),
    ]
    try:
        command = build()
    except MissingPeerError as missing:
        sys.stdout.write(f"SKIPPED: HAPI HL7v2 can't be measured here: {missing}\n")
        return found
    about = "HAPI HL7v2's server, made to append and force each message; answers out of order"
    return [*found, Kind("hapi", about, lambda folder: HapiReceiver(command, folder), 1 / 4, 3000, in_order=False)]


def measure(kind: Kind, messages: int, connections: int, window: int, folder: Path, seed: int) -> Measured:
    """One receiver under one sender.

    Raises:
        RuntimeError: a message was not answered AA, or a durable receiver keeps another number than it answered.
    """
    warm, load = list(reports(seed, kind.warm_up)), list(reports(seed + 1, messages))
    with kind.make(folder) as receiver:
        asyncio.run(_send(warm, receiver.port, connections, window))
        before = receiver.report()
        report = asyncio.run(_send(load, receiver.port, connections, window))
        after = receiver.report()
    if report.codes["AA"] != messages or (report.mismatched and kind.in_order):
        raise RuntimeError(
            f"{kind.name}: {messages} messages were sent, replies were {report.codes}, {report.mismatched} out of order"
        )
    if kind.durable and after.kept - before.kept != messages:
        raise RuntimeError(f"{kind.name}: {messages} messages were answered, {after.kept - before.kept} are kept")
    cpu = (after.cpu_seconds - before.cpu_seconds) / messages * 1e6
    syncs = after.syncs - before.syncs
    return Measured(messages / report.seconds, cpu, messages / syncs if syncs else 0.0)


async def _send(messages: list[bytes], port: int, connections: int, window: int) -> SendReport:
    return await send(messages, "127.0.0.1", port, connections=connections, window=window)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="messages a run; a share of them for slow peers")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    told = parser.parse_args()
    seeds = count(1, 2)
    with scratch("ingest") as folder, Progress() as progress:
        progress.tell("building HAPI's server")
        receivers = kinds()
        line("4 KiB append + fdatasync, before", f"{fsync_milliseconds(folder):.2f} ms", "", "ingest")
        for connections in told.connections:
            for window in (WAITING, PIPELINED):
                found: dict[str, Measured] = {}
                for kind in receivers:
                    messages = max(100, int(told.messages * kind.share))
                    progress.tell(f"{kind.name}, {messages:,} messages, {connections} connections, window {window}")
                    place = folder / f"{kind.name}-{connections}-{window}"
                    found[kind.name] = measure(kind, messages, connections, window, place, next(seeds))
                _print(receivers, found, connections, window)
        line("4 KiB append + fdatasync, after", f"{fsync_milliseconds(folder):.2f} ms", "", "ingest")


def _print(receivers: list[Kind], found: dict[str, Measured], connections: int, window: int) -> None:
    how = f"{connections} connections, {'waiting for each ACK' if window == WAITING else f'{window} on their way each'}"
    for kind in receivers:
        one = found[kind.name]
        figure = f"{one.rate:,.0f}/s, receiver's CPU {one.cpu_micros:,.0f} µs a message"
        if one.per_sync:
            figure += f", {one.per_sync:.1f} messages a commit"
        goal = GOAL if kind.name == "salus" and connections in CONNECTIONS[1:] else ""
        line(
            f"durable ACK, {how}: {kind.about}" if kind.durable else f"ACK, {how}: {kind.about}", figure, goal, "ingest"
        )
    peers = {kind.name: found[kind.name].rate for kind in receivers if kind.durable and kind.name != "salus"}
    best = max(peers, key=lambda name: peers[name])
    ratio = found["salus"].rate / peers[best]
    line(f"  × the best durable peer ({best}), {how}", f"{ratio:.1f}", GOAL_RATIO, "ingest")


if __name__ == "__main__":
    run(main)
