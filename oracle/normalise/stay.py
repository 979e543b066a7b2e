"""PV1 and PV2: what a stay was like, who took part and where it was, as elements of an Encounter.

Source: segment maps PV1[Encounter] and PV2[Encounter] of HL7/v2-to-fhir. PV1-43, a history entry there, is a place that
was left.
"""

from __future__ import annotations

from html import escape
from typing import Any

from oracle.hl7.message import Segment
from oracle.normalise import tables
from oracle.normalise.contained import Contained, part
from oracle.normalise.datatypes import Authority, code_token, concept, identifier, number, words_of
from oracle.normalise.people import person
from oracle.normalise.places import destination, place
from oracle.normalise.reading import Reading
from salus.core.record import Code

Json = dict[str, Any]

PV1_MAPPED = frozenset(
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 19, 36, 37, 38, 42, 43, 44, 45, 50, 52, 53, 54}
)
PV2_MAPPED = frozenset({1, 3, 8, 9, 11, 12, 13, 22, 25, 38})
# fields and the elements they alone fill, for explicit nulls
PV1_ELEMENTS = {
    3: ("location",),
    4: ("type",),
    5: ("hospitalization.preAdmissionIdentifier",),
    10: ("serviceType",),
    13: ("hospitalization.reAdmission",),
    14: ("hospitalization.admitSource",),
    15: ("hospitalization.specialArrangement",),
    16: ("hospitalization.specialCourtesy",),
    36: ("hospitalization.dischargeDisposition",),
    37: ("hospitalization.destination",),
    38: ("hospitalization.dietPreference",),
    44: ("period.start",),
    45: ("period.end",),
    54: ("episodeOfCare",),
}
PV2_ELEMENTS = {3: ("reasonCode",), 11: ("length",), 12: ("text",), 25: ("priority",)}

_PLANNED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate"
_PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
_ARRIVAL = "http://hl7.org/fhir/StructureDefinition/encounter-modeOfArrival"
_SERVICE_TITLE = "http://hl7.org/fhir/StructureDefinition/resource-instance-description"
_TEMPORARY = {
    "url": "http://hl7.org/fhir/StructureDefinition/subject-locationClassification",
    "valueCodeableConcept": {
        "coding": [{"system": "http://hl7.org/fhir/ValueSet/subject-location", "code": "temporary"}]
    },
}
_DAYS = {"unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
# field → participation type and its words; the guide gives a display to the first, a text to the others
_PARTICIPANTS = ((7, "ATND", ""), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter"))
_OTHERS = (52, "PART", "Participation")
_PLACES = ((3, "active"), (6, "completed"), (11, "active"), (42, "reserved"), (43, "completed"))
# field → table, element of Encounter.hospitalization, and whether it repeats there
_HOSPITALIZATION = (
    (13, "0092", "reAdmission", False),
    (14, "0023", "admitSource", False),
    (15, "0009", "specialArrangement", True),
    (16, "0099", "specialCourtesy", True),
    (36, "0112", "dischargeDisposition", False),
    (38, "0114", "dietPreference", True),
)


def add_stay(
    reading: Reading, pv1: Segment, home: Authority, head: Json, contained: Contained
) -> tuple[tuple[Code, ...], list[str]]:
    """Fill an Encounter from PV1 and PV2; the codes and words in what was filled."""
    texts: list[str] = []
    codes: tuple[Code, ...] = ()
    pv2 = reading.message.first("PV2")
    for field, table, name in ((4, "0007", "type"), (10, "0069", "serviceType")):
        found = concept(pv1.first(field), f"{tables.TERMINOLOGY}v2-{table}") if pv1.field(field) else None
        if found:
            head[name] = [found[0]] if name == "type" else found[0]
            texts += words_of(found[0])
    _add_hospitalization(reading, pv1, home, head, contained, texts)
    _add_participants(reading, pv1, pv2, home, head, contained)
    _add_places(pv1, pv2, head, contained, texts)
    _add_episode(reading, pv1, home, head, contained, texts)
    if pv2 is not None:
        reading.leave_out_rest(pv2, PV2_MAPPED)
        codes = _add_more(reading, pv2, head, texts)
    return codes, texts


def _add_hospitalization(
    reading: Reading, pv1: Segment, home: Authority, head: Json, contained: Contained, texts: list[str]
) -> None:
    """How the patient came and left, and what they were given on the way."""
    stay: Json = {}
    before = identifier(pv1.first(5), home, reading.source.zone) if pv1.field(5) else None
    if before:
        stay["preAdmissionIdentifier"] = before
    for field, table, name, repeats in _HOSPITALIZATION:
        found = [one for sent in pv1.repetitions(field) if (one := concept(sent, f"{tables.TERMINOLOGY}v2-{table}"))]
        if found:
            stay[name] = [one[0] for one in found] if repeats else found[0][0]
            texts.extend(word for one in found for word in words_of(one[0]))
    gone = destination(pv1.first(37)) if pv1.field(37) else None
    if gone:
        stay["destination"] = contained.refer(gone)
        texts += words_of(gone.resource["type"][0])
    if stay:
        head["hospitalization"] = stay


def _add_participants(
    reading: Reading, pv1: Segment, pv2: Segment | None, home: Authority, head: Json, contained: Contained
) -> None:
    sent = [(pv1, *one) for one in _PARTICIPANTS]
    if pv2 is not None:
        sent.append((pv2, 13, "REF", "referrer"))
    found = [
        {"type": [_participation(code, words)], "individual": contained.refer(someone)}
        for segment, field, code, words in (*sent, (pv1, *_OTHERS))
        for one in segment.repetitions(field)
        if (someone := person(one, home, reading.source.zone))
    ]
    if found:
        head["participant"] = found


def _participation(code: str, words: str) -> Json:
    coding = {"system": f"{tables.TERMINOLOGY}v3-ParticipationType", "code": code}
    return {"coding": [coding], "text": words} if words else {"coding": [coding | {"display": "attender"}]}


def _add_places(pv1: Segment, pv2: Segment | None, head: Json, contained: Contained, texts: list[str]) -> None:
    """Where the patient is, was, and will be. A place with a room is one of the record's own (contained)."""
    planned = pv1.value(2).upper() == "P"
    sent = [(pv1, field, "planned" if field == 3 and planned else status) for field, status in _PLACES]
    found = []
    for segment, field, status in (*sent, *([(pv2, 1, "planned")] if pv2 is not None else ())):
        one = place(segment.first(field)) if segment.field(field) else None
        if one:
            at: Json = {"location": contained.refer(one), "status": status}
            if field in (11, 43):
                at["extension"] = [_TEMPORARY]
            found.append(at)
            texts += [one.display, one.resource.get("description", "")]
    if found:
        head["location"] = found


def _add_episode(
    reading: Reading, pv1: Segment, home: Authority, head: Json, contained: Contained, texts: list[str]
) -> None:
    """PV1-53 and 54, the episode a visit belongs to."""
    number_of = identifier(pv1.first(54), home, reading.source.zone) if pv1.field(54) else None
    title = pv1.value(53)
    if not (number_of or title):
        return
    over = head["status"] in ("finished", "cancelled")
    episode: Json = {
        "resourceType": "EpisodeOfCare",
        "status": "finished" if over else "active",
        "patient": head["subject"],
    }
    if number_of:
        episode["identifier"] = [number_of]
    if title:
        episode["extension"] = [{"url": _SERVICE_TITLE, "valueString": title}]
        texts.append(title)
    head["episodeOfCare"] = [contained.refer(part(episode, title, name="episode"))]


def _add_more(reading: Reading, pv2: Segment, head: Json, texts: list[str]) -> tuple[Code, ...]:
    """PV2 without its places and people."""
    codes: tuple[Code, ...] = ()
    reason = concept(pv2.first(3)) if pv2.field(3) else None
    if reason:
        head["reasonCode"] = [reason[0]]
        codes = reason[1]
        texts += words_of(reason[0])
    length = number(pv2.value(11)) if pv2.field(11) else None
    if length is not None:
        head["length"] = {"value": length} | _DAYS
    words = pv2.value(12)
    if words:
        head["text"] = {
            "status": "additional",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(words, quote=False)}</div>',
        }
        texts.append(words)
    urgency = concept(pv2.first(25), f"{tables.TERMINOLOGY}v2-0217") if pv2.field(25) else None
    if urgency:
        head["priority"] = urgency[0]
        texts += words_of(urgency[0])
    if pv2.value(22):
        head["meta"] = {"security": [{"system": f"{tables.TERMINOLOGY}v2-0136", "code": code_token(pv2.value(22))}]}
    head_extensions = _extensions(reading, pv2, texts)
    if head_extensions:
        head["extension"] = [*head.get("extension", []), *head_extensions]
    return codes


def _extensions(reading: Reading, pv2: Segment, texts: list[str]) -> list[Json]:
    found: list[Json] = []
    for field, url in ((8, _PLANNED), (9, _PLANNED_END)):
        stamp = reading.stamp(pv2, field)
        if stamp:
            found.append({"url": url, "valueDateTime": stamp.date_time()})
    arrival = concept(pv2.first(38), f"{tables.TERMINOLOGY}v2-0430") if pv2.field(38) else None
    if arrival and "coding" in arrival[0]:
        found.append({"url": _ARRIVAL, "valueCoding": arrival[0]["coding"][0]})
        texts += words_of(arrival[0])
    return found
