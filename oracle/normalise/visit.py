"""ADT: one encounter record per visit, one demographics record per subject.

Diagnoses (DG1), allergies (AL1) and measurements (OBX) are items of the encounter, which names its patient by number
only. The rest of PV1 and PV2 is in stay.py.
Source: message map ADT_A01 and segment maps EVN, PV1, PV2, DG1, AL1, OBX of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from oracle.hl7.message import Message, Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise import identity, local, tables
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import (
    Authority,
    authority_of,
    code_token,
    concept,
    entity_identifier,
    identifier,
    table_concept,
)
from oracle.normalise.errors import NormaliseError
from oracle.normalise.observation import Reported, observation
from oracle.normalise.patient import Subject, demographics, home_authority, subject_of
from oracle.normalise.people import person
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from oracle.normalise.stay import PV1_ELEMENTS, PV1_MAPPED, PV2_ELEMENTS, add_stay
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, resource_id

Json = dict[str, Any]

_TAKEN = frozenset({"MSH", "EVN", "PID", "PD1", "PV1", "PV2", "DG1", "AL1", "OBX", "NK1", "SFT", "ARV"})
_DG1_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 16, 18, 19, 20, 21})
_DG1_ELEMENTS = {5: ("onsetDateTime",), 6: ("extension",), 16: ("asserter",), 19: ("recordedDate",)}
_VERIFICATION = f"{tables.TERMINOLOGY}condition-ver-status"
_AL1_MAPPED = frozenset({1, 2, 3, 4, 5, 6})
_PERSON_ONLY = frozenset({"A28", "A31"})


def visit(reading: Reading) -> list[NormalisedGroup]:
    """Groups of an ADT message.

    Raises:
        NormaliseError: no PID, no patient number, no PV1, or nothing that names the visit.
    """
    message = reading.message
    pid = message.first("PID")
    subject = subject_of(reading, pid)
    assert pid is not None  # noqa: S101 - subject_of has refused a message without PID
    evn = message.first("EVN")
    recorded = reading.stamp(evn, 2) if evn else None
    occurred = (reading.stamp(evn, 6) if evn else None) or recorded or reading.stamp(message.header, 7)
    for segment in message.segments:
        if segment.name not in _TAKEN and not local.is_local(segment):
            reading.leave_out(segment)
    is_person_only = message.type[1] in _PERSON_ONLY | identity.EVENTS
    if is_person_only and (measured := message.first("OBX")):
        reading.leave_out(measured)
    of_person, of_visit = _own(message, is_person_only=is_person_only)
    groups = [demographics(reading, pid, subject, days_of(occurred), of_person)]
    if not is_person_only:
        groups.append(_encounter(reading, subject, occurred, of_visit))
    at = said_at(recorded)
    return [replace(group, unmapped=reading.unmapped, said_at=at, said=message.type[1]) for group in groups]


def _own(message: Message, *, is_person_only: bool) -> tuple[list[Segment], list[Segment]]:
    """Z segments of the person, which stand before PV1, and of the visit."""
    own: tuple[list[Segment], list[Segment]] = ([], [])
    visit_began = False
    for segment in message.segments:
        visit_began = visit_began or segment.name == "PV1"
        if local.is_local(segment):
            own[visit_began and not is_person_only].append(segment)
    return own


def encounter_reference(pv1: Segment | None, pid: Segment | None, home: Authority) -> Json | None:
    """Logical reference to the visit a result or document belongs to."""
    found = visit_number(pv1, pid, home)
    if found is None:
        return None
    owner, number = found
    return {"type": "Encounter", "identifier": {"system": owner.system, "value": number}}


def visit_number(pv1: Segment | None, pid: Segment | None, home: Authority) -> tuple[Authority, str] | None:
    """The visit's number: PV1-19, else the alternate PV1-50, else the account PID-18."""
    for segment, field in ((pv1, 19), (pv1, 50), (pid, 18)):
        if segment is not None and segment.value(field):
            return authority_of(segment.first(field), 4) or home, segment.value(field)
    return None


def visit_labels(reading: Reading) -> tuple[str, ...]:
    """What the source says about confidentiality outside PID: PV1-16, PV2-22 and ARV."""
    labels = []
    pv1 = reading.message.first("PV1")
    if pv1 is not None and pv1.value(16):
        labels.append(f"0099:{pv1.value(16)}")
    pv2 = reading.message.first("PV2")
    if pv2 is not None and pv2.value(22).upper() == "Y":
        labels.append("0136:PV2-22")
    for arv in reading.message.all("ARV"):
        labels.append(f"0717:{arv.value(3)}")
        labels.extend(f"0719:{one.value(1)}" for one in arv.repetitions(4))
    return tuple(labels)


def _encounter(reading: Reading, subject: Subject, occurred: Stamp | None, own: Sequence[Segment]) -> NormalisedGroup:
    message = reading.message
    home = home_authority(message, reading.source)
    pv1 = message.first("PV1")
    if pv1 is None:
        raise NormaliseError("the message has no PV1 segment", message.header.at())
    reading.leave_out_rest(pv1, PV1_MAPPED)
    admitted, discharged = reading.stamp(pv1, 44), reading.stamp(pv1, 45)
    found = visit_number(pv1, message.first("PID"), home)
    if found is None:
        # A visit begins with A01 and A04, so their own time may stand for the admission.
        began = admitted or (occurred if message.type[1] in ("A01", "A04") else None)
        if began is None:
            raise NormaliseError("nothing names the visit: no PV1-19, PV1-50, PID-18 or PV1-44", pv1.at(19))
        found = home, f"{subject.number}@{began.date_time()}"
    owner, number = found
    key = join_key("encounter", owner.key, number)
    head: Json = {
        "resourceType": "Encounter",
        "identifier": _numbers(reading, pv1, home, owner, number),
        "status": _status(message.type[1], pv1.value(2), discharged),
        "class": _class(pv1.value(2)),
        "subject": subject.reference,
        "serviceProvider": {"display": reading.source.name},
    }
    if admitted or discharged:
        period = {"start": admitted, "end": discharged}
        head["period"] = {name: stamp.date_time() for name, stamp in period.items() if stamp}
    contained = Contained()
    codes, texts = add_stay(reading, pv1, home, head, contained)
    texts += [head["class"]["display"], *local.keep(head, own)]
    contained.put_into(head)
    pv2 = message.first("PV2")
    nulls = cleared(pv1, PV1_ELEMENTS) + (cleared(pv2, PV2_ELEMENTS) if pv2 is not None else ())
    first, last = days_of(admitted or occurred, discharged or admitted or occurred)
    items = (
        *_diagnoses(reading, key, head, (first, last)),
        *_allergies(reading, key, head, (first, last)),
        *_observations(reading, key, head, home, (first, last)),
    )
    return NormalisedGroup(
        record_key=key,
        subject_key=subject.key,
        kind="encounter",
        head=head,
        items=items,
        codes=codes,
        texts=tuple(text for text in texts if text),
        first_day=first,
        last_day=last,
        visit_class=pv1.value(2).upper(),
        source_labels=subject.source_labels + visit_labels(reading),
        birth_day=subject.birth_day,
        is_checkup=reading.source.is_checkup_centre,
        also=account_keys(message.first("PID"), home),
        cleared=nulls,
    )


def stay_keys(pv1: Segment | None, pid: Segment | None, home: Authority) -> tuple[str, ...]:
    """Keys of the visit and the account that a result or document belongs to, by which A44 and A45 move it."""
    found = visit_number(pv1, pid, home)
    visit_key = (join_key("encounter", found[0].key, found[1]),) if found else ()
    return visit_key + account_keys(pid, home)


def account_keys(pid: Segment | None, home: Authority) -> tuple[str, ...]:
    """Key of the account in PID-18, if there is one."""
    if pid is None or not pid.value(18):
        return ()
    owner = authority_of(pid.first(18), 4) or home
    return (join_key("account", owner.key, pid.value(18)),)


def _status(event: str, visit_class: str, discharged: Stamp | None) -> str:
    said = tables.EVENT_STATUS.get(event)
    if said is not None:
        return said
    return "finished" if discharged else tables.CLASS_STATUS.get(visit_class.upper(), "in-progress")


def _class(sent: str) -> Json:
    own = code_token(sent)
    system, code, display = tables.VISIT_CLASS.get(own.upper(), ("v2-0004", own or "U", own or "Unknown"))
    return {"system": tables.TERMINOLOGY + system, "code": code, "display": display}


def _numbers(reading: Reading, pv1: Segment, home: Authority, owner: Authority, number: str) -> list[Json]:
    """The visit's numbers: PV1-19, or what stands for it, and the alternates of PV1-50."""
    zone = reading.source.zone
    own = identifier(pv1.first(19), home, zone) if pv1.field(19) else None
    own = own or {"system": owner.system, "value": number}
    own["type"] = table_concept("VN", "0203") | {"text": "visit number"}
    others = [one for sent in pv1.repetitions(50) if (one := identifier(sent, home, zone))]
    return [own, *(one for one in others if one["value"] != own["value"])]


def _diagnoses(reading: Reading, key: str, encounter: Json, days: tuple[int, int]) -> list[Item]:
    items: list[Item] = []
    used: Counter[str] = Counter()
    for dg1 in reading.message.all("DG1"):
        reading.leave_out_rest(dg1, _DG1_MAPPED)
        found = concept(dg1.first(3), _diagnosis_system(dg1)) if dg1.first(3) else None
        words = dg1.value(4)
        if not found and not words:
            continue
        code, codes = found or ({"text": words}, (Code("", "", words),))
        if words and "text" not in code:
            code["text"] = words
        name = codes[0].code or words
        item_key = numbered(join_key("item", "DG1", name), used)
        condition: Json = {
            "resourceType": "Condition",
            "id": resource_id(key, item_key),
            "category": [_condition_category()],
            "code": code,
            "subject": encounter["subject"],
            "encounter": {"type": "Encounter", "identifier": encounter["identifier"][0]},
        }
        told, attested = reading.stamp(dg1, 5), reading.stamp(dg1, 19)
        if told:
            condition["onsetDateTime"] = told.date_time()
        if attested:
            condition["recordedDate"] = attested.date_time()
        if dg1.value(6):
            condition["extension"] = [_diagnosis_type(dg1)]
        withdrawn = dg1.value(21).upper() == "D"
        if withdrawn:
            condition["verificationStatus"] = {"coding": [{"system": _VERIFICATION, "code": "entered-in-error"}]}
        _add_source(reading, dg1, condition)
        if dg1.value(18).upper() == "Y":
            codes = (*codes, Code("urn:salus:item", "restricted", "DG1-18"))
        span = days_of(told or attested)
        first, last = span if span[0] else days
        texts = tuple(text for text in (code.get("text"), words) if text)
        status = DraftStatus.ENTERED_IN_ERROR if withdrawn else DraftStatus.CURRENT
        items.append(Item(item_key, condition, codes, texts, first, last, status, cleared=cleared(dg1, _DG1_ELEMENTS)))
    return items


def _add_source(reading: Reading, dg1: Segment, condition: Json) -> None:
    """The diagnosis's own number (DG1-20) and who made it (DG1-16)."""
    home, contained = home_authority(reading.message, reading.source), Contained()
    own = entity_identifier(dg1.first(20), home, "FILL") if dg1.field(20) else None
    if own:
        condition["identifier"] = [own]
    asserter = person(dg1.first(16), home, reading.source.zone) if dg1.field(16) else None
    if asserter:
        condition["asserter"] = contained.refer(asserter)
        contained.put_into(condition)


def _allergies(reading: Reading, key: str, encounter: Json, days: tuple[int, int]) -> list[Item]:
    items: list[Item] = []
    used: Counter[str] = Counter()
    for al1 in reading.message.all("AL1"):
        reading.leave_out_rest(al1, _AL1_MAPPED)
        found = concept(al1.first(3)) if al1.first(3) else None
        if not found:
            continue
        item_key = numbered(join_key("item", "AL1", found[1][0].code or found[1][0].display), used)
        allergy: Json = {
            "resourceType": "AllergyIntolerance",
            "id": resource_id(key, item_key),
            "code": found[0],
            "patient": encounter["subject"],
            "clinicalStatus": {
                "coding": [{"system": f"{tables.TERMINOLOGY}allergyintolerance-clinical", "code": "active"}]
            },
        }
        kind = tables.ALLERGY_CATEGORY.get(al1.value(2))
        if kind:
            allergy["category"] = [kind]
        risk = tables.ALLERGY_CRITICALITY.get(al1.value(4))
        if risk:
            allergy["criticality"] = risk
        reactions = [{"text": text} for one in al1.repetitions(5) if (text := one.value(2) or one.value(1))]
        if reactions:
            allergy["reaction"] = [{"manifestation": reactions}]
        began = reading.stamp(al1, 6)
        if began:
            allergy["onsetDateTime"] = began.date_time()
        texts = tuple(text for text in (found[0].get("text"), *(one["text"] for one in reactions)) if text)
        items.append(Item(item_key, allergy, found[1], texts, *days))
    return items


def _observations(reading: Reading, key: str, encounter: Json, home: Authority, days: tuple[int, int]) -> list[Item]:
    """OBX of an admission: height, weight and what else was measured at the desk."""
    at = {"type": "Encounter", "identifier": {name: encounter["identifier"][0][name] for name in ("system", "value")}}
    around = Reported(
        record_key=key,
        home=home,
        subject=encounter["subject"],
        encounter=at,
        span=days,
        moment="",
        status="",
        category="",
        family=("item", "OBX"),
    )
    return [observation(reading, obx, (), around) for obx in reading.message.all("OBX")]


def _diagnosis_system(dg1: Segment) -> str:
    return tables.ICD_10 if "10" in dg1.value(2) else ""


def _condition_category() -> Json:
    return {"coding": [{"system": f"{tables.TERMINOLOGY}condition-category", "code": "encounter-diagnosis"}]}


def _diagnosis_type(dg1: Segment) -> Json:
    return {"url": "urn:salus:fhir:diagnosis-type", "valueCodeableConcept": table_concept(dg1.value(6), "0052")}
