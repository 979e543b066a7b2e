"""Messages to groups for the tests of admissions, results and documents, with what must hold for each of them.

Each record is valid FHIR R4 (fhirkit), keeps inside the required bindings and shows no word that labelling hasn't
heard, names of people, of the source itself and numbers aside.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import fhirkit
import msgspec

from oracle.hl7.message import parse
from oracle.normalise import SourceProfile, normalise
from oracle.normalise.bindings import violations
from salus.core.record import NormalisedGroup, compose

SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
PID = "PID|1||P1^^^H1^MR||陳億東"
_UNREAD = frozenset({"subject", "patient", "serviceProvider", "custodian", "identifier", "address", "telecom"})
_WORDS = frozenset({"text", "display", "description", "valueString", "div", "title"})


def groups(kind: str, *segments: str, source: SourceProfile = SOURCE) -> list[NormalisedGroup]:
    """Groups of a message with a patient and these segments, checked."""
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||{kind}|42|P|2.5.1"
    found = normalise(parse("\r".join((header, PID, *segments))), source)
    for group in found:
        _check(group)
    return found


def last(kind: str, *segments: str) -> NormalisedGroup:
    """The last group: the visit of an ADT, the only one of other messages."""
    return groups(kind, *segments)[-1]


def segment(name: str, fields: dict[int, str]) -> str:
    """A segment with these fields."""
    return "|".join((name, *(fields.get(number, "") for number in range(1, max(fields, default=1) + 1))))


def visit(pv1: dict[int, str] | None = None, pv2: dict[int, str] | None = None) -> NormalisedGroup:
    """The visit of an update whose PV1 and PV2 have these fields; an inpatient's visit V1 unless they say otherwise."""
    more = [segment("PV2", pv2)] if pv2 is not None else []
    return last("ADT^A08", segment("PV1", {2: "I", 19: "V1"} | (pv1 or {})), *more)


def inside(resource: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Contained resources of a type."""
    return [one for one in resource.get("contained", []) if one["resourceType"] == kind]


def check_content(content: dict[str, Any]) -> None:
    """Valid R4, codes inside their bindings, and nothing contained that isn't referred to (FHIR R4 dom-3)."""
    assert fhirkit.validate(ENCODER.encode(content).decode()) == []
    assert violations(content) == []
    whole = [entry["resource"] for entry in content["entry"]] if content["resourceType"] == "Bundle" else [content]
    for resource in whole:
        ids = [one["id"] for one in resource.get("contained", [])]
        assert sorted(set(_inner(resource))) == sorted(ids)


def _inner(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _inner(one)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("#"):
            yield reference[1:]
        for one in value.values():
            yield from _inner(one)


def _check(group: NormalisedGroup) -> None:
    check_content(compose(group.record_key, group.head, group.items))
    heard = "\n".join((*group.texts, *(code.display or code.code for code in group.codes)))
    if group.kind != "demographics":
        assert [word for word in _words(group.head) if word not in heard] == []
    for item in group.items:
        told = "\n".join((*item.texts, *(code.display or code.code for code in item.codes), heard))
        assert [word for word in _words(item.resource) if word not in told] == [], item.key


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _words(one)
    elif isinstance(value, dict) and not _is_person(value) and not _is_fixed(value):
        for name, inner in value.items():
            if name in _WORDS and isinstance(inner, str):
                yield unescape(re.sub(r"^<div[^>]*>|</div>$", "", inner))
            elif name not in _UNREAD:
                yield from _words(inner)


def _is_person(value: dict[str, Any]) -> bool:
    people = ("Practitioner", "PractitionerRole")
    is_source = value.get("type") == "Organization" and "reference" not in value
    return is_source or value.get("type") in people or value.get("resourceType") in people


def _is_fixed(value: dict[str, Any]) -> bool:
    """Words the standard gives, not the sender: those beside codes of v3 code systems."""
    own = value if "system" in value else value.get("coding", [{}])[0]
    return "CodeSystem/v3-" in own.get("system", "")
