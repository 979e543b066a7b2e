"""OBX (with its NTE) to Observation or Media, as an item of its report.

Value types: NM and numbers with a comparator → Quantity with the decimal as written · SN → Quantity, Range or Ratio ·
CE, CWE, CNE, CF → CodeableConcept · DT, TS, DTM → dateTime · TM → time · TX, FT, ST and all others → string, whole ·
ED and RP → Media. What a type can't hold is kept as string: a value is never lost.
Source: segment map OBX[Observation] of HL7/v2-to-fhir; HL7 v2.9 section 7.4.2.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from oracle.hl7.charset import GB18030, UTF_8
from oracle.hl7.message import NULL, Repetition, Segment
from oracle.hl7.separators import Separators
from oracle.hl7.timestamps import Stamp
from oracle.normalise import tables
from oracle.normalise.contained import Contained, Part
from oracle.normalise.datatypes import (
    Authority,
    date_time,
    dictionary_concept,
    number,
    period,
    quantity,
    reference_range,
    table_concept,
    unit_of,
)
from oracle.normalise.makers import add_makers
from oracle.normalise.people import person
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered
from salus.core.record import Code, DraftStatus, Item, resource_id

Json = dict[str, Any]

MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 33})
_LAST_OF_MOST = 14  # results of most senders end with OBX-14
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS"})
_DATED = frozenset({"DT", "TS", "DTM"})
_FREE_TEXT = frozenset({"TX", "FT", "ST", ""})
_NATURE = "http://hl7.org/fhir/StructureDefinition/observation-nature-of-abnormal-test"
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d+)?", re.ASCII)
_MIME = {
    "PDF": "application/pdf",
    "JPG": "image/jpeg",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "HTML": "text/html",
    "XML": "application/xml",
    "RTF": "application/rtf",
    "TXT": "text/plain",
    "TEXT": "text/plain",
    "PLAIN": "text/plain",
    "DICOM": "application/dicom",
}
_VALUES = ("Quantity", "String", "CodeableConcept", "DateTime", "Time", "Range", "Ratio", "Period")
# OBX: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    5: (*(f"value{kind}" for kind in _VALUES), "component", "content"),
    7: ("referenceRange",),
    8: ("interpretation",),
    14: ("effectiveDateTime", "createdDateTime"),
    17: ("method",),
    18: ("device",),
    20: ("bodySite",),
}
NOT_ASKED = {"coding": [{"system": f"{tables.TERMINOLOGY}data-absent-reason", "code": "not-asked"}]}


@dataclass(frozen=True, slots=True)
class Note:
    """Words of an NTE, with who wrote them and when."""

    text: str
    author: Part | None = None
    time: str = ""

    def annotation(self, contained: Contained) -> Json:
        """As Annotation; its author is contained."""
        author = {"authorReference": contained.refer(self.author)} if self.author else {}
        return author | ({"time": self.time} if self.time else {}) | {"text": self.text}


def note_of(nte: Segment, home: Authority, reading: Reading) -> Note | None:
    """NTE as a note; None without words."""
    text = "\n".join(one.whole() for one in nte.repetitions(3)).strip()
    if not text:
        return None
    if not (nte.field(5) or nte.field(6)):
        return Note(text)
    written = reading.stamp(nte, 6)
    return Note(text, person(nte.first(5), home, reading.source.zone), written.date_time() if written else "")


@dataclass(slots=True)
class Reported:
    """What an observation takes over from its report. `family` is what its key begins with."""

    record_key: str
    home: Authority
    subject: Json
    encounter: Json | None
    collected: Stamp | None
    collected_text: str
    span: tuple[int, int]
    status: str
    category: str
    family: tuple[str, ...] = ("item",)
    used_keys: Counter[str] = field(default_factory=Counter)


def observation(reading: Reading, obx: Segment, notes: Sequence[str | Note], report: Reported) -> Item:
    """One OBX as an item."""
    reading.leave_out_rest(obx, MAPPED)
    code, codes, words = _meaning(obx.first(3).raw, obx.separators)
    key = _key(report, codes[0], obx.value(4))
    measured = reading.stamp(obx, 14)
    sent_status = obx.value(11).upper() or report.status
    # most results have their report's own stamp; reading stamps again would be a tenth of the work
    span, moment = report.span, report.collected_text
    if measured is not None and measured is not report.collected:
        span, moment = days_of(measured), measured.date_time()
    kind = obx.value(2).upper()
    if kind in ("ED", "RP"):
        resource, texts = _media(obx, kind, code, sent_status, report)
    else:
        resource, texts = _observation(reading, obx, kind, code, sent_status, report)
    if notes or obx.raw.count(obx.separators.field) > _LAST_OF_MOST:
        texts += _add_rest(reading, obx, notes, report.home, resource)
    resource["id"] = resource_id(report.record_key, key)
    if moment:
        resource["createdDateTime" if resource["resourceType"] == "Media" else "effectiveDateTime"] = moment
    return Item(
        key=key,
        resource=resource,
        codes=codes,
        texts=(*words, *filter(None, texts)) if texts else words,
        first_day=span[0],
        last_day=span[1],
        status=tables.DRAFT_STATUS.get(sent_status, DraftStatus.CURRENT),
        said=sent_status,
        cleared=cleared(obx, _ELEMENTS) if NULL in obx.raw else (),
    )


def _add_rest(
    reading: Reading, obx: Segment, notes: Sequence[str | Note], home: Authority, resource: Json
) -> list[str]:
    """Makers and notes, which most results don't have, with the resources these need; the words in them."""
    contained, texts = Contained(), []
    if resource["resourceType"] == "Observation":
        texts += add_makers(reading, obx, home, resource, contained)
    if notes:
        written = [Note(one) if isinstance(one, str) else one for one in notes]
        resource["note"] = [one.annotation(contained) for one in written]
        texts += [one.text for one in written]
    contained.put_into(resource)
    return texts


def attachment(repetition: Repetition) -> tuple[Json, str]:
    """ED or RP as Attachment, with its words when it is text.

    ED: source^type^subtype^encoding^data. Data in another encoding than base64 is stored as UTF-8.
    """
    kind, subtype = repetition.value(2).lower(), repetition.value(3).upper()
    mime = _MIME.get(subtype) or (f"{kind}/{subtype.lower()}" if kind and subtype else "application/octet-stream")
    encoding = repetition.value(4).upper()
    sent = repetition.value(5)
    try:
        data = "".join(sent.split()) if encoding.startswith("BASE64") else ""
        raw = b64decode(data, validate=True) if data else sent.encode()
        if data and len(data) != -(-len(raw) // 3) * 4:  # Python passes over padding beyond the end, FHIR doesn't
            raise ValueError("padding")
    except (binascii.Error, ValueError):
        raw, mime, data = sent.encode(), "application/octet-stream", ""
    words = ""
    if mime.startswith("text/") or mime in ("application/xml", "application/rtf"):
        words = _text_in(raw)
    # what came as base64 goes out as it came: a copy of 50 MB would say nothing new
    content = (data if raw else "") or b64encode(raw).decode("ascii")
    return {"contentType": mime.replace(" ", "")} | ({"data": content} if content else {}), words


def _text_in(raw: bytes) -> str:
    """Text of a document for labelling; what is neither UTF-8 nor GB18030 gives what can be read of it."""
    for codec in (UTF_8, GB18030):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return raw.decode(UTF_8, errors="ignore")


@lru_cache(maxsize=4096)
def _meaning(raw: str, separators: Separators) -> tuple[Json, tuple[Code, ...], tuple[str, ...]]:
    """OBX-3 as code, with the codes and words in it. The result must not be changed."""
    found = dictionary_concept(raw, separators) if raw and raw != NULL else None
    code, codes = found or ({"text": "unnamed"}, (Code("", "", ""),))
    return code, codes, tuple(text for text in (code.get("text"), *(one.display for one in codes)) if text)


def pointer(repetition: Repetition) -> Json:
    """RP as Attachment, without a url when it names none."""
    url = "%20".join(repetition.value(1).split())
    return {"contentType": "application/octet-stream"} | ({"url": url} if url else {})


def _media(obx: Segment, kind: str, code: Json, sent_status: str, report: Reported) -> tuple[Json, list[str]]:
    first = obx.first(5)
    words = ""
    if kind == "RP":
        content = pointer(first)
    else:
        content, words = attachment(first)
    content["title"] = code.get("text") or code["coding"][0]["code"]
    status = {"entered-in-error": "entered-in-error", "cancelled": "not-done"}
    media: Json = {
        "resourceType": "Media",
        "status": status.get(tables.OBSERVATION_STATUS.get(sent_status, ""), "completed"),
        "subject": report.subject,
        "content": content,
    }
    if report.encounter:
        media["encounter"] = report.encounter
    return media, [words]


def _observation(
    reading: Reading, obx: Segment, kind: str, code: Json, sent_status: str, report: Reported
) -> tuple[Json, list[str]]:
    result: Json = {
        "resourceType": "Observation",
        "status": tables.OBSERVATION_STATUS.get(sent_status, "unknown"),
        "code": code,
        "subject": report.subject,
    }
    if report.category:
        result["category"] = _category(report.category)
    if report.encounter:
        result["encounter"] = report.encounter
    separators = obx.separators
    unit_raw = obx.first(6).raw
    unit = unit_of(unit_raw, separators) if unit_raw else {}
    texts = _set_value(reading, obx, kind, unit, result)
    flags = _interpretations(obx.field(8), separators) if obx.field(8) else None
    if flags:
        result["interpretation"] = flags
        texts += [one["text"] for one in flags if "text" in one]
    ranged = reference_range(obx.first(7).raw, unit_raw, separators) if obx.field(7) else None
    if ranged:
        result["referenceRange"] = [ranged]
        if "low" not in ranged and "high" not in ranged:
            texts.append(ranged["text"])
    nature = obx.value(10) if obx.field(10) else ""
    if nature:
        result["extension"] = [{"url": _NATURE, "valueCodeableConcept": table_concept(nature, "0080")}]
    if sent_status == "N":
        result["dataAbsentReason"] = NOT_ASKED
    return result, texts


def _set_value(reading: Reading, obx: Segment, kind: str, unit: Json, result: Json) -> list[str]:
    """Put OBX-5 into value[x], or into components when it repeats; returns the words in it."""
    values = obx.repetitions(5)
    if not values:
        return []
    if kind in _FREE_TEXT:
        text = "\n".join(one.whole() for one in values).strip()
        if text:
            result["valueString"] = text
        return [text]
    if len(values) == 1:
        value, words = _value(reading, kind, values[0], unit)
        result |= value
        return words
    components, texts = [], []
    for one in values:
        value, words = _value(reading, kind, one, unit)
        texts.extend(words)
        components.append({"code": result["code"]} | value)
    result["component"] = components
    return texts


def _value(reading: Reading, kind: str, one: Repetition, unit: Json) -> tuple[Json, list[str]]:
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
        span = period(one.value(1), one.value(2), reading.source.zone)
        value = {"valuePeriod": span} if span else None
    elif kind in _DATED:
        moment = date_time(one.value(1), reading.source.zone)
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


@lru_cache(maxsize=64)
def _category(code: str) -> list[Json]:
    """Category of the observations in a section. The result must not be changed."""
    return [{"coding": [{"system": f"{tables.TERMINOLOGY}observation-category", "code": code}]}]


@lru_cache(maxsize=256)
def _interpretations(raw: str, separators: Separators) -> list[Json]:
    """OBX-8 with its repetitions. The result must not be changed."""
    sent = [Repetition(one, separators) for one in raw.split(separators.repetition) if one and one != NULL]
    return [_interpretation(one.value(1)) for one in sent]


def _interpretation(sent: str) -> Json:
    code = tables.INTERPRETATION.get(sent) or tables.INTERPRETATION.get(sent.upper())
    if code is None:
        return {"text": sent or "?"}
    return {"coding": [{"system": f"{tables.TERMINOLOGY}v3-ObservationInterpretation", "code": code}]}


def _key(report: Reported, code: Code, sub_id: str) -> str:
    """Stable key of an observation in its report: OBX-3 and OBX-4, never OBX-1 (a place in a message means nothing)."""
    return numbered(join_key(*report.family, code.code or code.display, sub_id), report.used_keys)
