"""Lanes against a pool with geth's words: back-pressure, full and forgetful pools, forks, a node that lags."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from salus.adapters.chain import lane as lane_module
from salus.adapters.chain import lanes as lanes_module
from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.lane import Flight
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Prepared, Simulator
from salus.adapters.chain.transactions import Transaction
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import Address
from tests.unit.adapters.chain.geth_node import CHAIN_ID, GethNode

NOWHERE = Address("0x00000000000000000000000000000000000000F1")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "_FIRST_STALL", 0.05)
    monkeypatch.setattr(lane_module, "_DOUBT", 0.02)
    monkeypatch.setattr(lane_module, "_WATCH", 0.05)
    monkeypatch.setattr(lanes_module, "_POLL_SECONDS", 0.005)
    monkeypatch.setattr(lanes_module, "_RECEIPTS_SECONDS", 0.02)
    monkeypatch.setattr(lanes_module, "_FIRST_HOLD", 0.1)


class Balanced(GethNode):
    """Two nodes behind one address, by turns: whoever asks for receipts alone gets the one that is far behind."""

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if not self.lags or not isinstance(body, list) or body[0]["method"] != "eth_getTransactionReceipt":
            return httpx.Response(200, json=_each(body, lambda one: self._answer(one, self.blocks)))
        return httpx.Response(200, json=_each(body, lambda one: self._answer(one, self.blocks[:1])))


def _each(body: Any, answer: Callable[[Any], Any]) -> Any:
    return [answer(one) for one in body] if isinstance(body, list) else answer(body)


@pytest.fixture
def node() -> GethNode:
    return GethNode()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=64) as running:
        yield running


def signer(name: str) -> LocalSigner:
    return LocalSigner(keccak(name.encode()))


def lanes_of(node: GethNode, *names: str, patience: float = 30) -> Lanes:
    rpc = Rpc("http://node.test", transport=node.transport)
    return Lanes(rpc, Blocks(rpc), None, Simulator(rpc, None, reverts()), [signer(n) for n in names], patience=patience)


def note(text: str) -> Prepared:
    return Prepared(NOWHERE, text.encode())


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.002)


def mining_until_done(node: GethNode, futures: list[Future[list[Flight]]], most: int = 1_000) -> list[Flight]:
    while not all(future.done() for future in futures):
        node.mine(most)
        time.sleep(0.01)
    return [flight for future in futures for flight in future.result()]


def assert_mined_once(node: GethNode, flights: list[Flight]) -> None:
    counts = Counter(tx_hash for _, _, tx_hash in node.mined())
    assert counts == Counter(flight.raw.hash for flight in flights)
    assert set(counts.values()) == {1}


def test_fly__more_callers_than_room__wait_and_are_all_mined_once(
    node: GethNode, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MOST_IN_FLIGHT", 4)
    lanes = lanes_of(node, "one")
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(40)]
    until(lambda: len(node.pool) == 4)
    assert_mined_once(node, mining_until_done(node, futures))
    assert node.fullest == 4


def test_in_pool__what_a_process_before_left_there__is_counted_until_it_is_mined(
    node: GethNode, pool: ThreadPoolExecutor
) -> None:
    before = [pool.submit(lanes_of(node, name).fly, [note(name), note("more")]) for name in ("one", "two")]
    until(lambda: len(node.pool) == 4)
    assert lanes_of(node, "one", "two").in_pool() == 4
    assert lanes_of(node, "one").in_pool() == 2
    assert lanes_of(node, "three").in_pool() == 0
    mining_until_done(node, before)
    assert lanes_of(node, "one", "two").in_pool() == 0


def test_fly__several_lanes__share_the_bound_of_their_writer(
    node: GethNode, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MOST_IN_FLIGHT", 4)
    monkeypatch.setattr(lanes_module, "MOST_IN_FLIGHT", 6)
    lanes = lanes_of(node, "one", "two")
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(30)]
    until(lambda: len(node.pool) == 6)
    assert_mined_once(node, mining_until_done(node, futures))
    assert node.fullest == 6


def test_fly__more_calls_than_room__goes_in_order_by_and_by(
    node: GethNode, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MOST_IN_FLIGHT", 4)
    future = pool.submit(lanes_of(node, "one").fly, [note(f"{index}") for index in range(10)])
    flights = mining_until_done(node, [future])
    assert [flight.raw.nonce for flight in flights] == list(range(10))
    assert [flight.call.data for flight in flights] == [b"%d" % index for index in range(10)]
    assert_mined_once(node, flights)


def test_fly__no_room_in_time__is_unavailable_and_sends_nothing(
    node: GethNode, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MOST_IN_FLIGHT", 1)
    lanes = lanes_of(node, "one", patience=0.3)
    first = pool.submit(lanes.fly, [note("first")])
    until(lambda: len(node.pool) == 1)
    with pytest.raises(UnavailableError, match="too many transactions"):
        lanes.fly([note("second")])
    with pytest.raises(UnavailableError, match="may still be"):
        first.result()
    assert len(node.sends) == 1


def test_fly__full_pool__is_left_alone_for_a_while_and_all_are_mined_once(pool: ThreadPoolExecutor) -> None:
    node = GethNode(limit=5)
    lanes = lanes_of(node, "one", "two", "three")
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(30)]
    until(lambda: len(node.pool) == 5)
    assert_mined_once(node, mining_until_done(node, futures, most=3))


def test_fly__full_pool__is_not_flooded(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "_FIRST_HOLD", 60.0)
    monkeypatch.setattr(lane_module, "_FIRST_STALL", 60.0)
    node = GethNode(limit=1)
    lanes = lanes_of(node, "one", patience=0.5)
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(2)]
    until(lambda: sum(node.sends.values()) >= 2)
    before = sum(node.sends.values())
    futures += [pool.submit(lanes.fly, [note(f"late {index}")]) for index in range(8)]
    for future in futures:
        with pytest.raises(UnavailableError, match="txpool is full"):
            future.result()
    assert sum(node.sends.values()) == before


def test_fly__pool_that_forgets__gets_the_same_bytes_again(node: GethNode, pool: ThreadPoolExecutor) -> None:
    future = pool.submit(lanes_of(node, "one").fly, [note("a"), note("b"), note("c")])
    until(lambda: len(node.pool) == 3)
    sent = set(node.sends)
    node.forget()
    until(lambda: len(node.pool) == 3)
    flights = mining_until_done(node, [future])
    assert {flight.raw.hash for flight in flights} == sent
    assert_mined_once(node, flights)


def test_fly__sent_again_though_it_is_there__is_no_trouble(node: GethNode, pool: ThreadPoolExecutor) -> None:
    lanes = lanes_of(node, "one", patience=0.5)
    future = pool.submit(lanes.fly, [note("a")])
    until(lambda: sum(node.sends.values()) >= 2)
    with pytest.raises(UnavailableError) as caught:
        future.result()
    assert "trouble" not in str(caught.value)


def test_fly__nonce_waits_in_the_pool_under_other_bytes__is_sent_anew_once_those_are_mined(
    node: GethNode, pool: ThreadPoolExecutor
) -> None:
    lanes = lanes_of(node, "one")
    lanes._lanes[0].next_nonce = 0
    foreign = Transaction(0, 60_000, NOWHERE, b"of an earlier process").signed(signer("one"), CHAIN_ID)
    lanes._rpc.call("eth_sendRawTransaction", "0x" + foreign.raw.hex())
    future = pool.submit(lanes.fly, [note("mine")])
    until(lambda: len(node.sends) == 2)
    [flight] = mining_until_done(node, [future])
    assert flight.raw.nonce == 1
    assert [tx_hash for _, _, tx_hash in node.mined()] == [foreign.hash, flight.raw.hash]


def test_fly__fork_took_back_what_was_mined__is_sent_again_before_the_next(
    node: GethNode, pool: ThreadPoolExecutor
) -> None:
    lanes = lanes_of(node, "one")
    early = mining_until_done(node, [pool.submit(lanes.fly, [note("a"), note("b")])])
    node.take_back(len(node.blocks) - 1)
    assert node.mined() == []
    late = mining_until_done(node, [pool.submit(lanes.fly, [note("c")])])
    assert [nonce for _, nonce, _ in node.mined()] == [0, 1, 2]
    assert_mined_once(node, [*early, *late])


def test_fly__fork_took_back_what_a_quiet_lane_sent__is_sent_again_while_another_flies(
    node: GethNode, pool: ThreadPoolExecutor
) -> None:
    lanes = lanes_of(node, "one", "two")
    early = mining_until_done(node, [pool.submit(lanes.fly, [note("a")])])
    node.take_back(len(node.blocks) - 1)
    future = pool.submit(lanes.fly, [note("b")])
    until(lambda: len(node.pool) == 2)
    late = mining_until_done(node, [future])
    assert early[0].lane is not late[0].lane
    assert_mined_once(node, [*early, *late])


def test_fly__node_that_mostly_lags__doubles_nothing(node: GethNode, pool: ThreadPoolExecutor) -> None:
    node.lags = True
    lanes = lanes_of(node, "one", "two")
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(60)]
    assert_mined_once(node, mining_until_done(node, futures, most=7))


def test_fly__hundreds_mined_at_once_and_receipts_asked_of_a_node_that_lags__are_mined_once(
    pool: ThreadPoolExecutor,
) -> None:
    node = Balanced()
    lanes = lanes_of(node, "one")
    future = pool.submit(lanes.fly, [note(f"{index}") for index in range(256)])
    until(lambda: len(node.pool) == 256)
    node.mine()
    node.lags = True
    assert_mined_once(node, mining_until_done(node, [future], most=0))
    assert (lanes.counts.mined, lanes.counts.replaced) == (256, 0)
