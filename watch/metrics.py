"""Prometheus metrics of the watch."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters and gauges in a registry of their own, so that two watches in one process don't meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.block = Gauge("salus_watch_indexed_block", "Last block in the index", registry=self.registry)
        self.lag_blocks = Gauge("salus_watch_lag_blocks", "Final blocks not yet indexed", registry=self.registry)
        self.lag_seconds = Gauge(
            "salus_watch_lag_seconds", "Age of the last indexed block against the newest", registry=self.registry
        )
        self.entries = Gauge("salus_watch_entries", "Entries of the AuditLog in the index", registry=self.registry)
        self.accesses = Counter("salus_watch_accesses", "Accesses indexed", ["code"], registry=self.registry)
        self.alerts = Gauge("salus_watch_open_alerts", "Alerts not resolved", ["kind"], registry=self.registry)
        self.forks = Counter("salus_watch_forks", "Times the chain was not the one indexed", registry=self.registry)
        self.failures = Counter(
            "salus_watch_failed_steps", "Steps that failed and are tried again", registry=self.registry
        )
