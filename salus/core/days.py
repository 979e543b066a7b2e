"""Civil days in Asia/Shanghai and consent windows. Day 0 (1970-01-01) means undated."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime

SHANGHAI_OFFSET = 8 * 3600
"""Seconds east of UTC; China has had no daylight saving since 1991."""
_EPOCH = date(1970, 1, 1).toordinal()
UNDATED = 0


def day_of(day: date) -> int:
    """Days from 1970-01-01 to a civil date."""
    return day.toordinal() - _EPOCH


def date_of(day: int) -> date:
    """Civil date of a day number."""
    return date.fromordinal(day + _EPOCH)


def day_at(seconds: int) -> int:
    """Civil day in Asia/Shanghai of a Unix time in seconds."""
    return (seconds + SHANGHAI_OFFSET) // 86400


def months_before(day: int, months: int) -> int:
    """The day `months` calendar months earlier, clamped to the month's end (31 May less 3 months is 28 February)."""
    at = date_of(day)
    index = at.year * 12 + at.month - 1 - months
    year, month = divmod(index, 12)
    if year < 1970:
        return UNDATED
    last = calendar.monthrange(year, month + 1)[1]
    return day_of(date(year, month + 1, min(at.day, last)))


def iso_utc(seconds: int) -> str:
    """Unix time as ISO 8601 in UTC, for people and JSON."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
