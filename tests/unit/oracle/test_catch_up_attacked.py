"""Catching up where the chain, senders and custodians are not as one would have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.core.errors import NotFoundError
from salus.core.ids import ParticipantId
from tests.unit.oracle.lives import AFTER, BEFORE, LATE, MIDDLE, ONE, Lives, again
from tests.unit.oracle.oracle_world import CUSTODIANS, report, results


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    made = Lives(tmp_path)
    yield made
    made.oracle.close()


def test_catch_up__later_version_was_anchored_first__takes_both(lives: Lives) -> None:
    lives.back_up()
    lives.outside.chain.set_custodians(2, CUSTODIANS[:2], 2)
    lives.outside.custodians.stop(CUSTODIANS[2])
    lives.take(BEFORE[0])  # waits for a member that is away
    lives.start_again(custodian_set=2)
    lives.take(MIDDLE[0])  # its correction goes by
    lives.outside.custodians.start(CUSTODIANS[2])
    lives.oracle.now += 1000
    lives.oracle.pipeline.settle()
    assert len(lives.outside.anchored_roots()) == 2
    lives.restore()
    assert lives.catch_up().versions == 2
    lives.take(MIDDLE[0])
    lives.take(AFTER[0])
    found = [item.leaf for items in lives.outside.deposits[CUSTODIANS[0]].values() for item in items]
    assert sorted(leaf.version for leaf in found) == [1, 2, 3]


def test_catch_up__resent_under_new_control_id__late_part_is_folded_in(lives: Lives) -> None:
    lives.lose_bytes_of(ONE)
    lives.take(again(ONE))
    lives.take(LATE)
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__late_part_before_a_resend_under_new_control_id__is_folded_in(lives: Lives) -> None:
    lives.lose_bytes_of(ONE)
    lives.take(LATE)
    lives.take(again(ONE))
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__resent_under_new_control_id_before_it__late_part_is_folded_in(lives: Lives) -> None:
    lives.back_up()
    lives.take(ONE)
    lives.restore()
    assert all(lives.oracle.take(again(ONE)))
    lives.catch_up()
    lives.oracle.pipeline.settle()
    lives.take(LATE)
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__late_part_and_resend_waiting_in_the_queue__are_folded_together(lives: Lives) -> None:
    lives.back_up()
    lives.take(ONE)
    lives.restore()
    assert all(lives.oracle.take(LATE))
    assert all(lives.oracle.take(again(ONE)))
    lives.catch_up()
    lives.oracle.pipeline.settle()
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__resent_under_both_control_ids__doubles_nothing(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.lose_bytes_of(*MIDDLE)
    lives.take(*map(again, MIDDLE))
    lives.take(*MIDDLE)
    lives.take(*AFTER)
    assert lives.numbers() == [1, 1, 1, 1, 2, 2, 3, 3]


def test_catch_up__withdrawn_before_it_was_anchored__is_known_to_be_wrong(lives: Lives) -> None:
    lives.outside.chain.set_custodians(2, CUSTODIANS[:2], 2)
    lives.outside.custodians.stop(CUSTODIANS[2])
    lives.take(report("1", "L1", patient="P1"))
    lives.start_again(custodian_set=2)
    lives.take(report("2", "L1", patient="P9", status="C", at="20261101093000"))
    lives.outside.custodians.start(CUSTODIANS[2])
    lives.oracle.now += 1000
    lives.oracle.pipeline.settle()
    assert len(lives.outside.anchored_roots()) == 2
    lives.lose()
    assert lives.catch_up().versions == 2
    [wrong] = lives.oracle.outbox.invalidations(10)
    [first] = lives.outside.deposits[CUSTODIANS[2]].values()
    assert wrong.leaf_hash == first[0].leaf.hash(lives.outside.chain.chain_id)


def test_catch_up__never_resent__what_waits_for_it_keeps_its_bytes(lives: Lives) -> None:
    lives.lose_bytes_of(ONE)
    lives.take(LATE)  # in no record yet
    assert lives.oracle.purge(lives.outside.clock.now() + 10**8) == 0
    lives.take(ONE)
    assert lives.oracle.purge(lives.outside.clock.now() + 10**8) == 2
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__many_wait_for_the_same_bytes__all_are_folded_in(lives: Lives) -> None:
    lives.lose_bytes_of(ONE)
    lives.take(LATE)
    for number in range(10):
        lives.take(results(f"3{number}", (f"100{number}-1", "1.00", "F")))
    assert lives.numbers() == [1]
    lives.take(ONE)
    assert lives.newest() == {"5.40", "6.60"}


def test_catch_up__record_destroyed_before_the_resend__takes_no_bytes_of_it(lives: Lives) -> None:
    lives.lose_bytes_of(BEFORE[0])
    [item] = lives.outside.anchored_items()
    lives.oracle.records.erase(item.leaf.record_id, lives.outside.clock.now(), lambda *_: None)
    lives.take(BEFORE[0])
    with pytest.raises(NotFoundError):
        lives.oracle.messages.sealed(1)
    assert lives.numbers() == [1]


def test_catch_up__a_custodian_away__is_waited_for_once(lives: Lives) -> None:
    for raw in (*BEFORE, *MIDDLE, *AFTER):
        lives.take(raw)
    away = CUSTODIANS[0]
    asked: list[bytes] = []
    ask = lives.outside.custodians.recall

    def recall(custodian: ParticipantId, call: dict[str, object]) -> dict[str, object]:
        asked.append(custodian)
        return ask(custodian, call)

    lives.outside.custodians.stop(away)
    lives.outside.custodians.recall = recall  # type: ignore[method-assign]
    lives.lose()
    assert lives.catch_up().versions == 8
    assert asked.count(away) == 1


def test_catch_up__halves_and_a_custodian_that_adds_what_is_elsewhere__make_a_whole(lives: Lives) -> None:
    lives.take(*BEFORE)
    lives.take(*MIDDLE)
    deposits = lives.outside.deposits
    first, second = ({root: items[place::2] for root, items in deposits[CUSTODIANS[0]].items()} for place in (0, 1))
    one, other = deposits[CUSTODIANS[0]].items()
    deposits[CUSTODIANS[0]] = {one[0]: other[1][:1], other[0]: one[1][:1]}
    deposits[CUSTODIANS[1]], deposits[CUSTODIANS[2]] = first, second
    lives.lose()
    assert lives.catch_up().versions == 5
