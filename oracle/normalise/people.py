"""XCN, CNN and NDL to Practitioner and PractitionerRole, to be contained in what they did or asked for.

Source: data type maps XCN[Practitioner], CNN[Practitioner], NDL[PractitionerRole], FN[HumanName] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from datetime import tzinfo
from functools import lru_cache
from typing import Any

from oracle.hl7.message import Repetition
from oracle.hl7.separators import Separators
from oracle.normalise import tables
from oracle.normalise.contained import Part, part
from oracle.normalise.datatypes import (
    Authority,
    add_order_and_period,
    authority,
    authority_of,
    check_digit,
    family_name,
    identifier_type,
    is_hanzi,
    name_period,
    period,
    table_concept,
)

Json = dict[str, Any]


def person(sent: Repetition, default: Authority, zone: tzinfo) -> Part | None:
    """XCN as Practitioner; None when it names nobody."""
    return _person(sent.raw, sent.separators, default, zone) if sent else None


@lru_cache(maxsize=4096)
def _person(raw: str, separators: Separators, default: Authority, zone: tzinfo) -> Part | None:
    """The same few hundred doctors come all day."""
    sent = Repetition(raw, separators)
    number, family, given, middle = (sent.value(place) for place in (1, 2, 3, 4))
    if not (number or family or given):
        return None
    resource: Json = {"resourceType": "Practitioner"}
    if number:
        owner = authority_of(sent, 9) or default
        own: Json = {"system": owner.system, "value": number}
        kind = sent.value(13)
        if kind:
            own["type"] = identifier_type(kind)
        checked = check_digit(sent.value(11), sent.value(12))
        if checked:
            own["extension"] = checked
        resource["identifier"] = [own]
    display = number
    if family or given:
        name = _name(family, given, middle, sent.value(6), (sent.value(5), sent.value(21)))
        name |= family_name(sent, 2) if given or not is_hanzi(family) else {}
        use = tables.NAME_USE.get(sent.value(10))
        if use:
            name["use"] = use
        add_order_and_period(name, sent.value(18), name_period(sent, 17, 19, 20, zone))
        resource["name"] = [name]
        display = name["text"]
    degree = sent.value(7)
    if degree:
        resource["qualification"] = [{"code": table_concept(degree, "0360")}]
    return part(resource, display)


def role(sent: Repetition, default: Authority, zone: tzinfo) -> Part | None:
    """NDL as PractitionerRole, its person from a CNN; None when it names nobody."""
    return _role(sent.raw, sent.separators, default, zone) if sent else None


@lru_cache(maxsize=1024)
def _role(raw: str, separators: Separators, default: Authority, zone: tzinfo) -> Part | None:
    sent = Repetition(raw, separators)
    number, family, given, middle, suffix, prefix, degree = (sent.value(1, place) for place in range(1, 8))
    if not (number or family or given):
        return None
    resource: Json = {"resourceType": "Practitioner"}
    if number:
        owner = authority(*(sent.value(1, place) for place in (9, 10, 11))) or default
        resource["identifier"] = [{"system": owner.system, "value": number}]
    display = number
    if family or given:
        name = _name(family, given, middle, prefix, (suffix, degree))
        if family and (given or not is_hanzi(family)):
            name["family"] = family
        resource["name"] = [name]
        display = name["text"]
    someone = part(resource, display)
    valid = period(sent.value(2), sent.value(3), zone)
    return in_role(someone, None, {"period": valid} if valid else {})


def in_role(someone: Part | None, organization: Part | None, more: Json | None = None) -> Part:
    """PractitionerRole of a person, an institution or both."""
    resource: Json = {"resourceType": "PractitionerRole"}
    needs = tuple(one for one in (someone, organization) if one is not None)
    if someone is not None:
        resource["practitioner"] = someone.reference
    if organization is not None:
        resource["organization"] = organization.reference
    return part(resource | (more or {}), needs[0].display if needs else "", needs)


def _name(family: str, given: str, middle: str, prefix: str, suffixes: tuple[str, ...]) -> Json:
    """HumanName without family. A Chinese name sent whole in the first part stays whole."""
    kept = [suffix for suffix in suffixes if suffix]
    if not given:
        result: Json = {"text": family}
    elif is_hanzi(family + given):
        result = {"text": family + given}
    else:
        result = {"text": " ".join(one for one in (prefix, given, middle, family, *kept) if one)}
    givens = [one for one in (given, middle) if one] if given else []
    for name, values in (("given", givens), ("prefix", [prefix] if prefix else []), ("suffix", kept)):
        if values:
            result[name] = values
    return result
