"""Resources that live inside another one: the people, institutions, places, specimens and orders a record speaks of.

HL7 v2 repeats them in every message and says little about them, so a record holds them as FHIR contained resources: one
split off to level 5 takes along what it needs and nothing else. Their ids come from their content, so that the same
person has the same id in every version of a record, and two versions can be joined.
Source: FHIR R4 section 2.20.5 (contained resources).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A resource to be contained, and those it refers to itself. Parts are shared between messages: don't change them.

    `reference` is how its holder names it; `display` are the words in that.
    """

    resource: Json
    reference: Json
    needs: tuple[Part, ...] = ()

    @property
    def display(self) -> str:
        """Words for people."""
        return str(self.reference.get("display", ""))


def part(resource: Json, display: str = "", needs: tuple[Part, ...] = (), name: str = "") -> Part:
    """A part whose id is `name`, or made from its type and content."""
    kind = resource["resourceType"]
    key = name or f"{kind.lower()}-{sha1(repr(resource).encode(), usedforsecurity=False).hexdigest()[:12]}"
    reference: Json = {"reference": f"#{key}", "type": kind}
    if display:
        reference["display"] = display
    return Part({**resource, "id": key}, reference, needs)


@dataclass(slots=True)
class Contained:
    """What one resource contains, each once, in the order first referred to."""

    _found: dict[str, Json] = field(default_factory=dict)

    def refer(self, to: Part) -> Json:
        """Contain a part and all it needs; the reference to it."""
        for needed in to.needs:
            self.refer(needed)
        self._found[to.resource["id"]] = to.resource
        return to.reference

    def put_into(self, holder: Json) -> None:
        """Fill the holder's `contained`."""
        if self._found:
            holder["contained"] = list(self._found.values())
