"""OBX (with its NTE) to Observation or Media, as an item of its report.

What the test says (frame.py) and its value (values.py) make an Observation; ED and RP make a Media.
Source: segment map OBX[Observation] of HL7/v2-to-fhir; HL7 v2.9 section 7.4.2.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oracle.hl7.charset import GB18030, UTF_8
from oracle.hl7.message import NULL, Repetition, Segment
from oracle.normalise.contained import Contained, Part
from oracle.normalise.datatypes import Authority
from oracle.normalise.frame import Frame, frame_of
from oracle.normalise.makers import add_makers
from oracle.normalise.people import person
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered
from oracle.normalise.values import set_value
from salus.core.record import Code, Item, resource_id

Json = dict[str, Any]

MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 33})
_LAST_OF_MOST = 14  # results of most senders end with OBX-14
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
    """What an observation takes over from its report. `family` is what its key begins with.

    `span` and `moment` are the days and the time (FHIR dateTime, "" when unknown) of what has none of its own.
    """

    record_key: str
    home: Authority
    subject: Json
    encounter: Json | None
    span: tuple[int, int]
    moment: str
    status: str
    category: str
    family: tuple[str, ...] = ("item",)
    used_keys: Counter[str] = field(default_factory=Counter)
    _taken: dict[str, tuple[tuple[int, int], str]] = field(default_factory=dict)

    def taken(self, reading: Reading, obx: Segment) -> tuple[tuple[int, int], str]:
        """Days and time of a result: its own (OBX-14), else the report's. Most results of a report have the same."""
        sent = obx.field(14)
        known = self._taken.get(sent)
        if known is None:
            own = reading.stamp(obx, 14)
            known = self._taken[sent] = (days_of(own), own.date_time()) if own else (self.span, self.moment)
        return known


def observation(reading: Reading, obx: Segment, notes: Sequence[str | Note], report: Reported) -> Item:
    """One OBX as an item."""
    reading.leave_out_rest(obx, MAPPED)
    frame = frame_of(obx, report.status, report.category)
    key = _key(report, frame.codes[0], obx.value(4))
    span, moment = report.taken(reading, obx)
    if frame.kind in ("ED", "RP"):
        resource, texts = _media(obx, frame)
    else:
        resource = dict(frame.resource)
        texts = set_value(obx, frame.kind, frame.unit, reading.source.zone, resource)
        texts += frame.texts
    resource["subject"] = report.subject
    if report.encounter:
        resource["encounter"] = report.encounter
    if notes or obx.raw.count(obx.separators.field) > _LAST_OF_MOST:
        texts += _add_rest(reading, obx, notes, report.home, resource)
    resource["id"] = resource_id(report.record_key, key)
    if moment:
        resource["createdDateTime" if resource["resourceType"] == "Media" else "effectiveDateTime"] = moment
    return Item(
        key=key,
        resource=resource,
        codes=frame.codes,
        texts=(*frame.words, *filter(None, texts)) if texts else frame.words,
        first_day=span[0],
        last_day=span[1],
        status=frame.draft_status,
        said=frame.status,
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


def pointer(repetition: Repetition) -> Json:
    """RP as Attachment, without a url when it names none."""
    url = "%20".join(repetition.value(1).split())
    return {"contentType": "application/octet-stream"} | ({"url": url} if url else {})


def _media(obx: Segment, frame: Frame) -> tuple[Json, list[str]]:
    first = obx.first(5)
    words = ""
    if frame.kind == "RP":
        content = pointer(first)
    else:
        content, words = attachment(first)
    content["title"] = frame.code.get("text") or frame.code["coding"][0]["code"]
    status = {"entered-in-error": "entered-in-error", "cancelled": "not-done"}
    media: Json = {
        "resourceType": "Media",
        "status": status.get(frame.resource["status"], "completed"),
        "content": content,
    }
    return media, [words]


def _key(report: Reported, code: Code, sub_id: str) -> str:
    """Stable key of an observation in its report: OBX-3 and OBX-4, never OBX-1 (a place in a message means nothing)."""
    return numbered(join_key(*report.family, code.code or code.display, sub_id), report.used_keys)
