"""A chain in memory: registry state per block, set by hand, read through the `ChainReader` port.

Every setter mines one block whose time is the clock's. Heads can be final at once (the default), some blocks deep, or
held; blocks can be dropped or replaced.

    chain = MemoryChain(clock)
    chain.set_participant(hospital, roles=ParticipantRole.CARE, operators=[signer.address])
    chain.hold_final()             # what comes now is head only
    chain.revoke(holder, consent)
    chain.release_final()
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any, TypeVar, cast

from salus.core.access import AccessKind
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.codes import Code
from salus.core.contracts import CONTRACTS
from salus.core.eip712 import Domain
from salus.core.errors import NotFoundError
from salus.core.hashing import keccak, sha256
from salus.core.ids import (
    ZERO32,
    ZERO_ADDRESS,
    AccessId,
    Address,
    ConsentId,
    ParticipantId,
    RecordId,
    SubjectRef,
    chain_key,
    order_id,
    to_address,
)
from salus.core.policy import UNLIMITED_USES, ConsentStatus, ParticipantRole, ParticipantStatus
from salus.core.ports import ChainEvent, Clock
from salus.core.state import (
    AccessState,
    AnchorState,
    BlockStamp,
    ConsentState,
    CustodianSet,
    Denial,
    ParticipantKind,
    ParticipantState,
    RecordState,
    RecordStatus,
    SubjectState,
)

T = TypeVar("T")

FAR_FUTURE = 1 << 40

NO_PARTICIPANT = ParticipantState(ParticipantStatus.NONE, 0, 0, 0, 0, ZERO32)
NO_SUBJECT = SubjectState(
    ParticipantId(ZERO32), ZERO_ADDRESS, ZERO_ADDRESS, 0, 0, 0, frozen=False, hold=False, survivor=SubjectRef(ZERO32)
)
NO_ACCESS = AccessState(0, 0, None, frozen=False, reviewed=False, recorded_at=0)
NO_ANCHOR = AnchorState(0, 0, 0, 0)
NO_RECORD_STATE = RecordState(RecordStatus.VALID, 0, 0, 0, 0, 0)


class _Block:
    """One block: its stamp, the values it wrote, its events."""

    __slots__ = ("events", "stamp", "writes")

    def __init__(self, stamp: BlockStamp) -> None:
        self.stamp = stamp
        self.writes: dict[Hashable, Any] = {}
        self.events: list[ChainEvent] = []


class MemoryChain:
    """The `ChainReader` port over blocks in memory, with setters that mine. Safe to use from several threads."""

    def __init__(self, clock: Clock, chain_id: int = 31337, finality_depth: int = 0) -> None:
        self._clock = clock
        self._chain_id = chain_id
        self._depth = finality_depth
        self._held: int | None = None
        self._branch = 0
        self._lock = RLock()
        self._written: dict[Hashable, list[tuple[int, Any]]] = {}
        self._blocks = [_Block(BlockStamp(0, sha256(b"salus.memory.genesis"), clock.now()))]
        self._addresses = {name: to_address(keccak(f"memory|{name}".encode())[12:]) for name in CONTRACTS}

    # the port

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._chain_id

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain; `domain("Council")` is the deployment's `Salus` domain."""
        name = "Salus" if contract == "Council" else f"Salus {contract}"
        return Domain(name, self._chain_id, self.address_of(contract))

    def role_of(self, contract: str) -> str:
        """Directory role of a contract that is given by role or by address."""
        return next((role for role, address in self._addresses.items() if address == contract), contract)

    def address_of(self, contract: str) -> Address:
        """Address of a contract.

        Raises:
            NotFoundError: no such directory role.
        """
        try:
            return self._addresses[contract]
        except KeyError as error:
            raise NotFoundError(f"the directory has no {contract}") from error

    def head(self) -> BlockStamp:
        """Newest block."""
        with self._lock:
            return self._blocks[-1].stamp

    def final(self) -> BlockStamp:
        """Newest final block: the head less the finality depth, or the block held."""
        with self._lock:
            top = len(self._blocks) - 1
            number = max(0, top - self._depth)
            if self._held is not None:
                number = min(number, self._held)
            return self._blocks[number].stamp

    def block(self, number: int) -> BlockStamp:
        """A block by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        with self._lock:
            if not 0 <= number < len(self._blocks):
                raise NotFoundError(f"the chain has no block {number}")
            return self._blocks[number].stamp

    def participant(self, participant: ParticipantId, at: BlockStamp) -> ParticipantState:
        """A participant; status NONE when unknown."""
        return self._read(("participant", participant), at, NO_PARTICIPANT)

    def operator_of(self, account: Address, at: BlockStamp) -> ParticipantId | None:
        """Participant an account operates for."""
        return self._read(("operator", account), at, None)

    def custodian_set(self, number: int, at: BlockStamp) -> CustodianSet:
        """A custodian set.

        Raises:
            NotFoundError: no such set.
        """
        found: CustodianSet | None = self._read(("set", number), at, None)
        if found is None:
            raise NotFoundError(f"there is no custodian set {number}")
        return found

    def subject(self, subject: SubjectRef, at: BlockStamp) -> SubjectState:
        """A subject, with the freezes and holds of all it is linked with; zero source and controller while unbound."""
        group = [self._read(("subject", member), at, NO_SUBJECT) for member in self._linked(subject, at)]
        frozen, hold = any(member.frozen for member in group), any(member.hold for member in group)
        return replace(self._read(("subject", subject), at, NO_SUBJECT), frozen=frozen, hold=hold)

    def denial(self, subject: SubjectRef, participant: ParticipantId, at: BlockStamp) -> Denial:
        """Strongest denial of a participant by the subject or any it is linked with."""
        return max(self._read(("denial", member, participant), at, Denial.NONE) for member in self._linked(subject, at))

    def consent(self, holder: Address, consent: ConsentId, at: BlockStamp) -> ConsentState:
        """A consent slot and its holder's present epoch."""
        epoch = self._read(("epoch", holder), at, 0)
        unknown = ConsentState(ConsentStatus.UNKNOWN, 0, 0, 0, epoch)
        return replace(self._read(("consent", holder, consent), at, unknown), holder_epoch=epoch)

    def access(self, access: AccessId, at: BlockStamp) -> AccessState:
        """An access slot; code 0 when there is no entry."""
        return self._read(("access", access), at, NO_ACCESS)

    def gateways(self, at: BlockStamp) -> tuple[Domain, ...]:  # noqa: ARG002 - the port's shape
        """The only gateway: a memory chain replaces none."""
        return (self.domain("AccessGateway"),)

    def anchor(self, source: ParticipantId, root: bytes, at: BlockStamp) -> AnchorState:
        """An anchor slot; anchored_at 0 when there is none."""
        return self._read(("anchor", source, root), at, NO_ANCHOR)

    def record_state(self, source: ParticipantId, leaf_or_order: bytes, at: BlockStamp) -> RecordState:
        """State of a leaf or a destruction order."""
        return self._read(("record", source, leaf_or_order), at, NO_RECORD_STATE)

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        """Storage word of a chain of the AuditLog (None: the global chain)."""
        return self._read(("log", key), at, LogHead()).slot()

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        """Events of a range of blocks, in order."""
        with self._lock:
            return [event for block in self._blocks[first_block : last_block + 1] for event in block.events]

    def prefetch(self, reads: Sequence[tuple[str, tuple[Any, ...]]], at: BlockStamp) -> None:
        """Nothing to fetch: all is in memory."""

    # blocks

    def advance(self, blocks: int = 1) -> BlockStamp:
        """Mine empty blocks; returns the new head."""
        with self._lock:
            for _ in range(blocks):
                self._mine({})
            return self.head()

    def hold_final(self) -> None:
        """Keep the final block where it is; heads go on."""
        with self._lock:
            self._held = self.final().number

    def release_final(self) -> None:
        """Let the final block follow the head again."""
        with self._lock:
            self._held = None

    def shorten(self, blocks: int) -> None:
        """Drop the newest blocks with all they wrote."""
        with self._lock:
            cut = max(1, len(self._blocks) - blocks)
            for block in self._blocks[cut:]:
                for key in block.writes:
                    self._written[key].pop()
            del self._blocks[cut:]

    def fork(self, blocks: int) -> None:
        """Replace the newest blocks by as many other, empty ones."""
        with self._lock:
            before = len(self._blocks)
            self.shorten(blocks)
            self._branch += 1
            self.advance(before - len(self._blocks))

    # participants

    def set_participant(
        self,
        participant: ParticipantId,
        *,
        roles: int,
        kind: int = ParticipantKind.HOSPITAL,
        status: ParticipantStatus = ParticipantStatus.ACTIVE,
        operators: Iterable[Address] = (),
        encryption_key: bytes = ZERO32,
        accredited_until: int = FAR_FUTURE,
        hourly_quota: int = 10_000,
    ) -> None:
        """Admit a participant, with its operators."""
        state = ParticipantState(
            status, int(kind), int(ParticipantRole(roles)), accredited_until, hourly_quota, encryption_key
        )
        self._mine({("participant", participant): state, **{("operator", o): participant for o in operators}})

    def set_status(self, participant: ParticipantId, status: ParticipantStatus) -> None:
        """Suspend, reinstate or expel."""
        state = self.participant(participant, self.head())
        self._mine({("participant", participant): replace(state, status=status)})

    def set_operator(self, account: Address, participant: ParticipantId | None) -> None:
        """Add or remove an operator."""
        self._mine({("operator", account): participant})

    def set_custodians(self, number: int, members: Sequence[ParticipantId], threshold: int) -> None:
        """Form a custodian set."""
        self._mine({("set", number): CustodianSet(tuple(members), threshold)})

    # subjects

    def set_subject(
        self,
        subject: SubjectRef,
        source: ParticipantId,
        controller: Address,
        *,
        guardian: Address = ZERO_ADDRESS,
        retention_years: int = 5,
        survivor: SubjectRef | None = None,
    ) -> None:
        """Bind a subject, or rotate its controller: a bound one keeps freeze and hold, its epoch rises."""
        before = self._read(("subject", subject), self.head(), NO_SUBJECT)
        bound = before.controller != ZERO_ADDRESS
        state = SubjectState(
            source,
            controller,
            guardian,
            before.nonce + 1 if bound else before.nonce,
            before.epoch + 1 if bound else 0,
            retention_years,
            frozen=before.frozen,
            hold=before.hold,
            survivor=survivor or before.survivor,
        )
        kind = EntryKind.CONTROLLER_ROTATED if bound else EntryKind.SUBJECT_BOUND
        joined = (
            {("merged", survivor): (*self._read(("merged", survivor), self.head(), ()), subject)} if survivor else {}
        )
        self._mine({("subject", subject): state, **joined}, log=(subject, kind, 0, source))

    def register(self, subject: SubjectRef, source: ParticipantId) -> None:
        """Make a subject known that no patient has claimed."""
        state = replace(NO_SUBJECT, source=source)
        self._mine({("subject", subject): state}, log=(subject, EntryKind.SUBJECT_REGISTERED, 0, source))

    def link(self, subject: SubjectRef, survivor: SubjectRef) -> None:
        """Make a subject one patient with another, which survives."""
        state = replace(self._read(("subject", subject), self.head(), NO_SUBJECT), survivor=survivor)
        state = replace(state, nonce=state.nonce + 1)
        merged = (*self._read(("merged", survivor), self.head(), ()), subject)
        writes = {("subject", subject): state, ("merged", survivor): merged}
        self._mine(writes, log=(subject, EntryKind.SUBJECT_LINKED, 0, survivor))

    def unlink(self, subject: SubjectRef, by: SubjectRef) -> None:
        """Part a subject from the one it was linked to; `by` is the side that does it."""
        survivor = self._read(("subject", subject), self.head(), NO_SUBJECT).survivor
        before: tuple[SubjectRef, ...] = self._read(("merged", survivor), self.head(), ())
        merged = tuple(one for one in before if one != subject)
        states = {one: self._read(("subject", one), self.head(), NO_SUBJECT) for one in (subject, by)}
        states[by] = replace(states[by], nonce=states[by].nonce + 1)
        states[subject] = replace(states[subject], survivor=SubjectRef(ZERO32))
        writes = {("merged", survivor): merged} | {("subject", one): state for one, state in states.items()}
        self._mine(writes, log=(subject, EntryKind.SUBJECT_UNLINKED, 0, survivor))

    def set_frozen(self, subject: SubjectRef, *, frozen: bool) -> None:
        """Stop, or allow again, every access to a subject."""
        state = replace(self._read(("subject", subject), self.head(), NO_SUBJECT), frozen=frozen)
        kind = EntryKind.SUBJECT_FROZEN if frozen else EntryKind.SUBJECT_UNFROZEN
        self._mine({("subject", subject): state}, log=(subject, kind, 0, ZERO32))

    def set_hold(self, subject: SubjectRef, *, hold: bool) -> None:
        """Put a legal hold on a subject's records, or end it."""
        state = replace(self._read(("subject", subject), self.head(), NO_SUBJECT), hold=hold)
        self._mine({("subject", subject): state}, log=(subject, EntryKind.HOLD_SET, int(hold), ZERO32))

    def set_denial(self, subject: SubjectRef, participant: ParticipantId, denial: Denial) -> None:
        """Set a subject's word about a participant."""
        written = {("denial", subject, participant): denial}
        self._mine(written, log=(subject, EntryKind.DENIAL_SET, int(denial), participant))

    # consents

    def grant(
        self, holder: Address, consent: ConsentId, *, uses: int = UNLIMITED_USES, epoch: int | None = None
    ) -> None:
        """Grant a consent, in the holder's present epoch unless another is given."""
        present = self._read(("epoch", holder), self.head(), 0)
        at = self._clock.now()
        state = ConsentState(ConsentStatus.LIVE, uses, present if epoch is None else epoch, at, present)
        self._mine(
            {("consent", holder, consent): state}, log=(chain_key(holder), EntryKind.CONSENT_GRANTED, 0, consent)
        )

    def revoke(self, holder: Address, consent: ConsentId, status: ConsentStatus = ConsentStatus.REVOKED) -> None:
        """Revoke a consent (or mark it replaced)."""
        state = replace(self.consent(holder, consent, self.head()), status=status)
        kind = EntryKind.CONSENT_REVOKED if status is ConsentStatus.REVOKED else EntryKind.CONSENT_REPLACED
        self._mine({("consent", holder, consent): state}, log=(chain_key(holder), kind, 0, consent))

    def revoke_all(self, holder: Address) -> None:
        """Raise the holder's epoch."""
        epoch = self._read(("epoch", holder), self.head(), 0) + 1
        self._mine({("epoch", holder): epoch}, log=(chain_key(holder), EntryKind.CONSENTS_REVOKED, 0, ZERO32))

    # accesses

    def set_access(
        self,
        access: AccessId,
        *,
        code: int = Code.GRANTED,
        expires_at: int | None = None,
        kind: AccessKind = AccessKind.CONSENT,
        key: bytes = ZERO32,
    ) -> None:
        """Record an access; it ends in an hour unless said. `key` is the log chain it goes to."""
        now = self._clock.now()
        end = now + 3600 if expires_at is None else expires_at
        state = AccessState(int(code), end, kind, frozen=False, reviewed=False, recorded_at=now)
        entry = EntryKind.ACCESS_GRANTED if code == Code.GRANTED else EntryKind.ACCESS_DENIED
        self._mine({("access", access): state}, log=(key, entry, int(code), access))

    def set_access_frozen(self, access: AccessId, *, frozen: bool = True) -> None:
        """Freeze an access, or let it go on."""
        state = replace(self.access(access, self.head()), frozen=frozen)
        self._mine({("access", access): state})

    # records

    def set_anchor(self, source: ParticipantId, root: bytes, count: int, custodian_set: int, tag: int = 1) -> None:
        """Anchor a batch (tag 1) or a day's log (tag 2)."""
        state = AnchorState(self._clock.now(), count, custodian_set, tag)
        kind = EntryKind.BATCH_ANCHORED if tag == 1 else EntryKind.LOG_ANCHORED
        self._mine({("anchor", source, root): state}, log=(source, kind, 0, root))

    def set_record_state(self, source: ParticipantId, leaf_or_order: bytes, **changes: Any) -> None:
        """Change members of a RecordState, for instance `status=RecordStatus.INVALID, reason=2`."""
        state = replace(self.record_state(source, leaf_or_order, self.head()), **changes)
        self._mine({("record", source, leaf_or_order): state})

    def order(
        self,
        source: ParticipantId,
        record: bytes,
        *,
        subject: bytes = ZERO32,
        erasable_from: int | None = None,
        custodian_set: int = 1,
    ) -> None:
        """Order a record's destruction; erasable at once unless said."""
        now = self._clock.now()
        order = order_id(RecordId(record), SubjectRef(subject))
        before = self.record_state(source, order, self.head())
        state = replace(
            before,
            status=RecordStatus.ORDERED,
            ordered_at=now,
            erasable_from=now if erasable_from is None else erasable_from,
            custodian_set=custodian_set,
        )
        args = {
            "sourceId": source,
            "recordId": record,
            "subjectRef": subject,
            "custodianSet": custodian_set,
            "erasableFrom": state.erasable_from,
        }
        self._mine(
            {("record", source, order): state},
            log=(subject, EntryKind.DESTRUCTION_ORDERED, 0, record),
            events=[("RecordRegistry", "DestructionOrdered", args)],
        )

    def emit(self, contract: str, name: str, args: dict[str, Any]) -> None:
        """Mine a block with one event."""
        self._mine({}, events=[(contract, name, args)])

    # inside

    def _read(self, key: Hashable, at: BlockStamp, default: T) -> T:
        with self._lock:
            if self.block(at.number).hash != at.hash:
                raise NotFoundError(f"block {at.number} is no longer part of the chain")
            written = self._written.get(key, ())
            index = bisect_right(written, at.number, key=lambda pair: pair[0])
            return cast("T", written[index - 1][1]) if index else default

    def _linked(self, subject: SubjectRef, at: BlockStamp) -> tuple[SubjectRef, ...]:
        survivor = self._read(("subject", subject), at, NO_SUBJECT).survivor
        root = subject if survivor == ZERO32 else survivor
        merged: tuple[SubjectRef, ...] = self._read(("merged", root), at, ())
        return (root, *merged)

    def _mine(
        self,
        writes: dict[Any, Any],
        log: tuple[bytes, EntryKind, int, bytes] | None = None,
        events: Iterable[tuple[str, str, dict[str, Any]]] = (),
    ) -> None:
        with self._lock:
            parent = self._blocks[-1].stamp
            number = parent.number + 1
            seed = parent.hash + number.to_bytes(8, "big") + self._branch.to_bytes(4, "big")
            at = max(parent.timestamp, self._clock.now())
            block = _Block(BlockStamp(number, sha256(seed), at))
            block.writes.update(writes)
            emitted = list(events)
            if log is not None:
                emitted.append(self._append(block, *log))
            for index, (contract, name, args) in enumerate(emitted):
                address = self.address_of(contract)
                tx_hash = sha256(b"tx" + block.stamp.hash)
                block.events.append(ChainEvent(contract, address, name, args, number, block.stamp.hash, tx_hash, index))
            self._blocks.append(block)
            for key, value in block.writes.items():
                self._written.setdefault(key, []).append((number, value))

    def _append(
        self, block: _Block, key: bytes, kind: EntryKind, code: int, reference: bytes
    ) -> tuple[str, str, dict[str, Any]]:
        top = self._blocks[-1].stamp
        emitter = self.address_of(_emitter(kind))
        digest = Entry(emitter, key, int(kind), code, reference, block.stamp.timestamp).digest(self._chain_id)
        whole = self._read(("log", None), top, LogHead()).after(digest)
        own = self._read(("log", key), top, LogHead()).after(digest)
        block.writes[("log", None)] = whole
        block.writes[("log", key)] = own
        args = {
            "key": key,
            "kind": int(kind),
            "code": code,
            "referenceId": reference,
            "emitter": emitter,
            "globalCount": whole.count,
            "keyCount": own.count,
            "time": block.stamp.timestamp,
        }
        return "AuditLog", "Appended", args


def _emitter(kind: EntryKind) -> str:
    if kind < EntryKind.CONSENT_GRANTED:
        return "AccessGateway"
    if kind < EntryKind.SUBJECT_BOUND:
        return "ConsentRegistry"
    return "SubjectRegistry" if kind < EntryKind.BATCH_ANCHORED else "RecordRegistry"


def _padded(holder: Address) -> bytes:
    return bytes.fromhex(holder[2:]).rjust(32, b"\0")
