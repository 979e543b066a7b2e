"""What a receipt is about: a record or an access. Each body checks all it can against itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from salus.core.access import EMERGENCY_SESSION_SECONDS, MAX_RECORDS, OWN_SESSION_SECONDS, Access, AccessKind
from salus.core.audit import Entry, EntryKind
from salus.core.codes import Code
from salus.core.consent import Consent
from salus.core.did import Did, DidKind
from salus.core.eip712 import Domain
from salus.core.errors import ProofError, ReceiptError
from salus.core.ids import Address, LeafHash, ParticipantId, Root, chain_key, hex32
from salus.core.leaf import Leaf
from salus.core.merkle import check_proof, records_root
from salus.core.policy import expiry
from salus.core.receipt_fields import Fields
from salus.core.receipt_log import LogSegment, read_segments, require_entry
from salus.core.state import BlockStamp, RecordStatus

_GATEWAY_CODES = 99


class Context(Protocol):
    """Where and when the facts of a receipt hold."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    @property
    def block(self) -> BlockStamp:
        """Block the facts were read at."""
        ...

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract."""
        ...

    def address_of(self, contract: str) -> Address:
        """Address of a contract."""
        ...


@dataclass(frozen=True, slots=True)
class RecordBody:
    """A record version was anchored by its source: leaf, path to the batch root, anchor, and what was said since."""

    KIND: ClassVar[str] = "record"
    source: ParticipantId
    leaf_hash: LeafHash
    leaf: Leaf
    proof: tuple[bytes, ...]
    root: Root
    count: int
    anchored_at: int
    status: RecordStatus = RecordStatus.VALID
    reason: int = 0
    log: tuple[LogSegment, ...] = ()

    def to_json(self, chain_id: int) -> dict[str, Any]:
        """JSON form."""
        return {
            "did": str(Did(chain_id, DidKind.RECORD, self.leaf.record_id)),
            "source": hex32(self.source),
            "leafHash": hex32(self.leaf_hash),
            "leaf": self.leaf.to_json(),
            "proof": [hex32(node) for node in self.proof],
            "anchor": {"root": hex32(self.root), "count": self.count, "anchoredAt": self.anchored_at},
            "state": {"status": int(self.status), "reason": self.reason},
            "log": [segment.to_json() for segment in self.log],
        }

    @classmethod
    def from_json(cls, value: Any, chain_id: int) -> RecordBody:
        """Read the JSON form.

        Raises:
            ReceiptError: malformed.
        """
        fields = Fields(value, "body", "did", "source", "leafHash", "leaf", "proof", "anchor", "state", "log")
        leaf = fields.struct("leaf", Leaf.from_json)
        fields.text("did", str(Did(chain_id, DidKind.RECORD, leaf.record_id)))
        anchor = Fields(fields.raw("anchor"), fields.path("anchor"), "root", "count", "anchoredAt")
        state = Fields(fields.raw("state"), fields.path("state"), "status", "reason")
        return cls(
            ParticipantId(fields.hex("source")),
            LeafHash(fields.hex("leafHash")),
            leaf,
            fields.byte_items("proof"),
            Root(anchor.hex("root")),
            anchor.integer("count", 32),
            anchor.integer("anchoredAt"),
            _status(state),
            state.integer("reason", 8),
            read_segments(fields, "log"),
        )

    def check(self, at: Context) -> None:
        """Leaf hash, path, anchor time and log.

        Raises:
            ReceiptError: names what does not hold.
        """
        if self.leaf.hash(at.chain_id) != self.leaf_hash:
            raise ReceiptError("body.leafHash", "is not the hash of the leaf")
        try:
            check_proof(self.leaf_hash, self.proof, self.root)
        except ProofError as error:
            raise ReceiptError("body.proof", "does not lead from the leaf to the anchored root") from error
        if not self.count or len(self.proof) > (self.count - 1).bit_length():
            raise ReceiptError("body.anchor.count", "is too small for the length of the proof")
        if not 0 < self.anchored_at <= at.block.timestamp:
            raise ReceiptError("body.anchor.anchoredAt", "is later than the receipt's block")
        if (self.reason != 0) and self.status is RecordStatus.VALID:
            raise ReceiptError("body.state.reason", "a valid record has none")
        entry = Entry(
            at.address_of("RecordRegistry"), self.source, EntryKind.BATCH_ANCHORED, 0, self.root, self.anchored_at
        )
        check_log(self.log, at, entry)


@dataclass(frozen=True, slots=True)
class AccessBody:
    """A request and its outcome, with its entry in the log; the consent and the records' leaves may be shown."""

    KIND: ClassVar[str] = "access"
    access_id: bytes
    access: Access
    consent: Consent | None
    key: bytes
    code: int
    expires_at: int
    recorded_at: int
    leaves: tuple[LeafHash, ...] | None
    log: tuple[LogSegment, ...]

    def to_json(self, chain_id: int) -> dict[str, Any]:  # noqa: ARG002 - all bodies are written alike
        """JSON form."""
        return {
            "accessId": hex32(self.access_id),
            "access": self.access.to_json(),
            "consent": None if self.consent is None else self.consent.to_json(),
            "key": hex32(self.key),
            "code": int(self.code),
            "expiresAt": self.expires_at,
            "recordedAt": self.recorded_at,
            "leaves": None if self.leaves is None else [hex32(leaf) for leaf in self.leaves],
            "log": [segment.to_json() for segment in self.log],
        }

    @classmethod
    def from_json(cls, value: Any, chain_id: int) -> AccessBody:  # noqa: ARG003 - all bodies are read alike
        """Read the JSON form.

        Raises:
            ReceiptError: malformed.
        """
        names = ("accessId", "access", "consent", "key", "code", "expiresAt", "recordedAt", "leaves", "log")
        fields = Fields(value, "body", *names)
        leaves = None if fields.raw("leaves") is None else fields.byte_items("leaves")
        return cls(
            fields.hex("accessId"),
            fields.struct("access", Access.from_json),
            None if fields.raw("consent") is None else fields.struct("consent", Consent.from_json),
            fields.hex("key"),
            fields.integer("code", 16),
            fields.integer("expiresAt"),
            fields.integer("recordedAt"),
            None if leaves is None else tuple(LeafHash(leaf) for leaf in leaves),
            read_segments(fields, "log"),
        )

    @property
    def entry_kind(self) -> EntryKind:
        """Kind of its log entry."""
        return EntryKind.ACCESS_GRANTED if self.code == Code.GRANTED else EntryKind.ACCESS_DENIED

    def check(self, at: Context) -> None:
        """Digests of access and consent, expiry, records and log.

        Raises:
            ReceiptError: names what does not hold.
        """
        if self.access.access_id(at.domain("AccessGateway")) != self.access_id:
            raise ReceiptError("body.accessId", "is not the digest of the access")
        if self.code > _GATEWAY_CODES or self.code not in {int(code) for code in Code}:
            raise ReceiptError("body.code", "is not an outcome of the gateway")
        self._check_consent(at)
        self._check_expiry()
        self._check_leaves()
        if not 0 < self.recorded_at <= at.block.timestamp:
            raise ReceiptError("body.recordedAt", "is later than the receipt's block")
        if all(segment.key != self.key for segment in self.log):
            raise ReceiptError("body.log", "must have a stretch of the chain the access is on")
        gateway = at.address_of("AccessGateway")
        entry = Entry(gateway, self.key, self.entry_kind, self.code, self.access_id, self.recorded_at)
        check_log(self.log, at, entry)

    def positions(self, gateway: Address) -> dict[bytes | None, int]:
        """Number of its entry in its own chain and, if shown, in the global chain (key None)."""
        entry = Entry(gateway, self.key, self.entry_kind, self.code, self.access_id, self.recorded_at)
        return require_entry(self.log, entry, "body.log")

    def _check_consent(self, at: Context) -> None:
        if self.access.kind is not AccessKind.CONSENT:
            if self.consent is not None:
                raise ReceiptError("body.consent", "an own or emergency access has none")
            if self.key != self.access.reference:
                raise ReceiptError("body.key", "is not the chain of the access's subject")
            return
        if self.key[:12] != bytes(12):
            raise ReceiptError("body.key", "is not the chain of a holder")
        if self.consent is None:
            return
        if self.consent.consent_id(at.domain("ConsentRegistry")) != self.access.reference:
            raise ReceiptError("body.consent", "is not the consent the access names")
        if chain_key(self.consent.holder) != self.key:
            raise ReceiptError("body.key", "is not the chain of the consent's holder")

    def _check_expiry(self) -> None:
        if self.code != Code.GRANTED:
            expected = 0
        elif self.access.kind is AccessKind.OWN:
            expected = self.recorded_at + OWN_SESSION_SECONDS
        elif self.access.kind is AccessKind.EMERGENCY:
            expected = self.recorded_at + EMERGENCY_SESSION_SECONDS
        elif self.consent is not None:
            expected = expiry(self.consent, self.recorded_at)
        else:
            expected = max(self.expires_at, self.recorded_at + 1)
        if self.expires_at != expected:
            raise ReceiptError("body.expiresAt", "does not follow from the access, its consent and its time")

    def _check_leaves(self) -> None:
        if not 1 <= self.access.record_count <= MAX_RECORDS:
            raise ReceiptError("body.access", "names no records, or too many")
        if self.leaves is None:
            return
        if len(self.leaves) != self.access.record_count or len(set(self.leaves)) != len(self.leaves):
            raise ReceiptError("body.leaves", "has another number of records than the access")
        if records_root(self.leaves) != self.access.records_root:
            raise ReceiptError("body.leaves", "does not rebuild the root the access names")


def _status(state: Fields) -> RecordStatus:
    try:
        return RecordStatus(state.integer("status", 8))
    except ValueError as error:
        raise ReceiptError(state.path("status"), "is not a state of a record") from error


def check_log(log: tuple[LogSegment, ...], at: Context, entry: Entry) -> None:
    """Recompute every stretch of the log, and find in each the entry the receipt is about.

    Raises:
        ReceiptError: one does not hold, or is of a chain the receipt is not about.
    """
    for i, segment in enumerate(log):
        segment.check(f"body.log[{i}]", at.chain_id, at.block.timestamp)
        if segment.key not in (None, entry.key):
            raise ReceiptError(f"body.log[{i}].key", "is a chain this receipt is not about")
    require_entry(log, entry, "body.log")
