from dataclasses import replace

import pytest

from salus.core import signatures
from salus.core.codes import Code
from salus.core.custody import attestation_digest
from salus.core.errors import ChainRevert, ConflictError, NotFoundError, RefusedError, UnavailableError
from salus.core.ids import RecordId
from salus.core.sealing import SealedRecord
from salus.core.state import RecordStatus
from salus.flows.bind import sign_destruction
from salus.flows.destroy import Destroying, Order, carry_out, order
from salus.flows.open import open_again
from tests.unit.flows.contracts import COOLING_OFF
from tests.unit.flows.world import SET, Patient, World, texts


def _tools(world: World) -> Destroying:
    def pause(_: float) -> None:
        world.clock.tick(60)
        world.chain.advance()

    return Destroying(
        world.chain,
        world.writer(world.source),
        world.client,
        world.content,
        world.caller("source"),
        world.clock,
        pause,
    )


def _order(world: World, patient: Patient, record: SealedRecord) -> Order:
    deadline = world.clock.now() + 86_400
    name = RecordId(record.leaf.record_id)
    domain = world.chain.domain("RecordRegistry")
    signature = sign_destruction(patient.controller, world.source, name, patient.subject, SET, deadline, domain)
    return Order(world.source, name, patient.subject, deadline, SET, signature)


def _destroyed(world: World, patient: Patient, record: SealedRecord) -> None:
    filed = _order(world, patient, record)
    order(filed, _tools(world))
    carry_out(filed, world.custodians, [record.leaf.envelope_digest], _tools(world))


def test_destroy__ordered_and_cooled_off__shares_erased_attested_and_content_gone(
    world: World, patient: Patient
) -> None:
    record, other = world.seal(patient, "to go"), world.seal(patient, "to stay")
    world.publish(record, other)
    filed = _order(world, patient, record)
    tools = _tools(world)
    order(filed, tools)
    done = carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    state = world.chain.record_state(world.source, filed.id, world.chain.head())
    assert state.status is RecordStatus.DESTROYED
    assert done.removed == (record.leaf.envelope_digest,)
    assert set(done.attestations) == set(world.custodians)
    for member in world.members:
        erased, signature = done.attestations[member.id]
        digest = attestation_digest(
            world.chain.domain("RecordRegistry"), world.source, filed.record, filed.subject, member.id, erased
        )
        signatures.check(digest, signature, member.signer.address)
        assert erased == 1
    with pytest.raises(NotFoundError):
        world.content.get(record.leaf.envelope_digest)
    assert texts(world.open(world.consent(patient))) == {"to stay"}


def test_destroy__access_granted_before__release_refused_with_the_reason(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    leaves = world.publish(record, world.seal(patient, "to stay"))
    opened = world.open(world.consent(patient))
    _destroyed(world, patient, record)
    again = open_again(opened.session, world.reading())
    assert texts(again) == {"to stay"}
    assert again.refused == {leaves[0]: Code.RECORD_DESTROYED}


def test_order__filed_twice__sent_once(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    before = world.chain.head()
    order(filed, tools)
    assert world.chain.head() == before


def test_order__not_signed_by_the_controller__reverts(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    forged = replace(_order(world, patient, record), subject=world.patient("neighbour").subject)
    with pytest.raises(ChainRevert):
        order(forged, _tools(world))


def test_carry_out__cooling_off_longer_than_patience__unavailable_and_nothing_erased(
    world: World, patient: Patient
) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed = _order(world, patient, record)
    tools = replace(_tools(world), pause=lambda _: None)
    order(filed, tools)
    with pytest.raises(UnavailableError):
        carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools, patience=1)
    assert world.content.get(record.leaf.envelope_digest)
    state = world.chain.record_state(world.source, filed.id, world.chain.head())
    assert state.erasable_from == world.clock.now() + COOLING_OFF


def test_carry_out__no_order__not_found(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to stay")
    world.publish(record)
    tools = replace(_tools(world), pause=lambda _: None)
    with pytest.raises(NotFoundError):
        carry_out(_order(world, patient, record), world.custodians, [], tools, patience=1)


def test_carry_out__legal_hold__conflict_and_nothing_erased(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    world.chain.set_hold(patient.subject, hold=True)
    with pytest.raises(ConflictError):
        carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    assert world.content.get(record.leaf.envelope_digest)


def test_carry_out__one_custodian_away__two_of_three_are_enough(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    world.client.stop(world.custodians[0])
    done = carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    assert set(done.attestations) == set(world.custodians[1:])
    state = world.chain.record_state(world.source, filed.id, world.chain.head())
    assert state.status is RecordStatus.DESTROYED


def test_carry_out__two_custodians_away__unavailable_and_content_stays(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    for custodian in world.custodians[:2]:
        world.client.stop(custodian)
    with pytest.raises(UnavailableError):
        carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    assert world.content.get(record.leaf.envelope_digest)


def test_carry_out__run_again__the_late_custodian_attests_too_and_nobody_twice(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    world.client.stop(world.custodians[0])
    carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    world.client.start(world.custodians[0])
    done = carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    assert set(done.attestations) == set(world.custodians)
    assert world.chain.record_state(world.source, filed.id, world.chain.head()).attestations == 0b111


def test_carry_out__one_false_attestation__the_others_are_enough(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    world.bend(world.custodians[1], lambda _verb, _call, answer: answer | {"erased": 7})
    carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    state = world.chain.record_state(world.source, filed.id, world.chain.head())
    assert (state.status, state.attestations) == (RecordStatus.DESTROYED, 0b101)


def test_carry_out__two_false_attestations__the_contract_s_refusal(world: World, patient: Patient) -> None:
    record = world.seal(patient, "to go")
    world.publish(record)
    filed, tools = _order(world, patient, record), _tools(world)
    order(filed, tools)
    for custodian in world.custodians[:2]:
        world.bend(custodian, lambda _verb, _call, answer: answer | {"erased": 7})
    with pytest.raises(ChainRevert):
        carry_out(filed, world.custodians, [record.leaf.envelope_digest], tools)
    assert world.content.get(record.leaf.envelope_digest)


def test_destroy__all_versions__none_is_released(world: World, patient: Patient) -> None:
    first = world.seal(patient, "first", record="report")
    world.publish(first)
    second = world.seal(patient, "second", record="report", version=2)
    world.publish(second)
    filed, tools = _order(world, patient, first), _tools(world)
    order(filed, tools)
    digests = [first.leaf.envelope_digest, second.leaf.envelope_digest]
    done = carry_out(filed, world.custodians, digests, tools)
    assert {erased for erased, _ in done.attestations.values()} == {2}
    with pytest.raises((NotFoundError, RefusedError)):
        world.open(world.consent(patient))
