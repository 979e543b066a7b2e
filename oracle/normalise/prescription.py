"""RDE and OMP (and drugs in ORM): one MedicationRequest for each order.

The drug is what the pharmacy encoded (RXE-2), else what was asked for (RXO-1). Items: observations sent with the order.
Source: segment maps RXO, RXR and TQ1[MedicationRequest] of HL7/v2-to-fhir. The guide has no message map RDE and no
segment map RXE: ours, by likeness to RXO.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.normalise.circumstances import Circumstances, circumstances_in, complete
from oracle.normalise.datatypes import concept, identifier, number, table_concept
from oracle.normalise.diagnosis import diagnosis, reason
from oracle.normalise.dosage import (
    UNNAMED,
    amount,
    components,
    dosage,
    dose,
    drug,
    form_extension,
    route_of,
    strength_extension,
)
from oracle.normalise.observation import observation
from oracle.normalise.orc import (
    MAPPED,
    ORC_ELEMENTS,
    Order,
    authored,
    collect,
    control,
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
from oracle.normalise.order_tables import DISCONTINUED, PRESCRIPTION_STATUS
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from oracle.normalise.timing import Schedule, schedule
from salus.core.record import Code, Item, NormalisedGroup

Json = dict[str, Any]

_RANKS = MappingProxyType({"ORC": 0, "RXO": 1, "RXE": 2})
_PARTS = frozenset({"NTE", "OBX", "TQ1", "RXR", "RXC", "DG1"})
_RXO_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26})
_RXE_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 21, 25, 26, 27, 33, 34})
# Fields of RXO and RXE that say the same; where they differ the encoded order counts
_SAME = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (9, 9), (11, 10), (12, 11), (13, 12), (18, 25), (19, 26))
# RXE: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    9: ("substitution",),
    10: ("dispenseRequest.quantity",),
    12: ("dispenseRequest.numberOfRepeatsAllowed",),
    27: ("reasonCode",),
}


def prescriptions(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a pharmacy order message.

    Raises:
        NormaliseError: no order, no patient number, or an order without any number.
    """
    used: Counter[str] = Counter()
    around = circumstances_in(reading)
    found = collect(reading, _RANKS, _PARTS)
    return complete(reading, [prescription(around(order.pid, order.pv1), order, used) for order in found])


def prescription(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    """One ordered drug."""
    reading, home, orc = around.reading, around.home, order.orc
    rxo, rxe = order.details.get("RXO"), order.details.get("RXE")
    _leave_out(reading, orc, rxo, rxe)
    placed, event = authored(reading, orc)
    status = _status(orc)
    notes = list(order.notes)
    head: Json = {
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": "order" if rxe or rxo is None else "original-order",
        "subject": around.patient,
    }
    key = _key(order, around, used)
    identifiers = order_identifiers(order, home) + _prescription_number(around, rxe)
    if identifiers:
        head["identifier"] = identifiers
    named = next(((one, field) for one, field in ((rxe, 2), (rxo, 1)) if one and one.first(field)), None)
    code, codes = drug(*named) if named else UNNAMED
    head["medicationCodeableConcept"] = code
    plan = schedule(reading, order.all("TQ1"), (rxe, 1) if rxe and rxe.field(1) else (orc, 7))
    extensions, more = components(reading, order.all("RXC"))
    codes += more
    extensions += _about_drug(rxe, rxo)
    head |= _supply(rxe, rxo)
    head |= {"dosageInstruction": told} if (told := _dosage(around, order, plan)) else {}
    codes += _reasons(orc, rxe, rxo, head)
    if placed:
        head["authoredOn"] = placed.date_time()
    level = priority(plan.priority)
    if level:
        head["priority"] = level
    others = [one.first(field) for one, field in ((rxe, 13), (rxo, 14)) if one]
    person = requester(orc, home, *others)
    if person:
        head["requester"] = person
    group_number = requisition(orc, home)
    if group_number:
        head["groupIdentifier"] = group_number
    notes.extend((*_words(rxo, 6), *_words(rxe, 21)))
    if notes:
        head["note"] = [{"text": note} for note in notes]
    if extensions:
        head["extension"] = extensions
    days = days_of(placed or plan.start or event)
    return around.group(
        key,
        "prescription",
        around.placed(head),
        items=_items(around, order, key, days),
        codes=codes,
        days=days,
        status=draft_status(status),
        labels=order_labels(orc),
        said_at=said_at(event),
        said=control(orc),
        cleared=(cleared(orc, ORC_ELEMENTS) if orc else ())
        + (cleared(rxe, _ELEMENTS) if rxe else ())
        + (() if "statusReason" in head else ("statusReason",)),
        local=order.own,
    )


def _leave_out(reading: Reading, orc: Segment | None, rxo: Segment | None, rxe: Segment | None) -> None:
    """Name what isn't mapped, also where the pharmacy's word has taken the place of the order's."""
    for segment, mapped in ((orc, MAPPED), (rxo, _RXO_MAPPED), (rxe, _RXE_MAPPED)):
        if segment:
            reading.leave_out_rest(segment, mapped)
    if rxo and rxe:
        for asked, encoded in _SAME:
            if rxo.field(asked) and rxe.field(encoded) not in ("", rxo.field(asked)):
                reading.leave_out(rxo, asked)


def _key(order: Order, around: Circumstances, used: Counter[str]) -> str:
    """Key by the order's numbers, else by the prescription number (RXE-15)."""
    rxe = order.details.get("RXE")
    number_sent = rxe.value(15) if rxe else ""
    if number_sent and not any(order.orc and order.orc.value(field) for field in (2, 3)):
        return numbered(join_key("prescription-by-number", around.home.key, number_sent), used)
    return order_key("prescription", order, around.home, used)


def _status(orc: Segment | None) -> str:
    status = PRESCRIPTION_STATUS[order_status(orc)]
    stopped = orc and (orc.value(5).upper() or orc.value(1).upper()) in DISCONTINUED
    return "stopped" if stopped and status == "cancelled" else status


def _prescription_number(around: Circumstances, rxe: Segment | None) -> list[Json]:
    found = identifier(rxe.first(15), around.home) if rxe and rxe.field(15) else None
    return [found | {"type": {"text": "prescription number"}}] if found else []


def _about_drug(rxe: Segment | None, rxo: Segment | None) -> list[Json]:
    """Form and strength, of the encoded order first."""
    form = form_extension(rxe, 6) if rxe else []
    strength = strength_extension(rxe, (25, 26), (33, 34)) if rxe else []
    if rxo:
        form = form or form_extension(rxo, 5)
        strength = strength or strength_extension(rxo, (18, 19), (25, 26))
    return form + strength


def _supply(rxe: Segment | None, rxo: Segment | None) -> Json:
    """How much is to be handed out, how often again, and whether another drug may take its place."""
    request: Json = {}
    result: Json = {}
    for segment, place in ((rxe, (10, 11, 12, 9)), (rxo, (11, 12, 13, 9))):
        if segment is None:
            continue
        value, unit, refills, substitution = place
        much = amount(segment, value, unit)
        if much and "quantity" not in request:
            request["quantity"] = much
        again = number(segment.value(refills))
        if again is not None and again == int(again) and 0 <= again < 1000 and "numberOfRepeatsAllowed" not in request:
            request["numberOfRepeatsAllowed"] = int(again)
        sent = segment.value(substitution)
        if sent and "substitution" not in result:
            result["substitution"] = {"allowedCodeableConcept": table_concept(sent, "0161")}
    return result | ({"dispenseRequest": request} if request else {})


def _dosage(around: Circumstances, order: Order, plan: Schedule) -> list[Json]:
    reading = around.reading
    rxe, rxo = order.details.get("RXE"), order.details.get("RXO")
    routes = order.all("RXR")
    for extra in routes[:-1]:
        if extra.raw != routes[-1].raw:  # RXO and RXE each bring their RXR; the encoded one comes last
            reading.leave_out(extra)
    rxr = routes[-1] if routes else None
    route = route_of(reading, rxr)
    given: Json = {}
    instructions: dict[str, Json] = {}  # by what was sent: RXO and RXE often say the same
    for segment, low, high, unit in ((rxe, 3, 4, 5), (rxo, 2, 3, 4)):
        if segment and not given:
            given = dose(amount(segment, low, unit), amount(segment, high, unit))
    for segment, field in ((rxe, 7), (rxo, 7), (rxr, 5)):
        for one in segment.repetitions(field) if segment else ():
            found = concept(one)
            if found:
                instructions.setdefault(one.raw, found[0])
    value = number(plan.amount[0])
    if value is not None and not given:
        given = dose({"value": value} | ({"unit": plan.amount[1]} if plan.amount[1] else {}), None)
    return dosage(plan, given, route, list(instructions.values()))


def _words(segment: Segment | None, field: int) -> list[str]:
    if segment is None:
        return []
    return [text for one in segment.repetitions(field) if (text := one.value(2) or one.value(1))]


def _reasons(orc: Segment | None, rxe: Segment | None, rxo: Segment | None, head: Json) -> tuple[Code, ...]:
    """Why the drug is given (RXE-27, RXO-20), and why its order was changed (ORC-16)."""
    codes: tuple[Code, ...] = ()
    for segment, field in ((rxe, 27), (rxo, 20)):
        for one in segment.repetitions(field) if segment else ():
            found = reason(one)
            if found:
                head.setdefault("reasonCode", []).append(found[0])
                codes += found[1]
    why = status_reason(orc)
    if why:
        head["statusReason"] = why[0]
        codes += why[1]
    return codes


def _items(around: Circumstances, order: Order, key: str, days: tuple[int, int]) -> tuple[Item, ...]:
    used: Counter[str] = Counter()
    items = [one for dg1 in order.all("DG1") if (one := diagnosis(around, dg1, key, used, days))]
    context = around.results(key, None)
    items.extend(observation(around.reading, obx, notes, context) for obx, notes in order.results)
    return tuple(items)
