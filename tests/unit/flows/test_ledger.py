from dataclasses import replace

import pytest

from salus.adapters.memory import MemorySigner
from salus.core.access import EMERGENCY_SESSION_SECONDS, AccessKind
from salus.core.codes import Code
from salus.core.errors import ChainRevert, InputError, RefusedError, UnavailableError
from salus.core.labels import Action, Purpose, Topic
from salus.core.state import Denial
from salus.flows.emergency import SecondedCaller
from salus.flows.ledger import Gateway, OperatorLedger, record_own
from salus.flows.open import AccessDeniedError, Ask, Opened, open_without_consent
from tests.unit.flows.world import DOCTOR, Patient, World, texts

URGENT = Ask(Purpose.BTG, Action.ACCESS, DOCTOR)


def _open_urgently(world: World, patient: Patient, second: str = "reader second", ask: Ask = URGENT) -> Opened:
    reading = world.reading()
    caller = SecondedCaller(
        reading.caller.signer, reading.caller.domain, world.clock, world.random, MemorySigner.named(second)
    )
    ledger = OperatorLedger(
        world.chain,
        Gateway(world.chain, world.writer(), lambda _: None),
        MemorySigner.named("reader"),
        MemorySigner.named(second),
    )
    reading = replace(reading, caller=caller, ledger=ledger)
    return open_without_consent(AccessKind.EMERGENCY, world.reader, patient.subject, world.custodians, ask, reading)


def test_emergency__two_operators__all_records_without_a_consent_for_four_hours(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"), world.seal(patient, "hiv", level=5, topics=Topic.HIV))
    opened = _open_urgently(world, patient)
    assert texts(opened) == {"glucose", "hiv"}
    assert opened.expires_at == world.clock.now() + EMERGENCY_SESSION_SECONDS


def test_emergency__overridable_denial__overridden(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.chain.set_denial(patient.subject, world.reader, Denial.OVERRIDABLE)
    assert texts(_open_urgently(world, patient)) == {"glucose"}


@pytest.mark.parametrize(("what", "code"), [("frozen", Code.SUBJECT_FROZEN), ("denied", Code.SUBJECT_DENIES)])
def test_emergency__frozen_or_denied_absolutely__refused(world: World, patient: Patient, what: str, code: Code) -> None:
    world.publish(world.seal(patient, "glucose"))
    if what == "frozen":
        world.chain.set_frozen(patient.subject, frozen=True)
    else:
        world.chain.set_denial(patient.subject, world.reader, Denial.ABSOLUTE)
    with pytest.raises(RefusedError) as caught:
        _open_urgently(world, patient)
    assert caught.value.code is code


@pytest.mark.parametrize("second", ["reader", "source", "nobody"])
def test_emergency__second_operator_is_the_first_or_of_another_house__refused(
    world: World, patient: Patient, second: str
) -> None:
    world.publish(world.seal(patient, "glucose"))
    with pytest.raises(RefusedError) as caught:
        _open_urgently(world, patient, second)
    assert caught.value.code is Code.NOT_OPERATOR


def test_emergency__purpose_of_a_consent__denied_on_chain(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    with pytest.raises(AccessDeniedError) as caught:
        _open_urgently(world, patient, ask=replace(URGENT, purpose=Purpose.TREAT))
    assert caught.value.code is Code.NOT_QUALIFIED


def test_ledger__consent_kind_without_a_package__refused(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    access = world.open(world.consent(patient)).access
    ledger = OperatorLedger(world.chain, Gateway(world.chain, world.writer(), lambda _: None))
    with pytest.raises(InputError):
        ledger.record(access, None)


def test_ledger__emergency_with_one_operator__refused(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    access = _open_urgently(world, patient).access
    ledger = OperatorLedger(
        world.chain, Gateway(world.chain, world.writer(), lambda _: None), MemorySigner.named("reader")
    )
    with pytest.raises(InputError):
        ledger.record(access, None)


def test_record_own__another_kind__refused(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    access = world.open(world.consent(patient)).access
    with pytest.raises(InputError):
        record_own(access, b"\x00" * 65, Gateway(world.chain, world.writer(), lambda _: None))


def test_record_own__signed_by_a_stranger__reverts(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    access = world.open_own(patient).access
    stranger = MemorySigner.named("stranger")
    fresh = replace(access, salt=bytes(32))
    signature = stranger.sign(fresh.access_id(world.chain.domain("AccessGateway")))
    with pytest.raises(ChainRevert):
        record_own(fresh, signature, Gateway(world.chain, world.writer(), lambda _: None))


def test_gateway__block_never_final__unavailable(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    access = replace(world.open(package).access, salt=bytes(32))
    gateway = Gateway(world.chain, world.writer(), lambda _: None, patience=1)
    world.chain.hold_final()
    with pytest.raises(UnavailableError):
        OperatorLedger(world.chain, gateway).record(access, package)


def test_gateway__final_later__the_final_state_is_believed(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    access = replace(world.open(package).access, salt=bytes(32))
    world.chain.hold_final()
    gateway = Gateway(world.chain, world.writer(), lambda _: world.chain.release_final())
    recorded = OperatorLedger(world.chain, gateway).record(access, package)
    assert recorded.code is Code.GRANTED


def test_gateway__block_taken_back_before_it_was_final__unavailable(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    access = replace(world.open(package).access, salt=bytes(32))
    world.chain.hold_final()

    def reorganise(_: float) -> None:
        world.chain.fork(1)
        world.chain.release_final()

    with pytest.raises(UnavailableError):
        OperatorLedger(world.chain, Gateway(world.chain, world.writer(), reorganise)).record(access, package)
