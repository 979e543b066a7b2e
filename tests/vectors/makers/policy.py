"""Decisions of the gateway (protocol section 5): each rule alone, each pair in order, both sides of each limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from salus.core.access import EMERGENCY_SESSION_SECONDS, OWN_SESSION_SECONDS, AccessKind
from salus.core.codes import Code
from salus.core.ids import ZERO32
from salus.core.labels import Action, Category, Flag, Form, Obligation, Purpose
from salus.core.policy import (
    UNLIMITED_USES,
    ConsentStatus,
    ParticipantRole,
    ParticipantStatus,
    Standing,
    SubjectStanding,
    decide,
    decide_emergency,
    decide_own,
    expiry,
)
from tests.vectors.makers.digests import access_words, consent_words
from tests.vectors.samples import NOW, OTHER, SUBJECT, Json, access, case, consent, standing, word

TODAY = 20_758
"""2026-11-01, the day of NOW in Shanghai; three months before is 20,666."""
EVERY_ROLE = int(sum(ParticipantRole)) & ~int(ParticipantRole.CUSTODY)


@dataclass(frozen=True)
class Change:
    """How an allowed request is changed; each dictionary has fields of the struct it is named after."""

    code: Code
    consent: Json = field(default_factory=dict)
    access: Json = field(default_factory=dict)
    standing: Json = field(default_factory=dict)

    def fields(self) -> set[tuple[str, str]]:
        return {(part, name) for part in ("consent", "access", "standing") for name in getattr(self, part)}

    def and_(self, other: Change) -> Change:
        return replace(
            self,
            consent=self.consent | other.consent,
            access=self.access | other.access,
            standing=self.standing | other.standing,
        )


ORDER: tuple[Change, ...] = (
    Change(Code.PARTICIPANT_INACTIVE, standing={"status": ParticipantStatus.SUSPENDED}),
    Change(Code.ACCREDITATION_EXPIRED, standing={"accredited_until": NOW - 1}),
    Change(Code.NOT_QUALIFIED, standing={"roles": int(ParticipantRole.SOURCE)}),
    Change(Code.CONSENT_REVOKED, standing={"consent_status": ConsentStatus.REVOKED}),
    Change(Code.CONSENT_REPLACED, standing={"consent_status": ConsentStatus.REPLACED}),
    Change(Code.CONSENT_VOID, standing={"holder_epoch": 1}),
    Change(Code.GRANTEE_MISMATCH, consent={"grantee": OTHER}),
    Change(Code.RULESET_UNKNOWN, consent={"ruleset": 2}),
    Change(Code.UNDEFINED_BITS, consent={"obligations": 1 << 19}),
    Change(Code.FLAG_NOT_SUPPORTED, consent={"flags": int(Flag.CROSS_BORDER)}),
    Change(Code.MALFORMED_CONSENT, consent={"from_day": 20_000, "to_day": 20_500}),
    Change(Code.CONSENT_NOT_YET_VALID, consent={"valid_from": NOW + 1}),
    Change(Code.CONSENT_EXPIRED, consent={"valid_until": NOW}),
    Change(Code.PURPOSE_NOT_ALLOWED, consent={"purposes": int(Purpose.HRESCH)}),
    Change(Code.ACTION_NOT_ALLOWED, access={"actions": int(Action.ACCESS | Action.DISCLOSE)}),
    Change(Code.CATEGORY_NOT_ALLOWED, access={"categories": int(Category.LAB | Category.GENOM)}),
    Change(Code.LEVEL_TOO_HIGH, access={"level": 5}),
    Change(Code.CONFIDENTIALITY_TOO_HIGH, access={"confidentiality": 4}),
    Change(Code.FORM_TOO_IDENTIFIED, consent={"min_form": int(Form.DEIDENTIFIED)}),
    Change(Code.OUTSIDE_WINDOW, access={"to_day": TODAY + 1}),
    Change(Code.CONSENT_USED_UP, standing={"uses_left": 0}),
)
"""One change per code of a request under a consent, in the order of the gateway's checks."""


def make() -> list[Json]:
    """`input.kind` is consent, own or emergency; expiry 0 where nothing is granted."""
    cases = [*_alone(), *_pairs(), *_limits(), *_masks(), *_qualification(), *_own(), *_emergency()]
    if len({made["name"] for made in cases}) != len(cases):
        raise AssertionError("two policy cases have one name")
    return cases


def _decided(name: str, change: Change, now: int = NOW) -> Json:
    signed, asked, known = consent(**change.consent), access(**change.access), standing(**change.standing)
    code = decide(asked, signed, known, now)
    if code is not change.code:
        raise AssertionError(f"{name}: {code.name}, not {change.code.name}")
    slot = known.consent_status | known.uses_left << 8 | known.consent_epoch << 40 | (NOW - 3_600) << 104
    given = {
        "kind": "consent",
        "now": now,
        "consentWords": consent_words(signed),
        "accessWords": access_words(asked),
        "standing": _standing(known),
        "consentSlot": word(slot),
        "holderEpoch": known.holder_epoch,
    }
    until = expiry(signed, now) if code is Code.GRANTED else 0
    return case(name, given, {"code": int(code), "expiry": until})


def _standing(known: Standing) -> Json:
    return {"status": int(known.status), "roles": int(known.roles), "accreditedUntil": known.accredited_until}


def _alone() -> list[Json]:
    return [_decided("allowed", Change(Code.GRANTED)), *(_decided(change.code.name, change) for change in ORDER)]


def _pairs() -> list[Json]:
    # A validity that has ended and has not begun is malformed, so these two have no order.
    apart = {Code.CONSENT_NOT_YET_VALID, Code.CONSENT_EXPIRED}
    return [
        _decided(f"{first.code.name} before {second.code.name}", first.and_(second))
        for first, second in combinations(ORDER, 2)
        if not first.fields() & second.fields() and {first.code, second.code} != apart
    ]


def _limits() -> list[Json]:
    """Both sides of every limit."""
    fixed: Json = {"window_months": 0, "from_day": 20_600, "to_day": 20_700, "flags": 0}
    inside = {"from_day": 20_600, "to_day": 20_700}
    rows: list[tuple[str, Change]] = [
        ("accredited one second more", Change(Code.GRANTED, standing={"accredited_until": NOW + 1})),
        ("accreditation ends now", Change(Code.ACCREDITATION_EXPIRED, standing={"accredited_until": NOW})),
        ("valid from now", Change(Code.GRANTED, consent={"valid_from": NOW})),
        ("valid one second more", Change(Code.GRANTED, consent={"valid_until": NOW + 1})),
        ("ends before it starts", Change(Code.MALFORMED_CONSENT, consent={"valid_until": NOW - 7_200})),
        ("empty validity", Change(Code.MALFORMED_CONSENT, consent={"valid_from": NOW, "valid_until": NOW})),
        ("level at the limit", Change(Code.GRANTED, access={"level": 4})),
        ("level 5 allowed", Change(Code.GRANTED, consent={"max_level": 5}, access={"level": 5})),
        ("no level asked for", Change(Code.LEVEL_TOO_HIGH, access={"level": 0})),
        ("no level allowed", Change(Code.LEVEL_TOO_HIGH, consent={"max_level": 0}, access={"level": 1})),
        ("level 6 in the consent", Change(Code.MALFORMED_CONSENT, consent={"max_level": 6})),
        ("confidentiality at the limit", Change(Code.GRANTED, access={"confidentiality": 3})),
        ("confidentiality 6 in the consent", Change(Code.MALFORMED_CONSENT, consent={"max_confidentiality": 6})),
        ("form at the limit", Change(Code.GRANTED, consent={"min_form": 3}, access={"form": 3})),
        ("form beyond the limit", Change(Code.GRANTED, consent={"min_form": 3}, access={"form": 4})),
        ("form 5 in the consent", Change(Code.MALFORMED_CONSENT, consent={"min_form": 5})),
        ("last use", Change(Code.GRANTED, standing={"uses_left": 1})),
        ("uses without limit", Change(Code.GRANTED, standing={"uses_left": UNLIMITED_USES})),
        ("same later epoch", Change(Code.GRANTED, standing={"consent_epoch": 2**64 - 1, "holder_epoch": 2**64 - 1})),
        ("consent of a later epoch", Change(Code.CONSENT_VOID, standing={"consent_epoch": 1})),
        ("unknown slot", Change(Code.CONSENT_USED_UP, standing={"consent_status": 0, "uses_left": 0})),
        ("first day of the window", Change(Code.GRANTED, access={"from_day": 20_666})),
        ("one day before the window", Change(Code.OUTSIDE_WINDOW, access={"from_day": 20_665})),
        ("today", Change(Code.GRANTED, access={"from_day": TODAY, "to_day": TODAY})),
        ("undated", Change(Code.OUTSIDE_WINDOW, access={"from_day": 0, "to_day": 0})),
        ("undated first day", Change(Code.OUTSIDE_WINDOW, access={"from_day": 0})),
        ("days in the wrong order", Change(Code.OUTSIDE_WINDOW, access={"from_day": 20_700, "to_day": 20_699})),
        ("fixed days", Change(Code.GRANTED, consent=fixed, access=inside)),
        ("one day before fixed days", Change(Code.OUTSIDE_WINDOW, consent=fixed, access=inside | {"from_day": 20_599})),
        ("one day after fixed days", Change(Code.OUTSIDE_WINDOW, consent=fixed, access=inside | {"to_day": 20_701})),
        ("no window", Change(Code.OUTSIDE_WINDOW, consent={"window_months": 0})),
        ("open first day", Change(Code.GRANTED, consent=fixed | {"from_day": 0}, access=inside | {"from_day": 1})),
        ("fixed days reversed", Change(Code.MALFORMED_CONSENT, consent=fixed | {"from_day": 20_701})),
        ("both windows, one day", Change(Code.MALFORMED_CONSENT, consent={"to_day": 1})),
        ("255 months", Change(Code.GRANTED, consent={"window_months": 255}, access={"from_day": 20_000})),
        ("one month", Change(Code.GRANTED, consent={"window_months": 1}, access={"from_day": 20_727})),
        ("one month and a day", Change(Code.OUTSIDE_WINDOW, consent={"window_months": 1}, access={"from_day": 20_726})),
        ("participant unknown", Change(Code.PARTICIPANT_INACTIVE, standing={"status": ParticipantStatus.NONE})),
        ("participant applied", Change(Code.PARTICIPANT_INACTIVE, standing={"status": ParticipantStatus.APPLIED})),
        ("participant expelled", Change(Code.PARTICIPANT_INACTIVE, standing={"status": ParticipantStatus.EXPELLED})),
        ("delegable", Change(Code.FLAG_NOT_SUPPORTED, consent={"flags": int(Flag.DELEGABLE)})),
        ("ruleset 0", Change(Code.RULESET_UNKNOWN, consent={"ruleset": 0})),
        ("no actions asked for", Change(Code.ACTION_NOT_ALLOWED, access={"actions": 0})),
        ("no categories asked for", Change(Code.CATEGORY_NOT_ALLOWED, access={"categories": 0})),
    ]
    sessions = (1, 59, 1_440, 1_441, 2**32 - 1, 0)
    far = NOW + 90 * 86_400
    rows += [
        (f"session of {m} minutes", Change(Code.GRANTED, consent={"session_minutes": m, "valid_until": far}))
        for m in sessions
    ]
    rows.append(("session cut by the consent's end", Change(Code.GRANTED, consent={"valid_until": NOW + 90})))
    night = NOW + 16 * 3_600  # midnight in Shanghai
    return [
        *(_decided(name, change) for name, change in rows),
        _decided("to today, last second", Change(Code.GRANTED, access={"to_day": TODAY}), night - 1),
        _decided("to tomorrow, last second", Change(Code.OUTSIDE_WINDOW, access={"to_day": TODAY + 1}), night - 1),
        _decided("to tomorrow, at midnight", Change(Code.GRANTED, access={"to_day": TODAY + 1}), night),
    ]


def _masks() -> list[Json]:
    bits = {"purposes": (29, 31), "categories": (37, 63), "actions": (11, 15), "obligations": (19, 31)}
    ordinals = {"level": (6, 255), "confidentiality": (6, 255), "form": (5, 255)}
    rows = [
        (f"consent, {name} bit {bit}", Change(Code.UNDEFINED_BITS, consent={name: 1 << bit}))
        for name, both in (bits | {"flags": (16, 31)}).items()
        for bit in both
    ]
    rows += [
        (f"request, {name} bit {bit}", Change(Code.UNDEFINED_BITS, access={name: 1 << bit | 1}))
        for name in ("categories", "actions")
        for bit in bits[name]
    ]
    rows += [
        (f"request, {name} {value}", Change(Code.UNDEFINED_BITS, access={name: value}))
        for name, values in ordinals.items()
        for value in values
    ]
    every = {"categories": int(sum(Category)), "actions": int(sum(Action))}
    wide: dict[str, Any] = every | {"purposes": int(sum(Purpose)), "obligations": int(sum(Obligation))}
    rows.append(("every defined bit allowed and asked for", Change(Code.GRANTED, consent=wide, access=every)))
    rows.append(("flags that are facts", Change(Code.GRANTED, consent={"flags": 0xFFFF & ~0x110})))
    return [_decided(name, change) for name, change in rows]


def _qualification() -> list[Json]:
    needs = {
        ParticipantRole.CARE: ("TREAT", "COC", "HOPERAT", "HQUALIMP", "PATSFTY", "X_CHECKUP_MGMT"),
        ParticipantRole.RESEARCH: ("HRESCH", "CLINTRCH", "BIORCH", "DSRCH", "POARCH", "MLTRAINING"),
        ParticipantRole.PUBLIC_HEALTH: ("PUBHLTH", "POPHLTH"),
        ParticipantRole.INSURE: ("HPAYMT", "COVERAGE", "X_INSUW"),
        ParticipantRole.SUPERVISE: ("HLEGAL", "GOV"),
    }
    cases = []
    for purpose in Purpose:
        role = next((role for role, names in needs.items() if purpose.name in names), None)
        asked: Json = {"consent": {"purposes": int(purpose)}, "access": {"purpose": int(purpose)}}
        if role is not None:
            only = Change(Code.GRANTED, standing={"roles": int(role)}, **asked)
            lacking = Change(Code.NOT_QUALIFIED, standing={"roles": EVERY_ROLE & ~role}, **asked)
            keeper = Change(Code.NOT_QUALIFIED, standing={"roles": int(role | ParticipantRole.CUSTODY)}, **asked)
            cases.append(_decided(f"{purpose.name} with its role alone", only))
            cases.append(_decided(f"{purpose.name} with every role but its own", lacking))
            cases.append(_decided(f"{purpose.name} by a custodian", keeper))
        else:
            never = Change(Code.NOT_QUALIFIED, standing={"roles": EVERY_ROLE}, **asked)
            cases.append(_decided(f"{purpose.name} under a consent", never))
    return cases


def _own() -> list[Json]:
    request: Json = {
        "kind": AccessKind.OWN,
        "participant": ZERO32,
        "reference": SUBJECT,
        "purpose": int(Purpose.PATRQT),
    }
    rows = [
        ("own, allowed", {}, False, Code.GRANTED),
        ("own, frozen", {}, True, Code.SUBJECT_FROZEN),
        ("own, undefined category", {"categories": 1 << 37}, False, Code.UNDEFINED_BITS),
        ("own, undefined category and frozen", {"categories": 1 << 63}, True, Code.UNDEFINED_BITS),
        ("own, level 6", {"level": 6}, False, Code.UNDEFINED_BITS),
        ("own, level 5", {"level": 5, "confidentiality": 5}, False, Code.GRANTED),
    ]
    cases = []
    for name, changes, frozen, code in rows:
        asked = access(**(request | changes))
        if decide_own(asked, SubjectStanding(frozen=frozen)) is not code:
            raise AssertionError(name)
        given = {"kind": "own", "now": NOW, "accessWords": access_words(asked), "frozen": frozen}
        until = NOW + OWN_SESSION_SECONDS if code is Code.GRANTED else 0
        cases.append(case(name, given, {"code": int(code), "expiry": until}))
    return cases


def _emergency() -> list[Json]:
    request: Json = {"kind": AccessKind.EMERGENCY, "reference": SUBJECT, "purpose": int(Purpose.BTG)}
    care, urgent = ParticipantRole.CARE, ParticipantRole.EMERGENCY
    rows: list[tuple[str, Code, Json, Json, SubjectStanding]] = [
        ("allowed", Code.GRANTED, {}, {}, SubjectStanding()),
        ("etreat", Code.GRANTED, {"purpose": int(Purpose.ETREAT)}, {}, SubjectStanding()),
        ("over an overridable denial", Code.GRANTED, {}, {}, SubjectStanding(denial=1)),
        ("absolute denial", Code.SUBJECT_DENIES, {}, {}, SubjectStanding(denial=2)),
        ("frozen", Code.SUBJECT_FROZEN, {}, {}, SubjectStanding(frozen=True)),
        ("overdue review", Code.EMERGENCY_BLOCKED, {}, {}, SubjectStanding(overdue=True)),
        ("all against it", Code.SUBJECT_FROZEN, {}, {}, SubjectStanding(frozen=True, denial=2, overdue=True)),
        ("denied and overdue", Code.SUBJECT_DENIES, {}, {}, SubjectStanding(denial=2, overdue=True)),
        ("undefined action", Code.UNDEFINED_BITS, {"actions": 1 << 11}, {}, SubjectStanding(frozen=True)),
        ("suspended", Code.PARTICIPANT_INACTIVE, {}, {"status": ParticipantStatus.SUSPENDED}, SubjectStanding()),
        ("accreditation over", Code.ACCREDITATION_EXPIRED, {}, {"accredited_until": NOW}, SubjectStanding()),
        ("without the emergency role", Code.NOT_QUALIFIED, {}, {"roles": int(care)}, SubjectStanding()),
        ("without the care role", Code.NOT_QUALIFIED, {}, {"roles": int(urgent)}, SubjectStanding()),
        ("by a custodian", Code.NOT_QUALIFIED, {}, {"roles": int(care | urgent) | 2}, SubjectStanding()),
        ("for treatment", Code.NOT_QUALIFIED, {"purpose": int(Purpose.TREAT)}, {}, SubjectStanding()),
    ]
    cases = []
    for name, code, changes, standing_changes, subject in rows:
        asked, known = access(**(request | changes)), standing(**standing_changes)
        if decide_emergency(asked, known, subject, NOW) is not code:
            raise AssertionError(name)
        given = {
            "kind": "emergency",
            "now": NOW,
            "accessWords": access_words(asked),
            "standing": _standing(known),
            "frozen": subject.frozen,
            "denial": subject.denial,
            "overdue": subject.overdue,
        }
        until = NOW + EMERGENCY_SESSION_SECONDS if code is Code.GRANTED else 0
        cases.append(case(f"emergency, {name}", given, {"code": int(code), "expiry": until}))
    return cases
