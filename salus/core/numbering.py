"""Numbers that a sender gives its messages, and which of them never came.

    1 2 3 5 6     5 opens the gap 4–4         4 arrives late and closes it
    … 8 9 1 2     1 begins a new run          1, then 10: the 1 was sent again, the old run goes on

A series is one sender's counter. Numbers may come in any order and more than once. Source: HL7 v2.5.1 section 2.10.1
(sequence number protocol): MSH-13 counts up by one for each message; values below 1 ask about the count and are none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LONGEST_GAP: Final = 100_000
"""A jump above this is a counter that was set anew, not loss."""

EARLY: Final = 64
"""A series that has not come this far yet may still get its first numbers late; a 1 is then no new beginning."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message's number in a series; `series` is the keyed hash of its sender (32 bytes)."""

    series: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers from `first` to `last` that have not come, noticed at a Unix time."""

    first: int
    last: int
    noticed_at: int

    @property
    def missing(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class OpenGap:
    """Numbers of a source that have not come yet."""

    source: str
    gap: Gap


@dataclass(slots=True)
class Run:
    """State of a series. `before` is the highest number of the run before, 0 when nothing began anew.

    `taken`, `missed` and `late` count what was counted since this object was made.
    """

    first: int
    highest: int
    before: int
    gaps: list[Gap]
    taken: int = 0
    missed: int = 0
    late: int = 0

    def take(self, number: int, at: int) -> None:
        """A number has come."""
        if number > self.highest:
            self._ahead(number, at)
        elif (gap := next((one for one in self.gaps if one.first <= number <= one.last), None)) is not None:
            self._close(gap, number)
        elif number == 1 and (self.first == 1 or self.highest > EARLY):
            self.before, self.first, self.highest = self.highest, 1, 1
            self.taken += 1
        elif number < self.first:
            self._open(number + 1, self.first - 1, at)
            self.first = number
            self.taken += 1

    def _ahead(self, number: int, at: int) -> None:
        self.taken += 1
        if self.before > self.highest and number == self.before + 1:
            self.before, self.highest = 0, number  # what began anew was the old number one, sent again
            return
        if number - self.highest > LONGEST_GAP:
            self.before, self.first = self.highest, number
        else:
            self._open(self.highest + 1, number - 1, at)
        self.highest = number

    def _open(self, first: int, last: int, at: int) -> None:
        if first <= last:
            self.gaps.append(Gap(first, last, at))
            self.missed += last - first + 1

    def _close(self, gap: Gap, number: int) -> None:
        self.gaps.remove(gap)
        rest = ((gap.first, number - 1), (number + 1, gap.last))
        self.gaps.extend(Gap(first, last, gap.noticed_at) for first, last in rest if first <= last)
        self.taken += 1
        self.late += 1


def begin(numbers: Iterable[int]) -> Run:
    """A series not seen before; it begins at the lowest of the first numbers."""
    first = min(numbers)
    return Run(first, first - 1, 0, [])
