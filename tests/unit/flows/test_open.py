"""The whole read path in memory: seal → deposit → anchor → consent → list → request → release → open."""

from dataclasses import replace

import pytest

from salus.core import hpke
from salus.core.audit import EntryKind, LogHead
from salus.core.canonical import parse
from salus.core.codes import Code
from salus.core.errors import IntegrityError, NotFoundError, RefusedError, ShareError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import chain_key, from_hex
from salus.core.labels import Category, Form, Purpose, Topic
from salus.core.merkle import records_root
from salus.core.policy import ParticipantStatus
from salus.core.state import RecordStatus
from salus.flows import grant
from salus.flows.open import USER_TAG, AccessDeniedError, Ask, open_again, open_with_consent, require_final
from tests.unit.flows.world import DOCTOR, REGULATOR_KEY, TREATMENT, Patient, World, texts


def test_open__everything_inside_the_consent__exactly_those_records(world: World, patient: Patient) -> None:
    neighbour = world.patient("neighbour")
    leaves = world.publish(
        world.seal(patient, "glucose"),
        world.seal(patient, "ultrasound"),
        world.seal(patient, "old", days_ago=400),
        world.seal(patient, "genome", categories=Category.GENOM),
        world.seal(patient, "psychiatry", level=5),
        world.seal(patient, "hepatitis", topics=Topic.HBV),
        world.seal(patient, "undated", days_ago=None),
        world.seal(neighbour, "of another"),
    )
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"glucose", "ultrasound"}
    assert {item.listed.leaf for item in opened.items} == set(leaves[:2])
    assert (opened.refused, opened.liars, opened.failed) == ({}, (), {})
    assert set(opened.milliseconds) == {"list", "chain", "shares", "decrypt"}


def test_open__granted__the_chain_named_exact_records_before_any_key_moved(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"), world.seal(patient, "ultrasound"))
    package = world.consent(patient)
    before = LogHead.from_slot(world.chain.log_slot(chain_key(patient.holder.address), world.chain.head()))
    opened = world.open(package)
    head = world.chain.head()
    after = LogHead.from_slot(world.chain.log_slot(chain_key(patient.holder.address), head))
    assert after.count == before.count + 1
    assert world.chain.access(opened.access_id, head).code == Code.GRANTED
    assert opened.access.records_root == records_root(leaves)
    assert opened.access.record_count == 2
    event = world.chain.events(head.number, head.number)[-1]
    assert (event.args["kind"], event.args["referenceId"]) == (EntryKind.ACCESS_GRANTED, opened.access_id)


@pytest.mark.parametrize("code", [Code.ACCESS_UNKNOWN, Code.ACCESS_NOT_FINAL])
def test_open__a_custodians_node_is_behind__is_asked_again_until_it_has_the_access(
    world: World, patient: Patient, code: Code
) -> None:
    world.publish(world.seal(patient, "glucose"))
    pauses, late = list[float](), world.custodians[0]

    def behind(verb: str, call: dict[str, object], answer: dict[str, object]) -> dict[str, object]:
        if verb == "release" and len(pauses) < 3:
            raise RefusedError(code)
        return answer

    world.bend(late, behind)
    reading = replace(world.reading(), pause=pauses.append)
    opened = open_with_consent(world.consent(patient), TREATMENT, world.reader, reading)
    assert (texts(opened), len(pauses), opened.liars) == ({"glucose"}, 3, ())


def test_open__custodians_see_a_new_consent_a_moment_later__are_asked_again(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    pauses = list[float]()

    def behind(verb: str, call: dict[str, object], answer: dict[str, object]) -> dict[str, object]:
        if verb == "list" and len(pauses) < 3:
            raise RefusedError(Code.CONSENT_NOT_YET_VALID)
        return answer

    for custodian in world.custodians:
        world.bend(custodian, behind)
    reading = replace(world.reading(), pause=pauses.append)
    opened = open_with_consent(world.consent(patient), TREATMENT, world.reader, reading)
    assert (texts(opened), len(pauses)) == ({"glucose"}, 3)


def test_open__custodians_never_see_the_access__says_so_after_some_seconds(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    pauses = list[float]()

    def behind(verb: str, call: dict[str, object], answer: dict[str, object]) -> dict[str, object]:
        if verb == "release":
            raise RefusedError(Code.ACCESS_NOT_FINAL)
        return answer

    for custodian in world.custodians:
        world.bend(custodian, behind)
    reading = replace(world.reading(), pause=pauses.append)
    with pytest.raises(RefusedError) as refused:
        open_with_consent(world.consent(patient), TREATMENT, world.reader, reading)
    assert refused.value.code is Code.ACCESS_NOT_FINAL
    assert sum(pauses) == reading.patience * len(world.custodians)


def test_open__scope_of_the_request__no_wider_than_the_records(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose", level=2, categories=Category.LAB, days_ago=20))
    asked = world.open(world.consent(patient)).access
    assert (asked.categories, asked.level) == (Category.LAB, 2)
    assert (asked.from_day, asked.to_day) == (world.today - 20, world.today - 20)


def test_open__person__only_the_regulator_can_read_who(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    seen: list[str] = []

    def watch(verb: str, call: dict[str, object], answer: dict[str, object]) -> dict[str, object]:
        if verb == "release":
            seen.append(call["body"]["userOpening"])  # type: ignore[index]  # JSON of a call
        return answer

    world.bend(world.custodians[0], watch)
    opened = world.open(world.consent(patient))
    person = hpke.open_sealed(from_hex(seen[0], None), REGULATOR_KEY, USER_TAG + opened.access_id)
    assert parse(person)["person"] == DOCTOR.name
    assert sha256(USER_TAG + person) == opened.access.user_digest
    assert DOCTOR.name.encode().hex() not in seen[0]


def test_open__level_5_inside_the_consent__all_custodians_together(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "psychiatry", level=5), world.seal(patient, "glucose"))
    opened = world.open(world.consent(patient, max_level=5))
    assert texts(opened) == {"psychiatry", "glucose"}


def test_open__topic_the_patient_opened__included(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "hepatitis", topics=Topic.HBV), world.seal(patient, "hiv", topics=Topic.HIV))
    assert texts(world.open(world.consent(patient, topics=Topic.HBV))) == {"hepatitis"}


def test_open__record_excluded_by_name__left_out(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"), world.seal(patient, "private"))
    assert texts(world.open(world.consent(patient, excluded=(leaves[1],)))) == {"glucose"}


def test_open__newer_version__the_older_only_as_history(world: World, patient: Patient) -> None:
    first = world.seal(patient, "glucose 9.9", record="report")
    world.publish(first)
    second = world.seal(patient, "glucose 5.4", record="report", version=2)
    world.publish(second)
    package = world.consent(patient)
    assert texts(world.open(package)) == {"glucose 5.4"}
    assert texts(world.open(package, replace(TREATMENT, history=True))) == {"glucose 5.4", "glucose 9.9"}


def test_open__some_of_what_is_listed__those_only(world: World, patient: Patient) -> None:
    leaves = world.publish(*(world.seal(patient, name) for name in ("one", "two", "three")))
    opened = world.open(world.consent(patient), replace(TREATMENT, leaves=(leaves[2],)))
    assert texts(opened) == {"three"}
    assert opened.access.record_count == 1


def test_open__nothing_inside__not_found_and_nothing_on_chain(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "old", days_ago=400))
    package = world.consent(patient)
    before = world.chain.head()
    with pytest.raises(NotFoundError):
        world.open(package)
    assert world.chain.head() == before


@pytest.mark.parametrize("away", [0, 1, 2])
def test_open__one_custodian_away__two_are_enough(world: World, patient: Patient, away: int) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    world.client.stop(world.custodians[away])
    assert texts(world.open(package)) == {"glucose"}


def test_open__two_custodians_away__is_unavailable(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    for custodian in world.custodians[1:]:
        world.client.stop(custodian)
    with pytest.raises(UnavailableError):
        world.open(package)


def test_open__no_custodian_reachable__unavailable(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    for custodian in world.custodians:
        world.client.stop(custodian)
    with pytest.raises(UnavailableError):
        world.open(package)


def test_open__level_5_with_a_custodian_away__fails_alone_and_the_others_open(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "psychiatry", level=5), world.seal(patient, "glucose"))
    package = world.consent(patient, max_level=5)
    world.client.stop(world.custodians[2])
    opened = world.open(package)
    assert texts(opened) == {"glucose"}
    assert set(opened.failed) == {leaves[0]}
    assert isinstance(opened.failed[leaves[0]], ShareError)


def test_open__envelope_damaged_or_gone__fails_alone_and_the_others_open(world: World, patient: Patient) -> None:
    damaged, gone, good = (world.seal(patient, name) for name in ("damaged", "gone", "good"))
    leaves = world.publish(damaged, gone, good)
    world.content.damage(damaged.leaf.envelope_digest)
    world.content.delete(gone.leaf.envelope_digest)
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"good"}
    assert isinstance(opened.failed[leaves[0]], IntegrityError)
    assert isinstance(opened.failed[leaves[1]], NotFoundError)


# denials and refusals


def test_open__consent_revoked__denied_on_chain_with_the_code(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    signed = world.sign(patient)
    world.writer().send(grant.grant_call(signed))
    package = world.pack(patient, signed)
    world.open(package)
    world.writer().send(grant.revoke_call(patient.holder, signed.consent_id, world.chain.domain("ConsentRegistry")))
    with pytest.raises(RefusedError) as caught:  # custodians refuse the list already
        world.open(package)
    assert caught.value.code is Code.CONSENT_REVOKED


DENIALS = {
    "purpose": (Ask(Purpose.HOPERAT, TREATMENT.actions, DOCTOR), Code.PURPOSE_NOT_ALLOWED),
    "purpose of another role": (Ask(Purpose.HRESCH, TREATMENT.actions, DOCTOR), Code.NOT_QUALIFIED),
    "level": (replace(TREATMENT, level=5), Code.LEVEL_TOO_HIGH),
    "categories": (replace(TREATMENT, categories=int(Category.LAB | Category.GENOM)), Code.CATEGORY_NOT_ALLOWED),
    "days": (replace(TREATMENT, days=(1, 20_717)), Code.OUTSIDE_WINDOW),
}


@pytest.mark.parametrize("what", DENIALS)
def test_open__asked_beyond_the_consent__denied_with_the_code_and_logged(
    world: World, patient: Patient, what: str
) -> None:
    ask, code = DENIALS[what]
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    with pytest.raises(AccessDeniedError) as caught:
        world.open(package, ask)
    assert caught.value.code is code
    assert world.chain.access(caught.value.access_id, world.chain.head()).code == code


def test_open__identified_data_under_a_de_identified_consent__nothing_listed(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient, min_form=Form.DEIDENTIFIED)
    with pytest.raises(NotFoundError):
        world.open(package)
    named = replace(TREATMENT, leaves=(leaves[0],), form=Form.IDENTIFIED, categories=int(Category.LAB), level=3)
    with pytest.raises(AccessDeniedError) as caught:
        world.open(package, replace(named, days=(world.today, world.today)))
    assert caught.value.code is Code.FORM_TOO_IDENTIFIED


def test_open__more_de_identified_than_the_records__custodians_refuse_each(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"))
    opened = world.open(world.consent(patient), replace(TREATMENT, form=Form.AGGREGATE))
    assert opened.items == ()
    assert opened.refused == {leaves[0]: Code.RECORD_TOO_IDENTIFIED}


def test_open__last_use_spent__denied(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient, max_uses=1)
    world.open(package)
    with pytest.raises(RefusedError) as caught:
        world.open(package)
    assert caught.value.code is Code.CONSENT_USED_UP


def test_open__leaf_of_another_patient_named__refused_with_its_code(world: World, patient: Patient) -> None:
    own = world.publish(world.seal(patient, "glucose"))
    other = world.publish(world.seal(world.patient("neighbour"), "of another"))
    opened = world.open(world.consent(patient), replace(TREATMENT, leaves=(own[0], other[0])))
    assert texts(opened) == {"glucose"}
    assert opened.refused == {other[0]: Code.RECORD_OTHER_SUBJECT}


def test_open__only_an_unlisted_leaf_named__refused_and_not_silent(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    other = world.publish(world.seal(world.patient("neighbour"), "of another"))
    days = (world.today - 20, world.today)
    ask = replace(TREATMENT, leaves=(other[0],), categories=int(Category.LAB), level=3, days=days)
    opened = world.open(world.consent(patient), ask)
    assert opened.items == ()
    assert opened.refused == {other[0]: Code.RECORD_OTHER_SUBJECT}


def test_open__package_of_another_grantee__refused(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient, grantee=world.institute)
    with pytest.raises(RefusedError):
        world.open(package)


def test_open_again__session_lasts__same_records_without_a_new_request(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    opened = world.open(world.consent(patient))
    before = world.chain.head()
    assert texts(open_again(opened.session, world.reading())) == {"glucose"}
    assert world.chain.head() == before


@pytest.mark.parametrize("what", ["revoked", "revoked all", "frozen", "expired", "suspended"])
def test_open_again__permission_taken_away__refused_with_the_code(world: World, patient: Patient, what: str) -> None:
    world.publish(world.seal(patient, "glucose"))
    signed = world.sign(patient)
    world.writer().send(grant.grant_call(signed))
    opened = world.open(world.pack(patient, signed))
    domain = world.chain.domain("ConsentRegistry")
    code = Code.CONSENT_REVOKED
    if what == "revoked":
        world.writer().send(grant.revoke_call(patient.holder, signed.consent_id, domain))
    elif what == "revoked all":
        world.writer().send(grant.revoke_all_call(patient.holder, 0, domain))
        code = Code.CONSENT_VOID
    elif what == "frozen":
        world.chain.set_frozen(patient.subject, frozen=True)
        code = Code.SUBJECT_FROZEN
    elif what == "expired":
        world.clock.tick(3_601)
        world.chain.advance()
        code = Code.ACCESS_EXPIRED
    else:
        world.chain.set_status(world.reader, ParticipantStatus.SUSPENDED)
        code = Code.PARTICIPANT_INACTIVE
    with pytest.raises(RefusedError) as caught:
        open_again(opened.session, world.reading())
    assert caught.value.code is code


def test_open__record_invalid_since_listing__refused_alone(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"), world.seal(patient, "wrong patient"))
    opened = world.open(world.consent(patient))
    world.chain.set_record_state(world.source, leaves[1], status=RecordStatus.INVALID, reason=1)
    again = open_again(opened.session, world.reading())
    assert texts(again) == {"glucose"}
    assert again.refused == {leaves[1]: Code.RECORD_INVALID}


# the patient's own


def test_open_own__no_consent__all_own_records_whatever_level_and_topic(world: World, patient: Patient) -> None:
    world.publish(
        world.seal(patient, "glucose"),
        world.seal(patient, "psychiatry", level=5, topics=Topic.MH),
        world.seal(patient, "old", days_ago=4_000),
        world.seal(world.patient("neighbour"), "of another"),
    )
    assert texts(world.open_own(patient)) == {"glucose", "psychiatry", "old"}


def test_open_own__frozen__denied(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.chain.set_frozen(patient.subject, frozen=True)
    with pytest.raises(RefusedError) as caught:
        world.open_own(patient)
    assert caught.value.code is Code.SUBJECT_FROZEN


def test_require_final__never__unavailable_after_its_time() -> None:
    pauses: list[float] = []
    with pytest.raises(UnavailableError):
        require_final(lambda: False, pauses.append, seconds=1)
    assert 0.9 < sum(pauses) <= 1.1


def test_require_final__after_a_while__returns() -> None:
    answers = iter([False, False, True])
    pauses: list[float] = []
    require_final(lambda: next(answers), pauses.append)
    assert len(pauses) == 2
