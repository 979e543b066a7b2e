"""OBX-5 to value[x] of an Observation, by the type in OBX-2.

NM and numbers with a comparator → Quantity with the decimal as written · SN → Quantity, Range or Ratio · CE, CWE, CNE,
CF → CodeableConcept · DT, TS, DTM → dateTime · TM → time · TX, FT, ST and all others → string, whole. What a type can't
hold is kept as string: a value is never lost.
Source: segment map OBX[Observation] of HL7/v2-to-fhir; HL7 v2.9 section 7.4.2.5.
"""

from __future__ import annotations

import re
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from oracle.hl7.message import NULL, Repetition, Segment
from oracle.normalise.datatypes import date_time, dictionary_concept, number, period, quantity

Json = dict[str, Any]

_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS"})
_DATED = frozenset({"DT", "TS", "DTM"})
_WITH_FORM = _DATED | {"NM", "SN", "NR", "DR", "TM"}
_FREE_TEXT = frozenset({"TX", "FT", "ST", ""})
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d+)?", re.ASCII)


def set_value(obx: Segment, kind: str, unit: Json, zone: tzinfo, result: Json) -> list[str]:
    """Put OBX-5 into value[x] of an observation, or into its components when it repeats; returns the words in it.

    `kind` is OBX-2, `unit` comes from `unit_of`.
    """
    raw = obx.field(5)
    if kind == "NM" and obx.separators.repetition not in raw:
        plain = number(raw)
        if plain is not None:
            result["valueQuantity"] = {"value": plain} | unit
            return []
    values = obx.repetitions(5)
    if not values:
        return []
    if kind in _FREE_TEXT:
        text = "\n".join(one.whole() for one in values).strip()
        if text:
            result["valueString"] = text
        return [text]
    if len(values) == 1:
        value, words = _value(kind, values[0], unit, zone)
        result |= value
        return words
    components, texts = [], []
    for one in values:
        value, words = _value(kind, one, unit, zone)
        texts.extend(words)
        components.append({"code": result["code"]} | value)
    result["component"] = components
    return texts


def is_of_type(obx: Segment, kind: str, raw: str, zone: tzinfo) -> bool | None:
    """Whether OBX-5, `raw` as sent, can be read as its type OBX-2 says; None where there is nothing to be read: no
    value, or a type that any text has. What can't be read is kept as words."""
    if kind not in _WITH_FORM or not raw.strip() or raw == NULL:
        return None
    return all("valueString" not in _value(kind, one, {}, zone)[0] for one in obx.repetitions(5))


def _value(kind: str, one: Repetition, unit: Json, zone: tzinfo) -> tuple[Json, list[str]]:
    value: Json | None = None
    if kind == "NM":
        amount = quantity(one.whole(), unit)
        value = {"valueQuantity": amount} if amount else None
    elif kind == "SN":
        value = _structured(one, unit)
    elif kind in _CODED:
        found = dictionary_concept(one.raw, one.separators) if one else None
        if found:
            words = [found[0].get("text", ""), *(code.display or code.code for code in found[1])]
            return {"valueCodeableConcept": found[0]}, words
    elif kind == "NR":
        value = _range(number(one.value(1)), number(one.value(2)), unit)
    elif kind == "DR":
        span = period(one.value(1), one.value(2), zone)
        value = {"valuePeriod": span} if span else None
    elif kind in _DATED:
        moment = date_time(one.value(1), zone)
        value = {"valueDateTime": moment} if moment else None
    elif kind == "TM":
        value = _time(one.value(1))
    if value is not None:
        return value, []
    text = one.whole().strip()
    return ({"valueString": text} if text else {}), [text]


def _structured(one: Repetition, unit: Json) -> Json | None:
    """SN: comparator^number^separator^number (HL7 v2.9 section 2A.3.70)."""
    sign, left, middle, right = (one.value(place) for place in (1, 2, 3, 4))
    first, second = number(left), number(right)
    if first is None or (right and second is None):
        return None
    if second is not None and middle == "-":
        return _range(first, second, unit)
    if second is not None and middle in (":", "/"):
        compared = {"comparator": sign} if sign in ("<", "<=", ">=", ">") else {}
        return {
            "valueRatio": {"numerator": {"value": first} | unit | compared, "denominator": {"value": second} | unit}
        }
    if middle or second is not None:
        return None
    amount = quantity(f"{sign if sign != '=' else ''}{left}", unit)
    return {"valueQuantity": amount} if amount else None


def _range(low: Decimal | None, high: Decimal | None, unit: Json) -> Json | None:
    ends = {name: {"value": value} | unit for name, value in (("low", low), ("high", high)) if value is not None}
    return {"valueRange": ends} if ends else None


def _time(text: str) -> Json | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = found.group(1), found.group(2) or "00", found.group(3) or "00"
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return None
    return {"valueTime": f"{hour}:{minute}:{second}{found.group(4) or ''}"}
