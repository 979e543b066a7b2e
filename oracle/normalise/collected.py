"""SPM and the specimen fields of OBR to Specimen, to be contained in their report.

Source: segment maps SPM[Specimen] and OBR[Specimen], data type map SPS[Specimen-Source] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from oracle.hl7.message import Repetition, Segment
from oracle.normalise import tables
from oracle.normalise.contained import Contained, part
from oracle.normalise.datatypes import Authority, amount, dictionary_concept, identifier, pair_identifiers, text_of
from oracle.normalise.people import person
from oracle.normalise.reading import Reading
from salus.core.record import Code

Json = dict[str, Any]

SPM_MAPPED = frozenset({1, 2, 4, 6, 7, 8, 12, 14, 17, 18, 20, 24, 27, 30, 31})
# OBR: what says something of the specimen besides its time
_OBR_FIELDS = (9, 10, 14, 15, 39)


@dataclass(frozen=True, slots=True)
class Collected:
    """References to the specimens of a report, and what they say, for labelling."""

    references: list[Json]
    codes: tuple[Code, ...]
    texts: tuple[str, ...]


def specimens(
    reading: Reading, obr: Segment, spms: list[Segment], home: Authority, contained: Contained, *, laboratory: bool
) -> Collected:
    """Specimens of a report: one of the OBR when that says anything of it, and one of each SPM."""
    found = []
    told = any(obr.field(number) for number in _OBR_FIELDS)
    if told or (laboratory and not spms and obr.field(7)):
        found.append(_of_obr(reading, obr, home, contained))
    for spm in spms:
        reading.leave_out_rest(spm, SPM_MAPPED)
        found.append(_of_spm(reading, spm, home))
    references: list[Json] = []
    codes: list[Code] = []
    texts: list[str] = []
    for number, specimen in enumerate(found, 1):
        if not specimen.resource:
            continue
        resource = {"resourceType": "Specimen"} | specimen.resource
        display = next((text for text in specimen.texts if text), "")
        references.append(contained.refer(part(resource, display, name=f"specimen-{number}")))
        # its words count as words: as display of a code they would pass for the name of the report
        codes.extend(replace(code, display="") for code in specimen.codes if code.code)
        texts.extend(code.display for code in specimen.codes)
        texts.extend(specimen.texts)
    return Collected(references, tuple(codes), tuple(dict.fromkeys(filter(None, texts))))


class _Specimen:
    """A specimen while it is filled."""

    def __init__(self) -> None:
        self.resource: Json = {}
        self.codes: list[Code] = []
        self.texts: list[str] = []

    def concept(self, sent: Repetition, system: str = "") -> Json | None:
        """A code, kept for labelling too."""
        found = dictionary_concept(sent.raw, sent.separators, system) if sent else None
        if found is None:
            return None
        self.codes.extend(found[1])
        self.texts.append(found[0].get("text") or found[1][0].code)
        return found[0]

    def put(self, path: str, value: object) -> None:
        """Fill an element, or one part of an element ("collection.quantity"), unless there is nothing to fill it."""
        outer, _, inner = path.partition(".")
        if value and inner:
            self.resource.setdefault(outer, {})[inner] = value
        elif value:
            self.resource[outer] = value

    def note(self, *texts: str) -> None:
        """Add notes."""
        for text in filter(None, texts):
            self.resource.setdefault("note", []).append({"text": text})
            self.texts.append(text)

    def collected(self, reading: Reading, segment: Segment, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Fill when it was taken."""
        began, ended = reading.stamp(segment, *start), reading.stamp(segment, *end)
        if began and ended and ended.moment >= began.moment:
            self.put("collection.collectedPeriod", {"start": began.date_time(), "end": ended.date_time()})
        elif began:
            self.put("collection.collectedDateTime", began.date_time())


def _of_obr(reading: Reading, obr: Segment, home: Authority, contained: Contained) -> _Specimen:
    made = _Specimen()
    source = obr.first(15)
    if source:
        made.put("type", made.concept(source.inner(1)))
        additive = made.concept(source.inner(2))
        made.put("container", [{"additiveCodeableConcept": additive}] if additive else None)
        made.put("collection.bodySite", made.concept(source.inner(4)))
        condition = made.concept(source.inner(6))
        made.put("condition", [condition] if condition else None)
        made.note(source.value(3))
    collector = person(obr.first(10), home, reading.source.zone) if obr.field(10) else None
    made.put("collection.collector", contained.refer(collector) if collector else None)
    made.collected(reading, obr, (7, 1), (8, 1))
    made.put("collection.quantity", amount(obr.first(9)) if obr.field(9) else None)
    received = reading.stamp(obr, 14)
    made.put("receivedTime", received.date_time() if received else None)
    made.note(*(_comment(one) for one in obr.repetitions(39)))
    return made


def _of_spm(reading: Reading, spm: Segment, home: Authority) -> _Specimen:
    made = _Specimen()
    made.put("type", made.concept(spm.first(4), f"{tables.TERMINOLOGY}v2-0487"))
    numbers = pair_identifiers(spm.first(2), home) + [
        one for sent in spm.repetitions(31) if (one := identifier(sent, home, reading.source.zone))
    ]
    made.put("identifier", numbers)
    made.put("accessionIdentifier", identifier(spm.first(30), home) if spm.field(30) else None)
    made.put("status", tables.SPECIMEN_STATUS.get(spm.value(20).upper()))
    made.put("collection.method", made.concept(spm.first(7), f"{tables.TERMINOLOGY}v2-0488"))
    made.put("collection.bodySite", made.concept(spm.first(8)))
    made.collected(reading, spm, (17, 1), (17, 2))
    made.put("collection.quantity", amount(spm.first(12)) if spm.field(12) else None)
    received = reading.stamp(spm, 18)
    made.put("receivedTime", received.date_time() if received else None)
    container: Json = {}
    for field, system, name in ((27, "", "type"), (6, f"{tables.TERMINOLOGY}v2-0371", "additiveCodeableConcept")):
        found = made.concept(spm.first(field), system)
        if found:
            container[name] = found
    made.put("container", [container] if container else None)
    made.put("condition", [one for sent in spm.repetitions(24) if (one := made.concept(sent))])
    made.note(*(one.whole().strip() for one in spm.repetitions(14)))
    return made


def _comment(sent: Repetition) -> str:
    """CWE as Annotation: the whole of it, for nothing in it may be lost."""
    words = text_of(sent.value(9))
    return words or ", ".join(text for text in (sent.value(1), sent.value(2)) if text)
