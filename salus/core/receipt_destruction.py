"""The body of a destruction's receipt: the order, and enough signed attestations that no key can be joined again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from salus.core import signatures
from salus.core.audit import Entry, EntryKind
from salus.core.custody import attestation_digest
from salus.core.destruction import destruction_digest, still_enough
from salus.core.did import Did, DidKind
from salus.core.eip712 import Domain
from salus.core.errors import InputError, ReceiptError, SignatureError
from salus.core.ids import Address, ParticipantId, RecordId, SubjectRef, hex32
from salus.core.receipt_bodies import Context, check_log
from salus.core.receipt_fields import Fields
from salus.core.receipt_log import LogSegment, read_segments
from salus.core.state import RecordStatus

UNPROVABLE = (
    "Erased are the key shares of the custodians named. What cannot be proven: copies that readers or the source made "
    "outside this system, and backups of ciphertext, which are useless without those shares."
)
"""The standing sentence of every receipt of a destruction."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The controller's signature under a destruction; absent when the Council ordered it."""

    controller: Address
    deadline: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Erasure:
    """One custodian's attestation, signed by one of its operators."""

    custodian: ParticipantId
    operator: Address
    erased: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class DestructionBody:
    """A record was destroyed: the order, and enough custodians' signed attestations that no key can be joined."""

    KIND: ClassVar[str] = "destruction"
    source: ParticipantId
    record_id: RecordId
    subject: SubjectRef
    ordered_at: int
    erasable_from: int
    custodian_set: int
    members: tuple[ParticipantId, ...]
    threshold: int
    agreement: Agreement | None
    erasures: tuple[Erasure, ...]
    removed: tuple[bytes, ...]
    log: tuple[LogSegment, ...] = ()

    def to_json(self, chain_id: int) -> dict[str, Any]:
        """JSON form."""
        agreement = self.agreement and {
            "controller": self.agreement.controller,
            "deadline": self.agreement.deadline,
            "signature": hex32(self.agreement.signature),
        }
        return {
            "did": str(Did(chain_id, DidKind.RECORD, self.record_id)),
            "source": hex32(self.source),
            "subjectRef": hex32(self.subject),
            "order": {
                "orderedAt": self.ordered_at,
                "erasableFrom": self.erasable_from,
                "custodianSet": self.custodian_set,
            },
            "custodians": {"members": [hex32(member) for member in self.members], "threshold": self.threshold},
            "agreement": agreement,
            "attestations": [
                {
                    "custodian": hex32(erasure.custodian),
                    "operator": erasure.operator,
                    "erased": erasure.erased,
                    "signature": hex32(erasure.signature),
                }
                for erasure in self.erasures
            ],
            "removed": [hex32(digest) for digest in self.removed],
            "unprovable": UNPROVABLE,
            "log": [segment.to_json() for segment in self.log],
        }

    @classmethod
    def from_json(cls, value: Any, chain_id: int) -> DestructionBody:
        """Read the JSON form.

        Raises:
            ReceiptError: malformed.
        """
        names = ("did", "source", "subjectRef", "order", "custodians", "agreement", "attestations", "removed", "log")
        fields = Fields(value, "body", *names, "unprovable")
        order = Fields(fields.raw("order"), "body.order", "orderedAt", "erasableFrom", "custodianSet")
        custodians = Fields(fields.raw("custodians"), "body.custodians", "members", "threshold")
        fields.text("unprovable", UNPROVABLE)
        return cls(
            ParticipantId(fields.hex("source")),
            _record_of(fields, chain_id),
            SubjectRef(fields.hex("subjectRef")),
            order.integer("orderedAt"),
            order.integer("erasableFrom"),
            order.integer("custodianSet", 32),
            tuple(ParticipantId(member) for member in custodians.byte_items("members")),
            custodians.integer("threshold", 8),
            _agreement(fields.raw("agreement")),
            tuple(_erasure(item, f"body.attestations[{i}]") for i, item in enumerate(fields.items("attestations"))),
            fields.byte_items("removed"),
            read_segments(fields, "log"),
        )

    def check(self, at: Context) -> None:
        """Signatures, number of attestations, times and log.

        Raises:
            ReceiptError: names what does not hold.
        """
        if not 0 < self.ordered_at <= self.erasable_from <= at.block.timestamp:
            raise ReceiptError("body.order", "its times are out of order or later than the receipt's block")
        if len(set(self.members)) != len(self.members) or not 1 <= self.threshold <= len(self.members):
            raise ReceiptError("body.custodians", "must be distinct, and as many as the threshold at least")
        needed = still_enough(len(self.members), self.threshold)
        attested = [erasure.custodian for erasure in self.erasures]
        if len(set(attested)) != len(attested) or not set(attested) <= set(self.members):
            raise ReceiptError("body.attestations", "must be of distinct members of the custodian set")
        if len(attested) < needed:
            raise ReceiptError("body.attestations", f"{needed} are needed before no key can be joined")
        self._check_signatures(at.domain("RecordRegistry"))
        registry = at.address_of("RecordRegistry")
        entry = Entry(registry, self.subject, EntryKind.DESTRUCTION_ORDERED, 0, self.record_id, self.ordered_at)
        check_log(self.log, at, entry)
        for i, segment in enumerate(self.log):
            if segment.key == self.subject and not any(self._ends(item, registry) for item in segment.entries):
                raise ReceiptError(
                    f"body.log[{i}].entries", "must reach the attestation that completes the destruction"
                )

    def _ends(self, entry: Entry, registry: Address) -> bool:
        said = (entry.emitter, entry.kind, entry.code, entry.reference)
        return said == (registry, EntryKind.DESTRUCTION_ATTESTED, RecordStatus.DESTROYED, self.record_id)

    def _check_signatures(self, domain: Domain) -> None:
        for i, erasure in enumerate(self.erasures):
            digest = attestation_digest(
                domain, self.source, self.record_id, self.subject, erasure.custodian, erasure.erased
            )
            _check_signature(f"body.attestations[{i}].signature", digest, erasure.signature, erasure.operator)
        if self.agreement is not None:
            if self.agreement.deadline < self.ordered_at:
                raise ReceiptError("body.agreement.deadline", "had passed when the order was given")
            digest = destruction_digest(
                domain, self.source, self.record_id, self.subject, self.custodian_set, self.agreement.deadline
            )
            _check_signature("body.agreement.signature", digest, self.agreement.signature, self.agreement.controller)


def _check_signature(path: str, digest: bytes, signature: bytes, signer: Address) -> None:
    try:
        signatures.check(digest, signature, signer)
    except SignatureError as error:
        raise ReceiptError(path, str(error)) from error


def _record_of(fields: Fields, chain_id: int) -> RecordId:
    try:
        did = Did.parse(fields.raw("did"))
    except (InputError, TypeError) as error:
        raise ReceiptError("body.did", "must be the DID of a record") from error
    if did.kind is not DidKind.RECORD or did.chain_id != chain_id:
        raise ReceiptError("body.did", "must be the DID of a record of this chain")
    return RecordId(did.id)


def _agreement(value: Any) -> Agreement | None:
    if value is None:
        return None
    fields = Fields(value, "body.agreement", "controller", "deadline", "signature")
    return Agreement(fields.address("controller"), fields.integer("deadline"), fields.hex("signature", 65))


def _erasure(value: Any, path: str) -> Erasure:
    fields = Fields(value, path, "custodian", "operator", "erased", "signature")
    return Erasure(
        ParticipantId(fields.hex("custodian")),
        fields.address("operator"),
        fields.integer("erased", 32),
        fields.hex("signature", 65),
    )
