"""What a custodian does with records whose years are over: by final time, the patient's choice, and holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custodian.ports import CustodianStore
from custodian.retention import over, standing_of
from custodian.rules import look
from custodian.standing import settle
from salus.core.codes import Code
from salus.core.ids import ParticipantId, SubjectRef
from salus.core.retention import DAY_SECONDS, GRACE_DAYS, Standing, due_at
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage


@pytest.fixture(params=["memory", "sqlite"])
def either(request: pytest.FixtureRequest) -> MemoryStage:
    """The stage with each kind of store."""
    found: MemoryStage = request.getfixturevalue("stage" if request.param == "memory" else "sqlite_stage")
    return found


def _ended(stage: MemoryStage, case: Case) -> list[bool]:
    """Which of a case's records the first custodian holds to be over, in order of deposit."""
    member = stage.members[0]
    view = look(member)
    kept = settle(member, member.store.of_subject(case.patient.subject), view)
    found = over(member, case.patient.subject, kept, view)
    return [record.key in found for record in kept]


def _pass_until(stage: MemoryStage, at: int) -> None:
    stage.pass_seconds(at - stage.clock.now())


def test_over__default_of_five_years__ends_with_the_grace_and_not_before(either: MemoryStage) -> None:
    case, begun = Case(either), either.clock.now()
    end = due_at(begun, 5) + GRACE_DAYS * DAY_SECONDS
    _pass_until(either, end - 1)
    assert _ended(either, case) == [False]
    _pass_until(either, end)
    assert _ended(either, case) == [True]


def test_over__one_year_chosen_then_five__is_kept_again(either: MemoryStage) -> None:
    case, begun = Case(either), either.clock.now()
    patient = case.patient
    source, controller = either.source.id, patient.controller.address
    either.chain.set_subject(patient.subject, source, controller, retention_years=1)
    _pass_until(either, due_at(begun, 1) + GRACE_DAYS * DAY_SECONDS)
    assert _ended(either, case) == [True]
    either.chain.set_subject(patient.subject, source, controller, retention_years=5)
    assert _ended(either, case) == [False]


def test_over__newer_version__begins_anew_for_all_versions(either: MemoryStage) -> None:
    case = Case(either, Draft(name="one"), Draft(name="other"))
    either.pass_seconds(2 * 365 * DAY_SECONDS)
    case.add(Draft(name="one", version=2))
    anew = either.clock.now()
    _pass_until(either, due_at(anew, 5) - 1)
    assert _ended(either, case) == [False, True, False]
    _pass_until(either, due_at(anew, 5) + GRACE_DAYS * DAY_SECONDS)
    assert _ended(either, case) == [True, True, True]


def test_over__newer_version_whose_anchor_nobody_has_asked_for__begins_anew(either: MemoryStage) -> None:
    """One that asks for an older version, in history, asks for nothing else; the sweep looks back an hour only."""
    case, member = Case(either, Draft(name="one")), either.members[0]
    either.pass_seconds(2 * 365 * DAY_SECONDS)
    case.add(Draft(name="one", version=2))
    _pass_until(either, due_at(either.clock.now(), 5) - 1)
    view = look(member)
    [old] = settle(member, member.store.find(case.leaves[:1])[case.leaves[0]], view)
    assert over(member, case.patient.subject, [old], view) == set()


def test_over__version_that_was_never_anchored__prolongs_nothing(either: MemoryStage) -> None:
    case, begun = Case(either, Draft(name="one")), either.clock.now()
    either.pass_seconds(2 * 365 * DAY_SECONDS)
    case.add(Draft(name="one", version=2), anchored=False)
    _pass_until(either, due_at(begun, 5) + GRACE_DAYS * DAY_SECONDS)
    assert _ended(either, case)[0]


def test_over__legal_hold__wins(either: MemoryStage) -> None:
    case = Case(either)
    either.chain.set_hold(case.patient.subject, hold=True)
    either.pass_seconds(10 * 365 * DAY_SECONDS)
    assert _ended(either, case) == [False]
    either.chain.set_hold(case.patient.subject, hold=False)
    assert _ended(either, case) == [True]


def test_over__fork_or_clock_ahead__only_final_time_counts(stage: MemoryStage) -> None:
    case, begun = Case(stage), stage.clock.now()
    assert _ended(stage, case) == [False]
    stage.hold_final()
    _pass_until(stage, due_at(begun, 5) + GRACE_DAYS * DAY_SECONDS)
    member = replace(stage.members[0], head_age=10**9)
    kept = member.store.of_subject(case.patient.subject)
    view = look(member)
    assert view.head.timestamp > view.final.timestamp
    assert over(member, case.patient.subject, kept, view) == set()


def test_over__grace_of_this_custodian__is_its_setting(stage: MemoryStage) -> None:
    case, begun = Case(stage), stage.clock.now()
    _pass_until(stage, due_at(begun, 5))
    assert _ended(stage, case) == [False]  # and notes what is anchored
    strict = replace(stage.members[0], grace_days=0)
    kept = strict.store.of_subject(case.patient.subject)
    assert over(strict, case.patient.subject, kept, look(strict)) == {record.key for record in kept}


def test_list__retention_over__shows_it_to_the_patient_in_history_only(stage: MemoryStage) -> None:
    case = Case(stage)
    stage.pass_seconds((5 * 366 + GRACE_DAYS + 1) * DAY_SECONDS)
    body = {"subject": "0x" + case.patient.subject.hex()}
    for history, codes in ((False, []), (True, [int(Code.RECORD_RETENTION_OVER)])):
        call = stage.call("list", stage.custodians[0], {**body, "history": history}, case.patient.controller)
        answer = stage.ask(stage.custodians[0], "list", call)
        assert [item["code"] for item in answer["items"]] == codes


def test_newest_anchored__leaf_in_two_batches__counts_from_the_first(either: MemoryStage) -> None:
    case, begun = Case(either), either.clock.now()
    assert _ended(either, case) == [False]  # and notes what is anchored
    either.pass_seconds(100)
    either.deposit([*case.records, either.seal(case.patient.subject, Draft())])
    store: CustodianStore = either.members[0].store
    batches = store.open_batches(0, 10)
    store.mark_anchored({batch.key: either.clock.now() for batch in batches})
    record = case.records[0].leaf.record_id
    assert store.newest_anchored(either.source.id, [record]) == {record: begun}


def test_standing_of__what_a_member_asks_before_it_votes__is_by_this_custodians_data(either: MemoryStage) -> None:
    case, begun = Case(either), either.clock.now()
    member, record, subject = either.members[0], case.records[0].leaf.record_id, case.patient.subject

    def standing(of: SubjectRef = subject, source: ParticipantId = either.source.id) -> Standing | None:
        return standing_of(member, source, record, of, look(member))

    assert standing() is Standing.KEPT
    _pass_until(either, due_at(begun, 5))
    assert standing() is Standing.DUE
    _pass_until(either, due_at(begun, 5) + GRACE_DAYS * DAY_SECONDS)
    assert standing() is Standing.OVER
    assert standing(of=Case(either).patient.subject) is None
    assert standing(source=either.reader.id) is None
    either.chain.set_hold(subject, hold=True)
    assert standing() is Standing.HELD
    either.chain.set_hold(subject, hold=False)
    either.order(record, case.patient)
    assert standing() is Standing.ORDERED


def test_standing_of__deposited_but_never_anchored__can_not_be_told(stage: MemoryStage) -> None:
    case = Case(stage)
    case.add(Draft(), anchored=False)
    member, record = stage.members[0], case.records[1].leaf.record_id
    stage.pass_seconds(10 * 366 * DAY_SECONDS)
    assert standing_of(member, stage.source.id, record, case.patient.subject, look(member)) is None
