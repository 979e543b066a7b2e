"""Reseal: records of an old custodian set become new versions in the present one, once, and only as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oracle.deposit import MAX_OPEN
from oracle.reseal import Resealed, Why
from salus.adapters.memory import MemoryCustodians
from salus.core.errors import UnavailableError
from salus.core.ids import ParticipantId
from salus.core.journal import BatchState
from salus.core.operations import Deed, Selection
from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import CUSTODIANS, PROFILE, SOURCE, Oracle, identity, report, results
from tests.unit.oracle.second_set import ME, SecondSet

HIV = "56888-1^HIV抗体^LN"


class Moving(SecondSet):
    """A second set with a look at what is anchored."""

    def sets(self) -> list[tuple[int, int]]:
        """Version and custodian set of everything anchored, in order."""
        return [(item.leaf.version, item.leaf.custodian_set) for item in self.outside.anchored_items()]


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Moving]:
    made = Moving(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


def test_reseal__what_stands__is_a_new_version_in_the_present_set_that_says_the_same(moving: Moving) -> None:
    moving.take(report("1"), report("2", "L2", item=HIV, value="0.1"))
    before = moving.outside.anchored_items()
    moving.restart()
    done = moving.reseal()
    after = moving.outside.anchored_items()[len(before) :]
    assert (done.found, done.moved, done.left) == (len(before), len(before), ())
    assert {item.leaf.custodian_set for item in after} == {2}
    chain_id = moving.outside.chain.chain_id
    for old in before:
        (new,) = [item for item in after if item.leaf.record_id == old.leaf.record_id]
        assert (new.leaf.version, new.leaf.previous) == (old.leaf.version + 1, old.leaf.hash(chain_id))
        assert moving.outside.open(new).content == moving.outside.open(old).content
        assert (new.inner_share is None) == (old.inner_share is None)
        assert new.leaf.level == old.leaf.level
    assert "invalidate" not in {call.function for call in moving.outside.writer.sent}


def test_reseal__run_twice__makes_nothing_new(moving: Moving) -> None:
    moving.take(report("1"), report("2", "L2"))
    moving.restart()
    assert moving.reseal().moved == 2
    once = moving.sets()
    assert moving.reseal() == Resealed(0, ())
    assert moving.sets() == once == [(1, 1), (1, 1), (2, 2), (2, 2)]


def test_reseal__oracle_still_deals_to_the_old_set__makes_nothing(moving: Moving) -> None:
    moving.take(report("1"))
    done = moving.reseal()
    assert [one.why for one in done.left] == [Why.DIFFERENT]
    assert moving.sets() == [(1, 1)]


def test_reseal__told_in_parts__needs_all_of_them(moving: Moving) -> None:
    parts = results("1", ("2345-7", "5.4", "F")), results("2", ("2951-2", "140", "F"), said="20261101084000")
    moving.take(*parts)
    versions = len(moving.sets())
    with moving.oracle.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM oracle_raw WHERE message = 1")
    moving.restart()
    done = moving.reseal()
    assert [one.why for one in done.left] == [Why.DIFFERENT]
    assert len(moving.sets()) == versions  # a version that says less than what stands would be worse than none


def test_reseal__told_in_parts_and_all_kept__joins_them(moving: Moving) -> None:
    moving.take(results("1", ("2345-7", "5.4", "F")), results("2", ("2951-2", "140", "F"), said="20261101084000"))
    before = moving.outside.anchored_items()[-1]
    moving.restart()
    assert moving.reseal().left == ()
    after = moving.outside.anchored_items()[-1]
    assert after.leaf.custodian_set == 2
    assert moving.outside.open(after).content == moving.outside.open(before).content


def test_reseal__bytes_erased__is_listed_as_forgotten(moving: Moving) -> None:
    moving.take(report("1"), report("2", "L2"))
    gone = moving.outside.anchored_items()[0].leaf.record_id
    with moving.oracle.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM oracle_raw WHERE message = 1")
    moving.restart()
    done = moving.reseal()
    assert [(one.record_id, one.why) for one in done.left] == [(gone, Why.FORGOTTEN)]
    assert done.moved == 1


def test_reseal__destroyed_or_ordered__is_not_made_again(moving: Moving) -> None:
    moving.take(report("1"), report("2", "L2"), report("3", "L3"))
    destroyed, ordered, other = (item.leaf.record_id for item in moving.outside.anchored_items())
    moving.oracle.records.erase(destroyed, 1, lambda _raws, _shares: None)
    moving.order(ordered)
    moving.restart()
    done = moving.reseal()
    assert {one.record_id: one.why for one in done.left} == {destroyed: Why.DESTROYED, ordered: Why.ORDERED}
    assert [item.leaf.record_id for item in moving.outside.anchored_items()[3:]] == [other]


def test_reseal__group_with_an_ordered_part__leaves_that_part(moving: Moving) -> None:
    moving.take(results("1", ("2345-7", "5.4", "F"), ("56888-1", "0.1", "F")))
    first, second = moving.outside.anchored_items()
    ordered, other = (first, second) if first.leaf.level == 5 else (second, first)
    moving.order(ordered.leaf.record_id)
    moving.restart()
    done = moving.reseal()
    assert [(one.record_id, one.why) for one in done.left] == [(ordered.leaf.record_id, Why.ORDERED)]
    assert [item.leaf.record_id for item in moving.outside.anchored_items()[2:]] == [other.leaf.record_id]


def test_reseal__corrected_record__withdraws_nothing_again(moving: Moving) -> None:
    moving.take(report("1"), report("2", value="5.90", status="C", at="20261101093000"))
    sent = len([call for call in moving.outside.writer.sent if call.function == "invalidate"])
    moving.restart()
    assert moving.reseal().left == ()
    assert moving.sets()[-1] == (3, 2)
    assert len([call for call in moving.outside.writer.sent if call.function == "invalidate"]) == sent


def test_reseal__merged_patients__stays_with_the_number_it_was_filed_under(moving: Moving) -> None:
    moving.take(report("1", patient="P1"), report("2", "L2", patient="P2"))
    moving.take(identity("3", "A40", "P1", "P2"))
    before = {item.leaf.record_id: item.leaf.subject for item in moving.outside.anchored_items()}
    moving.restart()
    assert moving.reseal().left == ()
    after = {item.leaf.record_id: item.leaf.subject for item in moving.outside.anchored_items()}
    assert after == before


def test_reseal__oracle_does_not_run__says_so_and_goes_on_later(moving: Moving) -> None:
    moving.take(report("1"))
    moving.restart()
    with pytest.raises(UnavailableError, match="run this again"):
        moving.reseal(processing=False)
    moving.oracle.pipeline.settle()
    assert moving.sets() == [(1, 1), (2, 2)]
    assert moving.reseal() == Resealed(0, ())


def test_reseal__of_many__keeps_to_the_rate_and_is_logged(moving: Moving) -> None:
    moving.take(*(report(f"C{number}", f"L{number}") for number in range(12)))
    moving.restart()
    began = moving.seconds
    assert moving.reseal(rate=4).moved == 12
    assert moving.seconds - began >= 12 / 4
    assert [row.deed for row in moving.auditing.rows(0, 100)] == [Deed.RESEAL] * 12
    assert moving.auditing.check().wrong == ""


def test_reprocess__after_a_reseal__moves_nothing_by_itself(moving: Moving) -> None:
    moving.take(report("1"))
    moving.restart()
    moving.reseal()
    moving.restart(custodian_set=1)
    order = moving.auditing.order(ME, Deed.REPROCESS)
    moving.operations.reprocess(Selection((1,)), order, 10)
    moving.oracle.pipeline.settle()
    assert moving.sets() == [(1, 1), (2, 2)]


def test_deposit__set_with_a_member_away__does_not_hold_up_another_set(moving: Moving) -> None:
    def away(*_: object) -> dict[str, object]:
        raise UnavailableError("away")

    there, moving.outside.custodians = moving.outside.custodians, MemoryCustodians(dict.fromkeys(CUSTODIANS, away))
    moving.restart(custodian_set=1)
    for number in range(MAX_OPEN + 3):
        moving.take(report(f"C{number}", f"L{number}"))
    assert len(moving.oracle.outbox.batches(BatchState.OPEN, 100)) == MAX_OPEN
    assert moving.oracle.outbox.are_waiting(3)
    assert moving.sets() == []

    def only_the_new_set(custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if call["body"]["custodianSet"] == 1:
            raise UnavailableError("away")
        return there.deposit(custodian, call)

    moving.outside.custodians = MemoryCustodians({one: partial(only_the_new_set, one) for one in CUSTODIANS})
    moving.restart(custodian_set=2)
    moving.take(report("new", "new"))
    assert moving.sets() == [(1, 2)]
    done = moving.reseal()
    assert (done.moved, done.left) == (MAX_OPEN + 3, ())
    assert moving.sets()[1:] == [(2, 2)] * (MAX_OPEN + 3)  # what is stuck in the old set is readable all the same


def test_reseal__withdrawal_that_is_stuck_in_the_old_set__takes_place_all_the_same(moving: Moving) -> None:
    """A result was another patient's, and the correction waits for a member that is gone: the new version says so too,
    or what stood first would stay valid for the wrong patient for good."""
    moving.take(report("1", patient="P1"))
    [first] = moving.outside.anchored_items()
    there = moving.outside.custodians

    def away(custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if call["body"]["custodianSet"] == 1:
            raise UnavailableError("away")
        return there.deposit(custodian, call)

    moving.outside.custodians = MemoryCustodians({one: partial(away, one) for one in CUSTODIANS})
    moving.restart(custodian_set=1)
    moving.take(report("2", patient="P2", status="C", at="20261101093000"))
    moving.restart()
    assert moving.reseal().left == ()
    chain = moving.outside.chain
    leaf = first.leaf.hash(chain.chain_id)
    assert moving.sets()[-1] == (3, 2)
    assert chain.record_state(SOURCE, leaf, chain.head()).status is RecordStatus.INVALID


def test_reseal__source_is_there_no_more__its_messages_stay_finished_and_are_purged_in_time(moving: Moving) -> None:
    """What can't be read any more is no reason to put what was read into quarantine, where it outlives its days."""
    moving.take(report("1"), report("2", "L2"))
    moving.oracle.close()
    moving.oracle = Oracle(moving.path, moving.outside, custodian_set=2, sources={"other": PROFILE})
    done = moving.reseal()
    assert [one.why for one in done.left] == [Why.DIFFERENT] * 2
    assert list(moving.oracle.messages.quarantine()) == []
    assert moving.oracle.purge(moving.outside.clock.now() + 10) == 2
