"""A chain of events in memory, as the contracts would emit them: the AuditLog's heads are kept like the contract keeps
them, and blocks can be replaced, dropped, or lied about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from salus.core.access import AccessKind
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.bits import pack
from salus.core.contracts import CONTRACTS
from salus.core.errors import NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, ZERO_ADDRESS, Address, chain_key, to_address
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp

CHAIN_ID = 31337
GENESIS = 1_795_000_000
_SCOPE = (
    ("kind", 8),
    ("purpose", 32),
    ("categories", 64),
    ("actions", 16),
    ("level", 8),
    ("confidentiality", 8),
    ("form", 8),
    ("fromDay", 32),
    ("toDay", 32),
    ("role", 16),
    ("recordCount", 16),
)


def word(name: str) -> bytes:
    """32 bytes named by a text."""
    return keccak(name.encode())


def account(name: str) -> Address:
    """An account named by a text."""
    return to_address(word(name)[12:])


ADDRESSES = {name: account(name) for name in CONTRACTS}


@dataclass
class _Block:
    stamp: BlockStamp
    events: list[ChainEvent] = field(default_factory=list)
    heads: dict[bytes | None, LogHead] = field(default_factory=dict)


class Ledger:
    """Blocks of events. `emit` and `append` fill the next block, `mine` closes it."""

    def __init__(self, step: int = 1) -> None:
        self.chain_id = CHAIN_ID
        self.final_depth = 0
        self._step = step
        self._branch = 0
        self._tx = 0
        self._blocks = [_Block(BlockStamp(0, word("genesis"), GENESIS))]
        self._pending: list[tuple[str, str, dict[str, Any], bytes]] = []
        self._open: dict[bytes | None, LogHead] = {}
        self.hidden: set[tuple[int, int]] = set()

    # the port

    def head(self) -> BlockStamp:
        return self._blocks[-1].stamp

    def final(self) -> BlockStamp:
        return self._blocks[max(0, len(self._blocks) - 1 - self.final_depth)].stamp

    def block(self, number: int) -> BlockStamp:
        if not 0 <= number < len(self._blocks):
            raise NotFoundError(f"the chain has no block {number}")
        return self._blocks[number].stamp

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        for block in reversed(self._blocks[: at.number + 1]):
            if key in block.heads:
                return block.heads[key].slot()
        return 0

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        return [
            event
            for block in self._blocks[first_block : last_block + 1]
            for event in block.events
            if (event.block_number, event.log_index) not in self.hidden
        ]

    # making blocks

    @property
    def now(self) -> int:
        """Time of the block being filled."""
        return self.head().timestamp + self._step

    def transaction(self) -> None:
        """What is emitted next belongs to another transaction."""
        self._tx += 1

    def emit(self, contract: str, name: str, **args: Any) -> None:
        tx = keccak(f"{self._branch}|{len(self._blocks)}|{self._tx}".encode())
        self._pending.append((contract, name, args, tx))

    def append(self, contract: str, key: bytes, kind: EntryKind, code: int, reference: bytes) -> None:
        entry = Entry(ADDRESSES[contract], key, int(kind), code, reference, self.now)
        digest = entry.digest(self.chain_id)
        whole, own = self._head(None).after(digest), self._head(key).after(digest)
        self._open[None], self._open[key] = whole, own
        self.emit(
            "AuditLog",
            "Appended",
            key=key,
            kind=int(kind),
            code=code,
            referenceId=reference,
            emitter=entry.emitter,
            globalCount=whole.count,
            keyCount=own.count,
            time=entry.at,
        )

    def _head(self, key: bytes | None) -> LogHead:
        return self._open.get(key) or LogHead.from_slot(self.log_slot(key, self.head()))

    def mine(self) -> BlockStamp:
        number = len(self._blocks)
        stamp = BlockStamp(number, keccak(f"{self._branch}|{number}".encode()), self.now)
        events = [
            ChainEvent(contract, ADDRESSES[contract], name, args, number, stamp.hash, tx, index)
            for index, (contract, name, args, tx) in enumerate(self._pending)
        ]
        self._blocks.append(_Block(stamp, events, dict(self._open)))
        self._pending, self._open = [], {}
        self._tx += 1
        return stamp

    # what may go wrong

    def shorten(self, blocks: int) -> None:
        """Drop the newest blocks; what comes then has other hashes."""
        del self._blocks[-blocks:]
        self._branch += 1

    def tamper(self, block: int, index: int, **args: Any) -> None:
        """Let the node tell an event with other arguments."""
        event = self._blocks[block].events[index]
        self._blocks[block].events[index] = replace(event, args={**event.args, **args})

    # verbs, as the contracts write them

    def apply(self, participant: bytes, operator: Address, kind: int = 1) -> None:
        self.emit(
            "ParticipantRegistry",
            "ParticipantApplied",
            participantId=participant,
            principal=operator,
            kind=kind,
            accreditation=word("papers"),
        )
        self.emit(
            "ParticipantRegistry",
            "ParticipantKeysSet",
            participantId=participant,
            encryptionKey=word("key"),
            nodeKeyX=word("x"),
            nodeKeyY=word("y"),
            validator=ZERO_ADDRESS,
        )
        self.emit("ParticipantRegistry", "OperatorAdded", participantId=participant, operator=operator)

    def admit(self, participant: bytes, roles: int = 5) -> None:
        self.emit(
            "ParticipantRegistry",
            "ParticipantAdmitted",
            participantId=participant,
            roles=roles,
            accreditedUntil=(1 << 64) - 1,
            hourlyQuota=100,
        )

    def grant(self, holder: Address, consent: bytes, epoch: int = 0) -> None:
        self.emit("ConsentRegistry", "ConsentGranted", holder=holder, consentId=consent, epoch=epoch, maxUses=0)
        self.append("ConsentRegistry", chain_key(holder), EntryKind.CONSENT_GRANTED, 0, consent)

    def replace(self, holder: Address, old: bytes, new: bytes) -> None:
        self.emit("ConsentRegistry", "ConsentGranted", holder=holder, consentId=new, epoch=0, maxUses=3)
        self.emit("ConsentRegistry", "ConsentReplaced", holder=holder, replaced=old, consentId=new)
        self.append("ConsentRegistry", chain_key(holder), EntryKind.CONSENT_REPLACED, 0, old)
        self.append("ConsentRegistry", chain_key(holder), EntryKind.CONSENT_GRANTED, 0, new)

    def revoke(self, holder: Address, consent: bytes) -> None:
        self.emit("ConsentRegistry", "ConsentRevoked", holder=holder, consentId=consent)
        self.append("ConsentRegistry", chain_key(holder), EntryKind.CONSENT_REVOKED, 0, consent)

    def revoke_all(self, holder: Address, epoch: int) -> None:
        self.emit("ConsentRegistry", "ConsentsRevoked", holder=holder, epoch=epoch)
        self.append("ConsentRegistry", chain_key(holder), EntryKind.CONSENTS_REVOKED, 0, epoch.to_bytes(32, "big"))

    def request(
        self,
        access: bytes,
        participant: bytes,
        reference: bytes,
        key: bytes,
        *,
        code: int = 1,
        kind: AccessKind = AccessKind.CONSENT,
        purpose: int = 1,
        categories: int = 1 << 20,
    ) -> None:
        scope = {
            "kind": int(kind),
            "purpose": purpose,
            "categories": categories,
            "actions": 6,
            "level": 4,
            "confidentiality": 3,
            "form": 0,
            "fromDay": 20688,
            "toDay": 20780,
            "role": 1,
            "recordCount": 3,
        }
        outcome = {"expiry": self.now + 3600} if code == 1 else {"code": code}
        self.emit(
            "AccessGateway",
            "AccessGranted" if code == 1 else "AccessDenied",
            accessId=access,
            participantId=participant,
            referenceId=reference,
            key=key,
            operator=account("operator"),
            scope=pack(_SCOPE, scope),
            recordsRoot=word("records"),
            userDigest=word("user"),
            **outcome,
        )
        entry = EntryKind.ACCESS_GRANTED if code == 1 else EntryKind.ACCESS_DENIED
        self.append("AccessGateway", key, entry, code, access)

    def bind(self, subject: bytes, source: bytes, controller: Address) -> None:
        self.emit("SubjectRegistry", "SubjectBound", subjectRef=subject, sourceId=source, controller=controller)
        self.append("SubjectRegistry", subject, EntryKind.SUBJECT_BOUND, 0, source)

    def anchor(self, source: bytes, root: bytes, count: int = 3, tag: int = 1) -> None:
        if tag == 1:
            self.emit("RecordRegistry", "BatchAnchored", sourceId=source, root=root, count=count, custodianSet=1)
        else:
            self.emit("RecordRegistry", "LogAnchored", custodianId=source, root=root, count=count)
        kind = EntryKind.BATCH_ANCHORED if tag == 1 else EntryKind.LOG_ANCHORED
        self.append("RecordRegistry", source, kind, 0, root)

    def invalidate(self, source: bytes, leaf: bytes, subject: bytes, reason: int = 2) -> None:
        self.emit("RecordRegistry", "RecordInvalidated", sourceId=source, leaf=leaf, subjectRef=subject, reason=reason)
        self.append("RecordRegistry", subject, EntryKind.RECORD_INVALIDATED, reason, leaf)

    def order(self, source: bytes, record: bytes, subject: bytes) -> None:
        self.emit(
            "RecordRegistry",
            "DestructionOrdered",
            sourceId=source,
            recordId=record,
            subjectRef=subject,
            custodianSet=1,
            erasableFrom=self.now + 1,
        )
        self.append("RecordRegistry", subject, EntryKind.DESTRUCTION_ORDERED, 0, record)

    def attest(self, source: bytes, record: bytes, subject: bytes, custodian: bytes, *, ends: bool) -> None:
        self.emit(
            "RecordRegistry",
            "DestructionAttested",
            sourceId=source,
            recordId=record,
            subjectRef=subject,
            custodianId=custodian,
            erased=2,
        )
        if ends:
            self.emit("RecordRegistry", "RecordDestroyed", sourceId=source, recordId=record, subjectRef=subject)
        self.append("RecordRegistry", subject, EntryKind.DESTRUCTION_ATTESTED, 3 if ends else 2, record)


def deploy(ledger: Ledger) -> None:
    """The first blocks: Council, directory, writers of the log."""
    for name in ("a", "b", "c"):
        ledger.emit("Council", "MemberAdded", member=account(f"member {name}"))
    ledger.emit("Council", "ThresholdChanged", threshold=2)
    ledger.emit("Council", "DelayChanged", delaySeconds=60)
    ledger.mine()
    proposal = word("proposal")
    ledger.emit("Council", "Proposed", proposalId=proposal, proposer=account("member a"), salt=ZERO32, callCount=1)
    ledger.emit(
        "Council", "CallProposed", proposalId=proposal, index=0, target=ADDRESSES["Council"], callData=b"\x01\x02"
    )
    ledger.emit("Council", "Approved", proposalId=proposal, member=account("member a"))
    ledger.mine()
    ledger.emit("Council", "Approved", proposalId=proposal, member=account("member b"))
    ledger.emit("Council", "ThresholdReached", proposalId=proposal, time=ledger.now)
    ledger.mine()
    for name, address in ADDRESSES.items():
        if name != "Council":
            ledger.emit(
                "Council",
                "ContractInstalled",
                role=keccak(f"salus.role.{name}".encode()),
                account=address,
                previous=ZERO_ADDRESS,
            )
        if name in {"SubjectRegistry", "RecordRegistry", "ConsentRegistry", "AccessGateway"}:
            ledger.emit("AuditLog", "WriterAdmitted", writer=address)
    ledger.emit("Council", "Executed", proposalId=proposal, executor=account("member b"))
    ledger.mine()


HOSPITAL, CHECKUP, CUSTODIANS = word("hospital"), word("checkup"), [word(f"custodian {i}") for i in range(3)]
HOLDER, SUBJECT, GUARDIAN = account("holder"), word("subject"), account("guardian")


def one_day(ledger: Ledger) -> None:
    """Every event of the contracts at least once, in an order that can happen."""
    deploy(ledger)
    for name, participant in (("hospital", HOSPITAL), ("checkup", CHECKUP)):
        ledger.apply(participant, account(f"{name} operator"))
        ledger.admit(participant)
    for i, custodian in enumerate(CUSTODIANS):
        ledger.apply(custodian, account(f"custodian operator {i}"), kind=8)
        ledger.admit(custodian, roles=2)
    ledger.emit("ParticipantRegistry", "CustodianSetFormed", setId=1, threshold=2, members=tuple(CUSTODIANS))
    ledger.mine()
    registry = "ParticipantRegistry"
    ledger.emit(registry, "ParticipantSuspended", participantId=HOSPITAL)
    ledger.emit(registry, "ParticipantReinstated", participantId=HOSPITAL)
    ledger.emit(
        registry,
        "ParticipantRenewed",
        participantId=HOSPITAL,
        roles=133,
        accreditedUntil=GENESIS + 10**8,
        hourlyQuota=50,
        accreditation=word("new papers"),
    )
    ledger.emit(registry, "OperatorAdded", participantId=HOSPITAL, operator=account("second operator"))
    ledger.emit(registry, "OperatorRemoved", participantId=HOSPITAL, operator=account("second operator"))
    ledger.emit(registry, "ParticipantExpelled", participantId=CUSTODIANS[2])
    ledger.mine()
    _subject_day(ledger)
    _record_day(ledger)
    _access_day(ledger)
    ledger.emit("AuditLog", "WriterRetired", writer=account("old gateway"))
    ledger.emit("Council", "Proposed", proposalId=word("other"), proposer=account("member a"), salt=ZERO32, callCount=0)
    ledger.emit("Council", "CancellationVoted", proposalId=word("other"), member=account("member b"))
    ledger.emit("Council", "Cancelled", proposalId=word("other"))
    ledger.emit("Council", "MemberRemoved", member=account("member c"))
    ledger.mine()


def _subject_day(ledger: Ledger) -> None:
    registry = "SubjectRegistry"
    ledger.emit(registry, "SubjectRegistered", subjectRef=SUBJECT, sourceId=CHECKUP)
    ledger.append(registry, SUBJECT, EntryKind.SUBJECT_REGISTERED, 0, CHECKUP)
    ledger.bind(SUBJECT, CHECKUP, account("controller"))
    ledger.mine()
    ledger.emit(
        registry,
        "ControllerRotated",
        subjectRef=SUBJECT,
        previous=account("controller"),
        controller=account("new phone"),
        epoch=1,
    )
    ledger.append(registry, SUBJECT, EntryKind.CONTROLLER_ROTATED, 0, chain_key(account("new phone")))
    ledger.emit(
        registry, "RecoveryStarted", subjectRef=SUBJECT, account=account("thief"), isGuardian=False, readyAt=ledger.now
    )
    ledger.append(registry, SUBJECT, EntryKind.RECOVERY_STARTED, 0, chain_key(account("thief")))
    ledger.emit(registry, "RecoveryVetoed", subjectRef=SUBJECT, account=account("thief"))
    ledger.append(registry, SUBJECT, EntryKind.RECOVERY_VETOED, 0, chain_key(account("thief")))
    ledger.mine()
    ledger.emit(
        registry,
        "RecoveryStarted",
        subjectRef=SUBJECT,
        account=GUARDIAN,
        isGuardian=True,
        readyAt=ledger.now + 1,
    )
    ledger.append(registry, SUBJECT, EntryKind.RECOVERY_STARTED, 1, chain_key(GUARDIAN))
    ledger.mine()
    ledger.emit(registry, "GuardianAppointed", subjectRef=SUBJECT, previous=ZERO_ADDRESS, guardian=GUARDIAN)
    ledger.append(registry, SUBJECT, EntryKind.GUARDIAN_APPOINTED, 0, chain_key(GUARDIAN))
    ledger.emit(
        registry,
        "ControllerRecovered",
        subjectRef=SUBJECT,
        previous=account("new phone"),
        controller=account("third phone"),
        epoch=2,
    )
    ledger.append(registry, SUBJECT, EntryKind.CONTROLLER_RECOVERED, 0, chain_key(account("third phone")))
    ledger.mine()
    for name, kind in (("SubjectFrozen", EntryKind.SUBJECT_FROZEN), ("SubjectUnfrozen", EntryKind.SUBJECT_UNFROZEN)):
        ledger.emit(registry, name, subjectRef=SUBJECT, by=account("third phone"))
        ledger.append(registry, SUBJECT, kind, 0, chain_key(account("third phone")))
    ledger.emit(registry, "DenialSet", subjectRef=SUBJECT, participantId=HOSPITAL, denial=2)
    ledger.append(registry, SUBJECT, EntryKind.DENIAL_SET, 2, HOSPITAL)
    ledger.emit(registry, "RetentionSet", subjectRef=SUBJECT, retentionYears=3)
    ledger.append(registry, SUBJECT, EntryKind.RETENTION_SET, 3, ZERO32)
    ledger.emit(registry, "HoldSet", subjectRef=SUBJECT, held=True, participantId=ZERO32)
    ledger.append(registry, SUBJECT, EntryKind.HOLD_SET, 1, ZERO32)
    for name, kind in (("SubjectLinked", EntryKind.SUBJECT_LINKED), ("SubjectUnlinked", EntryKind.SUBJECT_UNLINKED)):
        ledger.emit(registry, name, subjectRef=word("twin"), survivor=SUBJECT)
        ledger.append(registry, word("twin"), kind, 0, SUBJECT)
        ledger.append(registry, SUBJECT, kind, 0, word("twin"))
    ledger.mine()


def _record_day(ledger: Ledger) -> None:
    ledger.anchor(CHECKUP, word("batch"))
    ledger.transaction()
    ledger.anchor(CUSTODIANS[0], word("log of a day"), 10, tag=2)
    ledger.mine()
    ledger.invalidate(CHECKUP, word("leaf"), SUBJECT)
    ledger.transaction()
    ledger.order(CHECKUP, word("record"), SUBJECT)
    ledger.mine()
    ledger.attest(CHECKUP, word("record"), SUBJECT, CUSTODIANS[0], ends=False)
    ledger.transaction()
    ledger.attest(CHECKUP, word("record"), SUBJECT, CUSTODIANS[1], ends=True)
    ledger.mine()


def _access_day(ledger: Ledger) -> None:
    ledger.grant(HOLDER, word("consent 1"))
    ledger.grant(account("other holder"), word("consent 9"))
    ledger.mine()
    ledger.request(word("access 1"), HOSPITAL, word("consent 1"), chain_key(HOLDER))
    ledger.transaction()
    ledger.request(word("access 2"), HOSPITAL, word("consent 1"), chain_key(HOLDER), code=38, categories=(1 << 64) - 1)
    ledger.transaction()
    ledger.request(word("access 3"), ZERO32, SUBJECT, SUBJECT, kind=AccessKind.OWN, purpose=1 << 16)
    ledger.emit("AccessGateway", "RequestSkipped", index=2, accessId=word("skipped"), refusal=5)
    ledger.mine()
    ledger.replace(HOLDER, word("consent 1"), word("consent 2"))
    ledger.mine()
    ledger.revoke(HOLDER, word("consent 2"))
    ledger.revoke(HOLDER, word("never seen"))
    ledger.grant(HOLDER, word("consent 3"))
    ledger.mine()
    ledger.revoke_all(HOLDER, 1)
    ledger.mine()
    ledger.request(word("access 4"), HOSPITAL, word("consent 2"), chain_key(HOLDER), code=20)
    ledger.transaction()
    ledger.request(word("access 5"), HOSPITAL, SUBJECT, SUBJECT, kind=AccessKind.EMERGENCY, purpose=4)
    ledger.emit(
        "AccessGateway",
        "EmergencyOpened",
        accessId=word("access 5"),
        participantId=HOSPITAL,
        second=account("second doctor"),
        reviewBy=ledger.now + 72 * 3600,
    )
    ledger.mine()
    marks = (
        ("AccessReviewed", {"reviewerId": CHECKUP, "verdict": 1}, EntryKind.ACCESS_REVIEWED, 1),
        ("AccessFrozen", {"supervisorId": CHECKUP}, EntryKind.ACCESS_FROZEN, 0),
        ("AccessUnfrozen", {"supervisorId": CHECKUP}, EntryKind.ACCESS_UNFROZEN, 0),
    )
    for name, args, kind, code in marks:
        ledger.emit("AccessGateway", name, accessId=word("access 5"), operator=account("auditor"), **args)
        ledger.append("AccessGateway", SUBJECT, kind, code, word("access 5"))
    ledger.mine()
