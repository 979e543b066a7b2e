"""The whole write path: MLLP to anchored, with three custodians as processes and Anvil on the same cores.

    python -m bench.path [--seconds N] [--ahead N] [--readers N] [--content kubo] [--database postgres]

A sender process keeps the oracle busy for some seconds; then everything has to become anchored, and the rate counts
from the first message sent to the last batch anchored. At the end each message that was answered AA must stand on the
chain exactly once, by the oracle's database and the chain's events, and some patients, chosen at random, claim their
subject and open what was sent about them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from bench.exactly_once import require_anchored_once
from bench.feed import Fed, Feeder, Feeding, load
from bench.lines import Progress, line, percentile, run, scratch
from bench.messages import reports
from bench.opening import require_opened
from bench.processes import Watched
from bench.stages import Spent, by_stage, spent
from cli.mllp_client import send
from devnet.anvil import Anvil, AnvilSettings, free_port
from devnet.kubo_binary import kubo_binary
from devnet.postgres import Postgres, PostgresSettings
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from oracle.sitekey import SiteKey
from salus.adapters.database.engine import open_engine, reading
from salus.core.ports import ChainEvent
from tests.integration.oracle.stack import Stack, prepare
from tests.integration.services import Service, start_all, stop_all
from tests.integration.world import ChainWorld, build

GOAL = "≥ 1,000/s for 300 s"
GOAL_OF_STORES = "≥ 500/s for 300 s"
"""With content in Kubo and the journal in PostgreSQL on the same cores."""
LISTENER = "mllp"
SENDER = "sender"
WARM_UP = 256
_NODES = ("a", "b", "c")
ORACLE = "oracle"
MOST_PER_SECOND = 1500
_UNDER_WAY = ("pendingMessages", "waitingVersions", "openBatches", "openInvalidations")
_DRAIN_SECONDS = 180
_LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Anchors:
    """`BatchAnchored` events as they come, each with the seconds since the start at which it was seen."""

    world: ChainWorld
    began: float
    block: int
    events: list[ChainEvent] = field(default_factory=list)
    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Records anchored so far."""
        return sum(count for _, count in self.seen)

    def look(self) -> None:
        """Read the blocks since the last look."""
        head = self.world.reader.head().number
        if head <= self.block:
            return
        for event in self.world.reader.events(self.block + 1, head):
            if event.name == "BatchAnchored":
                self.events.append(event)
                self.seen.append((time.time() - self.began, int(event.args["count"])))
        self.block = head

    def begin(self) -> None:
        """Count from now on; what was seen before stays among the events."""
        self.seen.clear()
        self.began = time.time()

    def rate_between(self, start: float, end: float) -> float:
        """Records a second seen in a span of seconds."""
        return sum(count for at, count in self.seen if start < at <= end) / (end - start)


@dataclass(frozen=True, slots=True)
class Running:
    """The started services, each process to watch, and the rate that is wanted of them."""

    oracle: Service
    watched: list[Watched]
    goal: str = GOAL

    def begin(self, sender: int) -> None:
        """Watch the sender too, and all from now on."""
        self.watched.append(Watched(SENDER, sender))
        for one in self.watched:
            one.samples.clear()
        self.sample(0)

    def sample(self, at: float) -> None:
        """Look at all processes once."""
        for one in self.watched:
            one.sample(at)

    def spent(self) -> Spent:
        """Processor time of the oracle so far, by thread and stage."""
        _, metrics = self.oracle.ask("GET", "/metrics")
        return spent(metrics.decode(), _pid(self.oracle))

    def is_idle(self) -> bool:
        """Whether everything taken in is anchored for the oracle too."""
        found = self.oracle.get("/ready")
        return found is not None and not any(found[name] for name in _UNDER_WAY)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.path", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long the sender sends")
    parser.add_argument("--ahead", type=int, default=1000, help="messages on their way at which the sender pauses")
    parser.add_argument("--readers", type=int, default=None, help="reading processes of the oracle (its own default)")
    parser.add_argument("--content", choices=("folder", "kubo"), default="folder", help="where envelopes go")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite", help="what the journal is in")
    told = parser.parse_args()
    settings = {} if told.readers is None else {"READERS": str(told.readers)}
    with (
        scratch("path") as folder,
        Progress() as progress,
        Anvil(AnvilSettings(free_port())) as anvil,
        stores(folder, told.content, told.database) as (more, others),
    ):
        settings |= more
        progress.tell("deploying contracts, admitting institutions")
        with anvil.instant():
            world = build(anvil)
            stack = prepare(world, folder / "world", **settings)
        services = [*stack.custodians, stack.oracle]
        for custodian in stack.custodians:
            del custodian.settings["SWEEP_SECONDS"]  # tests want it short; here it is as institutions have it
        try:
            progress.tell("starting three custodians and the oracle")
            start_all(services)
            watched = [Watched(service.folder.name, _pid(service)) for service in (stack.oracle, *stack.custodians)]
            watched += [Watched("Anvil", anvil.pid or 0), *(Watched(name, pid) for name, pid in others.items())]
            ports = int(stack.oracle.settings["MLLP_PORT"]), stack.oracle.port
            measure(
                stack,
                Running(stack.oracle, watched, GOAL if told.content == "folder" else GOAL_OF_STORES),
                Feeding(*ports, told.seconds, told.seconds * MOST_PER_SECOND, told.ahead),
                progress,
            )
        finally:
            stop_all(services)
            world.chain.close()


@contextmanager
def stores(folder: Path, content: str, database: str) -> Iterator[tuple[dict[str, str], dict[str, int]]]:
    """Settings of the oracle for the stores asked for, and the processes that keep them, by name."""
    settings: dict[str, str] = {}
    with ExitStack() as running:
        pids: dict[str, int] = {}
        if content == "kubo":
            binary = kubo_binary()
            swarm = found(folder / "swarm", _NODES, free_ports(PORTS), binary)
            nodes = running.enter_context(SwarmNodes(swarm, binary))
            settings["CONTENT"] = swarm.address()
            pids |= {f"Kubo {name}": pid for name, pid in nodes.supervisor.running().items()}
        if database == "postgres":
            place = Path(tempfile.mkdtemp(prefix="salus-bench-"))  # its account can't reach a folder of root's
            running.callback(shutil.rmtree, place, ignore_errors=True)
            server = running.enter_context(Postgres(PostgresSettings(place, free_port())))
            settings["DATABASE_URL"] = server.create("oracle")
            pids["PostgreSQL"] = server.pid or 0
        yield settings, pids


def measure(stack: Stack, running: Running, feeding: Feeding, progress: Progress) -> None:
    """Feed a running oracle, wait until all is anchored, print, check."""
    with Feeder(feeding) as feeder:
        anchors = Anchors(stack.world, time.time(), stack.world.reader.head().number)
        progress.tell("warming up, making messages")
        warm = list(reports(feeding.seed + 1, WARM_UP))
        asyncio.run(send(warm, "127.0.0.1", feeding.mllp_port, connections=feeding.connections))
        feeder.ready()
        _follow(anchors, running, progress, lambda: anchors.records >= WARM_UP and running.is_idle(), _DRAIN_SECONDS)
        anchors.begin()
        running.begin(feeder.pid)
        before = running.spent()
        feeder.start()
        _follow(anchors, running, progress, lambda: feeder.done, feeding.seconds + _DRAIN_SECONDS)
        fed = feeder.result()
    acknowledged = fed.codes.get("AA", 0)
    _follow(anchors, running, progress, lambda: anchors.records >= acknowledged, _DRAIN_SECONDS)
    _follow(anchors, running, progress, running.is_idle, _DRAIN_SECONDS)
    anchors.look()
    database = running.oracle.settings["DATABASE_URL"]
    _print(fed, anchors, running, feeding)
    _print_stages(by_stage(before, running.spent()), running, acknowledged)
    _print_delays(database)
    progress.tell("checking that every message stands on the chain once")
    if acknowledged != fed.sent:
        raise RuntimeError(f"{fed.sent} messages were sent, replies were {fed.codes}")
    site = SiteKey(bytes.fromhex((running.oracle.folder / "site").read_text()), bytes)
    sent = warm + load(feeding, fed.sent)
    records = require_anchored_once(sent, LISTENER, site, database, anchors.events)
    figure = f"{len(sent):,} answered AA, {records:,} records in {len(anchors.events):,} batches, none lost or doubled"
    line("  every message answered AA anchored exactly once", figure, "all", "path")
    progress.tell("patients open their records")
    opened = require_opened(stack, sent)
    line("  records opened by their patients, chosen at random", f"{opened}, each as it was sent", "all", "path")


def _follow(
    anchors: Anchors, running: Running, progress: Progress, is_over: Callable[[], bool], seconds: float
) -> None:
    deadline, sampled = time.time() + seconds, 0.0
    while not is_over():
        now = time.time()
        if now > deadline:
            raise RuntimeError(f"after {seconds:.0f} s only {anchors.records:,} records are anchored")
        anchors.look()
        if now - sampled >= 1:
            sampled = now
            running.sample(now - anchors.began)
        progress.tell(f"{now - anchors.began:.0f} s, {anchors.records:,} records anchored", every=1)
        time.sleep(_LOOK_SECONDS)


def _print(fed: Fed, anchors: Anchors, running: Running, feeding: Feeding) -> None:
    if fed.exhausted:
        sys.stderr.write(f"bench: the sender ran out of messages; the oracle takes more than {MOST_PER_SECOND}/s\n")
    last, acknowledged, sending = anchors.seen[-1][0], fed.codes.get("AA", 0), fed.ended - fed.began
    figure = f"{acknowledged / last:,.0f}/s: {acknowledged:,} from the first sent to the last anchored in {last:.1f} s"
    line(
        f"MLLP to anchored, {sending:.0f} s of sending, {feeding.connections} connections", figure, running.goal, "path"
    )
    span = max(2.0, sending / 6)
    rates = [anchors.rate_between(span * place, span * (place + 1)) for place in range(int(sending / span))]
    line(f"  records anchored, per {span:.0f} s", "/s, ".join(f"{rate:,.0f}" for rate in rates) + "/s", "", "path")
    cores = os.cpu_count() or 1
    spent = sum(one.cpu_seconds for one in running.watched)
    share, most = spent / (last * cores), cores * acknowledged / spent
    figure = f"{share:.0%} of the machine's {cores} cores went to it; with all of them {most:,.0f}/s at most"
    line("  processor time", figure, "", "path")
    for one in running.watched:
        ended = sending if one.name == SENDER else last
        memory = [one.samples[0], *(one.near(ended * share) for share in (0.15, 0.5, 0.99))]
        figure = f"{', '.join(f'{sample.megabytes:.0f}' for sample in memory)} MB"
        figure += f"; CPU {one.cpu_seconds / acknowledged * 1e6:,.0f} µs a message"
        line(f"  {one.name}: memory at the start, at 15 %, 50 %, end", figure, "flat", "path")


def _print_stages(stages: dict[str, float], running: Running, messages: int) -> None:
    others = {one.name: one.cpu_seconds for one in running.watched if one.name not in (ORACLE, SENDER)}
    figure = ", ".join(f"{name} {used / messages * 1e6:,.0f}" for name, used in (stages | others).items())
    line("  processor time by stage, µs a message", figure, "", "path")


def _print_delays(database: str) -> None:
    query = text(
        "SELECT b.anchored_at - m.received_at FROM oracle_message m"
        " JOIN oracle_record_version v ON v.message = m.key JOIN oracle_batch b ON b.key = v.batch"
    )
    engine = open_engine(database, read_only=True)
    with reading(engine) as connection:
        delays = [float(row[0]) for row in connection.execute(query)]
    engine.dispose()
    figure = f"median {percentile(delays, 0.5):.0f} s, p99 {percentile(delays, 0.99):.0f} s, most {max(delays):.0f} s"
    line("  received to anchored, in whole seconds", figure, "", "path")


def _pid(service: Service) -> int:
    return service.child.pid if service.child is not None else 0


if __name__ == "__main__":
    run(main)
