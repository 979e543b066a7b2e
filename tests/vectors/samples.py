"""Deterministic values of the vectors, and of the unit tests that want a plain example to change."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

from salus.core.access import Access, AccessKind
from salus.core.codes import RULESET
from salus.core.consent import Consent
from salus.core.days import day_of
from salus.core.eip712 import Domain
from salus.core.ids import ZERO32, Address, LeafHash, ParticipantId, RecordId, Root, SubjectRef, to_address
from salus.core.labels import Action, Category, Confidentiality, Flag, Obligation, Purpose
from salus.core.leaf import Leaf
from salus.core.policy import ConsentStatus, ParticipantRole, ParticipantStatus, Standing

CHAIN_ID = 31337
NOW = 1_793_491_200
"""2026-11-01 00:00 UTC, eight in the morning in Shanghai."""

Json = dict[str, Any]


def raw32(name: str) -> bytes:
    """32 bytes that look random and are the same in every run."""
    return hashlib.sha256(f"salus vector {name}".encode()).digest()


def account(name: str) -> Address:
    """Address of the same kind."""
    return to_address(raw32(name)[:20])


def hexed(value: bytes) -> str:
    """`0x` form."""
    return "0x" + value.hex()


def word(value: int) -> str:
    """A 256-bit word as `0x` and 64 digits: JSON numbers stop at 2^53 for many readers."""
    return f"0x{value:064x}"


def case(name: str, given: Json, expected: Any) -> Json:
    """One vector."""
    return {"name": name, "input": given, "expected": expected}


@dataclass
class Tape:
    """Bytes that look random, in a fixed sequence: a `Randomness` port for vectors."""

    name: str
    _count: int = field(default=0)

    def __call__(self, size: int, /) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self.name} {self._count}".encode()).digest(size)


CONSENTS = Domain("Salus ConsentRegistry", CHAIN_ID, account("ConsentRegistry"))
GATEWAY = Domain("Salus AccessGateway", CHAIN_ID, account("AccessGateway"))
SUBJECTS = Domain("Salus SubjectRegistry", CHAIN_ID, account("SubjectRegistry"))
PARTICIPANTS = Domain("Salus ParticipantRegistry", CHAIN_ID, account("ParticipantRegistry"))
RECORDS = Domain("Salus RecordRegistry", CHAIN_ID, account("RecordRegistry"))
SALUS = Domain("Salus", CHAIN_ID, account("Council"))

GRANTEE = ParticipantId(raw32("grantee"))
OTHER = ParticipantId(raw32("other participant"))
SUBJECT = SubjectRef(raw32("subject"))
HOLDER = account("holder")


def consent(**changes: Any) -> Consent:
    """Hospital A may read check-up and laboratory records of the last three months."""
    values: Json = {
        "holder": HOLDER,
        "epoch": 0,
        "max_uses": 10,
        "deadline": NOW + 86_400,
        "replaces": ZERO32,
        "grantee": GRANTEE,
        "purposes": int(Purpose.TREAT | Purpose.HRESCH | Purpose.PUBHLTH | Purpose.HPAYMT | Purpose.GOV),
        "categories": int(Category.LAB | Category.CHECKUP | Category.VITAL),
        "actions": int(Action.ACCESS | Action.USE),
        "max_level": 4,
        "max_confidentiality": int(Confidentiality.N),
        "min_form": 0,
        "window_months": 3,
        "from_day": 0,
        "to_day": 0,
        "valid_from": NOW - 3_600,
        "valid_until": NOW + 30 * 86_400,
        "session_minutes": 60,
        "obligations": int(Obligation.AUDIT | Obligation.NOREUSE),
        "flags": int(Flag.SEPARATE_CONSENT | Flag.SENSITIVE_NOTICE | Flag.ROLLING_WINDOW),
        "ruleset": RULESET,
        "terms": raw32("terms"),
        "salt": raw32("consent salt"),
    }
    return Consent(**(values | changes))


def access(**changes: Any) -> Access:
    """A request of hospital A inside that consent."""
    values: Json = {
        "kind": AccessKind.CONSENT,
        "participant": GRANTEE,
        "reference": raw32("consent id"),
        "purpose": int(Purpose.TREAT),
        "categories": int(Category.LAB | Category.CHECKUP),
        "actions": int(Action.ACCESS),
        "level": 3,
        "confidentiality": int(Confidentiality.N),
        "form": 0,
        "from_day": day_of(dt.date(2026, 9, 1)),
        "to_day": day_of(dt.date(2026, 10, 31)),
        "role": 1,
        "record_count": 3,
        "records_root": Root(raw32("records root")),
        "session_key": raw32("session key"),
        "user_digest": raw32("user digest"),
        "deadline": NOW + 600,
        "salt": raw32("access salt"),
    }
    return Access(**(values | changes))


def standing(**changes: Any) -> Standing:
    """An active hospital with care and emergency roles under a live consent with uses left."""
    values: Json = {
        "status": ParticipantStatus.ACTIVE,
        "accredited_until": NOW + 365 * 86_400,
        "roles": int(ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY),
        "consent_status": ConsentStatus.LIVE,
        "consent_epoch": 0,
        "holder_epoch": 0,
        "uses_left": 10,
    }
    return Standing(**(values | changes))


def leaf(**changes: Any) -> Leaf:
    """The first version of a laboratory report."""
    values: Json = {
        "record_id": RecordId(raw32("record")),
        "version": 1,
        "previous": LeafHash(ZERO32),
        "subject": SUBJECT,
        "envelope_digest": raw32("envelope"),
        "content_commitment": raw32("content"),
        "categories": int(Category.LAB | Category.CHECKUP),
        "level": 3,
        "confidentiality": int(Confidentiality.N),
        "form": 0,
        "first_day": 20_700,
        "last_day": 20_701,
        "topics_commitment": raw32("topics"),
        "custodian_set": 1,
    }
    return Leaf(**(values | changes))
