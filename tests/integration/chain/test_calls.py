"""Every call the flows make, on the real contracts, and what the reader says after it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

import pytest

from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.codes import Code
from salus.core.errors import ChainRevert
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, Address, LeafHash, ParticipantId, RecordId, Root, SubjectRef, chain_key, subject_ref
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.policy import ConsentStatus
from salus.core.ports import ContractCall
from salus.core.state import Denial, RecordStatus
from salus.flows.bind import deny_call, freeze_call, retain_call, sign_binding, sign_destruction
from salus.flows.destroy import Order
from salus.flows.grant import Offer, SignedConsent, compose, grant_call, package, revoke_all_call, revoke_call, sign
from salus.flows.ledger import Gateway, OperatorLedger, record_own
from tests.integration.world import ChainWorld, account

pytestmark = pytest.mark.usefixtures("instant")
LEAVES = [LeafHash(keccak(b"leaf-1")), LeafHash(keccak(b"leaf-2"))]


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient bound to hospital B, with a holder account for hospital A."""

    subject: SubjectRef
    controller: LocalSigner
    holder: LocalSigner


@pytest.fixture
def patient(chain: ChainWorld) -> Patient:
    source = chain.party("hospital-b")
    seed = os.urandom(32)
    subject = subject_ref(chain.reader.chain_id, source.participant, seed)
    controller = LocalSigner(keccak(seed + b"controller"))
    deadline = chain.reader.head().timestamp + 600
    signature = sign_binding(controller, subject, source.participant, deadline, chain.reader.domain("SubjectRegistry"))
    binding = (subject, source.participant, controller.address, deadline)
    source.writer.send(ContractCall("SubjectRegistry", "bind", (binding, seed, signature)))
    return Patient(subject, controller, LocalSigner(keccak(seed + b"holder")))


def consent_of(chain: ChainWorld, holder: LocalSigner, replaces: bytes = ZERO32) -> SignedConsent:
    now = chain.reader.head().timestamp
    epoch = 0
    offer = Offer(
        grantee=chain.party("hospital-a").participant,
        purposes=Purpose.TREAT,
        categories=Category.LAB,
        actions=Action(1),
        valid_from=now - 60,
        valid_until=now + 86400,
        days=(1, 40_000),
        max_uses=2,
    )
    consent, terms = compose(offer, holder.address, epoch, now, os.urandom, replaces)
    return sign(consent, terms, holder, chain.reader.domain("ConsentRegistry"))


def access_of(chain: ChainWorld, kind: AccessKind, reference: bytes, purpose: Purpose) -> Access:
    own = kind is AccessKind.OWN
    return Access(
        kind=kind,
        participant=ParticipantId(ZERO32) if own else chain.party("hospital-a").participant,
        reference=reference,
        purpose=int(purpose),
        categories=int(Category.LAB),
        actions=1,
        level=3,
        confidentiality=3,
        form=0,
        from_day=20_000,
        to_day=20_001,
        role=int(Role(1)),
        record_count=len(LEAVES),
        records_root=records_root(LEAVES),
        session_key=hpke.public_key(os.urandom(32)),
        user_digest=keccak(b"person"),
        deadline=chain.reader.head().timestamp + 600,
        salt=os.urandom(32),
    )


def deadline(chain: ChainWorld) -> int:
    return chain.reader.head().timestamp + 600


def gateway(chain: ChainWorld, *, relayed: bool = False) -> Gateway:
    writer = chain.relay if relayed else chain.party("hospital-a").writer
    return Gateway(chain.reader, writer, time.sleep)


def test_bind__signed_by_the_controller__makes_the_subject(chain: ChainWorld, patient: Patient) -> None:
    state = chain.reader.subject(patient.subject, chain.reader.head())
    assert state.source == chain.party("hospital-b").participant
    assert state.controller == patient.controller.address
    assert (state.frozen, state.hold, state.retention_years, state.nonce) == (False, False, 5, 0)


def test_subject_verbs__relayed_for_the_patient__change_its_state(chain: ChainWorld, patient: Patient) -> None:
    domain = chain.reader.domain("SubjectRegistry")
    stranger = chain.party("institute").participant
    one, two = patient.controller, patient.subject
    chain.relay.send_many(
        [
            freeze_call(one, two, 0, deadline(chain), domain, frozen=True),
            deny_call(one, two, stranger, Denial.ABSOLUTE, 1, deadline(chain), domain),
            retain_call(one, two, 2, 2, deadline(chain), domain),
        ]
    )
    at = chain.reader.head()
    state = chain.reader.subject(patient.subject, at)
    assert (state.frozen, state.retention_years, state.nonce) == (True, 2, 3)
    assert chain.reader.denial(patient.subject, stranger, at) is Denial.ABSOLUTE
    assert chain.reader.denial(patient.subject, chain.party("checkup").participant, at) is Denial.NONE


def test_consent__granted_replaced_and_revoked__has_the_states_of_the_protocol(
    chain: ChainWorld, patient: Patient
) -> None:
    holder, reader = patient.holder, chain.reader
    first = consent_of(chain, holder)
    second = consent_of(chain, holder, first.consent_id)
    granted = chain.relay.send(grant_call(first))
    assert granted.event("ConsentGranted").args["consentId"] == first.consent_id
    state = reader.consent(holder.address, first.consent_id, granted.block)
    assert (state.status, state.uses_left, state.epoch, state.holder_epoch) == (ConsentStatus.LIVE, 2, 0, 0)
    assert state.granted_at == granted.block.timestamp
    chain.relay.send(grant_call(second))
    assert reader.consent(holder.address, first.consent_id, reader.head()).status is ConsentStatus.REPLACED
    assert reader.consent(holder.address, first.consent_id, granted.block).status is ConsentStatus.LIVE
    domain = reader.domain("ConsentRegistry")
    chain.relay.send(revoke_call(holder, second.consent_id, domain))
    assert reader.consent(holder.address, second.consent_id, reader.head()).status is ConsentStatus.REVOKED
    chain.relay.send(revoke_all_call(holder, 0, domain))
    assert reader.consent(holder.address, second.consent_id, reader.head()).holder_epoch >= 1


def test_request__under_a_consent__is_granted_then_denied_after_revocation(chain: ChainWorld, patient: Patient) -> None:
    signed = consent_of(chain, patient.holder)
    chain.relay.send(grant_call(signed))
    shown = package(signed, patient.subject, patient.controller, chain.reader.domain("Council"), {})
    ledger = OperatorLedger(chain.reader, gateway(chain))
    access = access_of(chain, AccessKind.CONSENT, signed.consent_id, Purpose.TREAT)
    recorded = ledger.record(access, shown)
    assert recorded.code is Code.GRANTED
    state = chain.reader.access(access.access_id(ledger.domain("AccessGateway")), chain.reader.head())
    assert (state.kind, state.frozen, state.expires_at) == (AccessKind.CONSENT, False, recorded.expires_at)
    assert chain.reader.consent(patient.holder.address, signed.consent_id, chain.reader.head()).uses_left == 1
    chain.relay.send(revoke_call(patient.holder, signed.consent_id, chain.reader.domain("ConsentRegistry")))
    again = replace(access, salt=os.urandom(32))
    assert ledger.record(again, shown).code is Code.CONSENT_REVOKED


def test_request__with_another_consent__is_refused_by_the_contract(chain: ChainWorld, patient: Patient) -> None:
    signed = consent_of(chain, patient.holder)
    shown = package(signed, patient.subject, patient.controller, chain.reader.domain("Council"), {})
    access = access_of(chain, AccessKind.CONSENT, signed.consent_id, Purpose.TREAT)
    with pytest.raises(ChainRevert) as caught:
        OperatorLedger(chain.reader, gateway(chain)).record(access, shown)
    assert caught.value.error == "AccessGatewayRefused"
    assert caught.value.args_by_name["accessId"] == access.access_id(chain.reader.domain("AccessGateway"))


def test_request_own__relayed_with_the_controllers_signature__is_granted(chain: ChainWorld, patient: Patient) -> None:
    access = access_of(chain, AccessKind.OWN, patient.subject, Purpose.PATRQT)
    signature = patient.controller.sign(access.access_id(chain.reader.domain("AccessGateway")))
    assert record_own(access, signature, gateway(chain, relayed=True)).code is Code.GRANTED


def test_request_emergency__by_one_operator_twice__is_refused(chain: ChainWorld, patient: Patient) -> None:
    operator = chain.party("hospital-a").operator
    ledger = OperatorLedger(chain.reader, gateway(chain), operator, operator)
    with pytest.raises(ChainRevert) as caught:
        ledger.record(access_of(chain, AccessKind.EMERGENCY, patient.subject, Purpose.ETREAT), None)
    assert caught.value.error == "AccessGatewayRefused"


def test_anchor_and_invalidate__by_the_source__are_read_back(chain: ChainWorld, patient: Patient) -> None:
    source = chain.party("hospital-b")
    root, leaf = Root(os.urandom(32)), LeafHash(os.urandom(32))
    receipts = source.writer.send_many(
        [
            ContractCall("RecordRegistry", "anchor", (root, 7, 1, 1)),
            ContractCall("RecordRegistry", "invalidate", (leaf, patient.subject, 3)),
        ]
    )
    at = chain.reader.head()
    anchor = chain.reader.anchor(source.participant, root, at)
    assert (anchor.anchored_at, anchor.count) == (receipts[0].block.timestamp, 7)
    assert (anchor.custodian_set, anchor.tag) == (1, 1)
    assert chain.reader.anchor(source.participant, Root(os.urandom(32)), at).anchored_at == 0
    state = chain.reader.record_state(source.participant, leaf, at)
    assert (state.status, state.reason) == (RecordStatus.INVALID, 3)
    with pytest.raises(ChainRevert, match="RecordRegistryAnchored"):
        source.writer.send(ContractCall("RecordRegistry", "anchor", (root, 7, 1, 1)))


def test_destruction__ordered_cooled_and_attested__is_destroyed(chain: ChainWorld, patient: Patient) -> None:
    source, record = chain.party("hospital-b"), RecordId(os.urandom(32))
    domain = chain.reader.domain("RecordRegistry")
    until = deadline(chain)
    agreed = sign_destruction(patient.controller, source.participant, record, patient.subject, 1, until, domain)
    filed = Order(source.participant, record, patient.subject, until, 1, agreed)
    source.writer.send(filed.call())
    state = chain.reader.record_state(source.participant, filed.id, chain.reader.head())
    assert (state.status, state.custodian_set) == (RecordStatus.ORDERED, 1)
    while chain.reader.head().timestamp < state.erasable_from:
        time.sleep(0.2)
        chain.chain.rpc.call("evm_mine")
    for number in (1, 2):
        custodian = chain.party(f"custodian-{number}")
        attestation = (source.participant, record, patient.subject, custodian.participant, number)
        call = ContractCall("RecordRegistry", "attest", (attestation, b""))
        custodian.writer.send(call)
    state = chain.reader.record_state(source.participant, filed.id, chain.reader.head())
    assert (state.status, state.attestations) == (RecordStatus.DESTROYED, 0b11)


def test_log__recomputed_from_the_events_of_a_holder__has_the_head_on_chain(
    chain: ChainWorld, patient: Patient
) -> None:
    holder: Address = patient.holder.address
    first = chain.reader.head().number
    signed = consent_of(chain, patient.holder)
    chain.relay.send(grant_call(signed))
    chain.relay.send(revoke_call(patient.holder, signed.consent_id, chain.reader.domain("ConsentRegistry")))
    at = chain.reader.head()
    head, kinds = LogHead(), []
    for event in chain.reader.events(first, at.number):
        if event.name == "Appended" and event.args["key"] == chain_key(holder):
            a = event.args
            entry = Entry(a["emitter"], a["key"], a["kind"], a["code"], a["referenceId"], a["time"])
            head = head.after(entry.digest(chain.reader.chain_id))
            kinds.append(a["kind"])
    assert kinds == [EntryKind.CONSENT_GRANTED, EntryKind.CONSENT_REVOKED]
    assert chain.reader.log_slot(chain_key(holder), at) == head.slot()
    assert chain.reader.log_slot(None, at) != 0


def test_log__of_somebody_unknown__is_empty(chain: ChainWorld) -> None:
    assert chain.reader.log_slot(chain_key(account("nobody").address), chain.reader.head()) == 0
