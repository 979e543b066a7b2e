"""A small month with known truth, put through the write path: nothing missing, nothing twice, everybody's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.month import Month, Way, month, total
from bench.month_check import Outcome, put_through
from bench.month_story import Kind, Trouble
from salus.core.quality import total as sum_up

WAY = Way(resent=0.05, renumbered=0.04, requeued=0.04, held_back=0.2, lost=0.02, malformed=0.03)
TROUBLE = Trouble(
    corrected=0.12, partial=0.15, wrong_patient=0.08, silent=0.05, confirmed=0.05, twins=0.2, two_numbers=0.3
)


@pytest.fixture(scope="module")
def small() -> Month:
    return month(11, 26, way=WAY, trouble=TROUBLE)


@pytest.fixture(scope="module")
def outcome(small: Month, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return put_through(small, tmp_path_factory.mktemp("month"))


def test_month__every_record__says_what_is_true(outcome: Outcome, small: Month) -> None:
    assert outcome.records.others == []
    assert outcome.records.right == len(small.records) > 150


def test_month__resends__make_no_version_and_nothing_else_is_taken_for_one(outcome: Outcome) -> None:
    assert outcome.removed.others == []
    assert outcome.removed.whole > 20
    assert outcome.kept.others == []
    assert outcome.kept.whole > 200


def test_month__every_record__is_filed_under_its_person(outcome: Outcome) -> None:
    assert outcome.owners.others == []
    assert outcome.merged.right == outcome.merged.whole > 0


def test_month__wrong_patient__leaves_invalid_versions(outcome: Outcome) -> None:
    assert outcome.withdrawn.right == outcome.withdrawn.whole > 0


def test_month__malformed_messages__wait_for_a_person(outcome: Outcome) -> None:
    assert outcome.held.right == outcome.held.whole > 0


def test_month__numbers_that_never_came__are_the_open_gaps(outcome: Outcome, small: Month) -> None:
    assert outcome.gaps == {source: numbers for source, numbers in small.lost.items() if numbers}
    figures = sum_up(outcome.figures)
    lost = sum(map(len, small.lost.values()))
    assert figures["numbers.missed"] - figures["numbers.late"] == lost > 0


def test_month__figures__are_those_of_the_truth(outcome: Outcome, small: Month) -> None:
    figures = sum_up(outcome.figures)
    for measure, count in total(small.arrivals).items():
        assert figures.get(measure, 0) == count, measure
    assert figures["messages.held"] == outcome.held.whole
    came = figures["messages"] + figures["messages.replayed"] + figures["messages.duplicate"]
    assert came == len(small.arrivals)
    assert figures["messages"] == figures["numbers"]


def test_month__holds_what_looks_like_a_resend_and_is_none(small: Month) -> None:
    said = [one.sent.said for one in small.arrivals if one.sent.said is not None and not one.repeats]
    orders = [one for one in said if one.kind is Kind.REPORT and one.status == "F"]
    assert len({one.name for one in orders}) > len({(one.number, one.results) for one in orders})
    births = {(one.person.place, one.person.born, one.person.name[:1]) for one in said}
    assert len(births) > len({known[1:] for known in births})


def test_month__same_seed__is_the_same_month() -> None:
    assert month(5, 6).arrivals == month(5, 6).arrivals
    assert month(5, 6).arrivals != month(6, 6).arrivals


def test_put_through__truth_that_was_changed__is_told(small: Month, tmp_path: Path) -> None:
    one = month(11, 3, way=Way(lost=0))
    name = next(name for name, record in one.records.items() if record.results)
    record = one.records[name]
    code = next(iter(record.results))
    wrong = replace(record, results=record.results | {code: ("0", "final")}, owner=99)
    changed = replace(one, records=one.records | {name: wrong}, arrivals=[*one.arrivals])
    found = put_through(changed, tmp_path)
    assert found.records.others == found.owners.others == [" ".join(name)]


def test_put_through__message_that_never_reached_the_oracle__is_told(tmp_path: Path) -> None:
    one = month(11, 3, way=Way(lost=0, resent=0, renumbered=0, requeued=0))
    gone = max(place for place, arrival in enumerate(one.arrivals) if arrival.changes)
    found = put_through(replace(one, arrivals=one.arrivals[:gone] + one.arrivals[gone + 1 :]), tmp_path)
    assert found.records.right < found.records.whole
