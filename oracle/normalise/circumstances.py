"""What every record of a message shares: the patient, the visit, and what the source says about confidentiality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oracle.hl7.message import Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise.datatypes import Authority
from oracle.normalise.local import keep
from oracle.normalise.observation import Reported
from oracle.normalise.patient import Subject, home_authority, subject_of
from oracle.normalise.reading import UNDATED, Reading, days_of
from oracle.normalise.visit import encounter_reference, stay_keys, visit_labels
from oracle.normalise.words import words_of
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The patient and visit the records of a message belong to. `also` are keys of the visit and its account."""

    reading: Reading
    home: Authority
    subject: Subject
    encounter: Json | None
    visit_class: str
    labels: tuple[str, ...]
    also: tuple[str, ...]

    @property
    def patient(self) -> Json:
        """Reference to the patient by number."""
        return self.subject.reference

    @property
    def performer(self) -> Json:
        """The source institution as an organization."""
        return {"type": "Organization", "display": self.reading.source.name}

    def placed(self, head: Json, name: str = "encounter") -> Json:
        """The resource with its visit, when the message names one."""
        return head | {name: self.encounter} if self.encounter else head

    def results(self, record_key: str, stamp: Stamp | None, status: str = "") -> Reported:
        """What the observations of a record take over from it."""
        return Reported(
            record_key=record_key,
            home=self.home,
            subject=self.patient,
            encounter=self.encounter,
            span=days_of(stamp),
            moment=stamp.date_time() if stamp else "",
            status=status,
            category="",
        )

    def group(
        self,
        record_key: str,
        kind: str,
        head: Json,
        *,
        items: tuple[Item, ...] = (),
        codes: tuple[Code, ...] = (),
        days: tuple[int, int] = UNDATED,
        status: DraftStatus = DraftStatus.CURRENT,
        section: str = "",
        labels: tuple[str, ...] = (),
        said_at: int = 0,
        said: str = "",
        cleared: tuple[str, ...] = (),
        local: Sequence[Segment] = (),
    ) -> NormalisedGroup:
        """A record of this patient, whose words are those of its head; `local` are Z segments, kept there."""
        words = words_of(head) + (keep(head, local) if local else ())
        return NormalisedGroup(
            record_key=record_key,
            subject_key=self.subject.key,
            kind=kind,
            head=head,
            items=items,
            codes=codes,
            texts=words,
            first_day=days[0],
            last_day=days[1],
            status=status,
            section=section,
            visit_class=self.visit_class,
            source_labels=self.labels + labels,
            birth_day=self.subject.birth_day,
            is_checkup=self.reading.source.is_checkup_centre,
            said_at=said_at,
            said=said,
            cleared=cleared,
            also=self.also,
        )


def circumstances_of(reading: Reading, pid: Segment | None, pv1: Segment | None) -> Circumstances:
    """The circumstances a PID and PV1 tell.

    Raises:
        NormaliseError: no PID, or no usable number in PID-3.
    """
    home = home_authority(reading.message, reading.source)
    subject = subject_of(reading, pid)
    return Circumstances(
        reading=reading,
        home=home,
        subject=subject,
        encounter=encounter_reference(pv1, pid, home),
        visit_class=pv1.value(2).upper() if pv1 else "",
        labels=subject.source_labels + visit_labels(reading),
        also=stay_keys(pv1, pid, home),
    )


def circumstances_in(reading: Reading) -> Callable[[Segment | None, Segment | None], Circumstances]:
    """`circumstances_of` for a message whose records mostly share a PID and PV1: each pair is read once."""
    known: dict[tuple[int, int], Circumstances] = {}

    def find(pid: Segment | None, pv1: Segment | None) -> Circumstances:
        who = (id(pid), id(pv1))
        if who not in known:
            known[who] = circumstances_of(reading, pid, pv1)
        return known[who]

    return find


def complete(reading: Reading, groups: list[NormalisedGroup]) -> list[NormalisedGroup]:
    """The groups of a message, each with all that the message's mapping left out."""
    left_out = reading.unmapped
    return [replace(group, unmapped=left_out) for group in groups]
