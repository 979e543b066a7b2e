"""The labelled set: cases of `tests/vectors/labels/*.jsonl`, each a small group or message and its right labels.

One case a line. What goes in (all optional): `kind` of the group (report when absent) · `sec`, its section (OBR-24,
TXA-2) · `title`, its code as HL7 CWE · `text`, its own words · `item` as CWE with `value`, `note` and `as` (FHIR
resource, Observation when absent), or several in `items` · `visit` (PV1-2) · `labels` of the source · `age` in years on
the day · `checkup` · or `hl7`, the segments of a whole message. What should come out: `out`, records in order, each
"CATEGORY+CATEGORY level/confidentiality TOPIC,TOPIC". `why` is the reason in one line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from oracle.hl7.message import Repetition, parse
from oracle.hl7.separators import STANDARD
from oracle.normalise import SourceProfile, normalise
from oracle.normalise.datatypes import concept
from oracle.normalise.patient import IDENTITY
from salus.core.labels import Category, Confidentiality, Labels, Topic, mask_of, names
from salus.core.record import Code, Item, NormalisedGroup, resource_id

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "labels"
HELD_OUT = "held-out"
SOURCE = SourceProfile("示例医院", "H1")
DAY = date(2026, 3, 2)
_HEADS = {
    "report": "DiagnosticReport",
    "document": "DocumentReference",
    "encounter": "Encounter",
    "demographics": "Patient",
    "order": "ServiceRequest",
    "appointment": "Appointment",
    "vaccination": "Immunization",
    "prescription": "MedicationRequest",
    "dispense": "MedicationDispense",
    "charge": "ChargeItem",
    "account": "Account",
    "problem": "Condition",
}
_HEADER = "MSH|^~\\&|HIS|H1|SALUS|H1|20260302090000||{}|42|P|2.5.1"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what goes in, and the labels its records should get, in order."""

    id: str
    why: str
    groups: tuple[NormalisedGroup, ...]
    expected: tuple[Labels, ...]


def cases(name: str) -> list[Case]:
    """Cases of one file, by its name without ending.

    Raises:
        ValueError: a line can't be read; the message names it.
    """
    found = []
    for number, text in enumerate((FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines(), 1):
        try:
            found.append(_case(json.loads(text)))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name}.jsonl line {number}: {error!r}") from error
    return found


def files() -> list[str]:
    """Names of the files there are, those held out last."""
    return sorted((path.stem for path in FOLDER.glob("*.jsonl")), key=lambda name: (is_held_out(name), name))


def is_held_out(name: str) -> bool:
    """Whether a file was written before the tables it measures were made or changed."""
    return name.startswith(HELD_OUT)


def written(labels: Labels) -> str:
    """Labels as a case writes them."""
    topics = ",".join(names(labels.topics))
    return f"{'+'.join(names(labels.categories))} {labels.level}/{labels.confidentiality.name} {topics}".strip()


def _case(told: Json) -> Case:
    expected = tuple(_labels(one.strip()) for one in told["out"].split(";"))
    if "hl7" in told:
        first, *rest = told["hl7"]
        groups = tuple(normalise(parse("\r".join((_HEADER.format(first), *rest))), SOURCE))
    else:
        groups = (_group(told),)
    return Case(told["id"], told["why"], groups, expected)


def _labels(text: str) -> Labels:
    categories, _, rest = text.partition(" ")
    height, _, topics = rest.partition(" ")
    level, _, confidentiality = height.partition("/")
    found = mask_of(Topic, topics.split(",")) if topics else Topic(0)
    return Labels(mask_of(Category, categories.split("+")), int(level), Confidentiality[confidentiality], found)


def _group(told: Json) -> NormalisedGroup:
    kind = told.get("kind", "report")
    code, codes = _concept(told.get("title", ""))
    day = (DAY - date(1970, 1, 1)).days
    items = told.get("items") or ([told] if "item" in told else [])
    born = date(DAY.year - told["age"], DAY.month, DAY.day) if "age" in told else None
    return NormalisedGroup(
        record_key=told["id"],
        subject_key="P1",
        kind=kind,
        head={"resourceType": _HEADS[kind]} | ({"code": code} if code else {}),
        items=tuple(_item(one, place) for place, one in enumerate(items)),
        codes=codes,
        texts=tuple(text for text in (code.get("text", ""), told.get("text", "")) if text),
        first_day=day,
        last_day=day,
        section=told.get("sec", ""),
        visit_class=told.get("visit", ""),
        source_labels=tuple(told.get("labels", ())),
        birth_day=(born - date(1970, 1, 1)).days if born else None,
        is_checkup=told.get("checkup", False),
    )


def _item(told: Json, place: int) -> Item:
    kind = told.get("as", "Observation")
    code, codes = ({}, (IDENTITY,)) if told["item"] == "urn:identity" else _concept(told["item"])
    resource = {
        "resourceType": "Patient" if codes == (IDENTITY,) else kind,
        "id": resource_id(told["item"], str(place)),
        "code": code,
    }
    texts = (code.get("text", ""), *(one.display for one in codes), told.get("value", ""), told.get("note", ""))
    return Item(f"item|{place}", resource, codes, tuple(text for text in texts if text), 0, 0)


def _concept(raw: str) -> tuple[Json, tuple[Code, ...]]:
    found = concept(Repetition(raw, STANDARD)) if raw else None
    return found or ({}, ())
