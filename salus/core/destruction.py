"""Destruction: what the subject's controller signs so that a record's copies are destroyed (protocol section 4)."""

from __future__ import annotations

from salus.core.eip712 import Domain, StructType
from salus.core.ids import ParticipantId, RecordId, SubjectRef

DESTRUCTION_TYPE = StructType(
    "Destruction",
    ("bytes32", "sourceId"),
    ("bytes32", "recordId"),
    ("bytes32", "subjectRef"),
    ("uint32", "custodianSet"),
    ("uint64", "deadline"),
)


def destruction_digest(
    domain: Domain, source: ParticipantId, record: RecordId, subject: SubjectRef, custodian_set: int, deadline: int
) -> bytes:
    """Digest to sign; `domain` is the RecordRegistry's, `custodian_set` holds the shares, `deadline` Unix seconds."""
    values = {
        "sourceId": source,
        "recordId": record,
        "subjectRef": subject,
        "custodianSet": custodian_set,
        "deadline": deadline,
    }
    return DESTRUCTION_TYPE.digest(domain, values)


def still_enough(members: int, threshold: int) -> int:
    """Erasures after which fewer than `threshold` of `members` shares exist: n - t + 1."""
    return members - threshold + 1
