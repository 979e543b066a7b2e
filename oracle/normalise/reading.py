"""One message being read: its source, and a list of what the mapping leaves out.

Nothing is dropped silently: a segment without a mapping, a field that is filled but not mapped, and an optional value
that can't be read are named in `unmapped` ("ZPD", "PID-10", "OBX-14").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from oracle.hl7.errors import FieldError
from oracle.hl7.message import NULL, Message, Segment
from oracle.hl7.timestamps import Stamp, parse_stamp
from oracle.normalise.source import SourceProfile

UNDATED = (0, 0)


class Reading:
    """State of reading one message."""

    def __init__(self, message: Message, source: SourceProfile) -> None:
        self.message = message
        self.source = source
        self._unmapped: dict[str, None] = {}

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Names of what was left out so far, each once, in the order met."""
        return tuple(self._unmapped)

    def leave_out(self, segment: Segment, field: int = 0) -> None:
        """Say that a segment, or one of its fields, isn't mapped."""
        self._unmapped[f"{segment.name}-{field}" if field else segment.name] = None

    def leave_out_rest(self, segment: Segment, mapped: frozenset[int]) -> None:
        """Say which filled fields of a segment aren't mapped."""
        for field in segment.filled(mapped):
            self.leave_out(segment, field)

    def stamp(self, segment: Segment, field: int, component: int = 1) -> Stamp | None:
        """An optional time stamp; one that can't be read is left out by name."""
        text = segment.value(field, component)
        if not text:
            return None
        try:
            return parse_stamp(text, self.source.zone)
        except FieldError:
            self.leave_out(segment, field)
            return None

    def set_instant(self, resource: dict[str, Any], name: str, stamp: Stamp, segment: Segment, field: int) -> None:
        """Fill an element of type instant, which a mere date can't."""
        instant = stamp.instant()
        if instant:
            resource[name] = instant
        else:
            self.leave_out(segment, field)


def cleared(segment: Segment, elements: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    """Names of the elements whose field the source sent as an explicit null (`""`), so that they are to be cleared.

    `elements` gives for each field the FHIR elements filled from it and from nothing else.
    """
    if NULL not in segment.raw:
        return ()
    return tuple(name for field, names in elements.items() if segment.is_null(field) for name in names)


def said_at(*stamps: Stamp | None) -> int:
    """Microseconds since 1970 of the first stamp there is; 0 for none."""
    for stamp in stamps:
        if stamp is not None:
            fraction = int(f"{stamp.fraction:0<6}"[:6]) if stamp.fraction else 0
            return int(stamp.moment.timestamp()) * 1_000_000 + fraction
    return 0


def days_of(*stamps: Stamp | None) -> tuple[int, int]:
    """First and last civil day the stamps may mean; undated when there is none. Days before 1970 count as undated."""
    spans = [stamp.days() for stamp in stamps if stamp is not None]
    if not spans:
        return UNDATED
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    return (first, last) if first > 0 else UNDATED


def join_key(*parts: str) -> str:
    """Parts of a source key in one string; a separator inside a part is escaped, so keys can't be forged by content."""
    joined = "|".join(parts)
    if joined.count("|") == len(parts) - 1 and "%" not in joined:
        return joined
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)


def numbered(key: str, used: Counter[str]) -> str:
    """A key of `join_key`; one used before gets its place among the repeats. No key has as many parts as a repeat."""
    place = used[key] = used.get(key, 0) + 1
    return f"{key}|#{place}" if place > 1 else key
