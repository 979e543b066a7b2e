"""Subject at the patient's side: bind, rotate, freeze, deny, link, retain: the typed data a controller signs."""

from __future__ import annotations

from typing import Any

from salus.core.destruction import destruction_digest
from salus.core.eip712 import Domain, StructType
from salus.core.ids import Address, ParticipantId, RecordId, SubjectRef
from salus.core.ports import ContractCall, Signer
from salus.core.state import Denial

BINDING_TYPE = StructType(
    "Binding",
    ("bytes32", "subjectRef"),
    ("bytes32", "sourceId"),
    ("address", "controller"),
    ("uint64", "deadline"),
)
_TAIL = (("uint64", "nonce"), ("uint64", "deadline"))
ROTATION_TYPE = StructType("Rotation", ("bytes32", "subjectRef"), ("address", "controller"), *_TAIL)
VETO_TYPE = StructType("Veto", ("bytes32", "subjectRef"), *_TAIL)
FREEZE_TYPE = StructType("SubjectFreeze", ("bytes32", "subjectRef"), ("address", "by"), ("bool", "frozen"), *_TAIL)
DENIAL_TYPE = StructType("Denial", ("bytes32", "subjectRef"), ("bytes32", "participantId"), ("uint8", "denial"), *_TAIL)
RETENTION_TYPE = StructType("Retention", ("bytes32", "subjectRef"), ("uint8", "retentionYears"), *_TAIL)


def binding_values(subject: SubjectRef, source: ParticipantId, controller: Address, deadline: int) -> dict[str, Any]:
    """Members of Binding."""
    return {"subjectRef": subject, "sourceId": source, "controller": controller, "deadline": deadline}


def sign_binding(
    controller: Signer, subject: SubjectRef, source: ParticipantId, deadline: int, domain: Domain
) -> bytes:
    """The new controller's signature that its source's operator needs to bind the subject."""
    values = binding_values(subject, source, controller.address, deadline)
    return controller.sign(BINDING_TYPE.digest(domain, values))


def freeze_call(
    signer: Signer, subject: SubjectRef, nonce: int, deadline: int, domain: Domain, *, frozen: bool
) -> ContractCall:
    """The call that stops, or allows again, every access to a subject.

    `signer` is its controller, and `nonce` the subject's; or its guardian, with the nonce of guardians.
    """
    values = {"subjectRef": subject, "by": signer.address, "frozen": frozen, "nonce": nonce, "deadline": deadline}
    signature = signer.sign(FREEZE_TYPE.digest(domain, values))
    return ContractCall("SubjectRegistry", "freeze", (tuple(values.values()), signature))


def deny_call(
    controller: Signer,
    subject: SubjectRef,
    participant: ParticipantId,
    denial: Denial,
    nonce: int,
    deadline: int,
    domain: Domain,
) -> ContractCall:
    """The call that denies one institution every access, absolutely or except in an emergency."""
    values = {
        "subjectRef": subject,
        "participantId": participant,
        "denial": int(denial),
        "nonce": nonce,
        "deadline": deadline,
    }
    signature = controller.sign(DENIAL_TYPE.digest(domain, values))
    members = (subject, participant, int(denial), nonce, deadline)
    return ContractCall("SubjectRegistry", "deny", (members, signature))


def retain_call(
    controller: Signer, subject: SubjectRef, years: int, nonce: int, deadline: int, domain: Domain
) -> ContractCall:
    """The call that sets how many years copies are kept (1 to 5)."""
    values = {"subjectRef": subject, "retentionYears": years, "nonce": nonce, "deadline": deadline}
    signature = controller.sign(RETENTION_TYPE.digest(domain, values))
    return ContractCall("SubjectRegistry", "retain", ((subject, years, nonce, deadline), signature))


def sign_destruction(
    controller: Signer,
    source: ParticipantId,
    record: bytes,
    subject: SubjectRef,
    custodian_set: int,
    deadline: int,
    domain: Domain,
) -> bytes:
    """The controller's agreement that a source orders a record's destruction; `domain` is the RecordRegistry's."""
    return controller.sign(destruction_digest(domain, source, RecordId(record), subject, custodian_set, deadline))
