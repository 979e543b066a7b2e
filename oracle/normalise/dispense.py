"""RDS: one MedicationDispense for each RXD; RAS: one MedicationAdministration for each RXA.

Both are known by their order's number with their own counter and time. What was ordered comes with RDE: an RXO or RXE
sent along is left out.
Source: HL7 v2.9 chapter 4A; segment map ORC[MedicationAdministration] of HL7/v2-to-fhir. The guide has no message map
RDS or RAS and no segment map RXD: ours, by likeness to RXO and RXA[Immunization].
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise.circumstances import Circumstances, circumstances_in, complete
from oracle.normalise.datatypes import concept, identifier, practitioner, table_concept
from oracle.normalise.diagnosis import reason
from oracle.normalise.dosage import (
    amount,
    components,
    dosage,
    drug,
    form_extension,
    route_of,
    strength_extension,
)
from oracle.normalise.errors import NormaliseError
from oracle.normalise.observation import observation
from oracle.normalise.orc import (
    MAPPED,
    Order,
    collect,
    control,
    draft_status,
    order_identifiers,
    order_key,
    order_labels,
    order_status,
    placed_order,
)
from oracle.normalise.order_tables import ADMINISTRATION_STATUS, DISCONTINUED, DISPENSE_STATUS
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from oracle.normalise.timing import schedule
from salus.core.record import Code, DraftStatus, NormalisedGroup

Json = dict[str, Any]

_DISPENSE_RANKS = MappingProxyType({"ORC": 0, "RXO": 1, "RXE": 2, "RXD": 3})
_ADMINISTRATION_RANKS = MappingProxyType({"ORC": 0, "RXO": 1, "RXE": 2, "RXA": 3})
_PARTS = frozenset({"NTE", "OBX", "TQ1", "RXR", "RXC"})
_RXD_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 15, 16, 17})
_RXA_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 18, 19, 20, 21, 22})
_NO_AMOUNT = frozenset({"999"})
# RXD: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {3: ("whenHandedOver",), 4: ("quantity",), 11: ("substitution",)}


def dispenses(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a dispense message.

    Raises:
        NormaliseError: no RXD, no patient number, or a dispense without any number.
    """
    used: Counter[str] = Counter()
    around = circumstances_in(reading)
    found = collect(reading, _DISPENSE_RANKS, _PARTS)
    return complete(reading, [_dispense(around(order.pid, order.pv1), order, used) for order in found])


def administrations(reading: Reading) -> list[NormalisedGroup]:
    """Groups of an administration message.

    Raises:
        NormaliseError: no RXA, no patient number, an order without any number, or a dose without a time.
    """
    used: Counter[str] = Counter()
    around = circumstances_in(reading)
    found = collect(reading, _ADMINISTRATION_RANKS, _PARTS, repeats="RXA")
    return complete(reading, [_administration(around(order.pid, order.pv1), order, used) for order in found])


def _dispense(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    reading, orc = around.reading, order.orc
    rxd = _detail(reading, order, "RXD", _RXD_MAPPED)
    sent = order_status(orc)
    status = DISPENSE_STATUS[sent]
    if status == "cancelled" and control(orc) in DISCONTINUED:
        status = "stopped"
    code, codes = drug(rxd, 2)
    handed = reading.stamp(rxd, 3)
    more = (rxd.value(1), handed.date_time() if handed else "")
    number = rxd.value(7)
    if number and not any(orc and orc.value(field) for field in (2, 3)):
        key = numbered(join_key("dispense-by-number", around.home.key, number, *more), used)
    else:
        key = order_key("dispense", order, around.home, used, *more)
    head: Json = {
        "resourceType": "MedicationDispense",
        "status": status,
        "medicationCodeableConcept": code,
        "subject": around.patient,
    }
    prescribed = identifier(rxd.first(7), around.home) if rxd.field(7) else None
    identifiers = order_identifiers(order, around.home)
    identifiers += [prescribed | {"type": {"text": "prescription number"}}] if prescribed else []
    if identifiers:
        head["identifier"] = identifiers
    ordered = placed_order(order, around.home, "MedicationRequest")
    if ordered:
        head["authorizingPrescription"] = [ordered]
    much = amount(rxd, 4, 5)
    if much:
        head["quantity"] = much
    if handed:
        head["whenHandedOver"] = handed.date_time()
    person = practitioner(rxd.first(10), around.home) if rxd.field(10) else None
    head["performer"] = [{"actor": person or around.performer}]
    if rxd.value(11):
        replaced = rxd.value(11).upper() not in ("N", "0")
        head["substitution"] = {"wasSubstituted": replaced, "type": table_concept(rxd.value(11), "0167")}
    extensions, found = components(reading, order.all("RXC"))
    extensions += form_extension(rxd, 6) + strength_extension(rxd, (16, 17))
    if extensions:
        head["extension"] = extensions
    plan = schedule(reading, order.all("TQ1"), (orc, 7))
    routes = order.all("RXR")
    instructions = [one for sent_code in rxd.repetitions(15) if (one := concept(sent_code))]
    route = route_of(reading, routes[-1] if routes else None)
    told = dosage(plan, {}, route, [one for one, _ in instructions])
    if told:
        head["dosageInstruction"] = told
    notes = order.notes + [text for one in rxd.repetitions(9) if (text := one.whole().strip())]
    if notes:
        head["note"] = [{"text": note} for note in notes]
    return _group(around, order, key, "dispense", head, codes + found, handed, status)


def _administration(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    reading = around.reading
    rxa = _detail(reading, order, "RXA", _RXA_MAPPED)
    began, ended = reading.stamp(rxa, 3), reading.stamp(rxa, 4)
    if began is None:
        raise NormaliseError("the time of the dose is missing", rxa.at(3))
    code, codes = drug(rxa, 5)
    key = order_key("administration", order, around.home, used, rxa.value(2), began.date_time())
    status = _administration_status(rxa)
    head: Json = {
        "resourceType": "MedicationAdministration",
        "status": status,
        "medicationCodeableConcept": code,
        "subject": around.patient,
    }
    if ended and ended.moment > began.moment:
        head["effectivePeriod"] = {"start": began.date_time(), "end": ended.date_time()}
    else:
        head["effectiveDateTime"] = began.date_time()
    identifiers = order_identifiers(order, around.home)
    if identifiers:
        head["identifier"] = identifiers
    ordered = placed_order(order, around.home, "MedicationRequest")
    if ordered:
        head["request"] = ordered
    people = [{"actor": person} for sent in rxa.repetitions(10) if (person := practitioner(sent, around.home))]
    if people:
        head["performer"] = people
    much = amount(rxa, 6, 7) if rxa.value(6) not in _NO_AMOUNT else None
    routes = order.all("RXR")
    if much:
        head["dosage"] = route_of(reading, routes[-1] if routes else None) | {"dose": much}
    else:  # a FHIR dosage must have a dose
        for rxr in routes:
            reading.leave_out(rxr)
    extensions, found = components(reading, order.all("RXC"))
    extensions += form_extension(rxa, 8) + strength_extension(rxa, (13, 14))
    if extensions:
        head["extension"] = extensions
    for field, name in ((18, "statusReason"), (19, "reasonCode")):
        reasons = [one for sent in rxa.repetitions(field) if (one := reason(sent))]
        if reasons:
            head[name] = [one for one, _ in reasons]
            found += tuple(code for _, more in reasons for code in more)
    words = [text for one in rxa.repetitions(9) if (text := (one.value(2) or one.value(1)))]
    notes = order.notes + words
    if notes:
        head["note"] = [{"text": note} for note in notes]
    return _group(around, order, key, "administration", head, codes + found, began, status)


def _detail(reading: Reading, order: Order, name: str, mapped: frozenset[int]) -> Segment:
    """The segment that says what was done; the rest of its order is left out by name."""
    detail = order.details.get(name)
    if detail is None:
        raise NormaliseError(f"the order has no {name} segment", order.place.at())
    if order.orc:
        reading.leave_out_rest(order.orc, MAPPED)
    for other in ("RXO", "RXE"):
        if other in order.details:
            reading.leave_out(order.details[other])
    reading.leave_out_rest(detail, mapped)
    return detail


def _administration_status(rxa: Segment) -> str:
    if rxa.value(21).upper() == "D":
        return "entered-in-error"
    return ADMINISTRATION_STATUS.get(rxa.value(20).upper(), "unknown")


def _group(
    around: Circumstances,
    order: Order,
    key: str,
    kind: str,
    head: Json,
    codes: tuple[Code, ...],
    done: Stamp | None,
    status: str,
) -> NormalisedGroup:
    context = around.results(key, done)
    event = around.reading.stamp(order.orc, 9) if order.orc else None
    detail = order.details.get("RXA")
    corrected = detail is not None and detail.value(21).upper() == "U" and status != "entered-in-error"
    return around.group(
        key,
        kind,
        around.placed(head, "context"),
        items=tuple(observation(around.reading, obx, words, context) for obx, words in order.results),
        codes=codes,
        days=days_of(done or event),
        status=DraftStatus.CORRECTED if corrected else draft_status(status),
        labels=order_labels(order.orc),
        said_at=said_at(event),
        said=control(order.orc),
        cleared=cleared(order.details["RXD"], _ELEMENTS) if "RXD" in order.details else (),
        local=order.own,
    )
