"""IN1 to Coverage, as an item of an order, charge or account.

Source: segment map IN1[Coverage] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from oracle.hl7.message import Segment
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances
from oracle.normalise.datatypes import authority_of, concept, human_name
from oracle.normalise.reading import join_key, numbered
from oracle.normalise.timing import positive
from oracle.normalise.words import words_of
from salus.core.record import Code, Item, resource_id

Json = dict[str, Any]

_MAPPED = frozenset({1, 2, 3, 4, 8, 9, 12, 13, 15, 16, 17, 22, 36, 49})
_CLASS = f"{tables.TERMINOLOGY}coverage-class"


def coverage(
    around: Circumstances, in1: Segment, record_key: str, used: Counter[str], days: tuple[int, int]
) -> Item | None:
    """One IN1 as an item; None when it names neither plan, company nor policy."""
    reading = around.reading
    reading.leave_out_rest(in1, _MAPPED)
    plan = concept(in1.first(2), f"{tables.TERMINOLOGY}v2-0072") if in1.field(2) else None
    company, number = in1.value(4), in1.value(36)
    payer_number = in1.value(3)
    if not (plan or company or payer_number or number):
        return None
    owner = authority_of(in1.first(3), 4) or around.home
    payer: Json = {"type": "Organization"}
    if payer_number:
        payer["identifier"] = {"system": owner.system, "value": payer_number}
    name = company or ("" if payer_number else (plan[0].get("text") or plan[1][0].code) if plan else "unnamed")
    if name:
        payer["display"] = name
    plan_name = plan[1][0].code or plan[1][0].display if plan else ""
    key = numbered(join_key("item", "IN1", payer_number or company, plan_name, number), used)
    resource: Json = {
        "resourceType": "Coverage",
        "id": resource_id(record_key, key),
        "status": "active",
        "beneficiary": around.patient,
        "payor": [payer],
    }
    codes: tuple[Code, ...] = plan[1] if plan else ()
    kind = concept(in1.first(15), f"{tables.TERMINOLOGY}v2-0086") if in1.field(15) else None
    if kind:
        resource["type"] = kind[0]
        codes += kind[1]
    if number:
        resource["identifier"] = [{"system": owner.system, "value": number}]
    if in1.value(49):
        resource["subscriberId"] = in1.value(49)
    relation = concept(in1.first(17), f"{tables.TERMINOLOGY}v2-0063") if in1.field(17) else None
    if relation:
        resource["relationship"] = relation[0]
    resource |= _subscriber(around, in1)
    began, ended = reading.stamp(in1, 12), reading.stamp(in1, 13)
    if began and ended and ended.moment < began.moment:
        reading.leave_out(in1, 13)
        ended = None
    period = {name: stamp.date_time() for name, stamp in (("start", began), ("end", ended)) if stamp}
    if period:
        resource["period"] = period
    classes = [
        _class(kind, value, words)
        for kind, value, words in (
            ("plan", plan_name, plan[0].get("text", "") if plan else ""),
            ("group", in1.value(8), in1.value(9)),
        )
        if value
    ]
    if classes:
        resource["class"] = classes
    order = positive(in1.value(22)) or positive(in1.value(1))
    if order:
        resource["order"] = order
    return Item(key, resource, codes, words_of(resource), *days)


def _subscriber(around: Circumstances, in1: Segment) -> Json:
    """IN1-16 and IN1-17: the patient, or somebody by name."""
    if in1.value(17).upper() in ("SEL", "18", "01", "本人"):
        return {"subscriber": around.patient}
    name = human_name(in1.first(16)) if in1.field(16) else None
    if not name:
        return {}
    return {"subscriber": {"type": "RelatedPerson", "display": name["text"]}}


def _class(kind: str, value: str, words: str) -> Json:
    result: Json = {"type": {"coding": [{"system": _CLASS, "code": kind}]}, "value": value}
    return result | {"name": words} if words else result
