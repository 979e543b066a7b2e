"""A night of crashes: many messages with resends and malformed ones, kills in between, and a count at the end.

    python -m bench.soak [--messages N] [--kills K] [--lanes L] [--ahead N] [--seed S]

Senders send again whatever was not acknowledged, to an oracle with three custodians on Anvil. In between the oracle or
a custodian is killed (kill -9) at random moments and started again. When all is anchored, every message must have
exactly the outcome that was decided when it was made (`bench.soak_messages`): zero difference. Ctrl-C stops the senders
and counts what was answered until then; a second Ctrl-C ends at once. Exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.lines import Progress, line, run, scratch
from bench.processes import family, resident
from bench.soak_count import Counted, listener_of, reconcile, truth
from bench.soak_messages import lane
from bench.soak_senders import Sender
from devnet.anvil import Anvil, AnvilSettings, free_port
from oracle.sitekey import SiteKey
from salus.core.ports import ChainEvent
from tests.integration.services import Grounds, Service, start_all, stop_all
from tests.integration.world import ChainWorld, build

SOURCE = "hospital-b"
_UNDER_WAY = ("pendingMessages", "waitingVersions", "openBatches", "openInvalidations")
_TELL_SECONDS = 10.0
_LOOK_SECONDS = 0.3
_STANDSTILL_SECONDS = 180.0
_BLOCKS_AT_ONCE = 500
INTERRUPTED = 130


class StandstillError(Exception):
    """Nothing moved for minutes."""


@dataclass(frozen=True, slots=True)
class Told:
    """Options of a run."""

    messages: int
    kills: int
    lanes: int
    ahead: int
    seed: int

    @property
    def lane_length(self) -> int:
        """Messages of one lane."""
        return -(-self.messages // self.lanes)

    @property
    def names(self) -> list[str]:
        """The lanes."""
        return [f"S{place}" for place in range(self.lanes)]


@dataclass
class Soak:
    """One run on started services."""

    told: Told
    oracle: Service
    custodians: list[Service]
    anvil_pid: int
    progress: Progress
    killed: Counter[str] = field(default_factory=Counter)
    stopped: bool = False
    most_megabytes: int = 0
    _under_way: int = 0
    _began: float = field(default_factory=time.monotonic)

    async def run(self) -> list[Sender]:
        """Send everything, kill in between, wait until all is anchored; the senders tell what was answered.

        Raises:
            StandstillError: nothing moved any more.
            WrongAnswerError: the oracle answered otherwise than a message deserves.
        """
        self._may_send = asyncio.Event()
        port, told = int(self.oracle.settings["MLLP_PORT"]), self.told
        self._senders = [Sender(port, lane(told.seed, name, told.lane_length), self._may_send) for name in told.names]
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._stop)
        pace, killer, teller = map(asyncio.create_task, (self._pace(), self._kill(), self._tell()))
        senders = asyncio.gather(*(sender.run() for sender in self._senders))
        try:
            for first in asyncio.as_completed([senders, killer]):
                await first
            await self._settle()
        finally:
            for task in (pace, killer, teller, senders):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(pace, killer, teller, senders, return_exceptions=True)
        return self._senders

    @property
    def answered(self) -> int:
        """Messages with their final answer so far."""
        return sum(sender.answered for sender in self._senders)

    def _stop(self) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
        self.progress.tell("stopping: senders finish what they began, then everything is counted")
        for sender in self._senders:
            sender.stop()
        self._may_send.set()

    async def _pace(self) -> None:
        """Let senders send while not too much is under way in the oracle."""
        while True:
            found = await asyncio.to_thread(self.oracle.get, "/ready")
            if found is not None:
                self._under_way = sum(int(found[name]) for name in _UNDER_WAY)
            if found is None or self._under_way <= self.told.ahead or self.stopped:
                self._may_send.set()
            else:
                self._may_send.clear()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _kill(self) -> None:
        """Kill services at even distances of messages, at random moments, also while they are starting."""
        told, chance = self.told, random.Random(f"kills/{self.told.seed}")
        custodians = [*self.custodians] * (told.kills // 6 + 1)
        victims = [custodians[place // 2] if place % 2 else self.oracle for place in range(told.kills)]
        chance.shuffle(victims)
        for place, victim in enumerate(victims, 1):
            while not self.stopped and self.answered < told.messages * place // (told.kills + 1):  # noqa: ASYNC110 - no sender knows the sum
                await asyncio.sleep(0.02)
            if self.stopped:
                break
            await asyncio.sleep(chance.uniform(0, 1))
            await asyncio.to_thread(victim.kill)
            self.killed[victim.package] += 1
            await asyncio.sleep(chance.uniform(0, 0.5))
            victim.start()
            if chance.random() < 0.7:
                await asyncio.to_thread(victim.await_ready)
        for service in (self.oracle, *self.custodians):
            await asyncio.to_thread(service.await_ready)

    async def _settle(self) -> None:
        """Wait until nothing is under way."""
        least, since = sys.maxsize, time.monotonic()
        while True:
            found = await asyncio.to_thread(self.oracle.get, "/ready")
            left = sum(int(found[name]) for name in _UNDER_WAY) if found is not None else least
            if found is not None and not left:
                return
            if left < least:
                least, since = left, time.monotonic()
            if time.monotonic() - since > _STANDSTILL_SECONDS:
                raise StandstillError(f"{least:,} are under way and nothing moves; the oracle's log: {self._last()}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _tell(self) -> None:
        """A line every ten seconds."""
        before, at = 0, time.monotonic()
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            now, answered = time.monotonic(), self.answered
            rate = (answered - before) / (now - at)
            memory = {
                "oracle": _megabytes(self.oracle),
                "custodians": sum(_megabytes(service) for service in self.custodians),
                "Anvil": resident(self.anvil_pid) // 1_000_000,
            }
            self.most_megabytes = max(self.most_megabytes, memory["oracle"])
            shown = ", ".join(f"{name} {size:,}" for name, size in memory.items())
            self.progress.tell(
                f"{now - self._began:,.0f} s: {answered:,} of {self.told.messages:,} answered, {rate:,.0f}/s, "
                f"{self._under_way:,} under way, {self.killed.total()} kills, MB: {shown}"
            )
            before, at = answered, now

    def _last(self) -> str:
        return self.oracle.log()[-500:]


def main() -> None:
    """Run and count."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=30, help="spread over the whole run")
    parser.add_argument("--lanes", type=int, default=16, help="senders, each with a connection and patients of its own")
    parser.add_argument("--ahead", type=int, default=4000, help="how much may be under way before senders pause")
    parser.add_argument("--seed", type=int, default=1)
    told = Told(**vars(parser.parse_args()))
    with scratch("soak") as folder, Progress() as progress, Anvil(AnvilSettings(free_port())) as anvil:
        progress.tell("deploying contracts, admitting institutions")
        with anvil.instant():
            world = build(anvil)
        try:
            counted, stopped = soak(world, folder / "world", told, progress)
        finally:
            world.chain.close()
    for difference in counted.differences:
        sys.stdout.write(f"  differs: {difference}\n")
    if counted.different:
        sys.exit(1)
    if stopped:
        sys.exit(INTERRUPTED)


def soak(world: ChainWorld, folder: Path, told: Told, progress: Progress) -> tuple[Counted, bool]:
    """One run in an empty folder: what was counted, and whether it was stopped before its end."""
    with world.anvil.instant():
        grounds = Grounds(world, folder)
        oracle = grounds.oracle(SOURCE, "Hospital B", "HB")
    services, first = [*grounds.custodians, oracle], world.reader.head().number
    try:
        start_all(services)
        running = Soak(told, oracle, grounds.custodians, world.anvil.pid or 0, progress)
        began = time.monotonic()
        senders = asyncio.run(running.run())
        seconds = time.monotonic() - began
    finally:
        stop_all(services)
    progress.tell("counting")
    answered = {name: sender.answered for name, sender in zip(told.names, senders, strict=True)}
    site = SiteKey((bytes.fromhex((oracle.folder / "site").read_text())), bytes)
    database, held = oracle.folder / "oracle.db", [service.folder / "custodian.db" for service in grounds.custodians]
    must = truth(answered, told.lane_length, told.seed, listener_of(database), site)
    counted = reconcile(must, database, _anchors(world, first), held)
    _print(running, senders, counted, seconds)
    return counted, running.stopped


def _print(running: Soak, senders: list[Sender], counted: Counted, seconds: float) -> None:
    counts: Counter[str] = sum((sender.counts for sender in senders), Counter())
    answered = running.answered
    killed = ", ".join(f"{service} {number}" for service, number in sorted(running.killed.items())) or "none"
    figure = f"{answered:,} messages in {seconds:,.0f} s ({answered / seconds:,.0f}/s), kills: {killed}"
    line("soak", figure, "", "soak")
    shown = ", ".join(f"{what} {number:,}" for what, number in sorted(counts.items()))
    line("  senders", shown, "", "soak")
    line("  most memory of the oracle", f"{running.most_megabytes:,} MB", "", "soak")
    for what, must, found in counted.rows:
        sys.stdout.write(f"  {what}: must be {must:,}, found {found:,}\n")
    line("  difference", f"{counted.different:,}", "0", "soak")


def _anchors(world: ChainWorld, first: int) -> Iterator[ChainEvent]:
    head = world.reader.head().number
    source = world.party(SOURCE).participant
    for start in range(first, head + 1, _BLOCKS_AT_ONCE):
        for event in world.reader.events(start, min(head, start + _BLOCKS_AT_ONCE - 1)):
            if event.name == "BatchAnchored" and event.args["sourceId"] == source:
                yield event


def _megabytes(service: Service) -> int:
    pid = service.child.pid if service.child is not None else 0
    return sum(map(resident, family(pid))) // 1_000_000


if __name__ == "__main__":
    run(main)
