"""ORC and OBR of a result to ServiceRequest, contained in its report: what was asked for, by whom and why.

Source: segment maps ORC[ServiceRequest] and OBR[ServiceRequest] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from dataclasses import replace
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
    concept,
    entity_identifier,
    identifier,
    table_concept,
    telecom,
    words_of,
)
from oracle.normalise.organizations import organization
from oracle.normalise.people import in_role, person
from oracle.normalise.reading import Reading
from salus.core.record import Code

Json = dict[str, Any]


def request(
    reading: Reading, obr: Segment, orc: Segment | None, home: Authority, report: Json, contained: Contained
) -> tuple[Json, tuple[Code, ...], list[str]]:
    """Contain the request of a report; the reference to it, and the codes and words it adds.

    `report` is the report's head, whose code, patient, visit and numbers are the request's too.
    """
    made: Json = {
        "resourceType": "ServiceRequest",
        "status": _status(orc),
        "intent": "reflex-order" if obr.value(11) == "G" else "order",
        "subject": report["subject"],
    }
    codes: list[Code] = []
    texts: list[str] = []
    for name in ("identifier", "code", "encounter"):
        if name in report:
            made[name] = report[name]
    reasons = [found for one in obr.repetitions(31) if (found := concept(one))]
    if reasons:
        made["reasonCode"] = [found[0] for found in reasons]
        for found in reasons:
            # its words count as words: as display of a code they would pass for the name of the report
            codes.extend(replace(code, display="") for code in found[1] if code.code)
            texts += words_of(found[0])
    details = [found[0] for field in (46, 47) for one in obr.repetitions(field) if (found := concept(one))]
    if details:
        made["orderDetail"] = details
        texts += [word for one in details for word in words_of(one)]
    urgency = tables.REQUEST_PRIORITY.get(obr.value(5).upper())
    if urgency:
        made["priority"] = urgency
    wanted = reading.stamp(obr, 6)
    if wanted:
        made["occurrenceDateTime"] = wanted.date_time()
    asker = _asker(reading, obr, orc, home)
    if asker:
        made["requester"] = contained.refer(asker)
        texts += [one.display for one in (asker, *asker.needs) if one.resource["resourceType"] == "Organization"]
    if orc is not None:
        _add_order(reading, orc, home, made)
    more = _alternate_numbers(reading, obr, orc, home)
    if more:
        made["identifier"] = [*made.get("identifier", []), *more]
    return contained.refer(part(made, name="order")), tuple(codes), texts


def _status(orc: Segment | None) -> str:
    return tables.ORDER_STATUS.get(orc.value(5).upper(), "unknown") if orc is not None else "unknown"


def _add_order(reading: Reading, orc: Segment, home: Authority, made: Json) -> None:
    """Group number (ORC-4) and, of a new order, when it was placed (ORC-9)."""
    group = entity_identifier(orc.first(4).inner(1), home, "PGN") or entity_identifier(orc.first(4), home, "PGN")
    if orc.field(4) and group:
        made["requisition"] = group
    placed = reading.stamp(orc, 9) if orc.value(1).upper() == "NW" else None
    if placed:
        made["authoredOn"] = placed.date_time()


def _alternate_numbers(reading: Reading, obr: Segment, orc: Segment | None, home: Authority) -> list[Json]:
    """OBR-53, else ORC-33: further placer numbers."""
    segment, field = (obr, 53) if obr.field(53) or orc is None else (orc, 33)
    found = [one for sent in segment.repetitions(field) if (one := identifier(sent, home, reading.source.zone))]
    return [one | {"type": table_concept("PLAC", "0203")} for one in found]


def _asker(reading: Reading, obr: Segment, orc: Segment | None, home: Authority) -> Part | None:
    """Who ordered: ORC-12, else OBR-16; for the facility of ORC-21 to 23 when that is named."""
    zone = reading.source.zone
    sent = orc.first(12) if orc is not None and orc.field(12) else obr.first(16)
    if orc is None or not (orc.field(21) or orc.field(22) or orc.field(23)):
        return person(sent, home, zone)
    return _for_facility(sent.raw, orc.first(21).raw, orc.field(22), orc.field(23), orc.separators, home, zone)


@lru_cache(maxsize=512)
def _for_facility(
    someone: str, name: str, places: str, phones: str, separators: Separators, home: Authority, zone: tzinfo
) -> Part | None:
    """A person, if there is one, who orders for a facility: the same few come all day."""
    asker = person(Repetition(someone, separators), home, zone)
    addresses = tuple(one for sent in repetitions(places, separators) if (one := address(sent, zone)))
    telecoms = tuple(one for sent in repetitions(phones, separators) if (one := telecom(sent, zone=zone)))
    facility = organization(Repetition(name, separators), addresses, telecoms)
    return in_role(asker, facility) if facility else asker
