"""Sensitive topics by code, and the level each topic asks for. Rules version 2026-11-27.

Chinese clinical codes extend the WHO's (`B20.x00x001`), so ICD-10 is matched by prefix, never by whole codes. National
insurance codes of drugs (医保药品代码, `XN05AXL112A001010103273`) hold the first four levels of ATC after their X.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from oracle.label import codes as tables
from salus.core.labels import Confidentiality, Topic

VERSION: Final = "2026-11-27"

_R, _V = Confidentiality.R, Confidentiality.V

# Topic → level and confidentiality it raises a record to; VIP alone raises nothing, it asks for an alert
TOPIC_LEVEL = MappingProxyType(
    dict.fromkeys(Topic, (5, _R))
    | {
        Topic.PSYTHPN: (5, _V),
        Topic.SDV: (5, _V),
        Topic.HGR: (5, _V),
        Topic.VIP: (4, Confidentiality.N),
    }
)

# What the normaliser says about an item in its own system
_OWN: dict[str, Topic] = {"identity": Topic.IDENTITY, "restricted": Topic.PHY}

_NONE: Final = Topic(0)
_LOINC_SYSTEM: Final = "http://loinc.org"
_SNOMED_SYSTEM: Final = "http://snomed.info/sct"
_ATC_SYSTEM: Final = "http://www.whocc.no/atc"
_OWN_SYSTEM: Final = "urn:salus:item"
_ICD_10_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-10"
_ICD_9_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-9-cm"
_ICD_SHAPE = re.compile(r"[A-Z]\d[0-9A-Z](?:[.xX0-9+*†].*)?", re.ASCII)
# A dagger code may stand beside its asterisk code, in either order
_ICD_PARTS = re.compile(r"(?:^|[*+†\s,;/])([A-Z]\d[0-9A-Z][.0-9X]*)", re.ASCII)
_ATC_SHAPE = re.compile(r"[A-Z]\d{2}[A-Z]{2}\d{2}", re.ASCII)
_INSURANCE_SHAPE = re.compile(r"X([A-Z]\d{2}[A-Z]{2})[A-Z]\d{3}[A-Z]\d{3}\d{4,10}", re.ASCII)
_RANGE = re.compile(r"([A-Z])(\d{2})-\1(\d{2})")
_LONGEST_CODE = 40


def topics_of_code(system: str, code: str, *, is_diagnosis: bool = False) -> Topic:
    """Topics a code means. A diagnosis in an unnamed or local system counts as ICD-10 when it has its shape."""
    if system == _LOINC_SYSTEM:
        return BY_LOINC.get(code, _NONE)
    if system == _OWN_SYSTEM:
        return _OWN.get(code, _NONE)
    if system == _SNOMED_SYSTEM:
        return _BY_SNOMED.get(code, _NONE)
    if system.startswith(_ICD_10_SYSTEM):
        return topics_of_icd_10(code)
    if system.startswith(_ICD_9_SYSTEM):
        return _by_prefix(_BY_ICD_9, code, (2, 4, 5))
    plain = code.strip().upper()[:_LONGEST_CODE]
    if system == _ATC_SYSTEM or _ATC_SHAPE.fullmatch(plain):
        return _topics_of_atc(plain)
    insured = _INSURANCE_SHAPE.fullmatch(plain)
    if insured is not None:
        return _topics_of_atc(insured.group(1))
    if (is_diagnosis or "ICD" in system.upper()) and _ICD_SHAPE.fullmatch(plain):
        return topics_of_icd_10(code)
    return BY_LOINC.get(code, _NONE) if not is_diagnosis else _NONE


def topics_of_icd_10(code: str) -> Topic:
    """Topics of an ICD-10 code with or without its point, extended or not; of both of a dagger and asterisk pair."""
    found = _NONE
    for plain in _ICD_PARTS.findall(code.upper()[:_LONGEST_CODE]):
        pointed = f"{plain[:3]}.{plain[3:]}" if len(plain) > 3 and plain[3] != "." else plain
        found |= _by_prefix(BY_ICD_10, pointed, (3, 5))
    return found


def _topics_of_atc(code: str) -> Topic:
    """Topics of an ATC code of any level; of the class alone when it says no drug."""
    found = _by_prefix(_BY_ATC, code, (3, 4, 5, 7)) & ~_ATC_NOT.get(code, _NONE)
    return found | _ATC_4.get(code, _NONE)


def _by_prefix(table: Mapping[str, Topic], code: str, lengths: tuple[int, ...]) -> Topic:
    found = _NONE
    for length in lengths:
        found |= table.get(code[:length], _NONE)
    return found


def _index(rows: dict[Topic, str]) -> MappingProxyType[str, Topic]:
    """Prefix → topics, with ranges of three-character categories written out."""
    index: dict[str, Topic] = {}
    for topic, words in rows.items():
        for word in words.split():
            span = _RANGE.fullmatch(word)
            numbers = range(int(span.group(2)), int(span.group(3)) + 1) if span else ()
            for prefix in [f"{word[0]}{number:02d}" for number in numbers] or [word]:
                index[prefix] = index.get(prefix, _NONE) | topic
    return MappingProxyType(index)


BY_ICD_10 = _index(tables.ICD_10)
BY_LOINC = _index(tables.LOINC)
_BY_SNOMED = _index(tables.SNOMED_CT)
_BY_ATC = _index(tables.ATC)
_ATC_NOT = _index(tables.ATC_NOT)
_ATC_4 = _index(tables.ATC_4)
_BY_ICD_9 = _index(tables.ICD_9_PROCEDURES)
