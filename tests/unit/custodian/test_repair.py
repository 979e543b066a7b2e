"""Repair as a helper: whom it helps, with what, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from custodian.log import Kind, allowed
from custodian.rules import Custodian
from salus.adapters.memory import MemoryCustodianStore, MemorySigner
from salus.core import hpke
from salus.core.codes import Code
from salus.core.errors import ConflictError, InputError, NotFoundError, RefusedError, SalusError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId, Root, from_hex, hex32
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import Signer
from salus.core.repair import Session, joined
from salus.core.repair_wire import HelperKey, HelperPart, RepairBody, Step, decode_pairs, decode_records
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage


class Asker:
    """Member 0 of a stage's set, asking members 1 and 2 step by step, as bent as a test wants it."""

    def __init__(self, stage: MemoryStage, case: Case) -> None:
        self.stage = stage
        self.case = case
        self.helpers = stage.custodians[1:3]
        self.signer: Signer = stage.members[0].signer
        self.encryption_key = stage.members[0].encryption_key
        self.allow(86_400)

    def allow(self, seconds: int, who: ParticipantId | None = None) -> None:
        now = self.stage.clock.now()
        for member in self.stage.members:
            member.store.append(allowed(who or self.stage.custodians[0], now + seconds), now)

    def session(self, leaf: LeafHash | None = None, **changes: Any) -> Session:
        asker = ParticipantId(changes.pop("asker", self.stage.custodians[0]))
        told: dict[str, Any] = {
            "chain_id": self.stage.chain.chain_id,
            "custodian_set": 1,
            "custodian": asker,
            "source": self.stage.source.id,
            "root": Root(self.stage.root(self.case.records)),
            "helpers": self.helpers,
        }
        return Session(**(told | changes), leaf=leaf)

    def ask(self, helper: ParticipantId, body: RepairBody) -> dict[str, Any]:
        return self.stage.ask(helper, "repair", self.stage.call("repair", helper, body.to_json(), self.signer))

    def meet(self, session: Session | None = None) -> dict[ParticipantId, dict[ParticipantId, HelperKey]]:
        """By reader the keys of all helpers, each with its bond to that reader."""
        about = session or self.session()
        answers = {helper: self.ask(helper, RepairBody.of(Step.MEET, about)) for helper in self.helpers}
        return {
            reader: {
                helper: replace(
                    HelperKey.from_json(answer), bond=from_hex(answer["bonds"].get(hex32(reader), hex32(bytes(32))))
                )
                for helper, answer in answers.items()
            }
            for reader in self.helpers
        }

    def share(
        self, helper: ParticipantId, session: Session, keys: dict[ParticipantId, HelperKey], leaves: list[LeafHash]
    ) -> dict[str, Any]:
        return self.ask(helper, RepairBody.of(Step.SHARE, session, leaves=tuple(leaves), keys=keys))

    def parts(self, session: Session, leaves: list[LeafHash]) -> dict[ParticipantId, dict[LeafHash, bytes]]:
        keys = self.meet(session)
        found = {}
        for helper in self.helpers:
            answer = self.share(helper, session, keys[helper], leaves)
            found[helper] = decode_pairs(self.opened(session, helper, answer, "parts"))
        return found

    def opened(self, session: Session, helper: ParticipantId, answer: dict[str, Any], what: str) -> bytes:
        info = session.sealed_info(helper, what)
        return hpke.open_sealed(from_hex(answer["sealed"], None), self.encryption_key, info)


@pytest.fixture
def asker(stage: MemoryStage) -> Asker:
    return Asker(stage, Case(stage, Draft(), Draft(), Draft()))


def refused(code: Code, call: Any) -> None:
    with pytest.raises(RefusedError) as error:
        call()
    assert error.value.code is code


def meet(asker: Asker, session: Session) -> dict[str, Any]:
    return asker.ask(asker.helpers[0], RepairBody.of(Step.MEET, session))


def test_repair__two_helpers__give_the_share_this_member_has_anyway(asker: Asker) -> None:
    """Who lost nothing learns nothing by asking: the same share again."""
    session, leaves = asker.session(), asker.case.leaves
    parts = asker.parts(session, leaves)
    for leaf, record in zip(leaves, asker.case.records, strict=True):
        assert joined(0, (parts[helper][leaf] for helper in asker.helpers)) == record.shares[0]
        for place, helper in enumerate(asker.helpers, 1):
            assert parts[helper][leaf] != record.shares[place][1:]


def test_repair__same_question_again__has_the_same_answer(asker: Asker) -> None:
    session, leaves = asker.session(), asker.case.leaves
    assert asker.parts(session, leaves) == asker.parts(session, leaves)


def test_meet__batch__tells_all_but_the_shares(asker: Asker) -> None:
    session = asker.session()
    records = decode_records(asker.opened(session, asker.helpers[0], meet(asker, session), "records"), 1)
    assert {one.leaf.hash(session.chain_id) for one in records} == set(asker.case.leaves)
    assert [(one.topics, one.topics_salt) for one in records] == [
        (record.topics, record.topics_salt) for record in asker.case.records
    ]


def test_repair__sealed__to_the_key_the_registry_has(asker: Asker) -> None:
    """Who has the operator account alone can ask, and can't read the answer."""
    session = asker.session()
    answer = meet(asker, session)
    asker.encryption_key = bytes([1]) * 32
    with pytest.raises(SalusError):
        asker.opened(session, asker.helpers[0], answer, "records")


# who may ask


def test_repair__by_no_operator_or_no_custodian__is_refused(asker: Asker) -> None:
    asker.signer = MemorySigner.named("nobody")
    refused(Code.NOT_OPERATOR, lambda: meet(asker, asker.session()))
    asker.signer = asker.stage.source.operator
    refused(Code.NOT_QUALIFIED, lambda: meet(asker, asker.session()))


def test_repair__by_a_member_that_is_no_custodian_any_more__is_refused(stage: MemoryStage, asker: Asker) -> None:
    member, key = stage.members[0], hpke.public_key(asker.encryption_key)
    stage.chain.set_participant(member.id, roles=0, operators=[member.signer.address], encryption_key=key)
    refused(Code.NOT_QUALIFIED, lambda: meet(asker, asker.session()))


def test_repair__by_a_custodian_of_another_set__is_refused(stage: MemoryStage, asker: Asker) -> None:
    key = hpke.public_key(bytes([9]) * 32)
    stranger = stage._admit("stranger", ParticipantRole.CUSTODY, key)
    stage.chain.set_custodians(2, (stranger.id, *stage.custodians[1:]), 2)
    asker.signer = stranger.operator
    refused(Code.NOT_QUALIFIED, lambda: meet(asker, asker.session()))
    asker.allow(3600, stranger.id)
    # By the set it is in it reaches no batch of the other one.
    refused(Code.RECORD_UNANCHORED, lambda: meet(asker, asker.session(custodian_set=2)))


def test_repair__by_a_suspended_member_or_at_one__is_refused(stage: MemoryStage, asker: Asker) -> None:
    stage.chain.set_status(stage.custodians[0], ParticipantStatus.SUSPENDED)
    refused(Code.PARTICIPANT_INACTIVE, lambda: meet(asker, asker.session()))
    stage.reinstate(stage.custodians[0])
    stage.suspend(asker.helpers[0])
    refused(Code.CUSTODIAN_INACTIVE, lambda: meet(asker, asker.session()))


def test_repair__of_a_set_that_is_not_or_this_is_not_in__is_refused(stage: MemoryStage, asker: Asker) -> None:
    refused(Code.DEPOSIT_NOT_MEMBER, lambda: meet(asker, asker.session(custodian_set=8)))
    stage.chain.set_custodians(3, (stage.custodians[0], stage.custodians[2]), 2)
    refused(Code.DEPOSIT_NOT_MEMBER, lambda: meet(asker, asker.session(custodian_set=3)))


def test_repair__helpers_that_are_no_circle__are_refused(stage: MemoryStage, asker: Asker) -> None:
    own, one, two = stage.custodians
    for helpers in (
        (one,),
        (two, one),
        (one, one),
        (one, own),
        (own, two),
        (one, two, own),
        (one, ParticipantId(bytes(32))),
    ):
        with pytest.raises(InputError):
            meet(asker, asker.session(helpers=helpers))
    with pytest.raises(InputError):
        meet(asker, asker.session(helpers=(own, one)))  # who asks among them
    with pytest.raises(InputError):
        asker.ask(two, RepairBody.of(Step.MEET, asker.session(helpers=(own, one))))


@pytest.mark.parametrize(
    "change", [{"step": "give"}, {"helpers": 7}, {"root": "0x12"}, {"leaves": ["0x"]}, {"keys": []}]
)
def test_repair__malformed__is_refused(asker: Asker, change: dict[str, Any]) -> None:
    body = RepairBody.of(Step.MEET, asker.session()).to_json() | change
    helper = asker.helpers[0]
    with pytest.raises(InputError):
        asker.stage.ask(helper, "repair", asker.stage.call("repair", helper, body, asker.signer))


def test_repair__not_allowed_by_an_operator_here__is_refused(stage: MemoryStage, asker: Asker) -> None:
    """Who found a backup with a member's keys can't have its shares made anew."""
    asker.allow(0)
    with pytest.raises(UnavailableError, match="allow-repair"):
        meet(asker, asker.session())
    asker.allow(60, stage.custodians[2])
    with pytest.raises(UnavailableError, match="allow-repair"):
        meet(asker, asker.session())
    asker.allow(60)
    assert meet(asker, asker.session())
    stage.pass_seconds(61)
    with pytest.raises(UnavailableError, match="allow-repair"):
        meet(asker, asker.session())
    assert len(stage.members[1].store.log_of(Kind.REPAIR, 0)) == 1


# what it helps with


def test_repair__batch_unknown_or_not_anchored__is_refused(stage: MemoryStage, asker: Asker) -> None:
    with pytest.raises(NotFoundError):
        meet(asker, asker.session(root=Root(bytes(32))))
    with pytest.raises(NotFoundError):
        meet(asker, asker.session(source=stage.other.id))
    records = [stage.seal(asker.case.patient.subject, Draft())]
    stage.deposit(records)
    refused(Code.RECORD_UNANCHORED, lambda: meet(asker, asker.session(root=Root(stage.root(records)))))


def test_share__destroyed_ordered_or_of_another_batch__is_held_back(stage: MemoryStage, asker: Asker) -> None:
    case, other = asker.case, Case(stage, Draft())
    stage.order(case.records[0].leaf.record_id, case.patient)  # still cooling off
    session = asker.session()
    keys = asker.meet()
    helper = asker.helpers[0]
    answer = asker.share(helper, session, keys[helper], [*case.leaves, *other.leaves])
    parts = decode_pairs(asker.opened(session, helper, answer, "parts"))
    assert set(parts) == set(case.leaves[1:])
    assert answer["refused"] == [
        {"leaf": hex32(case.leaves[0]), "code": int(Code.RECORD_DESTROYED)},
        {"leaf": hex32(other.leaves[0]), "code": int(Code.RECORD_UNKNOWN)},
    ]


def test_share__no_leaf_twice_the_same_or_too_many__are_refused(asker: Asker) -> None:
    session, keys, helper = asker.session(), asker.meet(), asker.helpers[0]
    leaf = asker.case.leaves[0]
    many = [LeafHash(sha256(number.to_bytes(2, "big"))) for number in range(1001)]
    for leaves in ([], [leaf, leaf], many):
        with pytest.raises(InputError):
            asker.share(helper, session, keys[helper], leaves)


def test_share__session_of_one_leaf__is_for_no_other(asker: Asker) -> None:
    """A session of one leaf can be opened, and would show what it masked of others."""
    leaf, other = asker.case.leaves[:2]
    session, helper = asker.session(leaf), asker.helpers[0]
    keys = asker.meet(session)[helper]
    for leaves in ([other], [leaf, other]):
        with pytest.raises(InputError):
            asker.share(helper, session, keys, leaves)


def test_share__own_damaged_share__is_held_back(stage: MemoryStage, asker: Asker) -> None:
    store = stage.members[1].store
    leaf = asker.case.leaves[0]
    [kept] = store.find([leaf])[leaf]
    store._fingerprints[kept.key] = bytes(32)  # type: ignore[attr-defined]  # damage is done behind the store's back
    session, keys, helper = asker.session(), asker.meet(), asker.helpers[0]
    assert asker.share(helper, session, keys[helper], [leaf])["refused"][0]["code"] == int(Code.RECORD_UNKNOWN)


# keys of the others


def test_share__keys_of_an_asker_that_would_know_the_masks__are_refused(stage: MemoryStage, asker: Asker) -> None:
    """All that who asks could put in the place of the other helper's key."""
    session, (one, two), leaf = asker.session(), asker.helpers, asker.case.leaves[0]
    keys = asker.meet()[one]
    own = hpke.public_key(bytes([5]) * 32)
    salus = stage.salus
    signed_by_asker = asker.signer.sign(session.key_digest(salus, two, own))
    other_session = asker.session(asker.case.leaves[0])
    of_other_session = asker.meet(other_session)[one][two]
    for false in (
        replace(keys[two], key=own),
        HelperKey(own, signed_by_asker, keys[two].bond),
        HelperKey(own, bytes(65), keys[two].bond),
        of_other_session,
        replace(keys[one], bond=keys[two].bond),
    ):
        refused(Code.SIGNATURE_INVALID, lambda false=false: asker.share(one, session, keys | {two: false}, [leaf]))
    # Signed by the helper's operator, but not by who has its encryption key.
    operator = stage.members[2].signer
    stolen = HelperKey(own, operator.sign(session.key_digest(salus, two, own)), keys[two].bond)
    refused(Code.SIGNATURE_INVALID, lambda: asker.share(one, session, keys | {two: stolen}, [leaf]))
    for few in ({one: keys[one]}, keys | {stage.custodians[0]: keys[two]}, keys | {one: keys[two]}):
        with pytest.raises(InputError):
            asker.share(one, session, few, [leaf])


def test_share__operator_of_the_other_helper_removed__its_key_is_refused(stage: MemoryStage, asker: Asker) -> None:
    session, one, leaf = asker.session(), asker.helpers[0], asker.case.leaves[0]
    keys = asker.meet()[one]
    stage.chain.set_operator(stage.members[2].signer.address, None)
    refused(Code.SIGNATURE_INVALID, lambda: asker.share(one, session, keys, [leaf]))


# opening


class Opening:
    """A session for one leaf, with what both helpers answered; `ask` lets the first one open it."""

    def __init__(self, asker: Asker, leaf: LeafHash) -> None:
        self.asker, self.leaf = asker, leaf
        self.session = asker.session(leaf)
        self.keys = asker.meet(self.session)
        self.answers = {}
        for helper in asker.helpers:
            answer = asker.share(helper, self.session, self.keys[helper], [leaf])
            part = decode_pairs(asker.opened(self.session, helper, answer, "parts"))[leaf]
            self.answers[helper] = HelperPart(part, from_hex(answer["signature"], 65))
        self.envelope = asker.case.records[asker.case.leaves.index(leaf)].envelope

    def ask(self, session: Session | None = None, **changes: Any) -> dict[str, Any]:
        helper = self.asker.helpers[0]
        told = {"keys": self.keys[helper], "answers": self.answers, "envelope": self.envelope} | changes
        return self.asker.ask(helper, RepairBody.of(Step.OPEN, session or self.session, **told))


def test_open__honest_parts__nothing_is_shown(asker: Asker) -> None:
    """Else whoever asks could have the share of the other."""
    opening = Opening(asker, asker.case.leaves[0])
    with pytest.raises(ConflictError, match="nobody lied"):
        opening.ask()


def test_open__part_of_the_other_made_up__nothing_is_shown(stage: MemoryStage, asker: Asker) -> None:
    opening = Opening(asker, asker.case.leaves[0])
    one, two = asker.helpers
    false = HelperPart(bytes(32), opening.answers[two].signature)
    refused(Code.SIGNATURE_INVALID, lambda: opening.ask(answers=opening.answers | {two: false}))
    keys = {helper: key.key for helper, key in opening.keys[one].items()}
    digest = opening.session.answer_digest(stage.salus, two, keys, {opening.leaf: bytes(32)})
    by_asker = HelperPart(bytes(32), asker.signer.sign(digest))
    refused(Code.SIGNATURE_INVALID, lambda: opening.ask(answers=opening.answers | {two: by_asker}))
    own = replace(opening.answers[one], part=bytes(32))
    with pytest.raises(ConflictError, match="own part"):
        opening.ask(answers=opening.answers | {one: own})


def test_open__part_of_another_leaf_or_another_envelope__nothing_is_shown(asker: Asker) -> None:
    opening, other = Opening(asker, asker.case.leaves[0]), Opening(asker, asker.case.leaves[1])
    two = asker.helpers[1]
    refused(Code.SIGNATURE_INVALID, lambda: opening.ask(answers=opening.answers | {two: other.answers[two]}))
    for envelope in (other.envelope, b"", opening.envelope + b"\x00"):
        with pytest.raises(InputError):
            opening.ask(envelope=envelope)


def test_open__session_of_a_batch_or_no_answers__is_refused(asker: Asker) -> None:
    opening = Opening(asker, asker.case.leaves[0])
    for session, answers in ((asker.session(), opening.answers), (opening.session, {})):
        with pytest.raises(InputError):
            opening.ask(session, answers=answers)


def test_open__threshold_above_two__is_refused() -> None:
    """There one liar with who asks is fewer than can join the key."""
    wide = MemoryStage([MemoryCustodianStore() for _ in range(4)])
    wide.chain.set_custodians(1, wide.custodians, 3)
    asker = Asker(wide, Case(wide, Draft()))
    asker.helpers = wide.custodians[1:4]
    opening = Opening(asker, asker.case.leaves[0])
    with pytest.raises(ConflictError, match="threshold"):
        opening.ask()


# how much


def limited(stage: MemoryStage, most: int) -> Custodian:
    stage.members[1] = replace(stage.members[1], repairs_an_hour=most)
    return stage.members[1]


def test_repair__more_than_the_hour_allows__waits_for_the_next(stage: MemoryStage, asker: Asker) -> None:
    helper = limited(stage, 100)
    session = asker.session()
    meet(asker, session)
    meet(asker, session)  # each counts as fifty at least
    with pytest.raises(UnavailableError, match="later"):
        meet(asker, session)
    assert len(helper.store.log_of(Kind.REPAIR, 0)) == 2
    stage.pass_seconds(3601)
    assert meet(asker, session)


def test_repair__another_asked_much__is_counted_apart(stage: MemoryStage, asker: Asker) -> None:
    limited(stage, 100)
    for _ in range(2):
        meet(asker, asker.session())
    asker.signer, asker.encryption_key = stage.members[2].signer, stage.members[2].encryption_key
    asker.helpers = stage.custodians[:2]
    asker.allow(60, stage.custodians[2])
    session = asker.session(asker=stage.custodians[2])
    assert asker.ask(stage.custodians[1], RepairBody.of(Step.MEET, session))


def test_repair__switched_off__helps_with_nothing(stage: MemoryStage, asker: Asker) -> None:
    limited(stage, 0)
    with pytest.raises(UnavailableError):
        meet(asker, asker.session())


def test_repair__log_fails__nothing_is_told(stage: MemoryStage, asker: Asker, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise UnavailableError("disk full")

    monkeypatch.setattr(stage.members[1].store, "append", full)
    with pytest.raises(UnavailableError, match="disk full"):
        meet(asker, asker.session())
