"""What of an expected bundle is asked of us, and the table of what isn't, each rule with its reason.

The expected bundles come from one public health agency, whose router keeps every field of HL7 in extensions of its own.
A rule is here only where the HL7 v2-to-FHIR implementation guide (HL7/v2-to-fhir, 8c9b414) says otherwise or leaves it
open, where FHIR R4 forbids what is expected, or where a record of ours can't hold it by design. An element is a leaf of
a resource; its type isn't one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_LOCAL = "https://reportstream.cdc.gov/"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an element is: the type of its resource, the path without list places, its value, and what holds it."""

    kind: str
    path: str
    value: Any
    parent: Json


@dataclass(frozen=True, slots=True)
class Rule:
    """Elements that aren't asked, whole subtrees included, and why."""

    name: str
    reason: str
    covers: Callable[[Place], bool]


def _url(place: Place) -> str:
    return str(place.value.get("url", "")) if isinstance(place.value, dict) else ""


TYPES = {
    "MessageHeader": "records hold no message-level resources: the journal keeps MSH, the chain proves its source",
    "Provenance": "as MessageHeader: who said what and when is proven by anchors and the access log",
    "RelatedPerson": "the guide gives NK1 either so or as Patient.contact (ORU_R01 4.1.5); ours is the contact",
}
RULES = (
    Rule(
        "extension of the router",
        "extensions under reportstream.cdc.gov repeat HL7 fields for that router only",
        lambda at: _url(at).startswith(_LOCAL),
    ),
    Rule("generated", "ids and times of the conversion", lambda at: at.path in ("id", "meta.lastUpdated")),
    Rule(
        "namespace as system",
        "a namespace (HD.1) is no URI, which Identifier.system must be; the guide leaves the choice of HD part open",
        lambda at: at.path.endswith("identifier.system") and ":" not in str(at.value),
    ),
    Rule(
        "coding system as web page",
        "the page of table 0396 names no code system; L is the sender's own",
        lambda at: at.path.endswith("coding.system") and "v2-0396.html" in str(at.value),
    ),
    Rule(
        "unit system as word",
        "METRIC is no URI, which Quantity.system must be",
        lambda at: at.path.endswith(".system") and at.value == "METRIC",
    ),
    Rule(
        "no instant",
        "FHIR R4 instant needs a time to the second; a year or month can't be one",
        lambda at: at.path == "issued" and not _INSTANT.fullmatch(str(at.value)),
    ),
    Rule(
        "no time",
        "FHIR R4 time is hh:mm:ss; HL7's digits aren't",
        lambda at: at.path == "valueTime" and not _TIME.fullmatch(str(at.value)),
    ),
    Rule(
        "OBX-11 empty",
        "a required field left out: the guide has no rule, ours takes the report's own status",
        lambda at: at.kind == "Observation" and at.path == "status" and at.value == "unknown",
    ),
    Rule(
        "OBR-25 empty",
        "the guide calls it an error; ours is unknown rather than withdrawn",
        lambda at: at.kind == "DiagnosticReport" and at.path == "status" and at.value == "entered-in-error",
    ),
    Rule(
        "check digit scheme as code",
        "the guide gives valueString (XCN.12, XON.5)",
        lambda at: (
            at.path.endswith("extension.valueCode") and at.parent.get("url", "").endswith("namingsystem-checkDigit")
        ),
    ),
    Rule(
        "census tract as code",
        "the guide's row for XAD.10 is of type string, and so is the extension's definition",
        lambda at: at.path.endswith("extension.valueCode") and at.parent.get("url", "").endswith("ADXP-censusTract"),
    ),
    Rule(
        "temporary place",
        "the guide names subject-locationClassification; no extension of this URL exists",
        lambda at: _url(at) == "https://hl7.org/fhir/StructureDefinition/temporary-location",
    ),
    Rule(
        "degree as suffix",
        "the guide gives XCN.7 as Practitioner.qualification",
        lambda at: at.kind == "Practitioner" and at.path == "name.suffix" and at.value == "MD(XCN.7)",
    ),
    Rule(
        "use of a birth name",
        "XCN.10 is B in every such name; table NameType of the guide gives B no use",
        lambda at: at.kind == "Practitioner" and at.path == "name.use",
    ),
    Rule(
        "place reserved",
        "the guide gives the place of PV1-42 the status reserved",
        lambda at: at.path == "location.status" and "PV1.42" in str(at.parent.get("extension")),
    ),
    Rule(
        "extension without URL",
        "an extension's url must be absolute; the guide gives originalText",
        lambda at: _url(at) in ("SN.1", "SN.3"),
    ),
    Rule(
        "notes of an OBR",
        "the guide maps NTE after OBR of a result to nothing (ORU_R01 4.2.3); ours is the report's note",
        lambda at: at.kind == "ServiceRequest" and at.path == "note",
    ),
)
UNREACHED = "reached from nothing that is asked"
EMPTY = "reference to a resource of which nothing is asked"
_ROOTS = frozenset({"Patient", "Encounter", "DiagnosticReport", "ServiceRequest", "Observation", "Specimen"})


@dataclass(slots=True)
class Asked:
    """Expected resources without what isn't asked, and how many elements each rule took away."""

    resources: dict[str, Json]
    excluded: Counter[str]


def asked(expected: dict[str, Json]) -> Asked:
    """Apply the table to one expected bundle."""
    excluded: Counter[str] = Counter()
    kept: dict[str, Json] = {}
    for key, resource in expected.items():
        kind = resource["resourceType"]
        if kind in TYPES:
            excluded[kind] += leaves(resource)
        else:
            kept[key] = _pruned(kind, "", _degrees_apart(resource), {}, excluded)
    while True:
        gone = {key for key, one in kept.items() if leaves(one) == 0 and one["resourceType"] != "Patient"}
        for one in kept.values():
            _drop_references(one, gone, excluded)
        reached = _reached(kept)
        lost = [key for key in kept if key not in reached and kept[key]["resourceType"] not in _ROOTS]
        for key in lost:
            excluded[UNREACHED] += leaves(kept.pop(key))
        for key in gone & kept.keys():
            del kept[key]
        if not gone and not lost:
            return Asked(kept, excluded)


def leaves(value: Any) -> int:
    """Number of elements."""
    if isinstance(value, dict):
        return sum(leaves(part) for name, part in value.items() if name != "resourceType")
    return sum(map(leaves, value)) if isinstance(value, list) else 1


def _degrees_apart(resource: Json) -> Json:
    """Mark the suffix that comes from XCN.7, the one before the last: by its value alone a rule can't tell it."""
    if resource["resourceType"] != "Practitioner":
        return resource
    names = []
    for name in resource.get("name", []):
        suffixes = list(name.get("suffix", []))
        if len(suffixes) > 1:
            suffixes[1] = f"{suffixes[1]}(XCN.7)"
        names.append(name | ({"suffix": suffixes} if suffixes else {}))
    return resource | ({"name": names} if names else {})


def _pruned(kind: str, path: str, value: Any, parent: Json, excluded: Counter[str]) -> Any:
    if isinstance(value, dict):
        result = {}
        for name, part in value.items():
            inside = f"{path}.{name}" if path else name
            inside = inside.replace("_", "")
            found = _kept(kind, inside, part, value, excluded)
            if found is not None:
                result[name] = found
        return result
    if isinstance(value, list):
        return [found for one in value if (found := _kept(kind, path, one, parent, excluded)) is not None]
    return value


def _kept(kind: str, path: str, value: Any, parent: Json, excluded: Counter[str]) -> Any:
    if not isinstance(value, list):
        place = Place(kind, path, value, parent)
        for rule in RULES:
            if rule.covers(place):
                excluded[rule.name] += leaves(value)
                return None
    found = _pruned(kind, path, value, parent, excluded)
    return None if found in ({}, []) else found


def _drop_references(value: Any, gone: set[str], excluded: Counter[str]) -> None:
    for name, part in list(value.items()) if isinstance(value, dict) else ():
        ones = part if isinstance(part, list) else [part]
        left = [one for one in ones if not (isinstance(one, dict) and one.get("reference") in gone)]
        if len(left) < len(ones):
            excluded[EMPTY] += len(ones) - len(left)
            if left:
                value[name] = left
            else:
                del value[name]
        for one in left:
            _drop_references(one, gone, excluded)


def _reached(kept: dict[str, Json]) -> set[str]:
    reached: set[str] = set()
    waiting = [key for key, one in kept.items() if one["resourceType"] in _ROOTS]
    while waiting:
        key = waiting.pop()
        if key in kept and key not in reached:
            reached.add(key)
            waiting.extend(_references(kept[key]))
    return reached


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [str(value["reference"])] if isinstance(value.get("reference"), str) else []
        return own + [one for part in value.values() for one in _references(part)]
    return [one for part in value for one in _references(part)] if isinstance(value, list) else []
