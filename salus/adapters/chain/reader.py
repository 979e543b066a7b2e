"""The `ChainReader` port: registries at an explicit block, blocks, final blocks, events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from salus.adapters.chain import audit_log, consents, gateway, participants, records, subjects
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.finality import FinalityRule, stamp_of
from salus.adapters.chain.reads import Read, StateAt, T
from salus.adapters.chain.rpc import Rpc
from salus.core.contracts import COUNCIL
from salus.core.eip712 import Domain
from salus.core.errors import ChainRevert, NotFoundError, UnavailableError
from salus.core.ids import AccessId, Address, ConsentId, ParticipantId, SubjectRef
from salus.core.ports import ChainEvent
from salus.core.slots.accesses import access_state
from salus.core.slots.consents import consent_state
from salus.core.state import (
    AccessState,
    AnchorState,
    BlockStamp,
    ConsentState,
    CustodianSet,
    Denial,
    ParticipantState,
    RecordState,
    SubjectState,
    Tenure,
)

_LOG_BLOCKS = 1000


class Reader:
    """One node, one deployment. Safe to use from several threads.

    Every registry read takes the block it is about. Contracts are those that hold their role at that block.
    """

    def __init__(self, rpc: Rpc, blocks: Blocks, state: StateAt, directory: Directory, rule: FinalityRule) -> None:
        self._rpc = rpc
        self._blocks = blocks
        self._state = state
        self._directory = directory
        self._rule = rule
        self._chain_id = int(rpc.call("eth_chainId"), 16)

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._chain_id

    @property
    def finality_proven(self) -> bool:
        """Whether the engine's finality can be shown to outsiders."""
        return self._rule.proven

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract of the directory; of the Council, the deployment's `Salus` domain."""
        name = "Salus" if contract == COUNCIL else f"Salus {contract}"
        return Domain(name, self._chain_id, self.address_of(contract))

    def address_of(self, contract: str) -> Address:
        """Present address of a directory role.

        Raises:
            NotFoundError: nobody holds it.
        """
        return self._directory.council if contract == COUNCIL else self._directory.address(contract)

    # blocks

    def head(self) -> BlockStamp:
        """Newest block the node has."""
        return stamp_of(self._blocks.newest())

    def final(self) -> BlockStamp:
        """Newest block that is final under the engine's rule."""
        return stamp_of(self._rule.final(self._blocks.newest(), self._blocks.hashed))

    def block(self, number: int) -> BlockStamp:
        """A block by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        return stamp_of(self._blocks.numbered(number))

    # registries

    def participant(self, participant: ParticipantId, at: BlockStamp) -> ParticipantState:
        """An institution; status NONE when the id is unknown."""
        return self.read(participants.participant(participant), at)

    def operator_of(self, account: Address, at: BlockStamp) -> ParticipantId | None:
        """Participant an account operates for, or None."""
        return self.read(participants.operator_of(account), at)

    def custodian_set(self, number: int, at: BlockStamp) -> CustodianSet:
        """A custodian set.

        Raises:
            NotFoundError: no such set.
        """
        try:
            return self.read(participants.custodian_set(number), at)
        except ChainRevert as revert:
            if revert.error == "ParticipantRegistryUnknownSet":
                raise NotFoundError(f"there is no custodian set {number}") from revert
            raise

    def custodian_set_count(self, at: BlockStamp) -> int:
        """How many custodian sets there are; their numbers start at 1."""
        return self.read(participants.custodian_set_count(), at)

    def subject(self, subject: SubjectRef, at: BlockStamp) -> SubjectState:
        """A subject, with the freezes and holds of all it is linked with."""
        slot, frozen, hold, years = self.read_all(_subject_reads(subject), at)
        return subjects.in_force(slot, frozen=frozen, hold=hold, years=years)

    def denial(self, subject: SubjectRef, participant: ParticipantId, at: BlockStamp) -> Denial:
        """Strongest denial of a participant by the subject or any it is linked with."""
        return self.read(subjects.denial(subject, participant), at)

    def consent(self, holder: Address, consent: ConsentId, at: BlockStamp) -> ConsentState:
        """A consent slot and its holder's present epoch."""
        word, epoch = self.read_all(_consent_reads(holder, consent), at)
        return consent_state(word, epoch)

    def access(self, access: AccessId, at: BlockStamp) -> AccessState:
        """An access, of the gateway in charge at that block or of one before it; code 0 when there is no entry.

        What a gateway says it recorded after it was retired does not count.
        """
        wanted = gateway.access(access)
        present, *retired = self._tenures(at)
        if (state := self.read(wanted, at)).code or not retired:
            return state
        accounts = dict.fromkeys(tenure.account for tenure in retired if tenure.account != present.account)
        answers = self._state.run([(account, wanted.calldata) for account in accounts], at)
        for account, answer in zip(accounts, answers, strict=True):
            if isinstance(answer, bytes) and (state := wanted.parse(answer)).code:
                ended = max(tenure.until_block for tenure in retired if tenure.account == account)
                if state.recorded_at <= self.block(ended).timestamp:
                    return state
        return access_state(0)

    def gateways(self, at: BlockStamp) -> tuple[Domain, ...]:
        """EIP-712 domains of every AccessGateway up to a block, the one in charge first.

        Raises:
            NotFoundError: nobody holds the role at that block.
        """
        accounts = dict.fromkeys(tenure.account for tenure in self._tenures(at))
        return tuple(Domain("Salus AccessGateway", self._chain_id, account) for account in accounts)

    def _tenures(self, at: BlockStamp) -> tuple[Tenure, ...]:
        if found := self._directory.tenures("AccessGateway", at):
            return found
        raise NotFoundError(f"the directory of the Council has no AccessGateway at block {at.number}")

    def anchor(self, source: ParticipantId, root: bytes, at: BlockStamp) -> AnchorState:
        """An anchor slot; `anchored_at` 0 when there is none."""
        return self.read(records.anchor(source, root), at)

    def record_state(self, source: ParticipantId, leaf_or_order: bytes, at: BlockStamp) -> RecordState:
        """State of a leaf or recordId under its source."""
        return self.read(records.record_state(source, leaf_or_order), at)

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        """Storage word of a chain of the AuditLog (None: the global chain)."""
        return self.read(audit_log.global_slot() if key is None else audit_log.slot(key), at)

    # many at once

    def prefetch(self, reads: Sequence[tuple[str, tuple[Any, ...]]], at: BlockStamp) -> None:
        """Fetch in one exchange what several methods need at a block; the methods then answer from memory.

        `reads` are method names of this class with their arguments, without the block:
        `[("record_state", (source, leaf)), ("subject", (subject,))]`.
        """
        self._answers([read for name, args in reads for read in _READS[name](*args)], at)

    def read(self, read: Read[T], at: BlockStamp) -> T:
        """Execute one read at a block.

        Raises:
            ChainRevert: the contract refuses.
            NotFoundError: nobody holds the role at that block.
            UnavailableError: the node is away or does not have the block.
        """
        return cast("T", self.read_all([read], at)[0])

    def read_all(self, reads: Sequence[Read[Any]], at: BlockStamp) -> list[Any]:
        """Execute several reads at a block in one exchange; raises like `read` for the first that fails."""
        values: list[Any] = []
        for read, answer in zip(reads, self._answers(reads, at), strict=True):
            if isinstance(answer, ChainRevert):
                raise answer
            values.append(read.parse(answer))
        return values

    # events

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        """All events of the deployment's contracts in a range of blocks, in order."""
        found: list[ChainEvent] = []
        for start in range(first_block, last_block + 1, _LOG_BLOCKS):
            found += self._events(start, min(start + _LOG_BLOCKS - 1, last_block))
        return found

    def _events(self, first: int, last: int) -> list[ChainEvent]:
        while True:
            known = self._directory.known()
            logs = self._rpc.call(
                "eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last), "address": sorted(known)}
            )
            events = self._directory.decode(logs)
            installed = {event.args["account"] for event in events if event.name == "ContractInstalled"}
            if installed <= known.keys():
                return events
            self._directory.learn()
            if not installed <= self._directory.known().keys():
                raise UnavailableError("the node shows a contract in its events that its directory does not know yet")

    def _answers(self, reads: Sequence[Read[Any]], at: BlockStamp) -> list[bytes | ChainRevert]:
        return self._state.run([(self._directory.address(read.contract, at), read.calldata) for read in reads], at)


def _subject_reads(subject: SubjectRef) -> list[Read[Any]]:
    return [
        subjects.subject(subject),
        subjects.is_frozen(subject),
        subjects.is_held(subject),
        subjects.retention_years(subject),
    ]


def _consent_reads(holder: Address, consent: ConsentId) -> list[Read[Any]]:
    return [consents.slot(holder, consent), consents.epoch(holder)]


_READS: Mapping[str, Callable[..., list[Read[Any]]]] = {
    "participant": lambda participant: [participants.participant(participant)],
    "operator_of": lambda account: [participants.operator_of(account)],
    "custodian_set": lambda number: [participants.custodian_set(number)],
    "subject": _subject_reads,
    "denial": lambda subject, participant: [subjects.denial(subject, participant)],
    "consent": _consent_reads,
    "access": lambda access: [gateway.access(access)],
    "anchor": lambda source, root: [records.anchor(source, root)],
    "record_state": lambda source, leaf: [records.record_state(source, leaf)],
}
