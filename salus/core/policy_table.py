"""Who enforces what: each field of a consent and of an access has one enforcer, and a meaning of zero.

`docs/policy.md` is generated from this table; a test holds it to the EIP-712 types. Sources: DESIGN section 3,
docs/protocol.md sections 3 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from salus.core.codes import Code
from salus.core.consent import TermField
from salus.core.labels import Flag


class Enforcer(Enum):
    """Where a field is held to; the value is how the page names it."""

    REGISTRY = "ConsentRegistry, at grant"
    GATEWAY = "AccessGateway, at request"
    CUSTODIAN = "custodians, at list and release"
    PARTICIPANT = "asserted by the participant"
    RECORD = "nobody: a fact that is signed and kept"
    ZERO = "AccessGateway: must be zero in ruleset 1"


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: its enforcer, what it limits, what zero means, and the code or revert of a breach ("" if none)."""

    name: str
    enforcer: Enforcer
    meaning: str
    zero: str
    breach: str = ""


def _code(*codes: Code) -> str:
    return ", ".join(f"{code.name} ({int(code)})" for code in codes)


_WRONG_ID = "another consentId"
_WRONG_ACCESS = "another accessId"

CONSENT_HEAD: tuple[Rule, ...] = (
    Rule(
        "holder",
        Enforcer.REGISTRY,
        "account that signs and may revoke; by ERC-1271 if it is a contract",
        "no signature is valid for it",
        "ConsentRegistryInvalidSignature",
    ),
    Rule(
        "epoch",
        Enforcer.REGISTRY,
        "holder's epoch at signing; a later one voids the consent, granted or in flight",
        "the first epoch",
        f"ConsentRegistryWrongEpoch; afterwards {_code(Code.CONSENT_VOID)}",
    ),
    Rule(
        "maxUses",
        Enforcer.GATEWAY,
        "granted accesses it is good for; one is spent by each",
        "without limit",
        _code(Code.CONSENT_USED_UP),
    ),
    Rule(
        "deadline",
        Enforcer.REGISTRY,
        "last second at which it can be granted, at most seven days ahead",
        "it can't be granted",
        "ConsentRegistryDeadlinePassed, ConsentRegistryDeadlineTooFar",
    ),
    Rule(
        "replaces",
        Enforcer.REGISTRY,
        "live consent of the same holder that ends when this one is granted",
        "it replaces none",
        f"ConsentRegistryNotLive; afterwards {_code(Code.CONSENT_REPLACED)}",
    ),
)

CONSENT_SCOPE: tuple[Rule, ...] = (
    Rule(
        "granteeId",
        Enforcer.GATEWAY,
        "the one participant that may ask",
        "nobody may ask",
        _code(Code.GRANTEE_MISMATCH),
    ),
    Rule(
        "purposes",
        Enforcer.GATEWAY,
        "allowed purposes, matched exactly; the participant must be qualified for each",
        "none is allowed",
        _code(Code.PURPOSE_NOT_ALLOWED, Code.NOT_QUALIFIED),
    ),
    Rule(
        "categories",
        Enforcer.GATEWAY,
        "allowed categories; a record fits only if all of its are allowed",
        "none is allowed",
        _code(Code.CATEGORY_NOT_ALLOWED, Code.RECORD_OUTSIDE_CATEGORIES),
    ),
    Rule("actions", Enforcer.GATEWAY, "allowed actions", "none is allowed", _code(Code.ACTION_NOT_ALLOWED)),
    Rule(
        "maxLevel",
        Enforcer.GATEWAY,
        "highest allowed level, 1 to 5",
        "none is allowed",
        _code(Code.LEVEL_TOO_HIGH, Code.RECORD_ABOVE_LEVEL),
    ),
    Rule(
        "maxConfidentiality",
        Enforcer.GATEWAY,
        "highest allowed confidentiality, 0 (U) to 5 (V)",
        "unrestricted records only",
        _code(Code.CONFIDENTIALITY_TOO_HIGH, Code.RECORD_ABOVE_CONFIDENTIALITY),
    ),
    Rule(
        "minForm",
        Enforcer.GATEWAY,
        "least de-identification, 0 (identified) to 4 (aggregate)",
        "identified records are allowed",
        _code(Code.FORM_TOO_IDENTIFIED, Code.RECORD_TOO_IDENTIFIED),
    ),
    Rule(
        "windowMonths",
        Enforcer.GATEWAY,
        "calendar months back from the day of the request, clamped to the month's end",
        "the fixed days hold",
        _code(Code.OUTSIDE_WINDOW, Code.RECORD_OUTSIDE_DAYS),
    ),
    Rule(
        "fromDay",
        Enforcer.GATEWAY,
        "first allowed clinical day; zero in a rolling window",
        "no first day; with toDay 0 there is no window",
        _code(Code.OUTSIDE_WINDOW, Code.RECORD_OUTSIDE_DAYS, Code.MALFORMED_CONSENT),
    ),
    Rule(
        "toDay",
        Enforcer.GATEWAY,
        "last allowed clinical day; zero in a rolling window",
        "no window",
        _code(Code.OUTSIDE_WINDOW, Code.RECORD_OUTSIDE_DAYS, Code.MALFORMED_CONSENT),
    ),
    Rule(
        "validFrom",
        Enforcer.GATEWAY,
        "first second of validity",
        "valid since ever",
        _code(Code.CONSENT_NOT_YET_VALID),
    ),
    Rule(
        "validUntil",
        Enforcer.GATEWAY,
        "first second after validity; accesses end there too",
        "never valid",
        _code(Code.CONSENT_EXPIRED, Code.MALFORMED_CONSENT),
    ),
    Rule(
        "sessionMinutes",
        Enforcer.GATEWAY,
        "length of one access",
        "60 minutes; more than 1,440 is cut to 1,440",
        _code(Code.ACCESS_EXPIRED),
    ),
    Rule(
        "obligations",
        Enforcer.PARTICIPANT,
        "what the grantee accepts to do and to leave; the audit shows it, no machine enforces it",
        "no obligation beyond the law",
        _code(Code.UNDEFINED_BITS),
    ),
    Rule(
        "flags",
        Enforcer.GATEWAY,
        "facts about how the consent was given, bit by bit below",
        "no flag is set",
        _code(Code.FLAG_NOT_SUPPORTED, Code.UNDEFINED_BITS),
    ),
    Rule(
        "ruleset",
        Enforcer.GATEWAY,
        "version of the rules it was written for",
        "no ruleset: denied",
        _code(Code.RULESET_UNKNOWN),
    ),
    Rule(
        "terms",
        Enforcer.CUSTODIAN,
        "root of the salted terms below, opened field by field",
        "no topic is allowed, nothing is excluded",
        _code(Code.TERMS_INVALID),
    ),
    Rule(
        "salt",
        Enforcer.RECORD,
        "32 random bytes that hide the scope until it is used",
        "the scope can be guessed from its hash",
        _WRONG_ID,
    ),
)

ACCESS: tuple[Rule, ...] = (
    Rule(
        "kind",
        Enforcer.GATEWAY,
        "1 consent, 2 own, 3 emergency; must fit the function called",
        "malformed: reverts",
        "AccessGatewayRefused",
    ),
    Rule(
        "participantId",
        Enforcer.GATEWAY,
        "participant that asks; its operator sends or signs",
        "the patient asks (kind own only)",
        f"AccessGatewayRefused, {_code(Code.GRANTEE_MISMATCH, Code.ACCESS_MISMATCH)}",
    ),
    Rule(
        "referenceId",
        Enforcer.GATEWAY,
        "consentId, or subjectRef in an own or emergency access",
        "unknown: reverts",
        "AccessGatewayRefused",
    ),
    Rule(
        "purpose",
        Enforcer.GATEWAY,
        "exactly one purpose",
        "malformed: reverts",
        _code(Code.PURPOSE_NOT_ALLOWED, Code.NOT_QUALIFIED),
    ),
    Rule(
        "categories",
        Enforcer.GATEWAY,
        "categories asked for; custodians hold each record to them",
        "denied under a consent; in an own or emergency access no record fits",
        _code(Code.CATEGORY_NOT_ALLOWED, Code.RECORD_OUTSIDE_CATEGORIES),
    ),
    Rule(
        "actions",
        Enforcer.GATEWAY,
        "actions asked for",
        "denied under a consent; an own or emergency access names none",
        _code(Code.ACTION_NOT_ALLOWED),
    ),
    Rule(
        "level",
        Enforcer.GATEWAY,
        "highest level asked for, 1 to 5; custodians hold each record to it",
        "denied under a consent; in an own or emergency access no record fits",
        _code(Code.LEVEL_TOO_HIGH, Code.RECORD_ABOVE_LEVEL),
    ),
    Rule(
        "confidentiality",
        Enforcer.GATEWAY,
        "highest confidentiality asked for; custodians hold each record to it",
        "unrestricted records only",
        _code(Code.CONFIDENTIALITY_TOO_HIGH, Code.RECORD_ABOVE_CONFIDENTIALITY),
    ),
    Rule(
        "form",
        Enforcer.GATEWAY,
        "form asked for; custodians release this or a less identified one",
        "identified records",
        _code(Code.FORM_TOO_IDENTIFIED, Code.RECORD_TOO_IDENTIFIED),
    ),
    Rule(
        "fromDay",
        Enforcer.GATEWAY,
        "first clinical day asked for; custodians hold each record to it",
        "outside every window",
        _code(Code.OUTSIDE_WINDOW, Code.RECORD_OUTSIDE_DAYS),
    ),
    Rule(
        "toDay",
        Enforcer.GATEWAY,
        "last clinical day asked for; custodians hold each record to it",
        "outside every window",
        _code(Code.OUTSIDE_WINDOW, Code.RECORD_OUTSIDE_DAYS),
    ),
    Rule("role", Enforcer.PARTICIPANT, "role of the natural person behind the request", "unspecified"),
    Rule(
        "recordCount",
        Enforcer.CUSTODIAN,
        "records asked for, 1 to 1,024",
        "malformed: reverts",
        _code(Code.RECORD_COUNT_MISMATCH, Code.TOO_MANY_RECORDS),
    ),
    Rule(
        "recordsRoot",
        Enforcer.CUSTODIAN,
        "root over exactly the leaves asked for",
        "malformed: reverts",
        _code(Code.RECORDS_ROOT_MISMATCH, Code.RECORDS_NOT_DISTINCT),
    ),
    Rule(
        "sessionKey",
        Enforcer.CUSTODIAN,
        "one-time X25519 key that shares are sealed to",
        "malformed: reverts",
        _code(Code.SESSION_KEY_MISMATCH),
    ),
    Rule(
        "userDigest",
        Enforcer.PARTICIPANT,
        "salted digest of the natural person; its opening is sealed to the regulator",
        "the participant names nobody",
    ),
    Rule(
        "deadline",
        Enforcer.GATEWAY,
        "last second at which the request can be recorded",
        "past: reverts",
        "AccessGatewayRefused",
    ),
    Rule(
        "salt",
        Enforcer.RECORD,
        "32 random bytes that make two requests two",
        "the same request can't be made twice",
        _WRONG_ACCESS,
    ),
)

TERMS: dict[TermField, Rule] = {
    TermField.TOPICS: Rule(
        "allowed topics",
        Enforcer.CUSTODIAN,
        "sensitive topics a released record may touch; must be opened",
        "no record with a sensitive topic",
        _code(Code.RECORD_TOPIC_NOT_ALLOWED),
    ),
    TermField.EXCLUDED: Rule(
        "excluded items",
        Enforcer.CUSTODIAN,
        "records tree over the leaves left out by name; must be opened",
        "nothing is left out by name",
        _code(Code.RECORD_EXCLUDED),
    ),
    TermField.PERSONS: Rule("persons", Enforcer.PARTICIPANT, "natural persons who may read", "any of the grantee's"),
    TermField.ETHICS: Rule("ethics reference", Enforcer.RECORD, "approval of an ethics committee", "none is named"),
    TermField.CONTRACT: Rule("contract reference", Enforcer.RECORD, "contract with the grantee", "none is named"),
    TermField.NOTICE: Rule("notice", Enforcer.RECORD, "text the patient saw", "none is named"),
    TermField.FHIR_CONSENT: Rule(
        "FHIR Consent", Enforcer.RECORD, "the same consent as a FHIR resource", "there is none"
    ),
}

_UNSET = "not so"
FLAGS: dict[Flag, Rule] = {
    flag: Rule(str(flag.name), enforcer, meaning, _UNSET, breach)
    for flag, enforcer, meaning, breach in (
        (Flag.SEPARATE_CONSENT, Enforcer.RECORD, "given apart from other terms (PIPL article 29)", ""),
        (Flag.WRITTEN_CONSENT, Enforcer.RECORD, "given in writing", ""),
        (Flag.SENSITIVE_NOTICE, Enforcer.RECORD, "necessity and effects of sensitive data were told (PIPL 30)", ""),
        (Flag.THIRD_PARTY_NOTICE, Enforcer.RECORD, "recipient, purpose and kind were told (PIPL 23)", ""),
        (Flag.CROSS_BORDER, Enforcer.ZERO, "data may leave the country", _code(Code.FLAG_NOT_SUPPORTED)),
        (Flag.AUTO_DECISION, Enforcer.RECORD, "automated decisions are allowed", ""),
        (Flag.MINOR_U14, Enforcer.RECORD, "the patient is under 14 and a guardian consents", ""),
        (Flag.NOTIFY_EACH_ACCESS, Enforcer.PARTICIPANT, "the patient is told of each access", ""),
        (Flag.DELEGABLE, Enforcer.ZERO, "the grantee may pass the right on", _code(Code.FLAG_NOT_SUPPORTED)),
        (Flag.ETHICS_REQ, Enforcer.RECORD, "an ethics approval is needed; the term names it", ""),
        (Flag.PIA_REF, Enforcer.RECORD, "an impact assessment was made", ""),
        (Flag.HGR, Enforcer.RECORD, "human genetic resources are concerned", ""),
        (Flag.ROLLING_WINDOW, Enforcer.RECORD, "the window rolls; windowMonths says how far", ""),
        (Flag.COMMIT_ONLY, Enforcer.RECORD, "only commitments may be shown to third parties", ""),
        (Flag.DENY_OVERRIDE, Enforcer.RECORD, "the patient does not want emergencies to override a denial", ""),
        (Flag.WITHDRAW_READABLE, Enforcer.RECORD, "how to withdraw was told", ""),
    )
}
