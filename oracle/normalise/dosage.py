"""How a drug is to be taken: dose, route, site, method and timing, to Dosage; and what is told about the drug itself.

Form, strength and compound parts of a drug are extensions of the resource that names it, so that it always says its
drug in the one element medicationCodeableConcept.
Source: segment maps RXR, RXO, TQ1[MedicationRequest] of HL7/v2-to-fhir; HL7 v2.9 chapter 4A. RXE, RXD and RXC have no
map: ours, by likeness to RXO.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from oracle.hl7.message import Repetition, Segment
from oracle.hl7.separators import Separators
from oracle.normalise import tables
from oracle.normalise.datatypes import code_token, concept, dictionary_concept, number, unit_of
from oracle.normalise.reading import Reading
from oracle.normalise.timing import Schedule
from salus.core.record import Code

Json = dict[str, Any]

UNNAMED: tuple[Json, tuple[Code, ...]] = ({"text": "unnamed"}, (Code("", "", ""),))
RXR_MAPPED = frozenset({1, 2, 4, 5})
_RXC_MAPPED = frozenset({1, 2, 3, 4})
_FORM = "urn:salus:fhir:medication-form"
_STRENGTH = "urn:salus:fhir:medication-strength"
_COMPONENT = "urn:salus:fhir:medication-component"


def drug(segment: Segment, field: int) -> tuple[Json, tuple[Code, ...]]:
    """The drug a field names, as CodeableConcept with its codes."""
    found = dictionary_concept(segment.first(field).raw, segment.separators) if segment.first(field) else None
    return found or UNNAMED


def amount(segment: Segment, value: int, unit: int) -> Json | None:
    """A number and its unit in two fields as Quantity; None without a number."""
    found = number(segment.value(value))
    if found is None:
        return None
    return {"value": found} | (unit_of(segment.first(unit).raw, segment.separators) if segment.field(unit) else {})


def ratio_extension(url: str, top: Json | None, bottom: Json | None) -> list[Json]:
    """A strength as extension: a Ratio when both parts are known, a Quantity when only the upper is."""
    if top is None:
        return []
    if bottom is None:
        return [{"url": url, "valueQuantity": top}]
    return [{"url": url, "valueRatio": {"numerator": top, "denominator": bottom}}]


def form_extension(segment: Segment, field: int) -> list[Json]:
    """The dosage form as extension."""
    found = concept(segment.first(field)) if segment.field(field) else None
    return [{"url": _FORM, "valueCodeableConcept": found[0]}] if found else []


def strength_extension(segment: Segment, top: tuple[int, int], bottom: tuple[int, int] | None = None) -> list[Json]:
    """The strength of a drug, by the fields of its number and unit, and of those of the volume it is in."""
    return ratio_extension(_STRENGTH, amount(segment, *top), amount(segment, *bottom) if bottom else None)


def components(reading: Reading, parts: list[Segment]) -> tuple[list[Json], tuple[Code, ...]]:
    """RXC: what a compound is made of, as extensions with their codes."""
    found: list[Json] = []
    codes: tuple[Code, ...] = ()
    for rxc in parts:
        reading.leave_out_rest(rxc, _RXC_MAPPED)
        code, more = drug(rxc, 2)
        inner: list[Json] = [{"url": "code", "valueCodeableConcept": code}]
        much = amount(rxc, 3, 4)
        if much:
            inner.append({"url": "amount", "valueQuantity": much})
        if rxc.value(1):
            inner.append({"url": "type", "valueCode": code_token(rxc.value(1))})
        found.append({"url": _COMPONENT, "extension": inner})
        codes += more
    return found, codes


def route_of(reading: Reading, rxr: Segment | None, *, method: str = "method") -> Json:
    """RXR as the elements route, site and method."""
    if rxr is None:
        return {}
    reading.leave_out_rest(rxr, RXR_MAPPED if method else frozenset({1, 2}))
    result: Json = {}
    for field, table, name in ((1, "0162", "route"), (2, "0550", "site"), (4, "0165", method)):
        sent = rxr.first(field) if name and rxr.field(field) else None
        found = _table_concept(sent.raw, rxr.separators, f"{tables.TERMINOLOGY}v2-{table}") if sent else None
        if found:
            result[name] = found
    return result


@lru_cache(maxsize=1024)
def _table_concept(raw: str, separators: Separators, system: str) -> Json | None:
    """A concept of a short table: the same few come all day. The result must not be changed."""
    found = concept(Repetition(raw, separators), system)
    return found[0] if found else None


def dose(low: Json | None, high: Json | None) -> Json:
    """doseAndRate of one amount, or of a least and a most."""
    if low and high and high["value"] > low["value"]:
        return {"doseRange": {"low": low, "high": high}}
    return {"doseQuantity": low or high} if low or high else {}


def dosage(plan: Schedule, given: Json, route: Json, instructions: list[Json]) -> list[Json]:
    """Dosage elements; none when nothing is said. `given` is the doseAndRate, `instructions` are for the patient."""
    result: Json = {}
    if plan.text:
        result["text"] = plan.text
    if instructions:
        result["additionalInstruction"] = instructions
    if plan.timing:
        result["timing"] = plan.timing
    if plan.as_needed:
        result["asNeededBoolean"] = True
    result |= route
    if given:
        result["doseAndRate"] = [given]
    return [result] if result else []
