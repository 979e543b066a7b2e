"""Prometheus metrics of the oracle: counts and seconds, never content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import enumerate as running_threads
from time import clock_gettime, perf_counter, pthread_getcpuclockid, thread_time
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from salus.core.journal import Appended, Backlog, MessageState, Work
from salus.core.quality import Figure

_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_RECORDS = (1, 5, 20, 50, 100, 200, 500, 1000)


class SealedLike(Protocol):
    """Counts of one sealed message (`oracle.seal.SealedDrafts`)."""

    @property
    def unchanged(self) -> int: ...

    @property
    def stale(self) -> int: ...

    @property
    def silent(self) -> int: ...


class Metrics:
    """Metrics in a registry of their own, so that two oracles in one process don't mix."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.appended = Counter(
            "salus_oracle_journalled_total", "Messages that reached the journal", ["result"], registry=self.registry
        )
        self.acknowledgments = Counter(
            "salus_oracle_acknowledgments_total",
            "Application acknowledgments sent later, by what became of sending",
            ["outcome"],
            registry=self.registry,
        )
        self.batch_files = Counter(
            "salus_oracle_batch_files_total",
            "Batch files of watched folders, by what became of them",
            ["outcome"],
            registry=self.registry,
        )
        self.webhook_failures = Counter(
            "salus_oracle_webhook_failures_total", "Posts of alerts in vain, tried again", registry=self.registry
        )
        self.destructions = Counter(
            "salus_oracle_destructions_total",
            "Orders of destruction, by what became of them at the source",
            ["outcome"],
            registry=self.registry,
        )
        self.open_destructions = Gauge(
            "salus_oracle_destructions_open", "Orders not carried out", registry=self.registry
        )
        self.overdue_destructions = Gauge(
            "salus_oracle_destructions_overdue",
            "Those of them whose cooling-off has ended",
            registry=self.registry,
        )
        self.groups = Counter("salus_oracle_journal_groups_total", "Group commits", registry=self.registry)
        self.outcomes = Counter(
            "salus_oracle_messages_total", "Messages processed", ["outcome"], registry=self.registry
        )
        self.versions = Counter("salus_oracle_versions_total", "Record versions sealed", registry=self.registry)
        self.unchanged = Counter("salus_oracle_unchanged_total", "Drafts that said nothing new", registry=self.registry)
        self.stale = Counter("salus_oracle_stale_total", "Groups told better before", registry=self.registry)
        self.silent = Counter(
            "salus_oracle_silent_changes_total",
            "Final values changed by a message that doesn't call itself a correction",
            registry=self.registry,
        )
        self.ahead = Counter(
            "salus_oracle_ahead_total",
            "Groups told with a time more than a day ahead, which count from when they came",
            registry=self.registry,
        )
        self.unfolded = Counter(
            "salus_oracle_unfolded_total",
            "Earlier messages about a record that were no longer kept when it changed",
            registry=self.registry,
        )
        self.missing_numbers = Gauge(
            "salus_oracle_quality_missing_numbers",
            "Numbers of a sender's messages that have not come",
            ["source"],
            registry=self.registry,
        )
        self.oldest_gap = Gauge(
            "salus_oracle_quality_oldest_gap_seconds",
            "Age of the oldest number that has not come",
            ["source"],
            registry=self.registry,
        )
        self.anchored = Counter("salus_oracle_batches_anchored_total", "Batches anchored", registry=self.registry)
        self.batch_records = Histogram(
            "salus_oracle_batch_records", "Versions in a batch", buckets=_RECORDS, registry=self.registry
        )
        self.stage_seconds = Histogram(
            "salus_oracle_stage_seconds", "One run of a stage", ["stage"], buckets=_SECONDS, registry=self.registry
        )
        self.stage_cpu = Counter(
            "salus_oracle_stage_cpu_seconds",
            "Processor time of a stage in its own thread",
            ["stage"],
            registry=self.registry,
        )
        self.registry.register(_ThreadTimes())
        self.worker_errors = Counter(
            "salus_oracle_worker_errors_total",
            "Runs that failed and are tried again",
            ["worker"],
            registry=self.registry,
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one run of a stage."""
        began, used = perf_counter(), thread_time()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(perf_counter() - began)
            self.stage_cpu.labels(name).inc(thread_time() - used)

    def journalled(self, results: tuple[Appended, ...]) -> None:
        """Count one group commit."""
        self.groups.inc()
        for result in Appended:
            self.appended.labels(result.name.lower()).inc(results.count(result))

    def drafts(self, sealed: Iterable[SealedLike]) -> None:
        """Count what sealing made of the drafts of a run."""
        for one in sealed:
            self.unchanged.inc(one.unchanged)
            self.stale.inc(one.stale)
            self.silent.inc(one.silent)

    def sealed(self, work: Work) -> None:
        """Count one run of the seal stage."""
        states = [outcome.state for outcome in work.outcomes]
        for state in (MessageState.DONE, MessageState.QUARANTINED, MessageState.FAILED):
            self.outcomes.labels(state.name.lower()).inc(states.count(state))
        self.versions.inc(len(work.versions))

    def watch_destruction(self, open_orders: Callable[[], int], overdue: Callable[[], int]) -> None:
        """Show orders that are not carried out, read at each scrape."""
        self.open_destructions.set_function(open_orders)
        self.overdue_destructions.set_function(overdue)

    def watch_figures(self, figures: Callable[[], Iterable[Figure]]) -> None:
        """Show the figures of quality of the present day, read at each scrape."""
        self.registry.register(_Figures(figures))

    def watch_listeners(self, counters: Mapping[str, Callable[[], int]], owed: Callable[[], int]) -> None:
        """Show what MLLP listeners have seen since they began, and the acknowledgments still owed; at each scrape."""
        for name, count in counters.items():
            about = f"MLLP listeners since start: {name.replace('_', ' ')}"
            Gauge(f"salus_oracle_mllp_{name}", about, registry=self.registry).set_function(count)
        about = "Application acknowledgments owed to senders"
        Gauge("salus_oracle_acknowledgments_owed", about, registry=self.registry).set_function(owed)

    def watch_http(self, counters: Mapping[str, Callable[[], int]]) -> None:
        """Show what the HTTP server has ended by itself since it began, read at each scrape."""
        for name, count in counters.items():
            about = f"HTTP server since start: {name.replace('_', ' ')}"
            Gauge(f"salus_oracle_http_{name}", about, registry=self.registry).set_function(count)

    def watch(
        self, backlog: Callable[[], Backlog], verdicts: Callable[[], Mapping[str, int]], now: Callable[[], int]
    ) -> None:
        """Show what is under way, read at each scrape, and the verdicts of intake."""
        for name, about, read in (
            ("pending_messages", "Messages not processed yet", lambda: backlog().pending),
            ("quarantined_messages", "Messages that wait for a person", lambda: backlog().quarantined),
            ("waiting_versions", "Versions in no batch yet", lambda: backlog().waiting_versions),
            ("open_batches", "Batches not anchored yet", lambda: backlog().open_batches),
            ("open_invalidations", "Versions not invalid on chain yet", lambda: backlog().invalidations),
            ("open_links", "Links of subjects not on chain yet", lambda: backlog().links),
            (
                "recalled_messages",
                "Messages known from custodians alone, not sent again yet",
                lambda: backlog().recalled,
            ),
            ("oldest_pending_seconds", "Age of the oldest pending message", lambda: _age(backlog(), now())),
        ):
            Gauge(f"salus_oracle_{name}", about, registry=self.registry).set_function(read)
        received = Gauge(
            "salus_oracle_verdicts", "Messages judged at intake since start", ["verdict"], registry=self.registry
        )
        for verdict in ("accept", "reject", "error", "quarantine", "transport", "not stored"):
            received.labels(verdict).set_function(partial(_count, verdicts, verdict))


class _ThreadTimes(Collector):
    """Processor time of the process's threads by name, numbers at the end of a name left out; read at each scrape.

    A thread that ended is counted no more, so only threads that live as long as the oracle say anything.
    """

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One sample for each name."""
        found = CounterMetricFamily(
            "salus_oracle_thread_cpu_seconds", "Processor time of running threads", labels=["thread"]
        )
        seconds: dict[str, float] = {}
        for thread in running_threads():
            try:
                used = clock_gettime(pthread_getcpuclockid(thread.ident or 0))
            except OSError:  # it has ended just now
                continue
            name = thread.name.rstrip("0123456789").rstrip("_-")
            seconds[name] = seconds.get(name, 0.0) + used
        for name, used in seconds.items():
            found.add_metric([name], used)
        yield found


class _Figures(Collector):
    """Figures of one day; a counter that begins again at midnight, as after a restart."""

    def __init__(self, figures: Callable[[], Iterable[Figure]]) -> None:
        self._figures = figures

    def describe(self) -> list[CounterMetricFamily]:
        """Nothing is read before the first scrape."""
        return [self._family()]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One sample for each source and measure."""
        found = self._family()
        for one in self._figures():
            found.add_metric([one.source, one.measure], one.count)
        yield found

    def _family(self) -> CounterMetricFamily:
        about = "Figures of quality since midnight, by docs/quality.md"
        return CounterMetricFamily("salus_oracle_quality", about, labels=["source", "measure"])


def _count(verdicts: Callable[[], Mapping[str, int]], verdict: str) -> float:
    return verdicts().get(verdict, 0)


def _age(backlog: Backlog, now: int) -> int:
    return max(0, now - backlog.oldest_pending_at) if backlog.pending else 0
