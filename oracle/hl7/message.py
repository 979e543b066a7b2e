"""An HL7 v2 message, split only as far as it is read.

Numbers are HL7's: fields, repetitions, components and subcomponents count from 1, MSH-1 is the field separator itself.
Absent parts read as "". An explicit null (`""`) also reads as "" by `value`; `is_null` tells the two apart.
Source: HL7 v2.9 sections 2.5 (message construction) and 2.6 (message construction rules).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from oracle.hl7.errors import LimitError, Location, StructureError
from oracle.hl7.escapes import unescape
from oracle.hl7.separators import Separators, separators_of

NULL = '""'
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
# A line that is only a name is a segment when HL7 knows the name, else text that broke its line.
_EMPTY_SEGMENTS = frozenset(
    (
        "EVN",
        "PID",
        "PD1",
        "NK1",
        "PV1",
        "PV2",
        "AL1",
        "DG1",
        "PR1",
        "IN1",
        "ORC",
        "OBR",
        "OBX",
        "NTE",
        "SPM",
        "TXA",
        "ROL",
    )
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest message this receiver takes apart: a document of 50 MiB is 70 million characters of base64."""

    characters: int = 96 * 1024 * 1024
    segments: int = 20_000
    fields: int = 2_000
    repetitions: int = 10_000


DEFAULT_LIMITS = Limits()


class Repetition:
    """One repetition of a field, split into components when asked."""

    __slots__ = ("_components", "_separators", "raw")

    def __init__(self, raw: str, separators: Separators) -> None:
        self.raw = raw
        self._separators = separators
        self._components: list[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.raw) and self.raw != NULL

    @property
    def separators(self) -> Separators:
        """The separators it is split with."""
        return self._separators

    def inner(self, component: int) -> Repetition:
        """A component of a composite type: its subcomponents as the components of a repetition of their own."""
        text, mark = self.raw_component(component), self._separators.subcomponent
        return Repetition(text.replace(mark, self._separators.component) if mark else text, self._separators)

    def raw_component(self, component: int) -> str:
        """A component as sent."""
        if self._components is None:
            self._components = self.raw.split(self._separators.component)
        return self._components[component - 1] if component <= len(self._components) else ""

    def value(self, component: int = 1, subcomponent: int = 0) -> str:
        """Text of a component, or of one subcomponent; a whole component that has subcomponents gives the first."""
        text = self.raw_component(component)
        if text.isalnum():
            return text if subcomponent < 2 else ""
        mark = self._separators.subcomponent
        if mark and mark in text:
            parts = text.split(mark)
            place = max(subcomponent, 1)
            text = parts[place - 1] if place <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return "" if text == NULL else _readable(unescape(text, self._separators)).strip()

    def count(self) -> int:
        """Number of components sent."""
        return self.raw.count(self._separators.component) + 1

    def whole(self) -> str:
        """The repetition as one text: for TX, FT and ST, whose separators may be sent unescaped."""
        return "" if self.raw == NULL else _readable(unescape(self.raw, self._separators))


def repetitions(raw: str, separators: Separators) -> list[Repetition]:
    """The repetitions of a field as sent; none when it is empty or an explicit null."""
    parts = raw.split(separators.repetition) if raw and raw != NULL else []
    return [Repetition(part, separators) for part in parts if part and part != NULL]


def first_of(raw: str, separators: Separators) -> Repetition:
    """The first repetition of a field as sent."""
    return Repetition(raw.split(separators.repetition, 1)[0], separators)


class Segment:
    """One segment; `occurrence` counts segments of the same name from 1."""

    __slots__ = ("_fields", "_limits", "name", "occurrence", "raw", "separators")

    def __init__(self, raw: str, separators: Separators, occurrence: int, limits: Limits = DEFAULT_LIMITS) -> None:
        self.raw = raw
        self.name = raw[:3]
        self.occurrence = occurrence
        self.separators = separators
        self._limits = limits
        self._fields: list[str] | None = None

    def field(self, number: int) -> str:
        """A field as sent, with all its repetitions.

        Raises:
            LimitError: the segment has too many fields.
        """
        fields = self._fields
        if fields is None:
            fields = self._split()
        return fields[number] if number < len(fields) else ""

    def fields(self, last: int) -> list[str]:
        """The name and the fields 1 to `last` as sent, absent ones empty: for segments that come by the dozen.

        Raises:
            LimitError: the segment has too many fields.
        """
        found = (self._fields or self._split())[: last + 1]
        return found + [""] * (last + 1 - len(found))

    def repetitions(self, number: int) -> list[Repetition]:
        """The repetitions of a field; none when it is empty or an explicit null.

        Raises:
            LimitError: the field has too many repetitions.
        """
        raw = self.field(number)
        if not raw or raw == NULL:
            return []
        mark = self.separators.repetition
        if mark not in raw:
            return [Repetition(raw, self.separators)]
        parts = raw.split(mark)
        if len(parts) > self._limits.repetitions:
            raise LimitError("too many repetitions", self.at(number))
        return [Repetition(part, self.separators) for part in parts if part and part != NULL]

    def first(self, number: int) -> Repetition:
        """The first repetition of a field, empty if there is none."""
        raw = self.field(number)
        mark = self.separators.repetition
        return Repetition(raw.split(mark, 1)[0] if mark in raw else raw, self.separators)

    def value(self, number: int, component: int = 1, subcomponent: int = 0) -> str:
        """Text of a component in the first repetition, unescaped, without blanks around it."""
        raw = self.field(number)
        if raw.isalnum():
            return raw if component == 1 and subcomponent < 2 else ""
        return self.first(number).value(component, subcomponent) if raw else ""

    def is_null(self, number: int) -> bool:
        """Whether the sender says the value is to be cleared (`""`)."""
        return self.field(number) == NULL

    def at(self, field: int = 0, component: int = 0) -> Location:
        """Where this segment is, for errors."""
        return Location(self.name, self.occurrence, field, 0, component)

    def filled(self, but: frozenset[int] = frozenset()) -> list[int]:
        """Numbers of the fields that hold something, MSH-1, MSH-2 and those of `but` left out."""
        fields = self._split() if self._fields is None else self._fields
        asked = _numbers(3 if self.name == "MSH" else 1, len(fields), but)
        return [number for number in asked if fields[number] and fields[number] != NULL]

    def _split(self) -> list[str]:
        fields = self.raw.split(self.separators.field)
        if len(fields) > self._limits.fields:
            raise LimitError("too many fields", self.at())
        if self.name == "MSH":
            fields.insert(1, self.separators.field)
        self._fields = fields
        return fields


class Message:
    """A parsed message. `folded` counts lines without a segment name, joined to the segment before them."""

    __slots__ = ("_named", "folded", "segments", "separators")

    def __init__(self, segments: list[Segment], separators: Separators, folded: int) -> None:
        self.segments = segments
        self.separators = separators
        self.folded = folded
        self._named: dict[str, list[Segment]] | None = None

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    @property
    def type(self) -> tuple[str, str]:
        """Message code and trigger event (MSH-9.1, MSH-9.2)."""
        return self.header.value(9, 1).upper(), self.header.value(9, 2).upper()

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.value(10)

    def without(self, names: frozenset[str]) -> Message:
        """The message as if segments of these names weren't there; MSH stays."""
        kept = [segment for segment in self.segments if segment.name not in names or segment.name == "MSH"]
        return Message(kept, self.separators, self.folded)

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[Segment]:
        """All segments of that name, in order."""
        named = self._named
        if named is None:  # sorted once: a mapping asks again for each of thousands of groups
            named = self._named = {}
            for segment in self.segments:
                named.setdefault(segment.name, []).append(segment)
        return named.get(name, [])


@lru_cache(maxsize=1024)
def _numbers(first: int, end: int, but: frozenset[int]) -> tuple[int, ...]:
    """Numbers of fields from `first` to before `end`, those of `but` left out."""
    return tuple(number for number in range(first, end) if number not in but)


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _readable(text: str) -> str:
    """Text without control characters, which FHIR strings may not hold; tabs and line breaks stay."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def parse(text: str, limits: Limits = DEFAULT_LIMITS) -> Message:
    """Take a decoded message apart into segments. Line ends may be CR, LF or both.

    Raises:
        StructureError: no MSH at the start, a second MSH, or a batch.
        FieldError: MSH-1 or MSH-2 can't be used.
        LimitError: longer than the limits.
    """
    if len(text) > limits.characters:
        raise LimitError("too many characters", Location())
    text = text.lstrip("\ufeff\r\n\t ")
    if text.startswith(("FHS", "BHS")):
        raise StructureError("a batch must be sent as single messages", Location(text[:3]))
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    lines = text.split("\r")
    separators = separators_of(lines[0])
    if len(lines) > limits.segments:
        raise LimitError("too many segments", Location())
    segments: list[Segment] = []
    seen: dict[str, int] = {}
    broken: dict[int, list[str]] = {}
    folded = 0
    for line in lines:
        name = line[:3]
        if (line[3:4] == separators.field and _is_name(name)) or line in _EMPTY_SEGMENTS:
            seen[name] = occurrence = seen.get(name, 0) + 1
            segments.append(Segment(line, separators, occurrence, limits))
        elif line.strip():
            # A raw line break inside a text field: the line belongs to the segment before it.
            broken.setdefault(len(segments) - 1, []).append(line)
            folded += 1
    for place, rest in broken.items():  # joined once: line by line, a large segment would be copied thousands of times
        last = segments[place]
        segments[place] = Segment("\n".join((last.raw, *rest)), separators, last.occurrence, limits)
    if seen["MSH"] > 1:
        raise StructureError("more than one MSH segment", Location("MSH", 2))
    return Message(segments, separators, folded)
