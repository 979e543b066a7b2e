"""Two oracles of one institution on one journal, all on PostgreSQL: restarts, kills, and the server's own death."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from cli.mllp_client import outcome_of
from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings
from tests.integration.oracle.stack import SOURCE, Sender, Stack, prepare, until
from tests.integration.oracle.test_operations import Pump, anchored_once, endless, reports
from tests.integration.services import Service, start_all, stop_all
from tests.integration.world import ChainWorld


@dataclass
class TwoDoors(Sender):
    """A sender that knows the addresses of both oracles: when one has gone it calls the other."""

    ports: list[int] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    def insist(self, raw: bytes, stop: Event | None = None) -> str | None:
        """MSA-1 of the first reply, from whichever oracle it came."""
        while stop is None or not stop.is_set():
            try:
                code, _ = outcome_of(self.once(raw))
            except OSError:
                self.cut += 1
                self.ports.append(self.ports.pop(0))
                self.port = self.ports[0]
                time.sleep(0.05)
            else:
                self.codes[code] += 1
                return code
        return None


@dataclass
class Pair:
    """Two oracles with their custodians, and the server that keeps all their databases."""

    stack: Stack
    other: Service
    server: Postgres

    @property
    def oracles(self) -> list[Service]:
        return [self.stack.oracle, self.other]

    def sender(self, first: int = 0) -> TwoDoors:
        """A sender that calls one of them first."""
        ports = [int(oracle.settings["MLLP_PORT"]) for oracle in self.oracles]
        ports = ports[first:] + ports[:first]
        return TwoDoors(ports[0], ports=ports)

    def has_line(self) -> Service:
        """The oracle that seals."""
        found = [oracle for oracle in self.oracles if oracle.get("/ready")["inLine"]]
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def pair(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory, server: Postgres) -> Iterator[Pair]:
    # `server` is asked for so that all is skipped aloud where PostgreSQL is missing; this one is killed
    folder, data = tmp_path_factory.mktemp("two-oracles"), Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    own = Postgres(PostgresSettings(data, free_port()))
    own.start()
    url = own.create("oracle")
    stack = prepare(chain, folder, DATABASE_URL=url)
    for place, custodian in enumerate(stack.custodians):
        custodian.settings["DATABASE_URL"] = own.create(f"custodian_{place}")
    other = stack.grounds.second_oracle(stack.oracle, SOURCE)
    made = Pair(stack, other, own)
    try:
        start_all([*stack.custodians, *made.oracles])
        yield made
    finally:
        stop_all([*made.oracles, *stack.custodians])
        own.stop()
        shutil.rmtree(data, ignore_errors=True)


def test_rolling_restart__of_both_oracles_under_traffic__no_message_is_refused(pair: Pair) -> None:
    senders = [pair.sender(0), pair.sender(1)]
    pumps = [Pump(sender, endless(f"R{place}")) for place, sender in enumerate(senders)]
    for oracle in pair.oracles * 2:
        time.sleep(1)
        assert oracle.stop() == 0
        oracle.start()
        oracle.await_ready()
    time.sleep(1)
    for pump in pumps:
        pump.stop.set()
        pump.join()
    for sender in senders:
        assert set(sender.codes) == {"AA"}
        assert sender.cut > 0  # it had to call the other
    pair.stack.await_idle()
    answered = [raw for pump in pumps for raw in pump.answered]
    assert len(answered) > 200
    anchored_once(pair.stack, answered)


def test_oracle_in_line__killed_under_traffic__the_other_goes_on_with_what_it_left(pair: Pair) -> None:
    pumps = [Pump(pair.sender(place), reports(f"K{place}", 150)) for place in range(2)]
    for _ in range(3):
        time.sleep(1)
        victim = pair.has_line()
        victim.kill()
        survivor = next(oracle for oracle in pair.oracles if oracle is not victim)
        until(lambda survivor=survivor: survivor.get("/ready")["inLine"])  # type: ignore[misc]  # bound at once
        victim.start()
        victim.await_ready()
    for pump in pumps:
        pump.join()
    pair.stack.await_idle()
    anchored_once(pair.stack, [raw for pump in pumps for raw in pump.answered])


def test_server__killed_under_traffic__nothing_is_lost_or_doubled(pair: Pair) -> None:
    pumps = [Pump(pair.sender(place), reports(f"S{place}", 200)) for place in range(2)]
    for _ in range(3):
        time.sleep(1.5)
        pair.server.kill()
        time.sleep(0.5)
        pair.server.start()
    for pump in pumps:
        pump.join()
    pair.stack.await_idle()
    answered = [raw for pump in pumps for raw in pump.answered]
    assert len(answered) == 400
    anchored_once(pair.stack, answered)


def test_messages__taken_by_the_oracle_out_of_line__are_anchored_without_a_poll(pair: Pair) -> None:
    line = pair.has_line()
    waiting = next(oracle for oracle in pair.oracles if oracle is not line)
    sender = Sender(int(waiting.settings["MLLP_PORT"]))
    raws = reports("B", 5)
    for raw in raws:
        assert outcome_of(sender.once(raw))[0] == "AA"
    sender.close()
    pair.stack.await_idle()
    anchored_once(pair.stack, raws)
