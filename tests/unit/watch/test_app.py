"""What the watch says of itself over HTTP."""

from __future__ import annotations

from threading import Event

from fastapi.testclient import TestClient

from salus.adapters.follower_http import create_app
from salus.adapters.memory.index import MemoryIndex
from salus.core.errors import UnavailableError
from salus.core.state import BlockStamp
from tests.unit.watch.ledger import Ledger, word
from watch.follow import MAX_LAG_BLOCKS, Follower, Status
from watch.metrics import Metrics


def client_of(watch: Follower, metrics: Metrics) -> TestClient:
    return TestClient(create_app("watch", watch, metrics.registry))


def test_ready__before_the_first_step__is_503(ledger: Ledger) -> None:
    metrics = Metrics()
    answer = client_of(Follower(ledger, MemoryIndex(), metrics), metrics).get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the chain was not read yet"]


def test_ready__after_a_step__is_200_with_its_block(ledger: Ledger) -> None:
    metrics = Metrics()
    watch = Follower(ledger, MemoryIndex(), metrics)
    watch.step()
    answer = client_of(watch, metrics).get("/ready")
    assert (answer.status_code, answer.json()["indexed"]) == (200, ledger.head().number)
    assert client_of(watch, metrics).get("/health").json() == {"status": "ok"}


def test_ready__head_mismatch__is_503_and_names_the_alert(ledger: Ledger) -> None:
    metrics = Metrics()
    last = [e for e in ledger.events(0, ledger.head().number) if e.name == "Appended"][-1]
    ledger.hidden.add((last.block_number, last.log_index))
    watch = Follower(ledger, MemoryIndex(), metrics)
    watch.step()
    answer = client_of(watch, metrics).get("/ready")
    assert answer.status_code == 503
    assert "alert head-mismatch is open" in answer.json()["reasons"]


def test_ready__far_behind__is_503() -> None:
    final = BlockStamp(100 + MAX_LAG_BLOCKS, word("final"), 2)
    assert Status(BlockStamp(99, word("block"), 1), final).reasons
    assert not Status(BlockStamp(100, word("block"), 1), final).reasons


def test_metrics__after_a_step__tell_block_entries_and_codes(ledger: Ledger) -> None:
    metrics = Metrics()
    watch = Follower(ledger, MemoryIndex(), metrics)
    watch.step()
    text = client_of(watch, metrics).get("/metrics").text
    assert f"salus_watch_indexed_block {float(ledger.head().number)}" in text
    assert 'salus_watch_accesses_total{code="20"} 1.0' in text
    assert 'salus_watch_open_alerts{kind="head-mismatch"} 0.0' in text


def test_run__node_away__keeps_trying_and_says_so(ledger: Ledger) -> None:
    stop = Event()

    class Away(Ledger):
        def final(self) -> BlockStamp:
            stop.set()
            raise UnavailableError("the node is away")

    watch = Follower(Away(), MemoryIndex(), Metrics())
    watch.run(stop, 0)
    assert watch.status.failure is not None
    assert watch.status.reasons[0].startswith("the node is away")
