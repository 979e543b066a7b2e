"""What an oracle says of itself: figures of readiness, and what somebody must look at now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from oracle.drain import Ending
from oracle.intake.gate import Gate
from oracle.lookout import Lookout, Probe, Senses
from oracle.metrics import Metrics
from oracle.pressure import Pressure
from oracle.problems import DRAINING, problem_of
from oracle.runtime.kept import SystemClock
from oracle.runtime.parts import Parts
from oracle.settings import Settings
from oracle.webhook import Webhook
from oracle.workers import Workers
from salus.adapters.content.address import is_folder
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.core.errors import SalusError
from salus.core.ids import hex32
from salus.core.journal import BatchState
from salus.core.problem import Problem

_WEBHOOK_SECONDS = 10.0
_LOOKED_AT = 64


def readiness(parts: Parts, gate: Gate, ending: Ending, lookout: Lookout) -> dict[str, object] | Problem:
    """Figures of readiness with the alerts; a problem while it drains, or when it can't do its work."""
    told: dict[str, object] = {
        "draining": ending.is_asked,
        "held": gate.is_shut,
        "alerts": [
            {"alert": one.kind.value, "source": one.source, "since": one.since, "value": one.value, "limit": one.limit}
            for one in lookout.raised
        ],
        "sources": [source.name for source in parts.sources.all()],
        "sourcesRejected": list(parts.sources.rejected),
    }
    try:
        figures = _figures(parts)
    except SalusError as error:
        return replace(problem_of(error), more=told)
    if ending.is_asked:
        return replace(DRAINING, more=told | figures)
    return figures | told


def _figures(parts: Parts) -> dict[str, object]:
    backlog = parts.kept.database.backlog()
    return {
        "sourceId": "0x" + parts.settings.participant.hex(),
        "inLine": parts.kept.database.line.is_held(),
        "head": parts.chain.reader.head().number,
        "pendingMessages": backlog.pending,
        "pendingBytes": backlog.pending_bytes,
        "quarantined": backlog.quarantined,
        "waitingVersions": backlog.waiting_versions,
        "openBatches": backlog.open_batches,
        "openInvalidations": backlog.invalidations,
        "openLinks": backlog.links,
        "recalledMessages": backlog.recalled,
        "caughtUp": parts.catching.is_done,
        "unknownBatches": parts.catching.waits_for,
    }


def webhook_of(settings: Settings, metrics: Metrics) -> Webhook | None:
    """Where alerts are posted; None if nowhere."""
    url = settings.operations.webhook
    if url is None:
        return None

    def post(body: Mapping[str, object]) -> None:
        httpx.post(url, json=dict(body), timeout=_WEBHOOK_SECONDS, trust_env=False).raise_for_status()

    return Webhook(post, "0x" + settings.participant.hex(), metrics.webhook_failures.inc)


def lookout_of(
    parts: Parts, pressure: Pressure, workers: Workers, verdicts: Callable[[], Mapping[str, int]], hook: Webhook | None
) -> Lookout:
    """What looks at all figures again and again, and raises alerts."""
    settings, kept, reader = parts.settings, parts.kept, parts.chain.reader
    outbox = DatabaseOutbox(kept.database)
    sets: dict[int, tuple[str, ...]] = {}

    def members(number: int) -> tuple[str, ...]:
        if number not in sets:
            found = reader.custodian_set(number, reader.final()).members
            sets[number] = tuple(hex32(member) for member in found)
        return sets[number]

    def missing(seconds: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for one in kept.quality.gaps(SystemClock().now() - seconds):
            found[one.source] += one.gap.missing
        return found

    places = {"content": Path(settings.content)} if is_folder(settings.content) else {}
    if kept.engine.dialect.name == "sqlite" and kept.engine.url.database:
        places["database"] = Path(kept.engine.url.database).parent
    senses = Senses(
        pressure=pressure,
        chain=Probe("chain", reader.head, time.monotonic),
        content=Probe("content", parts.content.ready, time.monotonic),
        verdicts=verdicts,
        heard=lambda: parts.journal.heard,
        sources=parts.sources.all,
        rejected=lambda: parts.sources.rejected,
        failing=workers.failing,
        missing=missing,
        deposits=lambda: outbox.batches(BatchState.OPEN, _LOOKED_AT),
        deposited=lambda: outbox.batches(BatchState.DEPOSITED, _LOOKED_AT),
        members=members,
        places=places,
        overdue=parts.destruction.overdue,
    )
    tell = hook.tell if hook is not None else lambda _: None
    return Lookout(senses, settings.operations.limits, SystemClock().now, parts.metrics.registry, tell)
