"""HL7 v2 data types to FHIR R4 data types, as plain dicts.

Each function takes one repetition of a field and gives None when it holds nothing. Numbers stay decimals exactly as
they were written.
Source: HL7 v2.9 chapter 2A; data type maps of HL7/v2-to-fhir (CX, XPN, XAD, XTN, XCN, HD, CWE).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from oracle.hl7.errors import FieldError
from oracle.hl7.message import Repetition
from oracle.hl7.separators import Separators
from oracle.hl7.timestamps import SHANGHAI, parse_stamp
from oracle.normalise import tables
from salus.core.record import Code

Json = dict[str, Any]

_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})", re.ASCII)
_COMPARED = re.compile(r"(<=|>=|<|>|≤|≥|＜|＞)\s*(.+)")
_COMPARATOR = {"≤": "<=", "≥": ">=", "＜": "<", "＞": ">"}
_RANGE = re.compile(r"\s*([+-]?[\d.]+)\s*(?:-{1,2}|~|～|—|－)\s*([+-]?[\d.]+)\s*", re.ASCII)
_BLANKS = re.compile(r"\s+")

# PID-3.5 values that name a national document rather than the source's own number
ID_CARD_TYPES = frozenset({"NNCHN", "IDENTIFYNO", "IDCARD", "身份证", "居民身份证", "01"})
NATIONAL_TYPES = ID_CARD_TYPES | {"NI", "NN", "SS", "PPN", "DL", "PRC", "MC", "HC", "JHN"}


@dataclass(frozen=True, slots=True)
class Authority:
    """Who assigned an identifier: the word used in source keys, and the FHIR identifier system."""

    key: str
    system: str


def authority(namespace: str, universal_id: str = "", universal_type: str = "") -> Authority | None:
    """Authority named by an HD; None if it names nobody."""
    if not namespace and not universal_id:
        return None
    system = (
        {
            "ISO": f"urn:oid:{universal_id}",
            "UUID": f"urn:uuid:{universal_id.lower()}",
            "GUID": f"urn:uuid:{universal_id.lower()}",
            "URI": universal_id,
            "HCD": f"urn:id:{quote(universal_id)}",
            "DNS": f"urn:id:{quote(universal_id)}",
        }.get(universal_type.upper())
        if universal_id
        else None
    )
    if system is None or " " in system:
        system = f"urn:id:{quote(namespace or universal_id)}"
    return Authority(namespace or universal_id, system)


def authority_of(repetition: Repetition, component: int) -> Authority | None:
    """Authority in a component of type HD (its parts are subcomponents)."""
    return authority(*(repetition.value(component, place) for place in (1, 2, 3)))


def text_of(value: str) -> str:
    """A FHIR string: no blanks around it."""
    return value.strip()


def code_token(value: str) -> str:
    """A FHIR code: single blanks inside, none around."""
    return _BLANKS.sub(" ", value.strip())


def system_uri(name: str) -> str:
    """FHIR system of a coding system name (table 0396); "" for none."""
    if not name:
        return ""
    upper = name.upper()
    if upper.startswith("HL7") and len(upper) == 7 and upper[3:].isdigit():
        return f"{tables.TERMINOLOGY}v2-{upper[3:]}"
    return tables.CODE_SYSTEM.get(upper) or f"urn:id:{quote(name)}"


@lru_cache(maxsize=4096)
def dictionary_concept(raw: str, separators: Separators) -> tuple[Json, tuple[Code, ...]] | None:
    """As `concept`, for fields that name tests: the same few hundred come all day. The result must not be changed."""
    return concept(Repetition(raw, separators))


def concept(repetition: Repetition, default_system: str = "") -> tuple[Json, tuple[Code, ...]] | None:
    """CWE, CE, CNE or CF as CodeableConcept, with its codes for labelling. CWE.9 or the first text becomes text."""
    codings: list[Json] = []
    codes: list[Code] = []
    words = ""
    sent = repetition.count()
    for place in (1, 4) if sent > 3 else (1,):
        code = code_token(repetition.value(place))
        display = text_of(repetition.value(place + 1))
        name = repetition.value(place + 2)
        words = words or display
        if not code:
            continue
        system = system_uri(name) or (default_system if place == 1 else "")
        coding: Json = {"code": code}
        if system:
            coding["system"] = system
        if display:
            coding["display"] = display
        version = repetition.value(7 if place == 1 else 8) if sent > 6 else ""
        if version and system:
            coding["version"] = version
        codings.append(coding)
        codes.append(Code(system, code, display))
    words = (text_of(repetition.value(9)) if sent > 8 else "") or words
    if not codings and not words:
        return None
    result: Json = {"coding": codings} if codings else {}
    if words:
        result["text"] = words
    return result, tuple(codes) or (Code("", "", words),)


def table_concept(value: str, table: str, display: str = "") -> Json:
    """A coded value of an HL7 table as CodeableConcept."""
    coding: Json = {"system": f"{tables.TERMINOLOGY}v2-{table}", "code": code_token(value)}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


def identifier(repetition: Repetition, default: Authority) -> Json | None:
    """CX as Identifier. Chinese identity card numbers get their own OID as system."""
    value = repetition.value(1)
    if not value:
        return None
    kind = repetition.value(5)
    result: Json = {}
    if kind.upper() in ID_CARD_TYPES:
        result["system"] = tables.CHINESE_ID_CARD
        kind = "NNCHN"
    else:
        result["system"] = (authority_of(repetition, 4) or default).system
    result["value"] = value
    if kind:
        known = kind.isascii() and kind.isupper() and len(kind) <= 5
        result["type"] = table_concept(kind, "0203") if known else {"text": kind}
    facility = repetition.value(6)
    if facility:
        result["assigner"] = {"display": facility}
    return result


def entity_identifier(repetition: Repetition, default: Authority, kind: str) -> Json | None:
    """EI as Identifier of type `kind` (table 0203: PLAC, FILL …)."""
    value = repetition.value(1)
    if not value:
        return None
    owner = authority(repetition.value(2), repetition.value(3), repetition.value(4)) or default
    return {"type": table_concept(kind, "0203"), "system": owner.system, "value": value}


def human_name(repetition: Repetition) -> Json | None:
    """XPN as HumanName. A Chinese name sent whole in the first component stays whole: it is never cut in two."""
    family, given, middle = repetition.value(1), repetition.value(2), repetition.value(3)
    suffix, prefix = repetition.value(4), repetition.value(5)
    if not (family or given):
        return None
    result: Json = {}
    use = tables.NAME_USE.get(repetition.value(7))
    if use:
        result["use"] = use
    if given:
        hanzi = any("\u3400" <= sign <= "\u9fff" for sign in family + given)
        parts = (family, given) if hanzi else (prefix, given, middle, family, suffix)
        result["text"] = ("" if hanzi else " ").join(part for part in parts if part)
        result["family"] = family
        result["given"] = [part for part in (given, middle) if part]
        if not family:
            del result["family"]
    else:
        result["text"] = family
    if prefix:
        result["prefix"] = [prefix]
    if suffix:
        result["suffix"] = [suffix]
    representation = tables.NAME_REPRESENTATION.get(repetition.value(8))
    if representation:
        result["extension"] = [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation",
                "valueCode": representation,
            }
        ]
    return result


def address(repetition: Repetition) -> Json | None:
    """XAD as Address."""
    lines = [line for line in (repetition.value(1), repetition.value(2)) if line]
    parts = {
        "line": lines,
        "city": repetition.value(3),
        "state": repetition.value(4),
        "postalCode": repetition.value(5),
        "country": repetition.value(6),
        "district": repetition.value(9),
    }
    result: Json = {name: value for name, value in parts.items() if value}
    if not result:
        return None
    kind = repetition.value(7)
    if kind in tables.ADDRESS_USE:
        result["use"] = tables.ADDRESS_USE[kind]
    if kind in tables.ADDRESS_TYPE:
        result["type"] = tables.ADDRESS_TYPE[kind]
    return result


def telecom(repetition: Repetition, default_use: str = "") -> Json | None:
    """XTN as ContactPoint."""
    number = repetition.value(1) or repetition.value(12)
    email = repetition.value(4)
    if not number and repetition.value(7):
        number = "".join(f"{part} " for part in map(repetition.value, (5, 6, 7)) if part).strip()
    value = number or email
    if not value:
        return None
    equipment = repetition.value(3)
    system = "email" if email and not number else tables.TELECOM_SYSTEM.get(equipment, "phone")
    use = "mobile" if equipment == "CP" else tables.TELECOM_USE.get(repetition.value(2), default_use)
    return {"system": system, "value": value} | ({"use": use} if use else {})


def practitioner(repetition: Repetition, default: Authority) -> Json | None:
    """XCN as a logical reference to a Practitioner."""
    number, family, given = repetition.value(1), repetition.value(2), repetition.value(3)
    if not (number or family or given):
        return None
    result: Json = {"type": "Practitioner"}
    if number:
        owner = authority_of(repetition, 9) or default
        result["identifier"] = {"system": owner.system, "value": number}
    hanzi = any("\u3400" <= sign <= "\u9fff" for sign in family + given)
    name = (family + given) if hanzi else " ".join(part for part in (given, family) if part)
    if name:
        result["display"] = name
    return result


def number(text: str) -> Decimal | None:
    """A decimal exactly as written; None if the text is no plain number. A leading plus and bare point are allowed."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def quantity(text: str, unit: Json) -> Json | None:
    """NM, or a number with a comparator in front, as Quantity with the unit of `unit_of`; None if it is neither."""
    text = text.strip()
    compared = _COMPARED.fullmatch(text)
    value = number(compared.group(2).strip() if compared else text)
    if value is None:
        return None
    result: Json = {"value": value}
    if compared:
        sign = compared.group(1)
        result["comparator"] = _COMPARATOR.get(sign, sign)
    return result | unit


@lru_cache(maxsize=1024)
def unit_of(raw: str, separators: Separators) -> Json:
    """OBX-6 as the unit part of a Quantity; system and code only for UCUM. The result must not be changed."""
    unit = Repetition(raw, separators)
    if not unit:
        return {}
    code, words = unit.value(1), unit.value(2)
    result: Json = {"unit": words or code}
    if code and unit.value(3).upper() == "UCUM":
        result |= {"system": "http://unitsofmeasure.org", "code": code_token(code)}
    return result if result["unit"] else {}


@lru_cache(maxsize=4096)
def reference_range(raw: str, unit_raw: str, separators: Separators) -> Json | None:
    """OBX-7 as referenceRange, with the unit of OBX-6: the text always, low and high when it says numbers.

    The result must not be changed.
    """
    text = Repetition(raw, separators).whole().strip()
    if not text:
        return None
    unit = unit_of(unit_raw, separators) if unit_raw else {}
    result: Json = {"text": text}
    span = _RANGE.fullmatch(text)
    bounds = _COMPARED.fullmatch(text)
    if span:
        low, high = number(span.group(1)), number(span.group(2))
        if low is not None and high is not None:
            result["low"] = {"value": low} | unit
            result["high"] = {"value": high} | unit
    elif bounds:
        bound = number(bounds.group(2).strip())
        if bound is not None:
            side = "high" if bounds.group(1) in ("<", "<=", "≤", "＜") else "low"
            result[side] = {"value": bound} | unit
    return result


def date_time(text: str, zone: tzinfo = SHANGHAI) -> str | None:
    """TS, DT or DTM as FHIR dateTime; None if it can't be read."""
    try:
        stamp = parse_stamp(text, zone)
    except FieldError:
        return None
    return stamp.date_time() if stamp else None
