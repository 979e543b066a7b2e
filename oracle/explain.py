"""Every step of one message, as it would be taken in, read and answered; nothing is stored and no chain is asked.

    raw ─► verdict ─► segments ─► records: FHIR and labels ─► what no mapping used ─► reply

For the eyes of the source's own staff: it shows content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oracle.hl7.ack import build_ack
from oracle.hl7.errors import CONDITION_TEXT, AckCode, Condition, HL7Error, UnsupportedError
from oracle.hl7.message import Segment, parse
from oracle.intake.ports import Result
from oracle.intake.receive import Received, Verdict, receive, reply_to
from oracle.intake.reception import error_of
from oracle.normalise import SourceProfile, identity_changes, normalise
from oracle.reading import read_drafts
from oracle.sources import Source
from oracle.sources.model import DueAt
from oracle.status import advice_about
from salus.core.days import date_of
from salus.core.labels import names
from salus.core.printable import escaped
from salus.core.record import RecordDraft

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """What each step came to; `problem` is where it stopped, and `reply` what the sender would get, empty for none.

    `outcome` says in a sentence what would become of it, and `done` whether that is what the sender meant. With
    `charset_mismatch` the bytes are in another character set than the source's file or MSH-18 says.
    """

    verdict: str
    outcome: str
    done: bool
    charset: str
    charset_mismatch: bool
    kind: str
    mode: str
    segments: tuple[Json, ...]
    records: tuple[Json, ...]
    changes: tuple[Json, ...]
    unmapped: tuple[str, ...]
    problem: Json | None
    reply: str

    def to_json(self) -> Json:
        """The whole, for machines."""
        return {name: getattr(self, name) for name in self.__slots__}


def explain(raw: bytes, source: Source, profile: SourceProfile, now: datetime) -> Explained:
    """Take one message through all steps as this source's; never raises for what a message says."""
    received = receive(raw, source.charset, source)
    error = received.error
    message = parse(received.text) if received.text else None
    records: tuple[Json, ...] = ()
    changes: tuple[Json, ...] = ()
    unmapped: tuple[str, ...] = ()
    if message is not None and received.verdict is Verdict.ACCEPT:
        try:
            groups = normalise(message, profile)
            unmapped = tuple(sorted({name for group in groups for name in group.unmapped}))
            records = tuple(_record(draft) for draft in read_drafts(raw, profile))
            changes = tuple(
                {"kind": one.kind.value, "from": one.subject_key, "to": one.survivor_key, "what": one.named}
                for one in identity_changes(message, profile)
            )
            if changes:
                unmapped = tuple(name for name in unmapped if name != "MRG")  # no record has it, the change does
            if not records and not changes:
                error = UnsupportedError(
                    "the message says nothing that makes a record",
                    message.header.at(9),
                    condition=Condition.UNSUPPORTED_EVENT_CODE,
                )
        except HL7Error as stopped:
            error = stopped
    return Explained(
        verdict=received.verdict.value,
        outcome=_outcome(received, error, len(records), len(changes)),
        done=error is None,
        charset=received.codec,
        charset_mismatch=received.charset_mismatch,
        kind=received.message_type,
        mode=_mode(received),
        segments=tuple(_segment(one) for one in message.segments) if message is not None else _lines(raw),
        records=records,
        changes=changes,
        unmapped=unmapped,
        problem=None if error is None else _problem(error),
        reply=_reply(received, source, now, error),
    )


def _outcome(received: Received, error: HL7Error | None, records: int, changes: int) -> str:
    if received.verdict is Verdict.REJECT:
        return "refused (AR, CR in enhanced mode): it can never be taken as it is"
    if received.verdict is Verdict.ERROR:
        return "refused (AE, CE in enhanced mode): to be mended and sent again; kept for a person to look at"
    if error is not None:
        return "stored, then held in quarantine for a person: no record is made of it"
    made = [
        f"{number} {word}{'s' * (number > 1)}" for number, word in ((records, "record"), (changes, "change")) if number
    ]
    return f"taken: {' and '.join(made)}" + (" of identities" if changes else "")


def _problem(error: HL7Error) -> Json:
    condition = int(error.condition)
    words, place = CONDITION_TEXT.get(error.condition, ""), str(error.location)
    advice = advice_about(condition, place)
    return {"text": error.text, "condition": condition, "words": words, "location": place, "advice": advice}


def _mode(received: Received) -> str:
    asked = received.header.asked
    if not asked.enhanced:
        return "original"
    return f"enhanced: accept {asked.accept.value}, application {asked.application.value}"


def _segment(segment: Segment) -> Json:
    return {
        "name": segment.name if segment.occurrence == 1 else f"{segment.name}[{segment.occurrence}]",
        "raw": escaped(segment.raw),
        "parsed": dict(_values(segment)),
    }


def _values(segment: Segment) -> Iterator[tuple[str, str]]:
    """Filled places of a segment with their text: PID-3.1, PID-3[2].1, PID-3.4.2, OBX-5."""
    for field in segment.filled():
        repetitions = segment.repetitions(field)
        for place, repetition in enumerate(repetitions, start=1):
            where = f"{segment.name}-{field}" + (f"[{place}]" if len(repetitions) > 1 else "")
            count = repetition.count()
            for component in range(1, count + 1):
                name = f"{where}.{component}" if count > 1 else where
                parts = repetition.raw_component(component).split(segment.separators.subcomponent or "\0")
                for part in range(1, len(parts) + 1):
                    if text := repetition.value(component, part):
                        yield (f"{name}.{part}" if len(parts) > 1 else name), text


def _record(draft: RecordDraft) -> Json:
    labels = draft.labels
    return {
        "kind": draft.kind,
        "recordKey": draft.record_key,
        "subjectKey": draft.subject_key,
        "status": draft.status.value,
        "days": [date_of(day).isoformat() if day else "" for day in (draft.first_day, draft.last_day)],
        "categories": names(labels.categories),
        "level": labels.level,
        "confidentiality": labels.confidentiality.name,
        "topics": names(labels.topics),
        "fhir": draft.content,
    }


def _reply(received: Received, source: Source, now: datetime, error: HL7Error | None) -> str:
    """The reply at once, or of original mode once processed where the source's file says so."""
    asked = received.header.asked
    waits = not asked.enhanced and source.acknowledgement.original is DueAt.PROCESSED
    if waits and received.error is None and error is not None:
        header, code = received.header, AckCode.ERROR
        told = error_of(Result(success=False, code=int(error.condition), location=str(error.location)))
        late = build_ack(header, code, now=now, control_id="PREVIEW", error=told, language=source.language)
        return late.decode(header.codec, errors="replace")
    success = received.error is None or received.verdict.stored
    if asked.enhanced and not asked.accept.wants(success=success):
        return ""
    reply = reply_to(received, now=now, control_id="PREVIEW", language=source.language)
    return reply.decode(received.header.codec, errors="replace")


def _lines(raw: bytes) -> tuple[Json, ...]:
    """A message that doesn't parse, line by line."""
    lines = raw.replace(b"\n", b"\r").split(b"\r")
    return tuple(
        {"name": "", "raw": escaped(line.decode("utf-8", "backslashreplace")), "parsed": {}} for line in lines if line
    )
