"""Sensitive topics by code. Rules version 2026-11-23.

ICD-10 prefixes are the WHO's; Chinese clinical codes extend them (`B20.x00x001`), so prefixes are matched, never whole
codes. Lists follow the project's classification table (GB/T 39725-2020 level 5 examples, HL7 v3 ActCode sensitivity).
They err on the side of too sensitive, and a coder of the institution should review them before production.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from salus.core.labels import Confidentiality, Topic

VERSION: Final = "2026-11-23"

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

_ICD_10: dict[Topic, str] = {
    Topic.HIV: "B20-B24 Z21 R75 O98.7 F02.4 Z11.4 Z20.6 Z71.7",
    Topic.STD: "A50-A64 Z11.3 O98.1 O98.2 O98.3",
    Topic.MH: "F00-F09 F20-F69 F90-F99 X60-X84 Z91.5",
    Topic.SUD: "F10-F19 K70 G31.2 T40 Y90 Y91 Z71.4 Z71.5 R78.0 R78.1 R78.2 R78.3 R78.4 R78.5 P96.1 Z86.4",
    Topic.GDIS: "Q90-Q99 D56-D58 D66 D67 D68.0 D68.1 E70-E77 E84 G10-G12 G71 Z31.5 Z80-Z84",
    Topic.SEX: "N46 N97 N98 F52 F64-F66 N48.4 Z30 Z31 Z64.0",
    Topic.PREGNANT: "O00-O99 Z32-Z36 Z39",
    Topic.SDV: "T74 Y05-Y07 Z04.4 Z04.5 Z61.4 Z61.5 Z61.6",
    Topic.NOTIFIABLE: "A00 A15-A20 A22 A27 A33-A39 A80-A82 B15-B19 B50-B54 U04.9 U07.1",
    Topic.HBV: "B16 B17.0 B18.0 B18.1 Z22.5",
    Topic.DVD: "F70-F89 G30",
}

_LOINC: dict[Topic, str] = {
    Topic.HIV: (
        "25836-8 25842-6 9836-8 89365-1 20447-9 56888-1 7917-8 7918-6 5221-7 5222-5 29893-5 30361-0 31201-7 68961-2 "
        "75622-1 80387-4 24467-3"
    ),
    Topic.STD: (
        "20507-0 20508-8 22461-8 31147-2 5291-0 5292-8 22587-0 24110-9 24312-1 5392-6 5393-4 47236-5 43304-5 43305-2 "
        "21440-3 59420-0 77379-6"
    ),
    Topic.HBV: (
        "5195-3 5196-1 5193-8 5194-6 5197-9 10900-9 13952-7 13953-5 13954-3 16933-4 16935-9 22316-4 22322-2 24113-3 "
        "29615-2 42595-9 63557-3"
    ),
    Topic.MH: "44261-6 44249-1 69737-5 70274-6 89208-3",
    Topic.SUD: "74013-4 75626-2 72110-0 5640-8 5643-2 3426-4 3397-7 3349-8 19295-5",
    Topic.PREGNANT: "2106-3 2112-1 2118-8 19080-1 21198-7 45194-8 82810-3 11778-8",
    Topic.SEX: "9780-8 10570-0 9763-4 50827-5",
    Topic.GDIS: "29770-5 51969-4 48018-6 81247-9 21636-6 21639-0",
    Topic.NOTIFIABLE: "94500-6 94558-4 94309-2 16128-1 13955-0 11259-9 38379-4",
}

# ATC prefixes: antiretrovirals, psycholeptics and psychoanaleptics, drugs used in addictive disorders
_ATC: dict[Topic, str] = {Topic.HIV: "J05AR", Topic.MH: "N05 N06", Topic.SUD: "N07B"}

# What the normaliser says about an item in its own system
_OWN: dict[str, Topic] = {"identity": Topic.IDENTITY, "restricted": Topic.PHY}

_LOINC_SYSTEM: Final = "http://loinc.org"
_ATC_SYSTEM: Final = "http://www.whocc.no/atc"
_OWN_SYSTEM: Final = "urn:salus:item"
_ICD_SYSTEM: Final = "http://hl7.org/fhir/sid/icd-10"
_ICD_SHAPE = re.compile(r"[A-Z]\d{2}(?:[.xX0-9+*].*)?", re.ASCII)
_RANGE = re.compile(r"([A-Z])(\d{2})-\1(\d{2})")


def topics_of_code(system: str, code: str, *, is_diagnosis: bool = False) -> Topic:
    """Topics a code means. A diagnosis in an unnamed or local system counts as ICD-10 when it has its shape."""
    if system == _LOINC_SYSTEM:
        return BY_LOINC.get(code, Topic(0))
    if system == _OWN_SYSTEM:
        return _OWN.get(code, Topic(0))
    if system == _ATC_SYSTEM:
        return _by_prefix(_BY_ATC, code.upper(), (3, 4, 5))
    if system.startswith(_ICD_SYSTEM) or (is_diagnosis and _ICD_SHAPE.fullmatch(code.upper())):
        return topics_of_icd_10(code)
    return BY_LOINC.get(code, Topic(0)) if not is_diagnosis else Topic(0)


def topics_of_icd_10(code: str) -> Topic:
    """Topics of an ICD-10 code with or without its point, extended or not."""
    plain = code.strip().upper()
    if len(plain) > 3 and plain[3] != ".":
        plain = f"{plain[:3]}.{plain[3:]}"
    return _by_prefix(BY_ICD_10, plain, (3, 5))


def _by_prefix(table: MappingProxyType[str, Topic], code: str, lengths: tuple[int, ...]) -> Topic:
    found = Topic(0)
    for length in lengths:
        found |= table.get(code[:length], Topic(0))
    return found


def _index(rows: dict[Topic, str]) -> MappingProxyType[str, Topic]:
    """Prefix → topics, with ranges of three-character categories written out."""
    index: dict[str, Topic] = {}
    for topic, words in rows.items():
        for word in words.split():
            span = _RANGE.fullmatch(word)
            numbers = range(int(span.group(2)), int(span.group(3)) + 1) if span else ()
            for prefix in [f"{word[0]}{number:02d}" for number in numbers] or [word]:
                index[prefix] = index.get(prefix, Topic(0)) | topic
    return MappingProxyType(index)


BY_ICD_10 = _index(_ICD_10)
BY_LOINC = _index(_LOINC)
_BY_ATC = _index(_ATC)
