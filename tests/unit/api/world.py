"""The fakes behind one API, its clients, and a patient."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient

from api.app import Parts, create_app
from api.model import Institution
from api.ports import Title
from api.security.clients import ASSERTION_TYPE, read_clients
from salus.adapters.memory import (
    FixedClock,
    MemoryChain,
    MemoryContent,
    MemoryCustodians,
    MemorySigner,
    MemoryWriter,
    SeededRandomness,
)
from salus.adapters.memory.index import MemoryIndex
from salus.adapters.memory.institution import MemoryOnce, MemoryPackages, MemoryRequests, MemoryVersions
from salus.core import hpke
from salus.core.access import AccessKind, access_from_words
from salus.core.codes import Code
from salus.core.consent import consent_id_from_parts
from salus.core.hashing import sha256
from salus.core.ids import (
    Address,
    ConsentId,
    LeafHash,
    ParticipantId,
    RecordId,
    SubjectRef,
    address_bytes,
    chain_key,
    hex32,
    to_address,
)
from salus.core.index_rows import CustodianSetRow, OperatorRow, ParticipantRow, SubjectRow, seq_of
from salus.core.labels import Action, Category, Confidentiality, Labels, Purpose
from salus.core.package import ConsentPackage
from salus.core.policy import ConsentStatus, ParticipantRole, ParticipantStatus
from salus.core.sealing import RecordHead, SealedRecord, seal_record
from salus.core.state import ParticipantKind
from salus.flows.custody import Caller
from salus.flows.emergency import SecondedCaller
from salus.flows.grant import Offer, SignedConsent, compose, package, sign
from salus.flows.ledger import Gateway, OperatorLedger
from tests.unit.api.custodian import TrustingCustodian

URL = "https://api.hospital-a.test"
HOSPITAL = ParticipantId(sha256(b"hospital-a"))
SOURCE = ParticipantId(sha256(b"checkup"))
REGULATOR = ParticipantId(sha256(b"regulator"))
CUSTODIANS = tuple(ParticipantId(sha256(b"custodian-%d" % i)) for i in range(3))
SUBJECT = SubjectRef(sha256(b"subject"))
ALL_SCOPES = ["records:open", "consents:read", "audit:read", "destroy"]


class PlainTitles:
    """Every institution is called by the first digits of its id."""

    def of(self, participant: ParticipantId) -> Title:
        return Title(participant.hex()[:8], participant.hex()[:8])


class StaffKey:
    """A client's ES256 key, as a hospital system would hold it."""

    def __init__(self, client_id: str = "his", kid: str = "k1") -> None:
        self.client_id = client_id
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())

    def entry(self, scopes: list[str], **more: Any) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return {"client_id": self.client_id, "scopes": scopes, "jwks": {"keys": [{**jwk, "kid": self.kid}]}, **more}

    def assertion(self, now: int, jti: str, /, **claims: Any) -> str:
        body = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{URL}/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": jti,
            "person": "dr-li",
            "role": "PHYSICIAN",
            **claims,
        }
        shown = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(shown, self.key, algorithm="ES256", headers={"kid": self.kid})


class ApiWorld:
    """Everything behind one API. `client` speaks to it; `staff()` and `patient()` give headers with a token."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.random = SeededRandomness("api")
        self.chain = MemoryChain(self.clock)
        self.index = MemoryIndex()
        self.content = MemoryContent()
        self.operator = MemorySigner.named("operator")
        self.second_operator = MemorySigner.named("second operator")
        self.controller = MemorySigner.named("controller")
        self.holder = MemorySigner.named("holder")
        self.custodian_keys = {custodian: self.random(32) for custodian in CUSTODIANS}
        self.custodians = [TrustingCustodian(id_, i, self.chain) for i, id_ in enumerate(CUSTODIANS)]
        self.key = StaffKey()
        self.token_key = Ed25519PrivateKey.generate()
        self.next_code = Code.GRANTED
        self._assertions = 0
        self._fill()
        self.writer = MemoryWriter(self.chain, HOSPITAL, self._functions())
        self.ready: dict[str, Exception | None] = {"chain": None}
        caller = Caller(self.operator, self.chain.domain("Council"), self.clock, self.random)
        gateway = Gateway(self.chain, self.writer, lambda _: None)
        self.packages = MemoryPackages()
        self.clients = read_clients(json.dumps({"clients": [self.key.entry(ALL_SCOPES)]}))
        app = create_app(
            Parts(
                institution=Institution(HOSPITAL, URL),
                chain=self.chain,
                index=self.index,
                operator=self.writer,
                relayer=self.writer,
                ledger=OperatorLedger(self.chain, gateway),
                custodians=MemoryCustodians({custodian.id: custodian for custodian in self.custodians}),
                content=self.content,
                caller=caller,
                emergency=(
                    OperatorLedger(self.chain, gateway, self.operator, self.second_operator),
                    SecondedCaller(self.operator, caller.domain, self.clock, self.random, self.second_operator),
                ),
                packages=self.packages,
                requests=MemoryRequests(),
                versions=MemoryVersions(),
                once=MemoryOnce(),
                titles=PlainTitles(),
                clients=self.clients,
                token_key=self.token_key,
                seal_key=self.random(32),
                checks={"chain": self._check},
                pause=lambda _: None,
                calls_per_account=20,
            )
        )
        self.app = app
        self.client = TestClient(app, base_url=URL, raise_server_exceptions=False)

    def close(self) -> None:
        self.client.close()

    # staff and patients

    def token(self, scope: str | None = None, **claims: Any) -> httpx.Response:
        self._assertions += 1
        assertion = self.key.assertion(self.clock.now(), f"jti-{self._assertions}", **claims)
        return self.ask_token(assertion, scope)

    def ask_token(self, assertion: str, scope: str | None = None) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        if scope is not None:
            form["scope"] = scope
        return self.client.post("/oauth/token", data=form)

    def staff(self, scope: str | None = None, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(scope, **claims).json()['access_token']}"}

    def patient(self, signer: MemorySigner | None = None) -> dict[str, str]:
        who = signer or self.holder
        challenge = self.client.post("/v1/patients/challenge", json={"address": who.address}).json()["challenge"]
        signature = sign_typed(who, challenge)
        answer = self.client.post("/v1/patients/token", json={"address": who.address, "signature": signature})
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    # records and consents

    def add_record(self, key: str, content: dict[str, Any], day: int = 20_500) -> SealedRecord:
        labels = Labels(Category.CHECKUP | Category.LAB, 3, Confidentiality.N)
        head = RecordHead(RecordId(sha256(key.encode())), 1, LeafHash(bytes(32)), SUBJECT, labels, 0, day, day, 1)
        sealed = seal_record(head, content, 2, 3, self.random)
        self.content.put(sealed.envelope)
        leaf = sealed.leaf.hash(self.chain.chain_id)
        for custodian in self.custodians:
            custodian.records[leaf] = sealed
        return sealed

    def sign_consent(self, **changes: Any) -> SignedConsent:
        now = self.clock.now()
        offer = Offer(
            **{
                "grantee": HOSPITAL,
                "purposes": Purpose.TREAT,
                "categories": Category.CHECKUP | Category.LAB,
                "actions": Action.ACCESS | Action.USE,
                "valid_from": now,
                "valid_until": now + 90 * 86_400,
                "window_months": 3,
                **changes,
            }
        )
        consent, terms = compose(offer, self.holder.address, 0, now, self.random)
        return sign(consent, terms, self.holder, self.chain.domain("ConsentRegistry"))

    def package_of(self, signed: SignedConsent) -> ConsentPackage:
        keys = {custodian: hpke.public_key(key) for custodian, key in self.custodian_keys.items()}
        return package(signed, SUBJECT, self.controller, self.chain.domain("Council"), keys)

    def hand_in(self, **changes: Any) -> SignedConsent:
        signed = self.sign_consent(**changes)
        self.chain.grant(self.holder.address, signed.consent_id)
        answer = self.client.post("/v1/packages", json=self.package_of(signed).to_json(), headers=self.patient())
        assert answer.status_code == 201, answer.text
        return signed

    @staticmethod
    def custodian_operator(custodian: ParticipantId) -> MemorySigner:
        return MemorySigner.named(custodian.hex())

    # the chain behind it

    def _functions(self) -> dict[tuple[str, str], Any]:
        chain = self.chain

        def grant(head: Any, scope_hash: bytes, signature: bytes) -> None:
            values = dict(zip(("holder", "epoch", "maxUses", "deadline", "replaces"), head, strict=True))
            chain.grant(head[0], consent_id_from_parts(chain.domain("ConsentRegistry"), values, scope_hash))

        def replace(head: Any, scope_hash: bytes, signature: bytes) -> None:
            chain.revoke(head[0], ConsentId(head[4]), ConsentStatus.REPLACED)
            grant(head, scope_hash, signature)

        def request(kind: AccessKind) -> Any:
            def record(*words: Any) -> None:
                access = access_from_words(words[1] if kind is AccessKind.CONSENT else words[0])
                granted = self.next_code is Code.GRANTED
                chain.set_access(
                    access.access_id(chain.domain("AccessGateway")),
                    code=self.next_code,
                    expires_at=self.clock.now() + 3600 if granted else 0,
                    kind=kind,
                    key=chain_key(words[0][0]) if kind is AccessKind.CONSENT else access.reference,
                )

            return record

        return {
            ("ConsentRegistry", "grant"): grant,
            ("ConsentRegistry", "replace"): replace,
            ("ConsentRegistry", "revoke"): lambda holder, consent, _: chain.revoke(holder, consent),
            ("ConsentRegistry", "revokeAll"): lambda holder, *_: chain.revoke_all(holder),
            ("AccessGateway", "request"): request(AccessKind.CONSENT),
            ("AccessGateway", "requestOwn"): request(AccessKind.OWN),
            ("AccessGateway", "requestEmergency"): request(AccessKind.EMERGENCY),
            ("SubjectRegistry", "freeze"): lambda row, _: chain.set_frozen(row[0], frozen=row[1]),
            ("SubjectRegistry", "rotate"): lambda row, _: chain.set_subject(row[0], SOURCE, row[1]),
        }

    def _fill(self) -> None:
        chain, now = self.chain, self.clock.now()
        care = ParticipantRole.CARE | ParticipantRole.EMERGENCY
        chain.set_participant(HOSPITAL, roles=care, operators=[self.operator.address, self.second_operator.address])
        chain.set_participant(SOURCE, roles=ParticipantRole.SOURCE, kind=ParticipantKind.CHECKUP_CENTRE)
        for custodian, key in self.custodian_keys.items():
            chain.set_participant(
                custodian,
                roles=ParticipantRole.CUSTODY,
                kind=ParticipantKind.CUSTODIAN,
                operators=[self.custodian_operator(custodian).address],
                encryption_key=hpke.public_key(key),
            )
        chain.set_custodians(1, CUSTODIANS, 2)
        chain.set_subject(SUBJECT, SOURCE, self.controller.address)
        rows = [
            self._participant(1, HOSPITAL, ParticipantKind.HOSPITAL, care),
            self._participant(2, SOURCE, ParticipantKind.CHECKUP_CENTRE, ParticipantRole.SOURCE),
            *(
                self._participant(3 + i, custodian, ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY)
                for i, custodian in enumerate(CUSTODIANS)
            ),
            OperatorRow(seq=seq_of(7), at=now, operator=self.operator.address, participant=HOSPITAL, active=True),
            CustodianSetRow(seq=seq_of(8), number=1, threshold=2, members=b"".join(CUSTODIANS), at=now),
            SubjectRow(
                seq=seq_of(9),
                at=now,
                subject=SUBJECT,
                source=SOURCE,
                controller=self.controller.address,
                bound_at=now,
            ),
        ]
        self.index.write(0, rows)

    def _participant(self, block: int, id_: ParticipantId, kind: ParticipantKind, roles: int) -> ParticipantRow:
        return ParticipantRow(
            seq=seq_of(block),
            at=self.clock.now(),
            participant=id_,
            kind=int(kind),
            roles=int(roles),
            status=int(ParticipantStatus.ACTIVE),
            applied_at=self.clock.now(),
        )

    def _check(self) -> None:
        error = self.ready["chain"]
        if error is not None:
            raise error


def sign_typed(signer: MemorySigner, typed: dict[str, Any]) -> str:
    """Signature over typed data, as a wallet that knows only EIP-712 makes it."""
    from eth_account.messages import encode_typed_data

    from salus.core.hashing import keccak

    message = encode_typed_data(full_message=typed)
    return hex32(signer.sign(keccak(b"\x19" + message.version + message.header + message.body)))


def address(text: str) -> Address:
    return to_address(address_bytes(Address(text)))
