"""HL7 v2 data types to FHIR R4 data types, as plain dicts.

Each function takes one repetition of a field and gives None when it holds nothing. Numbers stay decimals exactly as
they were written.
Source: HL7 v2.9 chapter 2A; data type maps of HL7/v2-to-fhir (CX, EI, XPN, XAD, XTN, XCN, HD, CWE, DR, SN).
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
# CWE: components of a code, and where its version and the OID of its system are
_CODED_AT = (1, 4, 10)
_VERSION_AT = {1: 7, 4: 8, 10: 13}
_OID_AT = {1: 14, 4: 17, 10: 20}
_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"

# PID-3.5 values that name a national document rather than the source's own number
ID_CARD_TYPES = frozenset({"NNCHN", "IDENTIFYNO", "IDCARD", "身份证", "居民身份证", "01"})
NATIONAL_TYPES = ID_CARD_TYPES | {"NI", "NN", "SS", "PPN", "DL", "PRC", "MC", "HC", "JHN"}


@dataclass(frozen=True, slots=True)
class Authority:
    """Who assigned an identifier: the word used in source keys, and the FHIR identifier system."""

    key: str
    system: str


@lru_cache(maxsize=1024)
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
def dictionary_concept(
    raw: str, separators: Separators, default_system: str = ""
) -> tuple[Json, tuple[Code, ...]] | None:
    """As `concept`, for codes of a dictionary: the same few hundred come all day. The result must not be changed."""
    return concept(Repetition(raw, separators), default_system)


def concept(repetition: Repetition, default_system: str = "") -> tuple[Json, tuple[Code, ...]] | None:
    """CWE, CE, CNE or CF as CodeableConcept, with its codes for labelling. CWE.9 or the first text becomes text."""
    codings: list[Json] = []
    codes: list[Code] = []
    words = ""
    sent = repetition.count()
    for place in _CODED_AT[: 1 + (sent > 3) + (sent > 9)]:
        code = code_token(repetition.value(place))
        display = text_of(repetition.value(place + 1))
        name = repetition.value(place + 2)
        words = words or display
        if not code:
            continue
        system = system_uri(name) or (_oid_system(repetition, place) if sent > 13 and not name else "")
        system = system or (default_system if place == 1 else "")
        coding: Json = {"code": code}
        if system:
            coding["system"] = system
        if display:
            coding["display"] = display
        version = repetition.value(_VERSION_AT[place]) if sent > 6 else ""
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


def words_of(code: Json) -> list[str]:
    """What a reader sees of a CodeableConcept of `concept`, for labelling: its text and displays, else its codes."""
    codings = code.get("coding", [])
    words = [code.get("text", ""), *(one.get("display", "") for one in codings)]
    return [word for word in words if word] or [one["code"] for one in codings]


def _oid_system(repetition: Repetition, place: int) -> str:
    """System by the OID of CWE.14, 17 or 20, for a code that names no coding system."""
    oid = repetition.value(_OID_AT[place])
    return f"urn:oid:{oid}" if oid[:2] in ("0.", "1.", "2.") else ""


def table_concept(value: str, table: str, display: str = "") -> Json:
    """A coded value of an HL7 table as CodeableConcept."""
    coding: Json = {"system": f"{tables.TERMINOLOGY}v2-{table}", "code": code_token(value)}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


def identifier(repetition: Repetition, default: Authority, zone: tzinfo = SHANGHAI) -> Json | None:
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
        result["type"] = identifier_type(kind)
    sent = repetition.count()
    if sent > 1:
        checked = check_digit(repetition.value(2), repetition.value(3))
        if checked:
            result["extension"] = checked
    facility = repetition.value(6) if sent > 5 else ""
    if facility:
        result["assigner"] = {"display": facility}
    valid = period(repetition.value(7), repetition.value(8), zone) if sent > 6 else None
    if valid:
        result["period"] = valid
    return result


def identifier_type(kind: str) -> Json:
    """Type of an identifier: a code of table 0203 when it looks like one, else words."""
    known = kind.isascii() and kind.isupper() and len(kind) <= 5
    return table_concept(kind, "0203") if known else {"text": kind}


def check_digit(digit: str, scheme: str) -> list[Json]:
    """Extensions of an identifier for its check digit and the scheme of that (CX.2, CX.3; table 0061)."""
    return extensions({"identifier-checkDigit": digit, "namingsystem-checkDigit": scheme})


def extensions(values: dict[str, str]) -> list[Json]:
    """Extensions of FHIR's own with a string, by the last part of their URL; empty ones left out."""
    return [{"url": _EXTENSIONS + name, "valueString": value} for name, value in values.items() if value]


def entity_identifier(repetition: Repetition, default: Authority, kind: str) -> Json | None:
    """EI as Identifier of type `kind` (table 0203: PLAC, FILL …)."""
    value = repetition.value(1)
    if not value:
        return None
    owner = authority(repetition.value(2), repetition.value(3), repetition.value(4)) or default
    return {"type": table_concept(kind, "0203"), "system": owner.system, "value": value}


def pair_identifiers(repetition: Repetition, default: Authority) -> list[Json]:
    """EIP as Identifiers: what the placer and what the filler call it (table 0203: PGN, FGN)."""
    result = []
    for component, kind in ((1, "PGN"), (2, "FGN")):
        value, *owner = (repetition.value(component, place) for place in (1, 2, 3, 4))
        if value:
            system = (authority(*owner) or default).system
            result.append({"type": table_concept(kind, "0203"), "system": system, "value": value})
    return result


def period(start: str, end: str, zone: tzinfo = SHANGHAI) -> Json | None:
    """Two stamps as Period; one that can't be read is left out."""
    moments = {"start": date_time(start, zone) if start else None, "end": date_time(end, zone) if end else None}
    return {name: moment for name, moment in moments.items() if moment} or None


def name_period(repetition: Repetition, span: int, start: int, end: int, zone: tzinfo) -> Json | None:
    """When a name or address is valid: two components of their own, else the parts of a range (DR)."""
    sent = repetition.count()
    if sent >= start:
        found = period(repetition.value(start), repetition.value(end), zone)
        if found:
            return found
    return period(repetition.value(span, 1), repetition.value(span, 2), zone) if sent >= span else None


def family_name(repetition: Repetition, component: int) -> Json:
    """FN as family, with the parts a surname may be made of."""
    family = repetition.value(component)
    result: Json = {"family": family} if family else {}
    if repetition.value(component, 2) or repetition.value(component, 3) or repetition.value(component, 5):
        names = ("humanname-own-prefix", "humanname-own-name", "humanname-partner-prefix", "humanname-partner-name")
        result["_family"] = {
            "extension": extensions({name: repetition.value(component, place) for place, name in enumerate(names, 2)})
        }
    return result


def is_hanzi(text: str) -> bool:
    """Whether a name holds Chinese characters, so that its parts are written without blanks, surname first."""
    return any("\u3400" <= sign <= "\u9fff" for sign in text)


def human_name(repetition: Repetition, zone: tzinfo = SHANGHAI) -> Json | None:
    """XPN as HumanName. A Chinese name sent whole in the first component stays whole: it is never cut in two."""
    family, given, middle = repetition.value(1), repetition.value(2), repetition.value(3)
    if not (family or given):
        return None
    prefix, sent = repetition.value(5), repetition.count()
    suffixes = [repetition.value(place) for place in (4, 6, 14) if place <= sent]
    result: Json = {}
    use = tables.NAME_USE.get(repetition.value(7))
    if use:
        result["use"] = use
    if given:
        hanzi = is_hanzi(family + given)
        parts = (family, given) if hanzi else (prefix, given, middle, family, *suffixes[:1])
        result["text"] = ("" if hanzi else " ").join(part for part in parts if part)
        result |= family_name(repetition, 1)
        result["given"] = [part for part in (given, middle) if part]
    else:
        result["text"] = family
        result |= {} if is_hanzi(family) else family_name(repetition, 1)
    if prefix:
        result["prefix"] = [prefix]
    if any(suffixes):
        result["suffix"] = [suffix for suffix in suffixes if suffix]
    representation = tables.NAME_REPRESENTATION.get(repetition.value(8))
    if representation:
        result["extension"] = [
            {"url": _EXTENSIONS + "iso21090-EN-representation", "valueCode": representation},
        ]
    if sent > 9:
        add_order_and_period(result, repetition.value(11), name_period(repetition, 10, 12, 13, zone))
    return result


def add_order_and_period(name: Json, order: str, valid: Json | None) -> None:
    """Put the assembly order of a name (table 0444) and when it is valid."""
    if order in tables.NAME_ORDER:
        found = {"url": _EXTENSIONS + "humanname-assembly-order", "valueCode": order}
        name["extension"] = [*name.get("extension", []), found]
    if valid:
        name["period"] = valid


def address(repetition: Repetition, zone: tzinfo = SHANGHAI) -> Json | None:
    """XAD as Address."""
    sent = repetition.count()
    lines = [repetition.value(1)]
    if repetition.value(1, 2) or repetition.value(1, 3):
        lines += [repetition.value(1, 2), repetition.value(1, 3)]
    lines += [repetition.value(2), repetition.value(19) if sent > 18 else ""]
    parts = {
        "line": [line for line in lines if line],
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
    if sent > 9:
        tract = extensions({"iso21090-ADXP-censusTract": repetition.value(10)})
        if tract:
            result["extension"] = tract
        valid = name_period(repetition, 12, 13, 14, zone)
        if valid:
            result["period"] = valid
    return result


def telecom(repetition: Repetition, default_use: str = "", zone: tzinfo = SHANGHAI) -> Json | None:
    """XTN as ContactPoint. The unformatted number (XTN.12) goes before the parts, these before XTN.1."""
    equipment = repetition.value(3)
    is_net = equipment in ("Internet", "X.400")
    sent = repetition.count()
    country, area, local, inner = (repetition.value(place) for place in (5, 6, 7, 8)) if sent > 4 else ("", "", "", "")
    number = repetition.value(12) if sent > 11 else ""
    if not number and local and not is_net:
        parts = (f"+{country}" if country else "", area, local, f"X{inner}" if inner else "")
        number = " ".join(part for part in parts if part)
    number = number or repetition.value(1)
    email = repetition.value(4)
    value = (email or number) if is_net else (number or email)
    if not value:
        return None
    system = "email" if value == email else tables.TELECOM_SYSTEM.get(equipment, "phone")
    use = "mobile" if equipment == "CP" else tables.TELECOM_USE.get(repetition.value(2), default_use)
    result: Json = {"system": system, "value": value}
    if use:
        result["use"] = use
    if sent > 4:
        names = {"country": country, "area": area, "local": local, "extension": inner}
        found = extensions({f"contactpoint-{name}": part for name, part in names.items()})
        if found:
            result["extension"] = found
    if sent > 12:
        valid = period(repetition.value(13), repetition.value(14), zone)
        if valid:
            result["period"] = valid
        rank = repetition.value(18)
        if rank.isascii() and rank.isdigit() and 0 < int(rank) < 100:
            result["rank"] = int(rank)
    return result


def practitioner(repetition: Repetition, default: Authority) -> Json | None:
    """XCN as a logical reference to a Practitioner."""
    number, family, given = repetition.value(1), repetition.value(2), repetition.value(3)
    if not (number or family or given):
        return None
    result: Json = {"type": "Practitioner"}
    if number:
        owner = authority_of(repetition, 9) or default
        result["identifier"] = {"system": owner.system, "value": number}
    name = (family + given) if is_hanzi(family + given) else " ".join(part for part in (given, family) if part)
    if name:
        result["display"] = name
    return result


def number(text: str) -> Decimal | None:
    """A decimal exactly as written; None if the text is no plain number. A leading plus and bare point are allowed."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def is_number(text: str) -> bool:
    """Whether `number` reads a text."""
    return _NUMBER.fullmatch(text) is not None


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
    """OBX-6 as the unit part of a Quantity; a code only with its system. The result must not be changed."""
    unit = Repetition(raw, separators)
    if not unit:
        return {}
    code, words = unit.value(1), unit.value(2)
    if unit.count() > 8:
        words = unit.value(9) or words
    result: Json = {"unit": words or code}
    system = system_uri(unit.value(3)) if code else ""
    if system:
        result |= {"system": system, "code": code_token(code)}
    return result if result["unit"] else {}


def amount(repetition: Repetition) -> Json | None:
    """CQ as Quantity; None when its number is none."""
    unit = repetition.inner(2)
    return quantity(repetition.value(1), unit_of(unit.raw, unit.separators))


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
