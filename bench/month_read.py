"""Key fields of a record as a reader sees it, from its FHIR alone: to be held against what was said."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bench.month_truth import Name, TrueRecord

Json = dict[str, Any]
_OPEN = frozenset({"arrived", "in-progress"})


@dataclass(frozen=True, slots=True)
class Read:
    """One record, or what several records of one order say together. `names` are those it can be known by."""

    names: tuple[Name, ...] = ()
    facts: dict[str, str] = field(default_factory=dict)
    results: dict[str, tuple[str, str]] = field(default_factory=dict)

    def joined(self, other: Read) -> Read:
        """With the results of another record of the same order."""
        return replace(self, results=self.results | other.results)

    def says(self, kind: str, true: TrueRecord) -> bool:
        """Whether it says what is true; facts the truth doesn't name don't count."""
        facts = all(self.facts.get(name, "") == value for name, value in true.facts.items())
        return facts and (kind != "report" or self.results == true.results)


def read_record(content: Json) -> Read:
    """Key fields of a record's content."""
    resources = [entry["resource"] for entry in content.get("entry", ())] or [content]
    head = resources[0]
    return {
        "DiagnosticReport": _report,
        "Encounter": _encounter,
        "DocumentReference": _document,
        "Patient": _patient,
    }.get(head["resourceType"], _other)(head, resources)


def _other(_head: Json, _resources: list[Json]) -> Read:
    return Read()


def _report(head: Json, resources: list[Json]) -> Read:
    results = {}
    for one in resources[1:]:
        if one["resourceType"] == "Observation":
            amount = one.get("valueQuantity", {}).get("value")
            results[one["code"]["coding"][0]["code"]] = ("" if amount is None else str(amount), one["status"])
    names = tuple(("report", number) for number in _numbers(head, "FILL"))
    return Read(names, {"status": head["status"]}, results)


def _encounter(head: Json, _resources: list[Json]) -> Read:
    status = head["status"]
    place = " ".join(one["location"].get("display", "") for one in head.get("location", ()))
    names = tuple(("encounter", number) for number in _numbers(head))
    return Read(names, {"state": "open" if status in _OPEN else status, "ward": place})


def _document(head: Json, _resources: list[Json]) -> Read:
    number = head.get("masterIdentifier", {}).get("value", "")
    texts = [b64decode(one["attachment"].get("data", "")).decode() for one in head["content"]]
    return Read((("document", number),), {"text": "\n".join(texts)})


def _patient(head: Json, _resources: list[Json]) -> Read:
    numbers = [one["value"] for one in head.get("identifier", ()) if one.get("system", "").startswith("urn:id:")]
    facts = {
        "name": next((one.get("text") or one.get("family", "") for one in head.get("name", ())), ""),
        "card": next((one["value"] for one in head.get("identifier", ()) if len(one.get("value", "")) == 18), ""),
        "phone": next((one.get("value", "") for one in head.get("telecom", ())), ""),
        "street": next((line for one in head.get("address", ()) for line in one.get("line", ())), ""),
    }
    return Read(tuple(("demographics", number) for number in numbers), facts)


def _numbers(head: Json, kind: str = "") -> Iterator[str]:
    for one in head.get("identifier", ()):
        codes = {coding.get("code") for coding in one.get("type", {}).get("coding", ())}
        if not kind or kind in codes:
            yield one["value"]
