"""All that the registry keeps of a participant, as people look at it and decide about it."""

from __future__ import annotations

from dataclasses import dataclass

from salus.core.ids import Address
from salus.core.policy import ParticipantRole, ParticipantStatus


@dataclass(frozen=True, slots=True)
class Membership:
    """A participant; status NONE when the id is unknown.

    `kind` is one of `ParticipantKind`, 0 for an unknown id; `accreditation` the digest of the documents (32 bytes),
    `accredited_until` in Unix seconds, `hourly_quota` requests an hour. `encryption_key` has 32 bytes, `node_key` 64;
    `node_key` and `validator` are zero where it runs no node, or one that does not seal.
    """

    status: ParticipantStatus
    kind: int
    roles: ParticipantRole
    accredited_until: int
    hourly_quota: int
    principal: Address
    accreditation: bytes
    encryption_key: bytes
    node_key: bytes
    validator: Address
