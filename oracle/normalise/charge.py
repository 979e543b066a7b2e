"""DFT: one ChargeItem for each financial transaction (FT1).

A charge is known by its transaction number (FT1-2). Procedures (PR1), diagnoses (DG1) and coverage (IN1) are its items:
in P11 those of its own group, in P03, where they follow all transactions, the same for each.
Source: HL7 v2.9 section 6.5.1 (FT1). The guide has no map of DFT: ours; PR1, DG1 and IN1 by their segment maps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Segment
from oracle.normalise.circumstances import Circumstances, circumstances_of, complete
from oracle.normalise.coverage import coverage
from oracle.normalise.datatypes import (
    authority_of,
    concept,
    entity_identifier,
    number,
    practitioner,
    table_concept,
)
from oracle.normalise.diagnosis import diagnosis, reason
from oracle.normalise.errors import NormaliseError
from oracle.normalise.local import is_local
from oracle.normalise.orc import MOST_COPIES, SHARED, add_note
from oracle.normalise.order_tables import CHARGE_STATUS
from oracle.normalise.procedure import procedure
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from salus.core.record import Code, Item, NormalisedGroup

Json = dict[str, Any]

_FT1_MAPPED = frozenset({1, 2, 4, 5, 6, 7, 8, 10, 11, 12, 13, 19, 20, 21, 23, 24, 25, 29})
# FT1: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {5: ("enteredDate",), 10: ("quantity",), 11: ("priceOverride",), 13: ("costCenter",), 19: ("reason",)}
_PARTS = frozenset({"PR1", "DG1", "IN1"})
_TRANSACTION = "urn:salus:fhir:transaction-type"
_UNIT_PRICE = "urn:salus:fhir:unit-price"
_CURRENCIES = {"RMB": "CNY", "元": "CNY", "人民币": "CNY"}


@dataclass(slots=True)
class _Charge:
    """A transaction with its own segments; `own` are Z segments after it."""

    ft1: Segment
    parts: list[Segment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own: list[Segment] = field(default_factory=list)


def charges(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a financial transaction message.

    Raises:
        NormaliseError: no FT1, no patient number, or a transaction without a number.
    """
    message = reading.message
    around = circumstances_of(reading, message.first("PID"), message.first("PV1"))
    found, shared = _collect(reading)
    if len(found) * len(shared) > MOST_COPIES:
        raise NormaliseError("too many transactions share too many diagnoses", shared[0].at())
    used: Counter[str] = Counter()
    return complete(reading, [_charge(around, one, shared, used) for one in found])


def _collect(reading: Reading) -> tuple[list[_Charge], list[Segment]]:
    """Transactions, and the segments that belong to all of them."""
    found: list[_Charge] = []
    shared: list[Segment] = []
    own = reading.message.type[1] != "P03"
    last = ""
    for segment in reading.message.segments:
        name = segment.name
        if name == "FT1":
            found.append(_Charge(segment))
        elif name == "PR1" and found:
            found[-1].parts.append(segment)
        elif name in _PARTS:
            (found[-1].parts if own and found else shared).append(segment)
        elif name == "NTE" and last == "FT1":
            add_note(reading, segment, found[-1].notes)
        elif is_local(segment) and found:
            found[-1].own.append(segment)
        elif name not in SHARED:
            reading.leave_out(segment)
        last = name if name != "NTE" else last
    if not found:
        raise NormaliseError(
            "the message has no FT1 segment", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return found, shared


def _charge(around: Circumstances, charge: _Charge, shared: list[Segment], used: Counter[str]) -> NormalisedGroup:
    reading, ft1 = around.reading, charge.ft1
    reading.leave_out_rest(ft1, _FT1_MAPPED)
    sent = ft1.value(2)
    if not sent:
        raise NormaliseError("the transaction number is missing", ft1.at(2))
    owner = authority_of(ft1.first(2), 4)
    key = numbered(join_key("charge", around.home.key, owner.key if owner else "", sent), used)
    code, codes = _code(ft1)
    kind = ft1.value(6).upper()
    head: Json = {
        "resourceType": "ChargeItem",
        "identifier": [{"system": (owner or around.home).system, "value": sent}],
        "status": CHARGE_STATUS.get(kind, "unknown"),
        "code": code,
        "subject": around.patient,
    }
    done, done_end, posted = reading.stamp(ft1, 4), reading.stamp(ft1, 4, 2), reading.stamp(ft1, 5)
    if done and done_end and done_end.moment >= done.moment:
        head["occurrencePeriod"] = {"start": done.date_time(), "end": done_end.date_time()}
    elif done:
        head["occurrenceDateTime"] = done.date_time()
    if posted:
        head["enteredDate"] = posted.date_time()
    head |= _account(around) | _people(around, ft1) | _money(ft1, kind)
    ordered = entity_identifier(ft1.first(23), around.home, "FILL") if ft1.field(23) else None
    if ordered:
        known = {"system": ordered["system"], "value": ordered["value"]}
        head["service"] = [{"type": "ServiceRequest", "identifier": known}]
    product = concept(ft1.first(29)) if ft1.field(29) else None
    if product:
        head["productCodeableConcept"] = product[0]
        codes += product[1]
    if ft1.value(13, 2) or ft1.value(13):
        head["costCenter"] = {"type": "Organization", "display": ft1.value(13, 2) or ft1.value(13)}
    reasons = [one for said in ft1.repetitions(19) if (one := reason(said))]
    if reasons:
        head["reason"] = [one for one, _ in reasons]
        codes += tuple(one for _, said in reasons for one in said)
    if charge.notes:
        head["note"] = [{"text": note} for note in charge.notes]
    days = days_of(done or posted, done_end)
    return around.group(
        key,
        "charge",
        around.placed(head, "context"),
        items=_items(around, [*charge.parts, *shared], key, days),
        codes=codes,
        days=days,
        said_at=said_at(posted),
        said=kind,
        cleared=cleared(ft1, _ELEMENTS),
        local=charge.own,
    )


def _code(ft1: Segment) -> tuple[Json, tuple[Code, ...]]:
    """What is charged: the source's own code (FT1-7) and the procedure (FT1-25) in one concept, in FT1-8's words."""
    coding: list[Json] = []
    codes: tuple[Code, ...] = ()
    words = ft1.value(8)
    for place in (7, 25):
        found = concept(ft1.first(place)) if ft1.field(place) else None
        if found:
            coding += [one for one in found[0].get("coding", []) if one not in coding]
            codes += found[1]
            words = words or found[0].get("text", "")
    result: Json = {"coding": coding} if coding else {}
    if words or not coding:
        result["text"] = words or "unnamed"
    return result, codes or (Code("", "", words),)


def _account(around: Circumstances) -> Json:
    """The account charged: PID-18."""
    pid = around.reading.message.first("PID")
    if pid is None or not pid.value(18):
        return {}
    owner = authority_of(pid.first(18), 4) or around.home
    return {"account": [{"type": "Account", "identifier": {"system": owner.system, "value": pid.value(18)}}]}


def _people(around: Circumstances, ft1: Segment) -> Json:
    """Who did it (FT1-20), ordered it (FT1-21) and entered it (FT1-24)."""
    performers: list[Json] = []
    for place, function in ((20, ""), (21, "OP")):
        for sent in ft1.repetitions(place):
            person = practitioner(sent, around.home)
            if person:
                role = {"function": table_concept(function, "0443")} if function else {}
                performers.append(role | {"actor": person})
    entered = practitioner(ft1.first(24), around.home) if ft1.field(24) else None
    return ({"performer": performers} if performers else {}) | ({"enterer": entered} if entered else {})


def _money(ft1: Segment, kind: str) -> Json:
    """Quantity, price of all (FT1-11) and of one (FT1-12), and the kind of transaction (table 0017)."""
    result: Json = {}
    much = number(ft1.value(10))
    if much is not None:
        result["quantity"] = {"value": much}
    total = money(ft1, 11)
    if total:
        result["priceOverride"] = total
    extensions: list[Json] = []
    if kind:
        extensions.append({"url": _TRANSACTION, "valueCodeableConcept": table_concept(kind, "0017")})
    each = money(ft1, 12)
    if each:
        extensions.append({"url": _UNIT_PRICE, "valueMoney": each})
    return result | ({"extension": extensions} if extensions else {})


def money(segment: Segment, place: int) -> Json | None:
    """CP or MO as Money; a currency that is no ISO 4217 code is left away."""
    value: Decimal | None = number(segment.value(place))
    if value is None:
        return None
    sent = segment.value(place, 1, 2).upper()
    currency = _CURRENCIES.get(sent, sent)
    known = len(currency) == 3 and currency.isascii() and currency.isalpha()
    return {"value": value} | ({"currency": currency} if known else {})


def _items(around: Circumstances, parts: list[Segment], key: str, days: tuple[int, int]) -> tuple[Item, ...]:
    used: Counter[str] = Counter()
    mapping = {"PR1": procedure, "DG1": diagnosis, "IN1": coverage}
    return tuple(one for segment in parts if (one := mapping[segment.name](around, segment, key, used, days)))
