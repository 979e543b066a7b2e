"""Messages to groups for the tests of orders and their like, and what must hold for every group whatever it is.

Each record is valid FHIR R4 inside its required bindings, hides no word from labelling, and is the same when it is
mapped again.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from oracle.hl7.message import parse
from oracle.normalise import SourceProfile, normalise
from salus.core.record import NormalisedGroup, compose
from tests.unit.oracle.normalise.made import check_content

SOURCE = SourceProfile("示例医院", "H1")
PID = "PID|1||P1^^^H1^MR||陳億東||19790512|M||||||||||A1^^^H1"
PV1 = "PV1|1|I|心内科^01床^1^H1||||00023^赵医生||||||||||||V1^^^H1^VN"

# Elements whose words are the names of people, institutions and numbers, which labelling doesn't read
_NAMES = frozenset(
    {"subject", "patient", "encounter", "context", "identifier", "performer", "requester", "enterer", "asserter"}
    | {"owner", "custodian", "requisition", "groupIdentifier"}
    | {"account", "authorizingPrescription", "request", "basedOn"}
)
_PEOPLE = ("Practitioner", "Patient", "RelatedPerson")
_WORDS = frozenset({"text", "display", "comment", "valueString", "description", "onsetString"})


def groups(kind: str, *segments: str, source: SourceProfile = SOURCE) -> list[NormalisedGroup]:
    """Groups of a message of these segments, checked."""
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||{kind}|42|P|2.5.1"
    text = "\r".join((header, *segments))
    found = normalise(parse(text), source)
    assert found == normalise(parse(text), source)
    for group in found:
        check(group)
    return found


def one(kind: str, *segments: str) -> NormalisedGroup:
    """The only group of a message."""
    (group,) = groups(kind, *segments)
    return group


def check(group: NormalisedGroup) -> None:
    """What must hold for every group."""
    check_content(compose(group.record_key, group.head, group.items))
    assert len(group.kind) <= 16  # the journal's column
    assert unheard(group.head, group.codes, group.texts) == []
    for item in group.items:
        assert unheard(item.resource, item.codes, item.texts) == [], item.key
    assert len({item.key for item in group.items}) == len(group.items)


def unheard(resource: Any, codes: Any, texts: Any) -> list[str]:
    """Words a reader of the resource would see and labelling wouldn't."""
    heard = "\n".join((*texts, *(code.display for code in codes)))
    return [word for word in _words(resource) if word not in heard]


def day(year: int, month: int, day_of_month: int) -> int:
    """A civil day as records count them."""
    return (date(year, month, day_of_month) - date(1970, 1, 1)).days


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, dict) and value.get("type") not in _PEOPLE and value.get("resourceType") not in _PEOPLE:
        if {"text", "low"} <= set(value) or {"text", "high"} <= set(value):
            return  # a range of numbers, as written
        for name, inner in value.items():
            if name in _NAMES or (name == "type" and inner == {"text": "prescription number"}):
                continue
            if name in _WORDS and isinstance(inner, str):
                yield inner
            else:
                yield from _words(inner)
