"""Fold: all that messages have said about one group, to the group as it stands. The order of arrival doesn't matter.

| old → new | meaning | what comes out |
| --- | --- | --- |
| all equal | a repeat | the same |
| P, R, S, I, O → F | update | the new one |
| any → C, A, or F again | correction, amendment, silent change (alarm) | the new one |
| F → U | final without the value again | new status, old value |
| → D, W | withdrawn; W: it was another patient's | a tombstone without the value |
| → X, N | can't be had, not asked | new status, no value |
| F or C → P, or said earlier | stale | the old one |
| absent later | not a withdrawal | stays |
| `""` | explicit null | cleared |

What was said is put in order: preliminary before settled, then by the source's own time, then by status, and only last
by arrival. Results of a report are joined by their key; diagnoses, allergies and other sets of a snapshot are replaced
by the newest message that sends any of their kind. Source: reference decision table of docs/hl7-intake.md; HL7 v2.9
section 2.10.3 (null and absent), section 7.4.2.11 (OBX-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from salus.core.record import Item, NormalisedGroup

Json = dict[str, Any]

_PRELIMINARY = frozenset("PRSIO")
_PRELIMINARY_REPORT = _PRELIMINARY | {"A"}  # table 0123: some, not all results available
_RANK = {"C": 2, "A": 2, "D": 3, "W": 3}
WITHDRAWN = frozenset("DW")
_VALUELESS = frozenset("DWXN")
_SETTLED = frozenset("FCA")
_SAID_BY_VALUE = ("component", "interpretation", "referenceRange", "note", "content", "dataAbsentReason")
# FHIR choice elements: one of a family replaces whichever was there
_CHOICES = ("value", "effective", "onset", "deceased", "multipleBirth", "occurrence", "performed", "abatement")
# Elements that several messages of a stay fill together
_JOINED = frozenset({"period", "hospitalization", "context"})
_OPEN_VISIT = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
_UNDO_DISCHARGE = "A13"
_UNKNOWN_CLASS = "U"


@dataclass(frozen=True, slots=True)
class Told:
    """A group as one message tells it; `arrived` is the message's place in the journal."""

    arrived: int
    group: NormalisedGroup


@dataclass(frozen=True, slots=True)
class Moved:
    """A message that says the group belongs to another patient from then on; keys are the source's own."""

    arrived: int
    said_at: int
    subject_key: str
    target_key: str


@dataclass(frozen=True, slots=True)
class Folded:
    """The group as it stands. `stale`: the last arrival adds nothing; `silent`: it changes a final value unsaid."""

    group: NormalisedGroup
    stale: bool
    silent: bool


@dataclass(frozen=True, slots=True)
class _Said:
    """One word on the group, with its place in time."""

    at: int
    told: Told


def fold(told: Sequence[Told], moves: Sequence[Moved] = (), patient_of: Callable[[str], bytes] = str.encode) -> Folded:
    """The group that all messages together tell; `told` is not empty.

    `patient_of` a subject key is the same for all numbers that were merged: what was said of the group under an earlier
    number of the patient stands.
    """
    placed = _placed(told)
    owner = _owner(placed, moves)
    listed = [one for one in placed if (own := _owned(one, moves)) == owner or patient_of(own) == patient_of(owner)]
    ordered = sorted(listed, key=_head_order)
    newest = placed[-1]
    head = _head(ordered)
    items, silent, fresh = _items(listed, newest)
    last = ordered[-1].told.group
    groups = [one.told.group for one in ordered]
    first_day, last_day = _days(groups)
    group = replace(
        last,
        subject_key=owner,
        head=head,
        items=tuple(items),
        codes=_each_once(code for one in groups for code in one.codes),
        texts=_each_once(text for one in groups for text in one.texts),
        source_labels=_each_once(text for one in groups for text in one.source_labels),
        also=_each_once(text for one in groups for text in one.also),
        first_day=first_day,
        last_day=last_day,
        section=_last_filled(one.section for one in groups),
        visit_class=_last_filled(one.visit_class for one in groups),
        birth_day=next((one.birth_day for one in reversed(groups) if one.birth_day is not None), None),
        is_checkup=any(one.is_checkup for one in groups),
        cleared=(),
    )
    return Folded(group, stale=ordered[-1] is not newest and not fresh, silent=silent)


def _placed(told: Sequence[Told]) -> list[_Said]:
    """Times of all; a message without any counts as the latest when it came."""
    latest, placed = 0, []
    for one in sorted(told, key=lambda each: each.arrived):
        at = one.group.said_at or latest
        latest = max(latest, at)
        placed.append(_Said(at, one))
    return placed


def _owner(placed: Sequence[_Said], moves: Sequence[Moved]) -> str:
    return _owned(max(placed, key=lambda one: (one.at, one.told.arrived)), moves)


def _owned(said: _Said, moves: Sequence[Moved]) -> str:
    """Whose the group is by this word, after the moves that came later."""
    subject = said.told.group.subject_key
    for move in sorted(moves, key=lambda one: (one.said_at, one.arrived)):
        if subject == move.subject_key and (move.said_at, move.arrived) >= (said.at, said.told.arrived):
            subject = move.target_key
    return subject


def _head_order(said: _Said) -> tuple[bool, int, int, int]:
    group = said.told.group
    settled = group.kind != "report" or group.said not in _PRELIMINARY_REPORT
    return settled, said.at, _RANK.get(group.said, 1), said.told.arrived


def _head(ordered: Sequence[_Said]) -> Json:
    head: Json = {}
    for said in ordered:
        group = said.told.group
        head = _over(head, group.head, group.cleared)
        if group.said == _UNDO_DISCHARGE:
            head = _without(head, "period.end")
    if head.get("resourceType") == "Encounter" and "end" in head.get("period", {}) and head["status"] in _OPEN_VISIT:
        head["status"] = "finished"
    return head


def _items(listed: Sequence[_Said], newest: _Said) -> tuple[list[Item], bool, bool]:
    """Items as they stand; whether the newest message changes a final value unsaid, and whether it adds anything."""
    chosen = _snapshots(listed) if listed[0].told.group.kind != "report" else None
    by_key: dict[str, list[tuple[tuple[bool, int, int, int], Item]]] = {}
    for said in sorted(listed, key=lambda one: (one.at, one.told.arrived)):
        for item in said.told.group.items:
            if chosen is None or chosen[_family(item)] is said:
                order = (item.said not in _PRELIMINARY, said.at, _RANK.get(item.said, 1), said.told.arrived)
                by_key.setdefault(item.key, []).append((order, item))
    items, silent, fresh = [], False, False
    for versions in by_key.values():
        versions.sort(key=lambda one: one[0])
        item = _tombstone(versions[0][1])
        for _, later in versions[1:]:
            item = _joined(item, later)
        items.append(item)
        if versions[-1][0][3] == newest.told.arrived:
            fresh = fresh or len(versions) == 1 or _differs(versions[-2][1], versions[-1][1])
            silent = silent or (len(versions) > 1 and _is_silent(versions[-2][1], versions[-1][1]))
    return items, silent, fresh


def _snapshots(listed: Sequence[_Said]) -> dict[str, _Said]:
    """Which message has the last word on each kind of item."""
    chosen: dict[str, _Said] = {}
    for said in sorted(listed, key=lambda one: (one.at, one.told.arrived)):
        chosen |= dict.fromkeys((_family(item) for item in said.told.group.items), said)
    return chosen


def _family(item: Item) -> str:
    """Kind of an item: the first two parts of its key ("item|DG1")."""
    return "|".join(item.key.split("|", 2)[:2])


def _joined(item: Item, later: Item) -> Item:
    resource = dict(item.resource)
    if later.said in _VALUELESS:
        resource = _valueless(resource)
    return _tombstone(later)._replace(
        resource=_over(resource, _tombstone(later).resource, later.cleared),
        codes=_each_once((*item.codes, *later.codes)),
        texts=_each_once((*item.texts, *later.texts)),
        cleared=(),
    )


def _tombstone(item: Item) -> Item:
    """A withdrawn result says that it was there, not what it said: it may have been another patient's."""
    return item._replace(resource=_valueless(item.resource)) if item.said in WITHDRAWN else item


def _valueless(resource: Json) -> Json:
    return _only_referred(
        {name: value for name, value in resource.items() if name not in _SAID_BY_VALUE and _choice(name) != "value"}
    )


def _is_silent(before: Item, after: Item) -> bool:
    return after.said == "F" and before.said in _SETTLED and _differs(before, after)


def _differs(before: Item, after: Item) -> bool:
    return any(before.resource.get(name) != value for name, value in after.resource.items() if _choice(name) == "value")


def _over(old: Json, new: Json, cleared: Sequence[str]) -> Json:
    """The new elements over the old ones."""
    result = dict(old)
    for name in cleared:
        result = _without(result, name)
    families = {family for name in new if (family := _choice(name))}
    if families:
        result = {name: value for name, value in result.items() if _choice(name) not in families}
        if "value" in families:
            result.pop("dataAbsentReason", None)
    for name, value in new.items():
        before = result.get(name)
        if name == "class" and before and value["code"] == _UNKNOWN_CLASS:
            continue  # an Encounter must have a class, so one is there even when the message has none
        result[name] = before | value if name in _JOINED and isinstance(before, dict) else value
    if "extension" in old and "extension" in new:
        urls = {one["url"] for one in new["extension"]}
        kept = [] if "extension" in cleared else [one for one in old["extension"] if one["url"] not in urls]
        result["extension"] = [*kept, *new["extension"]]
    if "contained" in old:
        inner = {one["id"]: one for holder in (old, new) for one in holder.get("contained", ())}
        result["contained"] = list(inner.values())
    return _only_referred(result)


def _only_referred(resource: Json) -> Json:
    """A resource without those of its contained ones that nothing in it refers to any more (FHIR R4 dom-3)."""
    if "contained" not in resource:
        return resource
    inner = {f"#{one['id']}": one for one in resource["contained"]}
    needed: set[str] = set()
    waiting = _references({name: value for name, value in resource.items() if name != "contained"})
    while waiting:
        reference = waiting.pop()
        if reference in inner and reference not in needed:
            needed.add(reference)
            waiting += _references(inner[reference])
    kept = [one for reference, one in inner.items() if reference in needed]
    rest = {name: value for name, value in resource.items() if name != "contained"}
    return rest | {"contained": kept} if kept else rest


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = value.get("reference")
        return [
            *([own] if isinstance(own, str) else ()),
            *(one for part in value.values() for one in _references(part)),
        ]
    return [one for part in value for one in _references(part)] if isinstance(value, list) else []


def _without(resource: Json, name: str) -> Json:
    """A resource without an element, or without a part of one ("period.end")."""
    outer, _, inner = name.partition(".")
    if outer not in resource:
        return resource
    kept = {key: value for key, value in resource.items() if key != outer}
    if inner and isinstance(resource[outer], dict) and (rest := _without(resource[outer], inner)):
        kept[outer] = rest
    return kept


def _choice(name: str) -> str:
    """The family of a FHIR choice element: "value" of valueQuantity; "" for others."""
    for family in _CHOICES:
        if name.startswith(family) and name[len(family) : len(family) + 1].isupper():
            return family
    return ""


def _days(groups: Sequence[NormalisedGroup]) -> tuple[int, int]:
    """Days of the newest word; of a stay, from its first to its last day."""
    dated = [group for group in groups if group.first_day]
    if not dated:
        return 0, 0
    if groups[-1].kind == "encounter":
        return min(group.first_day for group in dated), max(group.last_day for group in dated)
    return dated[-1].first_day, dated[-1].last_day


def _last_filled(values: Iterable[str]) -> str:
    return next((value for value in reversed(list(values)) if value), "")


def _each_once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))
