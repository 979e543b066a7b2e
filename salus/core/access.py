"""Access: the typed request that names exact records before any key moves.

Source: docs/protocol.md sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from salus.core.bits import Layout, pack, unpack
from salus.core.canonical import integer
from salus.core.eip712 import Domain, StructType
from salus.core.errors import CalldataError, InputError
from salus.core.ids import AccessId, ParticipantId, Root, from_hex

ACCESS_TYPE = StructType(
    "Access",
    ("uint8", "kind"),
    ("bytes32", "participantId"),
    ("bytes32", "referenceId"),
    ("uint32", "purpose"),
    ("uint64", "categories"),
    ("uint16", "actions"),
    ("uint8", "level"),
    ("uint8", "confidentiality"),
    ("uint8", "form"),
    ("uint32", "fromDay"),
    ("uint32", "toDay"),
    ("uint16", "role"),
    ("uint16", "recordCount"),
    ("bytes32", "recordsRoot"),
    ("bytes32", "sessionKey"),
    ("bytes32", "userDigest"),
    ("uint64", "deadline"),
    ("bytes32", "salt"),
)
_SCOPE: Layout = (
    ("kind", 8),
    ("purpose", 32),
    ("categories", 64),
    ("actions", 16),
    ("level", 8),
    ("confidentiality", 8),
    ("form", 8),
    ("fromDay", 32),
    ("toDay", 32),
    ("role", 16),
    ("recordCount", 16),
)
_DEADLINE: Layout = (("deadline", 64),)
MAX_RECORDS = 1024
OWN_SESSION_SECONDS = 3600
EMERGENCY_SESSION_SECONDS = 4 * 3600
REVIEW_SECONDS = 72 * 3600


class AccessKind(IntEnum):
    """What an access rests on."""

    CONSENT = 1
    OWN = 2
    EMERGENCY = 3


@dataclass(frozen=True, slots=True)
class Access:
    """One request. `reference` is a consentId (kind consent) or a subjectRef (own, emergency)."""

    kind: AccessKind
    participant: ParticipantId
    reference: bytes
    purpose: int
    categories: int
    actions: int
    level: int
    confidentiality: int
    form: int
    from_day: int
    to_day: int
    role: int
    record_count: int
    records_root: Root
    session_key: bytes
    user_digest: bytes
    deadline: int
    salt: bytes

    def members(self) -> dict[str, Any]:
        """EIP-712 members."""
        return {
            "kind": int(self.kind),
            "participantId": self.participant,
            "referenceId": self.reference,
            "purpose": self.purpose,
            "categories": self.categories,
            "actions": self.actions,
            "level": self.level,
            "confidentiality": self.confidentiality,
            "form": self.form,
            "fromDay": self.from_day,
            "toDay": self.to_day,
            "role": self.role,
            "recordCount": self.record_count,
            "recordsRoot": self.records_root,
            "sessionKey": self.session_key,
            "userDigest": self.user_digest,
            "deadline": self.deadline,
            "salt": self.salt,
        }

    def access_id(self, domain: Domain) -> AccessId:
        """Digest that names the access and, when relayed, is signed."""
        return AccessId(ACCESS_TYPE.digest(domain, self.members()))

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """What a wallet shows."""
        return ACCESS_TYPE.typed_data(domain, self.members())

    def to_words(self) -> tuple[bytes, bytes, int, bytes, bytes, bytes, int, bytes]:
        """AccessWords as the gateway takes them."""
        return (
            self.participant,
            self.reference,
            pack(_SCOPE, self.members()),
            self.records_root,
            self.session_key,
            self.user_digest,
            pack(_DEADLINE, {"deadline": self.deadline}),
            self.salt,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form: EIP-712 member names, bytes as hex."""
        return {k: "0x" + v.hex() if isinstance(v, bytes) else int(v) for k, v in self.members().items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Access:
        """Read the JSON form.

        Raises:
            InputError: a member is missing or malformed.
        """
        try:
            access = cls(
                kind=AccessKind(integer(value["kind"])),
                participant=ParticipantId(from_hex(value["participantId"])),
                reference=from_hex(value["referenceId"]),
                purpose=integer(value["purpose"]),
                categories=integer(value["categories"]),
                actions=integer(value["actions"]),
                level=integer(value["level"]),
                confidentiality=integer(value["confidentiality"]),
                form=integer(value["form"]),
                from_day=integer(value["fromDay"]),
                to_day=integer(value["toDay"]),
                role=integer(value["role"]),
                record_count=integer(value["recordCount"]),
                records_root=Root(from_hex(value["recordsRoot"])),
                session_key=from_hex(value["sessionKey"]),
                user_digest=from_hex(value["userDigest"]),
                deadline=integer(value["deadline"]),
                salt=from_hex(value["salt"]),
            )
            access.to_words()
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed access") from error
        return access


def access_from_words(words_: tuple[bytes, bytes, int, bytes, bytes, bytes, int, bytes]) -> Access:
    """Access of its packed words.

    Raises:
        CalldataError: bits beyond a word's last field are set, or the kind is none of `AccessKind`.
    """
    participant, reference, scope, records_root, session_key, user_digest, deadline, salt = words_
    s = unpack(_SCOPE, scope)
    if s["kind"] not in set(AccessKind):
        raise CalldataError("the access is of an unknown kind")
    return Access(
        kind=AccessKind(s["kind"]),
        participant=ParticipantId(participant),
        reference=reference,
        purpose=s["purpose"],
        categories=s["categories"],
        actions=s["actions"],
        level=s["level"],
        confidentiality=s["confidentiality"],
        form=s["form"],
        from_day=s["fromDay"],
        to_day=s["toDay"],
        role=s["role"],
        record_count=s["recordCount"],
        records_root=Root(records_root),
        session_key=session_key,
        user_digest=user_digest,
        deadline=unpack(_DEADLINE, deadline)["deadline"],
        salt=salt,
    )
