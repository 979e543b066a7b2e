"""What a record is, in one line for the person who opened it: day, name, the first results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SHOWN = 3


def in_a_line(content: Mapping[str, Any]) -> str:
    """One line of a FHIR R4 resource, or of a Bundle by its first entry."""
    resources = [entry["resource"] for entry in content.get("entry", [])] or [content]
    first, rest = resources[0], resources[1:]
    results = [_result(item) for item in rest if item.get("resourceType") == "Observation"]
    listed = ", ".join(results[:_SHOWN]) + (f" and {len(results) - _SHOWN} more" if len(results) > _SHOWN else "")
    return " ".join(part for part in (_day(first), _name(first), listed and f"({listed})") if part)


def _day(resource: Mapping[str, Any]) -> str:
    given = resource.get("effectiveDateTime") or resource.get("period", {}).get("start") or resource.get("date") or ""
    return str(given)[:10]


def _name(resource: Mapping[str, Any]) -> str:
    for concept in (resource.get("code"), resource.get("type")):
        if isinstance(concept, Mapping) and (text := _text(concept)):
            return text
    return str(resource.get("resourceType", "resource"))


def _text(concept: Mapping[str, Any]) -> str:
    codings = concept.get("coding", [])
    return str(concept.get("text") or next((coding["display"] for coding in codings if "display" in coding), ""))


def _result(observation: Mapping[str, Any]) -> str:
    quantity = observation.get("valueQuantity", {})
    value = quantity.get("value", observation.get("valueString", ""))
    text = " ".join(str(value).split())
    return " ".join(part for part in (_name(observation), text[:24], quantity.get("unit", "")) if part)
