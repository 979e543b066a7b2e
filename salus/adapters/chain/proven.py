"""The `ChainReader` port without trust in the node: registries by storage proofs, blocks by checked headers.

| said by | believed because |
| --- | --- |
| head, final, blocks | sealed by validators that the trusted header and the votes since then name (`trusted`) |
| every registry read | proven by `eth_getProof` to the state root of such a block (`proofs`, `salus.core.slots`) |
| `chain_id`, the Council's address | the deployment file |
| `events` | nobody: see there |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.trusted import TrustedChain
from salus.core.contracts import COUNCIL
from salus.core.eip712 import Domain
from salus.core.errors import NodeError, NotFoundError
from salus.core.ids import AccessId, Address, ConsentId, ParticipantId, SubjectRef
from salus.core.ports import ChainEvent
from salus.core.slots import Storage, accesses, consents, council, log, participants, records, subjects
from salus.core.slots.accesses import access_state
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

T = TypeVar("T")
Events = Callable[[int, int], list[ChainEvent]]
GATEWAY = "AccessGateway"


class ProvenReader:
    """One node, one deployment, nothing believed. Safe to use from several threads.

    Reads raise as those of `Reader` do (NotFoundError, UnavailableError), and NodeError when a proof does not hold.
    """

    def __init__(
        self, trusted: TrustedChain, state: ProvenState, council_address: Address, chain_id: int, events: Events
    ) -> None:
        self._trusted = trusted
        self._state = state
        self._council = council_address
        self._chain_id = chain_id
        self._events = events

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id, as the deployment file has it: a node's word is not asked for."""
        return self._chain_id

    @property
    def finality_proven(self) -> bool:
        """Whether a final block stays final whatever sealers do: Clique believes that they only crash."""
        return self._trusted.engine.name == "qbft"

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract of the directory; of the Council, the deployment's `Salus` domain."""
        name = "Salus" if contract == COUNCIL else f"Salus {contract}"
        return Domain(name, self._chain_id, self.address_of(contract))

    def address_of(self, contract: str) -> Address:
        """Address of a directory role at the newest block that was checked.

        Raises:
            NotFoundError: nobody holds it.
        """
        if contract == COUNCIL:
            return self._council
        try:
            return self._run(lambda storage: _holder(storage, self._council, contract), self._trusted.head())
        except NotFoundError:  # it may have been installed this very moment
            return self._run(lambda storage: _holder(storage, self._council, contract), self.head())

    # blocks

    def head(self) -> BlockStamp:
        """Newest block of the node, checked.

        Raises:
            ForkError: the node's chain leaves the one that was followed, or sealers broke the engine's promise.
            NodeError: a header does not hold.
            UnavailableError: the node is away.
        """
        self._trusted.advance()
        return self._trusted.head()

    def final(self) -> BlockStamp:
        """Newest block that is final under the engine's rule, checked; raises like `head`."""
        self._trusted.advance()
        return self._trusted.final()

    def block(self, number: int) -> BlockStamp:
        """A block by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        return self._trusted.block(number)

    # registries

    def participant(self, participant: ParticipantId, at: BlockStamp) -> ParticipantState:
        """An institution; status NONE when the id is unknown."""
        return self._read(_PARTICIPANT, at, participant)

    def operator_of(self, account: Address, at: BlockStamp) -> ParticipantId | None:
        """Participant an account operates for, or None."""
        return self._read(_OPERATOR_OF, at, account)

    def custodian_set(self, number: int, at: BlockStamp) -> CustodianSet:
        """A custodian set.

        Raises:
            NotFoundError: no such set.
        """
        return self._read(_CUSTODIAN_SET, at, number)

    def custodian_set_count(self, at: BlockStamp) -> int:
        """How many custodian sets there are; their numbers start at 1."""
        return self._read(_CUSTODIAN_SET_COUNT, at)

    def subject(self, subject: SubjectRef, at: BlockStamp) -> SubjectState:
        """A subject, with the freezes and holds of all it is linked with."""
        return self._read(_SUBJECT, at, subject)

    def denial(self, subject: SubjectRef, participant: ParticipantId, at: BlockStamp) -> Denial:
        """Strongest denial of a participant by the subject or any it is linked with."""
        return self._read(_DENIAL, at, subject, participant)

    def consent(self, holder: Address, consent: ConsentId, at: BlockStamp) -> ConsentState:
        """A consent slot and its holder's present epoch."""
        return self._read(_CONSENT, at, holder, consent)

    def access(self, access: AccessId, at: BlockStamp) -> AccessState:
        """An access, of the gateway in charge at that block or of one before it; code 0 when there is no entry.

        What a gateway says it recorded after it was retired does not count.
        """
        (present, state), *retired = self._read(_accesses, at, access)
        if state.code:
            return state
        for account in dict.fromkeys(tenure.account for tenure, _ in retired if tenure.account != present.account):
            lives = [(tenure, found) for tenure, found in retired if tenure.account == account]
            if (state := lives[0][1]).code:
                ended = max(tenure.until_block for tenure, _ in lives)
                if state.recorded_at <= self.block(ended).timestamp:
                    return state
        return access_state(0)

    def gateways(self, at: BlockStamp) -> tuple[Domain, ...]:
        """EIP-712 domains of every AccessGateway up to a block, the one in charge first.

        Raises:
            NotFoundError: nobody holds the role at that block.
        """
        tenures = self._run(lambda storage: _tenures(storage, self._council), at)
        accounts = dict.fromkeys(tenure.account for tenure in tenures)
        return tuple(Domain(f"Salus {GATEWAY}", self._chain_id, account) for account in accounts)

    def anchor(self, source: ParticipantId, root: bytes, at: BlockStamp) -> AnchorState:
        """An anchor slot; `anchored_at` 0 when there is none."""
        return self._read(_ANCHOR, at, source, root)

    def record_state(self, source: ParticipantId, leaf_or_order: bytes, at: BlockStamp) -> RecordState:
        """State of a leaf or recordId under its source."""
        return self._read(_RECORD_STATE, at, source, leaf_or_order)

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        """Storage word of a chain of the AuditLog (None: the global chain)."""
        return self._read(_LOG_SLOT, at, key)

    def prefetch(self, reads: Sequence[tuple[str, tuple[Any, ...]]], at: BlockStamp) -> None:
        """Fetch in few exchanges what several methods need at a block; the methods then answer from memory.

        `reads` are method names of this class with their arguments, without the block.
        """

        def all_of_them(storage: Storage) -> None:
            for name, args in reads:
                with suppress(NotFoundError):  # whoever reads it then is told
                    _READS[name](storage, self._council, *args)

        self._run(all_of_them, at)

    # events

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        """Events as the node tells them: NOT proven, good for finding what to read and for nothing else.

        A custodian's sweep finds destruction orders by them and carries out those that the RecordRegistry's state
        shows at a final block. A node that makes one up gets nothing erased. One that keeps one back delays the sweep's
        erasure until somebody calls `destroy`; the record is not released meanwhile, for each release reads the state.
        """
        return self._events(first_block, last_block)

    def _read(self, read: Callable[..., T], at: BlockStamp, *args: Any) -> T:
        return self._run(lambda storage: read(storage, self._council, *args), at)

    def _run(self, read: Callable[[Storage], T], at: BlockStamp) -> T:
        try:
            return self._state.run(read, at)
        except ValueError as error:  # an enumeration has no member of that number
            raise NodeError(f"the state at block {at.number} has a word that no contract of Salus writes") from error


def _holder(storage: Storage, council_address: Address, role: str) -> Address:
    found = council.contract_of(storage, council_address, role)
    if found is None:
        raise NotFoundError(f"the directory of the Council has no {role} at that block")
    return found


def _tenures(storage: Storage, council_address: Address) -> tuple[Tenure, ...]:
    found = council.tenures(storage, council_address, GATEWAY)
    if not found:
        raise NotFoundError(f"the directory of the Council has no {GATEWAY} at that block")
    return found


def _accesses(storage: Storage, council_address: Address, access: AccessId) -> list[tuple[Tenure, AccessState]]:
    """The state of an access at each gateway, the one in charge first."""
    return [(tenure, accesses.access(storage, tenure.account, access)) for tenure in _tenures(storage, council_address)]


def _of(role: str, read: Callable[..., T]) -> Callable[..., T]:
    """A read of the contract that holds a role."""
    return lambda storage, council_address, *args: read(storage, _holder(storage, council_address, role), *args)


_PARTICIPANT = _of("ParticipantRegistry", participants.participant)
_OPERATOR_OF = _of("ParticipantRegistry", participants.operator_of)
_CUSTODIAN_SET = _of("ParticipantRegistry", participants.custodian_set)
_CUSTODIAN_SET_COUNT = _of("ParticipantRegistry", participants.custodian_set_count)
_SUBJECT = _of("SubjectRegistry", subjects.subject)
_DENIAL = _of("SubjectRegistry", subjects.denial)
_CONSENT = _of("ConsentRegistry", consents.consent)
_ANCHOR = _of("RecordRegistry", records.anchor)
_RECORD_STATE = _of("RecordRegistry", records.record)
_LOG_SLOT = _of("AuditLog", log.chain_word)

_READS: Mapping[str, Callable[..., Any]] = {
    "participant": _PARTICIPANT,
    "operator_of": _OPERATOR_OF,
    "custodian_set": _CUSTODIAN_SET,
    "custodian_set_count": _CUSTODIAN_SET_COUNT,
    "subject": _SUBJECT,
    "denial": _DENIAL,
    "consent": _CONSENT,
    "access": _accesses,
    "anchor": _ANCHOR,
    "record_state": _RECORD_STATE,
    "log_slot": _LOG_SLOT,
}
"""Reads by method name, for `prefetch`."""
