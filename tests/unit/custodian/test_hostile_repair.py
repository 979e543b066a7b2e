"""Who bends a repair: helpers that make up records or lie to some only, sources that dealt wrongly, forked nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from custodian.app import VERBS
from custodian.audit import audit
from custodian.destroy import erase_ordered
from custodian.rules import Custodian, look
from salus.adapters.memory import MemoryCustodians, MemoryPeriodKeys
from salus.core import hpke
from salus.core.deposit import items_for
from salus.core.ids import LeafHash, ParticipantId, hex32
from salus.core.repair_wire import HeldRecord, RepairBody, Step, encode_pairs, encode_records
from tests import custody_stage
from tests.custody_stage import Case, Draft
from tests.unit.custodian.test_mending import LOST, Scene

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def bend(scene: Scene, number: int, answer: Callable[[Custodian, dict[str, Any]], dict[str, Any]]) -> ParticipantId:
    """From now on a member answers repairs as `answer` does; returns who it is."""
    member = scene.members[number]
    honest = {one.id: scene._answering(place) for place, one in enumerate(scene.members)}
    scene.client = MemoryCustodians(honest | {member.id: lambda _, call: answer(member, call)})
    return member.id


def telling(scene: Scene, number: int, case: Case, told: list[HeldRecord], most: int | None = None) -> ParticipantId:
    """From now on a member tells of these record versions of a case's batch, and of no others."""
    chain, count = scene.stage.chain, len(case.records)

    def answer(member: Custodian, call: dict[str, Any]) -> dict[str, Any]:
        answered, body = VERBS["repair"](member, call), RepairBody.from_json(call["body"])
        if body.step is not Step.MEET or body.root != scene.stage.root(case.records):
            return answered
        asker = scene.lost.id
        info = body.session(chain.chain_id, asker).sealed_info(member.id, "records")
        payload = encode_records(told[: most or count])
        return answered | {"sealed": hex32(hpke.seal(payload, scene.stage.encryption_key(asker), info))}

    return bend(scene, number, answer)


def made_up(case: Case, record: int, count: int = 3) -> list[HeldRecord]:
    """Record versions that are none, of the record of a case."""
    true = case.records[record]
    return [
        HeldRecord(replace(true.leaf, version=version), true.topics, true.topics_salt)
        for version in range(2, 2 + count)
    ]


# what is told of a batch


def test_mend__one_helper_makes_up_versions_of_a_destroyed_record__leaves_no_tombstones_and_attests_what_was(
    scene: Scene,
) -> None:
    case, live = scene.case(Draft(), Draft(), Draft()), scene.case(Draft())
    scene.destroy(case, 0)
    telling(scene, 1, case, made_up(case, 0))
    scene.lose()
    found = scene.mend()
    assert (found.gone, found.open, dict(found.alone)) == (1, [], {scene.members[1].id: 3})
    leaf = case.records[0].leaf
    assert scene.lost.store.tombstones(scene.stage.source.id) == 1
    assert erase_ordered(scene.lost, scene.stage.source.id, leaf.record_id, leaf.subject, look(scene.lost)) == 1
    assert scene.lost.store.find(live.leaves)


def test_mend__one_helper_makes_up_records__they_are_not_open_and_nobody_lacks_them(
    scene: Scene,
) -> None:
    case = scene.case(Draft(), Draft())
    liar = telling(scene, 1, case, made_up(case, 0))
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.open, dict(found.lacking), dict(found.alone)) == (2, [], {}, {liar: 2})
    assert found.is_done
    assert audit(scene.lost).is_whole


def test_mend__helper_tells_of_more_than_the_batch_has__is_named(scene: Scene) -> None:
    case = scene.case(Draft())
    liar = telling(scene, 1, case, made_up(case, 0), most=2)
    scene.lose()
    found = scene.mend()
    assert set(found.away) == {liar}
    assert "more" in found.away[liar]


# a fork


def test_mend__order_in_a_block_that_goes_away__share_comes_back_afterwards(scene: Scene) -> None:
    """A block that is not final yet, of one signer: it must not cost a share for good."""
    case = scene.case(Draft(), Draft())
    scene.stage.hold_final()
    scene.order(case, 0)
    scene.lose()
    assert scene.mend().repaired == 1
    scene.stage.shorten()
    scene.stage.resume_blocks()
    assert scene.mend().is_done
    assert audit(scene.lost).is_whole
    assert scene.share(scene.lost, case.leaves[0]) == scene.share(scene.before, case.leaves[0])


# who lied


def lying_beside(scene: Scene, number: int, beside: ParticipantId, leaf: LeafHash) -> ParticipantId:
    """A member that gives a false part only where a certain other helps too."""
    member = scene.members[number]
    [kept] = member.store.find([leaf])[leaf]
    true = member.store.shares([kept.key])[kept.key], member.store.fingerprints([kept.key])[kept.key]
    scene.lie(number, leaf)
    false = member.store.shares([kept.key])[kept.key], member.store.fingerprints([kept.key])[kept.key]

    def answer(member: Custodian, call: dict[str, Any]) -> dict[str, Any]:
        said = false if "0x" + beside.hex() in call["body"]["helpers"] else true
        member.store._shares[kept.key], member.store._fingerprints[kept.key] = said  # type: ignore[attr-defined]
        return VERBS["repair"](member, call)

    return bend(scene, number, answer)


@pytest.mark.parametrize(("liar", "victim"), [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3)])
def test_mend__helper_lies_beside_one_other_only__does_not_get_that_one_blamed(liar: int, victim: int) -> None:
    scene = Scene(4)
    case = scene.case(Draft(), Draft())
    innocent = scene.members[victim].id
    bad = lying_beside(scene, liar, innocent, case.leaves[0])
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.is_done) == (2, True)
    assert innocent not in found.liars
    if {liar, victim} == {1, 2}:  # the first circle
        assert found.suspects == {frozenset({bad, innocent})}


# sources


def test_mend__source_that_dealt_this_custodian_another_share__holds_up_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = items_for

    def ill(records: Any, position: int) -> Any:
        items = genuine(records, position)
        return [replace(items[0], share=bytes([1]) + bytes(32)), *items[1:]] if position == LOST else items

    with monkeypatch.context() as patch:
        patch.setattr(custody_stage, "items_for", ill)
        bad = scene.case(Draft(), Draft())
    good = scene.case(Draft())
    scene.members[LOST] = replace(scene.lost, keys=MemoryPeriodKeys())
    for period in ("2026-11",):
        scene.lost.keys.fresh(period)
    scene.stage.pass_seconds(40 * 86_400)
    found = scene.mend()
    assert (found.repaired, found.ill_dealt, found.open) == (2, [bad.leaves[0]], [bad.leaves[0]])
    assert scene.share(scene.lost, good.leaves[0])


# how much it costs


def test_mend__liar_about_a_whole_batch__does_not_use_up_what_the_honest_one_helps_with(scene: Scene) -> None:
    case = scene.case(*[Draft()] * 8)
    for leaf in case.leaves:
        liar = scene.lie(2, leaf)
    good = scene.case(Draft(), Draft())
    scene.members[1] = replace(scene.members[1], repairs_an_hour=600)
    scene.lose()
    found = scene.mend()
    assert set(found.liars) == {liar}
    assert found.repaired == 2
    assert scene.share(scene.lost, good.leaves[0])


# lists without end


def test_mend__helper_makes_up_tombstones_without_end__is_named_and_true_ones_before_count(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = scene.case(Draft(), Draft())
    scene.destroy(case, 0)
    [(leaf, order)] = scene.members[1].store.tombstones_after(scene.stage.source.id, bytes(32), 9)
    monkeypatch.setattr("custodian.circle.MAX_PAGES", 20)
    rounds: list[bytes] = []

    def endless(member: Custodian, call: dict[str, Any]) -> dict[str, Any]:
        answered, body = VERBS["repair"](member, call), RepairBody.from_json(call["body"])
        if body.step is not Step.GONE:
            return answered
        rounds.append(body.after)
        made_up = LeafHash((int.from_bytes(max(body.after, leaf), "big") + 1).to_bytes(32, "big"))
        told = {made_up: bytes(32)} | ({leaf: order} if body.after < leaf else {})
        info = body.session(scene.stage.chain.chain_id, scene.lost.id).sealed_info(member.id, "gone")
        sealed = hpke.seal(encode_pairs(told), scene.stage.encryption_key(scene.lost.id), info)
        return {"sealed": "0x" + sealed.hex(), "more": True}

    liar = bend(scene, 1, endless)
    scene.lose()
    found = scene.mend()
    assert len(rounds) == 20
    assert "end" in found.away[liar]
    assert (found.gone, found.is_done) == (1, True)


def test_mend__one_helper_hides_what_it_has_erased__others_tell() -> None:
    scene = Scene(4)
    case = scene.case(Draft(), Draft())
    scene.destroy(case, 0)

    def hiding(member: Custodian, call: dict[str, Any]) -> dict[str, Any]:
        answered, body = VERBS["repair"](member, call), RepairBody.from_json(call["body"])
        if body.step is not Step.GONE:
            return answered
        info = body.session(scene.stage.chain.chain_id, scene.lost.id).sealed_info(member.id, "gone")
        sealed = hpke.seal(encode_pairs({}), scene.stage.encryption_key(scene.lost.id), info)
        return {"sealed": hex32(sealed), "more": False}

    bend(scene, 1, hiding)
    scene.lose()
    found = scene.mend()
    assert (found.gone, found.missing, found.is_done) == (1, 0, True)
    assert audit(scene.lost).is_whole


def test_mend__helper_tells_more_tombstones_than_a_page_holds__is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = scene.case(Draft(), Draft(), Draft())
    for record in (0, 1):
        scene.destroy(case, record)
    monkeypatch.setattr("custodian.circle.GONE_PAGE", 1)
    scene.lose()
    found = scene.mend()
    assert set(found.away) == {one.id for one in scene.members[1:]}
    assert (found.gone, found.missing, found.is_done) == (0, 2, False)


# what the audit says afterwards


def test_mend__whole_batch_was_destroyed__audit_counts_it_and_misses_nothing(scene: Scene) -> None:
    gone, case = scene.case(Draft()), scene.case(Draft())
    scene.destroy(gone, 0)
    scene.lose()
    assert scene.mend().is_done
    assert audit(scene.lost).is_whole
    assert scene.share(scene.lost, case.leaves[0])
