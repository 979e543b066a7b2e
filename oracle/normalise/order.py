"""ORM, OML, OMG (and OMP): one ServiceRequest, or MedicationRequest, for each order.

Specimens (SPM, OBR-15) are contained in the request; items are answers asked for at the order (OBX) and diagnoses
(DG1). A cancelled or changed order is
another version of it. Allergies (AL1) and insurance (IN1) of the patient come with ADT and BAR; here they are left out.
Source: message maps ORM_O01 and OML_O21, segment maps ORC, OBR, TQ1 and NTE[ServiceRequest] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise.circumstances import Circumstances, circumstances_in, complete
from oracle.normalise.collected import specimens
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import dictionary_concept, quantity, table_concept
from oracle.normalise.diagnosis import diagnosis, reason
from oracle.normalise.observation import observation
from oracle.normalise.orc import (
    MAPPED,
    ORC_ELEMENTS,
    Order,
    authored,
    collect,
    control,
    cut,
    draft_status,
    order_identifiers,
    order_key,
    order_labels,
    order_status,
    priority,
    requester,
    requisition,
    status_reason,
)
from oracle.normalise.prescription import prescription
from oracle.normalise.reading import Reading, cleared, days_of, said_at
from oracle.normalise.timing import Schedule, moment, schedule
from salus.core.record import Code, Item, NormalisedGroup

Json = dict[str, Any]

_RANKS = MappingProxyType({"ORC": 0, "OBR": 1, "RXO": 1})
_PARTS = frozenset({"NTE", "OBX", "SPM", "DG1", "TQ1", "RXR", "RXC"})
_OBR_MAPPED = frozenset({*range(1, 12), *range(13, 17), 22, 24, 25, 27, 29, 31, 36, 39, 46, 47})
# OBR: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {6: ("occurrenceDateTime",), 24: ("category",), 31: ("reasonCode",)}
_SPECIMEN_FIRST = frozenset({"O33", "O35"})
_INTENT = MappingProxyType({"G": "reflex-order"})
_DONE = frozenset({"F", "C"})
STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"


def orders(reading: Reading) -> list[NormalisedGroup]:
    """Groups of an order message.

    Raises:
        NormaliseError: no order, no patient number, or an order without any number.
    """
    used: Counter[str] = Counter()
    around = circumstances_in(reading)
    found = collect(reading, _RANKS, _PARTS, specimen_first=reading.message.type[1] in _SPECIMEN_FIRST)
    return complete(reading, [_order(around(order.pid, order.pv1), order, used) for order in found])


def orders_sent_along(around: Circumstances, segments: list[Segment]) -> list[NormalisedGroup]:
    """Orders inside another message; one without a number is left out by name."""
    used: Counter[str] = Counter()
    groups = []
    for order in cut(around.reading, segments, _RANKS, _PARTS):
        if order.number(2) or order.number(3):
            groups.append(_order(around, order, used))
        else:
            order.leave_out(around.reading)
    return groups


def _order(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    return (prescription if "RXO" in order.details else _service)(around, order, used)


def _service(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    """One ordered service."""
    reading, home, orc, obr = around.reading, around.home, order.orc, order.details.get("OBR")
    if orc:
        reading.leave_out_rest(orc, MAPPED)
    for segment in (*order.all("RXR"), *order.all("RXC"), *(() if obr else order.all("SPM"))):
        reading.leave_out(segment)
    key = order_key("order", order, home, used)
    placed, event = authored(reading, orc)
    status = order_status(orc)
    head: Json = {
        "resourceType": "ServiceRequest",
        "intent": "order",
        "subject": around.patient,
        "identifier": order_identifiers(order, home),
    }
    codes: tuple[Code, ...] = ()
    notes = list(order.notes)
    collected = due = None
    urgency = []
    if obr:
        reading.leave_out_rest(obr, _OBR_MAPPED)
        if obr.value(25).upper() in _DONE and status in ("active", "unknown"):
            status = "completed"
        codes = _add_service(around, obr, head, notes) + _add_specimens(around, order, obr, head)
        collected = reading.stamp(obr, 7)
        due = reading.stamp(obr, 6) or reading.stamp(obr, 36)
        urgency.append(obr.value(5))
    plan = schedule(reading, order.all("TQ1"), _old_timing(orc, obr))
    _add_plan(head, plan, due, urgency, notes)
    head["status"] = status
    if placed:
        head["authoredOn"] = placed.date_time()
    group_number = requisition(orc, home)
    if group_number:
        head["requisition"] = group_number
    person = requester(orc, home, *((obr.first(16),) if obr else ()))
    if person:
        head["requester"] = person
    why = status_reason(orc)
    if why:
        head["extension"] = [{"url": STATUS_REASON, "valueCodeableConcept": why[0]}]
        codes += why[1]
    if notes:
        head["note"] = [{"text": note} for note in notes]
    days = days_of(placed or collected or due or plan.start or _effective(around, orc) or event)
    return around.group(
        key,
        "order",
        around.placed(head),
        items=_items(around, order, key, collected, days),
        codes=codes,
        days=days,
        status=draft_status(status),
        section=obr.value(24).upper() if obr else "",
        labels=order_labels(orc),
        said_at=said_at(event),
        said=control(orc),
        cleared=(cleared(orc, ORC_ELEMENTS) if orc else ()) + (cleared(obr, _ELEMENTS) if obr else ()),
        local=order.own,
    )


def _add_service(around: Circumstances, obr: Segment, head: Json, notes: list[str]) -> tuple[Code, ...]:
    """What is ordered, why and in which detail; returns the codes for labelling."""
    found = dictionary_concept(obr.first(4).raw, obr.separators) if obr.first(4) else None
    code, codes = found or ({"text": "unnamed"}, (Code("", "", ""),))
    head["code"] = code
    head["intent"] = _INTENT.get(obr.value(11).upper(), "order")
    section = obr.value(24).upper()
    if section:
        head["category"] = [table_concept(section, "0074")]
    for fields, name in (((31,), "reasonCode"), ((46, 47), "orderDetail")):
        said = [one for field in fields for sent in obr.repetitions(field) if (one := reason(sent))]
        if said:
            head[name] = [one for one, _ in said]
            codes += tuple(code for _, more in said for code in more)
    notes.extend(text for one in obr.repetitions(13) if (text := (one.value(2) or one.whole()).strip()))
    parent = obr.value(29, 1, 1) or obr.value(29, 2, 1)
    if parent:
        owner = obr.value(29, 1, 2) or obr.value(29, 2, 2)
        system = f"urn:id:{owner}" if owner and " " not in owner else around.home.system
        head["basedOn"] = [{"type": "ServiceRequest", "identifier": {"system": system, "value": parent}}]
    return codes


def _add_specimens(around: Circumstances, order: Order, obr: Segment, head: Json) -> tuple[Code, ...]:
    """What was or is to be taken. Nothing else is contained, so that a later version replaces all of it or nothing."""
    contained = Contained()
    taken = specimens(around.reading, obr, order.all("SPM"), around.home, contained, laboratory=False)
    if taken.references:
        head["specimen"] = taken.references
        contained.put_into(head)
    return taken.codes


def _add_plan(head: Json, plan: Schedule, due: Stamp | None, urgency: list[str], notes: list[str]) -> None:
    """When, how much and how urgent."""
    head |= moment(due or plan.start, plan.timing)
    amount = quantity(plan.amount[0], {"unit": plan.amount[1]} if plan.amount[1] else {}) if plan.amount[0] else None
    if amount:
        head["quantityQuantity"] = amount
    if plan.text:
        notes.append(plan.text)
    level = priority(plan.priority, *urgency)
    if level:
        head["priority"] = level


def _items(
    around: Circumstances, order: Order, key: str, collected: Stamp | None, days: tuple[int, int]
) -> tuple[Item, ...]:
    used: Counter[str] = Counter()
    items = [one for dg1 in order.all("DG1") if (one := diagnosis(around, dg1, key, used, days))]
    context = around.results(key, collected)
    items.extend(observation(around.reading, obx, notes, context) for obx, notes in order.results)
    return tuple(items)


def _old_timing(orc: Segment | None, obr: Segment | None) -> tuple[Segment | None, int]:
    """Where timing stood before TQ1: ORC-7, else OBR-27."""
    return (obr, 27) if obr and obr.field(27) and not (orc and orc.field(7)) else (orc, 7)


def _effective(around: Circumstances, orc: Segment | None) -> Stamp | None:
    return around.reading.stamp(orc, 15) if orc else None
