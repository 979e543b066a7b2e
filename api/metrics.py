"""Prometheus metrics of one API process; labels are route templates, codes and outcomes, never ids."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30)


class Metrics:
    """Counters of one process in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "salus_api_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "salus_api_seconds", "Time to answer.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.accesses = Counter(
            "salus_api_accesses", "Accesses asked for, by outcome code.", ("code",), registry=self.registry
        )
        self.records = Counter(
            "salus_api_records", "Record versions opened or refused.", ("code",), registry=self.registry
        )
        self.relayed = Counter(
            "salus_api_relayed", "Calls relayed for patients.", ("function",), registry=self.registry
        )
        self.access_step = Histogram(
            "salus_api_access_seconds",
            "Time per step of an access.",
            ("step",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.head_age = Gauge(
            "salus_api_head_age_seconds", "Age of the node's head at the last look.", registry=self.registry
        )

    def text(self) -> bytes:
        """Exposition format."""
        return generate_latest(self.registry)
