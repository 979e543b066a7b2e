"""When something is to be done: TQ1, the older TQ, and repeat patterns, to Timing.

Source: data type map RPT[Timing] and segment maps TQ1 of HL7/v2-to-fhir; HL7 table 0335; FHIR R4 Timing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise.datatypes import code_token, number, table_concept
from oracle.normalise.reading import Reading

Json = dict[str, Any]

TQ1_MAPPED = frozenset({1, 2, 3, 4, 7, 8, 9, 10, 11, 14})
_EVERY = re.compile(r"Q(\d{1,4})([SMHDWL])", re.ASCII)
_TIMES = re.compile(r"(\d)ID", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3])([0-5]\d)", re.ASCII)
_UNIT = MappingProxyType({"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"})
# Pattern → times, in how many, of what. QN, QW, BIW, TIW and QH are what Chinese orders write: ours
_PATTERN = MappingProxyType(
    {
        "QD": (1, 1, "d"),
        "BID": (2, 1, "d"),
        "TID": (3, 1, "d"),
        "QID": (4, 1, "d"),
        "QOD": (1, 2, "d"),
        "QHS": (1, 1, "d"),
        "QN": (1, 1, "d"),
        "QW": (1, 1, "wk"),
        "BIW": (2, 1, "wk"),
        "TIW": (3, 1, "wk"),
        "QH": (1, 1, "h"),
    }
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When, how much and how urgent. `text` are the source's words for it; `as_needed` is PRN."""

    timing: Json | None = None
    start: Stamp | None = None
    end: Stamp | None = None
    amount: tuple[str, str] = ("", "")
    priority: str = ""
    text: str = ""
    as_needed: bool = False


def schedule(reading: Reading, tq1: list[Segment], old: tuple[Segment | None, int]) -> Schedule:
    """The schedule of an order: its first TQ1, else a field of the older type TQ (ORC-7, OBR-27, RXE-1)."""
    if tq1:
        for segment in tq1[1:]:
            reading.leave_out(segment)
        return _of_tq1(reading, tq1[0])
    where, field = old
    return _of_tq(reading, where, field) if where is not None and where.field(field) else Schedule()


def timing_of(pattern: str, start: Stamp | None, end: Stamp | None, count: str = "", clock: str = "") -> Json | None:
    """A pattern and bounds as Timing; None when there is nothing but a single moment or nothing at all."""
    repeat: Json = {}
    plain = pattern.upper().removeprefix("PRN").strip()
    every, times = _EVERY.fullmatch(plain), _TIMES.fullmatch(plain)
    known = _PATTERN.get(plain)
    if every and int(every.group(1)):
        known = (1, int(every.group(1)), _UNIT[every.group(2)])
    elif times and times.group(1) != "0":
        known = (int(times.group(1)), 1, "d")
    if known:
        repeat = {"frequency": known[0], "period": known[1], "periodUnit": known[2]}
    if end:
        repeat["boundsPeriod"] = {"start": start.date_time()} if start else {}
        repeat["boundsPeriod"]["end"] = end.date_time()
    elif start and pattern:
        repeat["boundsPeriod"] = {"start": start.date_time()}
    if count.isascii() and count.isdigit() and 0 < int(count) < 100_000:
        repeat["count"] = int(count)
    at = _CLOCK.fullmatch(clock)
    if at and (known is None or known[2] in ("d", "wk")):
        repeat["timeOfDay"] = [f"{at.group(1)}:{at.group(2)}:00"]
    result: Json = {"repeat": repeat} if repeat else {}
    if pattern:
        result["code"] = (table_concept(code_token(plain), "0335") if known else {}) | {"text": pattern}
    return result or None


def _of_tq1(reading: Reading, tq1: Segment) -> Schedule:
    reading.leave_out_rest(tq1, TQ1_MAPPED)
    start, end = _span(reading, tq1, (7, 1), (8, 1))
    pattern = tq1.value(3, 1, 2) or tq1.value(3)
    code = tq1.value(3) or pattern
    return Schedule(
        timing=timing_of(code, start, end, tq1.value(14), tq1.value(4)),
        start=start,
        end=end,
        amount=(tq1.value(2), tq1.value(2, 2, 2) or tq1.value(2, 2)),
        priority=tq1.value(9),
        text="; ".join(text for text in (tq1.value(10), tq1.value(11)) if text),
        as_needed="PRN" in code.upper(),
    )


def _of_tq(reading: Reading, segment: Segment, field: int) -> Schedule:
    start, end = _span(reading, segment, (field, 4), (field, 5))
    pattern = segment.value(field, 2)
    return Schedule(
        timing=timing_of(pattern, start, end, segment.value(field, 12), segment.value(field, 2, 2)),
        start=start,
        end=end,
        amount=(segment.value(field, 1), segment.value(field, 1, 2)),
        priority=segment.value(field, 6),
        text="; ".join(text for text in (segment.value(field, 7), segment.value(field, 8)) if text),
        as_needed="PRN" in pattern.upper(),
    )


def _span(
    reading: Reading, segment: Segment, first: tuple[int, int], last: tuple[int, int]
) -> tuple[Stamp | None, Stamp | None]:
    """Two stamps as a period; an end before its start is left out by name."""
    start, end = reading.stamp(segment, *first), reading.stamp(segment, *last)
    if start and end and end.moment < start.moment:
        reading.leave_out(segment, last[0])
        return start, None
    return start, end


def moment(start: Stamp | None, timing: Json | None) -> Json:
    """A start without a pattern as occurrenceDateTime, a pattern as occurrenceTiming; for elements named occurrence."""
    if timing:
        return {"occurrenceTiming": timing}
    return {"occurrenceDateTime": start.date_time()} if start else {}


def positive(text: str) -> int | None:
    """A whole number above zero; None for anything else."""
    value = number(text)
    return int(value) if value is not None and value == value.to_integral_value() and 0 < value < 2**31 else None
