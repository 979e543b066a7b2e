"""The gateway's decision in Python: the same order, the same codes as `contracts/libraries/Policy.sol`.

Used to tell a requester beforehand what the chain will say, and by the shared vectors that keep both equal.
Source: docs/protocol.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from salus.core.access import Access, AccessKind
from salus.core.codes import RULESET, Code
from salus.core.consent import DEFAULT_SESSION_MINUTES, MAX_SESSION_MINUTES, Consent
from salus.core.ids import ParticipantId
from salus.core.labels import MAX_LEVEL, Action, Category, Confidentiality, Flag, Form, Obligation, Purpose


class ParticipantRole(IntFlag):
    """What a participant is admitted to do."""

    SOURCE = 1
    CUSTODY = 2
    CARE = 4
    RESEARCH = 8
    PUBLIC_HEALTH = 16
    INSURE = 32
    SUPERVISE = 64
    EMERGENCY = 128


class ParticipantStatus(IntEnum):
    """Life of a participant."""

    NONE = 0
    APPLIED = 1
    ACTIVE = 2
    SUSPENDED = 3
    EXPELLED = 4


class ConsentStatus(IntEnum):
    """Life of a consent slot."""

    UNKNOWN = 0
    LIVE = 1
    REVOKED = 2
    REPLACED = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """What the registries say about the requester and, if it rests on one, the consent at the block of the request."""

    status: ParticipantStatus
    accredited_until: int
    roles: int
    consent_status: ConsentStatus = ConsentStatus.UNKNOWN
    consent_epoch: int = 0
    holder_epoch: int = 0
    uses_left: int = 0


@dataclass(frozen=True, slots=True)
class SubjectStanding:
    """What counts about the subject: frozen, its denial of the requester (0 none, 1 overridable, 2 absolute), and
    whether an earlier emergency of the requester is overdue for review."""

    frozen: bool = False
    denial: int = 0
    overdue: bool = False


UNLIMITED_USES = 0xFFFFFFFF
OVERRIDABLE_DENIAL = 1
_ALL = {
    "purposes": sum(Purpose),
    "categories": sum(Category),
    "actions": sum(Action),
    "obligations": sum(Obligation),
    "flags": sum(Flag),
}
_UNSUPPORTED_FLAGS = Flag.CROSS_BORDER | Flag.DELEGABLE
_CARE = (
    Purpose.TREAT
    | Purpose.ETREAT
    | Purpose.BTG
    | Purpose.COC
    | Purpose.HOPERAT
    | Purpose.HQUALIMP
    | Purpose.PATSFTY
    | Purpose.X_CHECKUP_MGMT
)
_RESEARCH = Purpose.HRESCH | Purpose.CLINTRCH | Purpose.BIORCH | Purpose.DSRCH | Purpose.POARCH | Purpose.MLTRAINING
_NEEDED_ROLE: tuple[tuple[Purpose, ParticipantRole], ...] = (
    (_CARE, ParticipantRole.CARE),
    (_RESEARCH, ParticipantRole.RESEARCH),
    (Purpose.PUBHLTH | Purpose.POPHLTH, ParticipantRole.PUBLIC_HEALTH),
    (Purpose.HPAYMT | Purpose.COVERAGE | Purpose.X_INSUW, ParticipantRole.INSURE),
    (Purpose.HLEGAL | Purpose.GOV, ParticipantRole.SUPERVISE),
)
_EMERGENCY_PURPOSES = Purpose.ETREAT | Purpose.BTG


def qualified(roles: int, kind: AccessKind, purpose: int) -> bool:
    """Whether an institution of these roles may ask for this purpose at all."""
    if roles & ParticipantRole.CUSTODY:
        return False
    emergency = bool(purpose & _EMERGENCY_PURPOSES)
    if emergency != (kind is AccessKind.EMERGENCY):
        return False
    if emergency and not roles & ParticipantRole.EMERGENCY:
        return False
    return any(purpose & purposes and roles & role for purposes, role in _NEEDED_ROLE)


def decide(access: Access, consent: Consent, standing: Standing, now: int) -> Code:
    """Outcome of a request under a consent; the first check that fails is the code."""
    institution = _institution(access, standing, now)
    if institution is not Code.GRANTED:
        return institution
    live = _live(access, consent, standing, now)
    if live is not Code.GRANTED:
        return live
    inside = _inside(access, consent, now)
    if inside is not Code.GRANTED:
        return inside
    if standing.uses_left == 0:
        return Code.CONSENT_USED_UP
    return Code.GRANTED


def _institution(access: Access, standing: Standing, now: int) -> Code:
    if standing.status is not ParticipantStatus.ACTIVE:
        return Code.PARTICIPANT_INACTIVE
    if standing.accredited_until <= now:
        return Code.ACCREDITATION_EXPIRED
    if not qualified(standing.roles, access.kind, access.purpose):
        return Code.NOT_QUALIFIED
    return Code.GRANTED


def _live(access: Access, consent: Consent, standing: Standing, now: int) -> Code:
    if standing.consent_status is ConsentStatus.REVOKED:
        return Code.CONSENT_REVOKED
    if standing.consent_status is ConsentStatus.REPLACED:
        return Code.CONSENT_REPLACED
    if standing.consent_epoch != standing.holder_epoch:
        return Code.CONSENT_VOID
    if consent.grantee != ParticipantId(access.participant):
        return Code.GRANTEE_MISMATCH
    if consent.ruleset != RULESET:
        return Code.RULESET_UNKNOWN
    if _undefined(access, consent):
        return Code.UNDEFINED_BITS
    if consent.flags & _UNSUPPORTED_FLAGS:
        return Code.FLAG_NOT_SUPPORTED
    if _malformed(consent):
        return Code.MALFORMED_CONSENT
    if now < consent.valid_from:
        return Code.CONSENT_NOT_YET_VALID
    if now >= consent.valid_until:
        return Code.CONSENT_EXPIRED
    return Code.GRANTED


def _inside(access: Access, consent: Consent, now: int) -> Code:
    window = consent.window(now)
    checks = (
        (access.purpose & consent.purposes == access.purpose, Code.PURPOSE_NOT_ALLOWED),
        (access.actions != 0 and access.actions & consent.actions == access.actions, Code.ACTION_NOT_ALLOWED),
        (
            access.categories != 0 and access.categories & consent.categories == access.categories,
            Code.CATEGORY_NOT_ALLOWED,
        ),
        (0 < access.level <= consent.max_level, Code.LEVEL_TOO_HIGH),
        (access.confidentiality <= consent.max_confidentiality, Code.CONFIDENTIALITY_TOO_HIGH),
        (access.form >= consent.min_form, Code.FORM_TOO_IDENTIFIED),
        (
            window is not None and access.from_day > 0 and window[0] <= access.from_day <= access.to_day <= window[1],
            Code.OUTSIDE_WINDOW,
        ),
    )
    return next((code for holds, code in checks if not holds), Code.GRANTED)


def _undefined(access: Access, consent: Consent) -> bool:
    return bool(
        consent.purposes & ~_ALL["purposes"]
        or consent.categories & ~_ALL["categories"]
        or consent.actions & ~_ALL["actions"]
        or consent.obligations & ~_ALL["obligations"]
        or consent.flags & ~_ALL["flags"]
        or _undefined_labels(access)
    )


def _undefined_labels(access: Access) -> bool:
    return bool(
        access.categories & ~_ALL["categories"]
        or access.actions & ~_ALL["actions"]
        or access.purpose & ~_ALL["purposes"]
        or access.level > MAX_LEVEL
        or access.confidentiality > max(Confidentiality)
        or access.form > max(Form)
    )


def _malformed(consent: Consent) -> bool:
    return (
        consent.valid_until <= consent.valid_from
        or consent.max_level > MAX_LEVEL
        or consent.max_confidentiality > max(Confidentiality)
        or consent.min_form > max(Form)
        or consent.from_day > consent.to_day
        or (consent.window_months != 0 and (consent.from_day != 0 or consent.to_day != 0))
    )


def decide_own(access: Access, subject: SubjectStanding) -> Code:
    """Outcome of a request by the subject's controller or guardian, who is checked before."""
    if _undefined_labels(access):
        return Code.UNDEFINED_BITS
    return Code.SUBJECT_FROZEN if subject.frozen else Code.GRANTED


def decide_emergency(access: Access, standing: Standing, subject: SubjectStanding, now: int) -> Code:
    """Outcome of an emergency request: it needs no consent, but never passes a freeze or an absolute denial."""
    institution = _institution(access, standing, now)
    if institution is not Code.GRANTED:
        return institution
    if _undefined_labels(access):
        return Code.UNDEFINED_BITS
    if subject.frozen:
        return Code.SUBJECT_FROZEN
    if subject.denial > OVERRIDABLE_DENIAL:
        return Code.SUBJECT_DENIES
    return Code.EMERGENCY_BLOCKED if subject.overdue else Code.GRANTED


def expiry(consent: Consent, now: int) -> int:
    """When an access granted under a consent ends, in Unix seconds."""
    minutes = min(consent.session_minutes or DEFAULT_SESSION_MINUTES, MAX_SESSION_MINUTES)
    return min(consent.valid_until, now + minutes * 60)
