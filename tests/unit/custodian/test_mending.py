"""Mending: what was lost comes back from the others, nothing else does, and who lies is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from custodian.app import VERBS
from custodian.audit import Holding, audit
from custodian.destroy import erase_ordered
from custodian.log import Kind, allowed
from custodian.mended import Mended
from custodian.mending import mend
from custodian.rules import Custodian, look
from custodian.sweeps import sweep_orders
from custodian.wrap import Wrapping, fingerprint, unwrap
from salus.adapters.memory import (
    MemoryContent,
    MemoryCustodians,
    MemoryCustodianStore,
    MemoryPeriodKeys,
)
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.errors import UnavailableError
from salus.core.ids import LeafHash, ParticipantId
from salus.core.labels import Category
from salus.core.merkle import MerkleTree
from tests import custody_stage
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage
from tests.unit.custodian.test_audit import only

LOST = 0
FIVE = Draft(level=5, categories=Category.LAB)


class Scene:
    """A stage whose chain tells of what is anchored, with the envelopes; custodian 0 loses all but its keys."""

    def __init__(self, count: int = 3) -> None:
        self.stage = MemoryStage([MemoryCustodianStore() for _ in range(count)])
        self.content = MemoryContent()
        self.client = MemoryCustodians(
            {member.id: self._answering(number) for number, member in enumerate(self.members)}
        )
        self.before = self.members[LOST]

    @property
    def members(self) -> list[Custodian]:
        return self.stage.members

    @property
    def lost(self) -> Custodian:
        return self.members[LOST]

    def _answering(self, number: int) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        return lambda verb, call: VERBS[verb](self.members[number], call)

    def case(self, *drafts: Draft) -> Case:
        case = Case(self.stage, *drafts)
        self.tell_of(case)
        return case

    def tell_of(self, case: Case) -> None:
        self.content.put_many([record.envelope for record in case.records])
        args = {
            "sourceId": self.stage.source.id,
            "root": self.stage.root(case.records),
            "count": len(case.records),
            "custodianSet": self.stage.custodian_set,
        }
        self.stage.chain.emit("RecordRegistry", "BatchAnchored", args)

    def lose(self) -> None:
        self.before = self.lost
        self.members[LOST] = replace(self.lost, store=MemoryCustodianStore(), keys=MemoryPeriodKeys())

    def allow(self) -> None:
        now = self.stage.clock.now()
        for helper in self.members[1:]:
            helper.store.append(allowed(self.lost.id, now + 3600), now)

    def mend(self) -> Mended:
        self.allow()
        return mend(self.lost, self.client, self.content)

    def share(self, member: Custodian, leaf: LeafHash) -> tuple[bytes, bytes | None]:
        [kept] = member.store.find([leaf])[leaf]
        wrapped = member.store.shares([kept.key])[kept.key]
        return unwrap(wrapped, kept.source, leaf, member.keys)

    def lie(self, number: int, leaf: LeafHash) -> ParticipantId:
        """From now on a member gives parts of another share, with all signatures right."""
        member = self.members[number]
        [kept] = member.store.find([leaf])[leaf]
        false = bytes([number + 1]) + self.stage.random(32)
        wrapping = Wrapping(kept.source, self.stage.clock.now(), member.keys, self.stage.random)
        member.store._shares[kept.key] = wrapping.wrap(false, None, leaf)  # type: ignore[attr-defined]  # a liar's own
        member.store._fingerprints[kept.key] = fingerprint(false, None)  # type: ignore[attr-defined]  # as above
        return member.id

    def order(self, case: Case, record: int) -> None:
        self.stage.order(case.records[record].leaf.record_id, case.patient)

    def destroy(self, case: Case, record: int) -> None:
        self.order(case, record)
        self.stage.end_cooling_off()
        for member in self.members:
            sweep_orders(member)

    def kinds(self, member: Custodian) -> list[str]:
        return [entry.content["kind"] for entry in member.store.log(0, 1000)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_mend__everything_lost__is_as_it_was_and_opens(scene: Scene) -> None:
    first, second = scene.case(Draft(), Draft(), Draft()), scene.case(Draft())
    scene.lose()
    assert not audit(scene.lost).is_whole
    found = scene.mend()
    assert found.is_done
    assert (found.batches, found.repaired, found.whole, found.gone) == (2, 4, 0, 0)
    assert (found.half, found.open, found.liars, found.suspects, found.away) == ([], [], {}, set(), {})
    assert audit(scene.lost).is_whole
    assert only(audit(scene.lost)) == Holding(batches=2, versions=4, whole=4)
    for leaf in first.leaves + second.leaves:
        assert scene.share(scene.lost, leaf) == scene.share(scene.before, leaf)
        [kept], [was] = (one.store.find([leaf])[leaf] for one in (scene.lost, scene.before))
        assert (kept.leaf, kept.topics, kept.source) == (was.leaf, was.topics, was.source)
    first.request()
    outcomes = first.release()
    assert first.open([outcomes[LOST], outcomes[1], {"shares": []}], first.records[0]).content


def test_mend__again__asks_nobody_and_changes_nothing(scene: Scene) -> None:
    scene.case(Draft(), Draft())
    scene.lose()
    scene.mend()
    logs = [len(member.store.log(0, 1000)) for member in scene.members]
    found = mend(scene.lost, scene.client, scene.content)
    assert (found.repaired, found.whole, found.is_done) == (0, 2, True)
    assert [len(member.store.log(0, 1000)) for member in scene.members] == logs


def test_mend__nothing_lost__asks_nobody(scene: Scene) -> None:
    scene.case(Draft())
    assert scene.mend().whole == 1
    assert Kind.REPAIR not in scene.kinds(scene.members[1])


def test_mend__stopped_in_between__goes_on(scene: Scene) -> None:
    cases = [scene.case(Draft(), Draft()) for _ in range(3)]
    scene.lose()

    def stop(found: Mended) -> None:
        if found.batches == 2:
            raise KeyboardInterrupt

    scene.allow()
    with pytest.raises(KeyboardInterrupt):
        mend(scene.lost, scene.client, scene.content, stop)
    found = scene.mend()
    assert (found.whole, found.repaired, found.is_done) == (4, 2, True)
    assert audit(scene.lost).is_whole
    assert scene.share(scene.lost, cases[2].leaves[0]) == scene.share(scene.before, cases[2].leaves[0])


def test_mend__keys_lost_rows_kept__shares_are_wrapped_anew(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    members, stage = scene.members, scene.stage
    before = scene.share(scene.lost, case.leaves[0])
    members[LOST] = replace(scene.lost, keys=MemoryPeriodKeys())
    stage.pass_seconds(40 * 86_400)  # the lost keys' month is over
    assert only(audit(scene.lost)).keyless == 2
    found = scene.mend()
    assert (found.repaired, found.is_done) == (2, True)
    assert audit(scene.lost).is_whole
    assert scene.share(scene.lost, case.leaves[0]) == before


def test_mend__keys_lost_this_month__numbers_of_the_new_tree_stay_whole(scene: Scene, tmp_path: Path) -> None:
    """Old rows name numbers that the new tree gives to others, or will: none of these may be destroyed for them."""
    scene.members[LOST] = replace(scene.lost, keys=FolderPeriodKeys(tmp_path / "old", scene.stage.random))
    for _ in range(3):
        scene.case(Draft(), Draft(), Draft())
    scene.members[LOST] = replace(scene.lost, keys=FolderPeriodKeys(tmp_path / "new", scene.stage.random))
    scene.case(Draft(), Draft())  # deposited since: it has the first numbers
    found = scene.mend()
    assert (found.repaired, found.whole) == (9, 2)
    assert audit(scene.lost).is_whole
    for _ in range(4):
        scene.case(Draft(), Draft(), Draft())
    assert audit(scene.lost).is_whole


def test_mend__damage_where_the_key_is_named__costs_no_other_share_its_key(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    store = scene.lost.store
    first, second = (store.find([leaf])[leaf][0].key for leaf in case.leaves)
    wrapped = store._shares  # type: ignore[attr-defined]  # damage is done behind the store's back
    wrapped[first] = replace(wrapped[first], blob=wrapped[second].blob[:5] + wrapped[first].blob[5:])
    found = scene.mend()
    assert (found.repaired, found.whole) == (1, 1)
    assert audit(scene.lost).is_whole


def test_mend__one_row_lost_one_damaged__only_these_come_back(scene: Scene) -> None:
    case = scene.case(Draft(), Draft(), Draft())
    store = scene.lost.store
    keys = {leaf: store.find([leaf])[leaf][0].key for leaf in case.leaves}
    first, second = (keys[leaf] for leaf in case.leaves[:2])
    wrapped = store._shares  # type: ignore[attr-defined]  # damage is done behind the store's back
    del wrapped[first]
    wrapped[second] = replace(wrapped[second], blob=wrapped[second].blob[:-1] + b"\x00")
    found = scene.mend()
    assert (found.repaired, found.whole) == (2, 1)
    assert audit(scene.lost).is_whole


def test_mend__logs__at_every_helper_before_and_here_after(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    scene.lose()
    scene.mend()
    for helper in scene.members[1:]:
        entries = [entry.content for entry in helper.store.log_of(Kind.REPAIR, 0)]
        assert [(entry["step"], entry["count"]) for entry in entries] == [("meet", 2), ("share", 2)]
        assert {entry["participantId"] for entry in entries} == {"0x" + scene.lost.id.hex()}
        assert entries[0]["reference"] == "0x" + scene.stage.root(case.records).hex()
    [mine] = scene.lost.store.log_of(Kind.REPAIRED, 0)
    assert mine.content["count"] == 2
    assert mine.content["helpers"] == ["0x" + helper.id.hex() for helper in scene.members[1:]]


# what must not come back


def test_mend__destroyed_before__does_not_come_back_and_is_counted(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    scene.destroy(case, 0)
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.gone, found.is_done) == (1, 1, True)
    assert scene.lost.store.find(case.leaves[:1]) == {}
    assert only(audit(scene.lost)) == Holding(batches=1, versions=2, whole=1, erased=1)
    assert audit(scene.lost).is_whole
    leaf = case.records[0].leaf
    view = look(scene.lost)
    assert erase_ordered(scene.lost, scene.stage.source.id, leaf.record_id, leaf.subject, view) == 1


def test_mend__all_of_a_batch_destroyed__is_counted(scene: Scene) -> None:
    case = scene.case(Draft())
    scene.destroy(case, 0)
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.gone, found.is_done) == (0, 1, True)
    assert found.open == []


def test_mend__ordered_but_still_cooling_off__does_not_come_back(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    scene.order(case, 1)
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.gone, found.is_done) == (1, 1, True)
    assert scene.lost.store.swept_block() == found.block
    assert scene.share(scene.members[1], case.leaves[1])  # the others have it until then
    scene.stage.end_cooling_off()
    assert sweep_orders(scene.lost) == 1
    assert only(audit(scene.lost)).erased == 1


def test_mend__tombstone_only_one_helper_tells_of__is_not_believed(scene: Scene) -> None:
    case, other = scene.case(Draft()), scene.case(Draft())
    scene.destroy(other, 0)
    leaf = case.records[0].leaf
    order = {case.leaves[0]: b"o" * 32}
    scene.members[1].store.leave_tombstones(scene.stage.source.id, order, 0)  # it holds the record: nothing is left
    false = LeafHash(b"f" * 32)
    [(_, real)] = scene.members[1].store.tombstones_after(scene.stage.source.id, bytes(32), 9)
    scene.members[1].store.leave_tombstones(scene.stage.source.id, {false: real}, 0)
    scene.lose()
    scene.mend()
    assert scene.lost.store.erased([false]) == set()
    assert scene.lost.store.find([case.leaves[0]])[case.leaves[0]][0].leaf == leaf
    assert scene.lost.store.erased([other.leaves[0]]) == {other.leaves[0]}


def test_mend__tombstone_all_helpers_tell_of_without_an_order__is_not_believed(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    scene.destroy(case, 0)
    false = LeafHash(b"f" * 32)
    for helper in scene.members[1:]:
        helper.store.leave_tombstones(scene.stage.source.id, {false: b"o" * 32}, 0)
    scene.lose()
    assert scene.mend().gone == 1
    assert scene.lost.store.erased([false, case.leaves[0]]) == {case.leaves[0]}


# what can't come back


def test_mend__level_5__comes_back_by_half_and_is_named(scene: Scene) -> None:
    case = scene.case(FIVE, Draft())
    scene.lose()
    found = scene.mend()
    assert (found.half, found.repaired, found.is_done) == ([case.leaves[0]], 2, True)
    assert scene.share(scene.lost, case.leaves[0]) == (scene.share(scene.before, case.leaves[0])[0], None)
    assert only(audit(scene.lost)) == Holding(batches=1, versions=2, whole=1, half=1)
    assert not audit(scene.lost).is_whole
    again = scene.mend()
    assert (again.half, again.repaired, again.whole) == ([case.leaves[0]], 0, 1)


def test_mend__envelope_gone_or_damaged__stays_open(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    scene.content.delete(case.records[0].leaf.envelope_digest)
    scene.lose()
    found = scene.mend()
    assert (found.open, found.repaired, found.is_done) == ([case.leaves[0]], 1, False)


def test_mend__helper_without_the_share__is_named_as_lacking_it(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    member = scene.members[1]
    [kept] = member.store.find(case.leaves[:1])[case.leaves[0]]
    del member.store._shares[kept.key]  # type: ignore[attr-defined]  # damage
    scene.lose()
    found = scene.mend()
    assert (found.open, dict(found.lacking), found.repaired) == ([case.leaves[0]], {member.id: 1}, 1)
    assert not found.liars


def test_mend__source_that_dealt_shares_that_do_not_fit__is_to_blame(scene: Scene, monkeypatch: Any) -> None:
    genuine = custody_stage.seal_record

    def ill(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(
            "salus.core.sealing.sharing.split",
            lambda key, t, n, random: tuple(bytes([place]) + random(32) for place in range(1, n + 1)),
        )
        try:
            return genuine(*args, **kwargs)
        finally:
            monkeypatch.undo()

    monkeypatch.setattr(custody_stage, "seal_record", ill)
    case = scene.case(Draft())
    scene.lose()
    found = scene.mend()
    assert (found.ill_dealt, found.open, dict(found.liars)) == (case.leaves, case.leaves, {})


# who does not help, and who lies


def test_mend__helper_away__waits_and_goes_on_later(scene: Scene) -> None:
    scene.case(Draft())
    scene.lose()
    scene.client.stop(scene.members[2].id)
    with pytest.raises(UnavailableError, match="go on later"):
        scene.mend()
    scene.client.start(scene.members[2].id)
    assert scene.mend().is_done


def test_mend__not_allowed_by_the_others__stops_at_once_and_says_who(scene: Scene) -> None:
    scene.case(Draft())
    scene.case(Draft())
    scene.lose()
    with pytest.raises(UnavailableError, match="allow-repair") as error:
        mend(scene.lost, scene.client, scene.content)
    assert all(member.id.hex() in str(error.value) for member in scene.members[1:])


def test_mend__one_of_three_helpers_away__another_stands_in() -> None:
    scene = Scene(4)
    scene.case(Draft(), Draft())
    scene.lose()
    scene.client.stop(scene.members[1].id)
    found = scene.mend()
    assert (found.repaired, found.is_done, set(found.away)) == (2, True, {scene.members[1].id})


def test_mend__batch_no_helper_knows__is_named_and_the_rest_comes_back(scene: Scene) -> None:
    scene.case(Draft())
    root = MerkleTree([LeafHash(b"x" * 32)]).root
    args = {"sourceId": scene.stage.source.id, "root": root, "count": 1, "custodianSet": 1}
    scene.stage.chain.emit("RecordRegistry", "BatchAnchored", args)
    scene.lose()
    found = scene.mend()
    assert (found.absent, found.repaired, found.is_done) == ([root], 1, False)


@pytest.mark.parametrize("number", [1, 2])
def test_mend__one_of_two_helpers_lies__is_named_and_its_share_does_not_stand(scene: Scene, number: int) -> None:
    case = scene.case(Draft(), Draft(), Draft())
    liar = scene.lie(number, case.leaves[1])
    scene.lose()
    found = scene.mend()
    assert dict(found.liars) == {liar: 1}
    assert (found.open, found.repaired, found.is_done) == ([case.leaves[1]], 2, False)
    assert scene.lost.store.find([case.leaves[1]]) == {}
    assert f"{'0x' + liar.hex()} lied" in "\n".join(found.lines())
    [opened] = [e.content for e in scene.members[1].store.log_of(Kind.REPAIR, 0) if e.content["step"] == "open"]
    assert opened["reference"] == "0x" + case.leaves[1].hex()


def test_mend__both_helpers_lie__both_are_named(scene: Scene) -> None:
    case = scene.case(Draft())
    liars = {scene.lie(1, case.leaves[0]), scene.lie(2, case.leaves[0])}
    scene.lose()
    assert set(scene.mend().liars) == liars


@pytest.mark.parametrize("number", [1, 2, 3])
def test_mend__one_of_three_helpers_lies__all_comes_back_and_it_is_named(number: int) -> None:
    scene = Scene(4)
    case = scene.case(Draft(), Draft())
    liar = scene.lie(number, case.leaves[0])
    scene.lose()
    found = scene.mend()
    assert (found.repaired, found.is_done) == (2, True)
    assert dict(found.liars) == ({liar: 1} if number < 3 else {})  # the third was not asked
    assert audit(scene.lost).is_whole
    steps = {e.content["step"] for m in scene.members[1:] for e in m.store.log_of(Kind.REPAIR, 0)}
    assert "open" not in steps


def test_mend__threshold_of_three_and_nobody_to_exchange__one_of_them_is_suspected(monkeypatch: Any) -> None:
    monkeypatch.setattr(custody_stage, "THRESHOLD", 3)
    scene = Scene(4)
    scene.stage.chain.set_custodians(1, scene.stage.custodians, 3)
    case = scene.case(Draft(), Draft())
    scene.lie(2, case.leaves[0])
    scene.lose()
    found = scene.mend()
    assert found.suspects == {frozenset(scene.stage.custodians[1:])}
    assert (dict(found.liars), found.open, found.repaired) == ({}, [case.leaves[0]], 1)
    assert scene.share(scene.lost, case.leaves[1]) == scene.share(scene.before, case.leaves[1])


@pytest.mark.parametrize(
    ("step", "name"),
    [
        *(("meet", name) for name in ("key", "signature", "sealed", "bonds")),
        ("share", "signature"),
        ("share", "sealed"),
    ],
)
def test_mend__an_answer_altered_on_its_way__is_named_and_nothing_is_kept(scene: Scene, step: str, name: str) -> None:
    """A helper, or whoever is between, that changes what it signed or to whom it is bound."""
    case = scene.case(Draft())
    helper = scene.members[2]

    def altered(verb: str, call: dict[str, Any]) -> dict[str, Any]:
        answer = VERBS[verb](helper, call)
        if call["body"].get("step") != step:
            return answer
        value = answer[name]
        return answer | {
            name: _flipped(value) if isinstance(value, str) else {one: _flipped(v) for one, v in value.items()}
        }

    scene.client = MemoryCustodians(
        {scene.members[1].id: lambda verb, call: VERBS[verb](scene.members[1], call), helper.id: altered}
    )
    scene.lose()
    found = scene.mend()
    assert found.repaired == 0
    assert not found.is_done
    if name == "bonds":  # the helper it is for sees that it does not hold, and names the other
        assert f"0x{helper.id.hex()}" in found.away[scene.members[1].id]
    else:
        assert set(found.away) == {helper.id}
    assert scene.lost.store.find(case.leaves) == {}


def _flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def test_mend__who_took_over_the_operator_account_of_a_helper__gets_no_parts(scene: Scene) -> None:
    """With the account alone, without the encryption key, it can't make others mask by a key of its own."""
    scene.case(Draft())
    helper = scene.members[2]
    thief = replace(helper, encryption_key=b"\x07" * 32)
    scene.client = MemoryCustodians(
        {
            scene.members[1].id: lambda verb, call: VERBS[verb](scene.members[1], call),
            helper.id: lambda verb, call: VERBS[verb](thief, call),
        }
    )
    scene.lose()
    found = scene.mend()
    assert found.repaired == 0
    assert "not bound" in found.away[scene.members[1].id]


def test_mended__lines__say_all_of_it() -> None:
    one, other = ParticipantId(b"\x01" * 32), ParticipantId(b"\x02" * 32)
    found = Mended(batches=3, repaired=2, whole=1, gone=1, half=[LeafHash(b"h" * 32)], open=[LeafHash(b"o" * 32)])
    found.liars[one] = 4
    found.suspects.add(frozenset({one, other}))
    found.lacking[other] = 2
    found.away[other] = "does not answer"
    found.ill_dealt.append(LeafHash(b"i" * 32))
    text = "\n".join(found.lines(lambda who: f"custodian {who[0]}"))
    for part in (
        "2 came back",
        "level 5",
        "custodian 1 lied: 4",
        "custodian 1, custodian 2",
        "custodian 2 lacks 2",
        "source",
    ):
        assert part in text
