import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.days import UNDATED, date_of, day_at, day_of, iso_utc, months_before
from tests.vectors.samples import consent

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST, LAST = dt.date(1995, 1, 1), dt.date(2055, 1, 1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _length(year: int, month: int) -> int:
    return 29 if month == 2 and _is_leap(year) else (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _walk_back(date: dt.date, months: int) -> dt.date:
    """Month by month, without arithmetic on a month index and without the calendar module."""
    year, month = date.year, date.month
    for _ in range(months):
        month -= 1
        if month == 0:
            year, month = year - 1, 12
    return dt.date(year, month, min(date.day, _length(year, month)))


@pytest.mark.parametrize("months", [1, 2, 3, 6, 12, 18, 60])
def test_months_before__every_day_of_60_years__clamped_to_the_month_s_end(months: int) -> None:
    date = FIRST
    while date < LAST:
        assert date_of(months_before(day_of(date), months)) == _walk_back(date, months), date
        date += dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("date", "months", "expected"),
    [
        ("2026-05-31", 3, "2026-02-28"),
        ("2024-05-31", 3, "2024-02-29"),
        ("2024-02-29", 12, "2023-02-28"),
        ("2028-02-29", 48, "2024-02-29"),
        ("2100-03-31", 1, "2100-02-28"),
        ("2026-01-31", 1, "2025-12-31"),
        ("2026-12-31", 6, "2026-06-30"),
        ("2026-03-30", 1, "2026-02-28"),
        ("1970-04-01", 3, "1970-01-01"),
    ],
)
def test_months_before__month_ends__as_people_count(date: str, months: int, expected: str) -> None:
    assert date_of(months_before(day_of(dt.date.fromisoformat(date)), months)) == dt.date.fromisoformat(expected)


@pytest.mark.parametrize(("date", "months"), [("1970-01-01", 1), ("1971-01-01", 13), ("1990-12-31", 255)])
def test_months_before__earlier_than_1970__undated(date: str, months: int) -> None:
    assert months_before(day_of(dt.date.fromisoformat(date)), months) == UNDATED


@given(st.integers(366, 40_000), st.integers(0, 11))
def test_months_before__a_day_later__never_earlier(day: int, months: int) -> None:
    assert months_before(day, months) <= months_before(day + 1, months) <= day + 1


@given(st.integers(712_800_000, 4_102_444_800))
def test_day_at__any_second_since_daylight_saving_ended__civil_day_in_shanghai(seconds: int) -> None:
    assert date_of(day_at(seconds)) == dt.datetime.fromtimestamp(seconds, SHANGHAI).date()


def test_day_at__around_midnight_in_shanghai__changes_at_16_utc() -> None:
    midnight = int(dt.datetime(2026, 11, 1, tzinfo=SHANGHAI).timestamp())
    days = [date_of(day_at(midnight + offset)).day for offset in (-1, 0, 86_399, 86_400)]
    assert days == [31, 1, 1, 2]


@given(st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)))
def test_day_of__any_date__and_back(date: dt.date) -> None:
    assert date_of(day_of(date)) == date


def test_day_of__epoch__zero() -> None:
    assert day_of(dt.date(1970, 1, 1)) == UNDATED == 0


def test_iso_utc__a_time__with_z() -> None:
    assert iso_utc(1_793_491_200) == "2026-11-01T00:00:00Z"


def test_window__rolling__from_clamped_day_to_today_of_shanghai() -> None:
    at = int(dt.datetime(2026, 5, 31, 0, 30, tzinfo=SHANGHAI).timestamp())
    window = consent(window_months=3).window(at)
    assert window is not None
    assert [date_of(day).isoformat() for day in window] == ["2026-02-28", "2026-05-31"]


def test_window__fixed_days__whatever_the_time() -> None:
    fixed = consent(window_months=0, from_day=20_000, to_day=20_010)
    assert fixed.window(0) == fixed.window(2**33) == (20_000, 20_010)


def test_window__no_days_and_no_months__none() -> None:
    assert consent(window_months=0).window(1_793_491_200) is None
