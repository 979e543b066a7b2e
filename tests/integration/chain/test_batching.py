"""Requests sent together on a real chain: few transactions, each caller its own outcome, a node killed in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.core.access import Access
from salus.core.codes import Code
from salus.core.errors import ChainRevert
from salus.core.ids import AccessId
from salus.core.outcome import Recorded
from salus.core.ports import ChainEvent
from salus.core.refusals import Refusal
from salus.flows.batching import BatchingLedger
from salus.flows.ledger import Gateway
from tests.integration.asking import Asked, asked
from tests.integration.world import ChainWorld, account, build

TOGETHER = 50


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=TOGETHER) as running:
        yield running


@dataclass
class Desk:
    """Hospital A's ledger over a relay account of its own, and what it asks for."""

    world: ChainWorld
    ledger: BatchingLedger
    pool: ThreadPoolExecutor
    first_block: int

    def ask(self, one: Asked, access: Access) -> Future[Recorded]:
        return self.pool.submit(self.ledger.record, access, one.package)

    def events(self, *names: str) -> list[ChainEvent]:
        """Events since the desk opened."""
        reader = self.world.reader
        return [one for one in reader.events(self.first_block, reader.head().number) if one.name in names]

    def id_of(self, access: Access) -> AccessId:
        return access.access_id(self.world.reader.domain("AccessGateway"))


def desk_of(world: ChainWorld, pool: ThreadPoolExecutor, name: str, most: int = TOGETHER) -> Desk:
    relay = world.chain.writer([account(name)])
    gateway = Gateway(world.reader, relay, time.sleep)
    ledger = BatchingLedger(world.reader, gateway, world.party("hospital-a").operator, 0.25, most)
    return Desk(world, ledger, pool, world.reader.head().number + 1)


def assert_recorded_once(desk: Desk, accesses: list[Access]) -> None:
    entries = [event.args["accessId"] for event in desk.events("AccessGranted", "AccessDenied")]
    assert sorted(entries) == sorted(desk.id_of(access) for access in accesses)


def test_fifty_at_once__are_few_transactions_and_each_has_its_outcome(
    chain: ChainWorld, pool: ThreadPoolExecutor
) -> None:
    wanted = asked(chain.reader, chain.party("hospital-a"), chain.relay, TOGETHER)
    desk = desk_of(chain, pool, "batching-fifty")
    good, late, foreign, strict = wanted[:-3], wanted[-3], wanted[-2], wanted[-1]
    bad = {
        Refusal.DEADLINE_PASSED: (late, replace(late.access, deadline=1)),
        Refusal.OTHER_PARTICIPANT: (
            foreign,
            replace(foreign.access, participant=chain.party("institute").participant),
        ),
    }
    denied = replace(strict.access, categories=strict.access.categories << 1)
    futures = [desk.ask(one, one.access) for one in good]
    refused = {refusal: desk.ask(one, access) for refusal, (one, access) in bad.items()}
    no = desk.ask(strict, denied)
    for refusal, future in refused.items():
        with pytest.raises(ChainRevert, match=refusal.name):
            future.result()
    assert no.result().code is Code.CATEGORY_NOT_ALLOWED
    assert {future.result().code for future in futures} == {Code.GRANTED}
    assert_recorded_once(desk, [denied, *(one.access for one in good)])
    granted = desk.events("AccessGranted")
    assert {event.args["operator"] for event in granted} == {chain.party("hospital-a").operator.address}
    assert len({event.tx_hash for event in granted}) <= 6


def test_more_gas_than_a_block__is_split_and_all_are_recorded(pool: ThreadPoolExecutor) -> None:
    with Anvil(AnvilSettings(free_port(), gas_limit=12_000_000)) as anvil:
        with anvil.instant():
            world = build(anvil)
            wanted = asked(world.reader, world.party("hospital-a"), world.relay, TOGETHER)
        world.chain.rpc.call("evm_setBlockGasLimit", hex(1_000_000))
        world.chain.rpc.call("evm_mine")
        desk = desk_of(world, pool, "batching-split")
        futures = [desk.ask(one, one.access) for one in wanted]
        assert {future.result().code for future in futures} == {Code.GRANTED}
        assert_recorded_once(desk, [one.access for one in wanted])
        world.chain.close()


def test_node_killed_in_between__all_are_recorded_once(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with Anvil(AnvilSettings(free_port(), tmp_path / "state.json")) as anvil:
        with anvil.instant():
            world = build(anvil)
            wanted = asked(world.reader, world.party("hospital-a"), world.relay, TOGETHER)
        time.sleep(2.5)  # Anvil writes its state every second: what was before the kill stays
        desk = desk_of(world, pool, "batching-killed", most=10)
        world.chain.rpc.call("evm_setIntervalMining", 0)
        futures = [desk.ask(one, one.access) for one in wanted]
        while int(world.chain.rpc.call("txpool_status")["pending"], 16) < 1:
            time.sleep(0.02)
        anvil.kill()
        anvil.start()
        assert {future.result().code for future in futures} == {Code.GRANTED}
        assert_recorded_once(desk, [one.access for one in wanted])
        world.chain.close()


def test_alone__is_one_transaction_of_the_relay(chain: ChainWorld, pool: ThreadPoolExecutor) -> None:
    [one] = asked(chain.reader, chain.party("hospital-a"), chain.relay, 1)
    desk = desk_of(chain, pool, "batching-alone")
    assert desk.ledger.record(one.access, one.package).code is Code.GRANTED
    [event] = desk.events("AccessGranted")
    sent = chain.chain.rpc.call("eth_getTransactionByHash", "0x" + event.tx_hash.hex())
    assert sent["from"] == account("batching-alone").address.lower()
