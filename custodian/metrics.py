"""Numbers for Prometheus: calls by verb and outcome, seconds per call, shares released, age of the head."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Metrics of one custodian, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter(
            "salus_custodian_calls", "Calls by verb and outcome", ("verb", "outcome"), registry=self.registry
        )
        self.seconds = Histogram(
            "salus_custodian_call_seconds", "Time per call", ("verb",), buckets=_SECONDS, registry=self.registry
        )
        self.released = Counter("salus_custodian_released_records", "Record versions released", registry=self.registry)
        self.refused = Counter(
            "salus_custodian_refused_records", "Record versions refused", ("code",), registry=self.registry
        )
        self.head_age = Gauge("salus_custodian_head_age_seconds", "Age of the node's head", registry=self.registry)
        self.final_block = Gauge("salus_custodian_final_block", "Newest final block", registry=self.registry)
        self.sweep_failures = Counter(
            "salus_custodian_sweep_failures", "Sweeps that failed, by name", ("sweep",), registry=self.registry
        )

    def text(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self.registry)
