"""Which numbers of a sender never came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salus.core.numbering import LONGEST_GAP, Gap, Run, begin


def taken(*numbers: int) -> Run:
    run = begin(numbers[:1])
    for at, number in enumerate(numbers):
        run.take(number, at)
    return run


def test_run__numbers_in_order__miss_nothing() -> None:
    run = taken(7, 8, 9, 10)
    assert (run.gaps, run.taken, run.missed, run.highest) == ([], 4, 0, 10)


def test_run__a_jump__opens_a_gap_at_that_time() -> None:
    run = taken(1, 2, 6)
    assert run.gaps == [Gap(3, 5, 2)]
    assert run.missed == 3


def test_run__late_number__splits_then_closes_the_gap() -> None:
    run = taken(1, 5, 3)
    assert sorted((gap.first, gap.last) for gap in run.gaps) == [(2, 2), (4, 4)]
    for number in (2, 4):
        run.take(number, 9)
    assert (run.gaps, run.late, run.missed) == ([], 3, 3)


def test_run__number_come_before__counts_once() -> None:
    run = taken(1, 2, 3, 2, 3)
    assert (run.taken, run.gaps) == (3, [])


def test_run__one_again__begins_anew_and_keeps_old_gaps() -> None:
    run = taken(1, 2, 4, 1, 2, 3)
    assert (run.gaps, run.highest, run.taken) == ([Gap(3, 3, 2)], 3, 6)


def test_run__one_sent_again__does_not_make_the_rest_missing() -> None:
    run = taken(1, 2, 3, 1, 4, 5)
    assert (run.gaps, run.highest) == ([], 5)


def test_run__lower_than_the_first__moves_the_beginning() -> None:
    run = taken(10, 7)
    assert (run.first, run.gaps) == (7, [Gap(8, 9, 1)])


def test_run__one_after_others_at_the_start__is_late_and_no_new_beginning() -> None:
    run = taken(5, 1, 2, 9, 4)
    assert sorted((gap.first, gap.last) for gap in run.gaps) == [(3, 3), (6, 8)]
    assert (run.first, run.highest, run.taken) == (1, 9, 5)


def test_run__an_impossible_jump__is_no_loss() -> None:
    run = taken(1, 2, 3 + LONGEST_GAP * 2)
    assert (run.gaps, run.missed) == ([], 0)


@given(st.permutations(range(2, 30)), st.sets(st.integers(2, 29), max_size=5))
def test_run__any_order__misses_exactly_what_never_came(order: list[int], lost: set[int]) -> None:
    came = [number for number in order if number not in lost]
    run = begin(came[:1])
    for number in came:
        run.take(number, 0)
    missing = {number for gap in run.gaps for number in range(gap.first, gap.last + 1)}
    assert missing == {number for number in lost if min(came) < number < max(came)}
    assert run.taken == len(came)
    assert run.missed - run.late == len(missing)
