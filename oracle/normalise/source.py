"""What the mapping must know about a source institution besides its messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from oracle.hl7.timestamps import SHANGHAI
from oracle.model import NO_LABEL_RULES, IdentifierRule, LabelTable


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """A source as its settings describe it.

    `authority` is the assigning authority of identifiers that name none. `charset` wins over MSH-18 when given. `zone`
    is assumed for time stamps without one. Every report of a check-up centre is check-up content. `patient` are the
    numbers of PID-3 that may name the subject, best first; empty for the usual order. `systems` are assigning
    authorities with the FHIR system of their numbers. `ignored` segments are read as if they weren't there; `level`
    and `labels` (its local codes and words) raise what labelling finds.
    """

    name: str
    authority: str
    charset: str | None = None
    zone: tzinfo = SHANGHAI
    is_checkup_centre: bool = False
    patient: tuple[IdentifierRule, ...] = ()
    systems: tuple[tuple[str, str], ...] = ()
    ignored: frozenset[str] = frozenset()
    level: int = 0
    labels: LabelTable = NO_LABEL_RULES

    def __post_init__(self) -> None:
        if not self.name or not self.authority:
            raise ValueError("a source needs a name and an assigning authority")
