"""The lookout: takes a snapshot every few seconds, keeps the book of alerts, and tells of each change.

    probes (own threads: chain, content) ─┐
    backlog, verdicts, sources, disks ────┴─► snapshot ─► AlertBook ─► log line, gauge, webhook, /ready

Whatever can't be asked now is left out of the snapshot; that it can't is an alert of its own.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge

from oracle.alerts import Alert, AlertBook, Change, Limits, Snapshot
from oracle.pressure import Pressure
from oracle.sources import Source
from salus.core.journal import Batch

LOOK_SECONDS = 2.0
_SLOW_SECONDS = 5.0
_MINUTE = 60
_REFUSED = ("reject", "error", "transport")
_JUDGED = (*_REFUSED, "accept", "quarantine")

_log = structlog.get_logger()


class Probe:
    """A thread that tries something again and again; for how long it has failed, or hangs, is there at once."""

    def __init__(
        self, name: str, check: Callable[[], Any], monotonic: Callable[[], float], every: float = LOOK_SECONDS
    ) -> None:
        self._check = check
        self._monotonic = monotonic
        self._every = every
        self._failing_since: float | None = None
        self._asked_at: float | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"probe-{name}", daemon=True)
        self.found: Any = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End once it answers; not waited for."""
        self._stop.set()

    @property
    def seconds(self) -> int:
        """For how long it has failed; 0 while it succeeds."""
        now, since, asked = self._monotonic(), self._failing_since, self._asked_at
        if since is None and asked is not None and now - asked > _SLOW_SECONDS:
            since = asked
        return 0 if since is None else max(1, int(now - since))

    def look(self) -> None:
        """Try once."""
        began = self._asked_at = self._monotonic()
        try:
            self.found = self._check()
            self._failing_since = None
        except Exception:  # noqa: BLE001 - that it fails is what is asked; why, the workers' log lines say
            self._failing_since = began if self._failing_since is None else self._failing_since
        self._asked_at = None

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._every)


@dataclass(frozen=True, slots=True)
class Senses:
    """What the lookout asks. `heard` gives Unix times by source, `failing` seconds by worker, `rejected` lines that
    begin with the name of a source file and a colon.

    `missing` gives numbers that have not come for so many seconds, by source; `deposits` open batches older than so
    many seconds, `deposited` those that all custodians have; `members` names the custodians of a set in order;
    `overdue` counts orders of destruction not carried out whose cooling-off ended so many seconds ago.
    """

    pressure: Pressure
    chain: Probe
    content: Probe
    verdicts: Callable[[], Mapping[str, int]]
    heard: Callable[[], Mapping[str, int]]
    sources: Callable[[], Iterable[Source]]
    rejected: Callable[[], Iterable[str]]
    failing: Callable[[], Mapping[str, float]]
    missing: Callable[[int], Mapping[str, int]]
    deposits: Callable[[], Iterable[Batch]]
    deposited: Callable[[], Iterable[Batch]]
    members: Callable[[int], tuple[str, ...]]
    places: Mapping[str, Path]
    overdue: Callable[[int], int] = lambda _: 0


class Lookout:
    """A thread with the book. `tell` gets each change; it must not wait."""

    def __init__(
        self,
        senses: Senses,
        limits: Limits,
        now: Callable[[], int],
        registry: CollectorRegistry,
        tell: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self._senses = senses
        self._limits = limits
        self._now = now
        self._tell = tell
        self._began = now()
        self._book = AlertBook(limits)
        self._gauge = Gauge(
            "salus_oracle_alert", "Alerts: 1 while raised, then 0", ["alert", "source"], registry=registry
        )
        self._free = Gauge("salus_oracle_disk_free_percent", "Free room of a disk", ["place"], registry=registry)
        held = Gauge("salus_oracle_intake_held", "1 while intake does not read", registry=registry)
        held.set_function(lambda: float(senses.pressure.is_held))
        size = Gauge("salus_oracle_pending_bytes", "What pending messages take in the journal", registry=registry)
        size.set_function(lambda: backlog.pending_bytes if (backlog := senses.pressure.latest) else 0)
        self._stop = Event()
        self._thread = Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Begin, its probes too."""
        for probe in (self._senses.chain, self._senses.content):
            probe.start()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        for probe in (self._senses.chain, self._senses.content):
            probe.stop()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_SLOW_SECONDS)

    @property
    def raised(self) -> list[Alert]:
        """Alerts that are raised now, oldest first."""
        return self._book.raised

    def look(self) -> None:
        """Look once."""
        snapshot = self._snapshot()
        for place, percent in snapshot.free_percent.items():
            self._free.labels(place).set(percent)
        for change in self._book.look(snapshot):
            alert = change.alert
            self._gauge.labels(alert.kind.value, alert.source).set(change.raised)
            say = _log.warning if change.raised else _log.info
            say(
                "alert raised" if change.raised else "alert cleared",
                alert=alert.kind.value,
                source=alert.source,
                value=alert.value,
                limit=alert.limit,
                since=alert.since,
            )
            self._tell(change)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next look tries again
                _log.warning("alerts not looked at", error=type(error).__name__)

    def _snapshot(self) -> Snapshot:
        senses, now = self._senses, self._now()
        backlog, verdicts = senses.pressure.latest, senses.verdicts()
        reads = senses.pressure.failing_seconds == 0 and backlog is not None
        oldest = backlog.oldest_pending_at if backlog and backlog.pending else 0
        return Snapshot(
            at=now,
            pending=backlog.pending if backlog else 0,
            oldest_seconds=max(0, now - oldest) if oldest else 0,
            held=senses.pressure.is_held,
            bound=senses.pressure.bounds.messages,
            quarantined=backlog.quarantined if backlog else 0,
            judged=sum(verdicts.get(name, 0) for name in _JUDGED),
            refused=sum(verdicts.get(name, 0) for name in _REFUSED),
            unstored=verdicts.get("not stored", 0),
            silent=self._silent(now),
            rejected=Counter(line.partition(":")[0] for line in senses.rejected()),
            missing=senses.missing(self._limits.gap_seconds) if reads else {},
            free_percent=_free_percent(senses.places),
            failing={name: int(seconds) for name, seconds in senses.failing().items()},
            custodians=self._late(now) if reads and not senses.chain.seconds else {},
            database_seconds=senses.pressure.failing_seconds,
            content_seconds=senses.content.seconds,
            chain_seconds=self._chain_seconds(now, reads=reads),
            overdue=senses.overdue(self._limits.destruction_seconds) if reads else 0,
        )

    def _silent(self, now: int) -> dict[str, tuple[int, int]]:
        """Sources that should not be silent; after a start, silence begins with it."""
        heard = self._senses.heard()
        return {
            source.name: (now - heard.get(source.name, self._began), source.silence_minutes * _MINUTE)
            for source in self._senses.sources()
            if source.silence_minutes
        }

    def _late(self, now: int) -> dict[str, int]:
        """Custodians that lack a batch, with the age of the oldest."""
        late: dict[str, int] = {}
        for batch in self._senses.deposits():
            for place, member in enumerate(self._senses.members(batch.custodian_set)):
                if not batch.acknowledged >> place & 1:
                    late[member] = max(late.get(member, 0), now - batch.created_at)
        return {member: seconds for member, seconds in late.items() if seconds >= self._limits.away_seconds}

    def _chain_seconds(self, now: int, *, reads: bool) -> int:
        """How long the node is away; or how old its head is, while a batch waits for a block."""
        seconds, head = self._senses.chain.seconds, self._senses.chain.found
        if seconds or head is None or not reads:
            return seconds
        waits = max((now - batch.created_at for batch in self._senses.deposited()), default=0)
        age = min(waits, now - int(head.timestamp))
        return age if age >= self._limits.away_seconds else 0


def _free_percent(places: Mapping[str, Path]) -> dict[str, float]:
    found = {}
    for name, path in places.items():
        try:
            usage = shutil.disk_usage(path)
        except OSError:
            continue
        if usage.total:
            found[name] = 100 * usage.free / usage.total
    return found
