"""Lanes on a real Anvil: many senders at once, and everything that can happen to a transaction after it was signed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.lane import Flight
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Prepared, Simulator
from salus.adapters.chain.transactions import Transaction
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import ChainRevert, InputError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import Address, subject_ref
from salus.core.ports import ContractCall
from salus.flows.bind import retain_call, sign_binding
from salus.flows.grant import revoke_all_call
from tests.integration.world import ChainWorld, account

NOWHERE = Address("0x00000000000000000000000000000000000000F1")


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A chain without contracts that makes a block only when told to."""
    with Anvil(AnvilSettings(free_port(), tmp_path / "state.json", block_seconds=None)) as running:
        yield running


def bare_lanes(rpc: Rpc, *signers: LocalSigner, patience: float = 60) -> Lanes:
    return Lanes(rpc, Blocks(rpc), None, Simulator(rpc, None, reverts()), signers, patience=patience)


def note(text: str) -> Prepared:
    """A transaction that anybody can send any number of times."""
    return Prepared(NOWHERE, text.encode())


def choices(chain: ChainWorld, name: str, nonces: tuple[int, ...]) -> list[ContractCall]:
    """Calls of one patient that have to come in the order of their nonces: retention for 1, 2, 3 years."""
    source, seed, controller = chain.party("hospital-b"), os.urandom(32), account(name)
    domain, until_ = chain.reader.domain("SubjectRegistry"), chain.reader.head().timestamp + 600
    subject = subject_ref(chain.reader.chain_id, source.participant, seed)
    signature = sign_binding(controller, subject, source.participant, until_, domain)
    binding = (subject, source.participant, controller.address, until_)
    source.writer.send(ContractCall("SubjectRegistry", "bind", (binding, seed, signature)))
    return [retain_call(controller, subject, 1 + place, nonce, until_, domain) for place, nonce in enumerate(nonces)]


def mined(rpc: Rpc, flight: Flight) -> bool:
    return rpc.call("eth_getTransactionReceipt", "0x" + flight.raw.hash.hex()) is not None


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


def pooled(rpc: Rpc) -> int:
    status = rpc.call("txpool_status")
    return int(status["pending"], 16) + int(status["queued"], 16)


def mining_until_done(rpc: Rpc, *futures: Future[list[Flight]]) -> list[Flight]:
    """Flights of several senders, with a block every now and then."""
    while not all(future.done() for future in futures):
        rpc.call("evm_mine")
        time.sleep(0.1)
    return [flight for future in futures for flight in future.result()]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=8) as running:
        yield running


def test_lanes__two_hundred_concurrent_sends__are_all_mined_once(chain: ChainWorld) -> None:
    writer = chain.chain.writer([account(f"lane-{index}") for index in range(4)])
    holders = [LocalSigner(keccak(f"many-{index}".encode())) for index in range(200)]
    domain = chain.reader.domain("ConsentRegistry")
    with ThreadPoolExecutor(max_workers=200) as many:
        receipts = list(many.map(lambda holder: writer.send(revoke_all_call(holder, 0, domain)), holders))
    assert len({receipt.tx_hash for receipt in receipts}) == 200
    assert {receipt.event("ConsentsRevoked").args["holder"] for receipt in receipts} == {h.address for h in holders}
    counts = [chain.chain.rpc.call("eth_getTransactionCount", lane, "latest") for lane in writer.addresses]
    assert sum(int(count, 16) for count in counts) == 200


def test_lanes__send_many__mines_in_order_and_waits_only_for_what_depends(chain: ChainWorld) -> None:
    receipts = chain.relay.send_many(choices(chain, "dependent", (0, 1, 2)))
    assert [receipt.event("RetentionSet").args["retentionYears"] for receipt in receipts] == [1, 2, 3]


def test_lanes__refused_call__raises_the_contracts_error_and_sends_nothing(chain: ChainWorld) -> None:
    before = [chain.chain.rpc.call("eth_getTransactionCount", lane, "latest") for lane in chain.relay.addresses]
    with pytest.raises(ChainRevert) as caught:
        chain.relay.send(ContractCall("Council", "approve", (bytes(32),)))
    assert caught.value.error == "CouncilNotMember"
    assert caught.value.args_by_name["account"] in chain.relay.addresses
    after = [chain.chain.rpc.call("eth_getTransactionCount", lane, "latest") for lane in chain.relay.addresses]
    assert before == after


def test_lanes__refused_call_in_the_middle__mines_those_before(chain: ChainWorld) -> None:
    calls = choices(chain, "middle", (0, 5, 1))
    with pytest.raises(ChainRevert) as caught:
        chain.relay.send_many(calls)
    assert caught.value.error == "SubjectRegistryWrongNonce"
    with pytest.raises(ChainRevert):
        chain.relay.send(calls[0])
    assert chain.relay.send(calls[2]).event("RetentionSet").args["retentionYears"] == 3


def test_lanes__same_call_from_two_lanes_at_once__one_is_mined_and_one_reverts(chain: ChainWorld) -> None:
    rpc = chain.chain.rpc
    writers = [chain.chain.writer([account(f"twin-{index}")]) for index in range(2)]
    call = revoke_all_call(account("twins"), 0, chain.reader.domain("ConsentRegistry"))
    rpc.call("evm_setIntervalMining", 0)
    try:
        with ThreadPoolExecutor(max_workers=2) as two:
            sent = [two.submit(writer.send, call) for writer in writers]
            until(lambda: pooled(rpc) == 2)
            rpc.call("evm_setIntervalMining", 1)
            failures = [future.exception() for future in sent]
    finally:
        rpc.call("evm_setIntervalMining", 1)
    assert [type(failure) for failure in failures if failure] == [ChainRevert]


def test_lanes__unknown_contract_or_wrong_arguments__is_an_input_error(chain: ChainWorld) -> None:
    for call in (
        ContractCall(NOWHERE, "approve", ()),
        ContractCall("Council", "abdicate", ()),
        ContractCall("Council", "approve", (b"short",)),
        ContractCall("Council", "approve", ()),
    ):
        with pytest.raises(InputError):
            chain.relay.send(call)


def test_lanes__dropped_transaction__is_sent_again_as_the_same_bytes(anvil: Anvil, pool: ThreadPoolExecutor) -> None:
    rpc = Rpc(anvil.url)
    future = pool.submit(bare_lanes(rpc, account("dropped")).fly, [note("a"), note("b")])
    until(lambda: pooled(rpc) == 2)
    [entries] = rpc.call("txpool_content")["pending"].values()
    dropped = [entries[nonce]["hash"] for nonce in ("0", "1")]
    for tx in dropped:
        rpc.call("anvil_dropTransaction", tx)
    assert pooled(rpc) == 0
    flights = mining_until_done(rpc, future)
    assert ["0x" + flight.raw.hash.hex() for flight in flights] == dropped


def test_lanes__node_restarted_without_its_pool__are_mined(anvil: Anvil, pool: ThreadPoolExecutor) -> None:
    rpc = Rpc(anvil.url)
    lanes = bare_lanes(rpc, account("one"), account("two"))
    first = pool.submit(lanes.fly, [note("a"), note("b")])
    second = pool.submit(lanes.fly, [note("c")])
    until(lambda: pooled(rpc) == 3)
    anvil.stop()
    time.sleep(0.3)
    anvil.start()
    assert pooled(rpc) == 0
    flights = mining_until_done(rpc, first, second)
    assert all(mined(rpc, flight) for flight in flights)


def test_lanes__chain_that_lost_blocks__gets_the_lost_transactions_again(
    anvil: Anvil, pool: ThreadPoolExecutor
) -> None:
    rpc = Rpc(anvil.url)
    lanes = bare_lanes(rpc, account("lost"))
    snapshot = rpc.call("evm_snapshot")
    early = mining_until_done(rpc, pool.submit(lanes.fly, [note("a"), note("b")]))
    rpc.call("evm_revert", snapshot)
    assert not mined(rpc, early[0])
    late = mining_until_done(rpc, pool.submit(lanes.fly, [note("c")]))
    assert all(mined(rpc, flight) for flight in [*early, *late])
    assert [flight.raw.nonce for flight in [*early, *late]] == [0, 1, 2]


def test_lanes__nonce_used_by_somebody_else__goes_on_with_the_next(anvil: Anvil, pool: ThreadPoolExecutor) -> None:
    rpc = Rpc(anvil.url)
    signer = account("shared")
    future = pool.submit(bare_lanes(rpc, signer).fly, [note("mine")])
    until(lambda: pooled(rpc) == 1)
    rpc.call("anvil_dropAllTransactions")
    foreign = Transaction(0, 100_000, NOWHERE, b"theirs").signed(signer, 31337)
    rpc.call("eth_sendRawTransaction", "0x" + foreign.raw.hex())
    [flight] = mining_until_done(rpc, future)
    assert flight.raw.nonce == 1
    assert rpc.call("eth_getTransactionByHash", "0x" + flight.raw.hash.hex())["input"] == "0x" + b"mine".hex()


def test_lanes__hole_left_by_an_earlier_process__is_filled_with_nothing(anvil: Anvil, pool: ThreadPoolExecutor) -> None:
    rpc = Rpc(anvil.url)
    signer = account("hole")
    with pytest.raises(UnavailableError, match="may still be"):
        bare_lanes(rpc, signer, patience=0.3).fly([note("forgotten")])
    future = pool.submit(bare_lanes(rpc, signer).fly, [note("second")])
    until(lambda: pooled(rpc) == 2)
    rpc.call("anvil_dropAllTransactions")
    [flight] = mining_until_done(rpc, future)
    assert flight.raw.nonce == 1
    assert int(rpc.call("eth_getTransactionCount", signer.address, "latest"), 16) == 2


def test_lanes__more_senders_than_lanes__hand_the_driving_over(anvil: Anvil, pool: ThreadPoolExecutor) -> None:
    rpc = Rpc(anvil.url)
    lanes = bare_lanes(rpc, account("drive"))
    futures = [pool.submit(lanes.fly, [note(f"{index}")]) for index in range(8)]
    flights = mining_until_done(rpc, *futures)
    assert sorted(flight.raw.nonce for flight in flights) == list(range(8))
    assert threading.active_count() < 30


def test_lanes__node_away__is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        bare_lanes(Rpc(f"http://127.0.0.1:{free_port()}"), account("away"))


def test_lanes__node_away_after_signing__is_unavailable_after_its_patience(anvil: Anvil) -> None:
    lanes = bare_lanes(Rpc(anvil.url), account("cut"), patience=1.0)
    timer = threading.Timer(0.3, anvil.kill)
    timer.start()
    with pytest.raises(UnavailableError):
        lanes.fly([note("a")])
    timer.join()
