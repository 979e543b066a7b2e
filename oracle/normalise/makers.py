"""Who and what made a result: the fields of OBX after its time, which most senders leave out.

Source: segment map OBX[Observation] of HL7/v2-to-fhir (OBX-15 to 25, 33).
"""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from typing import Any

from oracle.hl7.message import Repetition, Segment, repetitions
from oracle.hl7.separators import Separators
from oracle.normalise import tables
from oracle.normalise.contained import Contained, Part, part
from oracle.normalise.datatypes import (
    Authority,
    address,
    dictionary_concept,
    entity_identifier,
    pair_identifiers,
    words_of,
)
from oracle.normalise.organizations import organization, producer
from oracle.normalise.people import in_role, person
from oracle.normalise.reading import Reading

Json = dict[str, Any]

_ANALYSED = "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time"
_DIRECTOR = {"code": [{"coding": [{"system": f"{tables.TERMINOLOGY}v2-0912", "code": "MDIR"}]}]}


def add_makers(reading: Reading, obx: Segment, home: Authority, result: Json, contained: Contained) -> list[str]:
    """Fill an observation with its makers; the words in what was filled."""
    texts: list[str] = []
    own = entity_identifier(obx.first(21), home, "FILL") if obx.field(21) else None
    if own:
        result["identifier"] = [own]
    makers = _makers(reading, obx, home)
    if makers:
        result["performer"] = [contained.refer(one) for one in makers]
        texts += [one.display for one in makers if one.resource["resourceType"] == "Organization"]
    for field, name in ((17, "method"), (20, "bodySite")):
        found = dictionary_concept(obx.first(field).raw, obx.separators) if obx.field(field) else None
        if found:
            result[name] = found[0]
            texts += words_of(found[0])
    device = _device(obx, home)
    if device:
        result["device"] = contained.refer(device)
        texts.append(device.display)
    analysed = reading.stamp(obx, 19)
    if analysed:
        found_at = {"url": _ANALYSED, "valueDateTime": analysed.date_time()}
        result["extension"] = [*result.get("extension", []), found_at]
    numbers = pair_identifiers(obx.first(33), home) if obx.field(33) else []
    if numbers:
        result["specimen"] = {"type": "Specimen", "identifier": numbers[0]}
    return texts


def _makers(reading: Reading, obx: Segment, home: Authority) -> list[Part]:
    zone = reading.source.zone
    found = [one for sent in obx.repetitions(16) if (one := person(sent, home, zone))]
    laboratory = None
    if obx.field(23) or obx.field(25):
        laboratory = _laboratory(obx.first(23).raw, obx.field(24), obx.first(25).raw, obx.separators, home, zone)
    named = (producer(obx.first(15)) if obx.field(15) else None, laboratory)
    return found + [one for one in named if one is not None]


@lru_cache(maxsize=512)
def _laboratory(
    name: str, places: str, director: str, separators: Separators, home: Authority, zone: tzinfo
) -> Part | None:
    """OBX-23 and 24, the performing organization; in the role of its medical director when OBX-25 names one.

    All results of a report name the same.
    """
    addresses = tuple(one for sent in repetitions(places, separators) if (one := address(sent, zone)))
    named = organization(Repetition(name, separators), addresses)
    someone = person(Repetition(director, separators), home, zone)
    return in_role(someone, named, _DIRECTOR) if someone else named


def _device(obx: Segment, home: Authority) -> Part | None:
    """OBX-18, the instrument."""
    own = entity_identifier(obx.first(18), home, "FILL") if obx.field(18) else None
    if own is None:
        return None
    del own["type"]
    return part({"resourceType": "Device", "identifier": [own]}, own["value"])
