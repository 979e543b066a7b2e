"""The custody stage on the real chain: three custodian processes over HTTP, and transactions for everything else.

Blocks are mined per transaction while these tests run; the stage mines one itself when the head grows old.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from salus.adapters.chain.rpc import Rpc
from salus.adapters.custodians import HttpCustodians
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke, signatures
from salus.core.access import Access, AccessKind
from salus.core.codes import Code
from salus.core.eip712 import StructType
from salus.core.ids import (
    AccessId,
    ConsentId,
    LeafHash,
    ParticipantId,
    RecordId,
    SubjectRef,
    chain_key,
    subject_ref,
)
from salus.core.package import ConsentPackage
from salus.core.ports import ContractCall, Signer
from salus.core.state import Denial
from salus.flows.admit import add_operator
from salus.flows.bind import ROTATION_TYPE, deny_call, freeze_call, sign_binding, sign_destruction
from salus.flows.council import decide
from salus.flows.grant import SignedConsent, grant_call, revoke_all_call, revoke_call
from tests.custody_stage import Institution, Patient, Stage
from tests.integration.services import CUSTODIANS, Grounds, start_all, stop_all
from tests.integration.world import ChainWorld, account

_FRESH_SECONDS = 2
APPOINTMENT_TYPE = StructType(
    "Appointment",
    ("bytes32", "subjectRef"),
    ("address", "guardian"),
    ("uint64", "nonce"),
    ("uint64", "deadline"),
)


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return int(time.time())


class ChainStage(Stage):
    """Everything by transactions; custodians are asked over HTTP."""

    def __init__(self, world: ChainWorld, grounds: Grounds) -> None:
        self.world = world
        self.grounds = grounds
        self.chain = world.reader
        self.clock = SystemClock()
        self.random = secrets.token_bytes
        self.custodian_set = world.custodian_set
        self.custodians = tuple(world.party(name).participant for name in CUSTODIANS)
        self.processes = dict(zip(self.custodians, grounds.custodians, strict=True))
        self.client = HttpCustodians({custodian: process.url for custodian, process in self.processes.items()})
        self.source = self._institution("checkup")
        self.reader = self._institution("hospital-a")
        self.other = self._institution("hospital-b")
        self.supervisor = self._institution("regulator")
        self._rpc = Rpc(world.anvil.url)
        self._stopped = False

    def close(self) -> None:
        self.client.close()
        self._rpc.close()

    def _institution(self, name: str) -> Institution:
        party, second = self.world.party(name), account(f"second|{name}")
        deadline = self.clock.now() + 600
        add_operator(party.participant, second, deadline, party.writer, self.chain)
        return Institution(party.participant, party.operator, second)

    def mine(self) -> None:
        self._rpc.call("evm_mine")

    def ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if not self._stopped and self.clock.now() - self.chain.head().timestamp >= _FRESH_SECONDS:
            self.mine()
        answer: dict[str, Any] = getattr(self.client, verb)(custodian, call)
        return answer

    def encryption_key(self, custodian: ParticipantId) -> bytes:
        return self.chain.participant(custodian, self.chain.head()).encryption_key

    def account(self) -> Signer:
        return LocalSigner(secrets.token_bytes(32))

    def _deadline(self) -> int:
        return self.clock.now() + 600

    def _domain(self, contract: str) -> Any:
        return self.chain.domain(contract)

    def _nonce(self, patient: Patient) -> int:
        return self.chain.subject(patient.subject, self.chain.head()).nonce

    def bind(self, patient_of: Institution, controller: Signer, guardian: Signer) -> SubjectRef:
        seed, deadline = self.random(32), self._deadline()
        subject = subject_ref(self.chain.chain_id, patient_of.id, seed)
        signature = sign_binding(controller, subject, patient_of.id, deadline, self._domain("SubjectRegistry"))
        binding = (subject, patient_of.id, controller.address, deadline)
        self._of(patient_of).send(ContractCall("SubjectRegistry", "bind", (binding, seed, signature)))
        self._appoint(subject, controller, guardian)
        return subject

    def _of(self, institution: Institution) -> Any:
        return next(p.writer for p in self.world.parties.values() if p.participant == institution.id)

    def _appoint(self, subject: SubjectRef, controller: Signer, guardian: Signer) -> None:
        nonce, deadline = self.chain.subject(subject, self.chain.head()).nonce, self._deadline()
        values = {"subjectRef": subject, "guardian": guardian.address, "nonce": nonce, "deadline": deadline}
        signature = controller.sign(APPOINTMENT_TYPE.digest(self._domain("SubjectRegistry"), values))
        args = ((subject, guardian.address, nonce, deadline), signature)
        self.world.relay.send(ContractCall("SubjectRegistry", "appoint", args))

    def rotate(self, patient: Patient, controller: Signer) -> None:
        nonce, deadline = self._nonce(patient), self._deadline()
        values = {
            "subjectRef": patient.subject,
            "controller": controller.address,
            "nonce": nonce,
            "deadline": deadline,
        }
        digest = ROTATION_TYPE.digest(self._domain("SubjectRegistry"), values)
        both = [patient.controller.sign(digest), controller.sign(digest)]
        args = ((patient.subject, controller.address, nonce, deadline), both)
        self.world.relay.send(ContractCall("SubjectRegistry", "rotate", args))

    def freeze(self, patient: Patient) -> None:
        domain = self._domain("SubjectRegistry")
        nonce, deadline = self._nonce(patient), self._deadline()
        self.world.relay.send(freeze_call(patient.controller, patient.subject, nonce, deadline, domain, frozen=True))

    def deny(self, patient: Patient, denial: Denial) -> None:
        domain = self._domain("SubjectRegistry")
        nonce, deadline = self._nonce(patient), self._deadline()
        self.world.relay.send(
            deny_call(patient.controller, patient.subject, self.reader.id, denial, nonce, deadline, domain)
        )

    def grant(self, signed: SignedConsent) -> None:
        self.world.relay.send(grant_call(signed))

    def revoke(self, patient: Patient, signed: SignedConsent) -> None:
        self.world.relay.send(revoke_call(patient.holder, signed.consent_id, self._domain("ConsentRegistry")))

    def replace(self, patient: Patient, signed: SignedConsent, by: SignedConsent) -> None:
        self.world.relay.send(grant_call(by))

    def revoke_all(self, patient: Patient) -> None:
        nothing = ConsentId(bytes(32))
        epoch = self.chain.consent(patient.holder.address, nothing, self.chain.head()).holder_epoch
        self.world.relay.send(revoke_all_call(patient.holder, epoch, self._domain("ConsentRegistry")))

    def request(self, access: Access, consent: ConsentPackage | None, signers: Sequence[Signer]) -> Code:
        access_id = access.access_id(self._domain("AccessGateway"))
        signed = [signer.sign(access_id) for signer in signers]
        if access.kind is AccessKind.CONSENT:
            assert consent is not None
            words = (consent.consent.to_words(), access.to_words())
            self._of(self.reader).send(ContractCall("AccessGateway", "request", words))
        elif access.kind is AccessKind.OWN:
            self.world.relay.send(ContractCall("AccessGateway", "requestOwn", (access.to_words(), signed[0])))
        else:
            args = (access.to_words(), *(signatures.compact(signature) for signature in signed))
            self._of(self.reader).send(ContractCall("AccessGateway", "requestEmergency", args))
        return Code(self.chain.access(access_id, self.chain.head()).code)

    def freeze_access(self, access_id: bytes, patient: Patient) -> None:
        args = (AccessId(access_id), chain_key(patient.holder.address))
        self._of(self.supervisor).send(ContractCall("AccessGateway", "freeze", args))

    def anchor(self, root: bytes, count: int, custodian_set: int) -> None:
        self._of(self.source).send(ContractCall("RecordRegistry", "anchor", (root, count, custodian_set, 1)))

    def invalidate(self, leaf: LeafHash, subject: SubjectRef) -> None:
        self._of(self.source).send(ContractCall("RecordRegistry", "invalidate", (leaf, subject, 1)))

    def order(self, record: RecordId, patient: Patient) -> None:
        deadline = self._deadline()
        domain = self._domain("RecordRegistry")
        agreed = (self.source.id, record, patient.subject, self.custodian_set, deadline)
        args = (agreed, sign_destruction(patient.controller, *agreed, domain))
        self._of(self.source).send(ContractCall("RecordRegistry", "order", args))

    def end_cooling_off(self) -> None:
        self.pass_seconds(int(self.world.settings["coolingOffSeconds"]) + 1)

    def suspend(self, participant: ParticipantId) -> None:
        self._decide("suspend", participant)

    def reinstate(self, participant: ParticipantId) -> None:
        self._decide("reinstate", participant)

    def _decide(self, verb: str, participant: ParticipantId) -> None:
        decide([ContractCall("ParticipantRegistry", verb, (participant,))], self.random(32), self.world.chamber)

    def remove_operator(self, institution: Institution, operator: Signer) -> None:
        raise NotImplementedError  # an operator can't come back, and the world is shared

    def pass_seconds(self, seconds: int) -> None:
        time.sleep(seconds)
        self.mine()

    def stop_blocks(self) -> None:
        self._stopped = True
        head = self.chain.head()
        while self.clock.now() - head.timestamp <= 6:
            time.sleep(0.1)

    def resume_blocks(self) -> None:
        self._stopped = False
        self.mine()


@pytest.fixture(scope="module")
def stage(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainStage]:
    grounds = Grounds(chain, tmp_path_factory.mktemp("custodians") / "services")
    with chain.anvil.instant():
        opened = ChainStage(chain, grounds)
        try:
            opened.mine()
            start_all(grounds.custodians, opened.mine)
            assert all(
                opened.encryption_key(c) == hpke.public_key(chain.party(n).encryption_key)
                for c, n in zip(opened.custodians, CUSTODIANS, strict=True)
            )
            yield opened
        finally:
            stop_all(grounds.custodians)
            opened.close()
