"""What a service sees of its chain, for Prometheus: the same names on every service's /metrics (docs/metrics.md).

Head and final block are asked at each scrape, for some seconds at most: from a node that hangs, what was seen last is
told, with an age that grows. No label names an account or a person.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.nodes import Standing
from salus.core.errors import SalusError
from salus.core.state import BlockStamp

_PATIENCE_SECONDS = 3.0
"""More than a look around at several nodes takes while one of them hangs (`nodes`)."""


class Blocks(Protocol):
    """Who says what the newest and the newest final block are."""

    def head(self) -> BlockStamp: ...

    def final(self) -> BlockStamp: ...


class Batches(Protocol):
    """Who sends requests together."""

    batches: int
    requests: int

    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Seen:
    head: BlockStamp
    final: BlockStamp


class Glimpse:
    """The newest blocks that could be seen: asks when it is asked, one question at a time, and waits `patience` seconds
    for the answer."""

    def __init__(self, blocks: Blocks, patience: float = _PATIENCE_SECONDS) -> None:
        self._blocks = blocks
        self._patience = patience
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._seen: _Seen | None = None
        self._answers = False

    def look(self) -> tuple[_Seen | None, bool]:
        """What was seen last (None: nothing yet), and whether it is the answer of now."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                self._answers = False
                self._asking = threading.Thread(target=self._ask, name="glimpse", daemon=True)
                self._asking.start()
            asking = self._asking
        asking.join(self._patience)
        return self._seen, self._answers

    def _ask(self) -> None:
        try:
            self._seen = _Seen(self._blocks.head(), self._blocks.final())
            self._answers = True
        except SalusError:
            pass  # told by `salus_chain_answers`


class ChainCollector(Collector):
    """Samples of one service's chain. `now` gives Unix seconds."""

    def __init__(
        self,
        blocks: Blocks,
        standing: Callable[[], Standing],
        writers: Sequence[Lanes] = (),
        batches: Batches | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._glimpse = Glimpse(blocks)
        self._standing = standing
        self._writers = writers
        self._batches = batches
        self._now = now

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked before the first scrape."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every sample that can be told now."""
        seen, is_now = self._glimpse.look()
        yield _gauge("answers", "1 if a node said its newest block within 3 s, else 0", is_now)
        if seen is not None:
            age = max(0.0, self._now() - seen.head.timestamp)
            yield _gauge("head_block", "Newest block that was seen", seen.head.number)
            yield _gauge("head_age_seconds", "Age of the newest block that was seen", age)
            yield _gauge("final_block", "Newest final block that was seen", seen.final.number)
        standing = self._standing()
        yield _gauge("nodes", "Nodes in the setting", standing.listed)
        yield _gauge("nodes_usable", "Nodes that answer and keep up with the others", standing.usable)
        yield _gauge("node_used", "Place in the setting of the node that is asked; 1 is the first", standing.used)
        if self._writers:
            yield from self._transactions()
        if self._batches is not None:
            yield _gauge("requests_waiting", "Requests that wait to go with others", self._batches.waiting)
            yield _counter("batches", "Transactions that carried several requests", self._batches.batches)
            yield _counter("batched_requests", "Requests that went in such transactions", self._batches.requests)

    def _transactions(self) -> Iterator[Metric]:
        counts = [writer.counts for writer in self._writers]
        waiting = sum(writer.waiting for writer in self._writers)
        yield _gauge("transactions_waiting", "Transactions signed and not mined yet", waiting)
        yield _counter("transactions_signed", "Transactions signed", sum(one.signed for one in counts))
        yield _counter("transactions_mined", "Transactions found in a block", sum(one.mined for one in counts))
        yield _counter(
            "transactions_resent", "Times a transaction was sent once more", sum(one.resent for one in counts)
        )
        about = "Transactions given up because another one had their nonce"
        yield _counter("transactions_replaced", about, sum(one.replaced for one in counts))
        yield _counter("pool_full", "Times a node's pool had no room", sum(one.held for one in counts))


def show_chain(
    registry: CollectorRegistry,
    blocks: Blocks,
    standing: Callable[[], Standing],
    writers: Sequence[Lanes] = (),
    batches: Batches | None = None,
) -> None:
    """Show a service's chain among its metrics."""
    registry.register(ChainCollector(blocks, standing, writers, batches))


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"salus_chain_{name}", about, value=float(value))


def _counter(name: str, about: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"salus_chain_{name}", about, value=float(value))
