"""Calendar.sol against Python's own calendar: days of 60 years, months before each of them.

Every 29th day here (every day of the month comes up), every day in `make test-deep`.
"""

from __future__ import annotations

import calendar
import datetime as dt

import pytest

from tests.integration.differential.conftest import Solidity

_EPOCH = dt.date(1970, 1, 1)
_FIRST, _LAST = dt.date(2000, 1, 1), dt.date(2059, 12, 31)
_SHANGHAI = dt.timezone(dt.timedelta(hours=8))
_MONTHS = (0, 1, 2, 3, 11, 12, 13, 59, 60, 255)
STRIDES = [29, pytest.param(1, marks=[pytest.mark.deep, pytest.mark.timeout(1800)])]


def _days(stride: int) -> range:
    return range((_FIRST - _EPOCH).days, (_LAST - _EPOCH).days + 1, stride)


def _earlier(day: int, months: int) -> int:
    date = _EPOCH + dt.timedelta(days=day)
    index = date.year * 12 + date.month - 1 - months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return (dt.date(year, month + 1, min(date.day, last)) - _EPOCH).days


@pytest.mark.parametrize("stride", STRIDES)
def test_months_before__days_of_sixty_years__as_python_s_calendar(solidity: Solidity, stride: int) -> None:
    asked = [(day, months) for day in _days(stride) for months in _MONTHS]
    for (day, months), (found,) in zip(asked, solidity.call("monthsBefore", asked), strict=True):
        assert found == _earlier(day, months), (day, months)


@pytest.mark.parametrize("stride", STRIDES)
def test_day_at__first_and_last_second_of_a_day__as_python_s_clock(solidity: Solidity, stride: int) -> None:
    asked = []
    for day in _days(stride):
        date = _EPOCH + dt.timedelta(days=day)
        midnight = int(dt.datetime(date.year, date.month, date.day, tzinfo=_SHANGHAI).timestamp())
        asked += [(midnight, day), (midnight + 86_399, day), (midnight - 1, day - 1)]
    for (at, day), (found,) in zip(asked, solidity.call("dayAt", [(at,) for at, _ in asked]), strict=True):
        assert found == day, at
