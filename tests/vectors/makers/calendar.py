"""Civil days in Asia/Shanghai and rolling windows (protocol section 5)."""

from __future__ import annotations

import datetime as dt

from salus.core.days import day_at, day_of, months_before
from tests.vectors.samples import Json, case, consent

_MONTH_ENDS = (
    (2024, 2, 29),
    (2024, 3, 31),
    (2025, 2, 28),
    (2025, 5, 31),
    (2025, 8, 31),
    (2026, 1, 1),
    (2026, 10, 31),
    (2026, 12, 31),
    (2027, 3, 30),
    (2028, 2, 29),
    (2028, 3, 29),
    (2096, 2, 29),
    (2100, 3, 31),
    (2100, 12, 31),
)
_MONTHS = (1, 2, 3, 6, 11, 12, 13, 24, 60, 255)


def make() -> list[Json]:
    """`input.kind` is dayAt (of Unix seconds), monthsBefore (of a day) or window (of a consent at a time)."""
    return [*_days(), *_months(), *_windows()]


def _days() -> list[Json]:
    midnight = 1_793_462_400  # 2026-11-01 00:00 in Shanghai
    seconds = (0, 57_599, 57_600, midnight - 1, midnight, midnight + 86_399, midnight + 86_400, 4_102_444_800, 2**37)
    return [case(f"day at {at}", {"kind": "dayAt", "seconds": at}, day_at(at)) for at in seconds]


def _months() -> list[Json]:
    dates = [dt.date(*parts) for parts in (*_MONTH_ENDS, (1970, 1, 1), (1970, 3, 31), (1971, 1, 1))]
    return [
        case(
            f"{months} months before {date}",
            {"kind": "monthsBefore", "day": day_of(date), "months": months},
            months_before(day_of(date), months),
        )
        for date in dates
        for months in _MONTHS
    ]


def _windows() -> list[Json]:
    cases = []
    for date in (dt.date(*parts) for parts in _MONTH_ENDS):
        for hour, name in ((-8, "first"), (16, "last")):  # the first and the last second of the day in Shanghai
            now = day_of(date) * 86_400 + hour * 3_600 - (hour > 0)
            window = consent(window_months=3).window(now)
            given = {"kind": "window", "now": now, "windowMonths": 3, "fromDay": 0, "toDay": 0}
            cases.append(case(f"three months at the {name} second of {date}", given, list(window or (0, 0))))
    for first, last in ((0, 0), (0, 20_000), (20_000, 20_100), (1, 1)):
        window = consent(window_months=0, from_day=first, to_day=last).window(1_793_491_200)
        given = {"kind": "window", "now": 1_793_491_200, "windowMonths": 0, "fromDay": first, "toDay": last}
        cases.append(case(f"fixed days {first} to {last}", given, list(window or (0, 0))))
    return cases
