"""Prometheus metrics of the sidecar."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters and gauges in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.block = Gauge("salus_sidecar_block", "Final block of the last look", registry=self.registry)
        self.member = Gauge("salus_sidecar_member", "1 while the own node is a member's", registry=self.registry)
        self.peers = Gauge("salus_sidecar_peers", "Peers of the node", registry=self.registry)
        self.validators = Gauge("salus_sidecar_validators", "Validators", registry=self.registry)
        self.living = Gauge("salus_sidecar_living_validators", "Those that sealed lately", registry=self.registry)
        self.withheld = Gauge(
            "salus_sidecar_withheld_votes", "Votes not cast, for too few would live", registry=self.registry
        )
        self.unclaimed = Gauge(
            "salus_sidecar_unclaimed_validators", "Validators that no member named", registry=self.registry
        )
        self.actions = Counter("salus_sidecar_actions", "Orders carried out", ["verb"], registry=self.registry)
        self.refused = Counter("salus_sidecar_refused_actions", "Orders that failed", ["verb"], registry=self.registry)
        self.failures = Counter("salus_sidecar_failed_looks", "Looks that failed", registry=self.registry)
