"""What must stand at the end, from what was said and came: the last word of each record by the sources' own times.

Written apart from `oracle.fold` and over other data, so that one can be held against the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.month_story import TESTS, Kind, Said

Name = tuple[str, str]
"""Kind of a record and its number: ("report", filler number), ("demographics", patient number)."""
_STATUS = {"P": "preliminary", "F": "final", "C": "corrected", "U": "final", "X": "cancelled", "W": "entered-in-error"}
_REPORT = {"P": "preliminary", "A": "partial", "F": "final", "C": "corrected", "X": "cancelled"}
_NO_VALUE = frozenset("XW")


@dataclass
class TrueRecord:
    """One record as it must be read: `facts` are key fields, `owner` the place of the person in the month's people.

    `results` are value and status by test code. `withdrawn`: what stood before must be invalid on chain.
    """

    owner: int
    facts: dict[str, str] = field(default_factory=dict)
    results: dict[str, tuple[str, str]] = field(default_factory=dict)
    withdrawn: bool = False


def names_of(said: Said) -> list[Name]:
    """The records a message is about."""
    if said.kind is Kind.REPORT:
        return [("report", said.name)]
    if said.kind is Kind.DOCUMENT:
        return [("document", said.name)]
    if said.kind is Kind.VISIT:
        return [("encounter", said.name), ("demographics", said.number)]
    return []


def true_record(name: Name, said: Iterable[Said]) -> TrueRecord:
    """A record by everything that came about it, in the order of arrival."""
    came = list(said)
    ordered = sorted(came, key=lambda one: one.at)
    last = ordered[-1]
    record = TrueRecord(last.person.place)
    if name[0] == "report":
        _report(record, ordered)
        record.withdrawn = any(one.withdraws for one in came[1:])  # the first to come has nothing before it
    elif name[0] == "document":
        record.facts["text"] = last.text
    elif name[0] == "encounter":
        record.facts |= {"ward": last.ward, "state": _state(ordered)}
    else:
        record.facts |= {"name": last.person.name, "card": last.person.card, "street": last.person.street}
        if last.person.phone:
            record.facts["phone"] = last.person.phone
    return record


def _report(record: TrueRecord, ordered: list[Said]) -> None:
    settled = [one for one in ordered if one.status not in ("P", "A")] or ordered
    record.facts["status"] = _REPORT[settled[-1].status]
    for one in ordered:
        for result in one.results:
            code = TESTS[result.test].code
            value, status = record.results.get(code, ("", ""))
            if status and status != "preliminary" and result.status == "P":
                continue
            kept = "" if result.status in _NO_VALUE else result.value or value
            record.results[code] = kept, _STATUS[result.status]


def _state(ordered: list[Said]) -> str:
    if any(one.event == "A11" for one in ordered):
        return "cancelled"
    return "finished" if any(one.event == "A03" for one in ordered) else "open"
