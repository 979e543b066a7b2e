"""Rules of every call: who speaks, to whom, how fresh, and whether this custodian may answer at all.

Permission is believed at a final block. What takes it away is read at the final block and at the head: either refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from custodian.ports import CustodianStore, Node
from custodian.told import ToldLately
from salus.core.access import Access, AccessKind
from salus.core.calls import MAX_AGE_SECONDS, SignedCall, read_call
from salus.core.codes import Code
from salus.core.consent import Consent, TermField, TermOpening
from salus.core.eip712 import Domain
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import (
    ConflictError,
    EnvelopeError,
    ForkError,
    NodeError,
    NotFoundError,
    ProofError,
    RefusedError,
    SignatureError,
)
from salus.core.ids import ZERO32, Address, ConsentId, LeafHash, ParticipantId, SubjectRef, address_bytes
from salus.core.labels import Purpose
from salus.core.merkle import records_root
from salus.core.package import SignedLink
from salus.core.policy import ConsentStatus, ParticipantRole, ParticipantStatus, Standing, decide, qualified
from salus.core.ports import ChainReader, Clock, Randomness, Signer
from salus.core.repair_wire import REPAIRS_AN_HOUR
from salus.core.retention import GRACE_DAYS
from salus.core.state import BlockStamp, ConsentState, Denial, ParticipantState, SubjectState

HEAD_AGE_SECONDS = 5
HEAD_AHEAD_SECONDS = 15
"""How far a block may be ahead of this clock where headers are checked: what EIP-225's nodes leave to their clocks."""
CLOCK_SKEW_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Custodian:
    """What every verb needs: who this custodian is, its node, its store, its keys.

    `encryption_key` is the X25519 private key, 32 bytes. `head_age` is the age in seconds above which a head is stale:
    5, or two block periods where blocks are slower. `head_ahead` is how far its time may be ahead, None where the node
    is believed: one signer can seal a block of any time, and as a head it would hide for as long what came after.
    `grace_days` is how long after the end of its retention a record is still released. `repairs_an_hour` is of how many
    record versions another member is told in repairs; 0 helps with none. `told` is what sources were told in recalls.
    """

    id: ParticipantId
    signer: Signer
    encryption_key: bytes = field(repr=False)
    chain: Node
    store: CustodianStore
    keys: ErasableKeys
    clock: Clock
    random: Randomness
    head_age: int = HEAD_AGE_SECONDS
    head_ahead: int | None = None
    grace_days: int = GRACE_DAYS
    repairs_an_hour: int = REPAIRS_AN_HOUR
    told: ToldLately = field(init=False, default_factory=ToldLately, compare=False, repr=False)

    @property
    def salus(self) -> Domain:
        """Domain of calls and links."""
        return self.chain.domain("Council")


@dataclass(frozen=True, slots=True)
class View:
    """The two blocks one call is decided at."""

    final: BlockStamp
    head: BlockStamp

    @property
    def stamps(self) -> tuple[BlockStamp, ...]:
        """Both blocks, the final one first; one of them if they are the same."""
        return (self.final,) if self.final.hash == self.head.hash else (self.final, self.head)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that passed the rules of every call, and the blocks to decide it at."""

    call: SignedCall
    view: View

    @property
    def body(self) -> dict[str, Any]:
        """The call's body."""
        return self.call.body

    @property
    def signer(self) -> Address:
        """Who signed the call."""
        return self.call.signer


def admit(custodian: Custodian, verb: str, value: Mapping[str, Any]) -> Admitted:
    """Check what every call must hold, and remember it.

    Raises:
        InputError: malformed.
        RefusedError: SIGNATURE_INVALID, CALL_STALE, CALL_REPLAYED, NODE_STALE, CHAIN_SHORTENED, CUSTODIAN_INACTIVE.
    """
    try:
        signed = read_call(value, custodian.salus)
    except SignatureError as error:
        raise RefusedError(Code.SIGNATURE_INVALID) from error
    if signed.call.verb != verb or signed.call.recipient != custodian.id:
        raise RefusedError(Code.SIGNATURE_INVALID, "the call was signed for another verb or custodian")
    now = custodian.clock.now()
    if not -CLOCK_SKEW_SECONDS <= now - signed.call.issued_at <= MAX_AGE_SECONDS:
        raise RefusedError(Code.CALL_STALE)
    try:
        custodian.store.admit(address_bytes(signed.signer) + signed.call.nonce, now)
    except ConflictError as error:
        raise RefusedError(Code.CALL_REPLAYED) from error
    view = look(custodian)
    require_active(custodian, view)
    return Admitted(signed, view)


def look(custodian: Custodian) -> View:
    """The present blocks of the custodian's own node.

    Raises:
        RefusedError: NODE_STALE, CHAIN_SHORTENED.
        NodeError: the node shows a header that does not hold, or one of the future.
    """
    chain, store = custodian.chain, custodian.store
    seen = store.seen_block()  # before the final block is read, or another thread's newer one would look like a loss
    try:
        final, head = chain.final(), chain.head()
    except ForkError as error:
        raise RefusedError(Code.CHAIN_SHORTENED, str(error)) from error
    if custodian.clock.now() - head.timestamp > custodian.head_age:
        raise RefusedError(Code.NODE_STALE)
    ahead = head.timestamp - custodian.clock.now()
    if custodian.head_ahead is not None and ahead > custodian.head_ahead:
        raise NodeError(f"the newest block is {ahead} s ahead of this custodian's clock: one of them is wrong")
    if seen is not None and not _holds(chain, final, *seen):
        raise RefusedError(Code.CHAIN_SHORTENED)
    if seen is None or final.number > seen[0]:
        store.see_block(final.number, final.hash)
    return View(final, head)


def _holds(chain: ChainReader, final: BlockStamp, number: int, block_hash: bytes) -> bool:
    if final.number <= number:
        return final.number == number and final.hash == block_hash
    try:
        return chain.block(number).hash == block_hash
    except NotFoundError:
        return False


def prefetch(chain: Node, view: View, reads: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
    """Fetch reads (method name, arguments without the block) at both blocks in one exchange each."""
    for at in view.stamps:
        chain.prefetch(reads, at)


def require_active(custodian: Custodian, view: View) -> None:
    """Check that this custodian is admitted with CUSTODY.

    Raises:
        RefusedError: CUSTODIAN_INACTIVE.
    """
    for at in view.stamps:
        state = custodian.chain.participant(custodian.id, at)
        if state.status is not ParticipantStatus.ACTIVE or not state.roles & ParticipantRole.CUSTODY:
            raise RefusedError(Code.CUSTODIAN_INACTIVE)


def operated_by(chain: ChainReader, signer: Address, view: View) -> ParticipantId:
    """Participant the signer operates for.

    Raises:
        RefusedError: NOT_OPERATOR.
    """
    found = {chain.operator_of(signer, at) for at in view.stamps}
    participant = found.pop()
    if found or participant is None:
        raise RefusedError(Code.NOT_OPERATOR)
    return participant


def require_participant(chain: ChainReader, participant: ParticipantId, view: View) -> tuple[ParticipantState, ...]:
    """Check that a participant is active and accredited; returns its state at each block.

    Raises:
        RefusedError: PARTICIPANT_INACTIVE, ACCREDITATION_EXPIRED.
    """
    states = tuple(chain.participant(participant, at) for at in view.stamps)
    if any(state.status is not ParticipantStatus.ACTIVE for state in states):
        raise RefusedError(Code.PARTICIPANT_INACTIVE)
    if any(state.accredited_until <= view.head.timestamp for state in states):
        raise RefusedError(Code.ACCREDITATION_EXPIRED)
    return states


def require_consent(
    chain: ChainReader, consent: Consent, consent_id: ConsentId, view: View
) -> tuple[ConsentState, ...]:
    """Check that a consent is granted and not taken back; returns its state at each block.

    Raises:
        RefusedError: CONSENT_REVOKED, CONSENT_REPLACED, CONSENT_VOID; CONSENT_NOT_YET_VALID while not granted at final.
    """
    states = tuple(chain.consent(consent.holder, consent_id, at) for at in view.stamps)
    for state in states:
        if state.status is ConsentStatus.REVOKED:
            raise RefusedError(Code.CONSENT_REVOKED)
        if state.status is ConsentStatus.REPLACED:
            raise RefusedError(Code.CONSENT_REPLACED)
    for state in states:
        if state.status is not ConsentStatus.LIVE:
            raise RefusedError(Code.CONSENT_NOT_YET_VALID, "the consent is not granted at a final block")
        if state.epoch != state.holder_epoch:
            raise RefusedError(Code.CONSENT_VOID)
    return states


def require_usable(
    consent: Consent, participants: Sequence[ParticipantState], consents: Sequence[ConsentState], view: View
) -> None:
    """Check that the gateway would grant some request under the consent now: the same decision, of the widest request.

    Raises:
        RefusedError: the gateway's code.
    """
    window = consent.window(view.head.timestamp)
    if window is None:
        raise RefusedError(Code.OUTSIDE_WINDOW)
    for participant, state in zip(participants, consents, strict=True):
        standing = Standing(
            participant.status,
            participant.accredited_until,
            participant.roles,
            state.status,
            state.epoch,
            state.holder_epoch,
            state.uses_left,
        )
        widest = _widest(consent, window, participant.roles)
        code = decide(widest, consent, standing, view.head.timestamp)
        if code is not Code.GRANTED:
            raise RefusedError(code)


def _widest(consent: Consent, window: tuple[int, int], roles: int) -> Access:
    allowed = (purpose for purpose in Purpose if purpose & consent.purposes)
    purpose = next((p for p in allowed if qualified(roles, AccessKind.CONSENT, p)), Purpose(0))
    return Access(
        kind=AccessKind.CONSENT,
        participant=consent.grantee,
        reference=ZERO32,
        purpose=int(purpose),
        categories=consent.categories,
        actions=consent.actions,
        level=max(1, consent.max_level),
        confidentiality=consent.max_confidentiality,
        form=consent.min_form,
        from_day=max(1, window[0]),
        to_day=window[1],
        role=0,
        record_count=1,
        records_root=records_root([LeafHash(ZERO32)]),
        session_key=ZERO32,
        user_digest=ZERO32,
        deadline=0,
        salt=ZERO32,
    )


def open_link(custodian: Custodian, sealed: bytes | None, consent: ConsentId, view: View) -> SignedLink:
    """Open the link that was sealed to this custodian and check that the subject's present controller signed it.

    Raises:
        RefusedError: LINK_MISSING, LINK_INVALID.
    """
    if sealed is None:
        raise RefusedError(Code.LINK_MISSING)
    try:
        chain = custodian.chain
        link = SignedLink.open_sealed(sealed, chain.chain_id, consent, custodian.id, custodian.encryption_key)
        if link.consent != consent:
            raise RefusedError(Code.LINK_INVALID)
        for at in view.stamps:
            link.check(custodian.salus, chain.subject(link.subject, at).controller)
    except (EnvelopeError, SignatureError) as error:
        raise RefusedError(Code.LINK_INVALID) from error
    return link


def open_terms(
    terms: bytes, openings: Iterable[TermOpening], excluded: Sequence[LeafHash]
) -> tuple[int, frozenset[LeafHash]]:
    """Allowed topics (a mask) and excluded leaves; both fields must be opened unless the consent has no terms.

    Raises:
        RefusedError: TERMS_INVALID.
    """
    try:
        opened = list(openings)
        for opening in opened:
            opening.check(terms)
    except ProofError as error:
        raise RefusedError(Code.TERMS_INVALID) from error
    values = {opening.field: opening.value for opening in opened}
    if terms == ZERO32:
        values.update({TermField.TOPICS: ZERO32, TermField.EXCLUDED: ZERO32})
    if len(opened) != len({o.field for o in opened}) or not {TermField.TOPICS, TermField.EXCLUDED} <= values.keys():
        raise RefusedError(Code.TERMS_INVALID)
    root = records_root(excluded) if excluded else ZERO32
    if values[TermField.EXCLUDED] != root:
        raise RefusedError(Code.TERMS_INVALID, "the excluded leaves shown do not rebuild the term")
    return int.from_bytes(values[TermField.TOPICS], "big"), frozenset(excluded)


def subject_at(chain: ChainReader, subject: SubjectRef, view: View) -> tuple[SubjectState, ...]:
    """A subject's state at each block."""
    return tuple(chain.subject(subject, at) for at in view.stamps)


def require_open(
    chain: ChainReader, subject: SubjectRef, participant: ParticipantId | None, view: View, *, emergency: bool = False
) -> None:
    """Check that a subject is not frozen and does not deny the participant.

    An emergency overrides an overridable denial; nothing overrides a freeze.

    Raises:
        RefusedError: SUBJECT_FROZEN, SUBJECT_DENIES.
    """
    for at in view.stamps:
        if chain.subject(subject, at).frozen:
            raise RefusedError(Code.SUBJECT_FROZEN)
        if participant is None:
            continue
        denial = chain.denial(subject, participant, at)
        if denial is Denial.ABSOLUTE or (denial is Denial.OVERRIDABLE and not emergency):
            raise RefusedError(Code.SUBJECT_DENIES)


def require_source(chain: ChainReader, source: ParticipantId, signer: Address, view: View) -> None:
    """Check that the signer operates for the source named, and that it is admitted as a source.

    Raises:
        RefusedError: DEPOSIT_FORGED, DEPOSIT_NOT_SOURCE.
    """
    if any(chain.operator_of(signer, at) != source for at in view.stamps):
        raise RefusedError(Code.DEPOSIT_FORGED, "the signer is no operator of the source named")
    for at in view.stamps:
        state = chain.participant(source, at)
        if state.status is not ParticipantStatus.ACTIVE or not state.roles & ParticipantRole.SOURCE:
            raise RefusedError(Code.DEPOSIT_NOT_SOURCE, "the institution named is no active source")


def require_controller(chain: ChainReader, subject: SubjectRef, signer: Address, view: View) -> None:
    """Check that the signer is the subject's controller or guardian.

    Raises:
        RefusedError: NOT_CONTROLLER.
    """
    for state in subject_at(chain, subject, view):
        if signer not in (state.controller, state.guardian):
            raise RefusedError(Code.NOT_CONTROLLER)
