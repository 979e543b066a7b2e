"""Alerts: what somebody must look at now. Rules over a snapshot of figures; nothing here asks or waits.

    snapshot ─► rules ─► measures ─► book ─► raised, cleared
                                     └ raised when a limit was passed for `hold` seconds, cleared when it was kept,
                                       with some room, for `calm` seconds: a figure at its limit doesn't ring twice

`source` says whose alert it is: a sender, a custodian, a worker, a place on disk; empty for the whole oracle. Figures
only, never content. docs/runbook.md says for each what to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ROOM = 0.8
"""A count that raised an alert must fall to this part of its limit."""
GROWTH_SECONDS = 3600
REFUSAL_SECONDS = 300
LEAST_JUDGED = 20
_HELD_SECONDS = 30


class AlertKind(StrEnum):
    """What is wrong."""

    BACKLOG = "backlog"
    OLDEST_PENDING = "oldest-pending"
    INTAKE_HELD = "intake-held"
    SOURCE_SILENT = "source-silent"
    SOURCES_REJECTED = "sources-rejected"
    QUARANTINE_GROWS = "quarantine-grows"
    MESSAGES_REFUSED = "messages-refused"
    NUMBERS_MISSING = "numbers-missing"
    DISK_LOW = "disk-low"
    WORKER_FAILING = "worker-failing"
    DATABASE_AWAY = "database-away"
    CONTENT_AWAY = "content-away"
    CUSTODIAN_AWAY = "custodian-away"
    CHAIN_AWAY = "chain-away"
    DESTRUCTION_OVERDUE = "destruction-overdue"


ADVICE = {
    AlertKind.BACKLOG: "Messages come faster than they are processed: see the other alerts, then processor and disk.",
    AlertKind.OLDEST_PENDING: "Processing stands still: see worker-failing, content-away and the oracle's log.",
    AlertKind.INTAKE_HELD: "Senders wait until the backlog has fallen: mend what holds it up; nothing is lost.",
    AlertKind.SOURCE_SILENT: "Ask the sender's administrator whether it runs and can connect.",
    AlertKind.SOURCES_REJECTED: "A changed file is wrong, what was in force goes on: see `salus oracle status`.",
    AlertKind.QUARANTINE_GROWS: "Look at the newest: `salus oracle quarantine`.",
    AlertKind.MESSAGES_REFUSED: "A sender sends what can't be taken: `salus oracle quarantine` has the reasons.",
    AlertKind.NUMBERS_MISSING: "Have the sender look for these numbers and send them: `salus quality`.",
    AlertKind.DISK_LOW: "Make room or enlarge the disk; when it is full, senders are told to try again.",
    AlertKind.WORKER_FAILING: "The oracle's log says why; the run is tried again until it succeeds.",
    AlertKind.DATABASE_AWAY: "Mend the database or its disk: senders are told to try again.",
    AlertKind.CONTENT_AWAY: "Mend the content folder or its disk; messages are taken meanwhile.",
    AlertKind.CUSTODIAN_AWAY: "Call the custodian's operator; records wait for it and are not lost.",
    AlertKind.CHAIN_AWAY: "Mend the node, or wait for the chain; messages are taken meanwhile.",
    AlertKind.DESTRUCTION_OVERDUE: "Ordered, cooled off, and still here: the oracle's log says what is in the way.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """When to ring. Counts, seconds and percent."""

    pending: int = 10_000
    pending_seconds: int = 120
    quarantined: int = 20
    refused_percent: int = 5
    gap_seconds: int = 600
    disk_percent: int = 10
    away_seconds: int = 60
    calm_seconds: int = 30
    destruction_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Figures of one moment, a Unix time. What can't be known now is left out of its mapping, or None.

    `silent` gives, for each source that should not be silent, seconds since it was heard and seconds it may be silent.
    `bound` is how many messages may be pending before intake is held. `judged`, `refused` and `unstored` count since
    the oracle began. `rejected` is how many things must be mended before changed source files come into force, by file.
    `failing`, `custodians` are seconds by name. `overdue` is how many orders of destruction are not carried out though
    their cooling-off ended so long ago that somebody must look. `chain_seconds` is how long the node is away, or how
    old its head is while something waits for it.
    """

    at: int
    pending: int = 0
    oldest_seconds: int = 0
    held: bool = False
    bound: int = 0
    quarantined: int = 0
    judged: int = 0
    refused: int = 0
    unstored: int = 0
    silent: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    free_percent: Mapping[str, float] = field(default_factory=dict)
    failing: Mapping[str, int] = field(default_factory=dict)
    custodians: Mapping[str, int] = field(default_factory=dict)
    database_seconds: int = 0
    content_seconds: int = 0
    chain_seconds: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure beside its limit. Neither `breached` nor `healed`: in between, where nothing changes."""

    kind: AlertKind
    source: str
    value: int
    limit: int
    breached: bool
    healed: bool
    hold: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """A raised alert; `since` is when its limit was first passed."""

    kind: AlertKind
    source: str
    since: int
    value: int
    limit: int

    @property
    def advice(self) -> str:
        """What to do."""
        return ADVICE[self.kind]


@dataclass(frozen=True, slots=True)
class Change:
    """An alert that was raised or cleared."""

    alert: Alert
    raised: bool
    at: int


@dataclass(slots=True)
class _State:
    breached_at: int | None = None
    healed_at: int | None = None
    alert: Alert | None = None


class AlertBook:
    """Which alerts are raised. `look` takes one snapshot after the other."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._history: deque[Snapshot] = deque()
        self._states: dict[tuple[AlertKind, str], _State] = {}

    @property
    def raised(self) -> list[Alert]:
        """Raised alerts, oldest first."""
        found = [state.alert for state in list(self._states.values()) if state.alert is not None]
        return sorted(found, key=lambda one: (one.since, one.kind, one.source))

    def look(self, now: Snapshot) -> list[Change]:
        """Take a snapshot; what changed."""
        while self._history and self._history[0].at < now.at - GROWTH_SECONDS:
            self._history.popleft()
        self._history.append(now)
        measures = {(one.kind, one.source): one for one in rules(now, list(self._history), self._limits)}
        changes = []
        for name in [*measures, *(self._states.keys() - measures.keys())]:
            change = self._weigh(name, measures.get(name), now.at)
            if change is not None:
                changes.append(change)
        return changes

    def _weigh(self, name: tuple[AlertKind, str], measure: Measure | None, at: int) -> Change | None:
        state = self._states.setdefault(name, _State())
        breached = measure is not None and measure.breached
        state.breached_at = (at if state.breached_at is None else state.breached_at) if breached else None
        if state.alert is None:
            if measure is None or state.breached_at is None:
                self._states.pop(name)
            elif at - state.breached_at >= measure.hold:
                state.alert = Alert(*name, state.breached_at, measure.value, measure.limit)
                state.healed_at = None
                return Change(state.alert, raised=True, at=at)
            return None
        healed = measure is None or measure.healed
        state.healed_at = (at if state.healed_at is None else state.healed_at) if healed else None
        if state.healed_at is not None and at - state.healed_at >= self._limits.calm_seconds:
            return Change(self._states.pop(name).alert or state.alert, raised=False, at=at)
        if measure is not None:
            state.alert = Alert(*name, state.alert.since, measure.value, measure.limit)
        return None


def rules(now: Snapshot, history: list[Snapshot], limits: Limits) -> Iterator[Measure]:
    """All figures beside their limits. `history` ends with the snapshot itself."""
    yield _count(AlertKind.BACKLOG, now.pending, limits.pending, _HELD_SECONDS)
    yield _count(AlertKind.OLDEST_PENDING, now.oldest_seconds, limits.pending_seconds, _HELD_SECONDS)
    yield Measure(AlertKind.INTAKE_HELD, "", now.pending, now.bound, now.held, not now.held)
    grown = now.quarantined - min(one.quarantined for one in history)
    yield _count(AlertKind.QUARANTINE_GROWS, grown, limits.quarantined)
    yield _refused(now, history, limits)
    since = _before(history, now.at - limits.away_seconds)
    lost = now.unstored - since.unstored
    away = limits.away_seconds
    failed = max(now.database_seconds, away if lost else 0)
    yield Measure(AlertKind.DATABASE_AWAY, "", max(lost, now.database_seconds), away, failed >= away, failed == 0)
    yield _seconds(AlertKind.CONTENT_AWAY, "", now.content_seconds, away)
    yield _seconds(AlertKind.CHAIN_AWAY, "", now.chain_seconds, away)
    yield _count(AlertKind.DESTRUCTION_OVERDUE, now.overdue, 1)
    for source, (silent, allowed) in now.silent.items():
        yield Measure(AlertKind.SOURCE_SILENT, source, silent, allowed, silent >= allowed, silent < allowed)
    for file, wrong in now.rejected.items():
        yield Measure(AlertKind.SOURCES_REJECTED, file, wrong, 1, wrong >= 1, wrong < 1)
    for source, missing in now.missing.items():
        yield Measure(AlertKind.NUMBERS_MISSING, source, missing, 1, missing >= 1, missing < 1)
    for place, free in now.free_percent.items():
        least = limits.disk_percent
        yield Measure(AlertKind.DISK_LOW, place, int(free), least, free < least, free >= least / ROOM)
    for worker, seconds in now.failing.items():
        yield _seconds(AlertKind.WORKER_FAILING, worker, seconds, away)
    for custodian, seconds in now.custodians.items():
        yield _seconds(AlertKind.CUSTODIAN_AWAY, custodian, seconds, away, hold=min(away, _HELD_SECONDS))


def _refused(now: Snapshot, history: list[Snapshot], limits: Limits) -> Measure:
    """Percent of the messages of the last minutes that were refused; too few to tell count as none."""
    since = _before(history, now.at - REFUSAL_SECONDS)
    judged, refused = now.judged - since.judged, now.refused - since.refused
    percent = 100 * refused // judged if judged >= LEAST_JUDGED else 0
    return _count(AlertKind.MESSAGES_REFUSED, percent, limits.refused_percent)


def _before(history: list[Snapshot], at: int) -> Snapshot:
    """The newest snapshot of that time or before; none: the oracle began later, and had counted nothing."""
    return next((one for one in reversed(history) if one.at <= at), Snapshot(at))


def _count(kind: AlertKind, value: int, limit: int, hold: int = 0) -> Measure:
    return Measure(kind, "", value, limit, value >= limit, value <= limit * ROOM and value < limit, hold)


def _seconds(kind: AlertKind, source: str, value: int, limit: int, hold: int = 0) -> Measure:
    return Measure(kind, source, value, limit, value >= limit, value == 0, hold)
