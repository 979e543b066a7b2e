"""Requests sent together: who departs when, and that each caller gets the outcome of its own request."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import pytest

from salus.adapters.memory import MemorySigner
from salus.core import signatures
from salus.core.access import Access, AccessKind, access_from_words
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import ChainRevert, InputError, OversizeError, SignatureError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import ZERO_ADDRESS, ParticipantId
from salus.core.outcome import Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import ChainEvent, ContractCall, TxReceipt
from salus.core.refusals import Refusal
from salus.flows.batching import BatchingLedger
from salus.flows.ledger import Gateway
from tests.unit.flows.world import World

LONG = 30.0
"""Seconds nobody waits in these tests: a batch that departs only after them would hang."""


@dataclass
class Relay:
    """`ChainWriter` of a relay that knows requestMany. `gate` holds transactions back; `sizes` are of those mined."""

    world: World
    gate: Event = field(default_factory=Event)
    sizes: list[int] = field(default_factory=list)
    before: Callable[[ContractCall], None] = lambda _: None
    underway: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, call: ContractCall) -> TxReceipt:
        self.underway += 1
        assert self.gate.wait(LONG)
        self.before(call)
        [requests] = call.args
        assert call.function == "requestMany"
        if call.contract != self.world.chain.address_of("AccessGateway"):
            raise ChainRevert("AuditLogNotWriter")
        refused = [(place, self._deliver(*item)) for place, item in enumerate(requests)]
        self.sizes.append(len(requests))
        block = self.world.chain.advance()
        events = tuple(
            ChainEvent(
                "AccessGateway",
                self.world.chain.address_of("AccessGateway"),
                "RequestSkipped",
                {"index": place, "accessId": self._id(requests[place][1]), "refusal": int(refusal)},
                block.number,
                block.hash,
                bytes(32),
                place,
            )
            for place, refusal in refused
            if refusal is not None
        )
        return TxReceipt(bytes(32), block, 21_000, events)

    def send_many(self, calls: Any) -> list[TxReceipt]:
        return [self.send(call) for call in calls]

    def _id(self, words: Any) -> Any:
        return access_from_words(words).access_id(self.world.chain.domain("AccessGateway"))

    def _deliver(self, consent: Any, words: Any, signature: tuple[bytes, bytes]) -> Refusal | None:
        chain, access = self.world.chain, access_from_words(words)
        r, vs = signature
        whole = int.from_bytes(vs, "big")
        s, v = whole & ((1 << 255) - 1), 27 + (whole >> 255)
        try:
            signer = signatures.recover(self._id(words), r + s.to_bytes(32, "big") + bytes([v]))
        except SignatureError:
            return Refusal.NOT_OPERATOR
        if chain.operator_of(signer, chain.head()) != access.participant:
            return Refusal.OTHER_PARTICIPANT
        if chain.access(self._id(words), chain.head()).code:
            return Refusal.ACCESS_KNOWN
        try:
            self.world.contracts.functions["AccessGateway", "request"](consent, words)
        except ChainRevert:
            return Refusal.CONSENT_UNKNOWN
        return None


@dataclass
class Desk:
    """A reader's ledger over a relay, and accesses under one consent to ask for."""

    world: World
    relay: Relay
    package: ConsentPackage
    access: Access
    pool: ThreadPoolExecutor
    pause: Callable[[float], None] = lambda _: None
    made: int = 0

    def ledger(self, most: int = 50, seconds: float = LONG, gateway: type[Gateway] = Gateway) -> BatchingLedger:
        made = gateway(self.world.chain, self.relay, self.pause, patience=1)
        return BatchingLedger(self.world.chain, made, MemorySigner.named("reader"), seconds, most)

    def fresh(self, **changes: Any) -> Access:
        self.made += 1
        return replace(self.access, **{"salt": sha256(self.made.to_bytes(4, "big")), **changes})

    def ask(self, ledger: BatchingLedger, access: Access) -> Future[Recorded]:
        return self.pool.submit(ledger.record, access, self.package)

    def first_on_its_way(self, ledger: BatchingLedger) -> Future[Recorded]:
        """One request, held back, so that what comes next has to wait."""
        self.relay.gate.clear()
        first = self.ask(ledger, self.fresh())
        until(lambda: self.relay.underway == 1)
        return first

    def is_granted(self, access: Access) -> bool:
        access_id = access.access_id(self.world.chain.domain("AccessGateway"))
        return self.world.chain.access(access_id, self.world.chain.final()).code == Code.GRANTED


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    patient = world.patient("batching")
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    with ThreadPoolExecutor(max_workers=32) as pool:
        yield Desk(world, Relay(world), package, world.open(package).access, pool)


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.002)


def waiting(ledger: BatchingLedger) -> int:
    return len(ledger._waiting)


def test_record__alone__departs_at_once(desk: Desk) -> None:
    recorded = desk.ledger().record(desk.fresh(), desk.package)
    assert (recorded.code, desk.relay.sizes) == (Code.GRANTED, [1])
    assert recorded.gateway == desk.world.chain.domain("AccessGateway")
    assert recorded.expires_at > desk.world.clock.now()


def test_record__while_one_is_on_its_way__waits_for_company(desk: Desk) -> None:
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    accesses = [desk.fresh() for _ in range(20)]
    asked = [desk.ask(ledger, access) for access in accesses]
    until(lambda: waiting(ledger) == 20)
    desk.relay.gate.set()
    assert {future.result().code for future in [first, *asked]} == {Code.GRANTED}
    assert desk.relay.sizes == [1, 20]
    assert (ledger.batches, ledger.requests) == (2, 21)
    assert all(desk.is_granted(access) for access in accesses)


def test_record__as_many_as_fit__depart_without_waiting_longer(desk: Desk) -> None:
    ledger = desk.ledger(most=4)
    first = desk.first_on_its_way(ledger)
    asked = [desk.ask(ledger, desk.fresh()) for _ in range(10)]
    until(lambda: waiting(ledger) == 2 and desk.relay.underway == 3)
    desk.relay.gate.set()
    assert {future.result().code for future in [first, *asked]} == {Code.GRANTED}
    assert sorted(desk.relay.sizes) == [1, 2, 4, 4]


def test_record__waited_long_enough__departs_though_one_is_on_its_way(desk: Desk) -> None:
    ledger = desk.ledger(seconds=0.01)
    first = desk.first_on_its_way(ledger)
    second = desk.ask(ledger, desk.fresh())
    until(lambda: desk.relay.underway == 2)
    desk.relay.gate.set()
    assert first.result().code is second.result().code is Code.GRANTED


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"participant": ParticipantId(sha256(b"institute"))}, Refusal.OTHER_PARTICIPANT),
        ({"reference": bytes(32)}, Refusal.CONSENT_UNKNOWN),
    ],
)
def test_record__bad_item_among_good__is_refused_by_name_and_hurts_nobody(
    desk: Desk, change: dict[str, Any], refusal: Refusal
) -> None:
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    bad = desk.fresh(**change)
    asked = [desk.ask(ledger, access) for access in (desk.fresh(), bad, desk.fresh())]
    until(lambda: waiting(ledger) == 3)
    desk.relay.gate.set()
    with pytest.raises(ChainRevert, match=refusal.name) as caught:
        asked[1].result()
    assert caught.value.error == "AccessGatewayRefused"
    assert caught.value.args_by_name["accessId"] == bad.access_id(desk.world.chain.domain("AccessGateway"))
    assert {future.result().code for future in (first, asked[0], asked[2])} == {Code.GRANTED}


def test_record__denied_among_granted__each_has_its_code(desk: Desk) -> None:
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    denied = desk.ask(ledger, desk.fresh(level=5))
    granted = desk.ask(ledger, desk.fresh())
    until(lambda: waiting(ledger) == 2)
    desk.relay.gate.set()
    assert denied.result().code is Code.LEVEL_TOO_HIGH
    assert (first.result().code, granted.result().code) == (Code.GRANTED, Code.GRANTED)


def test_record__more_gas_than_a_block__is_split_until_it_fits(desk: Desk) -> None:
    def small_block(call: ContractCall) -> None:
        if len(call.args[0]) > 3:
            raise OversizeError("too much")

    desk.relay.before = small_block
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    asked = [desk.ask(ledger, desk.fresh()) for _ in range(9)]
    until(lambda: waiting(ledger) == 9)
    desk.relay.gate.set()
    assert {future.result().code for future in [first, *asked]} == {Code.GRANTED}
    assert desk.relay.sizes == [1, 2, 2, 2, 3]


def test_record__alone_more_gas_than_a_block__is_told_so(desk: Desk) -> None:
    def no_block(_: ContractCall) -> None:
        raise OversizeError("too much")

    desk.relay.before = no_block
    with pytest.raises(OversizeError):
        desk.ledger().record(desk.fresh(), desk.package)


def test_record__node_away__all_are_told_and_the_next_goes_on(desk: Desk) -> None:
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    asked = [desk.ask(ledger, desk.fresh()) for _ in range(3)]
    until(lambda: waiting(ledger) == 3)

    def away(_: ContractCall) -> None:
        raise UnavailableError("away")

    desk.relay.before = away
    desk.relay.gate.set()
    for future in [first, *asked]:
        with pytest.raises(UnavailableError, match="away"):
            future.result()
    desk.relay.before = lambda _: None
    assert ledger.record(desk.fresh(), desk.package).code is Code.GRANTED


def test_record__leader_fails_unforeseen__nobody_sleeps_on(desk: Desk) -> None:
    ledger = desk.ledger()
    first = desk.first_on_its_way(ledger)
    asked = [desk.ask(ledger, desk.fresh()) for _ in range(3)]
    until(lambda: waiting(ledger) == 3)

    def broken(call: ContractCall) -> None:
        if len(call.args[0]) == 3:
            raise RuntimeError("a fault of this program")

    desk.relay.before = broken
    desk.relay.gate.set()
    assert first.result().code is Code.GRANTED
    raised = [type(future.exception()) for future in asked]
    assert sorted(raised, key=str) == [RuntimeError, UnavailableError, UnavailableError]
    assert ledger.record(desk.fresh(), desk.package).code is Code.GRANTED


def test_record__gateway_retired_on_the_way__is_asked_of_the_next(desk: Desk) -> None:
    old = Domain("Salus AccessGateway", desk.world.chain.chain_id, ZERO_ADDRESS)
    shown: list[Domain] = [old]

    class Moving(Gateway):
        def present(self) -> Domain:
            return shown.pop() if shown else super().present()

    access = desk.fresh()
    recorded = desk.ledger(gateway=Moving).record(access, desk.package)
    assert recorded.gateway == desk.world.chain.domain("AccessGateway")
    assert desk.is_granted(access)


def test_record__block_taken_back__is_sent_again_and_recorded_once(desk: Desk) -> None:
    chain, forks = desk.world.chain, [1]
    chain.hold_final()

    def pause(_: float) -> None:
        if forks:
            chain.fork(2 * forks.pop())
        chain.release_final()

    desk.pause = pause
    access = desk.fresh()
    assert desk.ledger().record(access, desk.package).code is Code.GRANTED
    assert desk.is_granted(access)
    assert desk.relay.sizes == [1, 1]


def test_record__block_taken_back_twice__is_unavailable(desk: Desk) -> None:
    chain = desk.world.chain

    def take_back(_: ContractCall) -> None:
        chain.hold_final()

    def pause(_: float) -> None:
        chain.fork(2)
        chain.release_final()

    desk.relay.before, desk.pause = take_back, pause
    with pytest.raises(UnavailableError, match="twice"):
        desk.ledger().record(desk.fresh(), desk.package)
    assert desk.relay.sizes == [1, 1]


def test_record__known_already__has_the_outcome_that_is_on_chain(desk: Desk) -> None:
    ledger, access = desk.ledger(), desk.fresh()
    once, again = ledger.record(access, desk.package), ledger.record(access, desk.package)
    assert (again.code, again.expires_at) == (once.code, once.expires_at)


def test_record__never_final__is_unavailable(desk: Desk) -> None:
    desk.world.chain.hold_final()
    with pytest.raises(UnavailableError, match="final"):
        desk.ledger().record(desk.fresh(), desk.package)


@pytest.mark.parametrize("kind", [AccessKind.OWN, AccessKind.EMERGENCY])
def test_record__another_kind_or_no_consent__is_refused(desk: Desk, kind: AccessKind) -> None:
    with pytest.raises(InputError):
        desk.ledger().record(desk.fresh(kind=kind), desk.package)
    with pytest.raises(InputError):
        desk.ledger().record(desk.fresh(), None)
    assert desk.relay.sizes == []
