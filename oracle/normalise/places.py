"""PL and DLD to Location, to be contained: the smallest place, each part of the next larger one.

Facility, building, point of care, floor, room, bed, as the guide chains them. Location.physicalType has no code for a
point of care.
Source: data type maps PL[Location], DLD[Location-Discharge], HD[Identifier] of HL7/v2-to-fhir; HL7 v2.9 2A.3.53.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from oracle.hl7.message import Repetition
from oracle.hl7.separators import Separators
from oracle.normalise.contained import Part, part
from oracle.normalise.datatypes import concept
from oracle.normalise.organizations import assigner, numbers_of

Json = dict[str, Any]

_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"
# component of PL → physical type, from large to small
_LEVELS = ((4, "si"), (7, "bu"), (1, ""), (8, "lvl"), (2, "ro"), (3, "bd"))
_STATUS = frozenset({"active", "suspended", "inactive"})


def place(sent: Repetition) -> Part | None:
    """PL as its smallest Location; None when it names none."""
    return _place(sent.raw, sent.separators) if sent else None


@lru_cache(maxsize=1024)
def _place(raw: str, separators: Separators) -> Part | None:
    sent = Repetition(raw, separators)
    levels = [(component, kind) for component, kind in _LEVELS if sent.value(component) or sent.value(component, 2)]
    names = [sent.value(component) or sent.value(component, 2) for component, _ in levels]
    if not levels and not sent.value(9):
        return None
    found: Part | None = None
    for number, (component, kind) in enumerate(levels or [(4, "")]):
        resource: Json = {"resourceType": "Location", "mode": "instance"}
        identifiers = numbers_of(*(sent.value(component, part_of) for part_of in (1, 2, 3)))
        needs: tuple[Part, ...] = (found,) if found else ()
        if kind:
            resource["physicalType"] = {"coding": [{"system": _PHYSICAL, "code": kind}]}
        if found:
            resource["partOf"] = found.reference
        if number == len(levels) - 1 or not levels:
            needs += _smallest(sent, resource, identifiers)
        if identifiers:
            resource["identifier"] = identifiers
        found = part(resource, " ".join(names[: number + 1]) or sent.value(9), needs)
    return found


def _smallest(sent: Repetition, resource: Json, identifiers: list[Json]) -> tuple[Part, ...]:
    """What PL says about the smallest place only: status, description, and the number of the whole (PL.10, PL.11)."""
    status, words = sent.value(5).lower(), sent.value(9)
    if status in _STATUS:
        resource["status"] = status
    if words:
        resource["description"] = words
    number = sent.value(10)
    if not number:
        return ()
    own: Json = {"value": number}
    owner = assigner(*(sent.value(11, place) for place in (1, 2, 3)))
    owner = owner or assigner(*(sent.value(10, place) for place in (2, 3, 4)))
    if owner:
        own["assigner"] = owner.reference
    identifiers.append(own)
    return (owner,) if owner else ()


def destination(sent: Repetition) -> Part | None:
    """DLD, where a patient went, as a Location of that type."""
    kind = concept(sent.inner(1))
    return part({"resourceType": "Location", "type": [kind[0]]}, kind[0].get("text", "")) if kind else None
