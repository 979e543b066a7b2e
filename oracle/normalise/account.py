"""BAR: one Account for each account number, with its coverage (IN1), diagnoses (DG1) and procedures (PR1) as items.

The account is PID-18, else the visit's own number (PV1-19, PV1-50).
Source: segment maps PID[Account], IN1[Coverage], DG1 and PR1 of HL7/v2-to-fhir. The guide has no map of BAR: ours.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Any

from oracle.hl7.message import Segment
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances, circumstances_of, complete
from oracle.normalise.coverage import coverage
from oracle.normalise.datatypes import authority_of, concept, human_name, table_concept
from oracle.normalise.diagnosis import diagnosis
from oracle.normalise.errors import NormaliseError
from oracle.normalise.local import is_local
from oracle.normalise.observation import observation
from oracle.normalise.orc import SHARED, add_note
from oracle.normalise.order_tables import ACCOUNT_STATUS
from oracle.normalise.procedure import procedure
from oracle.normalise.reading import Reading, cleared, days_of, join_key, said_at
from oracle.normalise.visit import visit_number
from salus.core.record import Item, NormalisedGroup

Json = dict[str, Any]

_PARTS = MappingProxyType({"IN1": coverage, "DG1": diagnosis, "PR1": procedure})
# PV1: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {44: ("servicePeriod.start",), 45: ("servicePeriod.end",)}
_GT1_MAPPED = frozenset({1, 2, 3, 11})


def accounts(reading: Reading) -> list[NormalisedGroup]:
    """The group of a billing account message.

    Raises:
        NormaliseError: no patient number, or nothing that names the account.
    """
    message = reading.message
    pid, pv1, evn = message.first("PID"), message.first("PV1"), message.first("EVN")
    around = circumstances_of(reading, pid, pv1)
    key, identifier = _number(around, pid, pv1)
    head: Json = {
        "resourceType": "Account",
        "identifier": [identifier],
        "status": ACCOUNT_STATUS.get(message.type[1], "unknown"),
        "type": {"coding": [{"system": f"{tables.TERMINOLOGY}v3-ActCode", "code": "PBILLACCT"}]},
        "subject": [around.patient],
        "owner": around.performer,
    }
    opened = reading.stamp(pv1, 44) if pv1 else None
    closed = reading.stamp(pv1, 45) if pv1 else None
    if opened or closed:
        usable = closed and not (opened and closed.moment < opened.moment)
        period = {"start": opened, "end": closed if usable else None}
        head["servicePeriod"] = {name: stamp.date_time() for name, stamp in period.items() if stamp}
    guarantors = [one for gt1 in message.all("GT1") if (one := _guarantor(around, gt1))]
    if guarantors:
        head["guarantor"] = guarantors
    told = reading.stamp(evn, 2) if evn else None
    days = days_of(opened or told, closed)
    items, notes = _items(around, key, days)
    if notes:
        head["description"] = "\n".join(notes)
    group = around.group(
        key,
        "account",
        head,
        items=items,
        days=days,
        said_at=said_at(told),
        said=message.type[1],
        cleared=cleared(pv1, _ELEMENTS) if pv1 else (),
        local=[segment for segment in message.segments if is_local(segment)],
    )
    return complete(reading, [group])


def _number(around: Circumstances, pid: Segment | None, pv1: Segment | None) -> tuple[str, Json]:
    """Key and identifier of the account. Merges of accounts (A44) know it by the same key."""
    if pid is not None and pid.value(18):
        owner, sent, word = authority_of(pid.first(18), 4) or around.home, pid.value(18), "account"
    else:
        found = visit_number(pv1, None, around.home)
        if found is None:
            raise NormaliseError(
                "nothing names the account: no PID-18, PV1-19 or PV1-50",
                pid.at(18) if pid else around.reading.message.header.at(),
            )
        (owner, sent), word = found, "account-by-visit"
    return join_key(word, owner.key, sent), {"type": table_concept("AN", "0203"), "system": owner.system, "value": sent}


def _guarantor(around: Circumstances, gt1: Segment) -> Json | None:
    """GT1: who answers for the account."""
    around.reading.leave_out_rest(gt1, _GT1_MAPPED)
    name = human_name(gt1.first(3)) if gt1.field(3) else None
    number = gt1.value(2)
    if not (name or number):
        return None
    party: Json = {"type": "RelatedPerson"}
    if number:
        owner = authority_of(gt1.first(2), 4) or around.home
        party["identifier"] = {"system": owner.system, "value": number}
    words = [name["text"]] if name else []
    relation = concept(gt1.first(11), f"{tables.TERMINOLOGY}v2-0063") if gt1.field(11) else None
    if relation:
        words.append(f"({relation[0].get('text') or relation[1][0].code})")
    if words:
        party["display"] = " ".join(words)
    return {"party": party}


def _items(around: Circumstances, key: str, days: tuple[int, int]) -> tuple[tuple[Item, ...], list[str]]:
    """Items, and the words of NTE that belong to none of them."""
    reading = around.reading
    used: Counter[str] = Counter()
    items: list[Item] = []
    results: list[tuple[Segment, list[str]]] = []
    notes: list[str] = []
    last = ""
    for segment in reading.message.segments:
        name = segment.name
        if name in _PARTS:
            one = _PARTS[name](around, segment, key, used, days)
            items += [one] if one else []
        elif name == "OBX":
            results.append((segment, []))
        elif name == "NTE":
            add_note(reading, segment, results[-1][1] if last == "OBX" else notes)
        elif name not in SHARED and name != "GT1" and not is_local(segment):
            reading.leave_out(segment)
        last = name if name != "NTE" else last
    context = around.results(key, None)
    items += [observation(reading, obx, words, context) for obx, words in results]
    return tuple(items), notes
