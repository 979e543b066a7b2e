"""Reads of the SubjectRegistry. Freezes, holds and denials in force are those of all linked references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from salus.adapters.chain.reads import Read, view
from salus.core.ids import ParticipantId, SubjectRef
from salus.core.state import Denial, SubjectState

_NAME = "SubjectRegistry"


def subject(subject_ref: SubjectRef) -> Read[SubjectState]:
    """A subject's own slot: `frozen` and `hold` without those of linked subjects, retention 0 when not chosen."""
    return view(_NAME, "subject", (subject_ref,), _subject)


def is_frozen(subject_ref: SubjectRef) -> Read[bool]:
    """Whether the subject or any it is linked with is frozen."""
    return view(_NAME, "isFrozen", (subject_ref,), bool)


def is_held(subject_ref: SubjectRef) -> Read[bool]:
    """Whether the subject or any it is linked with is under legal hold."""
    return view(_NAME, "isHeld", (subject_ref,), bool)


def retention_years(subject_ref: SubjectRef) -> Read[int]:
    """Years that copies are kept, 1 to 5."""
    return view(_NAME, "retentionYearsOf", (subject_ref,), int)


def denial(subject_ref: SubjectRef, participant: ParticipantId) -> Read[Denial]:
    """Strongest denial in force."""
    return view(_NAME, "denialOf", (subject_ref, participant), Denial)


def in_force(slot: SubjectState, *, frozen: bool, hold: bool, years: int) -> SubjectState:
    """A subject's state with what links and defaults add to its own slot."""
    return replace(slot, frozen=frozen, hold=hold, retention_years=years)


def _subject(row: Sequence[Any]) -> SubjectState:
    source, controller, epoch, years, frozen, held, guardian, nonce, survivor = row
    return SubjectState(
        source=ParticipantId(source),
        controller=controller,
        guardian=guardian,
        nonce=nonce,
        epoch=epoch,
        retention_years=years,
        frozen=frozen,
        hold=held,
        survivor=SubjectRef(survivor),
    )
