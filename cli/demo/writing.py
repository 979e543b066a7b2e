"""Act 3: a hospital day over MLLP, every message answered, every record sealed, deposited and anchored."""

from __future__ import annotations

import time
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


def play(stage: Stage) -> None:
    """Send a day to both oracles and wait until nothing is waiting."""
    stage.ledger.act(3, "A hospital day is sent over MLLP (UTF-8) and a check-up day (GB18030)")
    began = time.perf_counter()
    today = (datetime.now(UTC) + timedelta(hours=8)).date()
    for name, kind in SOURCES:
        made = list(messages(stage.seed, stage.patients, kind, DEFAULT_CHARSETS[kind], today))
        with stage.ledger.timed(f"messages to {name}'s oracle") as outcome:
            report = send_all(made, stage.world.ports.oracle_mllp(name))
            outcome.append(f"{report.sent} sent, {report.codes['AA']} acknowledged AA")
        require(report.codes["AA"] == len(made) and not report.unanswered, "every message is acknowledged")
        stage.ledger.facts[f"messages.{name}"] = len(made)
    with output.working("   sealing, storing, depositing with three custodians, anchoring …"):
        for name, _ in SOURCES:
            wait_until_anchored(stage, name)
    stage.ledger.tell("from first message to all anchored", "done", (time.perf_counter() - began) * 1000)


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
