"""Hostile requesters: every way to ask a custodian for what one must not get, and the code each is refused with.

`SCENARIOS` is data: the same list runs over the memory chain (tests/unit/custodian) and against running custodians on a
real chain (tests/integration/custodian). A scenario plays on a `Stage` and returns what the custodians did; when it
names a leaf, that record is refused and the call is answered, else the whole call is refused. No share is released.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from salus.core.codes import Code
from salus.core.consent import TermField
from salus.core.ids import LeafHash, ParticipantId, hex32
from salus.core.labels import Category, Confidentiality, Purpose, Topic
from salus.core.merkle import records_root
from salus.core.ports import Signer
from salus.core.state import Denial
from tests.custody_stage import Case, Draft, Outcome, Stage, all_refuse, all_withhold

Played = tuple[Sequence[Outcome], LeafHash | None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One hostile act. `needs` names what a stage must be able to do: `forge` chain entries no contract would write,
    `final` blocks behind the head, `council` decisions,
    `years` that pass."""

    name: str
    code: Code
    play: Callable[[Stage], Played]
    needs: frozenset[str] = frozenset()

    def check(self, stage: Stage) -> None:
        """Play and check that the code is the one expected and that nothing was released."""
        outcomes, leaf = self.play(stage)
        if leaf is None:
            all_refuse(outcomes, self.code)
        else:
            all_withhold(outcomes, leaf, self.code)


SCENARIOS: list[Scenario] = []


def scenario(code: Code, *needs: str) -> Callable[[Callable[[Stage], Played]], Callable[[Stage], Played]]:
    """Put a function on the list under its own name."""

    def add(play: Callable[[Stage], Played]) -> Callable[[Stage], Played]:
        SCENARIOS.append(Scenario(play.__name__, code, play, frozenset(needs)))
        return play

    return add


def _asked(stage: Stage, *drafts: Draft, **offer: Any) -> Case:
    case = Case(stage, *drafts, **offer)
    assert case.request() is Code.GRANTED
    return case


def _whole(outcomes: Sequence[Outcome]) -> Played:
    return outcomes, None


def _record(case: Case, index: int = -1, **changes: Any) -> Played:
    return case.release(**changes), case.leaves[index]


# records outside the access or the consent


@scenario(Code.RECORD_OTHER_SUBJECT)
def leaf_of_another_subject_under_an_own_consent(stage: Stage) -> Played:
    mine, theirs = Case(stage), Case(stage)
    leaves = [mine.leaves[0], theirs.leaves[0]]
    mine.request(leaves)
    return mine.release(leaves), theirs.leaves[0]


@scenario(Code.RECORD_OUTSIDE_CATEGORIES)
def leaf_outside_categories(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(Category.GENOM)))


@scenario(Code.RECORD_OUTSIDE_CATEGORIES)
def leaf_with_one_category_too_many(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(Category.LAB | Category.PSYNOTE)))


@scenario(Code.RECORD_OUTSIDE_DAYS)
def leaf_before_the_window(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(days_ago=91)))


@scenario(Code.RECORD_OUTSIDE_DAYS)
def leaf_outside_the_days_of_the_access(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft(days_ago=40))
    case.request(from_day=stage.today - 30)
    return _record(case)


@scenario(Code.RECORD_OUTSIDE_DAYS)
def leaf_without_a_day(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(days_ago=None)))


@scenario(Code.RECORD_ABOVE_LEVEL)
def leaf_above_the_level(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(level=5)))


@scenario(Code.RECORD_ABOVE_LEVEL)
def leaf_above_the_level_of_the_access(stage: Stage) -> Played:
    case = Case(stage, Draft(level=1), Draft(level=2))
    case.request(level=1)
    return _record(case)


@scenario(Code.RECORD_ABOVE_CONFIDENTIALITY)
def leaf_above_the_confidentiality(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(), Draft(confidentiality=Confidentiality.R)))


@scenario(Code.RECORD_TOO_IDENTIFIED)
def identified_leaf_under_a_deidentified_consent(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(form=3), Draft(form=0), min_form=3))


@scenario(Code.RECORD_TOPIC_NOT_ALLOWED)
def leaf_with_a_topic_that_is_not_allowed(stage: Stage) -> Played:
    return _record(_asked(stage, Draft(topics=Topic.HBV), Draft(topics=Topic.HBV | Topic.HIV)))


@scenario(Code.RECORD_EXCLUDED)
def leaf_the_consent_excludes_by_name(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft())
    case.signed = case.compose(excluded=(case.leaves[1],))
    stage.grant(case.signed)
    case.package = case.pack()
    case.request()
    return _record(case)


@scenario(Code.RECORD_ABOVE_LEVEL, "forge")
def leaf_inside_a_forged_access_but_above_its_consent(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft(level=5))
    case.access = case.struct(level=5, confidentiality=5, categories=(1 << 37) - 1)
    stage.forge(case.access)
    return _record(case)


# records that may not go out at all


@scenario(Code.RECORD_UNKNOWN)
def leaf_nobody_deposited(stage: Stage) -> Played:
    case = Case(stage)
    leaves = [*case.leaves, LeafHash(stage.random(32))]
    case.request(leaves)
    return case.release(leaves), leaves[1]


@scenario(Code.RECORD_UNANCHORED)
def deposit_that_was_never_anchored(stage: Stage) -> Played:
    case = Case(stage)
    case.add(Draft(), anchored=False)
    case.request()
    return _record(case)


@scenario(Code.RECORD_UNANCHORED)
def deposit_anchored_with_another_count(stage: Stage) -> Played:
    case = Case(stage)
    case.add(Draft(), anchored=False)
    stage.anchor(stage.root(case.records[1:]), 2, stage.custodian_set)
    case.request()
    return _record(case)


@scenario(Code.RECORD_OTHER_SOURCE)
def leaf_deposited_by_another_source(stage: Stage) -> Played:
    case = Case(stage)
    record = stage.seal(case.patient.subject, Draft())
    stage.deposit([record], stage.other)
    case.records.append(record)
    case.request()
    return _record(case)


@scenario(Code.RECORD_INVALID)
def leaf_declared_invalid(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft())
    stage.invalidate(case.leaves[1], case.patient.subject)
    return _record(case)


@scenario(Code.RECORD_SUPERSEDED)
def leaf_superseded_before_the_request(stage: Stage) -> Played:
    name = stage.random(8).hex()
    case = Case(stage, Draft(name=name))
    case.add(Draft(name=name, version=2))
    case.request()
    return case.release(), case.leaves[0]


@scenario(Code.RECORD_SUPERSEDED)
def leaf_superseded_between_request_and_release(stage: Stage) -> Played:
    name = stage.random(8).hex()
    case = _asked(stage, Draft(name=name))
    asked = case.leaves
    case.add(Draft(name=name, version=2))
    return case.release(asked), asked[0]


@scenario(Code.RECORD_DESTROYED)
def leaf_ordered_to_be_destroyed(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft())
    stage.order(case.records[1].leaf.record_id, case.patient)
    return _record(case)


@scenario(Code.RECORD_DESTROYED)
def leaf_whose_shares_were_erased(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft())
    record = case.records[1].leaf.record_id
    stage.order(record, case.patient)
    stage.end_cooling_off()
    body = {
        "sourceId": hex32(stage.source.id),
        "recordId": hex32(record),
        "subjectRef": hex32(case.patient.subject),
    }
    for custodian in stage.custodians:
        answer = stage.ask(custodian, "destroy", stage.call("destroy", custodian, body, stage.source.operator))
        assert answer["erased"] == 1
    return _record(case)


# the list of records


@scenario(Code.RECORD_COUNT_MISMATCH)
def short_list(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft())
    return _whole(case.release(case.leaves[:1]))


@scenario(Code.RECORD_COUNT_MISMATCH)
def long_list(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft())
    case.request(case.leaves[:1])
    return _whole(case.release())


@scenario(Code.RECORDS_NOT_DISTINCT)
def doubled_list(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft())
    return _whole(case.release([case.leaves[0], case.leaves[0]]))


@scenario(Code.RECORD_COUNT_MISMATCH)
def wrong_record_count_on_chain(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft())
    case.request(record_count=1)
    return _whole(case.release())


@scenario(Code.RECORDS_ROOT_MISMATCH)
def exchanged_leaf(stage: Stage) -> Played:
    case = Case(stage, Draft(), Draft(), Draft())
    case.request(case.leaves[:2])
    return _whole(case.release(case.leaves[1:]))


@scenario(Code.RECORDS_ROOT_MISMATCH)
def root_of_other_records_on_chain(stage: Stage) -> Played:
    case = Case(stage, Draft())
    case.request(records_root=records_root([LeafHash(stage.random(32))]))
    return _whole(case.release())


@scenario(Code.TOO_MANY_RECORDS)
def list_of_1025(stage: Stage) -> Played:
    case = _asked(stage)
    return _whole(case.release([LeafHash(stage.random(32)) for _ in range(1025)]))


@scenario(Code.TOO_MANY_RECORDS)
def empty_list(stage: Stage) -> Played:
    return _whole(_asked(stage).release([]))


# the access


@scenario(Code.ACCESS_UNKNOWN)
def access_never_requested(stage: Stage) -> Played:
    case = Case(stage)
    case.access = case.struct()
    return _whole(case.release())


@scenario(Code.ACCESS_UNKNOWN)
def access_with_another_session_key(stage: Stage) -> Played:
    case = _asked(stage)
    assert case.access is not None
    case.access = replace(case.access, session_key=stage.random(32))
    return _whole(case.release())


@scenario(Code.SESSION_KEY_MISMATCH)
def shares_asked_to_another_session_key(stage: Stage) -> Played:
    return _whole(_asked(stage).release(sessionKey=hex32(stage.random(32))))


@scenario(Code.ACCESS_UNKNOWN)
def access_with_wider_categories_than_recorded(stage: Stage) -> Played:
    case = _asked(stage)
    assert case.access is not None
    case.access = replace(case.access, categories=(1 << 37) - 1)
    return _whole(case.release())


@scenario(Code.ACCESS_NOT_FINAL, "final")
def access_only_at_the_head(stage: Stage) -> Played:
    case = Case(stage)
    stage.hold_final()
    case.request()
    return _whole(case.release())


@scenario(Code.ACCESS_DENIED)
def access_the_gateway_denied(stage: Stage) -> Played:
    case = Case(stage)
    assert case.request(purpose=int(Purpose.COC)) is Code.PURPOSE_NOT_ALLOWED
    return _whole(case.release())


@scenario(Code.ACCESS_EXPIRED)
def expired_access(stage: Stage) -> Played:
    case = _asked(stage, valid_until=stage.clock.now() + 15)
    stage.pass_seconds(17)
    return _whole(case.release())


@scenario(Code.ACCESS_FROZEN)
def access_frozen_by_a_supervisor(stage: Stage) -> Played:
    case = _asked(stage)
    stage.freeze_access(case.access_id, case.patient)
    return _whole(case.release())


@scenario(Code.ACCESS_MISMATCH)
def access_of_another_participant(stage: Stage) -> Played:
    return _whole(_asked(stage).release(by=stage.other.operator))


@scenario(Code.NOT_OPERATOR)
def access_shown_by_nobodys_operator(stage: Stage) -> Played:
    return _whole(_asked(stage).release(by=stage.account()))


@scenario(Code.NOT_OPERATOR)
def access_shown_by_the_patient(stage: Stage) -> Played:
    case = _asked(stage)
    return _whole(case.release(by=case.patient.controller))


@scenario(Code.ACCESS_MISMATCH)
def access_with_another_consent_shown(stage: Stage) -> Played:
    case = _asked(stage)
    wider = case.compose(max_level=5)
    return _whole(case.release(consent=wider.consent.to_json()))


@scenario(Code.ACCESS_MISMATCH)
def access_without_its_consent(stage: Stage) -> Played:
    return _whole(_asked(stage).release(consent=None))


@scenario(Code.GRANTEE_MISMATCH, "forge")
def forged_access_under_anothers_consent(stage: Stage) -> Played:
    case = Case(stage)
    case.access = case.struct(participant=stage.other.id)
    stage.forge(case.access)
    return _whole(case.release(by=stage.other.operator))


# what was taken back between request and release


@scenario(Code.CONSENT_REVOKED)
def consent_revoked_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.revoke(case.patient, case.signed)
    return _whole(case.release())


@scenario(Code.CONSENT_REPLACED)
def consent_replaced_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.replace(case.patient, case.signed, case.compose(replaces=case.signed.consent_id, max_level=2))
    return _whole(case.release())


@scenario(Code.CONSENT_VOID)
def everything_revoked_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.revoke_all(case.patient)
    return _whole(case.release())


@scenario(Code.SUBJECT_FROZEN)
def subject_frozen_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.freeze(case.patient)
    return _whole(case.release())


@scenario(Code.SUBJECT_DENIES)
def reader_denied_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.deny(case.patient, Denial.OVERRIDABLE)
    return _whole(case.release())


@scenario(Code.PARTICIPANT_INACTIVE, "council")
def reader_suspended_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.suspend(stage.reader.id)
    try:
        return _whole(case.release())
    finally:
        stage.reinstate(stage.reader.id)


@scenario(Code.NOT_OPERATOR, "final")
def operator_removed_between_request_and_release(stage: Stage) -> Played:
    case = _asked(stage)
    stage.remove_operator(stage.reader, stage.reader.operator)
    return _whole(case.release())


def _at_the_head_only(stage: Stage, act: Callable[[Case], None]) -> Case:
    case = _asked(stage, Draft(), Draft())
    stage.hold_final()
    act(case)
    return case


@scenario(Code.CONSENT_REVOKED, "final")
def consent_revoked_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda case: stage.revoke(case.patient, case.signed)).release())


@scenario(Code.CONSENT_VOID, "final")
def everything_revoked_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda case: stage.revoke_all(case.patient)).release())


@scenario(Code.SUBJECT_FROZEN, "final")
def subject_frozen_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda case: stage.freeze(case.patient)).release())


@scenario(Code.SUBJECT_DENIES, "final")
def reader_denied_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda case: stage.deny(case.patient, Denial.ABSOLUTE)).release())


@scenario(Code.PARTICIPANT_INACTIVE, "final")
def reader_suspended_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda _: stage.suspend(stage.reader.id)).release())


@scenario(Code.NOT_OPERATOR, "final")
def operator_removed_at_the_head_only(stage: Stage) -> Played:
    act = lambda _: stage.remove_operator(stage.reader, stage.reader.operator)  # noqa: E731 - one line like the others
    return _whole(_at_the_head_only(stage, act).release())


@scenario(Code.ACCESS_FROZEN, "final")
def access_frozen_at_the_head_only(stage: Stage) -> Played:
    act = lambda case: stage.freeze_access(case.access_id, case.patient)  # noqa: E731 - as above
    return _whole(_at_the_head_only(stage, act).release())


@scenario(Code.RECORD_INVALID, "final")
def leaf_declared_invalid_at_the_head_only(stage: Stage) -> Played:
    act = lambda case: stage.invalidate(case.leaves[1], case.patient.subject)  # noqa: E731 - as above
    return _record(_at_the_head_only(stage, act))


@scenario(Code.RECORD_DESTROYED, "final")
def leaf_ordered_to_be_destroyed_at_the_head_only(stage: Stage) -> Played:
    act = lambda case: stage.order(case.records[1].leaf.record_id, case.patient)  # noqa: E731 - as above
    return _record(_at_the_head_only(stage, act))


@scenario(Code.LINK_INVALID, "final")
def controller_rotated_at_the_head_only(stage: Stage) -> Played:
    return _whole(_at_the_head_only(stage, lambda case: stage.rotate(case.patient, stage.account())).release())


@scenario(Code.RECORD_UNANCHORED, "final")
def batch_anchored_at_the_head_only(stage: Stage) -> Played:
    case = Case(stage)
    asked = case.add(Draft(), anchored=False)
    case.request()
    stage.hold_final()
    stage.anchor(stage.root(case.records[1:]), 1, stage.custodian_set)
    return case.release(), asked[0]


# link and terms


@scenario(Code.LINK_MISSING)
def release_without_a_link(stage: Stage) -> Played:
    return _whole(_asked(stage).release(link=None))


@scenario(Code.LINK_INVALID)
def link_signed_by_a_former_controller(stage: Stage) -> Played:
    case = _asked(stage)
    stage.rotate(case.patient, stage.account())
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def link_signed_by_a_stranger(stage: Stage) -> Played:
    case = _asked(stage)
    case.package = case.pack(link_by=stage.account())
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def link_signed_by_the_holder(stage: Stage) -> Played:
    case = _asked(stage)
    case.package = case.pack(link_by=case.patient.holder)
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def link_signed_by_the_guardian(stage: Stage) -> Played:
    case = _asked(stage)
    case.package = case.pack(link_by=case.patient.guardian)
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def link_of_another_consent(stage: Stage) -> Played:
    case, other = _asked(stage), Case(stage)
    links = {
        custodian: other.link_for(other.signed.consent_id, other.patient.subject, custodian, case.signed.consent_id)
        for custodian in stage.custodians
    }
    case.package = replace(case.package, links=links)
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def true_link_of_another_consent_sealed_again(stage: Stage) -> Played:
    case, other = _asked(stage), Case(stage)
    links = {custodian: other.sealed_again(custodian, under=case.signed.consent_id) for custodian in stage.custodians}
    case.package = replace(case.package, links=links)
    return _whole(case.release())


@scenario(Code.LINK_INVALID)
def link_sealed_to_another_custodian(stage: Stage) -> Played:
    case = _asked(stage)
    members = stage.custodians
    moved = {custodian: case.package.links[members[i - 1]] for i, custodian in enumerate(members)}
    case.package = replace(case.package, links=moved)
    return _whole(case.release())


@scenario(Code.TERMS_INVALID)
def terms_not_opened(stage: Stage) -> Played:
    return _whole(_asked(stage).release(terms=[]))


@scenario(Code.TERMS_INVALID)
def excluded_items_not_opened(stage: Stage) -> Played:
    case = _asked(stage)
    return _whole(case.release(terms=[case.signed.terms.open(TermField.TOPICS).to_json()]))


@scenario(Code.TERMS_INVALID)
def more_topics_opened_than_signed(stage: Stage) -> Played:
    case = _asked(stage)
    openings = [opening.to_json() for opening in case.package.openings]
    openings[0]["value"] = hex32(b"\xff" * 32)
    return _whole(case.release(terms=openings))


@scenario(Code.TERMS_INVALID)
def terms_of_another_consent(stage: Stage) -> Played:
    case, other = _asked(stage), Case(stage, topics=Topic.HIV)
    return _whole(case.release(terms=[opening.to_json() for opening in other.package.openings]))


@scenario(Code.TERMS_INVALID)
def excluded_leaves_not_shown(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft(), excluded=(LeafHash(stage.random(32)),))
    return _whole(case.release(excluded=[]))


@scenario(Code.TERMS_INVALID)
def other_excluded_leaves_shown(stage: Stage) -> Played:
    case = _asked(stage, Draft(), Draft(), excluded=(LeafHash(stage.random(32)),))
    return _whole(case.release(excluded=[hex32(stage.random(32))]))


# own and emergency


@scenario(Code.NOT_CONTROLLER)
def own_access_shown_by_a_stranger(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.own())
    return _whole(case.release(by=stage.account()))


@scenario(Code.NOT_CONTROLLER)
def own_access_shown_by_the_readers_operator(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.own())
    return _whole(case.release())


@scenario(Code.NOT_CONTROLLER)
def own_access_shown_by_the_former_controller(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.own())
    stage.rotate(case.patient, stage.account())
    return _whole(case.release(by=case.patient.controller))


@scenario(Code.SUBJECT_FROZEN)
def own_access_to_a_frozen_subject(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.own())
    stage.freeze(case.patient)
    return _whole(case.release(by=case.patient.controller))


@scenario(Code.RECORD_OTHER_SUBJECT)
def own_access_to_anothers_record(stage: Stage) -> Played:
    mine, theirs = Case(stage), Case(stage)
    mine.request(theirs.leaves, **mine.own())
    return mine.release(theirs.leaves, by=mine.patient.controller), theirs.leaves[0]


@scenario(Code.ACCESS_MISMATCH, "forge")
def forged_own_access_of_a_participant(stage: Stage) -> Played:
    case = Case(stage)
    case.access = case.struct(**case.own(participant=stage.reader.id))
    stage.forge(case.access)
    return _whole(case.release(by=case.patient.controller))


@scenario(Code.SUBJECT_FROZEN)
def emergency_at_a_frozen_subject(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.emergency())
    stage.freeze(case.patient)
    return _whole(case.release())


@scenario(Code.SUBJECT_DENIES)
def emergency_against_an_absolute_denial(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.emergency())
    stage.deny(case.patient, Denial.ABSOLUTE)
    return _whole(case.release())


@scenario(Code.ACCESS_MISMATCH)
def emergency_of_another_participant(stage: Stage) -> Played:
    case = Case(stage)
    case.request(**case.emergency())
    return _whole(case.release(by=stage.other.operator))


# the call itself


def _raw(case: Case, bend: Callable[[dict[str, Any]], dict[str, Any]], signer: Signer | None = None) -> Played:
    stage = case.stage
    outcomes = []
    for custodian in stage.custodians:
        by = signer or stage.reader.operator
        call = bend(stage.call("release", custodian, case.release_body(custodian), by))
        outcomes.append(stage.outcome(custodian, "release", call))
    return _whole(outcomes)


@scenario(Code.CALL_REPLAYED)
def call_replayed(stage: Stage) -> Played:
    case = _asked(stage)

    def twice(call: dict[str, Any]) -> dict[str, Any]:
        custodian = next(c for c in stage.custodians if hex32(c) == call["call"]["recipient"])
        first = stage.outcome(custodian, "release", call)
        assert isinstance(first, dict)
        assert len(first["shares"]) == 1
        return call

    return _raw(case, twice)


@scenario(Code.SIGNATURE_INVALID)
def call_signed_by_another(stage: Stage) -> Played:
    def bend(call: dict[str, Any]) -> dict[str, Any]:
        return {**call, "signer": stage.other.operator.address}

    return _raw(_asked(stage), bend)


@scenario(Code.SIGNATURE_INVALID)
def body_changed_after_signing(stage: Stage) -> Played:
    def bend(call: dict[str, Any]) -> dict[str, Any]:
        return {**call, "body": {**call["body"], "history": True}}

    return _raw(_asked(stage), bend)


@scenario(Code.SIGNATURE_INVALID)
def nonce_changed_after_signing(stage: Stage) -> Played:
    def bend(call: dict[str, Any]) -> dict[str, Any]:
        return {**call, "call": {**call["call"], "nonce": hex32(stage.random(32))}}

    return _raw(_asked(stage), bend)


@scenario(Code.SIGNATURE_INVALID)
def call_for_another_verb(stage: Stage) -> Played:
    case = _asked(stage)
    return _whole(
        [
            stage.outcome(
                custodian,
                "release",
                stage.call("list", custodian, case.release_body(custodian), stage.reader.operator),
            )
            for custodian in stage.custodians
        ]
    )


@scenario(Code.SIGNATURE_INVALID)
def call_for_another_custodian(stage: Stage) -> Played:
    case = _asked(stage)
    members = stage.custodians
    return _whole(
        [
            stage.outcome(
                custodian,
                "release",
                stage.call("release", members[i - 1], case.release_body(custodian), stage.reader.operator),
            )
            for i, custodian in enumerate(members)
        ]
    )


def _aged(stage: Stage, seconds: int) -> Played:
    case = _asked(stage)
    outcomes = []
    for custodian in stage.custodians:
        body = case.release_body(custodian)
        call = stage.call_at(stage.clock.now() - seconds, "release", custodian, body, stage.reader.operator)
        outcomes.append(stage.outcome(custodian, "release", call))
    return _whole(outcomes)


@scenario(Code.CALL_STALE)
def call_signed_two_minutes_ago(stage: Stage) -> Played:
    return _aged(stage, 120)


@scenario(Code.CALL_STALE)
def call_signed_in_the_future(stage: Stage) -> Played:
    return _aged(stage, -30)


# the custodian's own standing


@scenario(Code.NODE_STALE)
def custodians_node_is_stale(stage: Stage) -> Played:
    case = _asked(stage)
    stage.stop_blocks()
    try:
        return _whole(case.release())
    finally:
        stage.resume_blocks()


@scenario(Code.CHAIN_SHORTENED, "forge")
def custodians_chain_lost_blocks(stage: Stage) -> Played:
    case = _asked(stage)
    assert all(isinstance(outcome, dict) for outcome in case.release())
    stage.shorten()
    return _whole(case.release())


@scenario(Code.CUSTODIAN_INACTIVE, "council")
def custodian_suspended(stage: Stage) -> Played:
    case = _asked(stage)
    for custodian in stage.custodians:
        stage.suspend(custodian)
    try:
        return _whole(case.release())
    finally:
        for custodian in stage.custodians:
            stage.reinstate(custodian)


@scenario(Code.CUSTODIAN_INACTIVE, "final")
def custodian_suspended_at_the_head_only(stage: Stage) -> Played:
    def act(_: Case) -> None:
        for custodian in stage.custodians:
            stage.suspend(custodian)

    return _whole(_at_the_head_only(stage, act).release())


# lists: what a reader may not even see named


@scenario(Code.GRANTEE_MISMATCH)
def list_under_anothers_consent(stage: Stage) -> Played:
    return _whole(Case(stage).ask_list(by=stage.other.operator))


@scenario(Code.NOT_OPERATOR)
def list_by_nobodys_operator(stage: Stage) -> Played:
    return _whole(Case(stage).ask_list(by=stage.account()))


@scenario(Code.CONSENT_REVOKED)
def list_under_a_revoked_consent(stage: Stage) -> Played:
    case = Case(stage)
    stage.revoke(case.patient, case.signed)
    return _whole(case.ask_list())


@scenario(Code.CONSENT_VOID)
def list_after_everything_was_revoked(stage: Stage) -> Played:
    case = Case(stage)
    stage.revoke_all(case.patient)
    return _whole(case.ask_list())


@scenario(Code.CONSENT_NOT_YET_VALID)
def list_under_a_consent_never_granted(stage: Stage) -> Played:
    case = Case(stage)
    case.signed = case.compose()
    case.package = case.pack()
    return _whole(case.ask_list())


@scenario(Code.CONSENT_NOT_YET_VALID)
def list_before_the_consent_begins(stage: Stage) -> Played:
    now = stage.clock.now()
    return _whole(Case(stage, valid_from=now + 3600).ask_list())


@scenario(Code.CONSENT_EXPIRED)
def list_after_the_consent_ended(stage: Stage) -> Played:
    now = stage.clock.now()
    return _whole(Case(stage, valid_from=now - 7200, valid_until=now - 3600).ask_list())


@scenario(Code.CONSENT_USED_UP)
def list_when_all_uses_are_spent(stage: Stage) -> Played:
    case = Case(stage, max_uses=1)
    assert case.request() is Code.GRANTED
    assert all(isinstance(outcome, dict) for outcome in case.release())
    return _whole(case.ask_list())


@scenario(Code.NOT_QUALIFIED)
def list_for_a_purpose_the_reader_is_not_qualified_for(stage: Stage) -> Played:
    return _whole(Case(stage, purposes=Purpose.HRESCH).ask_list())


@scenario(Code.OUTSIDE_WINDOW)
def list_without_a_window(stage: Stage) -> Played:
    return _whole(Case(stage, days=(0, 0)).ask_list())


@scenario(Code.SUBJECT_FROZEN)
def list_of_a_frozen_subject(stage: Stage) -> Played:
    case = Case(stage)
    stage.freeze(case.patient)
    return _whole(case.ask_list())


@scenario(Code.SUBJECT_DENIES)
def list_by_a_denied_reader(stage: Stage) -> Played:
    case = Case(stage)
    stage.deny(case.patient, Denial.OVERRIDABLE)
    return _whole(case.ask_list())


@scenario(Code.LINK_INVALID)
def list_with_a_link_by_a_former_controller(stage: Stage) -> Played:
    case = Case(stage)
    stage.rotate(case.patient, stage.account())
    return _whole(case.ask_list())


@scenario(Code.LINK_MISSING)
def list_without_a_link(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.ask_list(package={**case.package.to_json(), "links": {}}))


@scenario(Code.TERMS_INVALID)
def list_with_forged_terms(stage: Stage) -> Played:
    case = Case(stage)
    shown = case.package.to_json()
    shown["openings"][0]["value"] = hex32(b"\xff" * 32)
    return _whole(case.ask_list(package=shown))


@scenario(Code.NOT_CONTROLLER)
def list_of_a_subject_by_a_reader(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.ask_list(package=None, subject=hex32(case.patient.subject)))


@scenario(Code.NOT_CONTROLLER)
def withheld_report_to_the_reader_as_the_subject(stage: Stage) -> Played:
    case = Case(stage)
    subject = hex32(case.patient.subject)
    return _whole(case.ask_list(package=None, subject=subject, withheldFor=case.package.to_json()))


@scenario(Code.NOT_QUALIFIED)
def withheld_report_to_the_reader_as_a_supervisor(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.ask_list(package=None, withheldFor=hex32(case.signed.consent_id)))


@scenario(Code.NOT_OPERATOR)
def emergency_list_by_one_operator_twice(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.list_in_emergency(stage.reader.operator, stage.reader.operator))


@scenario(Code.NOT_OPERATOR)
def emergency_list_by_operators_of_two_participants(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.list_in_emergency(stage.reader.operator, stage.other.operator))


@scenario(Code.SIGNATURE_INVALID)
def emergency_list_with_a_signature_of_another_call(stage: Stage) -> Played:
    case = Case(stage)
    return _whole(case.list_in_emergency(stage.reader.operator, stage.reader.second, second_signs={"other": True}))


@scenario(Code.SUBJECT_FROZEN)
def emergency_list_of_a_frozen_subject(stage: Stage) -> Played:
    case = Case(stage)
    stage.freeze(case.patient)
    return _whole(case.list_in_emergency(stage.reader.operator, stage.reader.second))


# deposits


def _deposits(stage: Stage, bend: Callable[[ParticipantId, dict[str, Any]], dict[str, Any]]) -> Played:
    case = Case(stage)
    calls = stage.deposit_calls([stage.seal(case.patient.subject, Draft())], stage.source)
    return _whole([stage.outcome(c, "deposit", bend(c, call)) for c, call in calls.items()])


@scenario(Code.DEPOSIT_FORGED)
def deposit_in_the_name_of_another_source(stage: Stage) -> Played:
    return _deposits(stage, lambda c, call: stage.call("deposit", c, call["body"], stage.other.operator))


@scenario(Code.DEPOSIT_FORGED)
def deposit_signed_by_nobodys_operator(stage: Stage) -> Played:
    account = stage.account()
    return _deposits(stage, lambda c, call: stage.call("deposit", c, call["body"], account))


@scenario(Code.DEPOSIT_NOT_SOURCE)
def deposit_by_a_participant_that_is_no_source(stage: Stage) -> Played:
    supervisor = stage.supervisor
    return _deposits(
        stage,
        lambda c, call: stage.call(
            "deposit", c, {**call["body"], "sourceId": hex32(supervisor.id)}, supervisor.operator
        ),
    )


@scenario(Code.DEPOSIT_NOT_MEMBER)
def deposit_for_an_unknown_custodian_set(stage: Stage) -> Played:
    return _deposits(
        stage,
        lambda c, call: stage.call("deposit", c, {**call["body"], "custodianSet": 999_999}, stage.source.operator),
    )


@scenario(Code.DEPOSIT_MISMATCH)
def deposit_under_another_root(stage: Stage) -> Played:
    return _deposits(
        stage,
        lambda c, call: stage.call(
            "deposit", c, {**call["body"], "root": hex32(stage.random(32))}, stage.source.operator
        ),
    )


@scenario(Code.DEPOSIT_MISMATCH)
def deposit_of_another_custodians_shares(stage: Stage) -> Played:
    case = Case(stage)
    records = [stage.seal(case.patient.subject, Draft())]
    rotated = [replace(r, shares=(*r.shares[1:], r.shares[0])) for r in records]
    calls = stage.deposit_calls(rotated, stage.source)
    return _whole([stage.outcome(c, "deposit", call) for c, call in calls.items()])


@scenario(Code.DEPOSIT_MISMATCH)
def deposit_of_a_known_leaf_with_another_share(stage: Stage) -> Played:
    case = Case(stage)
    record = case.records[0]
    forged = replace(record, shares=tuple(share[:1] + stage.random(32) for share in record.shares))
    calls = stage.deposit_calls([forged], stage.source)
    return _whole([stage.outcome(c, "deposit", call) for c, call in calls.items()])


@scenario(Code.DEPOSIT_MISMATCH)
def deposit_of_level_5_without_inner_shares(stage: Stage) -> Played:
    case = Case(stage)
    record = replace(stage.seal(case.patient.subject, Draft(level=5)), inner_shares=())
    calls = stage.deposit_calls([record], stage.source)
    return _whole([stage.outcome(c, "deposit", call) for c, call in calls.items()])


@scenario(Code.RECORD_RETENTION_OVER, "years")
def leaf_past_its_retention_and_the_grace(stage: Stage) -> Played:
    case = Case(stage)
    stage.pass_seconds((5 * 365 + 2 + 31) * 86_400)
    assert case.request(**case.own(from_day=1)) is Code.GRANTED
    return _record(case, by=case.patient.controller)


@scenario(Code.RECORD_DESTROYED)
def deposit_of_a_new_version_of_a_destroyed_record(stage: Stage) -> Played:
    name = stage.random(8).hex()
    case = Case(stage, Draft(name=name))
    record = case.records[0].leaf.record_id
    stage.order(record, case.patient)
    stage.end_cooling_off()
    body = {
        "sourceId": hex32(stage.source.id),
        "recordId": hex32(record),
        "subjectRef": hex32(case.patient.subject),
    }
    for custodian in stage.custodians:
        stage.ask(custodian, "destroy", stage.call("destroy", custodian, body, stage.source.operator))
    later = case.add(Draft(name=name, version=2))
    case.request()
    return case.release(), later[0]


UNUSED_BY_CUSTODIANS = frozenset(
    {
        Code.GRANTED,
        Code.ACCREDITATION_EXPIRED,
        Code.PURPOSE_NOT_ALLOWED,
        Code.ACTION_NOT_ALLOWED,
        Code.CATEGORY_NOT_ALLOWED,
        Code.LEVEL_TOO_HIGH,
        Code.CONFIDENTIALITY_TOO_HIGH,
        Code.FORM_TOO_IDENTIFIED,
        Code.FLAG_NOT_SUPPORTED,
        Code.UNDEFINED_BITS,
        Code.RULESET_UNKNOWN,
        Code.MALFORMED_CONSENT,
        Code.EMERGENCY_BLOCKED,
    }
)
"""Codes no scenario needs: the gateway's alone, or (accreditation, malformed consents) tested in custodian units."""
