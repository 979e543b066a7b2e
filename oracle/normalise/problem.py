"""PPR: one Condition for each problem (PRB), with its goals (GOL) and observations (OBX) as items.

    PID ─ PV1 ─ (PRB ─ NTE* ─ (OBX ─ NTE*)* ─ (GOL ─ NTE*)* ─ (ORC ─ OBR | RXO …)*)*      in the order sent

Orders sent with a problem become order records; one without a number is left out, the problem isn't refused for it.
A problem is known by its instance number (PRB-4). A deleted one (PC3, PRB-1 DE) is withdrawn.
Source: HL7 v2.9 section 12.4. The guide has no map of PPR: ours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Segment
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances, circumstances_of, complete
from oracle.normalise.datatypes import authority, concept, entity_identifier
from oracle.normalise.diagnosis import as_diagnosis
from oracle.normalise.errors import NormaliseError
from oracle.normalise.local import is_local
from oracle.normalise.observation import observation
from oracle.normalise.orc import SHARED, add_note
from oracle.normalise.order import orders_sent_along
from oracle.normalise.order_tables import GOAL_LIFE_CYCLE, PROBLEM_CONFIRMATION, PROBLEM_LIFE_CYCLE
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from oracle.normalise.words import words_of
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, resource_id

Json = dict[str, Any]

_PRB_MAPPED = frozenset({1, 2, 3, 4, 7, 9, 10, 13, 14, 16, 17, 25, 26})
# PRB: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    7: ("recordedDate",),
    9: ("abatementDateTime",),
    13: ("verificationStatus",),
    16: ("onsetDateTime",),
    17: ("onsetString",),
    26: ("severity",),
}
_GOL_MAPPED = frozenset({1, 2, 3, 4, 7, 8, 16, 17, 18})
_ENDED = frozenset({"inactive", "resolved", "remission"})
_ORDERS = frozenset({"ORC", "OBR", "RXO"})


@dataclass(slots=True)
class _Problem:
    """Segments of one problem. `ordered` are those of its orders, from the first ORC on; `own` Z segments."""

    prb: Segment
    notes: list[str] = field(default_factory=list)
    results: list[tuple[Segment, list[str]]] = field(default_factory=list)
    goals: list[tuple[Segment, list[str]]] = field(default_factory=list)
    ordered: list[Segment] = field(default_factory=list)
    own: list[Segment] = field(default_factory=list)


def problems(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a problem message.

    Raises:
        NormaliseError: no PRB, no patient number, or a problem without an instance number.
    """
    message = reading.message
    around = circumstances_of(reading, message.first("PID"), message.first("PV1"))
    found = _collect(reading)
    used: Counter[str] = Counter()
    groups = [_problem(around, one, used) for one in found]
    groups += orders_sent_along(around, [segment for one in found for segment in one.ordered])
    return complete(reading, groups)


def _collect(reading: Reading) -> list[_Problem]:
    found: list[_Problem] = []
    last = ""
    for segment in reading.message.segments:
        name = segment.name
        if name == "PRB":
            found.append(_Problem(segment))
        elif found and (name in _ORDERS or (found[-1].ordered and name not in SHARED)):
            found[-1].ordered.append(segment)
        elif found and name == "OBX":
            found[-1].results.append((segment, []))
        elif found and name == "GOL":
            found[-1].goals.append((segment, []))
        elif found and name == "NTE" and last in ("PRB", "OBX", "GOL"):
            one = found[-1]
            notes = {"OBX": one.results, "GOL": one.goals}[last][-1][1] if last != "PRB" else one.notes
            add_note(reading, segment, notes)
        elif found and is_local(segment):
            found[-1].own.append(segment)
        elif name not in SHARED:
            reading.leave_out(segment)
        last = name if name != "NTE" else last
    if not found:
        raise NormaliseError(
            "the message has no PRB segment", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return found


def _problem(around: Circumstances, problem: _Problem, used: Counter[str]) -> NormalisedGroup:
    reading, prb = around.reading, problem.prb
    reading.leave_out_rest(prb, _PRB_MAPPED)
    sent = prb.value(4)
    if not sent:
        raise NormaliseError("the problem's instance number is missing", prb.at(4))
    owner = authority(*(prb.value(4, place) for place in (2, 3, 4)))
    key = numbered(join_key("problem", around.home.key, owner.key if owner else "", sent), used)
    found = concept(prb.first(3)) if prb.field(3) else None
    code, codes = found or ({"text": "unnamed"}, (Code("", "", ""),))
    action = prb.value(1).upper()
    withdrawn = action == "DE" or around.reading.message.type[1] == "PC3"
    established, began, ended = reading.stamp(prb, 7), reading.stamp(prb, 16), reading.stamp(prb, 9)
    head: Json = {
        "resourceType": "Condition",
        "identifier": [entity_identifier(prb.first(4), around.home, "FILL")],
        "category": [_coded("condition-category", "problem-list-item")],
        "code": code,
        "subject": around.patient,
    }
    head |= _statuses(reading, prb, withdrawn=withdrawn, is_over=ended is not None)
    if established:
        head["recordedDate"] = established.date_time()
    notes = list(problem.notes)
    if began:
        head["onsetDateTime"] = began.date_time()
        notes += [prb.value(17)] if prb.value(17) else []
    elif prb.value(17):
        head["onsetString"] = prb.value(17)
    if ended:
        head["abatementDateTime"] = ended.date_time()
    kind = concept(prb.first(10)) if prb.field(10) else None
    if kind:
        head["category"].append(kind[0])
    severity = concept(prb.first(26)) if prb.field(26) else None
    if severity:
        head["severity"] = severity[0]
    if notes:
        head["note"] = [{"text": note} for note in notes]
    said = reading.stamp(prb, 2)
    days = days_of(established or began or said)
    status = DraftStatus.CORRECTED if action == "CO" else DraftStatus.CURRENT
    return around.group(
        key,
        "problem",
        around.placed(head),
        items=_items(around, problem, key, days),
        codes=as_diagnosis(codes),
        days=days,
        status=DraftStatus.ENTERED_IN_ERROR if withdrawn else status,
        labels=tuple(f"0177:{one.value(1)}" for one in prb.repetitions(25) if one.value(1)),
        said_at=said_at(said),
        said=action,
        cleared=cleared(prb, _ELEMENTS) + _outdated(head, action),
        local=problem.own,
    )


def _statuses(reading: Reading, prb: Segment, *, withdrawn: bool, is_over: bool) -> Json:
    """PRB-13 and PRB-14. A problem of the list has a clinical status unless entered in error (FHIR con-3, con-5).

    One with an end is resolved whatever PRB-14 says (con-4).
    """
    if withdrawn:
        return {"verificationStatus": _coded("condition-ver-status", "entered-in-error")}
    clinical = _word(reading, prb, 14, PROBLEM_LIFE_CYCLE) or "active"
    if is_over and clinical not in _ENDED:
        clinical = "resolved"
    result: Json = {"clinicalStatus": _coded("condition-clinical", clinical)}
    confirmed = _word(reading, prb, 13, PROBLEM_CONFIRMATION)
    if confirmed:
        result["verificationStatus"] = _coded("condition-ver-status", confirmed)
    return result


def _outdated(head: Json, action: str) -> tuple[str, ...]:
    """What an earlier version may say that this one excludes: a clinical status of an error, an end of what goes on."""
    if "clinicalStatus" not in head:
        return ("clinicalStatus",)
    goes_on = head["clinicalStatus"]["coding"][0]["code"] not in _ENDED
    return (("abatementDateTime",) if goes_on else ()) + (("verificationStatus",) if action == "AD" else ())


def _word(reading: Reading, segment: Segment, field_number: int, table: Any) -> str | None:
    """A status in the source's words; words the table doesn't know are left out by name."""
    sent = [segment.value(field_number, place).lower() for place in (1, 2)]
    known: str | None = next((table[word] for word in sent if word in table), None)
    if known is None and any(sent):
        reading.leave_out(segment, field_number)
    return known


def _items(around: Circumstances, problem: _Problem, key: str, days: tuple[int, int]) -> tuple[Item, ...]:
    used: Counter[str] = Counter()
    items = [_goal(around, gol, notes, key, used, days) for gol, notes in problem.goals]
    context = around.results(key, None)
    items.extend(observation(around.reading, obx, notes, context) for obx, notes in problem.results)
    return tuple(items)


def _goal(
    around: Circumstances, gol: Segment, notes: list[str], key: str, used: Counter[str], days: tuple[int, int]
) -> Item:
    reading = around.reading
    reading.leave_out_rest(gol, _GOL_MAPPED)
    found = concept(gol.first(3)) if gol.field(3) else None
    code, codes = found or ({"text": "unnamed"}, (Code("", "", ""),))
    own = entity_identifier(gol.first(4), around.home, "FILL") if gol.field(4) else None
    item_key = numbered(join_key("item", "GOL", own["value"] if own else codes[0].code or codes[0].display), used)
    withdrawn = gol.value(1).upper() == "DE"
    status = "entered-in-error" if withdrawn else _word(reading, gol, 18, GOAL_LIFE_CYCLE) or "active"
    resource: Json = {
        "resourceType": "Goal",
        "id": resource_id(key, item_key),
        "lifecycleStatus": status,
        "description": code,
        "subject": around.patient,
    }
    if own:
        resource["identifier"] = [own]
    began, due = reading.stamp(gol, 7), reading.stamp(gol, 8)
    if began:
        resource["startDate"] = began.date()
    if due:
        resource["target"] = [{"dueDate": due.date()}]
    reached = concept(gol.first(16)) if gol.field(16) else None
    if reached:
        resource["achievementStatus"] = reached[0]
    words = [*notes, *(text for one in gol.repetitions(17) if (text := one.value(2) or one.value(1)))]
    if words:
        resource["note"] = [{"text": text} for text in words]
    first, last = days_of(began)
    return Item(
        item_key,
        resource,
        codes,
        words_of(resource),
        *((first, last) if first else days),
        DraftStatus.ENTERED_IN_ERROR if withdrawn else DraftStatus.CURRENT,
    )


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{tables.TERMINOLOGY}{system}", "code": code}]}
