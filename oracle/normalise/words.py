"""The words of a resource that a reader would see, for labelling: no word of a record may escape its labels.

Left aside are names of people and numbers that name things.
"""

from __future__ import annotations

from typing import Any

_WORDS = frozenset({"text", "display", "comment", "description", "name", "onsetString", "title", "valueString"})
_NO_WORDS = frozenset({"identifier", "requisition", "groupIdentifier", "meta"})
_PEOPLE = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson")


def words_of(resource: dict[str, Any]) -> tuple[str, ...]:
    """Words of a resource, each once, in order."""
    found: dict[str, None] = {}
    _collect(resource, found)
    return tuple(found)


def _collect(part: dict[str, Any], found: dict[str, None]) -> None:
    if part.get("type") in _PEOPLE or part.get("resourceType") in _PEOPLE:
        return
    for name, value in part.items():
        kind = type(value)
        if kind is str:
            if name in _WORDS and value:
                found[value] = None
        elif name == "coding":  # Chinese senders write words where a code belongs
            for one in value:
                found[one.get("display") or one["code"]] = None
        elif kind is dict:
            if name not in _NO_WORDS:
                _collect(value, found)
        elif kind is list and name not in _NO_WORDS:
            for one in value:
                if type(one) is dict:
                    _collect(one, found)
