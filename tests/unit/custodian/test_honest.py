"""What honest callers get: shares that open records, lists inside the consent, reports of what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custodian.app import VERBS
from custodian.log import Kind
from salus.adapters.memory import MemoryCustodianStore
from salus.core.cid import cid_of
from salus.core.codes import Code
from salus.core.custody import LogEntry, attestation_digest, log_entry
from salus.core.errors import ConflictError, InputError, NotFoundError, RefusedError, ShareError
from salus.core.ids import ZERO32, RecordId, SubjectRef, from_hex, hex32
from salus.core.labels import Category, Topic
from salus.core.merkle import records_root
from salus.core.signatures import recover
from salus.core.state import Denial
from tests.custody_stage import Case, Draft, Outcome, all_refuse, all_withhold
from tests.unit.custodian.conftest import MemoryStage


def answers(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    for outcome in outcomes:
        assert isinstance(outcome, dict), outcome
    return [outcome for outcome in outcomes if isinstance(outcome, dict)]


def listed(outcomes: Sequence[Outcome]) -> list[str]:
    [first, *others] = [[item["leaf"] for item in answer["items"]] for answer in answers(outcomes)]
    assert all(other == first for other in others)
    return first


def test_release__under_a_consent__opens_every_record(sqlite_stage: MemoryStage) -> None:
    case = Case(sqlite_stage, Draft(), Draft(topics=Topic.HBV), Draft(Category.IMGREP, days_ago=0))
    assert case.request() is Code.GRANTED
    outcomes = case.release()
    for answer in answers(outcomes):
        assert answer["accessId"] == hex32(case.access_id)
        assert answer["refused"] == []
    for record in case.records:
        opened = case.open(outcomes, record)
        assert opened.record_id == record.leaf.record_id


def test_release__of_level_5__needs_every_custodian(stage: MemoryStage) -> None:
    case = Case(stage, Draft(level=5), max_level=5)
    case.request()
    outcomes = case.release()
    assert case.open(outcomes, case.records[0]).version == 1
    with pytest.raises(ShareError):
        case.open([*outcomes[:2], {"shares": []}], case.records[0])


def test_release__two_of_three__is_enough_below_level_5(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    outcomes = case.release()
    assert case.open([{"shares": []}, *outcomes[1:]], case.records[0]).version == 1


def test_release__in_any_order_of_leaves__is_the_same(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(), Draft())
    case.request()
    outcomes = case.release(case.leaves[::-1])
    assert [item["leaf"] for item in answers(outcomes)[0]["shares"]] == [hex32(leaf) for leaf in case.leaves[::-1]]


def test_release__one_refused_record__does_not_hold_the_others_back(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5), Draft())
    case.request()
    for answer in answers(case.release()):
        assert [item["leaf"] for item in answer["shares"]] == [hex32(case.leaves[0]), hex32(case.leaves[2])]
        assert answer["refused"] == [{"leaf": hex32(case.leaves[1]), "code": int(Code.RECORD_ABOVE_LEVEL)}]


def test_release__history__gives_superseded_versions(stage: MemoryStage) -> None:
    case = Case(stage, Draft(name="history"))
    case.add(Draft(name="history", version=2))
    case.request()
    outcomes = case.release(history=True)
    assert [case.open(outcomes, record).version for record in case.records] == [1, 2]


def test_release__unanchored_newer_version__supersedes_nothing(stage: MemoryStage) -> None:
    case = Case(stage, Draft(name="pending"))
    asked = case.leaves
    case.request(asked)
    case.add(Draft(name="pending", version=2), anchored=False)
    assert case.open(case.release(asked), case.records[0]).version == 1


def test_release__own_access__by_controller_and_guardian(stage: MemoryStage) -> None:
    case = Case(stage, Draft(level=5, topics=Topic.HIV), Draft(Category.GENOM))
    case.request(**case.own(level=5, categories=(1 << 37) - 1))
    for signer in (case.patient.controller, case.patient.guardian):
        outcomes = case.release(by=signer)
        assert [case.open(outcomes, record).version for record in case.records] == [1, 1]


def test_release__emergency__overrides_an_overridable_denial_and_topics(stage: MemoryStage) -> None:
    case = Case(stage, Draft(topics=Topic.HIV))
    stage.deny(case.patient, Denial.OVERRIDABLE)
    assert case.request(**case.emergency()) is Code.GRANTED
    assert case.open(case.release(), case.records[0]).topics == Topic.HIV


def test_release__with_its_own_session_key_named__is_released(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    assert case.access is not None
    assert answers(case.release(sessionKey=hex32(case.access.session_key)))


def test_release__same_call_body_with_a_new_nonce__is_released_again(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    assert answers(case.release())
    assert answers(case.release())


def test_release__key_nobody_can_seal_to__is_malformed(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request(session_key=ZERO32)
    with pytest.raises(InputError):
        case.release()


class FullDiskStore(MemoryCustodianStore):
    """A store whose log can't grow any more once `full` is set."""

    full = False

    def append(self, content: dict[str, Any], now: int) -> LogEntry:
        if self.full:
            raise OSError("no space left on device")
        return super().append(content, now)


def test_release__that_cannot_be_logged__sends_nothing() -> None:
    store = FullDiskStore()
    case = Case(MemoryStage([store, MemoryCustodianStore()]))
    case.request()
    store.full = True
    for ask in (case.release, case.ask_list):
        with pytest.raises(OSError, match="no space"):
            ask()


def test_release__granted_or_refused__is_in_the_log_before_the_answer(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5))
    case.request()
    case.release(userOpening="0x0102")
    [entry] = stage.members[0].store.log_about(hex32(case.access_id), Kind.RELEASE.value)
    assert entry.content["leaves"] == [hex32(case.leaves[0])]
    assert entry.content["refused"] == {hex32(case.leaves[1]): int(Code.RECORD_ABOVE_LEVEL)}
    assert entry.content["signer"] == stage.reader.operator.address
    assert entry.content["userOpening"] == "0x0102"


def test_release__terms_zero__allow_no_topic_and_exclude_nothing(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(topics=Topic.HBV))
    bare = replace(case.signed.consent, terms=ZERO32)
    consent_id = bare.consent_id(stage.chain.domain("ConsentRegistry"))
    case.signed = replace(case.signed, consent=bare, consent_id=consent_id, excluded=())
    stage.grant(case.signed)
    case.package = replace(case.pack(), openings=())
    case.request()
    for answer in answers(case.release()):
        assert [item["leaf"] for item in answer["shares"]] == [hex32(case.leaves[0])]
        assert answer["refused"][0]["code"] == Code.RECORD_TOPIC_NOT_ALLOWED


# lists


def test_list__under_a_consent__names_only_what_is_inside(sqlite_stage: MemoryStage) -> None:
    case = Case(
        sqlite_stage,
        Draft(),
        Draft(Category.GENOM),
        Draft(days_ago=91),
        Draft(level=5),
        Draft(topics=Topic.HIV),
        Draft(topics=Topic.HBV),
        Draft(days_ago=None),
    )
    case.add(Draft(), anchored=False)
    assert listed(case.ask_list()) == [hex32(case.leaves[0]), hex32(case.leaves[5])]


def test_list__item__tells_neither_subject_nor_the_leaf_before(stage: MemoryStage) -> None:
    case = Case(stage)
    [answer, *_] = answers(case.ask_list())
    [item] = answer["items"]
    leaf = case.records[0].leaf
    assert item == {
        "leaf": hex32(case.leaves[0]),
        "cid": cid_of(leaf.envelope_digest),
        "sourceId": hex32(stage.source.id),
        "recordId": hex32(leaf.record_id),
        "version": 1,
        "envelopeDigest": hex32(leaf.envelope_digest),
        "contentCommitment": hex32(leaf.content_commitment),
        "categories": int(Category.LAB),
        "level": 3,
        "confidentiality": 3,
        "form": 0,
        "firstDay": leaf.first_day,
        "lastDay": leaf.last_day,
        "topicsCommitment": hex32(leaf.topics_commitment),
        "custodianSet": 1,
    }
    assert set(answer) == {"items", "more"}
    assert hex32(case.patient.subject) not in str(answer)


def test_list__pages__hold_every_item_once(stage: MemoryStage) -> None:
    case = Case(stage, *(Draft() for _ in range(5)))
    case.add(Draft(), Draft())
    seen: list[str] = []
    after: str | None = None
    while True:
        outcomes = case.ask_list(limit=3, after=after)
        seen += listed(outcomes)
        if not answers(outcomes)[0]["more"]:
            break
        after = seen[-1]
    assert len(seen) == 7
    assert set(seen) == {hex32(leaf) for leaf in case.leaves}


def test_list__after_an_unknown_leaf__is_malformed(stage: MemoryStage) -> None:
    with pytest.raises(InputError):
        Case(stage).ask_list(after=hex32(ZERO32))


def test_list__after_a_leaf_of_the_patient_outside_the_scope__told_as_if_it_were_unknown(stage: MemoryStage) -> None:
    # Else whoever has seen a leaf elsewhere could ask under its own consent whether it is this patient's.
    case = Case(stage, Draft())
    hidden = case.add(Draft(level=5))[0]
    with pytest.raises(InputError):
        case.ask_list(after=hex32(hidden))


def test_list__history__adds_superseded_versions(stage: MemoryStage) -> None:
    case = Case(stage, Draft(name="versions"))
    case.add(Draft(name="versions", version=2))
    assert listed(case.ask_list()) == [hex32(case.leaves[1])]
    assert listed(case.ask_list(history=True)) == [hex32(leaf) for leaf in case.leaves]


def test_list__invalid_or_ordered_record__is_gone(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(), Draft())
    stage.invalidate(case.leaves[0], case.patient.subject)
    stage.order(case.records[1].leaf.record_id, case.patient)
    assert listed(case.ask_list()) == [hex32(case.leaves[2])]


def test_list__rolling_window__moves_with_the_head(stage: MemoryStage) -> None:
    case = Case(stage, Draft(days_ago=25), days=(0, 0), window_months=1, valid_until=stage.clock.now() + 90 * 86400)
    assert len(listed(case.ask_list())) == 1
    stage.pass_seconds(10 * 86400)
    assert listed(case.ask_list()) == []


def test_list__before_the_answer__is_logged_with_counts_of_what_was_left_out(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5), Draft(level=5), Draft(Category.GENOM))
    case.ask_list()
    [entry] = stage.members[0].store.log_about(hex32(case.signed.consent_id), Kind.LIST.value)
    assert entry.content["recordsRoot"] == hex32(records_root(case.leaves[:1]))
    assert entry.content["withheld"] == {"144": 1, "146": 2}
    assert entry.content["participantId"] == hex32(stage.reader.id)


def test_list__own__shows_controller_and_guardian_everything(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5, topics=Topic.HIV), Draft(days_ago=None))
    stage.freeze(case.patient)
    for signer in (case.patient.controller, case.patient.guardian):
        outcomes = case.ask_list(by=signer, package=None, subject=hex32(case.patient.subject))
        assert listed(outcomes) == [hex32(leaf) for leaf in case.leaves]
        for item, record in zip(answers(outcomes)[0]["items"], case.records, strict=True):
            assert item.items() >= record.leaf.to_json().items()
            assert (item["topics"], item["code"]) == (record.topics, 0)


def test_list__own_history__tells_what_would_not_be_released(stage: MemoryStage) -> None:
    case = Case(stage, Draft(name="own"), Draft())
    case.add(Draft(name="own", version=2))
    stage.invalidate(case.leaves[1], case.patient.subject)
    subject = hex32(case.patient.subject)
    outcomes = case.ask_list(by=case.patient.controller, package=None, subject=subject)
    assert listed(outcomes) == [hex32(case.leaves[2])]
    outcomes = case.ask_list(by=case.patient.controller, package=None, subject=subject, history=True)
    assert [item["code"] for item in answers(outcomes)[0]["items"]] == [0, int(Code.RECORD_INVALID), 0]


def test_list__in_an_emergency__takes_two_operators(stage: MemoryStage) -> None:
    case = Case(stage, Draft(level=5, topics=Topic.HIV))
    outcomes = case.list_in_emergency(stage.reader.operator, stage.reader.second)
    assert listed(outcomes) == [hex32(case.leaves[0])]
    assert "topics" not in answers(outcomes)[0]["items"][0]
    [entry] = stage.members[0].store.log_about(hex32(case.patient.subject), Kind.LIST.value)
    assert entry.content["second"] == stage.reader.second.address


def test_withheld__by_the_subject__names_leaves_and_reasons(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5), Draft(Category.GENOM))
    subject, shown = hex32(case.patient.subject), case.package.to_json()
    outcomes = case.ask_list(by=case.patient.controller, package=None, subject=subject, withheldFor=shown)
    for answer in answers(outcomes):
        assert answer["withheld"] == [
            {"code": 144, "name": "RECORD_OUTSIDE_CATEGORIES", "count": 1, "leaves": [hex32(case.leaves[2])]},
            {"code": 146, "name": "RECORD_ABOVE_LEVEL", "count": 1, "leaves": [hex32(case.leaves[1])]},
        ]


def test_withheld__by_a_supervisor__counts_what_each_list_left_out(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft(level=5))
    case.ask_list()
    consent = hex32(case.signed.consent_id)
    outcomes = case.ask_list(by=stage.supervisor.operator, package=None, withheldFor=consent)
    for answer in answers(outcomes):
        [one] = answer["lists"]
        assert one["withheld"] == [{"code": 146, "name": "RECORD_ABOVE_LEVEL", "count": 1}]
        assert (one["listed"], one["participantId"]) == (1, hex32(stage.reader.id))
        assert "leaf" not in str(answer)
        assert hex32(case.patient.subject) not in str(answer)


def test_withheld__by_another_subject__shows_nothing_of_this_one(stage: MemoryStage) -> None:
    case, stranger = Case(stage, Draft(), Draft(level=5)), Case(stage)
    case.ask_list()
    subject, consent = hex32(stranger.patient.subject), hex32(case.signed.consent_id)
    by = stranger.patient.controller
    for answer in answers(stranger.ask_list(by=by, package=None, subject=subject, withheldFor=consent)):
        assert answer == {"lists": []}
    shown = case.package.to_json()
    all_refuse(stranger.ask_list(by=by, package=None, subject=subject, withheldFor=shown), Code.LINK_INVALID)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"package": {}, "subject": hex32(ZERO32)},
        {"subject": "0x01"},
        {"subject": hex32(ZERO32), "limit": 0},
        {"subject": hex32(ZERO32), "limit": 1025},
        {"subject": hex32(ZERO32), "limit": "5"},
        {"subject": hex32(ZERO32), "history": "yes"},
        {"subject": hex32(ZERO32), "second": {"signer": "0x00"}},
        {"package": {"consent": 5}},
    ],
)
def test_list__malformed_body__is_refused_as_malformed(stage: MemoryStage, body: dict[str, Any]) -> None:
    custodian = stage.custodians[0]
    with pytest.raises(InputError):
        stage.ask(custodian, "list", stage.call("list", custodian, body, stage.reader.operator))


# deposits


def test_deposit__same_again__gets_the_same_answer(sqlite_stage: MemoryStage) -> None:
    stage = sqlite_stage
    case = Case(stage)
    stage.deposit(case.records)
    assert len(stage.members[0].store.log(0, 100)) == 1


def test_deposit__again_in_another_batch__is_stored_once(stage: MemoryStage) -> None:
    case = Case(stage)
    stage.deposit([*case.records, stage.seal(case.patient.subject, Draft())])
    assert len(stage.members[0].store.of_subject(case.patient.subject)) == 2


def test_deposit__share_at_rest__is_wrapped(stage: MemoryStage) -> None:
    case = Case(stage)
    member = stage.members[0]
    [kept] = member.store.of_subject(case.patient.subject)
    wrapped = member.store.shares([kept.key])[kept.key]
    assert case.records[0].shares[0][1:] not in wrapped.blob


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_deposit__any_changed_byte__is_refused(stage: MemoryStage, data: st.DataObject) -> None:
    patient = stage.patient()
    record = stage.seal(patient.subject, Draft())
    custodian = stage.custodians[0]
    call = stage.deposit_calls([record], stage.source)[custodian]
    member = data.draw(st.sampled_from(["sourceId", "root", "sealed"]))
    raw = bytearray(from_hex(call["body"][member], None))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    body = {**call["body"], member: hex32(bytes(raw))}
    assert stage.outcome(custodian, "deposit", {**call, "body": body}) is Code.SIGNATURE_INVALID
    signed_again = stage.call("deposit", custodian, body, stage.source.operator)
    expected = Code.DEPOSIT_FORGED if member == "sourceId" else Code.DEPOSIT_MISMATCH
    assert stage.outcome(custodian, "deposit", signed_again) is expected
    assert stage.members[0].store.of_subject(patient.subject) == []


def test_deposit__empty_or_unreadable_payload__is_a_mismatch(stage: MemoryStage) -> None:
    custodian = stage.custodians[0]
    call = stage.deposit_calls([stage.seal(SubjectRef(ZERO32), Draft())], stage.source)[custodian]
    for sealed in ("0x", "0x" + "00" * 200):
        body = {**call["body"], "sealed": sealed}
        again = stage.call("deposit", custodian, body, stage.source.operator)
        assert stage.outcome(custodian, "deposit", again) is Code.DEPOSIT_MISMATCH


# destruction


def destroy_body(stage: MemoryStage, record: RecordId, subject: SubjectRef) -> dict[str, str]:
    return {"sourceId": hex32(stage.source.id), "recordId": hex32(record), "subjectRef": hex32(subject)}


def test_destroy__ordered_for_another_patient__leaves_this_ones_shares(sqlite_stage: MemoryStage) -> None:
    stage = sqlite_stage
    case, other = Case(stage), Case(stage)
    custodian, record = stage.custodians[0], case.records[0].leaf.record_id
    stage.order(record, other.patient)
    stage.end_cooling_off()
    call = stage.call("destroy", custodian, destroy_body(stage, record, other.patient.subject), stage.account())
    assert stage.ask(custodian, "destroy", call)["erased"] == 0
    assert len(stage.members[0].store.of_subject(case.patient.subject)) == 1
    case.request()
    assert answers(case.release())


def test_destroy__after_the_cooling_off__erases_and_attests(sqlite_stage: MemoryStage) -> None:
    stage = sqlite_stage
    case = Case(stage, Draft(name="gone"), Draft())
    case.add(Draft(name="gone", version=2))
    record = case.records[0].leaf.record_id
    body = destroy_body(stage, record, case.patient.subject)
    stage.order(record, case.patient)
    stage.end_cooling_off()
    domain = stage.chain.domain("RecordRegistry")
    for member in stage.members:
        first, second = (
            stage.ask(member.id, "destroy", stage.call("destroy", member.id, body, by))
            for by in (stage.source.operator, stage.account())
        )
        assert first == second
        assert first["erased"] == 2
        digest = attestation_digest(domain, stage.source.id, record, case.patient.subject, member.id, 2)
        assert recover(digest, from_hex(first["attestation"], 65)) == member.signer.address
        assert [k.leaf_hash for k in member.store.of_subject(case.patient.subject)] == [case.leaves[1]]


def test_destroy__without_an_order__erases_nothing(stage: MemoryStage) -> None:
    case = Case(stage)
    custodian = stage.custodians[0]
    body = destroy_body(stage, case.records[0].leaf.record_id, case.patient.subject)
    with pytest.raises(NotFoundError):
        stage.ask(custodian, "destroy", stage.call("destroy", custodian, body, stage.source.operator))
    assert len(stage.members[0].store.of_subject(case.patient.subject)) == 1


@pytest.mark.parametrize("reason", ["cooling-off", "hold", "head only"])
def test_destroy__before_it_may__erases_nothing(stage: MemoryStage, reason: str) -> None:
    case = Case(stage)
    custodian, record = stage.custodians[0], case.records[0].leaf.record_id
    if reason == "head only":
        stage.chain.hold_final()
    stage.order(record, case.patient)
    if reason == "hold":
        stage.chain.set_hold(case.patient.subject, hold=True)
    if reason != "cooling-off":
        stage.end_cooling_off()
    body = destroy_body(stage, record, case.patient.subject)
    with pytest.raises(NotFoundError if reason == "head only" else ConflictError):
        stage.ask(custodian, "destroy", stage.call("destroy", custodian, body, stage.source.operator))
    assert len(stage.members[0].store.of_subject(case.patient.subject)) == 1


def test_destroy__record_never_held__attests_none(stage: MemoryStage) -> None:
    custodian, record = stage.custodians[0], RecordId(stage.random(32))
    stage.chain.order(stage.source.id, record)
    body = destroy_body(stage, record, SubjectRef(ZERO32))
    answer = stage.ask(custodian, "destroy", stage.call("destroy", custodian, body, stage.source.operator))
    assert answer["erased"] == 0


# the custodian's view of its chain


def test_chain__shortened_custodian__serves_again_when_an_operator_accepts(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    assert answers(case.release())
    stage.chain.fork(1)
    case.request()
    all_refuse(case.release(), Code.CHAIN_SHORTENED)
    final = stage.chain.final()
    for member in stage.members:
        member.store.accept_chain(final.number, final.hash, stage.clock.now(), {"kind": "chain"})
    assert answers(case.release())


def test_chain__accepted_without_the_anchor_of_a_record__releases_it_only_when_it_is_anchored_again(
    stage: MemoryStage,
) -> None:
    case = Case(stage)
    before = stage.chain.head().number
    (leaf,) = case.add(Draft())
    case.request([leaf])
    assert answers(case.release([leaf]))
    stage.chain.shorten(stage.chain.head().number - before)
    final = stage.chain.final()
    for member in stage.members:
        member.store.accept_chain(final.number, final.hash, stage.clock.now(), {"kind": "chain"})
    all_refuse(case.release([leaf]), Code.ACCESS_UNKNOWN)
    case.request([leaf])
    all_withhold(case.release([leaf]), leaf, Code.RECORD_UNANCHORED)
    stage.anchor(stage.root(case.records[-1:]), 1, stage.custodian_set)
    assert answers(case.release([leaf]))


def test_chain__head_that_forks_above_the_final_block__is_no_loss(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    stage.chain.hold_final()
    stage.chain.advance(3)
    assert answers(case.release())
    stage.chain.fork(2)
    assert answers(case.release())


def test_call__nonce_of_a_refused_call__is_spent(stage: MemoryStage) -> None:
    case = Case(stage)
    case.access = case.struct()
    custodian = stage.custodians[0]
    call = stage.call("release", custodian, case.release_body(custodian), stage.reader.operator)
    assert stage.outcome(custodian, "release", call) is Code.ACCESS_UNKNOWN
    assert stage.outcome(custodian, "release", call) is Code.CALL_REPLAYED


def test_call__same_nonce_of_another_signer__is_admitted(stage: MemoryStage) -> None:
    case = Case(stage)
    case.request()
    custodian, now = stage.custodians[0], stage.clock.now()
    stage.random = lambda size: b"n" * size
    for signer in (stage.reader.operator, stage.reader.second):
        call = stage.call_at(now, "release", custodian, case.release_body(custodian), signer)
        assert isinstance(stage.outcome(custodian, "release", call), dict)


def test_log__of_everything__is_one_chain(stage: MemoryStage) -> None:
    case = Case(stage)
    case.ask_list()
    case.request()
    case.release()
    previous = ZERO32
    for entry in stage.members[0].store.log(0, 100):
        assert entry == log_entry(entry.index, entry.at, previous, entry.content)
        previous = entry.digest
    kinds = [entry.content["kind"] for entry in stage.members[0].store.log(0, 100)]
    assert kinds == ["deposit", "list", "release"]


@pytest.mark.parametrize("verb", sorted(VERBS))
@pytest.mark.parametrize("call", [{}, {"body": {}}, {"body": [], "call": {}}, {"body": {}, "call": 5, "signer": 1}])
def test_call__malformed__is_refused_as_malformed(stage: MemoryStage, verb: str, call: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        stage.ask(stage.custodians[0], verb, call)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_call__signed_but_empty_body__is_refused_as_malformed(stage: MemoryStage, verb: str) -> None:
    custodian = stage.custodians[0]
    with pytest.raises((InputError, RefusedError)):
        stage.ask(custodian, verb, stage.call(verb, custodian, {}, stage.reader.operator))
