"""Why the gateway did not record a request at all: numbers of `AccessGatewayRefused` and `RequestSkipped`.

Source: library Refusal in contracts/interfaces/IAccessGateway.sol; a test holds the two together. A number is never
reused.
"""

from __future__ import annotations

from enum import IntEnum


class Refusal(IntEnum):
    """A refusal leaves no trace on chain but, in a batch, the event that an item was skipped."""

    MALFORMED = 1
    DEADLINE_PASSED = 2
    NOT_OPERATOR = 3
    OTHER_PARTICIPANT = 4
    QUOTA_USED_UP = 5
    ACCESS_KNOWN = 6
    OTHER_CONSENT = 7
    CONSENT_UNKNOWN = 8
    SUBJECT_UNKNOWN = 9
    NOT_CONTROLLER = 10
    SAME_OPERATOR = 11


REFUSALS: dict[Refusal, str] = {
    Refusal.MALFORMED: "The request has bits above a field, another kind than its function takes, not exactly one "
    "purpose, an empty records root or session key, or not 1 to 1,024 records. Build it again.",
    Refusal.DEADLINE_PASSED: "The request came after its own deadline. Sign a new one.",
    Refusal.NOT_OPERATOR: "The sender or signer operates no participant. Use an operator's account.",
    Refusal.OTHER_PARTICIPANT: "The operator belongs to another participant than the request names.",
    Refusal.QUOTA_USED_UP: "The participant used up its requests of this clock hour. Wait, or ask for a larger quota.",
    Refusal.ACCESS_KNOWN: "The same request is recorded already. Read it, or ask again with a new salt.",
    Refusal.OTHER_CONSENT: "The consent shown is not the one the request refers to.",
    Refusal.CONSENT_UNKNOWN: "The consent was never granted on this chain. Grant it first.",
    Refusal.SUBJECT_UNKNOWN: "The subject is unknown, or no account controls it yet.",
    Refusal.NOT_CONTROLLER: "Neither the subject's controller nor its guardian signed.",
    Refusal.SAME_OPERATOR: "Both signatures of the emergency are of one operator; two persons have to sign.",
}
