"""ORU and OUL: one DiagnosticReport with its Observations for each OBR.

    PID ─ PV1 ─ [ORC] OBR ─ NTE* ─ (OBX ─ NTE*)* ─ SPM*      in the order sent; a new PID begins a new patient

What was asked for (requested.py), specimens (collected.py) and people are contained in the report.

The report is known by its filler number (ORC-3, else OBR-3) and OBR-4; without one by its placer number.
Source: message map ORU_R01, segment maps OBR[DiagnosticReport], OBX[Observation], SPM of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Segment
from oracle.normalise import local, tables
from oracle.normalise.collected import specimens
from oracle.normalise.contained import Contained
from oracle.normalise.datatypes import Authority, authority, dictionary_concept, entity_identifier, table_concept
from oracle.normalise.errors import NormaliseError
from oracle.normalise.observation import Note, Reported, note_of, observation
from oracle.normalise.patient import home_authority, subject_of
from oracle.normalise.people import role
from oracle.normalise.reading import Reading, cleared, days_of, join_key, numbered, said_at
from oracle.normalise.requested import request
from oracle.normalise.visit import encounter_reference, stay_keys, visit_labels
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup

Json = dict[str, Any]

_TAKEN = frozenset({"MSH", "PID", "PD1", "SFT", "ARV"})
_OBR_MAPPED = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 22, 24, 25, 31, 32, 34, 35, 39, 46, 47, 53})
# OBR: fields and the elements they alone fill, for explicit nulls
_ELEMENTS = {
    7: ("effectiveDateTime", "effectivePeriod"),
    8: ("effectivePeriod.end",),
    22: ("issued",),
    24: ("category",),
    32: ("resultsInterpreter",),
}
_NOTE_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
_FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
_NO_SUCH_ORDER = frozenset({"Y", "Z"})


@dataclass(slots=True)
class _Group:
    """Segments of one OBR group, as they come."""

    obr: Segment
    orc: Segment | None
    pid: Segment | None
    pv1: Segment | None
    notes: list[Note] = field(default_factory=list)
    results: list[tuple[Segment, list[Note]]] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)
    own: list[Segment] = field(default_factory=list)

    def take(self, segment: Segment, last: str, home: Authority, reading: Reading) -> bool:
        """Keep what belongs to the OBR; `last` is the segment before, notes aside. False for what doesn't belong."""
        name = segment.name
        if name == "OBX":
            self.results.append((segment, []))
        elif name == "SPM":
            self.specimens.append(segment)
        elif name == "NTE" and last in ("OBR", "OBX"):
            note = note_of(segment, home, reading)
            if note is not None:
                (self.results[-1][1] if last == "OBX" else self.notes).append(note)
        elif local.is_local(segment):
            self.own.append(segment)
        else:
            return False
        return True


def reports(reading: Reading) -> list[NormalisedGroup]:
    """Groups of a result message.

    Raises:
        NormaliseError: no OBR, an OBX before any OBR, no patient number, a report without any number, or OBR-25 says
            that there is no such order.
    """
    used: Counter[str] = Counter()
    groups = _collect(reading)
    done = [_report(reading, group, used) for group in groups]
    left_out = reading.unmapped
    return [replace(group, unmapped=left_out) for group in done]


def _collect(reading: Reading) -> list[_Group]:
    groups: list[_Group] = []
    home = home_authority(reading.message, reading.source)
    pid = pv1 = orc = None
    early: list[Segment] = []  # Z segments before the first OBR
    last = ""
    for segment in reading.message.segments:
        name = segment.name
        if name == "PID":
            pid, pv1, orc = segment, None, None
        elif name == "PV1":
            pv1 = segment
        elif name == "ORC":
            orc = segment
        elif name == "OBR":
            groups.append(_Group(segment, orc, pid, pv1, own=early))
            orc, early = None, []
        elif name == "OBX" and not groups:
            raise NormaliseError("OBX before any OBR", segment.at(), condition=Condition.SEGMENT_SEQUENCE)
        elif groups and groups[-1].take(segment, last, home, reading):
            pass
        elif local.is_local(segment):
            early.append(segment)
        elif name not in _TAKEN:
            reading.leave_out(segment)
        last = name if name != "NTE" else last
    if not groups:
        raise NormaliseError(
            "the message has no OBR segment", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return groups


def _report(reading: Reading, group: _Group, used: Counter[str]) -> NormalisedGroup:
    obr, home = group.obr, home_authority(reading.message, reading.source)
    reading.leave_out_rest(obr, _OBR_MAPPED)
    subject = subject_of(reading, group.pid)
    section, sent_status = obr.value(24).upper(), obr.value(25).upper()
    if sent_status in _NO_SUCH_ORDER:
        raise NormaliseError("the report says there is no such order", obr.at(25), condition=Condition.UNKNOWN_KEY)
    found = dictionary_concept(obr.first(4).raw, obr.separators) if obr.field(4) else None
    code, codes = found or ({"text": "unnamed"}, (Code("", "", ""),))
    key = _key(group, home, codes[0], used)
    collected, collected_end = reading.stamp(obr, 7), reading.stamp(obr, 8)
    encounter = encounter_reference(group.pv1, group.pid, home)
    context = Reported(
        record_key=key,
        home=home,
        subject=subject.reference,
        encounter=encounter,
        span=days_of(collected),
        moment=collected.date_time() if collected else "",
        status=sent_status,
        category=tables.OBSERVATION_CATEGORY.get(section, ""),
    )
    items = tuple(observation(reading, obx, notes, context) for obx, notes in group.results)
    head: Json = {
        "resourceType": "DiagnosticReport",
        "status": _status(sent_status, group),
        "code": code,
        "subject": subject.reference,
        "performer": [{"type": "Organization", "display": reading.source.name}],
    }
    _add_identifiers(head, group, home)
    if encounter:
        head["encounter"] = encounter
    if section:
        head["category"] = [table_concept(section, "0074")]
    if collected and collected_end:
        head["effectivePeriod"] = {"start": collected.date_time(), "end": collected_end.date_time()}
    elif collected:
        head["effectiveDateTime"] = collected.date_time()
    issued = reading.stamp(obr, 22)
    if issued:
        reading.set_instant(head, "issued", issued, obr, 22)
    contained = Contained()
    _add_people(reading, obr, home, head, contained)
    is_laboratory = context.category == "laboratory"
    taken = specimens(reading, obr, group.specimens, home, contained, laboratory=is_laboratory)
    if taken.references:
        head["specimen"] = taken.references
    asked, asked_codes, asked_texts = request(reading, obr, group.orc, home, head, contained)
    head["basedOn"] = [asked]
    told = "\n".join(text for one in obr.repetitions(13) if (text := one.whole())).strip() if obr.field(13) else ""
    notes = [*group.notes, Note(told)] if told else group.notes
    if notes:
        head["extension"] = [{"url": _NOTE_URL, "valueAnnotation": note.annotation(contained)} for note in notes]
    own_texts = local.keep(head, group.own) if group.own else ()
    contained.put_into(head)
    first, last = days_of(collected, collected_end)
    if not first:
        first, last = _span(items) if any(item.first_day for item in items) else days_of(issued)
    return NormalisedGroup(
        record_key=key,
        subject_key=subject.key,
        kind="report",
        head=head,
        items=items,
        codes=codes + asked_codes + taken.codes,
        texts=tuple(
            text
            for text in (code.get("text"), *(one.text for one in notes), *taken.texts, *asked_texts, *own_texts)
            if text
        ),
        first_day=first,
        last_day=last,
        status=tables.DRAFT_STATUS.get(sent_status, DraftStatus.CURRENT),
        section=section,
        visit_class=group.pv1.value(2).upper() if group.pv1 else "",
        source_labels=subject.source_labels + visit_labels(reading) + _order_labels(group),
        birth_day=subject.birth_day,
        is_checkup=reading.source.is_checkup_centre,
        said_at=said_at(issued),
        said=sent_status,
        cleared=cleared(obr, _ELEMENTS),
        also=stay_keys(group.pv1, group.pid, home),
    )


def _key(group: _Group, home: Authority, code: Code, used: Counter[str]) -> str:
    places = [(group.orc, 3, "report"), (group.obr, 3, "report"), (group.orc, 2, "placer"), (group.obr, 2, "placer")]
    for segment, number, kind in places:
        if segment is not None and segment.value(number):
            owner = authority(*(segment.value(number, place) for place in (2, 3, 4)))
            namespace = owner.key if owner else ""
            word = "report" if kind == "report" else "report-by-placer"
            key = join_key(word, home.key, namespace, segment.value(number), code.code or code.display)
            break
    else:
        raise NormaliseError("the report has neither a filler nor a placer number", group.obr.at(3))
    return numbered(key, used)


def _add_identifiers(head: Json, group: _Group, home: Authority) -> None:
    found = []
    for number, kind in ((3, "FILL"), (2, "PLAC")):
        for segment in (group.orc, group.obr):
            if segment is not None and segment.value(number):
                owner = entity_identifier(segment.first(number), home, kind)
                if owner and owner not in found:
                    found.append(owner)
    if found:
        head["identifier"] = found


def _status(sent: str, group: _Group) -> str:
    if sent:
        return tables.REPORT_STATUS.get(sent, "unknown")
    results = {tables.OBSERVATION_STATUS.get(obx.value(11).upper(), "unknown") for obx, _ in group.results}
    if results and results <= {"final", "corrected", "amended"}:
        return "corrected" if "corrected" in results else "final"
    return "preliminary" if "preliminary" in results else "unknown"


def _add_people(reading: Reading, obr: Segment, home: Authority, head: Json, contained: Contained) -> None:
    """Interpreter (OBR-32), technicians and transcriptionists (OBR-34, 35)."""
    zone = reading.source.zone
    interpreter = role(obr.first(32), home, zone) if obr.field(32) else None
    if interpreter:
        head["resultsInterpreter"] = [contained.refer(interpreter)]
    for field_number, code in ((34, "SPRF"), (35, "TRANS")):
        for sent in obr.repetitions(field_number):
            someone = role(sent, home, zone)
            if someone:
                coding = {"system": f"{tables.TERMINOLOGY}v3-ParticipationType", "code": code}
                function = {"url": _FUNCTION, "valueCodeableConcept": {"coding": [coding]}}
                head["performer"] = [*head["performer"], contained.refer(someone) | {"extension": [function]}]


def _order_labels(group: _Group) -> tuple[str, ...]:
    """ORC-28, confidentiality code (table 0177)."""
    if group.orc is None:
        return ()
    return tuple(f"0177:{one.value(1)}" for one in group.orc.repetitions(28) if one.value(1))


def _span(items: tuple[Item, ...]) -> tuple[int, int]:
    dated = [item for item in items if item.first_day]
    return min(item.first_day for item in dated), max(item.last_day for item in dated)
