"""VXU: one Immunization for each RXA, with its observations (eligibility, information sheets, reactions) as items.

A dose is known by the number its clinic gave it (ORC-3), else by ORC-2. American senders write 9999 when nobody ordered
it, and older ones send no ORC: then patient, day and vaccine name the dose.
Source: message map VXU_V04, segment maps ORC, RXA and RXR[Immunization] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances, circumstances_in, complete
from oracle.normalise.datatypes import authority, concept, practitioner, table_concept
from oracle.normalise.diagnosis import reason
from oracle.normalise.dosage import amount, drug, route_of
from oracle.normalise.errors import NormaliseError
from oracle.normalise.observation import observation
from oracle.normalise.orc import MAPPED, Order, collect, control, draft_status, order_identifiers, order_labels
from oracle.normalise.order_tables import VACCINATION_STATUS
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from salus.core.record import Code, DraftStatus, NormalisedGroup

Json = dict[str, Any]

_RANKS = MappingProxyType({"ORC": 0, "RXA": 1})
_PARTS = frozenset({"RXR", "OBX", "NTE"})
_RXA_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 15, 16, 17, 18, 19, 20, 21, 22, 27})
_NO_ORDER = frozenset({"9999"})
_NO_AMOUNT = frozenset({"999"})
_NOT_GIVEN = (tables.CODE_SYSTEM["CVX"], "998")
# Immunization information source, CDC table NIP001: 00 is given here, all others are told by somebody
_SOURCES = "NIP001"
# RXA: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    6: ("doseQuantity",),
    15: ("lotNumber",),
    16: ("expirationDate",),
    17: ("manufacturer",),
    18: ("statusReason",),
    19: ("reasonCode",),
}


def vaccinations(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a vaccination message.

    Raises:
        NormaliseError: no RXA, or no patient number.
    """
    used: Counter[str] = Counter()
    around = circumstances_in(reading)
    found = collect(reading, _RANKS, _PARTS, what="vaccination")
    return complete(reading, [_vaccination(around(order.pid, order.pv1), order, used) for order in found])


def _vaccination(around: Circumstances, order: Order, used: Counter[str]) -> NormalisedGroup:
    reading, orc, rxa = around.reading, order.orc, order.details.get("RXA")
    if rxa is None:
        raise NormaliseError("the order has no RXA segment", order.place.at())
    if orc:
        reading.leave_out_rest(orc, MAPPED)
    reading.leave_out_rest(rxa, _RXA_MAPPED if rxa.value(4) in ("", rxa.value(3)) else _RXA_MAPPED - {4})
    code, codes = drug(rxa, 5)
    given = reading.stamp(rxa, 3)
    entered = reading.stamp(orc, 9) if orc else None
    entered = entered or (reading.stamp(rxa, 22) if rxa.value(21).upper() in ("A", "") else None)
    status = _status(rxa, codes)
    head: Json = {
        "resourceType": "Immunization",
        "status": status,
        "vaccineCode": code,
        "patient": around.patient,
    }
    head |= {"occurrenceDateTime": given.date_time()} if given else {"occurrenceString": "unknown"}
    identifiers = [one for one in order_identifiers(order, around.home) if one["value"] not in _NO_ORDER]
    if identifiers:
        head["identifier"] = identifiers
    if entered:
        head["recorded"] = entered.date_time()
    head |= _product(reading, rxa)
    head |= _people(around, orc, rxa)
    rxr = order.all("RXR")
    for extra in rxr[1:]:
        reading.leave_out(extra)
    head |= route_of(reading, rxr[0] if rxr else None, method="")
    codes += _reasons(rxa, head)
    notes = order.notes + _origin(rxa, head)
    if notes:
        head["note"] = [{"text": note} for note in notes]
    key = _key(around, order, rxa, given, codes[0], used)
    context = around.results(key, given)
    return around.group(
        key,
        "vaccination",
        around.placed(head),
        items=tuple(observation(reading, obx, words, context) for obx, words in order.results),
        codes=codes,
        days=days_of(given),
        status=_draft(status, rxa),
        labels=order_labels(orc),
        said_at=said_at(reading.stamp(rxa, 22), entered),
        said=control(orc),
        cleared=cleared(rxa, _ELEMENTS) + _outdated(head),
        local=order.own,
    )


def _outdated(head: Json) -> tuple[str, ...]:
    """What an earlier version may say that this one excludes: why it wasn't given, who told of it."""
    given = ("statusReason",) if head["status"] == "completed" else ()
    return (*given, "reportOrigin") if head.get("primarySource") else given


def _key(around: Circumstances, order: Order, rxa: Segment, given: Stamp | None, code: Code, used: Counter[str]) -> str:
    for number, word in ((3, "vaccination"), (2, "vaccination-by-placer")):
        sent = order.orc.value(number) if order.orc else ""
        if order.orc and sent and sent not in _NO_ORDER:
            owner = authority(*(order.orc.value(number, place) for place in (2, 3, 4)))
            return numbered(join_key(word, around.home.key, owner.key if owner else "", sent), used)
    if given is None:
        raise NormaliseError("the dose has neither a number nor a day", rxa.at(3))
    what = code.code or code.display
    content = join_key("vaccination-by-content", around.home.key, around.subject.key, given.date(), what)
    return numbered(content, used)


def _status(rxa: Segment, codes: tuple[Code, ...]) -> str:
    if rxa.value(21).upper() == "D":
        return "entered-in-error"
    if any((one.system, one.code) == _NOT_GIVEN for one in codes):
        return "not-done"
    return VACCINATION_STATUS.get(rxa.value(20).upper(), "completed")


def _draft(status: str, rxa: Segment) -> DraftStatus:
    corrected = rxa.value(21).upper() == "U"
    return DraftStatus.CORRECTED if corrected and status != "entered-in-error" else draft_status(status)


def _product(reading: Reading, rxa: Segment) -> Json:
    """How much of which batch."""
    result: Json = {}
    much = amount(rxa, 6, 7) if rxa.value(6) not in _NO_AMOUNT else None
    if much:
        result["doseQuantity"] = much
    if rxa.value(15):
        result["lotNumber"] = rxa.value(15)
    expires = reading.stamp(rxa, 16)
    if expires:
        result["expirationDate"] = expires.date()
    maker = concept(rxa.first(17)) if rxa.field(17) else None
    if maker:
        result["manufacturer"] = {"type": "Organization", "display": maker[0].get("text") or maker[1][0].code}
    return result


def _people(around: Circumstances, orc: Segment | None, rxa: Segment) -> Json:
    """Who gave it (RXA-10) and who ordered it (ORC-12), and where."""
    performers = []
    for segment, field, function in ((rxa, 10, "AP"), (orc, 12, "OP")):
        for one in segment.repetitions(field) if segment else ():
            person = practitioner(one, around.home)
            if person:
                performers.append({"function": table_concept(function, "0443"), "actor": person})
    place = " ".join(
        part for part in (rxa.value(27, 4) or rxa.value(11, 4), rxa.value(27, 1) or rxa.value(11, 1)) if part
    )
    result: Json = {"performer": performers} if performers else {}
    if place:
        result["location"] = {"type": "Location", "display": place}
    return result


def _reasons(rxa: Segment, head: Json) -> tuple[Code, ...]:
    """Why it wasn't given (RXA-18) or why it was (RXA-19)."""
    codes: tuple[Code, ...] = ()
    refused = reason(rxa.first(18))
    if refused:
        head["statusReason"] = refused[0]
        codes += refused[1]
    for one in rxa.repetitions(19):
        why = reason(one)
        if why:
            head.setdefault("reasonCode", []).append(why[0])
            codes += why[1]
    return codes


def _origin(rxa: Segment, head: Json) -> list[str]:
    """RXA-9: where the dose is known from; words that aren't of that table are notes."""
    notes = []
    for one in rxa.repetitions(9):
        found = concept(one)
        if found and one.value(3).upper() == _SOURCES:
            head["primarySource"] = one.value(1) == "00"
            if one.value(1) != "00":
                head["reportOrigin"] = found[0]
        elif found:
            notes.append(found[0].get("text") or found[1][0].code)
    return notes
