"""Retention: until when custodians and a source keep a record's copies for sharing, and what stands in the way.

A record's copies are kept 1 to 5 calendar years, 5 if its patient has not chosen, from the final anchoring of its
newest version. The day of anchoring is not counted; the term ends with the day of the same date, and where that month
has no such day (29 February) with the month's last (Civil Code of China, articles 201 to 203). Days are civil days in
Asia/Shanghai, so a record is due from midnight there. A legal hold wins, and what is ordered or destroyed is not due.
Source: DESIGN section 5; docs/retention.md.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from salus.core.days import SHANGHAI_OFFSET, date_of, day_at, day_of
from salus.core.errors import InputError
from salus.core.ids import ParticipantId, RecordId, SubjectRef
from salus.core.state import RecordStatus

MIN_YEARS = 1
MAX_YEARS = 5
DEFAULT_YEARS = 5
DAY_SECONDS = 86_400
GRACE_DAYS = 30
"""Days that a due record's patient has to agree or to keep it longer, before the Council is asked."""
MOST_TOGETHER = 50
"""Orders in one proposal of the Council: what fits a block with room to spare."""
AGREEMENT_SECONDS = 30 * DAY_SECONDS
"""How long a patient's agreement holds."""


class Standing(StrEnum):
    """How a record stands towards its retention."""

    KEPT = "kept"
    DUE = "due"
    OVER = "over"
    """Due for longer than the grace: not released any more, and the Council may order its destruction."""
    HELD = "held"
    ORDERED = "ordered"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Retention:
    """What a record's standing follows from: when its newest version was anchored (Unix seconds), what its subject
    chose (0: nothing), and what the registries say."""

    anchored_at: int
    years: int
    held: bool = False
    status: RecordStatus = RecordStatus.VALID

    @property
    def due_at(self) -> int:
        """Unix second from which nothing keeps the copies."""
        return due_at(self.anchored_at, self.years)

    def standing(self, now: int, grace_days: int = GRACE_DAYS) -> Standing:
        """The standing at a Unix time, best that of a final block."""
        if self.status is RecordStatus.DESTROYED:
            return Standing.DESTROYED
        if self.status is RecordStatus.ORDERED:
            return Standing.ORDERED
        if self.held:
            return Standing.HELD
        if now < self.due_at:
            return Standing.KEPT
        return Standing.DUE if now < self.due_at + grace_days * DAY_SECONDS else Standing.OVER


@dataclass(frozen=True, slots=True)
class KeptCopy:
    """A source's record whose newest anchored version is in `custodian_set`; `anchored_at` by the chain, Unix seconds.

    `key` is its number in the source's database, ascending.
    """

    key: int
    record_id: RecordId
    subject: SubjectRef
    version: int
    custodian_set: int
    anchored_at: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """A controller's signed Destruction: it lets the source order one record's destruction until `deadline`."""

    record_id: RecordId
    subject: SubjectRef
    custodian_set: int
    deadline: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A final order of a source's record that is not carried out; `erasable_from` in Unix seconds."""

    source: ParticipantId
    record_id: RecordId
    subject: SubjectRef
    custodian_set: int
    erasable_from: int


def years_of(chosen: int) -> int:
    """Years of retention; 0 is what the registry's slot says while nothing was chosen.

    Raises:
        InputError: neither 0 nor 1 to 5.
    """
    if chosen == 0:
        return DEFAULT_YEARS
    if not MIN_YEARS <= chosen <= MAX_YEARS:
        raise InputError(f"copies are kept {MIN_YEARS} to {MAX_YEARS} years")
    return chosen


def due_at(anchored_at: int, years: int) -> int:
    """Unix second at which the retention of what was anchored at another ends: a midnight in Asia/Shanghai.

    Raises:
        InputError: neither 0 nor 1 to 5 years.
    """
    last_day = years_after(day_at(anchored_at), years_of(years))
    return (last_day + 1) * DAY_SECONDS - SHANGHAI_OFFSET


def years_after(day: int, years: int) -> int:
    """The civil day of the same date so many years later; 28 February for a 29th that is not there."""
    at = date_of(day)
    last = calendar.monthrange(at.year + years, at.month)[1]
    return day_of(date(at.year + years, at.month, min(at.day, last)))
