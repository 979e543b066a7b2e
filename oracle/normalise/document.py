"""MDM: one DocumentReference for each document, with the text or file inside.

Text OBX segments are joined to one plain-text attachment in UTF-8; each ED or RP is an attachment of its own.
Source: message map MDM_T02, segment map TXA[DocumentReference] of HL7/v2-to-fhir; tables 0271 and 0273.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Segment
from oracle.normalise import local, tables
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import Authority, authority, concept, entity_identifier, table_concept
from oracle.normalise.errors import NormaliseError
from oracle.normalise.observation import attachment, pointer
from oracle.normalise.patient import Subject, home_authority, subject_of
from oracle.normalise.people import person
from oracle.normalise.reading import Reading, cleared, days_of, join_key
from oracle.normalise.visit import encounter_reference, stay_keys, visit_labels
from salus.core.record import Code, DraftStatus, NormalisedGroup

Json = dict[str, Any]

_TAKEN = frozenset({"MSH", "EVN", "PID", "PD1", "PV1", "TXA", "OBX", "SFT", "ARV"})
# TXA-3, the form of the content, is said by each OBX itself
_TXA_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 16, 17, 18, 19, 22, 25})
# TXA: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    4: ("context.period",),
    9: ("author",),
    13: ("relatesTo",),
    16: ("identifier",),
    17: ("docStatus",),
    18: ("securityLabel",),
    25: ("description",),
}
_REPLACES = frozenset({"T08", "T10"})


def document(reading: Reading) -> list[NormalisedGroup]:
    """The group of a document message.

    Raises:
        NormaliseError: no TXA, no patient number, or a document without content.
    """
    message = reading.message
    home = home_authority(message, reading.source)
    subject = subject_of(reading, message.first("PID"))
    txa = message.first("TXA")
    if txa is None:
        raise NormaliseError("the message has no TXA segment", message.header.at())
    reading.leave_out_rest(txa, _TXA_MAPPED)
    for segment in message.segments:
        if segment.name not in _TAKEN and not local.is_local(segment):
            reading.leave_out(segment)
    kind = concept(txa.first(2), f"{tables.TERMINOLOGY}v2-0270") if txa.field(2) else None
    code, codes = kind or ({"text": "unnamed"}, (Code("", "", ""),))
    contents, words = _contents(message.all("OBX"))
    if not contents:
        raise NormaliseError("the document has no content", txa.at(), condition=Condition.SEGMENT_SEQUENCE)
    titles = [text for obx in message.all("OBX") if (text := obx.value(3, 2))]
    codes += tuple(Code("", obx.value(3), obx.value(3, 2)) for obx in message.all("OBX") if obx.value(3))
    happened = reading.stamp(txa, 4)
    made = reading.stamp(txa, 6) or reading.stamp(txa, 7) or reading.stamp(txa, 8)
    availability = txa.value(19).upper()
    head: Json = {
        "resourceType": "DocumentReference",
        "status": tables.DOCUMENT_AVAILABILITY.get(availability, "current"),
        "type": code,
        "subject": subject.reference,
        "custodian": {"type": "Organization", "display": reading.source.name},
        "content": [{"attachment": dict(one, title=code.get("text") or codes[0].code)} for one in contents],
    }
    completion = tables.DOCUMENT_COMPLETION.get(txa.value(17).upper())
    if completion:
        head["docStatus"] = completion
    key = _key(reading, txa, home, subject, contents)
    own = entity_identifier(txa.first(12), home, "FILL") if txa.field(12) else None
    if own:
        head["masterIdentifier"] = {"system": own["system"], "value": own["value"]}
    parent = entity_identifier(txa.first(13), home, "FILL") if txa.field(13) else None
    if parent:
        relation = "replaces" if message.type[1] == "T10" else "appends"
        target = {"type": "DocumentReference", "identifier": parent}
        head["relatesTo"] = [{"code": relation, "target": target}]
    if made:
        reading.set_instant(head, "date", made, txa, 6)
    _describe(reading, txa, home, head)
    own_texts = local.keep(head, filter(local.is_local, message.segments))
    head |= _context(reading, home)
    if happened:
        head.setdefault("context", {})["period"] = {"start": happened.date_time()}
    first, last = days_of(happened or made)
    labels = (f"0272:{txa.value(18)}",) if txa.value(18) else ()
    return [
        NormalisedGroup(
            record_key=key,
            subject_key=subject.key,
            kind="document",
            head=head,
            items=(),
            codes=codes,
            texts=tuple(
                text for text in (code.get("text"), txa.value(16), txa.value(25), *titles, *words, *own_texts) if text
            ),
            first_day=first,
            last_day=last,
            status=_status(message.type[1], availability),
            section=txa.value(2).upper(),
            visit_class=_visit_class(reading),
            source_labels=subject.source_labels + visit_labels(reading) + labels,
            birth_day=subject.birth_day,
            is_checkup=reading.source.is_checkup_centre,
            also=stay_keys(message.first("PV1"), message.first("PID"), home),
            unmapped=reading.unmapped,
            cleared=cleared(txa, _ELEMENTS),
        )
    ]


def _describe(reading: Reading, txa: Segment, home: Authority, head: Json) -> None:
    """File name, confidentiality, title; authors (TXA-9, then TXA-5), and who signed or is to (TXA-22, else TXA-10)."""
    contained, zone = Contained(), reading.source.zone
    for field, name, value in (
        (16, "identifier", [{"value": txa.value(16)}]),
        (18, "securityLabel", [table_concept(txa.value(18), "0272")]),
        (25, "description", txa.value(25)),
    ):
        if txa.value(field):
            head[name] = value
    authors = [one for field in (9, 5) for sent in txa.repetitions(field) if (one := person(sent, home, zone))]
    if authors:
        once = {one.resource["id"]: one for one in authors}
        head["author"] = [contained.refer(one) for one in once.values()]
    signer = person(txa.first(22) if txa.field(22) else txa.first(10), home, zone)
    if signer:
        head["authenticator"] = contained.refer(signer)
    contained.put_into(head)


def _contents(results: list[Segment]) -> tuple[list[Json], list[str]]:
    """Attachments and their words."""
    attachments: list[Json] = []
    lines: list[str] = []
    words: list[str] = []
    for obx in results:
        kind = obx.value(2).upper()
        if kind == "ED":
            found, text = attachment(obx.first(5))
            attachments.append(found)
            words.append(text)
        elif kind == "RP":
            found = pointer(obx.first(5))
            if "url" in found:
                attachments.append(found)
        else:
            lines.extend(one.whole() for one in obx.repetitions(5))
    text = "\n".join(lines).strip()
    if text:
        data = b64encode(text.encode()).decode("ascii")
        attachments.insert(0, {"contentType": "text/plain; charset=utf-8", "data": data})
        words.append(text)
    return attachments, words


def _key(reading: Reading, txa: Segment, home: Authority, subject: Subject, contents: list[Json]) -> str:
    """TXA-12, else a key of the content itself: such a document can be received again but never corrected."""
    number = txa.value(12)
    if number:
        owner = authority(*(txa.value(12, place) for place in (2, 3, 4)))
        return join_key("document", home.key, owner.key if owner else "", number)
    digest = hashlib.sha256(repr(contents).encode()).hexdigest()[:32]
    reading.leave_out(txa, 12)
    return join_key("document-by-content", home.key, subject.key, txa.value(2), txa.value(4), digest)


def _context(reading: Reading, home: Authority) -> Json:
    message = reading.message
    encounter = encounter_reference(message.first("PV1"), message.first("PID"), home)
    return {"context": {"encounter": [encounter]}} if encounter else {}


def _status(event: str, availability: str) -> DraftStatus:
    if availability == "CA":
        return DraftStatus.ENTERED_IN_ERROR
    return DraftStatus.CORRECTED if event in _REPLACES else DraftStatus.CURRENT


def _visit_class(reading: Reading) -> str:
    pv1 = reading.message.first("PV1")
    return pv1.value(2).upper() if pv1 else ""
