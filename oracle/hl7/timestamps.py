"""HL7 time stamps to FHIR dates and to civil days.

A stamp keeps the precision it was sent with: `202601` stays a month. FHIR asks for seconds and a zone once an hour is
given, so missing minutes and seconds become zero and a missing zone becomes the source's. Clinical days are civil
days in Asia/Shanghai, which has had the one offset +08:00 since 1991-09-15; they count from 1970-01-01.
Source: HL7 v2.9 section 2A.3.21 (DTM); FHIR R4 section 2.24.0.1 (date, dateTime, instant).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from enum import IntEnum
from functools import lru_cache

from oracle.hl7.errors import FieldError, Location

SHANGHAI = timezone(timedelta(hours=8))
EPOCH = date(1970, 1, 1).toordinal()

_STAMP = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,9}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)


class Precision(IntEnum):
    """The last part of a stamp that was sent."""

    YEAR = 1
    MONTH = 2
    DAY = 3
    HOUR = 4
    MINUTE = 5
    SECOND = 6


@dataclass(frozen=True, slots=True)
class Stamp:
    """A point in time as precise as it was sent. `moment` fills what is missing with the earliest value."""

    moment: datetime
    precision: Precision
    fraction: str = ""

    def date(self) -> str:
        """FHIR date: YYYY, YYYY-MM or YYYY-MM-DD, as the sender's own calendar says."""
        return self.moment.strftime("%Y-%m-%d").zfill(10)[: (4, 7, 10)[min(self.precision, Precision.DAY) - 1]]

    def date_time(self) -> str:
        """FHIR dateTime: a date, or date and time to the second with zone."""
        if self.precision <= Precision.DAY:
            return self.date()
        whole = self.moment.isoformat(timespec="seconds")
        return f"{whole[:19]}.{self.fraction}{whole[19:]}" if self.fraction else whole

    def instant(self) -> str | None:
        """FHIR instant; None when no hour was sent."""
        return self.date_time() if self.precision > Precision.DAY else None

    def days(self) -> tuple[int, int]:
        """First and last civil day in Asia/Shanghai this stamp may mean."""
        if self.precision > Precision.DAY:
            day = self.moment.astimezone(SHANGHAI).date().toordinal() - EPOCH
            return day, day
        first = self.moment.date()
        last = first
        if self.precision == Precision.MONTH:
            last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
        elif self.precision == Precision.YEAR:
            last = first.replace(month=12, day=31)
        return first.toordinal() - EPOCH, last.toordinal() - EPOCH


def parse_stamp(text: str, zone: tzinfo = SHANGHAI, location: Location | None = None) -> Stamp | None:
    """Read an HL7 TS, DT or DTM; None for an empty one or one of zeros only (senders write 00000000 for none).

    Raises:
        FieldError: not a date of the calendar, or not in HL7's form.
    """
    try:
        return _read(text.strip(), zone)
    except ValueError as error:
        raise FieldError(str(error), location) from error


@lru_cache(maxsize=4096)
def _read(text: str, zone: tzinfo) -> Stamp | None:
    """As `parse_stamp`; the same few stamps come many times in a message."""
    if not text.strip("0"):
        return None
    found = _STAMP.fullmatch(text)
    if found is None:
        raise ValueError("not an HL7 time stamp")
    parts = [int(part) for part in found.groups()[:6] if part is not None]
    offset = found.group(8)
    year, month, day, hour, minute, second = parts + [1, 1, 1, 0, 0, 0][len(parts) :]
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_offset(offset) if offset else zone)
        if moment.year < 2 or moment.year > 9998:
            raise ValueError("outside the calendar")
    except ValueError as error:
        raise ValueError("not a date of the calendar") from error
    return Stamp(moment, Precision(len(parts)), found.group(7) or "")


def civil_day(moment: datetime) -> int:
    """Civil day in Asia/Shanghai of an aware moment, counted from 1970-01-01."""
    return moment.astimezone(SHANGHAI).date().toordinal() - EPOCH


def hl7_stamp(moment: datetime) -> str:
    """An aware moment as HL7 TS to the millisecond with zone, for MSH-7 of replies."""
    return moment.strftime("%Y%m%d%H%M%S.") + f"{moment.microsecond // 1000:03d}" + moment.strftime("%z")


def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    if minutes > 14 * 60 or int(text[3:5]) > 59:
        raise ValueError("not a zone")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
