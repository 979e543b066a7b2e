"""NK1 to Patient.contact: next of kin and institutions a patient belongs to.

The guide also allows RelatedPerson; a record names its patient by number only, so kin stay where the name is.
Source: segment map NK1[Patient] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracle.hl7.message import Repetition, Segment
from oracle.normalise import tables
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import address, concept, human_name, period, telecom
from oracle.normalise.organizations import organization
from oracle.normalise.reading import Reading

Json = dict[str, Any]

_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 30, 31, 32, 40, 41})


def contact(reading: Reading, nk1: Segment, contained: Contained, texts: list[str]) -> Json | None:
    """One NK1; None when it says nothing. Names of institutions are added to `texts`."""
    reading.leave_out_rest(nk1, _MAPPED)
    zone = reading.source.zone
    relations = [
        found[0]
        for field, table in ((3, "0063"), (7, "0131"))
        for one in nk1.repetitions(field)
        if (found := concept(one, f"{tables.TERMINOLOGY}v2-{table}"))
    ]
    uses = ((5, ""), (6, "work"), (40, ""), (41, ""))
    phones = [phone for field, use in uses for phone in _telecoms(nk1, field, use, reading)]
    institution = _institution(nk1, reading, contained, texts)
    valid = period(nk1.value(8), nk1.value(9), zone)
    parts = {
        "relationship": relations,
        "name": human_name(nk1.first(2), zone) if nk1.field(2) else None,
        "telecom": phones,
        "address": address(nk1.first(4), zone) if nk1.field(4) else None,
        "gender": tables.GENDER.get(nk1.value(15).upper()) if nk1.value(15) else None,
        "organization": institution,
        "period": valid,
    }
    return {name: value for name, value in parts.items() if value} or None


def each(segment: Segment, field: int, convert: Callable[[Repetition], Json | None]) -> list[Json]:
    """All repetitions of a field that hold something, converted."""
    return [result for one in segment.repetitions(field) if (result := convert(one)) is not None]


def _telecoms(nk1: Segment, field: int, use: str, reading: Reading) -> list[Json]:
    return each(nk1, field, lambda one: telecom(one, use, reading.source.zone))


def _institution(nk1: Segment, reading: Reading, contained: Contained, texts: list[str]) -> Json | None:
    """NK1-13, with the person to ask there (NK1-30 to 32)."""
    zone = reading.source.zone
    parts = {
        "name": human_name(nk1.first(30), zone) if nk1.field(30) else None,
        "telecom": _telecoms(nk1, 31, "", reading),
        "address": address(nk1.first(32), zone) if nk1.field(32) else None,
    }
    found = organization(nk1.first(13), contact={name: value for name, value in parts.items() if value})
    if found is None:
        return None
    texts.append(found.display)
    return contained.refer(found)
