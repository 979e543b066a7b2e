"""What a service shows of its chain on /metrics."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from salus.adapters.chain import lane as lane_module
from salus.adapters.chain import lanes as lanes_module
from salus.adapters.chain.lanes import LaneCounts
from salus.adapters.chain.metrics import ChainCollector, Glimpse, show_chain
from salus.adapters.chain.nodes import Standing
from salus.core.errors import UnavailableError
from salus.core.state import BlockStamp
from tests.unit.adapters.chain.geth_node import GethNode
from tests.unit.adapters.chain.test_lanes import lanes_of, note, until
from tests.unit.adapters.chain.test_nodes import Chain, chain

__all__ = ["chain"]

STANDING = Standing(3, 2, 1)
NOW = 1_795_744_520


class Node:
    """Says its head, which is ten seconds old; away while `is_away`, hanging while `gate` is shut."""

    def __init__(self) -> None:
        self.number = 7
        self.is_away = False
        self.gate = Event()
        self.gate.set()

    def head(self) -> BlockStamp:
        assert self.gate.wait(30)
        if self.is_away:
            raise UnavailableError("away")
        return BlockStamp(self.number, bytes(32), NOW - 10)

    def final(self) -> BlockStamp:
        return BlockStamp(self.number - 3, bytes(32), NOW - 13)


def told(node: Node, **more: object) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ChainCollector(node, lambda: STANDING, now=lambda: NOW, **more))  # type: ignore[arg-type]  # parts as stand-ins
    return registry


def value(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(f"salus_chain_{name}")


def test_collector__node_answers__tells_head_final_block_and_nodes() -> None:
    registry = told(Node())
    shown = {name: value(registry, name) for name in ("answers", "head_block", "head_age_seconds", "final_block")}
    assert shown == {"answers": 1, "head_block": 7, "head_age_seconds": 10, "final_block": 4}
    assert [value(registry, name) for name in ("nodes", "nodes_usable", "node_used")] == [3, 2, 1]
    assert value(registry, "transactions_waiting") is None
    assert value(registry, "batches_total") is None


def test_collector__node_never_answered__tells_no_block() -> None:
    node = Node()
    node.is_away = True
    registry = told(node)
    assert (value(registry, "answers"), value(registry, "head_block")) == (0, None)


def test_collector__node_goes_away__tells_what_was_seen_last() -> None:
    node = Node()
    registry = told(node)
    assert value(registry, "answers") == 1
    node.is_away, node.number = True, 9
    assert (value(registry, "answers"), value(registry, "head_block")) == (0, 7)
    node.is_away = False
    assert (value(registry, "answers"), value(registry, "head_block")) == (1, 9)


def test_glimpse__node_hangs__is_waited_for_once_and_asked_once() -> None:
    node = Node()
    glimpse = Glimpse(node, patience=0.05)
    assert glimpse.look()[1]
    node.gate.clear()
    began = time.perf_counter()
    for _ in range(3):
        seen, answers = glimpse.look()
        assert seen is not None
        assert not answers
    assert time.perf_counter() - began < 5
    asking = glimpse._asking
    node.gate.set()
    assert asking is not None
    asking.join()
    assert glimpse.look()[1]


def test_collector__writers__are_told_together() -> None:
    writers = [
        SimpleNamespace(waiting=2, counts=LaneCounts(10, 8, 1, 0, 0)),
        SimpleNamespace(waiting=1, counts=LaneCounts(5, 3, 4, 1, 2)),
    ]
    registry = told(Node(), writers=writers, batches=SimpleNamespace(batches=2, requests=70, waiting=4))
    shown = {
        name: value(registry, name)
        for name in (
            "transactions_waiting",
            "transactions_signed_total",
            "transactions_mined_total",
            "transactions_resent_total",
            "transactions_replaced_total",
            "pool_full_total",
            "batches_total",
            "batched_requests_total",
            "requests_waiting",
        )
    }
    assert list(shown.values()) == [3, 15, 11, 5, 1, 2, 2, 70, 4]


def test_show_chain__nothing_answers_yet__does_not_ask_when_it_is_registered() -> None:
    node = Node()
    node.gate.clear()
    show_chain(CollectorRegistry(), node, lambda: STANDING)
    node.gate.set()


# what the counts are made of


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "_FIRST_STALL", 0.05)
    monkeypatch.setattr(lane_module, "_DOUBT", 0.02)
    monkeypatch.setattr(lanes_module, "_POLL_SECONDS", 0.005)
    monkeypatch.setattr(lanes_module, "_RECEIPTS_SECONDS", 0.02)
    monkeypatch.setattr(lanes_module, "_FIRST_HOLD", 0.05)


def test_counts__of_a_writer__follow_its_transactions() -> None:
    node = GethNode()
    lanes = lanes_of(node, "one")
    with ThreadPoolExecutor() as pool:
        future = pool.submit(lanes.fly, [note("a"), note("b")])
        until(lambda: len(node.pool) == 2)
        assert (lanes.waiting, lanes.counts.signed, lanes.counts.mined) == (2, 2, 0)
        node.forget()
        until(lambda: lanes.counts.resent >= 2 and len(node.pool) == 2)
        node.mine()
        future.result()
    assert (lanes.waiting, lanes.counts.mined, lanes.counts.replaced, lanes.counts.held) == (0, 2, 0, 0)


def test_counts__full_pool__are_told() -> None:
    node = GethNode(limit=1)
    lanes = lanes_of(node, "one")
    with ThreadPoolExecutor() as pool:
        future = pool.submit(lanes.fly, [note("a"), note("b")])
        until(lambda: lanes.counts.held >= 1)
        while not future.done():
            node.mine()
            time.sleep(0.01)
    assert lanes.counts.mined == 2


def test_standing__of_a_list__follows_what_nodes_do(chain: Chain) -> None:
    assert chain.used() == "one"
    assert chain.rpc.standing == Standing(3, 3, 1)
    chain.away = {"one"}
    assert chain.used() == "two"
    assert chain.rpc.standing == Standing(3, 2, 2)
    chain.away, chain.heads["three"] = set(), 900
    chain.later(20.0)
    assert chain.used() == "one"
    assert chain.rpc.standing == Standing(3, 2, 1)
    chain.heads["three"] = 1000
    chain.later(20.0)
    assert chain.used() == "one"
    assert chain.rpc.standing == Standing(3, 3, 1)
