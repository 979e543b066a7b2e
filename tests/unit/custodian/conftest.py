"""The custody stage over the memory chain, with three custodians in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from custodian.app import VERBS
from custodian.ports import CustodianStore
from custodian.rules import Custodian
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import (
    FixedClock,
    MemoryChain,
    MemoryCustodianStore,
    MemoryPeriodKeys,
    MemorySigner,
    SeededRandomness,
)
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.consent import Consent
from salus.core.hashing import sha256
from salus.core.ids import AccessId, LeafHash, ParticipantId, RecordId, SubjectRef
from salus.core.package import ConsentPackage
from salus.core.policy import (
    UNLIMITED_USES,
    ConsentStatus,
    ParticipantRole,
    ParticipantStatus,
    Standing,
    SubjectStanding,
    decide,
    decide_emergency,
    decide_own,
    expiry,
)
from salus.core.ports import Signer
from salus.core.state import Denial, RecordStatus
from salus.flows.grant import SignedConsent
from tests.custody_stage import Institution, Patient, Stage
from tests.databases import url_of

_CARE = ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY


class MemoryStage(Stage):
    """Everything in memory; `stores` may be on SQLite. State is set by hand, decisions are the Python policy's."""

    chain: MemoryChain
    clock: FixedClock

    def __init__(self, stores: Sequence[CustodianStore]) -> None:
        self.clock = FixedClock()
        self.chain = MemoryChain(self.clock)
        self.random = SeededRandomness("stage")
        self._accounts = 0
        self._uses: dict[bytes, int] = {}
        self.source = self._admit("source", _CARE)
        self.reader = self._admit("reader", _CARE)
        self.other = self._admit("other", _CARE)
        self.supervisor = self._admit("supervisor", ParticipantRole.SUPERVISE)
        self.custodian_set = 1
        keys = [sha256(f"encryption {number}".encode()) for number in range(len(stores))]
        self.members = [
            Custodian(
                id=self._admit(f"custodian {number}", ParticipantRole.CUSTODY, hpke.public_key(key)).id,
                signer=MemorySigner.named(f"custodian {number}"),
                encryption_key=key,
                chain=self.chain,
                store=store,
                keys=MemoryPeriodKeys(),
                clock=self.clock,
                random=SeededRandomness(f"custodian {number}"),
            )
            for number, (store, key) in enumerate(zip(stores, keys, strict=True))
        ]
        self.custodians = tuple(member.id for member in self.members)
        self.chain.set_custodians(1, self.custodians, 2)

    def _admit(self, name: str, roles: ParticipantRole, encryption_key: bytes = bytes(32)) -> Institution:
        found = Institution(
            ParticipantId(sha256(name.encode())), MemorySigner.named(name), MemorySigner.named(f"{name} second")
        )
        operators = [found.operator.address, found.second.address]
        self.chain.set_participant(found.id, roles=roles, operators=operators, encryption_key=encryption_key)
        return found

    def ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        member = self.members[self.custodians.index(custodian)]
        answer: dict[str, Any] = parse(canonical(VERBS[verb](member, parse(canonical(call)))))
        return answer

    def encryption_key(self, custodian: ParticipantId) -> bytes:
        return self.chain.participant(custodian, self.chain.head()).encryption_key

    def account(self) -> Signer:
        self._accounts += 1
        return MemorySigner.named(f"account {self._accounts}")

    def bind(self, patient_of: Institution, controller: Signer, guardian: Signer) -> SubjectRef:
        subject = SubjectRef(self.random(32))
        self.chain.set_subject(subject, patient_of.id, controller.address, guardian=guardian.address)
        return subject

    def rotate(self, patient: Patient, controller: Signer) -> None:
        state = self.chain.subject(patient.subject, self.chain.head())
        self.chain.set_subject(patient.subject, state.source, controller.address, guardian=state.guardian)

    def freeze(self, patient: Patient) -> None:
        self.chain.set_frozen(patient.subject, frozen=True)

    def deny(self, patient: Patient, denial: Denial) -> None:
        self.chain.set_denial(patient.subject, self.reader.id, denial)

    def grant(self, signed: SignedConsent) -> None:
        consent = signed.consent
        self.chain.grant(consent.holder, signed.consent_id, uses=consent.max_uses or UNLIMITED_USES)

    def revoke(self, patient: Patient, signed: SignedConsent) -> None:
        self.chain.revoke(signed.consent.holder, signed.consent_id)

    def replace(self, patient: Patient, signed: SignedConsent, by: SignedConsent) -> None:
        self.chain.revoke(signed.consent.holder, signed.consent_id, ConsentStatus.REPLACED)
        self.grant(by)

    def revoke_all(self, patient: Patient) -> None:
        self.chain.revoke_all(patient.holder.address)

    def request(self, access: Access, consent: ConsentPackage | None, signers: Sequence[Signer]) -> Code:
        now, head = self.clock.now(), self.chain.head()
        ends = now + 3600
        if access.kind is AccessKind.CONSENT:
            assert consent is not None
            code = self._decide(access, consent.consent, consent.consent_id)
            ends = expiry(consent.consent, now)
        else:
            frozen = self.chain.subject(SubjectRef(access.reference), head).frozen
            subject = SubjectStanding(frozen=frozen)
            code = decide_own(access, subject)
            if access.kind is AccessKind.EMERGENCY:
                code = decide_emergency(access, self._standing(access.participant), subject, now)
        self.chain.set_access(self._id(access), code=code, expires_at=ends, kind=access.kind)
        return code

    def _decide(self, access: Access, consent: Consent, consent_id: Any) -> Code:
        state = self.chain.consent(consent.holder, consent_id, self.chain.head())
        code = decide(access, consent, self._standing(access.participant, state), self.clock.now())
        if code is Code.GRANTED and state.uses_left != UNLIMITED_USES:
            self.chain.grant(consent.holder, consent_id, uses=state.uses_left - 1)
        return code

    def _standing(self, participant: ParticipantId, consent: Any = None) -> Standing:
        state = self.chain.participant(participant, self.chain.head())
        if consent is None:
            return Standing(state.status, state.accredited_until, state.roles)
        return Standing(
            state.status,
            state.accredited_until,
            state.roles,
            consent.status,
            consent.epoch,
            consent.holder_epoch,
            consent.uses_left,
        )

    def forge(self, access: Access) -> None:
        self.chain.set_access(self._id(access), kind=access.kind)

    def _id(self, access: Access) -> AccessId:
        return access.access_id(self.chain.domain("AccessGateway"))

    def freeze_access(self, access_id: bytes, patient: Patient) -> None:
        self.chain.set_access_frozen(AccessId(access_id))

    def anchor(self, root: bytes, count: int, custodian_set: int) -> None:
        self.chain.set_anchor(self.source.id, root, count, custodian_set)

    def invalidate(self, leaf: LeafHash, subject: SubjectRef) -> None:
        self.chain.set_record_state(self.source.id, leaf, status=RecordStatus.INVALID, reason=1)

    def order(self, record: RecordId, patient: Patient) -> None:
        self.chain.order(self.source.id, record, subject=patient.subject, erasable_from=self.clock.now() + 600)

    def end_cooling_off(self) -> None:
        self.pass_seconds(601)

    def suspend(self, participant: ParticipantId) -> None:
        self.chain.set_status(participant, ParticipantStatus.SUSPENDED)

    def reinstate(self, participant: ParticipantId) -> None:
        self.chain.set_status(participant, ParticipantStatus.ACTIVE)

    def remove_operator(self, institution: Institution, operator: Signer) -> None:
        self.chain.set_operator(operator.address, None)

    def pass_seconds(self, seconds: int) -> None:
        self.clock.tick(seconds)
        self.chain.advance()

    def stop_blocks(self) -> None:
        self.clock.tick(6)

    def resume_blocks(self) -> None:
        self.chain.advance()

    def hold_final(self) -> None:
        self.chain.hold_final()

    def shorten(self) -> None:
        self.chain.shorten(1)


@pytest.fixture
def stage() -> MemoryStage:
    return MemoryStage([MemoryCustodianStore() for _ in range(3)])


@pytest.fixture
def sqlite_stage(tmp_path: Path) -> Iterator[MemoryStage]:
    stores = []
    for number in range(3):
        engine = open_engine(url_of(tmp_path / f"custodian-{number}.db", "custodian"))
        migrate(engine, "custodian")
        stores.append(DatabaseCustodianStore(engine))
    yield MemoryStage(stores)
    for store in stores:
        store.close()
