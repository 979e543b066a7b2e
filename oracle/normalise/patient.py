"""PID (and NK1) to Patient, and the key by which the source knows the subject.

The subject key is the source's own number: the one its patient rule names, or without a rule type MR or PI of the
source's authority first, then other numbers it gave, a national document number last of all.
Source: segment maps PID[Patient] and NK1[Patient] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oracle.hl7.errors import Location
from oracle.hl7.message import Message, Repetition, Segment
from oracle.model import IdentifierRule
from oracle.normalise import tables
from oracle.normalise.datatypes import (
    NATIONAL_TYPES,
    Authority,
    address,
    authority,
    authority_of,
    concept,
    human_name,
    identifier,
    telecom,
)
from oracle.normalise.errors import NormaliseError
from oracle.normalise.reading import Reading, join_key
from oracle.normalise.source import SourceProfile
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, resource_id

Json = dict[str, Any]

_MAPPED = frozenset({1, 2, 3, 5, 7, 8, 10, 11, 13, 14, 15, 16, 17, 18, 22, 24, 25, 26, 29, 30, 33, 40})
_NK1_MAPPED = frozenset({1, 2, 3, 4, 5, 6})
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
        birth_day=born.days()[0] if born else None,
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
    best = _named(numbers, reading.source.patient, home, segment.at(field)) or min(numbers, key=lambda one: _rank(one, home))
    return authority_of(best, 4) or home, best.value(1)


def demographics(reading: Reading, pid: Segment, subject: Subject, days: tuple[int, int]) -> NormalisedGroup:
    """The demographics record of a subject. Ethnicity, race and religion become an item of their own."""
    key = join_key("demographics", subject.authority.key, subject.number)
    home = home_authority(reading.message, reading.source)
    reading.leave_out_rest(pid, _MAPPED)
    patient: Json = {
        "resourceType": "Patient",
        "identifier": _each(pid, 3, lambda one: identifier(one, home)),
        "name": _each(pid, 5, human_name),
        "telecom": _each(pid, 13, lambda one: telecom(one, "home"))
        + _each(pid, 14, lambda one: telecom(one, "work"))
        + _each(pid, 40, telecom),
        "gender": _gender(reading, pid),
        "address": _each(pid, 11, address),
        "contact": [one for nk1 in reading.message.all("NK1") if (one := _contact(reading, nk1))],
    }
    born = reading.stamp(pid, 7)
    if born is not None:
        patient["birthDate"] = born.date()
    marital = tables.MARITAL_STATUS.get(pid.value(16).upper())
    if marital:
        system = "v3-NullFlavor" if marital == "UNK" else "v3-MaritalStatus"
        patient["maritalStatus"] = {"coding": [{"system": tables.TERMINOLOGY + system, "code": marital}]}
    elif pid.first(16) and (status := concept(pid.first(16))):
        patient["maritalStatus"] = status[0]
    if pid.first(15) and (language := concept(pid.first(15))):
        patient["communication"] = [{"language": language[0], "preferred": True}]
    patient |= _multiple_birth(pid) | _death(reading, pid)
    extensions = _citizenship(pid)
    if extensions:
        patient["extension"] = extensions
    if pid.value(18):
        patient["identifier"].append(dict(identifier(pid.first(18), home) or {}, type=_ACCOUNT))
    return NormalisedGroup(
        record_key=key,
        subject_key=subject.key,
        kind="demographics",
        head={name: value for name, value in patient.items() if value not in ([], "")},
        items=_identity(pid, subject, key, days),
        codes=(),
        texts=(),
        first_day=days[0],
        last_day=days[1],
        source_labels=subject.source_labels,
        birth_day=subject.birth_day,
        is_checkup=reading.source.is_checkup_centre,
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


def _each(segment: Segment, field: int, convert: Callable[[Repetition], Json | None]) -> list[Json]:
    return [result for one in segment.repetitions(field) if (result := convert(one)) is not None]


def _gender(reading: Reading, pid: Segment) -> str:
    sent = pid.value(8).upper()
    if sent not in tables.GENDER:
        reading.leave_out(pid, 8)
    return tables.GENDER.get(sent, "unknown")


def _contact(reading: Reading, nk1: Segment) -> Json | None:
    reading.leave_out_rest(nk1, _NK1_MAPPED)
    name = human_name(nk1.first(2)) if nk1.first(2) else None
    relation = concept(nk1.first(3), f"{tables.TERMINOLOGY}v2-0063") if nk1.first(3) else None
    phones = _each(nk1, 5, telecom) + _each(nk1, 6, lambda one: telecom(one, "work"))
    home = address(nk1.first(4)) if nk1.first(4) else None
    result: Json = {}
    if relation:
        result["relationship"] = [relation[0]]
    if name:
        result["name"] = name
    if phones:
        result["telecom"] = phones
    if home:
        result["address"] = home
    return result or None


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


def _citizenship(pid: Segment) -> list[Json]:
    result: list[Json] = []
    for one in pid.repetitions(26):
        country = concept(one)
        if country:
            part = {"url": "code", "valueCodeableConcept": country[0]}
            url = "http://hl7.org/fhir/StructureDefinition/patient-citizenship"
            result.append({"url": url, "extension": [part]})
    return result


def _identity(pid: Segment, subject: Subject, key: str, days: tuple[int, int]) -> tuple[Item, ...]:
    """Race, religion and ethnic group (PID-10, 17, 22) as an item: the labelling makes it a record of its own."""
    extensions: list[Json] = []
    texts: list[str] = []
    for field, url in _IDENTITY_EXTENSIONS:
        for one in pid.repetitions(field):
            found = concept(one)
            if found:
                extensions.append({"url": url, "valueCodeableConcept": found[0]})
                texts.append(found[0].get("text") or found[1][0].code)
    if not extensions:
        return ()
    resource = {
        "resourceType": "Patient",
        "id": resource_id(key, "identity"),
        "identifier": [subject.reference["identifier"]],
        "extension": extensions,
    }
    return (Item("item|identity", resource, (IDENTITY,), tuple(texts), days[0], days[1], DraftStatus.CURRENT),)


_IDENTITY_EXTENSIONS = (
    (10, "urn:salus:fhir:patient-race"),
    (17, "http://hl7.org/fhir/StructureDefinition/patient-religion"),
    (22, "urn:salus:fhir:patient-ethnic-group"),
)
