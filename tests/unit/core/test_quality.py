"""Figures, and what they say together."""

from __future__ import annotations

from datetime import date

import pytest

from salus.core.days import day_of
from salus.core.numbering import Gap, OpenGap
from salus.core.quality import Figure, Share, Summary, Tally, Told, delay_class, summaries

MORNING = 1_793_494_800  # 2026-11-01 09:00 in Shanghai


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(-6, "ahead"), (-5, "2"), (0, "2"), (3, "10"), (10, "10"), (11, "60"), (3601, "86400"), (86_401, "more")],
)
def test_delay__falls_in_one_class(seconds: int, name: str) -> None:
    assert delay_class(seconds) == name


def test_tally__counts_by_source_and_civil_day() -> None:
    tally = Tally()
    tally.add("lis", MORNING, "messages")
    tally.add("lis", MORNING + 15 * 3600, "messages")
    tally.add("his", MORNING, "messages", 2)
    day = day_of(date(2026, 11, 1))
    assert tally.figures() == (
        Figure("his", day, "messages", 2),
        Figure("lis", day, "messages", 1),
        Figure("lis", day + 1, "messages", 1),
    )


def test_tally__of_a_message__has_its_delays() -> None:
    tally = Tally()
    tally.add_told("lis", MORNING, Told((("codes", 3),), sent_at=MORNING - 4, issued_at=MORNING - 120))
    assert {one.measure: one.count for one in tally.figures()} == {"codes": 3, "sent.10": 1, "issued.600": 1}


def test_tally__unknown_times__are_in_no_class() -> None:
    tally = Tally()
    tally.add_told("lis", MORNING, Told())
    assert tally.figures() == ()


def test_summary__shares__are_of_what_they_say() -> None:
    counts = {
        "messages": 90,
        "messages.replayed": 8,
        "messages.duplicate": 2,
        "required.report": 6,
        "present.report": 5,
        "required.result": 4,
        "present.result": 4,
        "missing.report.issued": 1,
        "codes": 10,
        "codes.known": 9,
        "sent.2": 3,
        "sent.10": 4,
        "sent.more": 1,
        "numbers": 97,
    }
    summary = Summary("lis", counts, missing=3)
    assert summary.resends == Share(10, 100)
    assert summary.completeness == Share(9, 10)
    assert summary.known("codes") == Share(9, 10)
    assert summary.known("units") == Share(0, 0)
    assert summary.within("sent", 10) == Share(7, 8)
    assert summary.coverage == Share(97, 100)
    assert summary.lacking == {"report.issued": 1}


def test_share__of_nothing__is_no_number() -> None:
    assert str(Share(0, 0)) == "–"
    assert str(Share(1, 3)) == "33.3%"


def test_summaries__source_with_gaps_only__is_one_too() -> None:
    found = summaries(
        [Figure("his", 1, "messages", 4), Figure("his", 2, "messages", 1)], [OpenGap("lis", Gap(3, 5, 0))]
    )
    assert [(one.source, one.of("messages"), one.missing) for one in found] == [("his", 5, 0), ("lis", 0, 3)]
