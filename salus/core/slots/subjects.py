"""SubjectRegistry: subjects, and what is in force for all references merged into one.

The rules are the contract's own (`isFrozen`, `isHeld`, `denialOf`, `retentionYearsOf`): a merged reference has the
freezes, holds and denials of its survivor and of all that were merged into the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from salus.core.ids import Address, ParticipantId, SubjectRef
from salus.core.slots.layout import LAYOUT, Storage, account, element, member, raw
from salus.core.state import Denial, SubjectState

_REGISTRY, _SUBJECT = LAYOUT["SubjectRegistry"], LAYOUT["Subject"]
_MAX_RETENTION_YEARS = 5


def subject(storage: Storage, registry: Address, subject: SubjectRef) -> SubjectState:
    """A subject, with the freezes and holds of all it is linked with and the years its copies are kept."""
    words = [storage.word(registry, _start(subject) + index) for index in range(4)]

    def told(name: str) -> int:
        return _SUBJECT[name].read(words[_SUBJECT[name].slot])

    group = list(_group(storage, registry, subject))
    return SubjectState(
        source=ParticipantId(raw(told("sourceId"))),
        controller=account(told("controller")),
        guardian=account(told("guardian")),
        nonce=told("nonce"),
        epoch=told("epoch"),
        retention_years=told("retentionYears") or _MAX_RETENTION_YEARS,
        frozen=any(_told(storage, registry, ref, "frozen") for ref in group),
        hold=any(_told(storage, registry, ref, "held") for ref in group),
        survivor=SubjectRef(raw(told("survivor"))),
    )


def denial(storage: Storage, registry: Address, subject: SubjectRef, participant: ParticipantId) -> Denial:
    """Strongest denial of a participant by the subject or any it is linked with."""
    denials = [member(_REGISTRY["_denials"].slot, ref) for ref in _group(storage, registry, subject)]
    return Denial(max(storage.word(registry, member(own, participant)) & 0xFF for own in denials))


def _group(storage: Storage, registry: Address, subject: SubjectRef) -> Iterator[SubjectRef]:
    """The survivor of a reference (itself when it was not merged), and all that were merged into it."""
    survivor = SubjectRef(raw(_told(storage, registry, subject, "survivor")))
    head = survivor if any(survivor) else subject
    merged = member(_REGISTRY["_merged"].slot, head)
    yield head
    for index in range(storage.word(registry, merged)):
        yield SubjectRef(raw(storage.word(registry, element(merged, index))))


def _told(storage: Storage, registry: Address, subject: SubjectRef, name: str) -> int:
    place = _SUBJECT[name]
    return place.read(storage.word(registry, _start(subject) + place.slot))


def _start(subject: SubjectRef) -> int:
    return member(_REGISTRY["_subjects"].slot, subject)
