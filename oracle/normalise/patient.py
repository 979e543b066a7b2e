"""PID, PD1 and NK1 to Patient, and the key by which the source knows the subject.

The subject key is the source's own number: the one its patient rule names, or without a rule type MR or PI of the
source's authority first, then other numbers it gave, a national document number last of all.
Source: segment maps PID[Patient], PD1[Patient] and NK1[Patient] of HL7/v2-to-fhir.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oracle.hl7.errors import Location
from oracle.hl7.message import Message, Repetition, Segment
from oracle.model import IdentifierRule
from oracle.normalise import local, tables
from oracle.normalise.contact import contact, each
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import (
    NATIONAL_TYPES,
    Authority,
    address,
    authority,
    authority_of,
    concept,
    human_name,
    identifier,
    identifier_type,
    telecom,
)
from oracle.normalise.errors import NormaliseError
from oracle.normalise.organizations import organization
from oracle.normalise.people import person
from oracle.normalise.reading import Reading, cleared, join_key
from oracle.normalise.source import SourceProfile
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, resource_id

Json = dict[str, Any]

_MAPPED = frozenset(
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 28, 29, 30, 33, 39, 40}
)
_PD1_MAPPED = frozenset({3, 4, 12})
# PID: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    5: ("name",),
    7: ("birthDate", "_birthDate"),
    8: ("gender",),
    11: ("address",),
    13: ("telecom",),
    14: ("telecom",),
    15: ("communication",),
    16: ("maritalStatus",),
    24: ("multipleBirthBoolean",),
    25: ("multipleBirthInteger",),
    29: ("deceasedDateTime",),
    30: ("deceasedBoolean",),
}
_STRUCTURES = "http://hl7.org/fhir/StructureDefinition/"
_CARD = re.compile(r"\d{17}[\dX]", re.ASCII)
_OWN_TYPES = ("MR", "PI", "PT", "LOCALID", "PATIENTID", "")


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient as the source knows them. `reference` points to the patient by number, without a name."""

    key: str
    authority: Authority
    number: str
    reference: Json
    birth_day: int | None
    source_labels: tuple[str, ...]


def home_authority(message: Message, source: SourceProfile) -> Authority:
    """Authority of identifiers that name none: the source's setting, whatever the message says in MSH-4."""
    del message
    found = authority(source.authority)
    if found is None:
        raise NormaliseError("the source has no assigning authority")
    return found


def subject_of(reading: Reading, pid: Segment | None) -> Subject:
    """Find the subject of a PID.

    Raises:
        NormaliseError: no PID, or no usable number in PID-3.
    """
    if pid is None:
        raise NormaliseError("the message has no PID segment", reading.message.header.at())
    owner, number = patient_number(reading, pid, 3)
    born = reading.stamp(pid, 7)
    labels = []
    protection = reading.message.first("PD1")
    if protection is not None and protection.value(12).upper() == "Y":
        labels.append("0136:PD1-12")
    return Subject(
        key=join_key(owner.key, number),
        authority=owner,
        number=number,
        reference={"type": "Patient", "identifier": {"system": owner.system, "value": number}},
        # of a year or month alone the last day, so that a child isn't taken for older
        birth_day=born.days()[1] if born else None,
        source_labels=tuple(labels),
    )


def patient_number(reading: Reading, segment: Segment, field: int) -> tuple[Authority, str]:
    """The number by which the source knows a patient, of all that a field (PID-3, MRG-1) lists.

    Raises:
        NormaliseError: none that can be used.
    """
    home = home_authority(reading.message, reading.source)
    numbers = [one for one in segment.repetitions(field) if one.value(1)]
    if not numbers:
        raise NormaliseError("the patient identifier is missing", segment.at(field))
    best = _named(numbers, reading.source.patient, home, segment.at(field)) or min(
        numbers, key=lambda one: _rank(one, home)
    )
    return authority_of(best, 4) or home, best.value(1)


def demographics(
    reading: Reading, pid: Segment, subject: Subject, days: tuple[int, int], own: Sequence[Segment] = ()
) -> NormalisedGroup:
    """The demographics record of a subject. What tells of their origin and faith becomes an item of its own.

    `own` are the Z segments that go with the person.
    """
    key = join_key("demographics", subject.authority.key, subject.number)
    home = home_authority(reading.message, reading.source)
    reading.leave_out_rest(pid, _MAPPED)
    zone, contained = reading.source.zone, Contained()
    texts: list[str] = []
    patient: Json = {
        "resourceType": "Patient",
        "identifier": _identifiers(reading, pid, home),
        "name": each(pid, 5, lambda one: human_name(one, zone)) + each(pid, 9, lambda one: human_name(one, zone)),
        "telecom": each(pid, 13, lambda one: telecom(one, "home", zone))
        + each(pid, 14, lambda one: telecom(one, "work", zone))
        + each(pid, 40, lambda one: telecom(one, zone=zone)),
        "gender": _gender(reading, pid),
        "address": _addresses(reading, pid),
        "contact": [one for nk1 in reading.message.all("NK1") if (one := contact(reading, nk1, contained, texts))],
        "generalPractitioner": _doctors(reading, home, contained, texts),
    }
    patient |= _birth(reading, pid)
    marital = tables.MARITAL_STATUS.get(pid.value(16).upper())
    if marital:
        system = "v3-NullFlavor" if marital == "UNK" else "v3-MaritalStatus"
        patient["maritalStatus"] = {"coding": [{"system": tables.TERMINOLOGY + system, "code": marital}]}
    elif pid.first(16) and (status := concept(pid.first(16))):
        patient["maritalStatus"] = status[0]
    if pid.first(15) and (language := concept(pid.first(15))):
        patient["communication"] = [{"language": language[0], "preferred": True}]
    patient |= _multiple_birth(pid) | _death(reading, pid)
    patient["extension"] = _extensions(pid)
    own_texts = local.keep(patient, own)
    contained.put_into(patient)
    return NormalisedGroup(
        record_key=key,
        subject_key=subject.key,
        kind="demographics",
        head={name: value for name, value in patient.items() if value not in ([], "")},
        items=_identity(pid, subject, key, days),
        codes=(),
        texts=tuple(text for text in (*texts, *own_texts) if text),
        first_day=days[0],
        last_day=days[1],
        source_labels=subject.source_labels,
        birth_day=subject.birth_day,
        is_checkup=reading.source.is_checkup_centre,
        cleared=cleared(pid, _ELEMENTS),
    )


# What labelling knows the identity item by
IDENTITY = Code("urn:salus:item", "identity", "race, religion, ethnic group")
_ACCOUNT = {"coding": [{"system": f"{tables.TERMINOLOGY}v2-0203", "code": "AN"}]}


def _named(
    numbers: list[Repetition], rules: tuple[IdentifierRule, ...], home: Authority, place: Location
) -> Repetition | None:
    """The number that the source's own rule names, best rule first.

    Raises:
        NormaliseError: the source has a rule and none of the numbers fits it.
    """
    for rule in rules:
        for one in numbers:
            owner = authority_of(one, 4) or home
            if (not rule.type or rule.type == one.value(5).upper()) and rule.authority in ("", owner.key):
                return one
    if rules:
        raise NormaliseError("no identifier fits the source's patient rule", place)
    return None


def _rank(one: Repetition, home: Authority) -> tuple[int, int, int]:
    kind = one.value(5).upper()
    owner = authority_of(one, 4)
    foreign = owner is not None and owner.key != home.key
    return (
        kind in NATIONAL_TYPES,
        foreign,
        _OWN_TYPES.index(kind) if kind in _OWN_TYPES else len(_OWN_TYPES),
    )


def _identifiers(reading: Reading, pid: Segment, home: Authority) -> list[Json]:
    """PID-3 first, then PID-2, PID-4, the account PID-18 and the national number PID-19, each once."""
    zone = reading.source.zone
    found = [one for field in (3, 2, 4) for sent in pid.repetitions(field) if (one := identifier(sent, home, zone))]
    account = identifier(pid.first(18), home, zone) if pid.field(18) else None
    if account:
        found.append(account | {"type": _ACCOUNT})
    national = pid.value(19).upper()
    if _CARD.fullmatch(national):
        found.append({"system": tables.CHINESE_ID_CARD, "value": national, "type": identifier_type("NNCHN")})
    elif national:
        found.append({"value": pid.value(19), "type": identifier_type("SS")})
    seen: dict[tuple[str, str], Json] = {}
    for one in found:
        seen.setdefault((one.get("system", ""), one["value"]), one)
    return list(seen.values())


def _addresses(reading: Reading, pid: Segment) -> list[Json]:
    """PID-11, with the county of PID-12 in the only address, or as one of its own."""
    found = each(pid, 11, lambda one: address(one, reading.source.zone))
    county = pid.value(12)
    if county and len(found) == 1 and "district" not in found[0]:
        found[0]["district"] = county
    elif county and county not in (one.get("district") for one in found):
        found.append({"district": county})
    return found


def _doctors(reading: Reading, home: Authority, contained: Contained, texts: list[str]) -> list[Json]:
    """PD1-3 and PD1-4, where and by whom a patient is looked after."""
    pd1 = reading.message.first("PD1")
    if pd1 is None:
        return []
    reading.leave_out_rest(pd1, _PD1_MAPPED)
    places = [found for one in pd1.repetitions(3) if (found := organization(one))]
    people = [found for one in pd1.repetitions(4) if (found := person(one, home, reading.source.zone))]
    texts.extend(one.display for one in places)
    return [contained.refer(one) for one in (*places, *people)]


def _gender(reading: Reading, pid: Segment) -> str:
    """PID-8; empty when the source doesn't say, so that it changes nothing."""
    sent = pid.value(8).upper()
    if sent not in tables.GENDER:
        reading.leave_out(pid, 8)
    return tables.GENDER.get(sent, "unknown") if sent else ""


def _birth(reading: Reading, pid: Segment) -> Json:
    """PID-7 as date, with the time in an extension when one was sent."""
    born = reading.stamp(pid, 7)
    if born is None:
        return {}
    result: Json = {"birthDate": born.date()}
    moment = born.instant()
    if moment:
        result["_birthDate"] = {"extension": [{"url": _STRUCTURES + "patient-birthTime", "valueDateTime": moment}]}
    return result


def _multiple_birth(pid: Segment) -> Json:
    order = pid.value(25)
    if order.isascii() and order.isdigit() and int(order) < 100:
        return {"multipleBirthInteger": int(order)}
    sent = pid.value(24).upper()
    return {"multipleBirthBoolean": sent == "Y"} if sent in ("Y", "N") else {}


def _death(reading: Reading, pid: Segment) -> Json:
    died = reading.stamp(pid, 29)
    if died is not None:
        return {"deceasedDateTime": died.date_time()}
    sent = pid.value(30).upper()
    return {"deceasedBoolean": sent == "Y"} if sent in ("Y", "N") else {}


def _extensions(pid: Segment) -> list[Json]:
    """Mother's maiden name (PID-6) and citizenship (PID-26)."""
    result: list[Json] = []
    if pid.value(6):
        result.append({"url": _STRUCTURES + "patient-mothersMaidenName", "valueString": pid.value(6)})
    for one in pid.repetitions(26):
        country = concept(one)
        if country:
            result.append(_with_code("citizenship", country[0]))
    return result


def _with_code(name: str, code: Json) -> Json:
    return {"url": f"{_STRUCTURES}patient-{name}", "extension": [{"url": "code", "valueCodeableConcept": code}]}


def _identity(pid: Segment, subject: Subject, key: str, days: tuple[int, int]) -> tuple[Item, ...]:
    """Race, religion, ethnic group, birth place, nationality and tribe (PID-10, 17, 22, 23, 28, 39) as an item: the
    labelling makes it a record of its own. Senders write the ethnic group (民族) into 23 and 28 too.
    """
    extensions: list[Json] = []
    texts: list[str] = []
    for field, name in _IDENTITY_FIELDS.items():
        for one in pid.repetitions(field):
            found = concept(one)
            if found:
                texts.append(found[0].get("text") or found[1][0].code)
                extensions.append(_identity_extension(field, name, found[0], texts[-1]))
    nulls = any(pid.is_null(field) for field in _IDENTITY_FIELDS)
    if not extensions and not nulls:
        return ()
    resource = {
        "resourceType": "Patient",
        "id": resource_id(key, "identity"),
        "identifier": [subject.reference["identifier"]],
    }
    if extensions:
        resource["extension"] = extensions
    gone = () if extensions else ("extension",)
    return (Item("item|identity", resource, (IDENTITY,), tuple(texts), *days, DraftStatus.CURRENT, cleared=gone),)


def _identity_extension(field: int, name: str, code: Json, words: str) -> Json:
    if field == 23:
        return {"url": name, "valueAddress": {"text": words}}
    return _with_code(name, code) if field in (28, 39) else {"url": name, "valueCodeableConcept": code}


_IDENTITY_FIELDS = {
    10: "urn:salus:fhir:patient-race",
    17: "http://hl7.org/fhir/StructureDefinition/patient-religion",
    22: "urn:salus:fhir:patient-ethnic-group",
    23: "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
    28: "nationality",
    39: "citizenship",
}
