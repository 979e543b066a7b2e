"""SIU: one Appointment for each appointment and patient.

An appointment is known by the number of who keeps the schedule (SCH-2), else of who asked for it (SCH-1). Group
appointments have several patients: each gets a record of their own, which names no other. Items: observations and
diagnoses of the patient. Events about the schedule itself (S23, S24) have no patient and aren't taken.
Source: message map SIU_S12, segment maps SCH, AIS, AIG, AIL, AIP, NTE[Appointment] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Precision, Stamp
from oracle.normalise import tables
from oracle.normalise.circumstances import Circumstances, circumstances_of, complete
from oracle.normalise.datatypes import authority, concept, entity_identifier, practitioner
from oracle.normalise.diagnosis import diagnosis, reason
from oracle.normalise.errors import NormaliseError
from oracle.normalise.local import is_local
from oracle.normalise.observation import observation
from oracle.normalise.orc import MOST_COPIES, add_note
from oracle.normalise.order_tables import APPOINTMENT_EVENT, APPOINTMENT_STATUS, PARTICIPATION
from oracle.normalise.reading import Reading, cleared, days_of, join_key
from oracle.normalise.timing import positive
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup

Json = dict[str, Any]

_TAKEN = frozenset({"MSH", "SFT", "EVN", "SCH", "TQ1", "NTE", "PD1", "ARV", "RGS"})
_SCH_MAPPED = frozenset({1, 2, 6, 7, 8, 9, 10, 11, 12, 16, 20, 25, 26, 27})
_TQ1_MAPPED = frozenset({1, 7, 8})
_RESOURCES = frozenset({"AIS", "AIG", "AIL", "AIP"})
# Who or what takes part: segment → field of its start, of its length, of the length's unit
_TIMES = MappingProxyType({"AIS": (4, 7, 8), "AIG": (8, 11, 12), "AIL": (6, 9, 10), "AIP": (6, 9, 10)})
_MAPPED = MappingProxyType(
    {
        "AIS": frozenset({1, 3, 4, 7, 8, 10}),
        "AIG": frozenset({1, 3, 4, 8, 11, 12, 14}),
        "AIL": frozenset({1, 3, 6, 9, 10, 12}),
        "AIP": frozenset({1, 3, 4, 6, 9, 10, 12}),
    }
)
_MINUTES = MappingProxyType(
    {"": 1, "MIN": 1, "M": 1, "MINUTE": 1, "MINUTES": 1, "分钟": 1, "H": 60, "HR": 60, "HOUR": 60, "小时": 60, "S": 0}
)
# SCH: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {6: ("cancelationReason",), 7: ("reasonCode",), 8: ("appointmentType",)}
_MAY_LACK_TIME = frozenset({"proposed", "cancelled", "waitlist", "entered-in-error"})
_EXCUSED = frozenset({"cancelled", "noshow"})


@dataclass(slots=True)
class _Patient:
    """Segments of one patient of the appointment."""

    pid: Segment
    pv1: Segment | None = None
    diagnoses: list[Segment] = field(default_factory=list)
    results: list[tuple[Segment, list[str]]] = field(default_factory=list)


@dataclass(slots=True)
class _Appointment:
    """Segments of the appointment. `notes` are the words of all NTE but those of results, `own` Z segments."""

    sch: Segment
    tq1: Segment | None = None
    resources: list[Segment] = field(default_factory=list)
    patients: list[_Patient] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own: list[Segment] = field(default_factory=list)


def appointments(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a scheduling message.

    Raises:
        NormaliseError: no SCH, no patient, no patient number, or an appointment without any number.
    """
    found = _collect(reading)
    if not found.patients:
        raise NormaliseError("the message has no PID segment", reading.message.header.at())
    if len(found.patients) > 1 and len(found.patients) * (len(found.resources) + len(found.notes)) > MOST_COPIES:
        raise NormaliseError("too many patients share too many resources", found.patients[1].pid.at())
    reading.leave_out_rest(found.sch, _SCH_MAPPED)
    for segment in found.resources:
        reading.leave_out_rest(segment, _MAPPED[segment.name])
    around = [circumstances_of(reading, one.pid, one.pv1) for one in found.patients]
    several = len({one.subject.key for one in around}) > 1
    groups: dict[str, NormalisedGroup] = {}
    for patient, one in zip(found.patients, around, strict=True):
        if one.subject.key not in groups:
            groups[one.subject.key] = _appointment(one, found, patient, several=several)
    return complete(reading, list(groups.values()))


def _collect(reading: Reading) -> _Appointment:
    sch = reading.message.first("SCH")
    if sch is None:
        raise NormaliseError(
            "the message has no SCH segment", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    found = _Appointment(sch, reading.message.first("TQ1"))
    for other in (*reading.message.all("SCH")[1:], *reading.message.all("TQ1")[1:]):
        reading.leave_out(other)
    if found.tq1:
        reading.leave_out_rest(found.tq1, _TQ1_MAPPED)
    last = ""
    for segment in reading.message.segments:
        name = segment.name
        patient = found.patients[-1] if found.patients else None
        if name == "PID":
            found.patients.append(_Patient(segment))
        elif name in _RESOURCES:
            found.resources.append(segment)
        elif name == "NTE":
            add_note(reading, segment, patient.results[-1][1] if last == "OBX" and patient else found.notes)
        elif is_local(segment):
            found.own.append(segment)
        elif (patient is None or not _take(patient, segment)) and name not in _TAKEN:
            reading.leave_out(segment)
        last = name if name != "NTE" else last
    return found


def _take(patient: _Patient, segment: Segment) -> bool:
    """Put a segment to its patient; whether it belongs there."""
    if segment.name == "PV1":
        patient.pv1 = segment
    elif segment.name == "DG1":
        patient.diagnoses.append(segment)
    elif segment.name == "OBX":
        patient.results.append((segment, []))
    else:
        return False
    return True


def _appointment(around: Circumstances, found: _Appointment, patient: _Patient, *, several: bool) -> NormalisedGroup:
    reading, sch, event = around.reading, found.sch, around.reading.message.type[1]
    key = _key(around, sch, several=several)
    start, end, minutes = _times(reading, found)
    status = _status(reading, sch, event, timed=start is not None)
    head: Json = {"resourceType": "Appointment", "status": status}
    identifiers = [
        one
        for number, kind in ((1, "PLAC"), (2, "FILL"))
        if sch.field(number) and (one := entity_identifier(sch.first(number), around.home, kind))
    ]
    head["identifier"] = identifiers
    if start and end:
        head["start"], head["end"] = start.date_time(), end.date_time()
    elif start:
        head["requestedPeriod"] = [{"start": start.date_time()}]
    if minutes:
        head["minutesDuration"] = minutes
    codes = _add_reasons(reading, sch, status, head) + _add_services(found, head)
    head["participant"] = _participants(around, found, status)
    orders = [
        {"type": "ServiceRequest", "identifier": {"system": one["system"], "value": one["value"]}}
        for number in (26, 27)
        for sent in sch.repetitions(number)
        if (one := entity_identifier(sent, around.home, "PLAC"))
    ]
    if orders:
        head["basedOn"] = orders
    notes = list(dict.fromkeys(found.notes))
    if notes:
        head["comment"] = "\n".join(notes)
    if around.encounter:
        head["supportingInformation"] = [around.encounter]
    days = days_of(start, end)
    return around.group(
        key,
        "appointment",
        head,
        items=_items(around, patient, key, start, days),
        codes=codes,
        days=days,
        status=DraftStatus.ENTERED_IN_ERROR if status == "entered-in-error" else DraftStatus.CURRENT,
        said=event,
        cleared=cleared(sch, _ELEMENTS) + _outdated(head, status),
        local=found.own,
    )


def _outdated(head: Json, status: str) -> tuple[str, ...]:
    """What an earlier version may say that this one excludes: a reason to cancel (FHIR app-4), times or their lack."""
    reason_gone = () if status in _EXCUSED else ("cancelationReason",)
    if "start" in head:
        return (*reason_gone, "requestedPeriod")
    return (*reason_gone, "start", "end") if "requestedPeriod" in head else reason_gone


def _key(around: Circumstances, sch: Segment, *, several: bool) -> str:
    more = (around.subject.key,) if several else ()
    for number, word in ((2, "appointment"), (1, "appointment-by-placer")):
        if sch.value(number):
            owner = authority(*(sch.value(number, place) for place in (2, 3, 4)))
            return join_key(word, around.home.key, owner.key if owner else "", sch.value(number), *more)
    raise NormaliseError("the appointment has neither a filler nor a placer number", sch.at(2))


def _times(reading: Reading, found: _Appointment) -> tuple[Stamp | None, Stamp | None, int | None]:
    """Start, end and minutes: of TQ1, else of the first AIS, AIG, AIL, AIP that has a start, else of the old SCH-11.

    FHIR wants start and end or neither. Without an end or a length the appointment ends when it begins.
    """
    sch = found.sch
    minutes = _minutes(sch, 9, 10)
    start = end = None
    if found.tq1:
        start, end = reading.stamp(found.tq1, 7), reading.stamp(found.tq1, 8)
    for segment in found.resources if start is None else ():
        at, length, unit = _TIMES[segment.name]
        start = reading.stamp(segment, at)
        if start:
            minutes = _minutes(segment, length, unit) or minutes
            break
    if start is None:
        start, end = reading.stamp(sch, 11, 4), reading.stamp(sch, 11, 5)
    if start is None or start.precision < Precision.HOUR:
        return start, None, minutes
    if end is None or end.moment < start.moment or end.precision < Precision.HOUR:
        end = Stamp(start.moment + timedelta(minutes=minutes or 0), Precision.SECOND)
    return start, end, minutes


def _minutes(segment: Segment, value: int, unit: int) -> int | None:
    sent = positive(segment.value(value))
    factor = _MINUTES.get(segment.value(unit).upper(), 0)
    return sent * factor if sent and factor and sent < 1_000_000 else None


def _status(reading: Reading, sch: Segment, event: str, *, timed: bool) -> str:
    """What the event says itself, else SCH-25, else booked. Without a time it can only be proposed."""
    sent = sch.value(25).upper() or sch.value(25, 2).upper()
    if sent and sent not in APPOINTMENT_STATUS:
        reading.leave_out(sch, 25)
    status = APPOINTMENT_EVENT.get(event) or APPOINTMENT_STATUS.get(sent, "booked")
    return status if timed or status in _MAY_LACK_TIME else "proposed"


def _add_reasons(reading: Reading, sch: Segment, status: str, head: Json) -> tuple[Code, ...]:
    """SCH-6 (why it was changed), SCH-7 (why it is made) and SCH-8 (its type)."""
    codes: tuple[Code, ...] = ()
    for number, table, name in (
        (6, "", "cancelationReason"),
        (7, "0276", "reasonCode"),
        (8, "0277", "appointmentType"),
    ):
        if not sch.field(number):
            continue
        if number == 6 and status not in _EXCUSED:
            reading.leave_out(sch, 6)
            continue
        found = reason(sch.first(number), f"{tables.TERMINOLOGY}v2-{table}" if table else "")
        if found:
            head[name] = [found[0]] if name == "reasonCode" else found[0]
            codes += found[1]
    return codes


def _add_services(found: _Appointment, head: Json) -> tuple[Code, ...]:
    """AIS-3: what will be done."""
    said = [one for ais in found.resources if ais.name == "AIS" and (one := concept(ais.first(3)))]
    if said:
        head["serviceType"] = [one for one, _ in said]
    return tuple(code for _, codes in said for code in codes)


def _participants(around: Circumstances, found: _Appointment, status: str) -> list[Json]:
    """The patient, contacts (SCH-12, SCH-16), who entered it (SCH-20), people (AIP), places (AIL) and things (AIG)."""
    answer = PARTICIPATION.get(status, "accepted")
    result: list[Json] = [{"actor": around.patient, "status": answer}]
    for number, words in ((12, "placer contact"), (16, "filler contact"), (20, "enterer")):
        for sent in found.sch.repetitions(number):
            person = practitioner(sent, around.home)
            if person:
                result.append({"type": [{"text": words}], "actor": person, "status": answer})
    for segment in found.resources:
        if segment.name == "AIP":
            actor, kind = practitioner(segment.first(3), around.home), concept(segment.first(4))
        elif segment.name == "AIL":
            place = " ".join(part for part in (segment.value(3, number) for number in (4, 7, 8, 1, 2, 3)) if part)
            actor, kind = ({"type": "Location", "display": place} if place else None), None
        elif segment.name == "AIG":
            thing, kind = concept(segment.first(3)), concept(segment.first(4))
            name = thing[0].get("text") or thing[1][0].code if thing else ""
            actor = {"display": name} if name else None
        else:
            continue
        if actor:
            said: Json = {"type": [kind[0]]} if kind else {}
            result.append(said | {"actor": actor, "status": answer})
    return result


def _items(
    around: Circumstances, patient: _Patient, key: str, start: Stamp | None, days: tuple[int, int]
) -> tuple[Item, ...]:
    used: Counter[str] = Counter()
    items = [one for dg1 in patient.diagnoses if (one := diagnosis(around, dg1, key, used, days))]
    context = around.results(key, start)
    items.extend(observation(around.reading, obx, notes, context) for obx, notes in patient.results)
    return tuple(items)
