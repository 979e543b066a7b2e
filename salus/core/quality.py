"""Figures of how well a source sends: counts by source, civil day and measure, never content.

A measure is a short name. Shares are two of them: `codes.known` of `codes`, `present.report` of `required.report`.
Counts only ever grow, and are written in the transaction that does what they count, so they hold after a crash.
docs/quality.md gives the rule behind each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from salus.core.days import day_at
from salus.core.numbering import OpenGap

DELAYS: Final = (2, 10, 60, 600, 3600, 86_400)
"""Upper edges, in seconds, of the classes a delay falls in; one more class lies above them."""
AHEAD_SECONDS: Final = 5
"""A sender's clock may run this much ahead of ours."""

TAKEN: Final = "messages"
REPLAYS: Final = "messages.replayed"
DUPLICATES: Final = "messages.duplicate"
UNCHANGED: Final = "messages.unchanged"
HELD: Final = "messages.held"
STALE: Final = "groups.stale"
SILENT: Final = "groups.silent"
NUMBERED: Final = "numbers"
MISSED: Final = "numbers.missed"
LATE: Final = "numbers.late"


@dataclass(frozen=True, slots=True)
class Figure:
    """How often something was so, in messages of one source received on one civil day (Asia/Shanghai)."""

    source: str
    day: int
    measure: str
    count: int


@dataclass(frozen=True, slots=True)
class Told:
    """What the reading of one message says of its quality: counts by measure, and the sender's own times.

    `sent_at` is MSH-7 and `issued_at` the latest OBR-22, in Unix seconds, 0 when they are missing or unreadable.
    """

    counts: tuple[tuple[str, int], ...] = ()
    sent_at: int = 0
    issued_at: int = 0


class Tally:
    """Counts on their way into the store."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int, str]] = Counter()

    def add(self, source: str, at: int, measure: str, count: int = 1) -> None:
        """Count something about a message received at a Unix time."""
        self._counts[source, day_at(at), measure] += count

    def add_told(self, source: str, received_at: int, told: Told) -> None:
        """Count what reading a message said."""
        day, counts = day_at(received_at), self._counts
        for measure, count in told.counts:
            counts[source, day, measure] += count
        if told.sent_at:
            counts[source, day, f"sent.{delay_class(received_at - told.sent_at)}"] += 1
        if told.issued_at:
            counts[source, day, f"issued.{delay_class(received_at - told.issued_at)}"] += 1

    def figures(self) -> tuple[Figure, ...]:
        """What was counted, in order."""
        return tuple(Figure(*name, count) for name, count in sorted(self._counts.items()) if count)


def delay_class(seconds: int) -> str:
    """Class of a delay: "10" is above 2 and up to 10 seconds, "more" above a day, "ahead" a clock that runs ahead."""
    if seconds < -AHEAD_SECONDS:
        return "ahead"
    for edge in DELAYS:
        if seconds <= edge:
            return str(edge)
    return "more"


def total(figures: Iterable[Figure]) -> dict[str, int]:
    """Counts by measure, of all days and sources together."""
    found: Counter[str] = Counter()
    for figure in figures:
        found[figure.measure] += figure.count
    return dict(found)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    part: int
    whole: int

    def __str__(self) -> str:
        return f"{self.part / self.whole:.1%}" if self.whole else "–"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the figures of one source say over some days. `missing` numbers had not come when it was made."""

    source: str
    counts: dict[str, int]
    missing: int = 0

    def of(self, measure: str) -> int:
        """One count."""
        return self.counts.get(measure, 0)

    @property
    def resends(self) -> Share:
        """Messages that came before, of all that came."""
        again = self.of(REPLAYS) + self.of(DUPLICATES)
        return Share(again, again + self.of(TAKEN))

    @property
    def completeness(self) -> Share:
        """Elements present, of those every kind of record must have."""
        return Share(self._all("present."), self._all("required."))

    def known(self, what: str) -> Share:
        """`codes` in a published system, `units` of UCUM, `demographics` codes in range, `values` written as their type
        says, `statuses` of HL7 table 0085."""
        return Share(self.of(f"{what}.known"), self.of(what))

    def within(self, what: str, seconds: int) -> Share:
        """Delays up to an edge of `DELAYS`: `sent` and `issued` to receipt, receipt to `anchored`."""
        kept = sum(self.of(f"{what}.{edge}") for edge in DELAYS if edge <= seconds)
        return Share(kept, self._all(f"{what}."))

    @property
    def coverage(self) -> Share:
        """Numbers that came, of those the sender has given."""
        return Share(self.of(NUMBERED), self.of(NUMBERED) + self.missing)

    @property
    def lacking(self) -> dict[str, int]:
        """How often each required element lacked, "report.issued" for one; the most frequent first."""
        found = {name.removeprefix("missing."): n for name, n in self.counts.items() if name.startswith("missing.")}
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))

    def _all(self, prefix: str) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith(prefix))


def summaries(figures: Iterable[Figure], gaps: Iterable[OpenGap]) -> list[Summary]:
    """One summary for each source, by name."""
    by_source: dict[str, list[Figure]] = {}
    for figure in figures:
        by_source.setdefault(figure.source, []).append(figure)
    missing: Counter[str] = Counter()
    for one in gaps:
        missing[one.source] += one.gap.missing
    return [
        Summary(source, total(by_source.get(source, ())), missing[source])
        for source in sorted(by_source.keys() | missing.keys())
    ]
