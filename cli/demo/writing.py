"""Act 3: a hospital day over MLLP, every message answered, every record sealed, deposited and anchored."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from cli import output
from cli.commands.messages import DEFAULT_CHARSETS, send_all
from cli.demo.ledger import require
from cli.demo.stage import Stage
from cli.hospital_day import messages
from cli.hospital_people import SourceKind
from cli.world.cast import Name
from salus.core.errors import UnavailableError

SOURCES: tuple[tuple[Name, SourceKind], ...] = ((Name.HOSPITAL_B, "hospital"), (Name.CHECKUP, "checkup"))
_PATIENCE_SECONDS = 120
_FIGURES = ("salus_oracle_versions_total", "salus_oracle_batches_anchored_total")


def play(stage: Stage) -> None:
    """Send a day to both oracles and wait until nothing is waiting."""
    stage.ledger.act(3, "`salus simulate` makes a day at a hospital and a check-up centre, `salus send` sends it")
    began = time.perf_counter()
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    for name, kind in SOURCES:
        made = list(messages(stage.seed, stage.patients, kind, DEFAULT_CHARSETS[kind], today))
        sent = time.perf_counter()
        report = send_all(made, stage.world.ports.oracle_mllp(name))
        took, kinds = (time.perf_counter() - sent) * 1000, Counter(_kind_of(message) for message in made)
        outcome = f"{report.sent} sent in {DEFAULT_CHARSETS[kind]}, {report.codes['AA']} acknowledged AA"
        note = ", ".join(f"{count} {event}" for event, count in sorted(kinds.items()))
        stage.ledger.tell(f"messages to {name}'s oracle over MLLP", outcome, took, note)
        require(report.codes["AA"] == len(made) and not report.unanswered, "every message is acknowledged")
        stage.ledger.facts[f"messages.{name}"] = {"sent": report.sent, "AA": report.codes["AA"], "kinds": dict(kinds)}
    with output.working("   sealing, storing, depositing with three custodians, anchoring …"):
        for name, _ in SOURCES:
            wait_until_anchored(stage, name)
    took = (time.perf_counter() - began) * 1000
    for name, _ in SOURCES:
        versions, batches = _anchored(stage, name)
        require(versions and batches, "records of every source are anchored")
        stage.ledger.tell(f"{name}: sealed, deposited, anchored", f"{versions} record versions in {batches} batches")
        stage.ledger.facts[f"anchored.{name}"] = {"versions": versions, "batches": batches}
    stage.ledger.tell("from the first message to the last anchor", "done", took)


def _kind_of(message: bytes) -> str:
    """Message and event of MSH-9, as in ORU^R01; ASCII in every character set we send."""
    return "^".join(message.split(b"\r", 1)[0].split(b"|")[8].decode("ascii").split("^")[:2])


def _anchored(stage: Stage, name: Name) -> tuple[int, int]:
    """Record versions sealed and batches anchored, as the oracle counts them."""
    lines = [line.partition(" ") for line in stage.oracle(name).raw("/metrics").decode().splitlines()]
    figures = {figure: value for figure, _, value in lines if figure in _FIGURES}
    return int(float(figures[_FIGURES[0]])), int(float(figures[_FIGURES[1]]))


def wait_until_anchored(stage: Stage, name: Name) -> None:
    """Wait until an oracle has nothing left to do.

    Raises:
        UnavailableError: it is not done in time, or keeps messages in quarantine.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    oracle = stage.oracle(name)
    while True:
        state = oracle.get("/ready")
        if not any(state[figure] for figure in ("pendingMessages", "waitingVersions", "openBatches")):
            break
        if time.monotonic() > deadline:
            raise UnavailableError(f"{name}'s oracle is not done: its log is {stage.supervisor.log(f'{name}-oracle')}")
        time.sleep(0.1)
    require(state["quarantined"] == 0, "no message of the day is in quarantine")
