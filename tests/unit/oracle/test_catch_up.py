"""An oracle whose database is older than its chain, or lost: it learns all from custodians before it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from salus.adapters.database import oracle_tables as tables
from salus.core.errors import IntegrityError, UnavailableError
from salus.core.ids import ParticipantId
from salus.core.journal import BatchState
from salus.core.remembered import Adopted
from tests.unit.oracle.lives import AFTER, BEFORE, LATE, MIDDLE, ONE, Lives, again
from tests.unit.oracle.oracle_world import (
    CUSTODIANS,
    Killed,
    Oracle,
    Tripwire,
    identity,
    report,
    results,
)


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    made = Lives(tmp_path)
    yield made
    made.oracle.close()


def test_catch_up__nothing_missing__is_done_at_once(lives: Lives) -> None:
    lives.take(*BEFORE)
    assert lives.catch_up() == Adopted()


def test_catch_up__old_backup__numbers_go_on_and_resends_double_nothing(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.back_up()
    for raw in MIDDLE:
        lives.take(raw)
    lives.restore()
    assert lives.catch_up() == Adopted(versions=3, records=1, subjects=1, messages=3)
    before = len(lives.outside.anchored_items())
    assert lives.oracle.database.backlog().recalled == len(MIDDLE)
    lives.take(MIDDLE[0])
    assert lives.oracle.database.backlog().recalled == len(MIDDLE) - 1
    lives.take(*MIDDLE)
    assert lives.oracle.database.backlog().recalled == 0
    assert len(lives.outside.anchored_items()) == before
    lives.take(*AFTER)
    assert lives.numbers() == [1, 1, 1, 1, 2, 2, 3, 3]
    assert lives.values() == Counter({"7.70": 1, "5.40": 3})


@pytest.mark.parametrize("resent", [MIDDLE, MIDDLE[::-1]], ids=["in order", "the other way round"])
def test_catch_up__resends_one_by_one__leave_what_was_said_last(lives: Lives, resent: tuple[bytes, ...]) -> None:
    lives.take(*BEFORE)
    lives.lose_bytes_of(*MIDDLE)
    for raw in resent:
        lives.take(raw)
    assert lives.numbers() == [1, 1, 1, 2, 2]
    assert lives.values() == Counter({"6.60": 1, "5.40": 1, "8.80": 1})


def test_catch_up__resends_under_new_control_ids__double_nothing(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.lose_bytes_of(*MIDDLE)
    lives.take(*map(again, MIDDLE))
    assert lives.numbers() == [1, 1, 1, 2, 2]


def test_catch_up__resend_of_a_recalled_message__brings_its_bytes_for_folding(lives: Lives) -> None:
    first = results("1", ("2345-7", "5.40", "F"))
    lives.lose_bytes_of(first)
    lives.take(first)
    lives.take(results("2", ("2160-0", "6.60", "F"), said="20261101093000"))
    assert lives.numbers() == [1, 2]
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__late_part_before_the_resend__is_folded_in_once_that_comes(lives: Lives) -> None:
    lives.lose_bytes_of(ONE)
    lives.take(LATE)
    assert lives.numbers() == [1]
    lives.take(ONE)
    assert lives.numbers() == [1, 2]
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__messages_waiting_in_the_backup__are_not_sealed_twice(lives: Lives) -> None:
    assert all(lives.oracle.take(*BEFORE))
    lives.back_up()
    lives.oracle.pipeline.settle()
    lives.restore()
    assert lives.catch_up() == Adopted(versions=2, records=2, subjects=1, messages=0)
    lives.oracle.pipeline.settle()
    assert lives.numbers() == [1, 1]


def test_catch_up__versions_waiting_in_the_backup__join_the_batch_that_took_them(lives: Lives) -> None:
    assert all(lives.oracle.take(*BEFORE))
    lives.oracle.pipeline.seal()
    lives.lose_bytes_of(*MIDDLE)
    assert not lives.oracle.outbox.are_waiting(1)
    lives.oracle.pipeline.settle()
    lives.take(*AFTER)
    assert lives.numbers() == [1, 1, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("is_deposited", [False, True])
def test_catch_up__batch_under_way_in_the_backup__is_noted_once(lives: Lives, is_deposited: bool) -> None:
    assert all(lives.oracle.take(*BEFORE))
    lives.oracle.pipeline.seal()
    lives.oracle.pipeline._depositing.form()
    if is_deposited:
        lives.oracle.pipeline.deposit()
    lives.back_up()
    lives.oracle.pipeline.settle()
    lives.restore()
    assert lives.catch_up() == Adopted()
    lives.oracle.pipeline.settle()
    assert lives.numbers() == [1, 1]
    assert not lives.oracle.outbox.batches(BatchState.DEPOSITED, 10)


def test_catch_up__no_backup_at_all__everything_comes_back_but_bytes(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.take(*MIDDLE)
    lives.lose()
    assert lives.catch_up() == Adopted(versions=5, records=3, subjects=2, messages=5)
    lives.take(*BEFORE, *MIDDLE)
    lives.take(*AFTER)
    assert lives.numbers() == [1, 1, 1, 1, 2, 2, 3, 3]
    assert lives.values() == Counter({"7.70": 1, "5.40": 3})


def test_catch_up__proofs_and_claims__stand_as_before(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.take(*MIDDLE)
    items = lives.outside.anchored_items()
    lives.lose()
    lives.catch_up()
    chain_id = lives.outside.chain.chain_id
    for item in items:
        found = lives.oracle.outbox.anchored_with(item.leaf.hash(chain_id))
        assert item.leaf.hash(chain_id) in found.leaves
        assert found.root in lives.outside.anchored_roots()


def test_catch_up__withdrawals_and_merges__are_known_again(lives: Lives) -> None:
    lives.take(report("1", "L1", patient="P1"), report("2", "L2", patient="P2"))
    lives.back_up()
    lives.take(identity("3", "A40", "P2", "P1"))
    lives.take(report("4", "L1", patient="P9", status="C", at="20261101093000"))  # L1 was another's after all
    before = [call.function for call in lives.outside.writer.sent]
    assert {"link", "invalidate"} <= set(before)
    lives.restore()
    lives.catch_up()
    lives.oracle.pipeline.settle()
    assert [call.function for call in lives.outside.writer.sent] == before
    lives.take(
        report("5", "L2", "6.60", "C", patient="P1", at="20261102083000")
    )  # the same patient's, by its new number
    assert [call.function for call in lives.outside.writer.sent].count("invalidate") == before.count("invalidate")


def test_catch_up__killed_at_any_step__goes_on(tmp_path: Path) -> None:
    for step in count(1):
        folder = tmp_path / str(step)
        folder.mkdir()
        lives = Lives(folder)
        for raw in (*BEFORE, *MIDDLE, identity("30", "A40", "P2", "P1")):
            lives.take(raw)
        lives.take(report("31", "L5", "5.40"))
        lives.lose(wire=Tripwire(step))
        try:
            lives.catch_up()
            break
        except Killed:
            lives.start_again()
            lives.catch_up()
            assert lives.merged() == 1
            lives.take(*AFTER)
            assert lives.numbers() == [1, 1, 1, 1, 1, 1, 2, 2, 3, 3]
        finally:
            lives.oracle.close()
    assert step > 10


def test_catch_up__a_custodian_that_lies_or_is_away__is_passed_over(lives: Lives) -> None:
    lives.take(*BEFORE, *MIDDLE)
    liar, away, _ = CUSTODIANS
    for root, items in lives.outside.deposits[liar].items():
        lives.outside.deposits[liar][root] = [replace(item, note=b"made up") for item in items]
    lives.outside.custodians.stop(away)
    lives.lose()
    assert lives.catch_up().versions == 5


def test_catch_up__custodians_with_half_each__make_a_whole(lives: Lives) -> None:
    lives.take(*BEFORE, *MIDDLE)
    for place, custodian in enumerate(CUSTODIANS[:2]):
        for root, items in lives.outside.deposits[custodian].items():
            lives.outside.deposits[custodian][root] = items[place::2]
    lives.outside.custodians.stop(CUSTODIANS[2])
    lives.lose()
    assert lives.catch_up().versions == 5


def test_catch_up__too_few_answer__waits_and_seals_nothing(lives: Lives) -> None:
    lives.take(*BEFORE)
    for custodian in CUSTODIANS:
        lives.outside.custodians.stop(custodian)
    lives.lose()
    with pytest.raises(UnavailableError, match="0 of 2 versions"):
        lives.oracle.catching.run()
    assert not lives.oracle.catching.is_done
    assert lives.oracle.catching.waits_for == 1
    lives.outside.custodians.start(CUSTODIANS[1])
    assert lives.catch_up().versions == 2


def test_catch_up__transaction_in_the_pool__is_waited_for(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.outside.in_pool = 1
    lives.lose()
    with pytest.raises(UnavailableError, match="1 transactions"):
        lives.oracle.catching.run()
    assert not lives.oracle.catching.is_done
    lives.outside.in_pool = 0
    assert lives.catch_up().versions == 2


def test_catch_up__destroyed_meanwhile__comes_back_without_it(lives: Lives) -> None:
    lives.take(*BEFORE, *MIDDLE)
    gone = lives.outside.anchored_items()[1].leaf.record_id
    for custodian in CUSTODIANS:
        for root, items in lives.outside.deposits[custodian].items():
            lives.outside.deposits[custodian][root] = [item for item in items if item.leaf.record_id != gone]
    lives.lose()
    assert lives.catch_up() == Adopted(versions=4, records=2, subjects=2, messages=4)


def test_catch_up__destroyed_at_some_only__needs_every_custodian(lives: Lives) -> None:
    lives.take(*BEFORE)
    for custodian in CUSTODIANS[:2]:
        for root, items in lives.outside.deposits[custodian].items():
            lives.outside.deposits[custodian][root] = items[:1]
    lives.outside.custodians.stop(CUSTODIANS[2])
    lives.lose()
    with pytest.raises(UnavailableError, match="1 of 2 versions"):
        lives.oracle.catching.run()
    lives.outside.custodians.start(CUSTODIANS[2])
    assert lives.catch_up().versions == 2  # the third keeps both


def test_catch_up__versions_made_before_it__give_way_and_are_made_again(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.back_up()
    lives.take(MIDDLE[0])
    lives.restore()
    assert all(lives.oracle.take(report("9", "L1", "8.80", "C", at="20261103083000"), report("10", "L2", "7.70", "C")))
    lives.oracle.pipeline.seal()  # what `Workers` never do before it is done; one of them repeats a number
    lives.oracle.pipeline._depositing.form()  # a batch of both, which no custodian has
    lives.catch_up()
    [again] = lives.oracle.messages.pending(10)
    assert again.again  # so that it is not counted twice
    lives.oracle.pipeline.settle()
    assert lives.numbers() == [1, 1, 2, 2, 3]
    assert lives.values() == Counter({"8.80": 1, "7.70": 1})


def test_catch_up__version_of_a_batch_that_was_formed_otherwise__moves_there(lives: Lives) -> None:
    assert all(lives.oracle.take(*BEFORE))
    lives.oracle.pipeline.seal()
    lives.oracle.pipeline._depositing.form()
    lives.back_up()
    [batch] = lives.oracle.outbox.batches(BatchState.OPEN, 10)
    with lives.oracle.database.writing() as connection:  # as `salus oracle abandon` does: one record is read again
        first = select(func.min(tables.version.c.key)).scalar_subquery()
        waiting = [one.key for one in connection.execute(select(tables.version.c.key))]
        connection.execute(update(tables.version).values(batch=None))
        connection.execute(delete(tables.batch).where(tables.batch.c.key == batch.key))
        assert len(waiting) == 2
        connection.execute(delete(tables.secret).where(tables.secret.c.version == first))
        connection.execute(update(tables.message).where(tables.message.c.key == 1).values(state=1))
        connection.execute(delete(tables.version).where(tables.version.c.key == first))
        connection.execute(delete(tables.record).where(tables.record.c.key == 1))
    lives.oracle.pipeline.settle()
    lives.restore()
    lives.catch_up()
    lives.oracle.pipeline.settle()
    assert lives.numbers() == [1, 1]


def test_catch_up__went_on_by_itself__says_so_and_adopts_nothing(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.back_up()
    lives.take(MIDDLE[0])
    lives.restore()
    lives.take(report("9", "L1", "8.80", "C", at="20261103083000"))
    lives.oracle.outbox.reopen([], [], lives.outside.chain.block(1))  # as if it had seen nothing since
    with pytest.raises(IntegrityError, match="Restore the backup again"):
        lives.oracle.catching.run()
    assert not lives.oracle.catching.is_done


def test_catch_up__of_another_oracle_of_the_journal__waits_for_it(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.lose()
    assert lives.oracle.catching.run(may_adopt=False) == Adopted()
    assert not lives.oracle.catching.is_done
    lives.catch_up()
    other = Oracle(lives._path, lives.outside)
    other.catching.run(may_adopt=False)
    assert other.catching.is_done
    other.close()


def test_catch_up__batches_of_other_sources__are_none_of_its_business(lives: Lives) -> None:
    args = {"sourceId": ParticipantId(bytes([9]) * 32), "root": b"\1" * 32, "count": 3, "custodianSet": 1}
    lives.outside.chain.emit("RecordRegistry", "BatchAnchored", args)
    assert lives.catch_up() == Adopted()
