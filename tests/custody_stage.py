"""A stage for custody tests: institutions, custodians, patients and what they do to each other.

`Stage` says what can happen; the memory variant (tests/unit/custodian/conftest.py) sets chain state by hand, the real
one (tests/integration/custodian) sends transactions. `Case` is one patient of the source with records, a consent
for the reader and an access, and every way to bend a release or a list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from salus.core import envelope, hpke
from salus.core.access import Access, AccessKind
from salus.core.calls import UnsignedCall
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.days import day_at
from salus.core.deposit import encode_items, items_for
from salus.core.eip712 import Domain
from salus.core.errors import RefusedError
from salus.core.ids import (
    ZERO32,
    LeafHash,
    ParticipantId,
    RecordId,
    SubjectRef,
    address_bytes,
    from_hex,
    hex32,
)
from salus.core.labels import Action, Category, Confidentiality, Labels, Purpose, Topic
from salus.core.merkle import MerkleTree, records_root
from salus.core.package import ConsentPackage, SignedLink
from salus.core.ports import ChainReader, Clock, Randomness, Signer
from salus.core.sealing import OpenedRecord, RecordHead, SealedRecord, open_record, seal_record
from salus.core.state import Denial
from salus.flows.grant import Offer, SignedConsent, compose, package, sign

THRESHOLD = 2
Outcome = Code | dict[str, Any]
"""What one custodian did: refused the whole call, or answered."""


@dataclass(frozen=True, slots=True)
class Institution:
    """A participant and two of its operators."""

    id: ParticipantId
    operator: Signer
    second: Signer


@dataclass(frozen=True, slots=True)
class Patient:
    """A bound subject of a source, its controller, and the holder for the reader."""

    subject: SubjectRef
    controller: Signer
    guardian: Signer
    holder: Signer


@dataclass(frozen=True, slots=True)
class Draft:
    """A record version to be: labels, how many days ago (None: undated), and which record."""

    categories: Category = Category.LAB
    level: int = 3
    confidentiality: Confidentiality = Confidentiality.N
    form: int = 0
    topics: Topic = Topic(0)
    days_ago: int | None = 10
    name: str = ""
    version: int = 1


class Stage(ABC):
    """One source, one reader, another reader, a supervisor, and the custodians of set `custodian_set`."""

    chain: ChainReader
    clock: Clock
    random: Randomness
    custodian_set: int
    custodians: tuple[ParticipantId, ...]
    source: Institution
    reader: Institution
    other: Institution
    supervisor: Institution

    @property
    def salus(self) -> Domain:
        """Domain of calls and links."""
        return self.chain.domain("Council")

    @property
    def today(self) -> int:
        """Civil day in Asia/Shanghai."""
        return day_at(self.clock.now())

    @abstractmethod
    def ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        """One call to one custodian; raises RefusedError."""

    @abstractmethod
    def encryption_key(self, custodian: ParticipantId) -> bytes:
        """A custodian's X25519 public key."""

    @abstractmethod
    def account(self) -> Signer:
        """A new account."""

    @abstractmethod
    def bind(self, patient_of: Institution, controller: Signer, guardian: Signer) -> SubjectRef:
        """Bind a new subject."""

    @abstractmethod
    def rotate(self, patient: Patient, controller: Signer) -> None: ...

    @abstractmethod
    def freeze(self, patient: Patient) -> None: ...

    @abstractmethod
    def deny(self, patient: Patient, denial: Denial) -> None:
        """The patient denies the reader."""

    @abstractmethod
    def grant(self, signed: SignedConsent) -> None: ...

    @abstractmethod
    def revoke(self, patient: Patient, signed: SignedConsent) -> None: ...

    @abstractmethod
    def replace(self, patient: Patient, signed: SignedConsent, by: SignedConsent) -> None: ...

    @abstractmethod
    def revoke_all(self, patient: Patient) -> None: ...

    @abstractmethod
    def request(self, access: Access, consent: ConsentPackage | None, signers: Sequence[Signer]) -> Code:
        """Put an access on chain as the reader, the patient (own) or two operators (emergency)."""

    @abstractmethod
    def freeze_access(self, access_id: bytes, patient: Patient) -> None: ...

    @abstractmethod
    def anchor(self, root: bytes, count: int, custodian_set: int) -> None:
        """The source anchors a batch."""

    @abstractmethod
    def invalidate(self, leaf: LeafHash, subject: SubjectRef) -> None: ...

    @abstractmethod
    def order(self, record: RecordId, patient: Patient) -> None:
        """The source orders a record's destruction; the cooling-off is not waited for."""

    @abstractmethod
    def end_cooling_off(self) -> None: ...

    @abstractmethod
    def suspend(self, participant: ParticipantId) -> None: ...

    @abstractmethod
    def reinstate(self, participant: ParticipantId) -> None: ...

    @abstractmethod
    def remove_operator(self, institution: Institution, operator: Signer) -> None: ...

    @abstractmethod
    def pass_seconds(self, seconds: int) -> None:
        """Let time pass, with blocks."""

    @abstractmethod
    def stop_blocks(self) -> None:
        """Let the head grow old."""

    @abstractmethod
    def resume_blocks(self) -> None: ...

    # what only a chain set by hand can do

    def forge(self, access: Access) -> None:
        """An access entry no gateway would write."""
        raise NotImplementedError

    def hold_final(self) -> None:
        """From now on blocks are head only."""
        raise NotImplementedError

    def shorten(self) -> None:
        """The chain loses its newest blocks."""
        raise NotImplementedError

    # what needs no chain of a kind

    def patient(self) -> Patient:
        """A new patient of the source."""
        controller, guardian = self.account(), self.account()
        return Patient(self.bind(self.source, controller, guardian), controller, guardian, self.account())

    def call(self, verb: str, custodian: ParticipantId, body: dict[str, Any], signer: Signer) -> dict[str, Any]:
        """A signed call."""
        return self.call_at(self.clock.now(), verb, custodian, body, signer)

    def call_at(
        self, at: int, verb: str, custodian: ParticipantId, body: dict[str, Any], signer: Signer
    ) -> dict[str, Any]:
        """A call signed at a time."""
        unsigned = UnsignedCall(verb, custodian, body, at, self.random(32))
        return unsigned.signed(signer.address, signer.sign(unsigned.digest(self.salus)))

    def outcome(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> Outcome:
        """What a custodian does with a call."""
        try:
            return self.ask(custodian, verb, call)
        except RefusedError as refused:
            return refused.code

    def seal(self, subject: SubjectRef, draft: Draft) -> SealedRecord:
        """A sealed record of a subject."""
        day = 0 if draft.days_ago is None else self.today - draft.days_ago
        name = RecordId(self.random(32)) if not draft.name else RecordId(draft.name.encode().ljust(32, b"."))
        previous = LeafHash(ZERO32 if draft.version == 1 else self.random(32))
        labels = Labels(draft.categories, draft.level, draft.confidentiality, draft.topics)
        head = RecordHead(name, draft.version, previous, subject, labels, draft.form, day, day, self.custodian_set)
        content = {"resourceType": "Observation", "id": self.random(8).hex()}
        return seal_record(head, content, THRESHOLD, len(self.custodians), self.random)

    def deposit_calls(
        self,
        records: Sequence[SealedRecord],
        by: Institution,
        set_number: int | None = None,
        notes: Sequence[bytes] | None = None,
    ) -> dict[ParticipantId, dict[str, Any]]:
        """Signed deposits of a batch, one per custodian; each record with its `note` unless said."""
        number = self.custodian_set if set_number is None else set_number
        root = self.root(records)
        calls = {}
        for position, custodian in enumerate(self.custodians):
            info = hpke.deposit_info(self.chain.chain_id, root, number, custodian)
            told = [self.note(record) for record in records] if notes is None else notes
            items = zip(items_for(records, position), told, strict=True)
            payload = encode_items([replace(item, note=note) for item, note in items])
            sealed = hpke.seal(payload, self.encryption_key(custodian), info)
            body = {"sourceId": hex32(by.id), "root": hex32(root), "custodianSet": number, "sealed": hex32(sealed)}
            calls[custodian] = self.call("deposit", custodian, body, by.operator)
        return calls

    def root(self, records: Sequence[SealedRecord]) -> bytes:
        """Batch root of records."""
        return MerkleTree(record.leaf.hash(self.chain.chain_id) for record in records).root

    def note(self, record: SealedRecord) -> bytes:
        """What a source keeps with a record: here a text that names it."""
        return f"of record 0x{record.leaf.record_id.hex()}, version {record.leaf.version}".encode()

    def deposit(
        self, records: Sequence[SealedRecord], by: Institution | None = None, notes: Sequence[bytes] | None = None
    ) -> None:
        """Deposit a batch at all custodians."""
        for custodian, call in self.deposit_calls(records, by or self.source, notes=notes).items():
            answer = self.ask(custodian, "deposit", call)
            assert answer == {"root": hex32(self.root(records)), "stored": len(records)}

    def leaf(self, record: SealedRecord) -> LeafHash:
        """Leaf hash of a record."""
        return record.leaf.hash(self.chain.chain_id)


class Case:
    """One patient, with records at the custodians, a consent package for the reader, and an access to the records."""

    def __init__(self, stage: Stage, *drafts: Draft, **offer: Any) -> None:
        self.stage = stage
        self.patient = stage.patient()
        self.records = [stage.seal(self.patient.subject, draft) for draft in drafts or (Draft(),)]
        stage.deposit(self.records)
        stage.anchor(stage.root(self.records), len(self.records), stage.custodian_set)
        self.signed = self.compose(**offer)
        stage.grant(self.signed)
        self.package = self.pack()
        self.session_key = stage.random(32)
        self.access: Access | None = None
        self.gateway = stage.chain.domain("AccessGateway")

    @property
    def leaves(self) -> list[LeafHash]:
        """Leaves of the records, in order of the drafts."""
        return [self.stage.leaf(record) for record in self.records]

    @property
    def access_id(self) -> bytes:
        """Id of the access that was requested."""
        assert self.access is not None
        return self.access.access_id(self.gateway)

    def add(self, *drafts: Draft, anchored: bool = True) -> list[LeafHash]:
        """More records of the same patient, in a batch of their own."""
        records = [self.stage.seal(self.patient.subject, draft) for draft in drafts]
        self.stage.deposit(records)
        if anchored:
            self.stage.anchor(self.stage.root(records), len(records), self.stage.custodian_set)
        self.records += records
        return [self.stage.leaf(record) for record in records]

    # consent

    def compose(self, replaces: bytes = ZERO32, **changes: Any) -> SignedConsent:
        """A consent for the reader, signed by the holder."""
        stage, now = self.stage, self.stage.clock.now()
        default = Offer(
            grantee=stage.reader.id,
            purposes=Purpose.TREAT,
            categories=Category.LAB | Category.IMGREP,
            actions=Action.ACCESS | Action.USE,
            valid_from=now - 60,
            valid_until=now + 86_400,
            days=(stage.today - 90, stage.today),
            topics=Topic.HBV,
        )
        holder = self.patient.holder
        epoch = stage.chain.consent(holder.address, ZERO32_CONSENT, stage.chain.head()).holder_epoch
        offer = replace(default, **changes)
        consent, terms = compose(offer, holder.address, epoch, now, stage.random, replaces)
        signed = sign(consent, terms, holder, stage.chain.domain("ConsentRegistry"))
        return replace(signed, excluded=offer.excluded)

    def pack(self, signed: SignedConsent | None = None, link_by: Signer | None = None) -> ConsentPackage:
        """The package of a consent, with links signed by the controller unless said."""
        keys = {custodian: self.stage.encryption_key(custodian) for custodian in self.stage.custodians}
        made = signed or self.signed
        packed = package(made, self.patient.subject, link_by or self.patient.controller, self.stage.salus, keys)
        return replace(packed, excluded=made.excluded)

    def link_for(self, consent: bytes, subject: SubjectRef, sealed_to: ParticipantId, for_id: bytes) -> bytes:
        """A link the controller signed for one consent, sealed under another."""
        digest = SignedLink.digest(self.stage.salus, consent, subject)  # type: ignore[arg-type]  # forged on purpose
        link = SignedLink(for_id, subject, self.patient.controller.sign(digest))  # type: ignore[arg-type]  # as above
        return link.seal_to(self.stage.chain.chain_id, sealed_to, self.stage.encryption_key(sealed_to))

    def sealed_again(self, custodian: ParticipantId, under: bytes) -> bytes:
        """This case's true link, sealed as if it were of another consent."""
        consent, subject = self.signed.consent_id, self.patient.subject
        signature = self.patient.controller.sign(SignedLink.digest(self.stage.salus, consent, subject))
        plain = {"consentId": hex32(consent), "subjectRef": hex32(subject), "signature": hex32(signature)}
        info = hpke.link_info(self.stage.chain.chain_id, under, custodian)
        return hpke.seal(canonical(plain), self.stage.encryption_key(custodian), info)

    # access

    def struct(self, leaves: Sequence[LeafHash] | None = None, **changes: Any) -> Access:
        """An access struct for leaves (all records of the case), under the consent unless said."""
        stage = self.stage
        named = self.leaves if leaves is None else list(leaves)
        default = Access(
            kind=AccessKind.CONSENT,
            participant=stage.reader.id,
            reference=self.signed.consent_id,
            purpose=int(Purpose.TREAT),
            categories=self.signed.consent.categories,
            actions=int(Action.ACCESS),
            level=self.signed.consent.max_level,
            confidentiality=self.signed.consent.max_confidentiality,
            form=self.signed.consent.min_form,
            from_day=stage.today - 90,
            to_day=stage.today,
            role=1,
            record_count=len(named),
            records_root=records_root(dict.fromkeys(named)),
            session_key=hpke.public_key(self.session_key),
            user_digest=ZERO32,
            deadline=stage.clock.now() + 600,
            salt=stage.random(32),
        )
        return replace(default, **changes)

    def own(self, **changes: Any) -> dict[str, Any]:
        """Members of a struct for an own access."""
        return {
            "kind": AccessKind.OWN,
            "participant": ParticipantId(ZERO32),
            "reference": bytes(self.patient.subject),
            "purpose": int(Purpose.PATRQT),
            **changes,
        }

    def emergency(self, **changes: Any) -> dict[str, Any]:
        """Members of a struct for an emergency."""
        return {
            "kind": AccessKind.EMERGENCY,
            "reference": bytes(self.patient.subject),
            "purpose": int(Purpose.BTG),
            **changes,
        }

    def request(self, leaves: Sequence[LeafHash] | None = None, **changes: Any) -> Code:
        """Put an access on chain."""
        self.access = self.struct(leaves, **changes)
        self.gateway = self.stage.chain.domain("AccessGateway")
        reader = self.stage.reader
        signers: dict[AccessKind, tuple[Signer, ...]] = {
            AccessKind.CONSENT: (reader.operator,),
            AccessKind.OWN: (self.patient.controller,),
            AccessKind.EMERGENCY: (reader.operator, reader.second),
        }
        consent = self.package if self.access.kind is AccessKind.CONSENT else None
        return self.stage.request(self.access, consent, signers[self.access.kind])

    # calls

    def release_body(self, custodian: ParticipantId, leaves: Sequence[LeafHash] | None = None) -> dict[str, Any]:
        """An honest body of a release to one custodian."""
        assert self.access is not None
        body: dict[str, Any] = {
            "access": self.access.to_json(),
            "leaves": [hex32(leaf) for leaf in (self.leaves if leaves is None else leaves)],
            "history": False,
        }
        if self.access.kind is AccessKind.CONSENT:
            packed = self.package.to_json()
            body |= {"consent": packed["consent"], "terms": packed["openings"], "excluded": packed["excluded"]}
            body["link"] = hex32(self.package.links[custodian])
        return body

    def release(
        self, leaves: Sequence[LeafHash] | None = None, by: Signer | None = None, **changes: Any
    ) -> list[Outcome]:
        """Ask every custodian for shares; members of the body can be changed, None takes one out."""
        outcomes = []
        for custodian in self.stage.custodians:
            body = self.release_body(custodian, leaves) | changes
            body = {name: value for name, value in body.items() if value is not None}
            call = self.stage.call("release", custodian, body, by or self.stage.reader.operator)
            outcomes.append(self.stage.outcome(custodian, "release", call))
        return outcomes

    def ask_list(self, by: Signer | None = None, **changes: Any) -> list[Outcome]:
        """Ask every custodian for the list under the package."""
        body = {"package": self.package.to_json(), "history": False} | changes
        body = {name: value for name, value in body.items() if value is not None}
        signer = by or self.stage.reader.operator
        return [
            self.stage.outcome(custodian, "list", self.stage.call("list", custodian, body, signer))
            for custodian in self.stage.custodians
        ]

    def list_in_emergency(
        self, first: Signer, second: Signer, second_signs: dict[str, Any] | None = None
    ) -> list[Outcome]:
        """Ask every custodian for the subject's records with two operators."""
        body: dict[str, Any] = {"subject": hex32(self.patient.subject)}
        outcomes = []
        for custodian in self.stage.custodians:
            at, nonce = self.stage.clock.now(), self.stage.random(32)
            seconded = UnsignedCall("list", custodian, body | (second_signs or {}), at, nonce)
            signature = hex32(second.sign(seconded.digest(self.stage.salus)))
            whole = body | {"second": {"signer": second.address, "signature": signature}}
            call = UnsignedCall("list", custodian, whole, at, nonce)
            signed = call.signed(first.address, first.sign(call.digest(self.stage.salus)))
            outcomes.append(self.stage.outcome(custodian, "list", signed))
        return outcomes

    def open(self, outcomes: Sequence[Outcome], record: SealedRecord) -> OpenedRecord:
        """Open a record with the shares the custodians released."""
        leaf, chain = self.stage.leaf(record), self.stage.chain
        gateway = address_bytes(self.gateway.verifying_contract)
        parts: dict[str, list[bytes]] = {"sealed": [], "inner": []}
        for custodian, outcome in zip(self.stage.custodians, outcomes, strict=True):
            assert isinstance(outcome, dict)
            for item in outcome["shares"]:
                for name, found in parts.items():
                    if item["leaf"] == hex32(leaf) and name in item:
                        info = hpke.release_info(
                            chain.chain_id, gateway, self.access_id, leaf, custodian, inner=name == "inner"
                        )
                        found.append(hpke.open_sealed(from_hex(item[name], None), self.session_key, info))
        assert envelope.parse(record.envelope).header.threshold == THRESHOLD
        digest, commitment = record.leaf.envelope_digest, record.leaf.content_commitment
        return open_record(record.envelope, digest, commitment, parts["sealed"], parts["inner"])


ZERO32_CONSENT: Any = ZERO32


def all_refuse(outcomes: Sequence[Outcome], code: Code) -> None:
    """Every custodian refused the whole call with this code."""
    assert outcomes
    assert list(outcomes) == [code] * len(outcomes)


def all_withhold(outcomes: Sequence[Outcome], leaf: LeafHash, code: Code) -> None:
    """Every custodian refused this record with this code and released no share of it."""
    assert outcomes
    for outcome in outcomes:
        assert isinstance(outcome, dict), outcome
        assert hex32(leaf) not in {item["leaf"] for item in outcome["shares"]}
        assert {"leaf": hex32(leaf), "code": int(code)} in outcome["refused"]
