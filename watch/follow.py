"""The loop: look for a fork, index what is final, check that it adds up, raise alerts. One step after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Any

import structlog

from salus.core.errors import SalusError
from salus.core.ports_index import MAX_PAGE, Alert, AlertKind, IndexStore, Page
from salus.core.state import BlockStamp
from watch import alerts, gaps
from watch.index import Fork, Indexed, Indexer
from watch.metrics import Metrics
from watch.ports import Chain

log = structlog.get_logger(__name__)
MAX_LAG_BLOCKS = 30


@dataclass(frozen=True, slots=True)
class Status:
    """How the watch is: last block indexed and last final one, open alerts by kind, the last failure if any."""

    indexed: BlockStamp | None = None
    final: BlockStamp | None = None
    open_alerts: tuple[tuple[str, int], ...] = ()
    failure: str | None = None

    @property
    def lag(self) -> int | None:
        """Final blocks not yet indexed; None before the first step."""
        if self.final is None:
            return None
        return max(0, self.final.number - (self.indexed.number if self.indexed else -1))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the index is not to be relied on; empty when it is."""
        found = [f"alert {kind} is open" for kind, _ in self.open_alerts if AlertKind(kind) in alerts.GRAVE]
        if self.failure is not None:
            found.append(self.failure)
        if self.lag is None:
            found.append("the chain was not read yet")
        elif self.lag > MAX_LAG_BLOCKS:
            found.append(f"{self.lag} final blocks are not indexed yet")
        return tuple(found)

    def facts(self) -> dict[str, Any]:
        """Numbers of blocks and open alerts by kind, as JSON."""
        return {
            "indexed": self.indexed.number if self.indexed else None,
            "final": self.final.number if self.final else None,
            "lag": self.lag,
            "alerts": dict(self.open_alerts),
        }


class Follower:
    """Keeps an index up with its chain."""

    def __init__(self, chain: Chain, store: IndexStore, metrics: Metrics, first_block: int = 0) -> None:
        self._chain = chain
        self._store = store
        self._metrics = metrics
        self._indexer = Indexer(chain, store, first_block)
        self._heads_due = True
        self._lock = Lock()
        self._status = Status(indexed=store.indexed())

    @property
    def status(self) -> Status:
        """How it is after the last step. Safe to read from other threads."""
        with self._lock:
            return self._status

    def step(self) -> None:
        """One step: everything that is final now is indexed and checked.

        Raises:
            UnavailableError: the node is away, or the chain changed while it was read.
        """
        if self._indexer.check_fork(self._judge_fork) is not None:
            self._heads_due = True
            self._metrics.forks.inc()
        touched: dict[bytes, None] = {}
        for done in self._indexer.catch_up(self._judge):
            touched |= dict.fromkeys(entry.key for entry in done.entries)
            self._heads_due = True
            self._count(done)
        self._check_heads(touched)
        self._report()

    def run(self, stop: Event, poll_seconds: float) -> None:
        """Step until told to stop; what fails is tried again."""
        while not stop.is_set():
            try:
                self.step()
            except SalusError as error:
                self._metrics.failures.inc()
                log.warning("watch.step_failed", reason=type(error).__name__, advice=error.diagnostics())
                with self._lock:
                    self._status = replace(self._status, failure=error.diagnostics())
            stop.wait(poll_seconds)

    def _judge_fork(self, fork: Fork) -> None:
        self._announce(alerts.record(self._store, [alerts.of_fork(fork, self._chain.head().timestamp)]))

    def _judge(self, done: Indexed) -> None:
        """Alerts are kept before the range is: a kill in between raises them again, never not at all."""
        self._announce(alerts.record(self._store, alerts.of_range(done)))
        alerts.reviewed(self._store, done)
        self._announce(alerts.settle(self._store, gaps.check_events(self._store, done), done.last))

    def _check_heads(self, touched: Iterable[bytes]) -> None:
        # Only the newest block is compared: nodes may have forgotten the state of older ones.
        last = self._store.indexed()
        if last is not None and self._heads_due:
            findings = gaps.check_heads(self._chain, self._store, last, touched)
            self._announce(alerts.settle(self._store, findings, last))
            self._heads_due = False

    def _report(self) -> None:
        open_alerts: dict[str, int] = {}
        for alert in self._store.alerts(open_only=True, page=Page(limit=MAX_PAGE)).items:
            open_alerts[str(alert.kind)] = open_alerts.get(str(alert.kind), 0) + 1
        indexed, final = self._store.indexed(), self._chain.final()
        status = Status(indexed, final, tuple(sorted(open_alerts.items())))
        with self._lock:
            self._status = status
        for kind in AlertKind:
            self._metrics.alerts.labels(str(kind)).set(open_alerts.get(str(kind), 0))
        self._metrics.lag_blocks.set(status.lag or 0)
        self._metrics.entries.set(self._store.head(None).count)
        if indexed is not None:
            self._metrics.block.set(indexed.number)
            self._metrics.lag_seconds.set(max(0, self._chain.head().timestamp - indexed.timestamp))

    def _count(self, done: Indexed) -> None:
        for access in done.accesses:
            self._metrics.accesses.labels(str(access.code)).inc()

    @staticmethod
    def _announce(fresh: list[Alert]) -> None:
        for alert in fresh:
            log.error("watch.alert", kind=str(alert.kind), block=alert.block, detail=alert.detail)
