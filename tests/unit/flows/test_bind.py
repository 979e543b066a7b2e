import pytest

from salus.adapters.memory import MemorySigner
from salus.core import signatures
from salus.core.codes import Code
from salus.core.errors import ChainRevert, RefusedError
from salus.core.state import Denial
from salus.flows.bind import BINDING_TYPE, binding_values, deny_call, freeze_call, retain_call, sign_binding
from tests.unit.flows.world import Patient, World


def _later(world: World) -> int:
    return world.clock.now() + 600


def test_sign_binding__by_the_new_controller__over_what_the_registry_checks(world: World, patient: Patient) -> None:
    account, domain = MemorySigner.named("new account"), world.chain.domain("SubjectRegistry")
    signature = sign_binding(account, patient.subject, world.source, _later(world), domain)
    values = binding_values(patient.subject, world.source, account.address, _later(world))
    signatures.check(BINDING_TYPE.digest(domain, values), signature, account.address)


def test_freeze__by_the_controller__every_access_stops_and_resumes(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package, domain = world.consent(patient), world.chain.domain("SubjectRegistry")
    world.writer().send(freeze_call(patient.controller, patient.subject, 0, _later(world), domain, frozen=True))
    with pytest.raises(RefusedError) as caught:
        world.open(package)
    assert caught.value.code is Code.SUBJECT_FROZEN
    world.writer().send(freeze_call(patient.controller, patient.subject, 1, _later(world), domain, frozen=False))
    assert len(world.open(package).items) == 1


def test_freeze__by_somebody_else__reverts(world: World, patient: Patient) -> None:
    stranger, domain = MemorySigner.named("stranger"), world.chain.domain("SubjectRegistry")
    with pytest.raises(ChainRevert):
        world.writer().send(freeze_call(stranger, patient.subject, 0, _later(world), domain, frozen=True))


@pytest.mark.parametrize("denial", [Denial.OVERRIDABLE, Denial.ABSOLUTE])
def test_deny__one_institution__refused_whatever_the_consent(world: World, patient: Patient, denial: Denial) -> None:
    world.publish(world.seal(patient, "glucose"))
    package, domain = world.consent(patient), world.chain.domain("SubjectRegistry")
    world.writer().send(deny_call(patient.controller, patient.subject, world.reader, denial, 0, _later(world), domain))
    with pytest.raises(RefusedError) as caught:
        world.open(package)
    assert caught.value.code is Code.SUBJECT_DENIES


def test_retain__years__signed_in_the_contract_s_shape(world: World, patient: Patient) -> None:
    domain = world.chain.domain("SubjectRegistry")
    call = retain_call(patient.controller, patient.subject, 3, 7, _later(world), domain)
    assert (call.contract, call.function) == ("SubjectRegistry", "retain")
    assert call.args[0] == (patient.subject, 3, 7, _later(world))
    assert len(call.args[1]) == 65
