"""The words of a resource that a reader would see, for labelling: no word of a record may escape its labels.

Left aside are names of people and numbers that name things.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_WORDS = frozenset({"text", "display", "comment", "description", "name", "onsetString", "title", "valueString"})
_NO_WORDS = frozenset({"identifier", "requisition", "groupIdentifier", "meta"})
_PEOPLE = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson")


def words_of(resource: dict[str, Any]) -> tuple[str, ...]:
    """Words of a resource, each once, in order."""
    return tuple(dict.fromkeys(_words(resource)))


def _words(part: dict[str, Any]) -> Iterator[str]:
    if part.get("type") in _PEOPLE or part.get("resourceType") in _PEOPLE:
        return
    for name, value in part.items():
        if name == "coding":  # Chinese senders write words where a code belongs
            yield from (one.get("display") or one["code"] for one in value)
        elif type(value) is str:
            if name in _WORDS and value:
                yield value
        elif name not in _NO_WORDS:
            for one in value if type(value) is list else (value,):
                if type(one) is dict:
                    yield from _words(one)
