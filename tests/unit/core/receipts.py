"""Honest receipts of all three kinds, for tests and the benchmark."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from salus.adapters.memory.signer import MemorySigner
from salus.core.access import Access, AccessKind
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.consent import Consent
from salus.core.contracts import ROLES
from salus.core.custody import attestation_digest
from salus.core.destruction import destruction_digest
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, Address, LeafHash, ParticipantId, RecordId, Root, SubjectRef, chain_key, to_address
from salus.core.leaf import Leaf
from salus.core.merkle import MerkleTree, records_root
from salus.core.policy import expiry
from salus.core.receipt import (
    Frame,
    ReceiptDeployment,
    UnsignedReceipt,
    access_receipt,
    destruction_receipt,
    record_receipt,
)
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_destruction import Agreement, DestructionBody, Erasure
from salus.core.receipt_log import LogSegment, segment_of
from salus.core.state import BlockStamp

NOW = 1_795_400_000
CHAIN_ID = 31337


def word(name: str) -> bytes:
    return keccak(name.encode())


def signer(name: str) -> MemorySigner:
    return MemorySigner(word(f"key of {name}"))


ISSUER, OPERATOR = ParticipantId(word("hospital")), signer("operator")
DEPLOYMENT = ReceiptDeployment(
    CHAIN_ID,
    to_address(word("Council")[12:]),
    {name: to_address(word(name)[12:]) for name in ROLES},
)
FRAME = Frame(DEPLOYMENT, BlockStamp(90, word("block"), NOW), "dev", ISSUER, NOW + 2)
HOLDER = signer("holder").address
SUBJECT = SubjectRef(word("subject"))
SOURCE = ParticipantId(word("check-up centre"))


def log_of(entry: Entry, others: int = 2) -> tuple[LogSegment, ...]:
    """The entry's own chain and the global chain, with other entries around it."""
    before, after = LogHead(77, 5), LogHead(99, 1000)
    own = [replace(entry, reference=word(f"own {i}"), at=entry.at - 1) for i in range(others)]
    whole = [replace(entry, key=word(f"key {i}"), reference=word(f"other {i}")) for i in range(others)]
    return (
        segment_of(entry.key, before, [*own, entry], CHAIN_ID),
        segment_of(None, after, [*own, entry, *whole], CHAIN_ID),
    )


def consent(**changes: Any) -> Consent:
    base = Consent(
        holder=HOLDER,
        epoch=0,
        max_uses=0,
        deadline=NOW + 1000,
        replaces=ZERO32,
        grantee=ISSUER,
        purposes=9,
        categories=0x1008C1,
        actions=6,
        max_level=4,
        max_confidentiality=3,
        min_form=0,
        window_months=3,
        from_day=0,
        to_day=0,
        valid_from=NOW - 1000,
        valid_until=NOW + 86400,
        session_minutes=0,
        obligations=0,
        flags=0,
        ruleset=1,
        terms=ZERO32,
        salt=word("salt"),
    )
    return replace(base, **changes)


def access(leaves: tuple[LeafHash, ...], reference: bytes, **changes: Any) -> Access:
    base = Access(
        kind=AccessKind.CONSENT,
        participant=ISSUER,
        reference=reference,
        purpose=1,
        categories=1 << 20,
        actions=6,
        level=4,
        confidentiality=3,
        form=0,
        from_day=20688,
        to_day=20780,
        role=1,
        record_count=len(leaves),
        records_root=records_root(leaves),
        session_key=word("session"),
        user_digest=word("user"),
        deadline=NOW + 60,
        salt=word("salt of access"),
    )
    return replace(base, **changes)


def access_body(count: int = 3, code: int = 1, **changes: Any) -> AccessBody:
    leaves = tuple(LeafHash(word(f"leaf {i}")) for i in range(count))
    given = consent()
    asked = access(leaves, given.consent_id(DEPLOYMENT.domain("ConsentRegistry")))
    access_id = asked.access_id(DEPLOYMENT.domain("AccessGateway"))
    kind = EntryKind.ACCESS_GRANTED if code == 1 else EntryKind.ACCESS_DENIED
    at = NOW - 30
    key = chain_key(HOLDER)
    entry = Entry(DEPLOYMENT.contracts["AccessGateway"], key, kind, code, access_id, at)
    body = AccessBody(
        access_id=access_id,
        access=asked,
        consent=given,
        key=key,
        code=code,
        expires_at=expiry(given, at) if code == 1 else 0,
        recorded_at=at,
        leaves=leaves,
        log=log_of(entry),
    )
    return replace(body, **changes)


def own_access_body(kind: AccessKind = AccessKind.OWN, seconds: int = 3600) -> AccessBody:
    leaves = (LeafHash(word("leaf")),)
    purpose = 1 << 16 if kind is AccessKind.OWN else 4
    asked = access(leaves, SUBJECT, kind=kind, purpose=purpose)
    access_id = asked.access_id(DEPLOYMENT.domain("AccessGateway"))
    at = NOW - 30
    entry = Entry(DEPLOYMENT.contracts["AccessGateway"], SUBJECT, EntryKind.ACCESS_GRANTED, 1, access_id, at)
    return AccessBody(access_id, asked, None, SUBJECT, 1, at + seconds, at, None, log_of(entry)[:1])


def leaf(name: str = "record") -> Leaf:
    return Leaf(
        record_id=RecordId(word(name)),
        version=2,
        previous=LeafHash(word("version 1")),
        subject=SUBJECT,
        envelope_digest=word("envelope"),
        content_commitment=word("content"),
        categories=1 << 20,
        level=3,
        confidentiality=3,
        form=0,
        first_day=20700,
        last_day=20700,
        topics_commitment=word("topics"),
        custodian_set=1,
    )


def record_body(count: int = 5, **changes: Any) -> RecordBody:
    mine = leaf()
    leaf_hash = mine.hash(CHAIN_ID)
    tree = MerkleTree([leaf_hash, *(word(f"neighbour {i}") for i in range(count - 1))])
    at = NOW - 500
    entry = Entry(DEPLOYMENT.contracts["RecordRegistry"], SOURCE, EntryKind.BATCH_ANCHORED, 0, tree.root, at)
    body = RecordBody(
        source=SOURCE,
        leaf_hash=leaf_hash,
        leaf=mine,
        proof=tree.proof(leaf_hash),
        root=Root(tree.root),
        count=count,
        anchored_at=at,
        log=log_of(entry),
    )
    return replace(body, **changes)


MEMBERS = tuple(ParticipantId(word(f"custodian {i}")) for i in range(3))


def erasure(i: int, record: RecordId, erased: int = 2) -> Erasure:
    by = signer(f"custodian {i}")
    digest = attestation_digest(DEPLOYMENT.domain("RecordRegistry"), SOURCE, record, SUBJECT, MEMBERS[i], erased)
    return Erasure(MEMBERS[i], by.address, erased, by.sign(digest))


def destruction_body(**changes: Any) -> DestructionBody:
    record, controller = RecordId(word("record")), signer("controller")
    domain, at = DEPLOYMENT.domain("RecordRegistry"), NOW - 400
    signature = controller.sign(destruction_digest(domain, SOURCE, record, SUBJECT, 1, NOW))
    registry = DEPLOYMENT.contracts["RecordRegistry"]
    entries = (
        Entry(registry, SUBJECT, EntryKind.DESTRUCTION_ORDERED, 0, record, at),
        Entry(registry, SUBJECT, EntryKind.DESTRUCTION_ATTESTED, 2, record, at + 200),
        Entry(registry, SUBJECT, EntryKind.DESTRUCTION_ATTESTED, 3, record, at + 201),
    )
    body = DestructionBody(
        source=SOURCE,
        record_id=record,
        subject=SUBJECT,
        ordered_at=at,
        erasable_from=at + 100,
        custodian_set=1,
        members=MEMBERS,
        threshold=2,
        agreement=Agreement(Address(controller.address), NOW, signature),
        erasures=(erasure(0, record), erasure(2, record)),
        removed=(word("envelope"), word("envelope 2")),
        log=(segment_of(SUBJECT, LogHead(), entries, CHAIN_ID),),
    )
    return replace(body, **changes)


def unsigned(kind: str) -> UnsignedReceipt:
    """An honest receipt of a kind, or of a variant of it."""
    match kind:
        case "record":
            return record_receipt(FRAME, record_body())
        case "record of a batch of one":
            return record_receipt(FRAME, record_body(1, log=()))
        case "access":
            return access_receipt(FRAME, access_body())
        case "access without consent and leaves":
            return access_receipt(FRAME, access_body(consent=None, leaves=None))
        case "denied access":
            return access_receipt(FRAME, access_body(code=20))
        case "own access":
            return access_receipt(FRAME, own_access_body())
        case "emergency":
            return access_receipt(FRAME, own_access_body(AccessKind.EMERGENCY, 4 * 3600))
        case "destruction":
            return destruction_receipt(FRAME, destruction_body())
        case "destruction ordered by the Council":
            return destruction_receipt(FRAME, destruction_body(agreement=None, log=()))
    raise KeyError(kind)


KINDS = (
    "record",
    "record of a batch of one",
    "access",
    "access without consent and leaves",
    "denied access",
    "own access",
    "emergency",
    "destruction",
    "destruction ordered by the Council",
)


def signed(kind: str) -> dict[str, Any]:
    return unsigned(kind).sign(OPERATOR)
