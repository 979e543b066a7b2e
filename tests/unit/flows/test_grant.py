from typing import Any

import pytest

from salus.core import hpke
from salus.core.codes import Code
from salus.core.consent import TermField, topics_value
from salus.core.errors import ChainRevert, EnvelopeError, RefusedError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, ParticipantId
from salus.core.labels import Flag, Topic
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage, SignedLink
from salus.core.policy import ConsentStatus
from salus.flows import grant
from tests.unit.flows.world import Patient, World, texts


def _status(world: World, patient: Patient, consent: Any) -> ConsentStatus:
    return world.chain.consent(patient.holder.address, consent, world.chain.head()).status


def test_compose__rolling_window__flag_and_months(world: World, patient: Patient) -> None:
    consent, _ = grant.compose(world.offer(), patient.holder.address, 0, world.clock.now(), world.random)
    assert consent.window_months == 3
    assert consent.flags & Flag.ROLLING_WINDOW
    assert consent.deadline == world.clock.now() + 86_400


def test_compose__fixed_days__no_rolling_flag(world: World, patient: Patient) -> None:
    offer = world.offer(window_months=0, days=(20_000, 20_010))
    consent, _ = grant.compose(offer, patient.holder.address, 0, world.clock.now(), world.random)
    assert (consent.from_day, consent.to_day) == (20_000, 20_010)
    assert not consent.flags & Flag.ROLLING_WINDOW


def test_compose__twice_the_same_offer__two_ids_and_two_terms(world: World, patient: Patient) -> None:
    one, other = world.sign(patient), world.sign(patient)
    assert one.consent_id != other.consent_id
    assert one.consent.terms != other.consent.terms


def test_compose__terms__hold_topics_exclusions_notice_and_more(world: World, patient: Patient) -> None:
    leaf = LeafHash(sha256(b"leaf"))
    further = {TermField.ETHICS: sha256(b"approval")}
    signed = world.sign(patient, topics=Topic.MH, excluded=(leaf,), further_terms=further)
    opened = {field: signed.terms.open(field) for field in TermField}
    for opening in opened.values():
        opening.check(signed.consent.terms)
    assert opened[TermField.TOPICS].value == topics_value(Topic.MH)
    assert opened[TermField.EXCLUDED].value == records_root([leaf])
    assert opened[TermField.NOTICE].value == sha256("只在本次诊疗中使用".encode())
    assert opened[TermField.ETHICS].value == sha256(b"approval")
    assert opened[TermField.PERSONS].value == ZERO32


def test_grant_call__before_use__shows_the_head_and_a_hash_only(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    call = grant.grant_call(signed)
    assert (call.contract, call.function) == ("ConsentRegistry", "grant")
    shown = repr(call.args)
    assert signed.consent.grantee.hex() not in shown
    assert repr(signed.consent.grantee) not in shown
    assert call.args[1] == signed.consent.scope_hash()
    world.writer().send(call)
    assert _status(world, patient, signed.consent_id) is ConsentStatus.LIVE


def test_grant__signed_by_another_holder__reverts(world: World, patient: Patient) -> None:
    neighbour = world.patient("neighbour")
    consent, terms = grant.compose(world.offer(), patient.holder.address, 0, world.clock.now(), world.random)
    forged = grant.sign(consent, terms, neighbour.holder, world.chain.domain("ConsentRegistry"))
    with pytest.raises(ChainRevert):
        world.writer().send(grant.grant_call(forged))


def test_grant__twice__reverts(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    world.writer().send(grant.grant_call(signed))
    with pytest.raises(ChainRevert):
        world.writer().send(grant.grant_call(signed))


def test_grant__after_its_deadline__reverts(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    world.clock.tick(86_401)
    with pytest.raises(ChainRevert):
        world.writer().send(grant.grant_call(signed))


def test_replace__narrower_consent__the_old_one_is_refused(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"), world.seal(patient, "last month", days_ago=40))
    wide = world.sign(patient)
    world.writer().send(grant.grant_call(wide))
    narrow = world.sign(patient, replaces=wide.consent_id, window_months=1)
    call = grant.grant_call(narrow)
    assert call.function == "replace"
    world.writer().send(call)
    assert _status(world, patient, wide.consent_id) is ConsentStatus.REPLACED
    assert texts(world.open(world.pack(patient, narrow))) == {"glucose"}
    with pytest.raises(RefusedError) as caught:
        world.open(world.pack(patient, wide))
    assert caught.value.code is Code.CONSENT_REPLACED


def test_revoke__by_the_holder__revoked(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    world.writer().send(grant.grant_call(signed))
    world.writer().send(grant.revoke_call(patient.holder, signed.consent_id, world.chain.domain("ConsentRegistry")))
    assert _status(world, patient, signed.consent_id) is ConsentStatus.REVOKED


def test_revoke__before_it_was_granted__it_can_never_be(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    world.writer().send(grant.revoke_call(patient.holder, signed.consent_id, world.chain.domain("ConsentRegistry")))
    with pytest.raises(ChainRevert):
        world.writer().send(grant.grant_call(signed))


def test_revoke__signed_for_another_contract__reverts(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    world.writer().send(grant.grant_call(signed))
    with pytest.raises(ChainRevert):
        world.writer().send(grant.revoke_call(patient.holder, signed.consent_id, world.chain.domain("AccessGateway")))


def test_revoke_all__grants_in_flight__void(world: World, patient: Patient) -> None:
    in_flight = world.sign(patient)
    world.writer().send(grant.revoke_all_call(patient.holder, 0, world.chain.domain("ConsentRegistry")))
    with pytest.raises(ChainRevert):
        world.writer().send(grant.grant_call(in_flight))
    fresh = world.sign(patient, epoch=1)
    world.writer().send(grant.grant_call(fresh))
    assert _status(world, patient, fresh.consent_id) is ConsentStatus.LIVE


def test_package__for_each_custodian__a_link_only_it_can_open(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    package = world.pack(patient, signed)
    assert tuple(package.links) == world.custodians
    for member in world.members:
        link = SignedLink.open_sealed(
            package.links[member.id], world.chain.chain_id, signed.consent_id, member.id, member.encryption_key
        )
        link.check(world.chain.domain("Council"), patient.controller.address)
        assert link.subject == patient.subject
        for other in world.members:
            if other.id != member.id:
                with pytest.raises(EnvelopeError):
                    SignedLink.open_sealed(
                        package.links[member.id],
                        world.chain.chain_id,
                        signed.consent_id,
                        other.id,
                        other.encryption_key,
                    )


def test_package__handed_over_as_json__same_package_and_no_subject(world: World, patient: Patient) -> None:
    package = world.pack(patient, world.sign(patient, excluded=(LeafHash(sha256(b"leaf")),)))
    shown = package.to_json()
    assert ConsentPackage.from_json(shown, world.chain.domain("ConsentRegistry")) == package
    assert patient.subject.hex() not in repr(shown)
    assert patient.controller.address not in repr(shown)


def test_package__openings__only_what_custodians_need_unless_asked(world: World, patient: Patient) -> None:
    signed = world.sign(patient)
    keys = {ParticipantId(sha256(b"c")): hpke.public_key(sha256(b"k"))}
    council = world.chain.domain("Council")
    plain = grant.package(signed, patient.subject, patient.controller, council, keys)
    more = grant.package(signed, patient.subject, patient.controller, council, keys, [TermField.NOTICE])
    assert [opening.field for opening in plain.openings] == [TermField.TOPICS, TermField.EXCLUDED]
    assert [opening.field for opening in more.openings] == [TermField.TOPICS, TermField.EXCLUDED, TermField.NOTICE]
