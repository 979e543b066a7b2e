"""Upgrade rehearsal: a second AccessGateway is switched in through the Council's delay while institutions go on asking.

Real parts: Anvil with one-second blocks, three custodian processes, the watch's follower and index, two institutions
that ask for accesses all the time through `salus.flows.ledger`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.box import Box
from api.proofs import Proofs
from api.requests import Request, Requests
from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.chain.abi import abi_of
from salus.adapters.chain.artifacts import load
from salus.adapters.chain.connect import connect_deployer
from salus.adapters.chain.rpc import RpcError
from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.memory.institution import MemoryRequests
from salus.core.access import Access
from salus.core.audit import EntryKind, LogHead
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import ChainRevert, SalusError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import Address, ConsentId
from salus.core.outcome import Recorded
from salus.core.ports import ChainWriter, ContractCall, TxReceipt
from salus.core.ports_index import AlertKind, EntryFilter, Page
from salus.core.receipt import verify_receipt
from salus.flows.council import Chamber, decide
from salus.flows.deploy import Deployed, Deployment, install_call
from salus.flows.ledger import Gateway, OperatorLedger
from tests.custody_stage import Case, Draft
from tests.integration.cli.chains import SETTINGS, failures
from tests.integration.custodian.conftest import ChainStage, SystemClock
from tests.integration.services import Grounds, start_all, stop_all
from tests.integration.world import ChainWorld, account, build
from watch.follow import Follower
from watch.metrics import Metrics

DELAY_SECONDS = 4
AFTER = 6
"""Accesses that each institution still gets through after the switch."""
MAX_USES = 100_000


@dataclass
class Traffic:
    """One institution's ward: asks under one consent, again and again, until it is told to stop."""

    case: Case
    ledger: OperatorLedger
    made: list[tuple[Access, Recorded]] = field(default_factory=list)
    error: SalusError | None = None

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                access = self.case.struct()
                self.made.append((access, self.ledger.record(access, self.case.package)))
        except SalusError as error:
            self.error = error

    def by(self, gateway: Address) -> list[tuple[Access, Recorded]]:
        """What one gateway recorded."""
        return [item for item in self.made if item[1].gateway.verifying_contract == gateway]


@dataclass
class Rehearsal:
    """What is left when the gateway was switched and the traffic has ended."""

    world: ChainWorld
    stage: ChainStage
    old: Domain
    new: Domain
    before: Case
    """Granted before the switch, not released yet."""
    again: Case
    """Granted and released before the switch."""
    traffic: list[Traffic]
    deployment: Deployment
    refused_early: ChainRevert

    @property
    def chamber(self) -> Chamber:
        """The Council; a block comes with every look, for a call is tried at the time of the newest one."""

        def pause(seconds: float) -> None:
            time.sleep(seconds)
            self.world.chain.rpc.call("evm_mine")

        return Chamber(self.world.chamber.board, self.world.chamber.members, pause)

    @property
    def made(self) -> list[tuple[Access, Recorded]]:
        return [item for ward in self.traffic for item in ward.made]


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    base = tmp_path_factory.mktemp("upgrade")
    with Anvil(AnvilSettings(free_port())) as anvil:
        with anvil.instant():
            world = build(anvil)
            decide([ContractCall("Council", "setDelay", (DELAY_SECONDS,))], bytes(32), world.chamber)
            stage = ChainStage(world, Grounds(world, base))
            try:
                stage.mine()
                start_all(stage.grounds.custodians, stage.mine)
                cases = [Case(stage, Draft(), Draft(), max_uses=MAX_USES) for _ in range(4)]
            except BaseException:
                _stop(stage)
                raise
        try:
            yield _rehearse(world, stage, cases)
        finally:
            _stop(stage)
            world.chain.close()


def forge(world: ChainWorld, gateway: Domain, access_id: bytes, recorded_at: int | None) -> None:
    """Write a granted access without end into a gateway's storage, or take it out again."""
    slot = "0x" + keccak(access_id + bytes(32)).hex()
    value = 0 if recorded_at is None else int(Code.GRANTED) | (1 << 40) << 16 | 1 << 80 | recorded_at << 96
    shown = "0x" + value.to_bytes(32, "big").hex()
    world.chain.rpc.call("anvil_setStorageAt", gateway.verifying_contract, slot, shown)
    world.chain.rpc.call("evm_mine")


def _stop(stage: ChainStage) -> None:
    stop_all(stage.grounds.custodians)
    stage.close()


def _rehearse(world: ChainWorld, stage: ChainStage, cases: list[Case]) -> Rehearsal:
    reader = world.reader
    before, again, *wards = cases
    old = reader.domain("AccessGateway")
    assert before.request() is Code.GRANTED
    assert again.request() is Code.GRANTED
    assert all(isinstance(outcome, dict) for outcome in again.release())

    stop = threading.Event()
    writer = world.party("hospital-a").writer
    traffic = [Traffic(case, OperatorLedger(reader, Gateway(reader, writer, time.sleep))) for case in wards]
    threads = [threading.Thread(target=ward.run, args=(stop,)) for ward in traffic]
    for thread in threads:
        thread.start()

    fresh = connect_deployer(world.anvil.url, [account("second deployer")])
    address = fresh.deploy("AccessGateway", [world.deployment.address("Council")])
    calls, salt = [install_call("AccessGateway", address)], keccak(b"the second gateway")
    hasty = Chamber(world.chamber.board, world.chamber.members, time.sleep, patience=0)
    with pytest.raises(UnavailableError) as early:
        decide(calls, salt, hasty)
    assert isinstance(early.value.__cause__, ChainRevert)
    assert decide(calls, salt, world.chamber) is not None

    deadline = time.monotonic() + 60
    while min(len(ward.by(address)) for ward in traffic) < AFTER and time.monotonic() < deadline:
        assert [ward.error for ward in traffic] == [None, None]
        time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join(30)
    newer = Deployed(address, keccak(load("AccessGateway").bytecode))
    return Rehearsal(
        world,
        stage,
        old,
        Domain(old.name, old.chain_id, address),
        before,
        again,
        traffic,
        world.deployment.with_contract("AccessGateway", newer),
        early.value.__cause__,
    )


@pytest.fixture
def index(tmp_path: Path) -> Iterator[DatabaseIndex]:
    engine = open_engine(f"sqlite:///{tmp_path}/index.db")
    migrate(engine, "index")
    yield DatabaseIndex(engine)
    engine.dispose()


def test_switch__before_the_delay_is_over__is_refused(rehearsal: Rehearsal) -> None:
    assert rehearsal.refused_early.error == "CouncilDelayed"


def test_traffic__while_the_gateway_is_switched__loses_no_access(rehearsal: Rehearsal) -> None:
    reader = rehearsal.world.reader
    assert [ward.error for ward in rehearsal.traffic] == [None, None]
    for ward in rehearsal.traffic:
        assert len(ward.by(rehearsal.old.verifying_contract)) > 0
        assert len(ward.by(rehearsal.new.verifying_contract)) >= AFTER
        spent = (
            MAX_USES
            - reader.consent(
                ward.case.patient.holder.address, ConsentId(ward.case.signed.consent_id), reader.head()
            ).uses_left
        )
        assert spent == len(ward.made), "each access spent one use, and nothing else did"
    assert {recorded.code for _, recorded in rehearsal.made} == {Code.GRANTED}


def test_accesses__of_both_gateways__are_readable_at_the_head(rehearsal: Rehearsal) -> None:
    reader = rehearsal.world.reader
    at = reader.head()
    assert reader.gateways(at) == (rehearsal.new, rehearsal.old)
    for access, recorded in rehearsal.made:
        state = reader.access(access.access_id(recorded.gateway), at)
        assert (state.code, state.expires_at) == (Code.GRANTED, recorded.expires_at)


def test_reader__at_a_block_before_the_switch__knows_one_gateway(rehearsal: Rehearsal) -> None:
    reader = rehearsal.world.reader
    first = rehearsal.traffic[0].made[0][1]
    assert reader.gateways(reader.block(first.block_number)) == (rehearsal.old,)


def test_log__of_the_whole_chain__has_each_access_once(rehearsal: Rehearsal) -> None:
    reader = rehearsal.world.reader
    asked = [access.access_id(recorded.gateway) for access, recorded in rehearsal.made]
    asked += [case.access_id for case in (rehearsal.before, rehearsal.again)]  # type: ignore[misc] # bytes are ids here
    events = reader.events(0, reader.head().number)
    logged = [e.args["referenceId"] for e in events if e.name == "Appended" and e.args["kind"] == 1]
    told = [e.args["accessId"] for e in events if e.name == "AccessGranted"]
    assert sorted(logged) == sorted(told) == sorted(asked)


def test_index__after_the_switch__goes_on_without_an_alert(rehearsal: Rehearsal, index: DatabaseIndex) -> None:
    reader = rehearsal.world.reader
    watch = Follower(reader, index, Metrics())
    watch.step()
    assert watch.status.reasons == ()
    alerts = {row.kind for row in index.alerts(open_only=False, page=Page(limit=1000)).items}
    assert alerts <= {AlertKind.EMERGENCY_OPENED}, alerts
    at = index.indexed()
    assert at is not None
    assert index.head(None) == LogHead.from_slot(reader.log_slot(None, at))
    for access, recorded in rehearsal.made:
        row = index.access(access.access_id(recorded.gateway))
        assert row is not None
        assert (row.code, row.expiry) == (recorded.code, recorded.expires_at)
    entries = index.entries(EntryFilter(kind=int(EntryKind.ACCESS_GRANTED)), Page(limit=1000)).items
    assert {entry.emitter for entry in entries} == {
        rehearsal.old.verifying_contract,
        rehearsal.new.verifying_contract,
    }


@pytest.mark.parametrize("which", ["old", "new"])
def test_receipt__of_an_access_of_either_gateway__holds_offline(
    rehearsal: Rehearsal, index: DatabaseIndex, which: str
) -> None:
    world, ward = rehearsal.world, rehearsal.traffic[1]
    Follower(world.reader, index, Metrics()).step()
    domain: Domain = getattr(rehearsal, which)
    access, recorded = ward.by(domain.verifying_contract)[0]
    access_id = access.access_id(recorded.gateway)
    clock = SystemClock()
    requests = Requests(MemoryRequests(), Box(bytes(32), os.urandom), clock)
    requests.keep(access_id, Request(access, ward.case.package.consent, tuple(ward.case.leaves)))
    hospital = world.party("hospital-a")
    proofs = Proofs(hospital.participant, world.reader, index, requests, hospital.operator, clock, "dev")
    found = verify_receipt(canonical(proofs.access(access_id)))
    assert (found.kind, found.operator) == ("access", hospital.operator.address)


@pytest.mark.parametrize("which", ["before", "again"])
def test_access__granted_before_the_switch__is_released_after_it(rehearsal: Rehearsal, which: str) -> None:
    case: Case = getattr(rehearsal, which)
    assert case.gateway == rehearsal.old
    with rehearsal.world.anvil.instant():
        outcomes = case.release()
        for record in case.records:
            assert case.open(outcomes, record).record_id == record.leaf.record_id


def test_access__granted_after_the_switch__is_released(rehearsal: Rehearsal) -> None:
    with rehearsal.world.anvil.instant():
        case = Case(rehearsal.stage, Draft())
        assert case.request() is Code.GRANTED
        assert case.gateway == rehearsal.new
        outcomes = case.release()
        assert case.open(outcomes, case.records[0]).version == 1


def test_custodian__access_of_the_old_gateway_revoked_since__refuses_it(rehearsal: Rehearsal) -> None:
    with rehearsal.world.anvil.instant():
        case = rehearsal.traffic[0].case
        case.access, recorded = rehearsal.traffic[0].by(rehearsal.old.verifying_contract)[0]
        case.gateway = recorded.gateway
        assert all(isinstance(outcome, dict) for outcome in case.release())
        rehearsal.stage.revoke(case.patient, case.signed)
        assert case.release() == [Code.CONSENT_REVOKED] * 3


def test_retired_gateway__asked_again__records_nothing(rehearsal: Rehearsal) -> None:
    ward = rehearsal.traffic[1]
    access = ward.case.struct()
    words = (ward.case.package.consent.to_words(), access.to_words())
    writer = rehearsal.world.party("hospital-a").writer
    with pytest.raises(ChainRevert) as caught:
        writer.send(ContractCall(rehearsal.old.verifying_contract, "request", words))
    assert caught.value.error == "ConsentRegistryNotGateway"
    own = ward.case.struct(**ward.case.own())
    signature = ward.case.patient.controller.sign(own.access_id(rehearsal.old))
    with pytest.raises(ChainRevert) as caught:
        writer.send(ContractCall(rehearsal.old.verifying_contract, "requestOwn", (own.to_words(), signature)))
    assert caught.value.error == "AuditLogNotWriter"
    at = rehearsal.world.reader.head()
    assert rehearsal.world.reader.access(access.access_id(rehearsal.old), at).code == 0


@pytest.mark.parametrize(
    ("contract", "function", "args"),
    [
        ("AuditLog", "append", (bytes(32), 1, 1, bytes(32))),
        ("ConsentRegistry", "consume", (account("anybody").address, bytes(32), True)),
    ],
)
def test_retired_gateway__whatever_its_code__can_neither_append_nor_consume(
    rehearsal: Rehearsal, contract: str, function: str, args: tuple[object, ...]
) -> None:
    call = {
        "from": rehearsal.old.verifying_contract,
        "to": rehearsal.world.reader.address_of(contract),
        "data": "0x" + abi_of(contract).function(function).encode(args).hex(),
    }
    rpc = rehearsal.world.chain.rpc
    with pytest.raises(RpcError, match="revert"):
        rpc.call("eth_call", call, "latest")
    assert rpc.call("eth_call", {**call, "from": rehearsal.new.verifying_contract}, "latest") is not None


def test_retired_gateway__writes_its_storage_later__is_not_believed(rehearsal: Rehearsal) -> None:
    """Should a retired gateway's code write its own storage after all, its later accesses count for nothing."""
    world = rehearsal.world
    access_id = rehearsal.traffic[1].case.struct().access_id(rehearsal.old)

    def forged(recorded_at: int) -> int:
        with world.anvil.instant():
            forge(world, rehearsal.old, access_id, recorded_at)
        return world.reader.access(access_id, world.reader.head()).code

    assert forged(world.reader.head().timestamp) == 0
    first = rehearsal.traffic[0].made[0][1]
    assert forged(world.reader.block(first.block_number).timestamp) == Code.GRANTED, "the slot is the one that is read"
    forge(world, rehearsal.old, access_id, None)


def test_retired_gateway__wrote_an_endless_session__ends_after_the_longest_one(rehearsal: Rehearsal) -> None:
    """The gateway may have been replaced because it was wrong."""
    world, ward = rehearsal.world, rehearsal.traffic[1]
    case = ward.case
    case.access, case.gateway = case.struct(), rehearsal.old
    began = world.reader.block(ward.made[0][1].block_number).timestamp
    day = 86_400
    outcomes = []
    with world.anvil.instant():
        for recorded_at in (began, began - day):
            forge(world, rehearsal.old, case.access_id, recorded_at)
            outcomes.append(case.release())
        forge(world, rehearsal.old, case.access_id, None)
    assert all(isinstance(outcome, dict) for outcome in outcomes[0]), "younger than a day"
    assert outcomes[1] == [Code.ACCESS_EXPIRED] * 3


def test_deployment__after_the_switch__is_verified_with_the_new_gateway(rehearsal: Rehearsal) -> None:
    settings = {**SETTINGS, "councilDelaySeconds": DELAY_SECONDS}
    url = rehearsal.world.anvil.url
    assert failures(url, rehearsal.world.deployment, settings, rehearsal.deployment) == []
    [finding] = failures(url, rehearsal.world.deployment, settings)
    assert (finding.check, finding.contract) == ("file", "AccessGateway")


@dataclass
class SwitchedMeanwhile:
    """A writer under whose hands the gateway is replaced, after the request was made and before it is sent."""

    writer: ChainWriter
    switch: Callable[[], object] | None

    def send(self, call: ContractCall) -> TxReceipt:
        switch, self.switch = self.switch, None
        if switch is not None:
            switch()
        return self.writer.send(call)

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        return [self.send(call) for call in calls]


def test_request__on_its_way_when_the_gateway_is_replaced__is_asked_of_the_next_one(rehearsal: Rehearsal) -> None:
    """Comes last: it replaces the gateway once more."""
    world, ward = rehearsal.world, rehearsal.traffic[1]
    with world.anvil.instant():
        third = connect_deployer(world.anvil.url, [account("third deployer")])
        address = third.deploy("AccessGateway", [world.deployment.address("Council")])
        calls = [install_call("AccessGateway", address)]
        writer = SwitchedMeanwhile(
            world.party("hospital-a").writer, lambda: decide(calls, keccak(b"the third"), rehearsal.chamber)
        )
        access = ward.case.struct()
        recorded = OperatorLedger(world.reader, Gateway(world.reader, writer, time.sleep)).record(
            access, ward.case.package
        )
        assert (recorded.code, recorded.gateway.verifying_contract) == (Code.GRANTED, address)
        assert world.reader.access(access.access_id(recorded.gateway), world.reader.head()).code == Code.GRANTED
        assert world.reader.access(access.access_id(rehearsal.new), world.reader.head()).code == 0
