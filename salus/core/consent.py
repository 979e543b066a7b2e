"""Consent: the typed struct a patient signs, its packed words, its terms and its window.

Source: docs/protocol.md sections 3 to 5; field meanings in docs/policy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from salus.core.bits import Layout, pack, unpack
from salus.core.canonical import integer
from salus.core.days import day_at, months_before
from salus.core.eip712 import Domain, StructType, typed_digest
from salus.core.errors import InputError
from salus.core.hashing import Tag, keccak, words
from salus.core.ids import ZERO32, Address, ConsentId, ParticipantId, from_hex, hex32, read_address
from salus.core.merkle import MerkleTree, check_proof, double_hash

HEAD_TYPE = StructType(
    "ConsentHead",
    ("address", "holder"),
    ("uint64", "epoch"),
    ("uint32", "maxUses"),
    ("uint64", "deadline"),
    ("bytes32", "replaces"),
)
SCOPE_TYPE = StructType(
    "ConsentScope",
    ("bytes32", "granteeId"),
    ("uint32", "purposes"),
    ("uint64", "categories"),
    ("uint16", "actions"),
    ("uint8", "maxLevel"),
    ("uint8", "maxConfidentiality"),
    ("uint8", "minForm"),
    ("uint8", "windowMonths"),
    ("uint32", "fromDay"),
    ("uint32", "toDay"),
    ("uint64", "validFrom"),
    ("uint64", "validUntil"),
    ("uint32", "sessionMinutes"),
    ("uint32", "obligations"),
    ("uint32", "flags"),
    ("uint16", "ruleset"),
    ("bytes32", "terms"),
    ("bytes32", "salt"),
)
CONSENT_TYPE = StructType("Consent", (HEAD_TYPE, "head"), (SCOPE_TYPE, "scope"))
REVOCATION_TYPE = StructType("Revocation", ("address", "holder"), ("bytes32", "consentId"))
REVOCATION_OF_ALL_TYPE = StructType("RevocationOfAll", ("address", "holder"), ("uint64", "epoch"))
LINK_TYPE = StructType("Link", ("bytes32", "consentId"), ("bytes32", "subjectRef"))

_HEAD: Layout = (("epoch", 64), ("maxUses", 32), ("deadline", 64))
_SCOPE: Layout = (
    ("purposes", 32),
    ("categories", 64),
    ("actions", 16),
    ("maxLevel", 8),
    ("maxConfidentiality", 8),
    ("minForm", 8),
    ("windowMonths", 8),
    ("fromDay", 32),
    ("toDay", 32),
)
_VALIDITY: Layout = (
    ("validFrom", 64),
    ("validUntil", 64),
    ("sessionMinutes", 32),
    ("obligations", 32),
    ("flags", 32),
    ("ruleset", 16),
)
DEFAULT_SESSION_MINUTES = 60
MAX_SESSION_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Consent:
    """What a holder allows one participant. Times in Unix seconds, days from 1970-01-01 in Asia/Shanghai."""

    holder: Address
    epoch: int
    max_uses: int
    deadline: int
    replaces: bytes
    grantee: ParticipantId
    purposes: int
    categories: int
    actions: int
    max_level: int
    max_confidentiality: int
    min_form: int
    window_months: int
    from_day: int
    to_day: int
    valid_from: int
    valid_until: int
    session_minutes: int
    obligations: int
    flags: int
    ruleset: int
    terms: bytes
    salt: bytes

    def head(self) -> dict[str, Any]:
        """Members of ConsentHead."""
        return {
            "holder": self.holder,
            "epoch": self.epoch,
            "maxUses": self.max_uses,
            "deadline": self.deadline,
            "replaces": self.replaces,
        }

    def scope(self) -> dict[str, Any]:
        """Members of ConsentScope."""
        return {
            "granteeId": self.grantee,
            "purposes": self.purposes,
            "categories": self.categories,
            "actions": self.actions,
            "maxLevel": self.max_level,
            "maxConfidentiality": self.max_confidentiality,
            "minForm": self.min_form,
            "windowMonths": self.window_months,
            "fromDay": self.from_day,
            "toDay": self.to_day,
            "validFrom": self.valid_from,
            "validUntil": self.valid_until,
            "sessionMinutes": self.session_minutes,
            "obligations": self.obligations,
            "flags": self.flags,
            "ruleset": self.ruleset,
            "terms": self.terms,
            "salt": self.salt,
        }

    def scope_hash(self) -> bytes:
        """Struct hash of the scope: all of it that `grant` shows."""
        return SCOPE_TYPE.struct_hash(self.scope())

    def consent_id(self, domain: Domain) -> ConsentId:
        """Digest the holder signs."""
        return ConsentId(CONSENT_TYPE.digest(domain, {"head": self.head(), "scope": self.scope()}))

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """What a wallet shows."""
        return CONSENT_TYPE.typed_data(domain, {"head": self.head(), "scope": self.scope()})

    def to_words(self) -> tuple[Address, int, bytes, bytes, int, int, bytes, bytes]:
        """ConsentWords as `request` takes them."""
        head, scope = self.head(), self.scope()
        return (
            self.holder,
            pack(_HEAD, head),
            self.replaces,
            self.grantee,
            pack(_SCOPE, scope),
            pack(_VALIDITY, scope),
            self.terms,
            self.salt,
        )

    def window(self, now: int) -> tuple[int, int] | None:
        """First and last day the consent covers at a time, or None when it covers no day."""
        if self.window_months:
            today = day_at(now)
            return months_before(today, self.window_months), today
        if self.from_day == 0 and self.to_day == 0:
            return None
        return self.from_day, self.to_day

    def to_json(self) -> dict[str, Any]:
        """JSON form: EIP-712 member names, bytes as hex."""
        shown = CONSENT_TYPE.typed_data(Domain("", 0, self.holder), {"head": self.head(), "scope": self.scope()})
        message: dict[str, Any] = shown["message"]
        return message

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Consent:
        """Read the JSON form.

        Raises:
            InputError: a member is missing or malformed.
        """
        try:
            head, scope = value["head"], value["scope"]
            return cls(
                holder=read_address(head["holder"]),
                epoch=integer(head["epoch"]),
                max_uses=integer(head["maxUses"]),
                deadline=integer(head["deadline"]),
                replaces=from_hex(head["replaces"]),
                grantee=ParticipantId(from_hex(scope["granteeId"])),
                purposes=integer(scope["purposes"]),
                categories=integer(scope["categories"]),
                actions=integer(scope["actions"]),
                max_level=integer(scope["maxLevel"]),
                max_confidentiality=integer(scope["maxConfidentiality"]),
                min_form=integer(scope["minForm"]),
                window_months=integer(scope["windowMonths"]),
                from_day=integer(scope["fromDay"]),
                to_day=integer(scope["toDay"]),
                valid_from=integer(scope["validFrom"]),
                valid_until=integer(scope["validUntil"]),
                session_minutes=integer(scope["sessionMinutes"]),
                obligations=integer(scope["obligations"]),
                flags=integer(scope["flags"]),
                ruleset=integer(scope["ruleset"]),
                terms=from_hex(scope["terms"]),
                salt=from_hex(scope["salt"]),
            )._fitting()
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed consent") from error

    def _fitting(self) -> Consent:
        self.to_words()
        return self


def consent_from_words(words_: tuple[Address, int, bytes, bytes, int, int, bytes, bytes]) -> Consent:
    """Consent of its packed words.

    Raises:
        CalldataError: bits beyond a word's last field are set.
    """
    holder, head, replaces, grantee, scope, validity, terms, salt = words_
    h, s, v = unpack(_HEAD, head), unpack(_SCOPE, scope), unpack(_VALIDITY, validity)
    return Consent(
        holder=holder,
        epoch=h["epoch"],
        max_uses=h["maxUses"],
        deadline=h["deadline"],
        replaces=replaces,
        grantee=ParticipantId(grantee),
        purposes=s["purposes"],
        categories=s["categories"],
        actions=s["actions"],
        max_level=s["maxLevel"],
        max_confidentiality=s["maxConfidentiality"],
        min_form=s["minForm"],
        window_months=s["windowMonths"],
        from_day=s["fromDay"],
        to_day=s["toDay"],
        valid_from=v["validFrom"],
        valid_until=v["validUntil"],
        session_minutes=v["sessionMinutes"],
        obligations=v["obligations"],
        flags=v["flags"],
        ruleset=v["ruleset"],
        terms=terms,
        salt=salt,
    )


def consent_id_from_parts(domain: Domain, head: Mapping[str, Any], scope_hash: bytes) -> ConsentId:
    """Digest from the head in clear and the scope's hash, as `grant` computes it."""
    struct = keccak(words(CONSENT_TYPE.type_hash, HEAD_TYPE.struct_hash(head), scope_hash))
    return ConsentId(typed_digest(domain, struct))


class TermField(IntEnum):
    """Fields of the terms tree."""

    TOPICS = 1
    EXCLUDED = 2
    PERSONS = 3
    ETHICS = 4
    CONTRACT = 5
    NOTICE = 6
    FHIR_CONSENT = 7


@dataclass(frozen=True, slots=True)
class TermOpening:
    """One opened term: its salt and value (32 bytes each) and the path to `terms`."""

    field: TermField
    salt: bytes
    value: bytes
    proof: tuple[bytes, ...]

    def leaf(self) -> bytes:
        """Leaf of this field in the terms tree."""
        return _term_leaf(self.field, self.salt, self.value)

    def check(self, terms: bytes) -> None:
        """Check that the field belongs to the consent's terms.

        Raises:
            ProofError: it does not.
        """
        check_proof(self.leaf(), self.proof, terms)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "field": int(self.field),
            "salt": hex32(self.salt),
            "value": hex32(self.value),
            "proof": [hex32(node) for node in self.proof],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TermOpening:
        """Read the JSON form.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                TermField(integer(value["field"])),
                from_hex(value["salt"]),
                from_hex(value["value"]),
                tuple(from_hex(node) for node in value["proof"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed term opening") from error


def _term_leaf(field: TermField, salt: bytes, value: bytes) -> bytes:
    return double_hash(words(Tag.TERMS, int(field), salt, value))


class Terms:
    """The salted terms of one consent.

    `values` maps fields to 32-byte values (absent fields are zero), `salts` every field to 32 random bytes.
    """

    __slots__ = ("_salts", "_tree", "_values")

    def __init__(self, values: Mapping[TermField, bytes], salts: Mapping[TermField, bytes]) -> None:
        self._values = {field: values.get(field, ZERO32) for field in TermField}
        self._salts = {field: salts[field] for field in TermField}
        self._tree = MerkleTree(_term_leaf(f, self._salts[f], self._values[f]) for f in TermField)

    @property
    def root(self) -> bytes:
        """Value of the consent's `terms`."""
        return self._tree.root

    def open(self, field: TermField) -> TermOpening:
        """Opening of one field, which says nothing of the others."""
        salt, value = self._salts[field], self._values[field]
        return TermOpening(field, salt, value, self._tree.proof(_term_leaf(field, salt, value)))


def topics_value(mask: int) -> bytes:
    """Term value of an allowed-topics mask."""
    return int(mask).to_bytes(32, "big")
