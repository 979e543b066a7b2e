"""PR1 to Procedure, as an item of a charge or account.

Source: segment map PR1[Procedure] of HL7/v2-to-fhir. It leaves the status open; what is charged for was done: ours.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Precision, Stamp
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances
from oracle.normalise.datatypes import concept, entity_identifier, practitioner
from oracle.normalise.diagnosis import reason
from oracle.normalise.reading import days_of, join_key, numbered
from oracle.normalise.timing import positive
from oracle.normalise.words import words_of
from salus.core.record import Code, DraftStatus, Item, resource_id

Json = dict[str, Any]

_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 19, 20})
_SNOMED = "http://snomed.info/sct"
_PERFORMERS = ((8, "88189002"), (11, "304292004"), (12, ""))


def procedure(
    around: Circumstances, pr1: Segment, record_key: str, used: Counter[str], days: tuple[int, int]
) -> Item | None:
    """One PR1 as an item; None when it names no procedure."""
    reading = around.reading
    reading.leave_out_rest(pr1, _MAPPED)
    found = concept(pr1.first(3)) if pr1.field(3) else None
    words = pr1.value(4)
    if not found and not words:
        return None
    code, codes = found or ({"text": words}, (Code("", "", words),))
    if words and "text" not in code:
        code["text"] = words
    own = entity_identifier(pr1.first(19), around.home, "FILL") if pr1.field(19) else None
    key = numbered(join_key("item", "PR1", own["value"] if own else codes[0].code or words), used)
    withdrawn = pr1.value(20).upper() == "D"
    resource: Json = {
        "resourceType": "Procedure",
        "id": resource_id(record_key, key),
        "status": "entered-in-error" if withdrawn else "completed",
        "code": code,
        "subject": around.patient,
    }
    if around.encounter:
        resource["encounter"] = around.encounter
    if own:
        resource["identifier"] = [own]
    began = reading.stamp(pr1, 5)
    if began:
        resource |= _performed(began, positive(pr1.value(7)))
    if pr1.value(6):
        kind = concept(pr1.first(6), f"{tables.TERMINOLOGY}v2-0230")
        if kind:
            resource["category"] = kind[0]
    performers = [
        ({"function": {"coding": [{"system": _SNOMED, "code": function}]}} if function else {}) | {"actor": person}
        for field, function in _PERFORMERS
        for one in pr1.repetitions(field)
        if (person := practitioner(one, around.home))
    ]
    if performers:
        resource["performer"] = performers
    why = reason(pr1.first(15))
    if why:
        resource["reasonCode"] = [why[0]]
        codes = (*codes, *why[1])
    first, last = days_of(began)
    span = (first, last) if first else days
    status = DraftStatus.ENTERED_IN_ERROR if withdrawn else DraftStatus.CURRENT
    return Item(key, resource, codes, words_of(resource), *span, status)


def _performed(began: Stamp, minutes: int | None) -> Json:
    """PR1-5 with PR1-7: a period when the beginning is known to the minute."""
    if minutes is None or began.precision < Precision.MINUTE:
        return {"performedDateTime": began.date_time()}
    end = Stamp(began.moment + timedelta(minutes=minutes), began.precision)
    return {"performedPeriod": {"start": began.date_time(), "end": end.date_time()}}
