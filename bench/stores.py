"""How fast content stores take and give envelopes: a folder, and a swarm of three Kubo nodes on one disk.

    python -m bench.stores [--records N] [--rounds N] [--gigabytes N]

Records of 5 KB in batches of 1,000, two batches on their way, each durable at every node that counts before the next.
Everything stored is read back and compared. Reads are of 64 KB, one after another, from a node that has them and from
one that gets them from its peers. The memory is that of a process that stores and reads one envelope of a gigabyte.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256 as new_sha256
from pathlib import Path
from statistics import median

from bench.lines import ROOT, Progress, fsync_milliseconds, line, percentile, run, scratch
from devnet.kubo_binary import kubo_binary
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, Swarm, found
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.core.errors import SetupError
from salus.core.hashing import sha256

_NAME = "stores"
_GOAL_RATE, _GOAL_READ, _GOAL_MEMORY = "≥ 1,500/s", "≤ 50 ms", "≤ 200 MB"
_BATCH, _ON_THEIR_WAY = 1_000, 2
_RECORD, _READ = 5_000, 64_000
_READS = 1_000
_MIB = 1 << 20


def rate(address: str, records: int) -> float:
    """Records a second, durable.

    Raises:
        RuntimeError: one does not come back as it was.
    """
    batches = [[os.urandom(_RECORD) for _ in range(_BATCH)] for _ in range(max(1, records // _BATCH))]
    with closing(content_store(address)) as store, ThreadPoolExecutor(_ON_THEIR_WAY) as pool:
        store.put_many([os.urandom(_RECORD) for _ in range(_BATCH)])  # folders and connections are there
        began = time.perf_counter()
        digests = list(pool.map(store.put_many, batches))
        seconds = time.perf_counter() - began
        for some, given in zip(digests, batches, strict=True):
            if [store.get(digest) for digest in some[::10]] != given[::10]:
                raise RuntimeError("a record did not come back as it was stored")
    return sum(map(len, batches)) / seconds


def reads(writer: str, reader: str) -> list[float]:
    """Milliseconds of each read of a 64 KB envelope, written by one address, read by another.

    Raises:
        RuntimeError: one does not come back as it was.
    """
    given = {sha256(blob): blob for blob in (os.urandom(_READ) for _ in range(_READS))}
    taken = []
    with closing(content_store(writer)) as there, closing(content_store(reader)) as here:
        blobs = list(given.values())
        for place in range(0, _READS, 100):
            there.put_many(blobs[place : place + 100])
        for digest, blob in given.items():
            began = time.perf_counter()
            data = here.get(digest)
            taken.append((time.perf_counter() - began) * 1000)
            if data != blob:
                raise RuntimeError("an envelope did not come back as it was stored")
    return taken


def large(address: str, gigabytes: float) -> None:
    """Store and read one envelope, in a process of its own; prints seconds of both and its peak memory in MB."""
    count = int(gigabytes * 1024)

    def pieces() -> Iterator[bytes]:
        return (new_sha256(number.to_bytes(8, "big")).digest() * (_MIB // 32) for number in range(count))

    with closing(content_store(address)) as store:
        began = time.perf_counter()
        digest = store.put_stream(pieces())
        stored, began = time.perf_counter() - began, time.perf_counter()
        hashed, length = new_sha256(), 0
        for piece in store.stream(digest):
            hashed.update(piece)
            length += len(piece)
        read = time.perf_counter() - began
    if hashed.digest() != digest or length != count * _MIB:
        raise RuntimeError("the envelope did not come back as it was stored")
    # Not ru_maxrss: that remembers the process this one was started from.
    (peak,) = [row.split()[1] for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM")]
    print(f"{stored:.1f} {read:.1f} {int(peak) / 1024:.0f}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{_NAME}", description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=20_000, help="records a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the long envelope; 0 leaves it out")
    parser.add_argument("--large", metavar="ADDRESS", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.large:
        large(told.large, told.gigabytes)
        return
    with scratch(_NAME) as folder, Progress() as progress:
        line("append and fdatasync", f"{fsync_milliseconds(folder):.2f} ms", "", _NAME)
        _figures("folder", str(folder / "content"), str(folder / "content"), told, progress)
        try:
            binary = kubo_binary(progress.tell)
        except SetupError as missing:
            sys.stdout.write(f"SKIPPED: {missing}\n")
            return
        with SwarmNodes(found(folder / "swarm", ("a", "b", "c"), free_ports(PORTS), binary), binary) as nodes:
            _swarm(nodes.swarm, told, progress)


def _swarm(swarm: Swarm, told: argparse.Namespace, progress: Progress) -> None:
    alone = swarm.address("a", copies=1)
    figures = median(_rounds(alone, told, progress))
    line("5 KB to Kubo, one node", f"{figures:,.0f}/s", _GOAL_RATE, _NAME)
    _figures("Kubo, two copies at three nodes", swarm.address(), swarm.address(), told, progress)
    progress.tell("reads through the swarm")
    _line_of_reads("Kubo, from a peer's node", reads(alone, swarm.address("b", copies=1)))


def _figures(what: str, writer: str, reader: str, told: argparse.Namespace, progress: Progress) -> None:
    goal = _GOAL_RATE if "Kubo" in what else ""
    line(f"5 KB to {what}", f"{median(_rounds(writer, told, progress)):,.0f}/s", goal, _NAME)
    progress.tell(f"{what}: reads")
    _line_of_reads(what, reads(writer, reader))
    if told.gigabytes:
        progress.tell(f"{what}: one envelope of {told.gigabytes} GB")
        command = [sys.executable, "-m", f"bench.{_NAME}", "--large", writer, "--gigabytes", str(told.gigabytes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        stored, read, peak = done.stdout.split()
        text = f"stored in {stored} s, read in {read} s, at most {peak} MB"
        line(f"{told.gigabytes:g} GB, {what}", text, _GOAL_MEMORY, _NAME)


def _rounds(address: str, told: argparse.Namespace, progress: Progress) -> list[float]:
    rates = []
    for number in range(told.rounds):
        progress.tell(f"writing, round {number + 1} of {told.rounds}")
        rates.append(rate(address, told.records))
    return rates


def _line_of_reads(what: str, taken: list[float]) -> None:
    text = f"p50 {percentile(taken, 0.5):.1f} ms, p99 {percentile(taken, 0.99):.1f} ms"
    line(f"64 KB from {what}", text, _GOAL_READ, _NAME)


if __name__ == "__main__":
    run(main)
