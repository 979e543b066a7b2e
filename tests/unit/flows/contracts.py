"""The contract functions that flows call, over the memory chain: signatures are checked, decisions are the policy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from salus.adapters.memory import MemoryChain
from salus.core import signatures
from salus.core.access import Access, AccessKind, access_from_words
from salus.core.codes import Code
from salus.core.consent import (
    REVOCATION_OF_ALL_TYPE,
    REVOCATION_TYPE,
    Consent,
    consent_from_words,
    consent_id_from_parts,
)
from salus.core.custody import attestation_digest
from salus.core.destruction import destruction_digest
from salus.core.errors import ChainRevert, SignatureError
from salus.core.ids import (
    ZERO32,
    AccessId,
    Address,
    ConsentId,
    ParticipantId,
    RecordId,
    SubjectRef,
    chain_key,
    order_id,
)
from salus.core.policy import (
    UNLIMITED_USES,
    ConsentStatus,
    Standing,
    SubjectStanding,
    decide,
    decide_emergency,
    decide_own,
    expiry,
)
from salus.core.ports import Clock
from salus.core.state import Denial, RecordStatus
from salus.flows.bind import DENIAL_TYPE, FREEZE_TYPE

COOLING_OFF = 600


class Contracts:
    """`functions` is what a `MemoryWriter` takes."""

    def __init__(self, chain: MemoryChain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self.functions: dict[tuple[str, str], Callable[..., None]] = {
            ("ConsentRegistry", "grant"): self._grant,
            ("ConsentRegistry", "replace"): self._replace,
            ("ConsentRegistry", "revoke"): self._revoke,
            ("ConsentRegistry", "revokeAll"): self._revoke_all,
            ("AccessGateway", "request"): self._request,
            ("AccessGateway", "requestOwn"): self._request_own,
            ("AccessGateway", "requestEmergency"): self._request_emergency,
            ("SubjectRegistry", "freeze"): self._freeze,
            ("SubjectRegistry", "deny"): self._deny,
            ("RecordRegistry", "order"): self._order,
            ("RecordRegistry", "attest"): self._attest,
        }

    # consents

    def _grant(self, head: tuple[Any, ...], scope_hash: bytes, signature: bytes) -> None:
        holder, epoch, max_uses, deadline, replaces = head
        members = {
            "holder": holder,
            "epoch": epoch,
            "maxUses": max_uses,
            "deadline": deadline,
            "replaces": replaces,
        }
        consent = consent_id_from_parts(self._chain.domain("ConsentRegistry"), members, scope_hash)
        self._signed(consent, signature, holder)
        state = self._chain.consent(holder, consent, self._chain.head())
        if self._clock.now() > deadline:
            raise ChainRevert("ConsentRegistryDeadlinePassed")
        if state.holder_epoch != epoch:
            raise ChainRevert("ConsentRegistryWrongEpoch")
        if state.status is not ConsentStatus.UNKNOWN:
            raise ChainRevert("ConsentRegistryKnown")
        self._chain.grant(holder, consent, uses=max_uses or UNLIMITED_USES)

    def _replace(self, head: tuple[Any, ...], scope_hash: bytes, signature: bytes) -> None:
        holder, replaced = head[0], ConsentId(head[4])
        if self._chain.consent(holder, replaced, self._chain.head()).status is not ConsentStatus.LIVE:
            raise ChainRevert("ConsentRegistryNotLive")
        self._grant(head, scope_hash, signature)
        self._chain.revoke(holder, replaced, ConsentStatus.REPLACED)

    def _revoke(self, holder: Address, consent: ConsentId, signature: bytes) -> None:
        values = {"holder": holder, "consentId": consent}
        self._signed(REVOCATION_TYPE.digest(self._chain.domain("ConsentRegistry"), values), signature, holder)
        self._chain.revoke(holder, consent)

    def _revoke_all(self, holder: Address, epoch: int, signature: bytes) -> None:
        values = {"holder": holder, "epoch": epoch}
        self._signed(REVOCATION_OF_ALL_TYPE.digest(self._chain.domain("ConsentRegistry"), values), signature, holder)
        self._chain.revoke_all(holder)

    # accesses

    def _request(self, consent_words: Any, access_words: Any) -> None:
        consent, access = consent_from_words(consent_words), access_from_words(access_words)
        consent_id = consent.consent_id(self._chain.domain("ConsentRegistry"))
        state = self._chain.consent(consent.holder, consent_id, self._chain.head())
        if consent_id != access.reference or state.status is ConsentStatus.UNKNOWN:
            raise ChainRevert("AccessGatewayRefused")
        code = decide(access, consent, self._standing(access, consent), self._clock.now())
        if code is Code.GRANTED and state.uses_left != UNLIMITED_USES:
            self._chain.grant(consent.holder, consent_id, uses=state.uses_left - 1)
        self._record(access, code, expiry(consent, self._clock.now()), chain_key(consent.holder))

    def _request_own(self, access_words: Any, signature: bytes) -> None:
        access = access_from_words(access_words)
        state = self._chain.subject(SubjectRef(access.reference), self._chain.head())
        signer = signatures.recover(self._id(access), signature)
        if signer not in (state.controller, state.guardian):
            raise ChainRevert("AccessGatewayRefused")
        code = decide_own(access, SubjectStanding(frozen=state.frozen))
        self._record(access, code, self._clock.now() + 3600, access.reference)

    def _request_emergency(self, access_words: Any, first: tuple[bytes, bytes], second: tuple[bytes, bytes]) -> None:
        access = access_from_words(access_words)
        signers = {signatures.recover(self._id(access), _whole(*signature)) for signature in (first, second)}
        head = self._chain.head()
        if len(signers) != 2 or any(self._chain.operator_of(s, head) != access.participant for s in signers):
            raise ChainRevert("AccessGatewayRefused")
        subject = SubjectRef(access.reference)
        word = SubjectStanding(
            frozen=self._chain.subject(subject, head).frozen,
            denial=int(self._chain.denial(subject, access.participant, head)),
        )
        code = decide_emergency(access, self._standing(access), word, self._clock.now())
        self._record(access, code, self._clock.now() + 4 * 3600, access.reference)

    def _standing(self, access: Access, consent: Consent | None = None) -> Standing:
        state = self._chain.participant(access.participant, self._chain.head())
        known = Standing(state.status, state.accredited_until, state.roles)
        if consent is None:
            return known
        slot = self._chain.consent(consent.holder, ConsentId(access.reference), self._chain.head())
        return Standing(
            state.status,
            state.accredited_until,
            state.roles,
            slot.status,
            slot.epoch,
            slot.holder_epoch,
            slot.uses_left,
        )

    def _record(self, access: Access, code: Code, until: int, key: bytes) -> None:
        if self._clock.now() > access.deadline or not 1 <= access.record_count <= 1024:
            raise ChainRevert("AccessGatewayRefused")
        expires = until if code is Code.GRANTED else 0
        self._chain.set_access(self._id(access), code=code, expires_at=expires, kind=AccessKind(access.kind), key=key)

    def _id(self, access: Access) -> AccessId:
        return access.access_id(self._chain.domain("AccessGateway"))

    # subjects and records

    def _freeze(self, members: tuple[Any, ...], signature: bytes) -> None:
        subject, by, frozen, nonce, deadline = members
        values = {"subjectRef": subject, "by": by, "frozen": frozen, "nonce": nonce, "deadline": deadline}
        self._by_controller(FREEZE_TYPE.digest(self._chain.domain("SubjectRegistry"), values), signature, subject)
        self._chain.set_frozen(subject, frozen=frozen)

    def _deny(self, members: tuple[Any, ...], signature: bytes) -> None:
        names = ("subjectRef", "participantId", "denial", "nonce", "deadline")
        values = dict(zip(names, members, strict=True))
        subject = SubjectRef(values["subjectRef"])
        self._by_controller(DENIAL_TYPE.digest(self._chain.domain("SubjectRegistry"), values), signature, subject)
        self._chain.set_denial(subject, ParticipantId(values["participantId"]), Denial(values["denial"]))

    def _order(self, members: tuple[Any, ...], signature: bytes) -> None:
        source, record, subject, custodian_set, _deadline = members
        digest = destruction_digest(self._chain.domain("RecordRegistry"), *members)
        self._by_controller(digest, signature, subject)
        until = self._clock.now() + COOLING_OFF
        self._chain.order(source, record, subject=subject, erasable_from=until, custodian_set=custodian_set)

    def _attest(self, members: tuple[Any, ...], signature: bytes) -> None:
        source, record, subject, custodian, erased = members
        domain = self._chain.domain("RecordRegistry")
        digest = attestation_digest(domain, source, RecordId(record), subject, custodian, erased)
        order = order_id(RecordId(record), subject)
        head = self._chain.head()
        if self._chain.operator_of(signatures.recover(digest, signature), head) != custodian:
            raise ChainRevert("RecordRegistryInvalidSignature")
        state = self._chain.record_state(source, order, head)
        if state.status < RecordStatus.ORDERED or state.erasable_from > self._clock.now():
            raise ChainRevert("RecordRegistryNotErasable")
        agreed = self._chain.custodian_set(state.custodian_set, head)
        bitmap = state.attestations | 1 << agreed.members.index(custodian)
        if bitmap == state.attestations:
            raise ChainRevert("RecordRegistryAttested")
        enough = bitmap.bit_count() >= len(agreed.members) - agreed.threshold + 1
        status = RecordStatus.DESTROYED if enough else RecordStatus.ORDERED
        self._chain.set_record_state(source, order, attestations=bitmap, status=status)

    def _by_controller(self, digest: bytes, signature: bytes, subject: SubjectRef) -> None:
        state = self._chain.subject(subject, self._chain.head())
        if state.source == ZERO32:
            raise ChainRevert("SubjectRegistryUnknown")
        self._signed(digest, signature, state.controller)

    def _signed(self, digest: bytes, signature: bytes, account: Address) -> None:
        try:
            signatures.check(digest, signature, account)
        except SignatureError as error:
            raise ChainRevert("InvalidSignature") from error


def _whole(r: bytes, vs: bytes) -> bytes:
    """65-byte signature of its EIP-2098 form."""
    return r + bytes([vs[0] & 0x7F]) + vs[1:] + bytes([27 + (vs[0] >> 7)])
