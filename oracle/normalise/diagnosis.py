"""DG1 to Condition, as an item of an order, appointment, charge or account; and diagnoses that are mere codes.

Source: segment map DG1[Condition] of HL7/v2-to-fhir.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from oracle.hl7.message import Repetition, Segment
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances
from oracle.normalise.datatypes import concept, entity_identifier, practitioner, table_concept
from oracle.normalise.reading import days_of, join_key, numbered
from oracle.normalise.words import words_of
from salus.core.record import Code, DraftStatus, Item, resource_id

Json = dict[str, Any]

_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 16, 18, 19, 20, 21})
_ICD_SHAPE = re.compile(r"[A-Z]\d{2}(?:[.X0-9+*].*)?", re.ASCII)
# What labelling knows a diagnosis by that the source marked confidential (DG1-18)
_RESTRICTED = Code("urn:salus:item", "restricted", "DG1-18")


def diagnosis(
    around: Circumstances, dg1: Segment, record_key: str, used: Counter[str], days: tuple[int, int]
) -> Item | None:
    """One DG1 as an item; None when it names no diagnosis. `days` are those of its record, for one without a date."""
    reading = around.reading
    reading.leave_out_rest(dg1, _MAPPED)
    found = concept(dg1.first(3), tables.ICD_10 if "10" in dg1.value(2) else "") if dg1.field(3) else None
    words = dg1.value(4)
    if not found and not words:
        return None
    code, codes = found or ({"text": words}, (Code("", "", words),))
    if words and "text" not in code:
        code["text"] = words
    key = numbered(join_key("item", "DG1", codes[0].code or words), used)
    condition: Json = {
        "resourceType": "Condition",
        "id": resource_id(record_key, key),
        "category": [
            {"coding": [{"system": f"{tables.TERMINOLOGY}condition-category", "code": "encounter-diagnosis"}]}
        ],
        "code": code,
        "subject": around.patient,
    }
    if around.encounter:
        condition["encounter"] = around.encounter
    own = entity_identifier(dg1.first(20), around.home, "FILL") if dg1.field(20) else None
    if own:
        condition["identifier"] = [own]
    told = reading.stamp(dg1, 5)
    if told:
        condition["onsetDateTime"] = told.date_time()
    attested = reading.stamp(dg1, 19)
    if attested:
        condition["recordedDate"] = attested.date_time()
    if dg1.value(6):
        url = "urn:salus:fhir:diagnosis-type"
        condition["extension"] = [{"url": url, "valueCodeableConcept": table_concept(dg1.value(6), "0052")}]
    asserter = practitioner(dg1.first(16), around.home) if dg1.field(16) else None
    if asserter:
        condition["asserter"] = asserter
    status = DraftStatus.CURRENT
    if dg1.value(21).upper() == "D":
        system = f"{tables.TERMINOLOGY}condition-ver-status"
        condition["verificationStatus"] = {"coding": [{"system": system, "code": "entered-in-error"}]}
        status = DraftStatus.ENTERED_IN_ERROR
    if dg1.value(18).upper() == "Y":
        codes = (*codes, _RESTRICTED)
    first, last = days_of(told or attested)
    span = (first, last) if first else days
    return Item(key, condition, codes, words_of(condition), *span, status)


def reason(sent: Repetition, default_system: str = "") -> tuple[Json, tuple[Code, ...]] | None:
    """A field that says why: its concept, and its codes for labelling without their words.

    The words are heard with those of the head; beside a code they would pass for the name of the record.
    """
    found = concept(sent, default_system) if sent else None
    if found is None:
        return None
    return found[0], tuple(replace(one, display="") for one in as_diagnosis(found[1]) if one.code)


def as_diagnosis(codes: tuple[Code, ...]) -> tuple[Code, ...]:
    """Codes for labelling: one of no or a local system that looks like ICD-10 counts as such."""
    return tuple(
        replace(one, system=tables.ICD_10)
        if not one.system.startswith("http") and _ICD_SHAPE.fullmatch(one.code.upper())
        else one
        for one in codes
    )
