"""Which of our resources answers which expected one, and how many of its elements are right.

Resources match by type and identifiers, else by most elements in common. A list matches whatever its order: each member
by the partner it has most in common with. A reference is right when it points at the match of what the expected one
points at; a patient named by number only points at the patient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from bench.fhir_expected import leaves

Json = dict[str, Any]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT.*")
_SHARED = frozenset({"Practitioner", "Organization", "Location", "Device"})  # one of ours may answer several equal ones
_BY_IDENTIFIER = 1000


@dataclass(slots=True)
class Outcome:
    """One expected resource: how many of its elements are right, and the paths of those that aren't."""

    kind: str
    asked: int
    right: int
    wrong: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Matched:
    """Outcomes for all expected resources, and of ours the matched ones with how many of their elements are right."""

    outcomes: list[Outcome]
    ours: dict[str, int]


def match(expected: dict[str, Json], ours: dict[str, Json]) -> Matched:
    """Match the resources of one pair."""
    partner = _partners(expected, ours)
    outcomes: list[Outcome] = []
    right_of: dict[str, int] = {}
    for key, resource in expected.items():
        own = ours.get(partner.get(key, ""), {})
        wrong: list[tuple[str, Any]] = []
        right = _common(resource, own, _References(expected, ours, partner), "", wrong)
        outcomes.append(Outcome(resource["resourceType"], leaves(resource), right, wrong))
        if key in partner:
            right_of[partner[key]] = max(right, right_of.get(partner[key], 0))
    return Matched(outcomes, right_of)


@dataclass(frozen=True, slots=True)
class _References:
    """What references point at. Without partners (while those are sought) any reference to the right type is right."""

    expected: dict[str, Json]
    ours: dict[str, Json]
    partner: dict[str, str] | None

    def same(self, asked: Json, own: Any) -> bool:
        """Whether our reference points at what the expected one does."""
        target = self.expected.get(asked["reference"])
        if target is None or not isinstance(own, dict):
            return False
        reference = own.get("reference")
        if reference is None:
            return bool(target["resourceType"] == "Patient" == own.get("type"))
        found = self.ours.get(reference, {})
        if self.partner is None:
            return bool(found.get("resourceType") == target["resourceType"])
        return self.partner.get(asked["reference"]) == reference or self._equal(target, found)

    def _equal(self, target: Json, found: Json) -> bool:
        """Whether a resource of ours, though matched to another, is the same in all that is asked."""
        if found.get("resourceType") != target["resourceType"]:
            return False
        return _common(target, found, _References(self.expected, self.ours, None), "", []) == leaves(target)


def _partners(expected: dict[str, Json], ours: dict[str, Json]) -> dict[str, str]:
    loose = _References(expected, ours, None)
    scored = []
    for key, resource in expected.items():
        for name, own in ours.items():
            if own.get("resourceType") == resource["resourceType"]:
                shared = len(_numbers(resource) & _numbers(own))
                scored.append((shared * _BY_IDENTIFIER + _common(resource, own, loose, "", []), key, name))
    scored.sort(key=lambda one: -one[0])
    partner: dict[str, str] = {}
    taken: set[str] = set()
    for _, key, name in scored:
        if key not in partner and name not in taken:
            partner[key] = name
            taken.add(name)
    for score, key, name in scored:
        if key not in partner and score and expected[key]["resourceType"] in _SHARED:
            partner[key] = name
    return partner


def _numbers(resource: Json) -> set[str]:
    found = resource.get("identifier", [])
    return {str(one["value"]) for one in (found if isinstance(found, list) else [found]) if "value" in one}


def _common(asked: Any, own: Any, references: _References, path: str, wrong: list[tuple[str, Any]]) -> int:
    """Elements of the expected value that ours has too; what is missing goes to `wrong`."""
    if isinstance(asked, dict):
        if isinstance(asked.get("reference"), str):
            if references.same(asked, own):
                return leaves(asked)
            wrong.append((path, asked["reference"].partition("/")[0]))
            return 0
        mine = own if isinstance(own, dict) else {}
        return sum(
            _common(part, mine.get(name), references, f"{path}.{name}" if path else name, wrong)
            for name, part in asked.items()
            if name != "resourceType"
        )
    if isinstance(asked, list):
        return _common_list(asked, own if isinstance(own, list) else [], references, path, wrong)
    if _same(asked, own):
        return 1
    wrong.append((path, asked))
    return 0


def _common_list(asked: list[Any], own: list[Any], references: _References, path: str, wrong: list[Any]) -> int:
    scored = [
        (_common(one, other, references, path, []), place, number)
        for place, one in enumerate(asked)
        for number, other in enumerate(own)
    ]
    scored.sort(key=lambda one: -one[0])
    partner: dict[int, int] = {}
    for score, place, number in scored:
        if score and place not in partner and number not in partner.values():
            partner[place] = number
    return sum(
        _common(one, own[partner[place]] if place in partner else None, references, path, wrong)
        for place, one in enumerate(asked)
    )


def _same(asked: Any, own: Any) -> bool:
    if isinstance(asked, bool) or isinstance(own, bool):
        return asked is own
    if asked == own:
        return type(asked) is type(own) or isinstance(asked, int | Decimal)
    if not isinstance(asked, str) or not isinstance(own, str):
        return False
    if _MOMENT.fullmatch(asked) and _MOMENT.fullmatch(own):
        return datetime.fromisoformat(asked) == datetime.fromisoformat(own)
    # an OID or UUID as a URI says the same as the bare one; so does a URL with a slash at its end
    return asked in (own.removeprefix("urn:oid:"), own.removeprefix("urn:uuid:")) or asked.rstrip("/") == own.rstrip(
        "/"
    )
