from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.alerts import ADVICE, AlertBook, AlertKind, Change, Limits, Snapshot

LIMITS = Limits(
    pending=100,
    pending_seconds=60,
    quarantined=5,
    refused_percent=10,
    gap_seconds=600,
    disk_percent=10,
    away_seconds=60,
    calm_seconds=30,
)
QUIET = Snapshot(at=0)


def looked(book: AlertBook, seconds: range, **values: Any) -> list[Change]:
    """Looks every two seconds with the same figures; all changes."""
    found = []
    for at in seconds[::2]:
        found += book.look(replace(QUIET, at=at, **values))
    return found


def names(changes: list[Change]) -> list[tuple[str, str, bool]]:
    return [(one.alert.kind.value, one.alert.source, one.raised) for one in changes]


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "backlog": ({"pending": 100}, {"pending": 80}, ""),
    "oldest-pending": ({"oldest_seconds": 60}, {"oldest_seconds": 48}, ""),
    "intake-held": ({"held": True}, {"held": False}, ""),
    "source-silent": ({"silent": {"his": (600, 600)}}, {"silent": {"his": (3, 600)}}, "his"),
    "sources-rejected": ({"rejected": {"his.toml": 1}}, {"rejected": {}}, "his.toml"),
    "numbers-missing": ({"missing": {"lis": 2}}, {"missing": {}}, "lis"),
    "disk-low": ({"free_percent": {"content": 9.9}}, {"free_percent": {"content": 12.6}}, "content"),
    "worker-failing": ({"failing": {"seal": 60}}, {"failing": {"seal": 0}}, "seal"),
    "database-away": ({"database_seconds": 60}, {"database_seconds": 0}, ""),
    "content-away": ({"content_seconds": 61}, {"content_seconds": 0}, ""),
    "custodian-away": ({"custodians": {"0xc1": 60}}, {"custodians": {}}, "0xc1"),
    "chain-away": ({"chain_seconds": 60}, {"chain_seconds": 0}, ""),
}


@pytest.mark.parametrize(("kind", "case"), WRONG.items(), ids=WRONG)
def test_alert__figure_past_its_limit_then_well__is_raised_once_and_cleared_after_a_calm(
    kind: str, case: tuple[dict[str, Any], dict[str, Any], str]
) -> None:
    wrong, well, source = case
    book = AlertBook(LIMITS)
    assert names(looked(book, range(60), **wrong)) == [(kind, source, True)]
    assert [(one.kind.value, one.source) for one in book.raised] == [(kind, source)]
    assert looked(book, range(60, 88), **well) == []
    assert names(looked(book, range(88, 100), **well)) == [(kind, source, False)]
    assert book.raised == []


BETWEEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "backlog": ({"pending": 100}, {"pending": 90}),
    "disk-low": ({"free_percent": {"content": 9.0}}, {"free_percent": {"content": 11.0}}),
    "chain-away": ({"chain_seconds": 90}, {"chain_seconds": 4}),
}


@pytest.mark.parametrize(("wrong", "between"), BETWEEN.values(), ids=BETWEEN)
def test_alert__figure_near_its_limit__stays_raised(wrong: dict[str, Any], between: dict[str, Any]) -> None:
    book = AlertBook(LIMITS)
    assert len(looked(book, range(60), **wrong)) == 1
    assert looked(book, range(60, 600), **between) == []
    assert len(book.raised) == 1


def test_alert__backlog_of_a_burst__is_not_raised() -> None:
    book = AlertBook(LIMITS)
    assert looked(book, range(28), pending=500) == []
    assert looked(book, range(28, 40), pending=3) == []
    assert looked(book, range(40, 66), pending=500) == []


def test_alert__quarantine__counts_what_came_within_the_hour() -> None:
    book = AlertBook(LIMITS)
    assert looked(book, range(100), quarantined=40) == []
    assert names(looked(book, range(100, 200), quarantined=45)) == [("quarantine-grows", "", True)]
    assert names(looked(book, range(200, 4000), quarantined=45)) == [("quarantine-grows", "", False)]


@pytest.mark.parametrize(
    ("judged", "refused", "rings"), [(200, 20, True), (200, 19, False), (19, 19, False), (20, 20, True)]
)
def test_alert__refused_messages__are_a_share_of_those_of_the_last_minutes(
    judged: int, refused: int, rings: bool
) -> None:
    book = AlertBook(LIMITS)
    looked(book, range(-1000, 10), judged=10_000, refused=0)
    changes = looked(book, range(10, 20), judged=10_000 + judged, refused=refused)
    assert (names(changes) == [("messages-refused", "", True)]) is rings
    later = looked(book, range(400, 1000), judged=10_000 + judged, refused=refused)
    assert names(later) == ([("messages-refused", "", False)] if rings else [])


def test_alert__messages_not_stored__ring_although_the_database_reads() -> None:
    book = AlertBook(LIMITS)
    assert names(looked(book, range(10), unstored=0)) == []
    assert names(looked(book, range(10, 20), unstored=1)) == [("database-away", "", True)]
    assert names(looked(book, range(20, 140), unstored=1)) == [("database-away", "", False)]


def test_alert__first_look__counts_what_came_before_it() -> None:
    first = AlertBook(LIMITS).look(Snapshot(7, judged=40, refused=30, unstored=3, quarantined=900))
    assert names(first) == [("messages-refused", "", True), ("database-away", "", True)]


def test_alert__two_sources__ring_apart() -> None:
    book = AlertBook(LIMITS)
    silent = {"his": (700, 600), "lis": (10, 600), "pacs": (600, 600)}
    assert names(looked(book, range(10), silent=silent)) == [
        ("source-silent", "his", True),
        ("source-silent", "pacs", True),
    ]


def test_alert__source_taken_out_of_force__is_cleared() -> None:
    book = AlertBook(LIMITS)
    looked(book, range(10), silent={"his": (700, 600)})
    assert names(looked(book, range(10, 60))) == [("source-silent", "his", False)]


def test_alert__raised__says_since_when_and_the_newest_value() -> None:
    book = AlertBook(LIMITS)
    looked(book, range(40), pending=150)
    looked(book, range(40, 50), pending=170)
    (alert,) = book.raised
    assert (alert.since, alert.value, alert.limit, alert.advice) == (0, 170, 100, ADVICE[AlertKind.BACKLOG])


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans(), st.integers(0, 90)), max_size=60))
def test_alert__whatever_happens__raised_and_cleared_take_turns(steps: list[tuple[int, bool, int]]) -> None:
    book, at = AlertBook(LIMITS), 0
    last: dict[tuple[AlertKind, str], bool] = {}
    for pending, held, seconds in steps:
        at += seconds
        for change in book.look(replace(QUIET, at=at, pending=pending, held=held)):
            name = (change.alert.kind, change.alert.source)
            assert change.raised is not last.get(name, False)
            last[name] = change.raised
    assert {name for name, raised in last.items() if raised} == {(one.kind, one.source) for one in book.raised}


def test_alert__orders_not_carried_out__ring_until_there_is_none() -> None:
    book = AlertBook(LIMITS)
    assert names(looked(book, range(10), overdue=2)) == [("destruction-overdue", "", True)]
    assert names(looked(book, range(10, 20), overdue=1)) == []
    assert names(looked(book, range(20, 80))) == [("destruction-overdue", "", False)]


def test_alert__every_kind__has_advice() -> None:
    assert set(ADVICE) == set(AlertKind)
