"""How many messages a second are answered once PostgreSQL has flushed them, beside SQLite and a bare fsync.

    python -m bench.journal_postgres [--messages N] [--connections N] [--rounds N]

The oracle's own intake in a process of its own, a PostgreSQL started for this on the same disk as everything else, the
sender in a third process. Every message that was answered must be in the journal. Medians of the rounds are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median

from bench.ingest import PIPELINED, WAITING
from bench.lines import Progress, fsync_milliseconds, line, run, scratch
from bench.messages import reports
from bench.receivers import Receiver
from cli.mllp_client import send
from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings, postgres_programs
from salus.core.errors import SetupError

GOAL = "≥ 2,000/s"
_WARM_UP = 1000
_NAME = "journal_postgres"


def measure(receiver: Receiver, messages: int, connections: int, window: int, seed: int) -> tuple[float, float]:
    """Messages a second, and messages in one commit.

    Raises:
        RuntimeError: a message was not answered AA, or the journal keeps another number than was answered.
    """
    with receiver:
        warm, load = list(reports(seed, _WARM_UP)), list(reports(seed + 1, messages))
        asyncio.run(send(warm, "127.0.0.1", receiver.port, connections=connections, window=window))
        before = receiver.report()
        told = asyncio.run(send(load, "127.0.0.1", receiver.port, connections=connections, window=window))
        after = receiver.report()
    if told.codes["AA"] != messages or after.kept - before.kept != messages:
        raise RuntimeError(f"{messages} messages were sent, replies {told.codes}, {after.kept - before.kept} are kept")
    return messages / told.seconds, messages / (after.syncs - before.syncs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{_NAME}", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000, help="messages a run")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    told = parser.parse_args()
    try:
        postgres_programs()
    except SetupError as missing:
        sys.stdout.write(f"SKIPPED: {missing}\n")
        return
    seeds, numbers = count(1, 2), count()
    with scratch("postgres") as folder, Progress() as progress:
        folder.chmod(0o711)  # the server's account passes through
        with Postgres(PostgresSettings(folder / "cluster", free_port())) as server:
            makers: dict[str, Callable[[], Receiver]] = {
                "PostgreSQL": lambda: _on_postgres(folder / f"pg-{next(numbers)}", server, f"j{next(numbers)}"),
                "SQLite WAL FULL": lambda: Receiver("salus", folder / f"sqlite-{next(numbers)}"),
            }
            for window in (WAITING, PIPELINED):
                found: dict[str, list[tuple[float, float]]] = {name: [] for name in makers}
                flushes: list[float] = []
                for place in range(told.rounds):
                    for name, make in makers.items():
                        progress.tell(f"{name}, round {place + 1} of {told.rounds}, window {window}")
                        flushes.append(fsync_milliseconds(folder))
                        found[name].append(measure(make(), told.messages, told.connections, window, next(seeds)))
                _print(found, flushes, told.connections, window)


def _on_postgres(folder: Path, server: Postgres, database: str) -> Receiver:
    receiver = Receiver("salus", folder)
    (folder / "url").write_text(server.create(database))
    return receiver


def _print(found: dict[str, list[tuple[float, float]]], flushes: list[float], connections: int, window: int) -> None:
    how = f"{connections} connections, {'waiting for each ACK' if window == WAITING else f'{window} on their way each'}"
    bare = median(flushes)
    line(f"4 KiB append + fdatasync, {how}", f"{bare:.2f} ms, so {1000 / bare:,.0f}/s alone", "", _NAME)
    for name, rounds in found.items():
        rate, group = median(rate for rate, _ in rounds), median(group for _, group in rounds)
        spread = f"{min(rate for rate, _ in rounds):,.0f} to {max(rate for rate, _ in rounds):,.0f}"
        figure = f"{rate:,.0f}/s ({spread}), {group:.1f} messages a commit"
        line(f"durable ACK, {how}: journal on {name}", figure, GOAL if name == "PostgreSQL" else "", _NAME)


if __name__ == "__main__":
    run(main)
