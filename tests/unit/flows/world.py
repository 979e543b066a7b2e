"""A small world for flow tests: a source, a reader, a regulator, three custodians and patients, all in memory.

Custodians are the custodian service's own verbs; only the network, the database and the chain are fakes. `Custodian`
answers can be bent to try what a dishonest one does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from custodian.app import VERBS
from custodian.rules import Custodian
from salus.adapters.memory import (
    FixedClock,
    MemoryChain,
    MemoryContent,
    MemoryCustodians,
    MemoryCustodianStore,
    MemoryPeriodKeys,
    MemorySigner,
    MemoryWriter,
    SeededRandomness,
)
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.days import day_at
from salus.core.deposit import encode_items, items_for
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, ParticipantId, RecordId, SubjectRef, address_bytes, hex32
from salus.core.labels import Action, Category, Confidentiality, Form, Labels, Purpose, Role, Topic
from salus.core.merkle import MerkleTree
from salus.core.package import ConsentPackage
from salus.core.policy import ParticipantRole
from salus.core.sealing import RecordHead, SealedRecord, seal_record
from salus.flows import grant
from salus.flows.custody import Caller
from salus.flows.grant import Offer, SignedConsent
from salus.flows.ledger import Gateway, OperatorLedger, record_own
from salus.flows.open import (
    NO_PARTICIPANT,
    Ask,
    Opened,
    Person,
    Reading,
    Recorded,
    open_with_consent,
    open_without_consent,
)
from tests.unit.flows.contracts import Contracts

CARE = ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY
SET, THRESHOLD, MEMBERS = 1, 2, 3
REGULATOR_KEY = sha256(b"regulator encryption")
DOCTOR = Person("张医生", Role.PHYSICIAN)
TREATMENT = Ask(Purpose.TREAT, Action.ACCESS, DOCTOR)

Bend = Callable[[str, dict[str, Any], dict[str, Any]], dict[str, Any]]
"""What a dishonest custodian makes of its honest answer: verb, call, answer."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A bound subject, its controller, and the holder for the reader."""

    subject: SubjectRef
    controller: MemorySigner
    holder: MemorySigner


class World:
    """Institutions are named; an account's name is its institution's."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.chain = MemoryChain(self.clock)
        self.random = SeededRandomness("flows")
        self.content = MemoryContent()
        self.contracts = Contracts(self.chain, self.clock)
        self.source = self.admit("source", CARE)
        self.reader = self.admit("reader", CARE)
        self.institute = self.admit("institute", ParticipantRole.RESEARCH)
        self.members = tuple(self._custodian(f"custodian {number}") for number in range(1, MEMBERS + 1))
        self.custodians = tuple(member.id for member in self.members)
        self.chain.set_custodians(SET, self.custodians, THRESHOLD)
        self._bent: dict[ParticipantId, Bend] = {}
        self.client = MemoryCustodians({member.id: self._answering(member) for member in self.members})

    # institutions

    def admit(self, name: str, roles: ParticipantRole, encryption_key: bytes = ZERO32) -> ParticipantId:
        """Admit an institution with two operators."""
        found = ParticipantId(sha256(name.encode()))
        operators = [MemorySigner.named(name).address, MemorySigner.named(f"{name} second").address]
        self.chain.set_participant(found, roles=roles, operators=operators, encryption_key=encryption_key)
        return found

    def _custodian(self, name: str) -> Custodian:
        key = sha256(f"{name} encryption".encode())
        return Custodian(
            id=self.admit(name, ParticipantRole.CUSTODY, hpke.public_key(key)),
            signer=MemorySigner.named(name),
            encryption_key=key,
            chain=self.chain,
            store=MemoryCustodianStore(),
            keys=MemoryPeriodKeys(),
            clock=self.clock,
            random=SeededRandomness(name),
        )

    def _answering(self, member: Custodian) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
        def answer(verb: str, call: dict[str, Any]) -> dict[str, Any]:
            honest = VERBS[verb](member, call)
            bend = self._bent.get(member.id)
            return honest if bend is None else bend(verb, call, honest)

        return answer

    def bend(self, custodian: ParticipantId, how: Bend) -> None:
        """Make a custodian dishonest."""
        self._bent[custodian] = how

    def writer(self, participant: ParticipantId = NO_PARTICIPANT) -> MemoryWriter:
        """Transactions of a participant, or of a relay."""
        return MemoryWriter(self.chain, participant, self.contracts.functions)

    def caller(self, name: str) -> Caller:
        """An institution's operator, or an account, speaking to custodians."""
        return Caller(MemorySigner.named(name), self.chain.domain("Council"), self.clock, self.random)

    def reading(self, name: str = "reader") -> Reading:
        """What an institution reads with."""
        ledger = OperatorLedger(
            self.chain,
            Gateway(self.chain, self.writer(), lambda _: None),
            MemorySigner.named(name),
            MemorySigner.named(f"{name} second"),
        )
        key = hpke.public_key(REGULATOR_KEY)
        return Reading(ledger, self.client, self.content, self.caller(name), key)

    # patients and records

    @property
    def today(self) -> int:
        """Civil day in Asia/Shanghai."""
        return day_at(self.clock.now())

    def patient(self, name: str) -> Patient:
        """A bound patient of the source."""
        controller, holder = (MemorySigner.named(f"{name} {account}") for account in ("controller", "holder"))
        subject = SubjectRef(sha256(f"{name} subject".encode()))
        self.chain.set_subject(subject, self.source, controller.address)
        return Patient(subject, controller, holder)

    def seal(
        self,
        patient: Patient,
        text: str,
        *,
        level: int = 3,
        categories: Category = Category.CHECKUP | Category.LAB,
        topics: int = 0,
        days_ago: int | None = 10,
        form: Form = Form.IDENTIFIED,
        record: str = "",
        version: int = 1,
    ) -> SealedRecord:
        """A sealed record that says a text."""
        day = 0 if days_ago is None else self.today - days_ago
        head = RecordHead(
            RecordId(sha256((record or text).encode())),
            version,
            LeafHash(ZERO32),
            patient.subject,
            Labels(categories, level, Confidentiality.N, Topic(topics)),
            int(form),
            day,
            day,
            SET,
        )
        content = {"resourceType": "Observation", "status": "final", "valueString": text}
        return seal_record(head, content, THRESHOLD, MEMBERS, self.random)

    def publish(self, *records: SealedRecord) -> list[LeafHash]:
        """The write path: store the envelopes, deposit the shares with every custodian, anchor the root."""
        self.content.put_many([record.envelope for record in records])
        leaves = [record.leaf.hash(self.chain.chain_id) for record in records]
        root = MerkleTree(leaves).root
        caller = self.caller("source")
        for position, member in enumerate(self.members):
            info = hpke.deposit_info(self.chain.chain_id, root, SET, member.id)
            key = self.chain.participant(member.id, self.chain.head()).encryption_key
            sealed = hpke.seal(encode_items(items_for(records, position)), key, info)
            body = {
                "sourceId": hex32(self.source),
                "root": hex32(root),
                "custodianSet": SET,
                "sealed": hex32(sealed),
            }
            answer = self.client.deposit(member.id, caller.call("deposit", member.id, body))
            assert answer == {"root": hex32(root), "stored": len(records)}
        self.chain.set_anchor(self.source, root, len(records), SET)
        return leaves

    # consents

    def offer(self, **changes: Any) -> Offer:
        """Check-up and laboratory data of the last three months, for treatment by the reader."""
        values: dict[str, Any] = {
            "grantee": self.reader,
            "purposes": Purpose.TREAT,
            "categories": Category.CHECKUP | Category.LAB,
            "actions": Action.ACCESS | Action.USE,
            "valid_from": self.clock.now() - 60,
            "valid_until": self.clock.now() + 30 * 86_400,
            "window_months": 3,
            "notice": "只在本次诊疗中使用",
        }
        return Offer(**(values | changes))

    def sign(self, patient: Patient, replaces: bytes = ZERO32, epoch: int = 0, **changes: Any) -> SignedConsent:
        """A consent composed and signed in the patient's wallet."""
        consent, terms = grant.compose(
            self.offer(**changes), patient.holder.address, epoch, self.clock.now(), self.random, replaces
        )
        return grant.sign(
            consent,
            terms,
            patient.holder,
            self.chain.domain("ConsentRegistry"),
            excluded=changes.get("excluded", ()),
        )

    def pack(self, patient: Patient, signed: SignedConsent) -> ConsentPackage:
        """The package the patient hands to the grantee."""
        keys = {m.id: self.chain.participant(m.id, self.chain.head()).encryption_key for m in self.members}
        return grant.package(signed, patient.subject, patient.controller, self.chain.domain("Council"), keys)

    def consent(self, patient: Patient, **changes: Any) -> ConsentPackage:
        """A consent signed, granted on chain and packaged."""
        signed = self.sign(patient, **changes)
        self.writer().send(grant.grant_call(signed))
        return self.pack(patient, signed)

    # reading

    def open(self, package: ConsentPackage, ask: Ask = TREATMENT) -> Opened:
        """Open as the reader."""
        return open_with_consent(package, ask, self.reader, self.reading())

    def open_own(self, patient: Patient, **changes: Any) -> Opened:
        """Open as the patient, through a relay."""
        ask = Ask(Purpose.PATRQT, Action.ACCESS, Person("本人", Role.PATIENT), **changes)
        gateway = Gateway(self.chain, self.writer(), lambda _: None)
        caller = Caller(patient.controller, self.chain.domain("Council"), self.clock, self.random)
        reading = Reading(PatientLedger(self.chain, gateway, patient.controller), self.client, self.content, caller)
        return open_without_consent(AccessKind.OWN, NO_PARTICIPANT, patient.subject, self.custodians, ask, reading)


class PatientLedger(OperatorLedger):
    """`AccessLedger` of a patient: signs each request and has it relayed."""

    def __init__(self, chain: MemoryChain, gateway: Gateway, controller: MemorySigner) -> None:
        super().__init__(chain, gateway)
        self._relay = gateway
        self._controller = controller

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Sign, relay, wait."""
        assert package is None
        return record_own(access, self._controller.sign(access.access_id(self.domain("AccessGateway"))), self._relay)


def texts(opened: Opened) -> set[str]:
    """What the opened records say."""
    return {item.record.content["valueString"] for item in opened.items}


def resealed(
    world: World,
    custodian: ParticipantId,
    call: dict[str, Any],
    leaf: str,
    share: bytes,
    *,
    inner: bool = False,
) -> str:
    """A share of a custodian's own choice, sealed as a true one is."""
    access = Access.from_json(call["body"]["access"])
    info = hpke.release_info(
        world.chain.chain_id,
        address_bytes(world.chain.address_of("AccessGateway")),
        access.access_id(world.chain.domain("AccessGateway")),
        bytes.fromhex(leaf[2:]),
        custodian,
        inner=inner,
    )
    return hex32(hpke.seal(share, access.session_key, info))
