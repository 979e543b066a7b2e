"""EIP-712 digests of everything that is signed (protocol section 4)."""

from __future__ import annotations

from typing import Any

from salus.core.access import Access, AccessKind
from salus.core.consent import Consent
from salus.core.eip712 import Domain, StructType
from salus.core.ids import ZERO32, ZERO_ADDRESS, address_bytes
from salus.core.labels import Category, Purpose
from tests.vectors.makers.typed import page_types
from tests.vectors.samples import (
    CONSENTS,
    GATEWAY,
    GRANTEE,
    HOLDER,
    NOW,
    PARTICIPANTS,
    RECORDS,
    SALUS,
    SUBJECT,
    SUBJECTS,
    Json,
    access,
    account,
    case,
    consent,
    hexed,
    raw32,
    word,
)

_TYPES = page_types()
_LATER = NOW + 86_400


def make() -> list[Json]:
    """Consents and accesses also have `words`, as they stand in calldata; consents the hashes of both halves."""
    return [
        *(_consent(name, value) for name, value in _consents().items()),
        *(_access(name, value) for name, value in _accesses().items()),
        *(_typed(name, domain, values) for name, domain, values in _others()),
    ]


def consent_words(value: Consent) -> list[str]:
    """The eight words of ConsentWords."""
    return [_word(address_bytes(item) if isinstance(item, str) else item) for item in value.to_words()]


def access_words(value: Access) -> list[str]:
    """The eight words of AccessWords."""
    return [_word(item) for item in value.to_words()]


def _word(value: int | bytes) -> str:
    return word(value if isinstance(value, int) else int.from_bytes(value, "big"))


def _consents() -> dict[str, Consent]:
    return {
        "consent, three rolling months": consent(),
        "consent, fixed days": consent(window_months=0, from_day=20_000, to_day=20_500, flags=3),
        "consent, replaces another": consent(replaces=raw32("replaced"), epoch=3),
        "consent, without limit, terms or salt": consent(max_uses=0, terms=ZERO32, salt=ZERO32),
        "consent, every field at its widest": consent(
            holder=account("widest"),
            replaces=b"\xff" * 32,
            terms=b"\xfe" * 32,
            salt=b"\xfd" * 32,
            **dict.fromkeys(("epoch", "deadline", "categories", "valid_from", "valid_until"), 2**64 - 1),
            **dict.fromkeys(("max_uses", "purposes", "from_day", "to_day"), 2**32 - 1),
            **dict.fromkeys(("session_minutes", "obligations", "flags"), 2**32 - 1),
            **dict.fromkeys(("actions", "ruleset"), 2**16 - 1),
            **dict.fromkeys(("max_level", "max_confidentiality", "min_form", "window_months"), 255),
        ),
    }


def _accesses() -> dict[str, Access]:
    own = {"kind": AccessKind.OWN, "participant": ZERO32, "reference": SUBJECT, "purpose": int(Purpose.PATRQT)}
    emergency = {"kind": AccessKind.EMERGENCY, "reference": SUBJECT, "purpose": int(Purpose.BTG)}
    return {
        "access under a consent": access(),
        "access by the patient": access(**own),
        "access in an emergency": access(**emergency),
        "access to 1,024 records": access(record_count=1024, categories=int(Category.ORGRES | Category.DEMO)),
        "access, every field at its widest": access(
            purpose=2**32 - 1,
            categories=2**64 - 1,
            actions=2**16 - 1,
            level=255,
            confidentiality=255,
            form=255,
            from_day=2**32 - 1,
            to_day=2**32 - 1,
            role=2**16 - 1,
            record_count=2**16 - 1,
            deadline=2**64 - 1,
        ),
    }


def _others() -> list[tuple[str, Domain, Json]]:
    nonced = {"subjectRef": SUBJECT, "nonce": 5, "deadline": _LATER}
    record = {"sourceId": GRANTEE, "recordId": raw32("record")}
    return [
        ("Revocation", CONSENTS, {"holder": HOLDER, "consentId": raw32("consent id")}),
        ("RevocationOfAll", CONSENTS, {"holder": HOLDER, "epoch": 4}),
        (
            "OperatorAcceptance",
            PARTICIPANTS,
            {"participantId": GRANTEE, "operator": account("operator"), "deadline": _LATER},
        ),
        ("Binding", SUBJECTS, nonced | {"sourceId": GRANTEE, "controller": account("controller")}),
        ("Rotation", SUBJECTS, nonced | {"controller": account("new controller")}),
        ("Appointment", SUBJECTS, nonced | {"guardian": account("guardian")}),
        ("Appointment", SUBJECTS, nonced | {"guardian": ZERO_ADDRESS}),
        ("Veto", SUBJECTS, nonced),
        ("SubjectFreeze", SUBJECTS, nonced | {"by": account("controller"), "frozen": True}),
        ("SubjectFreeze", SUBJECTS, nonced | {"by": account("guardian"), "frozen": False, "nonce": 1 << 32}),
        ("Denial", SUBJECTS, nonced | {"participantId": GRANTEE, "denial": 1}),
        ("Denial", SUBJECTS, nonced | {"participantId": GRANTEE, "denial": 2}),
        ("SubjectLink", SUBJECTS, nonced | {"survivor": raw32("survivor")}),
        ("SubjectUnlink", SUBJECTS, nonced | {"survivor": raw32("survivor"), "by": SUBJECT}),
        ("SubjectUnlink", SUBJECTS, nonced | {"survivor": raw32("survivor"), "by": raw32("survivor")}),
        ("Retention", SUBJECTS, nonced | {"retentionYears": 3}),
        ("Destruction", RECORDS, record | {"subjectRef": SUBJECT, "custodianSet": 3, "deadline": _LATER}),
        ("Attestation", RECORDS, record | {"subjectRef": SUBJECT, "custodianId": raw32("custodian"), "erased": 2}),
        ("Link", SALUS, {"consentId": raw32("consent id"), "subjectRef": SUBJECT}),
        (
            "SignedCall",
            SALUS,
            {
                "verb": raw32("verb"),
                "recipient": raw32("custodian"),
                "bodyHash": raw32("body"),
                "issuedAt": NOW,
                "nonce": raw32("nonce"),
            },
        ),
    ]


def _case(name: str, domain: Domain, kind: StructType, values: Json, more: Json | None = None) -> Json:
    shown = kind.typed_data(domain, values)
    given = {"type": kind.name, "domain": shown["domain"], "types": shown["types"], "message": shown["message"]}
    expected = {
        "typeHash": hexed(kind.type_hash),
        "domainSeparator": hexed(domain.separator),
        "structHash": hexed(kind.struct_hash(values)),
        "digest": hexed(kind.digest(domain, values)),
    }
    return case(name, given | (more or {}), expected)


def _typed(name: str, domain: Domain, values: Json) -> Json:
    kind = _TYPES[name]
    own: dict[str, Any] = {member: values[member] for _, member in kind.members}
    mark = next((f" {own[k]}" for k in ("frozen", "denial") if k in own), "")
    ends = " ended" if own.get("guardian") == ZERO_ADDRESS else ""
    side = " by the survivor" if "by" in own and own["by"] == own.get("survivor") else ""
    return _case(f"{name}{mark}{ends}{side}", domain, kind, own)


def _consent(name: str, value: Consent) -> Json:
    members = {"head": value.head(), "scope": value.scope()}
    made = _case(name, CONSENTS, _TYPES["Consent"], members, {"words": consent_words(value)})
    made["expected"]["headHash"] = hexed(_TYPES["ConsentHead"].struct_hash(value.head()))
    made["expected"]["scopeHash"] = hexed(value.scope_hash())
    return made


def _access(name: str, value: Access) -> Json:
    return _case(name, GATEWAY, _TYPES["Access"], value.members(), {"words": access_words(value)})
