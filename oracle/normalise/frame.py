"""What a result says besides its value, its time and its notes: the test, unit, reference range, flags and status.

Every patient's results come in the same few thousand frames, so each is made once and shared. A frame depends on the
fields it is made of and on nothing else, so sharing one between messages and sources tells nobody anything.
Source: segment map OBX[Observation] of HL7/v2-to-fhir; HL7 v2.9 section 7.4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from oracle.hl7.message import Repetition, Segment, first_of, repetitions
from oracle.hl7.separators import Separators
from oracle.normalise import tables
from oracle.normalise.datatypes import dictionary_concept, reference_range, table_concept, unit_of
from salus.core.record import Code, DraftStatus

Json = dict[str, Any]

_LONGEST_KEPT = 1024
_NATURE = "http://hl7.org/fhir/StructureDefinition/observation-nature-of-abnormal-test"
_FIELDS = itemgetter(2, 3, 6, 7, 8, 10, 11)
_LAST = 11
_NOT_ASKED = {"coding": [{"system": f"{tables.TERMINOLOGY}data-absent-reason", "code": "not-asked"}]}


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame. What is in it must not be changed.

    `kind` is the type of the value (OBX-2), `status` the source's own (OBX-11, else the report's). `words` are those of
    the test, `texts` those of its flags and range, both for labelling. `resource` is an Observation without its value.
    """

    kind: str
    status: str
    draft_status: DraftStatus
    code: Json
    codes: tuple[Code, ...]
    words: tuple[str, ...]
    texts: tuple[str, ...]
    unit: Json
    resource: Json


def frame_of(obx: Segment, status: str, category: str) -> Frame:
    """The frame of a result of a report with that status (OBR-25), whose results have that category ("" for none)."""
    sent = _FIELDS(obx.fields(_LAST))
    if len(obx.raw) + len(status) > _LONGEST_KEPT:  # so that what is kept has a bound
        return _made(sent, status, category, obx.separators)
    return _kept(sent, status, category, obx.separators)


@lru_cache(maxsize=8192)
def _kept(sent: tuple[str, ...], status: str, category: str, separators: Separators) -> Frame:
    return _made(sent, status, category, separators)


def _made(sent: tuple[str, ...], status: str, category: str, separators: Separators) -> Frame:
    kind, named, unit_raw, span, _, nature, own_status = (first_of(one, separators) for one in sent)
    code, codes = _meaning(named)
    status = own_status.value().upper() or status
    resource: Json = {
        "resourceType": "Observation",
        "status": tables.OBSERVATION_STATUS.get(status, "unknown"),
        "code": code,
    }
    if category:
        resource["category"] = [{"coding": [{"system": f"{tables.TERMINOLOGY}observation-category", "code": category}]}]
    flags = [_interpretation(one.value()) for one in repetitions(sent[4], separators)]
    texts = [one["text"] for one in flags if "text" in one]
    if flags:
        resource["interpretation"] = flags
    ranged = reference_range(span.raw, unit_raw.raw, separators)
    if ranged:
        resource["referenceRange"] = [ranged]
        if "low" not in ranged and "high" not in ranged:
            texts.append(ranged["text"])
    if nature.value():
        nature_code = table_concept(nature.value(), "0080")
        resource["extension"] = [{"url": _NATURE, "valueCodeableConcept": nature_code}]
    if status == "N":
        resource["dataAbsentReason"] = _NOT_ASKED
    return Frame(
        kind=kind.value().upper(),
        status=status,
        draft_status=tables.DRAFT_STATUS.get(status, DraftStatus.CURRENT),
        code=code,
        codes=codes,
        words=tuple(text for text in (code.get("text"), *(one.display for one in codes)) if text),
        texts=tuple(filter(None, texts)),
        unit=unit_of(unit_raw.raw, separators) if unit_raw else {},
        resource=resource,
    )


def _meaning(named: Repetition) -> tuple[Json, tuple[Code, ...]]:
    """OBX-3 as code, with the codes in it."""
    found = dictionary_concept(named.raw, named.separators) if named else None
    return found or ({"text": "unnamed"}, (Code("", "", ""),))


def _interpretation(sent: str) -> Json:
    code = tables.INTERPRETATION.get(sent) or tables.INTERPRETATION.get(sent.upper())
    if code is None:
        return {"text": sent or "?"}
    return {"coding": [{"system": f"{tables.TERMINOLOGY}v3-ObservationInterpretation", "code": code}]}
