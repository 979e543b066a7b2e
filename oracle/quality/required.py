"""Elements each kind of record must have to be of use to the next doctor.

Compiled from the basic data sets of WS 445-2014 (part beside each kind) as far as an HL7 v2 message can carry them. An
element that only holds for some records is asked of those: an end and a diagnosis of a finished visit, a unit and a
range of a number. What was entered in error needs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from oracle.normalise.tables import CHINESE_ID_CARD
from salus.core.record import DraftStatus, Item, NormalisedGroup

Json = dict[str, Any]

_IN_ERROR = DraftStatus.ENTERED_IN_ERROR
_NO_VALUE = frozenset({"registered", "cancelled", "entered-in-error"})


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its name, and whether a head with its items has it; None when it isn't asked of this one."""

    name: str
    has: Callable[[Json, tuple[Item, ...]], bool | None]


def _filled(name: str, *members: str) -> Element:
    return Element(name, lambda head, _: any(member in head for member in members))


def _known_gender(head: Json, _: tuple[Item, ...]) -> bool:
    return bool(head.get("gender", "unknown") != "unknown")


def _id_card(head: Json, _: tuple[Item, ...]) -> bool:
    return any(one.get("system") == CHINESE_ID_CARD for one in head.get("identifier", ()))


def _start(head: Json, _: tuple[Item, ...]) -> bool:
    return "start" in head.get("period", {})


def _end(head: Json, _: tuple[Item, ...]) -> bool | None:
    return "end" in head.get("period", {}) if head.get("status") == "finished" else None


def _diagnosis(head: Json, items: tuple[Item, ...]) -> bool | None:
    if head.get("status") != "finished":
        return None
    return any(item.resource["resourceType"] == "Condition" for item in items)


def _coded(head: Json, _: tuple[Item, ...]) -> bool:
    return bool(head.get("code", {}).get("coding"))


def _known_status(head: Json, _: tuple[Item, ...]) -> bool:
    return bool(head.get("status", "unknown") != "unknown")


def _results(head: Json, items: tuple[Item, ...]) -> bool | None:
    return None if head.get("status") in _NO_VALUE else bool(items)


def _typed(head: Json, _: tuple[Item, ...]) -> bool:
    return bool(head.get("type", {}).get("coding"))


REQUIRED: Final[dict[str, tuple[Element, ...]]] = {
    # WS 445.1 summary of the record, WS 445.10 front page: the patient
    "demographics": (
        _filled("number", "identifier"),
        Element("id-card", _id_card),
        _filled("name", "name"),
        Element("sex", _known_gender),
        _filled("birth-date", "birthDate"),
        _filled("phone", "telecom"),
        _filled("address", "address"),
    ),
    # WS 445.2 outpatient record, WS 445.10 front page, WS 445.12 admission record
    "encounter": (
        _filled("number", "identifier"),
        _filled("class", "class"),
        _filled("department", "location"),
        _filled("doctor", "participant"),
        Element("start", _start),
        Element("end", _end),
        Element("diagnosis", _diagnosis),
    ),
    # WS 445.4 examinations and laboratory
    "report": (
        _filled("number", "identifier"),
        Element("code", _coded),
        Element("status", _known_status),
        _filled("taken", "effectiveDateTime", "effectivePeriod"),
        _filled("issued", "issued"),
        Element("results", _results),
    ),
    # WS 445.13 course of disease, WS 445.15 discharge summary
    "document": (
        _filled("number", "masterIdentifier", "identifier"),
        Element("type", _typed),
        _filled("date", "date"),
        _filled("author", "author"),
        _filled("state", "docStatus"),
        _filled("content", "content"),
    ),
}
RESULT: Final = ("code", "value", "unit", "range")
"""Elements of one result of a report; unit and range are asked of numbers only (WS 445.4)."""
_VALUE_KEPT = "U"  # OBX-11: final now, the value was sent before
_VALUES = (
    "valueString",
    "valueCodeableConcept",
    "component",
    "valueDateTime",
    "valueTime",
    "valueRange",
    "valueRatio",
    "valueAttachment",
)


def missing(group: NormalisedGroup) -> tuple[int, list[str]]:
    """How many elements are asked of the group itself, and the names of those that lack."""
    asked = 0
    lacking: list[str] = []
    if group.status is not DraftStatus.ENTERED_IN_ERROR:
        for element in REQUIRED.get(group.kind, ()):
            has = element.has(group.head, group.items)
            if has is not None:
                asked += 1
                if not has:
                    lacking.append(element.name)
    return asked, lacking


def missing_of_result(item: Item, lacking: list[str]) -> int:
    """How many elements are asked of one result; the names of those that lack are added to the list."""
    resource = item.resource
    if item.status is _IN_ERROR or resource["resourceType"] != "Observation":
        return 0
    if not item.codes[0].code:
        lacking.append("code")
    amount = resource.get("valueQuantity")
    if amount is not None:
        if "unit" not in amount:
            lacking.append("unit")
        if "referenceRange" not in resource:
            lacking.append("range")
        return 4
    if resource["status"] in _NO_VALUE or "dataAbsentReason" in resource or item.said == _VALUE_KEPT:
        return 1
    if not any(name in resource for name in _VALUES):
        lacking.append("value")
    return 2
