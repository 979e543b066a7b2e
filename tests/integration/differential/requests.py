"""Random consents and requests that reach every rule: an allowed pair first, then up to three changes.

Changes are drawn from the edges of each field (first and last value, one beyond, all ones) and from all its values.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from salus.core.access import Access, AccessKind
from salus.core.codes import RULESET
from salus.core.consent import Consent
from salus.core.days import day_at, months_before
from salus.core.ids import ParticipantId
from salus.core.labels import Action, Category, Flag, Obligation, Purpose
from salus.core.policy import (
    UNLIMITED_USES,
    ConsentStatus,
    ParticipantRole,
    ParticipantStatus,
    Standing,
    SubjectStanding,
)
from tests.vectors.samples import NOW, OTHER, access, consent, standing

CUSTODY = int(ParticipantRole.CUSTODY)
EVERY_ROLE = sum(map(int, ParticipantRole))
EMERGENCY_PURPOSES = int(Purpose.ETREAT | Purpose.BTG)
_UNSUPPORTED = int(Flag.CROSS_BORDER | Flag.DELEGABLE)
# Plain integers: arithmetic on flags would be most of the work.
_PURPOSES, _CATEGORIES, _ACTIONS = tuple(map(int, Purpose)), tuple(map(int, Category)), tuple(map(int, Action))
_OBLIGATIONS, _FLAGS = tuple(map(int, Obligation)), tuple(map(int, Flag))
_YEAR = 366 * 86_400


@dataclass(frozen=True)
class Case:
    """One request and everything that decides it."""

    now: int
    consent: Consent
    access: Access
    standing: Standing
    subject: SubjectStanding


class RandomCases:
    """Cases from a seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def case(self) -> Case:
        """The next case."""
        chance = self._chance
        now = NOW + chance.randrange(-5 * _YEAR, 40 * _YEAR)
        case = self._allowed(now)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
            case = self._changed(case)
        return case

    def _allowed(self, now: int) -> Case:
        chance = self._chance
        kind = AccessKind.CONSENT if chance.random() < 0.7 else AccessKind.EMERGENCY
        purposes = [p for p in _PURPOSES if bool(p & EMERGENCY_PURPOSES) == (kind is AccessKind.EMERGENCY)]
        purpose = chance.choice(purposes)
        months = chance.choice((0, 0, 1, 3, 11, 12, 60, 255))
        today = day_at(now)
        first = months_before(today, months) if months else chance.randrange(1, today)
        last = today if months else chance.randrange(first, today + 400)
        start = chance.randrange(max(first, 1), last + 1)
        level, confidentiality, form = chance.randrange(1, 6), chance.randrange(6), chance.randrange(5)
        categories, actions = self._subset(_CATEGORIES), self._subset(_ACTIONS)
        given = consent(
            purposes=purpose | self._subset(_PURPOSES),
            categories=categories | self._subset(_CATEGORIES),
            actions=actions | self._subset(_ACTIONS),
            max_level=chance.randrange(level, 6),
            max_confidentiality=chance.randrange(confidentiality, 6),
            min_form=chance.randrange(form + 1),
            window_months=months,
            from_day=0 if months else first,
            to_day=0 if months else last,
            valid_from=now - chance.choice((0, 1, 86_400)),
            valid_until=now + chance.choice((1, 60, 86_400, _YEAR)),
            session_minutes=chance.choice((0, 1, 60, 1440, 1441, 2**32 - 1)),
            obligations=self._subset(_OBLIGATIONS),
            flags=self._subset(_FLAGS) & ~_UNSUPPORTED,
        )
        asked = access(
            kind=kind,
            purpose=purpose,
            categories=categories,
            actions=actions,
            level=level,
            confidentiality=confidentiality,
            form=form,
            from_day=start,
            to_day=chance.randrange(start, last + 1),
        )
        stands = standing(
            accredited_until=now + chance.choice((1, 86_400)),
            roles=EVERY_ROLE & ~CUSTODY,
            uses_left=chance.choice((1, 2, UNLIMITED_USES)),
        )
        return Case(now, given, asked, stands, SubjectStanding(denial=chance.choice((0, 1))))

    def _changed(self, case: Case) -> Case:
        part, name, values = self._chance.choice(_changes(case))
        value = self._chance.choice(values)
        return replace(case, **{part: replace(getattr(case, part), **{name: value})})

    def _subset(self, bits: tuple[int, ...]) -> int:
        return sum(bit for bit in bits if self._chance.random() < 0.4) or self._chance.choice(bits)


def _changes(case: Case) -> list[tuple[str, str, tuple[Any, ...]]]:
    now, today = case.now, day_at(case.now)
    first, last = case.consent.window(now) or (0, 0)
    days = (0, 1, today, max(0, first - 1), first, last, last + 1, today + 1, 2**32 - 1)
    times = (0, now - 1, now, now + 1, 2**63, 2**64 - 1)
    return [
        ("consent", "grantee", (OTHER, ParticipantId(bytes(32)))),
        ("consent", "purposes", (0, 2**29, 2**32 - 1, case.access.purpose, int(Purpose.TREAT))),
        ("consent", "categories", (0, 2**37, 2**64 - 1, case.access.categories, 1)),
        ("consent", "actions", (0, 2**11, 2**16 - 1, case.access.actions, 1)),
        ("consent", "max_level", (0, 1, 5, 6, 255, case.access.level - 1 if case.access.level else 0)),
        ("consent", "max_confidentiality", (0, 5, 6, 255, max(0, case.access.confidentiality - 1))),
        ("consent", "min_form", (0, 4, 5, 255, min(255, case.access.form + 1))),
        ("consent", "window_months", (0, 1, 3, 255)),
        ("consent", "from_day", days),
        ("consent", "to_day", days),
        ("consent", "valid_from", times),
        ("consent", "valid_until", times),
        ("consent", "session_minutes", (0, 1, 1440, 1441, 2**32 - 1)),
        ("consent", "obligations", (0, 2**19, 2**32 - 1)),
        ("consent", "flags", (0, int(Flag.CROSS_BORDER), int(Flag.DELEGABLE), 2**16, 2**32 - 1)),
        ("consent", "ruleset", (0, RULESET + 1, 2**16 - 1)),
        ("access", "participant", (OTHER,)),
        ("access", "purpose", (*_PURPOSES, 2**17, 2**18, 2**28, 2**29, 2**31, 3)),
        ("access", "categories", (0, 1, 2**36, 2**37, 2**64 - 1)),
        ("access", "actions", (0, 1, 2**10, 2**11, 2**16 - 1)),
        ("access", "level", (0, 1, 5, 6, 255, min(255, case.consent.max_level + 1))),
        ("access", "confidentiality", (0, 5, 6, 255, min(255, case.consent.max_confidentiality + 1))),
        ("access", "form", (0, 4, 5, 255, max(0, case.consent.min_form - 1))),
        ("access", "from_day", days),
        ("access", "to_day", days),
        ("access", "kind", tuple(AccessKind)),
        ("standing", "status", tuple(ParticipantStatus)),
        ("standing", "accredited_until", times),
        ("standing", "roles", (*(1 << bit for bit in range(8)), 0, CUSTODY | 4, 255, 255 & ~CUSTODY)),
        ("standing", "consent_status", (ConsentStatus.LIVE, ConsentStatus.REVOKED, ConsentStatus.REPLACED)),
        ("standing", "consent_epoch", (1, 2**64 - 1)),
        ("standing", "holder_epoch", (1, 2**64 - 1)),
        ("standing", "uses_left", (0, 1, UNLIMITED_USES)),
        ("subject", "frozen", (True,)),
        ("subject", "denial", (1, 2)),
        ("subject", "overdue", (True,)),
    ]
