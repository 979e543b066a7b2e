"""What messages say about one group comes to the same, in whatever order they come. Real messages, the real mapping."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.fold import Folded, Moved, Told, fold
from oracle.hl7.message import parse
from oracle.normalise import normalise
from salus.core.record import NormalisedGroup
from tests.unit.oracle.oracle_world import PROFILE, results, stay

SODIUM, GLUCOSE = "2951-2", "2345-7"


def _told(*raws: bytes, kind: str = "report") -> list[Told]:
    groups = [normalise(parse(raw.decode()), PROFILE) for raw in raws]
    return [Told(place, next(one for one in listed if one.kind == kind)) for place, listed in enumerate(groups)]


def _values(group: NormalisedGroup) -> dict[str, tuple[str, str]]:
    """Code → status and value."""
    found = {}
    for item in group.items:
        resource = item.resource
        value = resource.get("valueQuantity", {}).get("value", "")
        found[resource["code"]["coding"][0]["code"]] = (resource["status"], str(value))
    return found


def _folded(*raws: bytes) -> Folded:
    return fold(_told(*raws))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("5.4", "P"), ("5.5", "F"), ("final", "5.5")),
        (("5.4", "R"), ("5.4", "F"), ("final", "5.4")),
        (("5.4", "F"), ("5.6", "C"), ("corrected", "5.6")),
        (("5.4", "F"), ("5.6", "A"), ("amended", "5.6")),
        (("5.4", "F"), ("5.6", "F"), ("final", "5.6")),
        (("5.4", "F"), ("", "U"), ("final", "5.4")),
        (("5.4", "F"), ("", "D"), ("entered-in-error", "")),
        (("5.4", "F"), ("5.4", "W"), ("entered-in-error", "")),
        (("5.4", "P"), ("", "X"), ("cancelled", "")),
        (("5.4", "F"), ("5.1", "P"), ("final", "5.4")),
        (("5.4", "C"), ("5.1", "P"), ("corrected", "5.4")),
    ],
)
def test_fold__result_said_again__is_what_the_table_says(
    before: tuple[str, str], after: tuple[str, str], expected: tuple[str, str]
) -> None:
    first = results("1", (GLUCOSE, *before), said="20261101083000")
    second = results("2", (GLUCOSE, *after), said="20261101093000")
    assert _values(_folded(first, second).group)[GLUCOSE] == expected
    assert _values(_folded(second, first).group)[GLUCOSE] == expected


def test_fold__result_missing_later__stays(  # snapshot mode is not deletion
) -> None:
    first = results("1", (GLUCOSE, "5.4", "F"), said="20261101083000")
    second = results("2", (SODIUM, "140", "F"), said="20261101093000")
    folded = _folded(first, second)
    assert _values(folded.group) == {GLUCOSE: ("final", "5.4"), SODIUM: ("final", "140")}
    assert not folded.stale


def test_fold__older_report_arriving_late__is_stale_and_changes_nothing() -> None:
    old = results("1", (GLUCOSE, "5.4", "F"), said="20261101083000")
    new = results("2", (GLUCOSE, "5.9", "C"), said="20261101093000")
    folded = _folded(new, old)
    assert folded.stale
    assert _values(folded.group)[GLUCOSE] == ("corrected", "5.9")
    assert folded.group.items == _folded(old, new).group.items


def test_fold__older_report_with_a_result_of_its_own__is_not_stale() -> None:
    new = results("2", (GLUCOSE, "5.9", "F"), said="20261101093000")
    old = results("1", (SODIUM, "140", "F"), said="20261101083000")
    folded = _folded(new, old)
    assert not folded.stale
    assert set(_values(folded.group)) == {GLUCOSE, SODIUM}


def test_fold__final_value_changed_without_a_word__is_silent() -> None:
    first = results("1", (GLUCOSE, "5.4", "F"), said="20261101083000")
    assert _folded(first, results("2", (GLUCOSE, "5.5", "F"), said="20261101093000")).silent
    assert not _folded(first, results("2", (GLUCOSE, "5.5", "C"), said="20261101093000")).silent
    assert not _folded(first, results("2", (GLUCOSE, "5.4", "F"), said="20261101093000")).silent


def test_fold__tombstone__says_nothing_of_what_was_there() -> None:
    wrong = results("2", (GLUCOSE, "5.4", "W"), (SODIUM, "140", "F"), said="20261101093000")
    (item, _) = _folded(wrong).group.items
    assert "5.4" not in str(item.resource)
    assert item.resource["status"] == "entered-in-error"


def test_fold__words_of_all_messages__stay_for_labelling() -> None:
    first = results("1", ("56888-1", "0.1", "F"), said="20261101083000")
    second = results("2", (GLUCOSE, "5.4", "F"), said="20261101093000")
    codes = {code.code for item in _folded(first, second).group.items for code in item.codes}
    assert {"56888-1", GLUCOSE} <= codes


def test_fold__stay__keeps_what_a_later_event_does_not_send() -> None:
    admitted = stay("1", "A01", said="20261101070000", segments=("DG1|1||I20.0^不稳定型心绞痛^I10",))
    left = stay("2", "A03", said="20261103100000", discharged="20261103095500")
    (first, second) = _told(admitted, left, kind="encounter")
    group = fold([first, second]).group
    assert [item.resource["code"]["coding"][0]["code"] for item in group.items] == ["I20.0"]
    assert group.head["status"] == "finished"
    assert set(group.head["period"]) == {"start", "end"}
    assert group == fold([Told(0, second.group), Told(1, first.group)]).group


def test_fold__diagnoses_sent_again__replace_those_before() -> None:
    first = stay("1", "A01", said="20261101070000", segments=("DG1|1||I20.0^不稳定型心绞痛^I10",))
    second = stay("2", "A08", said="20261102070000", segments=("DG1|1||I21.9^急性心肌梗死^I10",))
    group = fold(_told(first, second, kind="encounter")).group
    assert [item.resource["code"]["coding"][0]["code"] for item in group.items] == ["I21.9"]


def test_fold__discharge_and_its_undoing__is_an_open_stay() -> None:
    left = stay("1", "A03", said="20261103100000", discharged="20261103095500")
    back = stay("2", "A13", said="20261103110000")
    head = fold(_told(left, back, kind="encounter")).group.head
    assert head["status"] == "in-progress"
    assert "end" not in head["period"]


def test_fold__report_moved_to_another_patient__leaves_what_only_the_first_was_told() -> None:
    first = results("1", (SODIUM, "140", "F"), said="20261101083000")
    moved = results("2", (GLUCOSE, "5.4", "C"), patient="P2", said="20261101093000")
    group = _folded(first, moved).group
    assert group.subject_key == "HB|P2"
    assert set(_values(group)) == {GLUCOSE}


def test_fold__stay_moved_by_the_source__takes_along_what_was_told_before() -> None:
    (told,) = _told(stay("1", "A01", said="20261101070000"), kind="encounter")
    move = Moved(1, told.group.said_at + 1, "HB|P1", "HB|P2")
    group = fold([told], [move]).group
    assert (group.subject_key, group.head["status"]) == ("HB|P2", "in-progress")


def _storm() -> list[bytes]:
    return [
        results("1", (GLUCOSE, "5.4", "P"), (SODIUM, "139", "F"), status="P", said="20261101080000"),
        results("2", (GLUCOSE, "5.5", "F"), said="20261101083000"),
        results("3", (GLUCOSE, "5.6", "C"), (SODIUM, "", "U"), said="20261101090000"),
        results("4", (SODIUM, "140", "C"), said="20261101093000"),
    ]


def test_fold__any_order_of_arrival__comes_to_the_same() -> None:
    groups = [one.group for one in _told(*_storm())]
    seen: list[Any] = []
    for order in permutations(range(len(groups))):
        group = fold([Told(arrived, groups[place]) for arrived, place in enumerate(order)]).group
        seen.append((group.head, group.items, group.status))
    assert all(one == seen[0] for one in seen)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_fold__random_messages_in_random_order__come_to_the_same(data: st.DataObject) -> None:
    results_of_one = st.tuples(
        st.sampled_from([GLUCOSE, SODIUM]), st.sampled_from(["5.1", "5.2"]), st.sampled_from(list("PRFCADWXNU"))
    )
    drawn = data.draw(st.lists(st.lists(results_of_one, min_size=1, max_size=2), min_size=1, max_size=5))
    raws = [
        results(str(place), *one, said=f"2026110108{place:02d}00", status=data.draw(st.sampled_from("PFC")))
        for place, one in enumerate(drawn)
    ]
    groups = [one.group for one in _told(*raws)]
    order = data.draw(st.permutations(range(len(groups))))
    straight = fold([Told(place, group) for place, group in enumerate(groups)]).group
    shuffled = fold([Told(arrived, groups[place]) for arrived, place in enumerate(order)]).group
    assert (straight.head, straight.items, straight.status) == (shuffled.head, shuffled.items, shuffled.status)
