"""Open records: the whole READ path on one page.

    list → name the exact records on chain → wait until final → shares from every custodian → decrypt → check

Nothing is decrypted that the chain did not name first. A denial is an entry on chain too; it ends the flow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from salus.core import envelope, hpke, shares
from salus.core.access import MAX_RECORDS, Access, AccessKind
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import (
    EnvelopeError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SalusError,
    ShareError,
    UnavailableError,
)
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, AccessId, LeafHash, ParticipantId, address_bytes, hex32
from salus.core.labels import Action, Form, Purpose, Role
from salus.core.merkle import records_root
from salus.core.outcome import AccessDeniedError, AccessLedger, Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import ContentStore, CustodianClient, Randomness
from salus.core.sealing import OpenedRecord, open_record
from salus.flows.custody import LEAST_THRESHOLD, Answers, Caller, ListedRecord, Released, ask_all, list_records

__all__ = [
    "DEADLINE_SECONDS",
    "NO_PARTICIPANT",
    "USER_TAG",
    "AccessDeniedError",
    "AccessLedger",
    "Ask",
    "Opened",
    "OpenedItem",
    "Person",
    "Reading",
    "Recorded",
    "Session",
    "Stopwatch",
    "list_with_consent",
    "open_again",
    "open_with_consent",
    "open_without_consent",
    "require_final",
]

T = TypeVar("T")
DEADLINE_SECONDS = 600
_NOT_SEEN = {Code.ACCESS_UNKNOWN, Code.ACCESS_NOT_FINAL}
_CONSENT_NOT_SEEN = {Code.CONSENT_NOT_YET_VALID}
_NOT_SEEN_PAUSE_SECONDS = 0.25
USER_TAG = b"salus.user.v1"
"""`userDigest` is SHA-256 of this and the canonical opening `{"person", "salt"}`; the HPKE info of the sealed opening
is this and the accessId."""


@dataclass(frozen=True, slots=True)
class Person:
    """The natural person behind a request, as the institution asserts: an internal name and a role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. Fields left None are taken from the records chosen.

    `leaves` picks some of what is listed; None takes all. A leaf that is not listed can be named too (the chain and the
    custodians decide).
    """

    purpose: Purpose
    actions: Action
    person: Person
    form: Form | None = None
    categories: int | None = None
    level: int | None = None
    confidentiality: int | None = None
    days: tuple[int, int] | None = None
    leaves: tuple[LeafHash, ...] | None = None
    history: bool = False


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """One decrypted and checked record version."""

    listed: ListedRecord
    record: OpenedRecord


@dataclass(frozen=True, slots=True)
class Session:
    """A granted access while it lasts: what custodians are shown, the domain of the gateway that granted it, and the
    private session key (32 bytes), which never leaves the process."""

    access: Access
    gateway: Domain
    session_key: bytes = field(repr=False)
    expires_at: int
    listed: tuple[ListedRecord, ...]
    custodians: tuple[ParticipantId, ...]
    body_for: Callable[[ParticipantId], dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """Outcome of a granted access. `refused` maps leaves to the custodians' codes, `failed` to why a released record
    could not be opened (its bytes are damaged or away, or too few true shares came); neither holds the others back.
    `liars` are custodians whose shares were not the ones dealt, `milliseconds` is the time each step took. `session`
    opens the same records again."""

    access_id: AccessId
    access: Access
    expires_at: int
    items: tuple[OpenedItem, ...]
    refused: dict[LeafHash, Code]
    liars: tuple[ParticipantId, ...]
    session: Session
    milliseconds: dict[str, float] = field(default_factory=dict)
    failed: dict[LeafHash, SalusError] = field(default_factory=dict)


class Stopwatch:
    """Milliseconds per step."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._last = now()
        self.milliseconds: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """End of a step."""
        at = self._now()
        self.milliseconds[step] = round((at - self._last) * 1000, 1)
        self._last = at


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading needs: the ledger, the custodians, the content, who calls, and the regulator's encryption key (to
    whom the opening of `userDigest` is sealed; None where there is no regulator). `patience` is for custodians whose
    nodes are behind, in seconds; `pause` sleeps."""

    ledger: AccessLedger
    custodians: CustodianClient
    content: ContentStore
    caller: Caller
    regulator_key: bytes | None = None
    patience: float = 3.0
    pause: Callable[[float], None] = time.sleep


def list_with_consent(package: ConsentPackage, history: bool, reading: Reading) -> list[ListedRecord]:
    """What lies inside a consent, with every version if `history`. A consent that is only just final is waited for.

    Raises:
        RefusedError: custodians refuse, `CONSENT_NOT_YET_VALID` even after the reading's patience.
        UnavailableError, IntegrityError: as `list_records`.
    """
    body = {"package": package.to_json(), "history": history}
    return _when_seen(
        lambda: list_records(reading.caller, reading.custodians, package.links, body), _CONSENT_NOT_SEEN, reading
    )


def open_with_consent(package: ConsentPackage, ask: Ask, participant: ParticipantId, reading: Reading) -> Opened:
    """Open what a consent allows.

    Raises:
        AccessDeniedError: the gateway recorded a denial.
        RefusedError: custodians refused the whole call (revoked in between, stale, ...).
        NotFoundError: nothing is listed inside the consent.
        UnavailableError: too few custodians are reachable.
        SalusError: nothing could be opened or was refused; the first record's failure.
    """
    watch = Stopwatch()
    listed = _chosen(_listed_unless_named(package, ask, reading), ask)
    watch.lap("list")
    access, session_key, person = _name(AccessKind.CONSENT, participant, package.consent_id, listed, ask, reading)
    recorded = _request(access, package, reading)
    opening = _opening(person, access.access_id(recorded.gateway), reading)
    watch.lap("chain")
    shown = {
        "access": access.to_json(),
        "consent": package.consent.to_json(),
        "terms": [opening.to_json() for opening in package.openings],
        "excluded": [hex32(leaf) for leaf in package.excluded],
        "leaves": _leaves(listed, ask),
        "history": ask.history,
        "userOpening": opening,
    }

    def body_for(custodian: ParticipantId) -> dict[str, Any]:
        return dict(shown, link=hex32(package.links[custodian]))

    session = Session(
        access, recorded.gateway, session_key, recorded.expires_at, tuple(listed), tuple(package.links), body_for
    )
    return _collect(session, reading, watch)


def open_without_consent(
    kind: AccessKind,
    participant: ParticipantId,
    subject: bytes,
    custodians: Sequence[ParticipantId],
    ask: Ask,
    reading: Reading,
) -> Opened:
    """Open a subject's records as its controller or guardian (kind own), or in an emergency.

    Raises: as `open_with_consent`.
    """
    watch = Stopwatch()
    body: dict[str, Any] = {"subject": hex32(subject), "history": ask.history}
    listed = _chosen(list_records(reading.caller, reading.custodians, custodians, body), ask)
    watch.lap("list")
    access, session_key, person = _name(kind, participant, subject, listed, ask, reading)
    recorded = _request(access, None, reading)
    opening = _opening(person, access.access_id(recorded.gateway), reading)
    watch.lap("chain")
    shown = {
        "access": access.to_json(),
        "leaves": _leaves(listed, ask),
        "history": ask.history,
        "userOpening": opening,
    }
    session = Session(
        access, recorded.gateway, session_key, recorded.expires_at, tuple(listed), tuple(custodians), lambda _: shown
    )
    return _collect(session, reading, watch)


def open_again(session: Session, reading: Reading) -> Opened:
    """Open the records of an access once more while its session lasts: a new release, no new request.

    Raises:
        RefusedError: custodians refuse by now (revoked, frozen, suspended, expired).
        UnavailableError: too few custodians, or the content, are reachable.
    """
    return _collect(session, reading, Stopwatch())


def _listed_unless_named(package: ConsentPackage, ask: Ask, reading: Reading) -> list[ListedRecord]:
    """What is listed; if that is refused, whoever named leaves still asks the chain, which says no for all to see."""
    try:
        return list_with_consent(package, ask.history, reading)
    except RefusedError:
        if ask.leaves is None:
            raise
        return []


def _chosen(listed: list[ListedRecord], ask: Ask) -> list[ListedRecord]:
    if ask.leaves is not None:
        return [record for record in listed if record.leaf in ask.leaves]
    if not listed:
        raise NotFoundError("no record is listed inside this scope")
    return listed[:MAX_RECORDS]


def _leaves(listed: list[ListedRecord], ask: Ask) -> list[str]:
    return [hex32(leaf) for leaf in (ask.leaves or tuple(record.leaf for record in listed))]


def _name(
    kind: AccessKind,
    participant: ParticipantId,
    reference: bytes,
    listed: list[ListedRecord],
    ask: Ask,
    reading: Reading,
) -> tuple[Access, bytes, bytes]:
    """The access, its private session key, and what the regulator may be shown of the person who asks."""
    random: Randomness = reading.caller.random
    session_key = random(32)
    leaves = ask.leaves or tuple(record.leaf for record in listed)
    categories = 0
    for record in listed:
        categories |= record.categories
    dated = [record for record in listed if record.first_day > 0]
    days = ask.days or (
        min((record.first_day for record in dated), default=0),
        max((record.last_day for record in dated), default=0),
    )
    person = canonical({"person": ask.person.name, "salt": hex32(random(16))})
    access = Access(
        kind=kind,
        participant=participant,
        reference=reference,
        purpose=int(ask.purpose),
        categories=categories if ask.categories is None else ask.categories,
        actions=int(ask.actions),
        level=max((record.level for record in listed), default=1) if ask.level is None else ask.level,
        confidentiality=(
            max((record.confidentiality for record in listed), default=0)
            if ask.confidentiality is None
            else ask.confidentiality
        ),
        form=int(min((record.form for record in listed), default=0)) if ask.form is None else int(ask.form),
        from_day=days[0],
        to_day=days[1],
        role=int(ask.person.role),
        record_count=len(leaves),
        records_root=records_root(leaves),
        session_key=hpke.public_key(session_key),
        user_digest=sha256(USER_TAG + person),
        deadline=reading.caller.clock.now() + DEADLINE_SECONDS,
        salt=random(32),
    )
    return access, session_key, person


def _opening(person: bytes, access_id: AccessId, reading: Reading) -> str | None:
    if reading.regulator_key is None:
        return None
    return hex32(hpke.seal(person, reading.regulator_key, USER_TAG + access_id))


def _request(access: Access, package: ConsentPackage | None, reading: Reading) -> Recorded:
    recorded = reading.ledger.record(access, package)
    if recorded.code is not Code.GRANTED:
        raise AccessDeniedError(recorded.code, access.access_id(recorded.gateway))
    return recorded


def _collect(session: Session, reading: Reading, watch: Stopwatch) -> Opened:
    access_id = session.access.access_id(session.gateway)

    def release(custodian: ParticipantId) -> Released:
        call = reading.caller.call("release", custodian, session.body_for(custodian))
        return Released.from_json(reading.custodians.release(custodian, call))

    answers = ask_all(session.custodians, lambda custodian: _when_seen(lambda: release(custodian), _NOT_SEEN, reading))
    answers.require()
    watch.lap("shares")
    opener = _Opener(access_id, session.session_key, session.gateway, reading.content, answers)
    items, liars, failed = list[OpenedItem](), set[ParticipantId](), dict[LeafHash, SalusError]()
    refused = opener.refused_unlisted({record.leaf for record in session.listed})
    for record in session.listed:
        try:
            outcome = opener.open(record, liars)
        except SalusError as error:
            failed[record.leaf] = error
            continue
        if isinstance(outcome, Code):
            refused[record.leaf] = outcome
        else:
            items.append(OpenedItem(record, outcome))
    if failed and not items and not refused:
        failure = next(iter(failed.values()))
        if isinstance(failure, ShareError) and any(isinstance(one, RefusedError) for one in answers.failed.values()):
            answers.require(len(session.custodians))  # too few shares because custodians say no: their code is why
        if isinstance(failure, ShareError) and answers.failed:
            raise UnavailableError(f"{failure}; the other custodians are away") from failure
        raise failure
    watch.lap("decrypt")
    return Opened(
        access_id,
        session.access,
        session.expires_at,
        tuple(items),
        refused,
        tuple(sorted(liars)),
        session,
        watch.milliseconds,
        failed,
    )


def _when_seen(ask: Callable[[], T], not_seen: Collection[Code], reading: Reading) -> T:
    """What custodians answer once their own nodes have what ours has: they may hear later of a final block.

    Raises:
        RefusedError: another code, or one of `not_seen` even after the reading's patience.
    """
    waited = 0.0
    while True:
        try:
            return ask()
        except RefusedError as refused:
            if refused.code not in not_seen or waited >= reading.patience:
                raise
        reading.pause(_NOT_SEEN_PAUSE_SECONDS)
        waited += _NOT_SEEN_PAUSE_SECONDS


class _Opener:
    """Unseals released shares and opens envelopes with them."""

    def __init__(
        self,
        access_id: AccessId,
        session_key: bytes,
        gateway: Domain,
        content: ContentStore,
        answers: Answers[Released],
    ) -> None:
        self._access_id = access_id
        self._session_key = session_key
        self._chain_id = gateway.chain_id
        self._gateway = address_bytes(gateway.verifying_contract)
        self._content = content
        self._released = answers.given
        self._refusals = {leaf: code for answer in answers.given.values() for leaf, code in answer.refused.items()}

    def refused_unlisted(self, listed: Collection[LeafHash]) -> dict[LeafHash, Code]:
        """Codes of leaves that were asked for without being listed."""
        unlisted = {leaf: code for leaf, code in self._refusals.items() if leaf not in listed}
        return {leaf: code for leaf, code in unlisted.items() if not self._is_shared(leaf)}

    def open(self, record: ListedRecord, liars: set[ParticipantId]) -> OpenedRecord | Code:
        """The record, or the code custodians refuse it with.

        Raises:
            SalusError: it was released but can't be opened.
        """
        code = self._refusals.get(record.leaf)
        if code is not None and not self._is_shared(record.leaf):
            return code
        try:
            return self._opened(record, liars)
        except SalusError:
            if code is None:
                raise
            return code

    def _is_shared(self, leaf: LeafHash) -> bool:
        return any(leaf in released.shares for released in self._released.values())

    def _opened(self, record: ListedRecord, liars: set[ParticipantId]) -> OpenedRecord:
        raw = self._content.get(record.envelope_digest)
        parsed = envelope.parse(raw)
        if parsed.header.threshold < LEAST_THRESHOLD:
            # What is listed is custodians' word: one of them could list, share and sign off a record of its own making.
            raise IntegrityError("one custodian alone could have made this envelope")
        outer = self._checked(record.leaf, parsed.header, liars, inner=False)
        inner: list[bytes] = []
        if parsed.suite == envelope.SUITE_NESTED:
            key = shares.join(outer, parsed.header.threshold, parsed.header.share_digests)
            inner = self._checked(record.leaf, envelope.parse(parsed.open(key)).header, liars, inner=True)
        opened = open_record(raw, record.envelope_digest, record.content_commitment, outer, inner)
        if (opened.record_id, opened.version) != (record.record_id, record.version):
            raise IntegrityError("the envelope holds another record than its leaf names")
        return opened

    def _checked(
        self, leaf: LeafHash, header: envelope.Header, liars: set[ParticipantId], *, inner: bool
    ) -> list[bytes]:
        good: list[bytes] = []
        for custodian, released in self._released.items():
            sealed = released.shares.get(leaf, (None, None))[inner]
            if sealed is None:
                continue
            info = hpke.release_info(self._chain_id, self._gateway, self._access_id, leaf, custodian, inner=inner)
            try:
                share = hpke.open_sealed(sealed, self._session_key, info)
            except EnvelopeError:
                liars.add(custodian)
                continue
            position = share[0] - 1 if share else -1
            if 0 <= position < len(header.share_digests) and sha256(share) == header.share_digests[position]:
                good.append(share)
            else:
                liars.add(custodian)
        return good


def require_final(is_final: Callable[[], bool], pause: Callable[[float], None], seconds: float = 30) -> None:
    """Wait until a block is final.

    Raises:
        UnavailableError: not within the time.
    """
    waited = 0.0
    while not is_final():
        if waited >= seconds:
            raise UnavailableError("the block did not become final in time")
        pause(0.05)
        waited += 0.05


NO_PARTICIPANT = ParticipantId(ZERO32)
"""The participant of an access by the patient."""
