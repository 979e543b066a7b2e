"""Until when copies are kept: calendar years in Asia/Shanghai, holds, orders, and what time may change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.days import SHANGHAI_OFFSET, date_of, day_at, day_of
from salus.core.errors import InputError
from salus.core.retention import DAY_SECONDS, GRACE_DAYS, Retention, Standing, due_at, years_after, years_of
from salus.core.state import RecordStatus

TIMES = st.integers(min_value=0, max_value=int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()))
YEARS = st.integers(min_value=1, max_value=5)


def _shanghai(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) - SHANGHAI_OFFSET


@pytest.mark.parametrize(
    ("anchored", "years", "due"),
    [
        pytest.param(_shanghai(2026, 11, 27, 10), 5, _shanghai(2031, 11, 28), id="ends with the day of the same date"),
        pytest.param(_shanghai(2024, 2, 29, 10), 1, _shanghai(2025, 3, 1), id="29 February, and no such day"),
        pytest.param(_shanghai(2024, 2, 29, 10), 4, _shanghai(2028, 3, 1), id="29 February, and there is one"),
        pytest.param(_shanghai(2023, 2, 28, 10), 1, _shanghai(2024, 2, 29), id="28 February before a leap day"),
        pytest.param(_shanghai(2026, 12, 31, 23), 1, _shanghai(2028, 1, 1), id="the year's last hour in Shanghai"),
        pytest.param(_shanghai(2027, 1, 1, 0), 1, _shanghai(2028, 1, 2), id="the next hour is another day there"),
        pytest.param(_shanghai(2026, 11, 27, 10), 0, _shanghai(2031, 11, 28), id="nothing chosen is five years"),
    ],
)
def test_due_at__calendar_case__is_that_midnight(anchored: int, years: int, due: int) -> None:
    assert due_at(anchored, years) == due


@pytest.mark.parametrize("years", [-1, 6, 255])
def test_years__out_of_range__are_refused(years: int) -> None:
    with pytest.raises(InputError, match="1 to 5"):
        years_of(years)


@given(TIMES, YEARS)
def test_due_at__any__is_a_midnight_of_shanghai_on_the_day_after_the_date(anchored: int, years: int) -> None:
    due = due_at(anchored, years)
    assert (due + SHANGHAI_OFFSET) % DAY_SECONDS == 0
    begun, last = date_of(day_at(anchored)), date_of(day_at(due - 1))
    assert (last.year, last.month) == (begun.year + years, begun.month)
    assert last.day == begun.day or (begun.day, last.day) == (29, 28)


@given(TIMES, TIMES, YEARS, YEARS)
def test_due_at__later_anchor_or_more_years__is_never_earlier(one: int, other: int, few: int, many: int) -> None:
    early, late = sorted((one, other))
    less, more = sorted((few, many))
    assert due_at(early, less) <= due_at(late, more)
    assert less == more or due_at(early, less) < due_at(early, more)


@given(TIMES, YEARS)
def test_due_at__any__leaves_whole_years(anchored: int, years: int) -> None:
    assert due_at(anchored, years) - anchored > years * 365 * DAY_SECONDS - DAY_SECONDS
    assert due_at(anchored, years) - anchored <= (years * 365 + 2 + 1) * DAY_SECONDS


def test_years_after__leap_day__each_of_five_years() -> None:
    found = [date_of(years_after(day_of(date(2024, 2, 29)), years)).isoformat() for years in range(1, 6)]
    assert found == ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29", "2029-02-28"]


@given(TIMES, YEARS, st.integers(min_value=0, max_value=400), TIMES)
def test_standing__valid_and_not_held__follows_time_alone(anchored: int, years: int, grace: int, now: int) -> None:
    found = Retention(anchored, years).standing(now, grace)
    due = due_at(anchored, years)
    assert (found is Standing.KEPT) == (now < due)
    assert (found is Standing.OVER) == (now >= due + grace * DAY_SECONDS)


@given(TIMES, YEARS, TIMES, st.sampled_from(RecordStatus))
def test_standing__legal_hold__is_never_due(anchored: int, years: int, now: int, status: RecordStatus) -> None:
    found = Retention(anchored, years, held=True, status=status).standing(now)
    assert found not in (Standing.DUE, Standing.OVER, Standing.KEPT)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize(
    ("status", "standing"),
    [(RecordStatus.ORDERED, Standing.ORDERED), (RecordStatus.DESTROYED, Standing.DESTROYED)],
)
def test_standing__ordered_or_destroyed__is_not_due(status: RecordStatus, standing: Standing, held: bool) -> None:
    assert Retention(0, 1, held=held, status=status).standing(due_at(0, 5)) is standing


def test_standing__invalid_version__is_due_like_any_other() -> None:
    assert Retention(0, 1, status=RecordStatus.INVALID).standing(due_at(0, 1)) is Standing.DUE


def test_standing__one_to_five_years_when_due__is_kept_again() -> None:
    now = due_at(0, 1) + (GRACE_DAYS + 1) * DAY_SECONDS
    assert Retention(0, 1).standing(now) is Standing.OVER
    assert Retention(0, 5).standing(now) is Standing.KEPT
