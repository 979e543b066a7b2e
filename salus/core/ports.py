"""Ports: what the meaning needs from the outside. Adapters implement them; the runtime hands them in.

All ports are synchronous and safe to use from several threads. A port raises `UnavailableError` when its outside is
away, and only errors of `salus.core.errors` for anything a caller can act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from salus.core.eip712 import Domain
from salus.core.ids import AccessId, Address, ConsentId, ParticipantId, SubjectRef
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
)


class Clock(Protocol):
    """The time."""

    def now(self) -> int:
        """Unix seconds."""
        ...


class Randomness(Protocol):
    """Secure random bytes."""

    def __call__(self, size: int, /) -> bytes:
        """That many bytes."""
        ...


class Signer(Protocol):
    """One account that signs digests."""

    @property
    def address(self) -> Address:
        """The account."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """65-byte signature (r, s low, v 27 or 28) of a 32-byte digest."""
        ...


@dataclass(frozen=True, slots=True)
class Erasure:
    """What became of an envelope at each place of a store: where it was and is gone, where it was not, and places that
    did not answer, where it may be still. A store forgets nothing of this: erase again until `unreached` is empty."""

    removed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()


class ContentStore(Protocol):
    """Envelopes by the SHA-256 of their bytes."""

    def put(self, data: bytes) -> bytes:
        """Store durably; returns the digest. Storing the same bytes again is fine."""
        ...

    def put_many(self, blobs: Sequence[bytes]) -> list[bytes]:
        """Store several durably in one go; returns their digests in order."""
        ...

    def get(self, digest: bytes) -> bytes:
        """The bytes, checked against the digest.

        Raises:
            NotFoundError: not here.
            IntegrityError: the stored bytes are damaged.
        """
        ...

    def erase(self, digest: bytes) -> Erasure:
        """Remove at every place of the store, durably; what each said. Erasing again is fine."""
        ...

    def delete(self, digest: bytes) -> bool:
        """Remove; False when it was not here.

        Raises:
            UnavailableError: a place did not answer, or refuses; `erase` tells which.
        """
        ...


@dataclass(frozen=True, slots=True)
class ContractCall:
    """One state-changing call: contract name of the directory (or `0x` address), function, arguments in ABI order."""

    contract: str
    function: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TxReceipt:
    """A mined transaction: its hash, block, gas used, and decoded events of the deployment's contracts."""

    tx_hash: bytes
    block: BlockStamp
    gas_used: int
    events: tuple[ChainEvent, ...]

    def event(self, name: str) -> ChainEvent:
        """The first event of that name.

        Raises:
            KeyError: there is none.
        """
        for event in self.events:
            if event.name == name:
                return event
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One decoded event: contract, event and arguments by ABI name (bytes for bytes32, checksummed addresses)."""

    contract: str
    address: Address
    name: str
    args: dict[str, Any]
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    log_index: int


class ChainReader(Protocol):
    """Registries read at an explicit block. `at` is a stamp of `head()`, `final()` or `block()`."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract of the directory; `domain("Council")` is the deployment's `Salus` domain."""
        ...

    def address_of(self, contract: str) -> Address:
        """Present address of a directory role."""
        ...

    def head(self) -> BlockStamp:
        """Newest block the node has."""
        ...

    def final(self) -> BlockStamp:
        """Newest block that is final under the engine's rule."""
        ...

    def block(self, number: int) -> BlockStamp:
        """A block by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        ...

    def participant(self, participant: ParticipantId, at: BlockStamp) -> ParticipantState: ...

    def operator_of(self, account: Address, at: BlockStamp) -> ParticipantId | None:
        """Participant an account operates for, or None."""
        ...

    def custodian_set(self, number: int, at: BlockStamp) -> CustodianSet:
        """A custodian set.

        Raises:
            NotFoundError: no such set.
        """
        ...

    def subject(self, subject: SubjectRef, at: BlockStamp) -> SubjectState: ...

    def denial(self, subject: SubjectRef, participant: ParticipantId, at: BlockStamp) -> Denial: ...

    def consent(self, holder: Address, consent: ConsentId, at: BlockStamp) -> ConsentState: ...

    def access(self, access: AccessId, at: BlockStamp) -> AccessState:
        """An access, also of a gateway that was retired after it; code 0 when there is no entry."""
        ...

    def gateways(self, at: BlockStamp) -> tuple[Domain, ...]:
        """EIP-712 domains of every AccessGateway up to a block, the one in charge first.

        Raises:
            NotFoundError: there is none.
        """
        ...

    def anchor(self, source: ParticipantId, root: bytes, at: BlockStamp) -> AnchorState: ...

    def record_state(self, source: ParticipantId, leaf_or_order: bytes, at: BlockStamp) -> RecordState: ...

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        """Storage word of a chain of the AuditLog (None: the global chain)."""
        ...

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        """All events of the deployment's contracts in a range of blocks, in order."""
        ...

    def prefetch(self, reads: Sequence[tuple[str, tuple[Any, ...]]], at: BlockStamp) -> None:
        """Fetch in one exchange what methods of this port need at a block: names, with arguments but the block."""
        ...


class ChainWriter(Protocol):
    """Transactions of the accounts behind this writer."""

    def send(self, call: ContractCall) -> TxReceipt:
        """Simulate, send, and wait until mined.

        Raises:
            ChainRevert: the contract refuses; names its error and arguments.
            UnavailableError: the node is away or the transaction was not mined in time.
        """
        ...

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        """Send several in order without waiting in between; raises like `send` for the first that fails."""
        ...


class CustodianClient(Protocol):
    """The custodians over their wire (docs/protocol.md section 8). `call` is a signed call in JSON form."""

    def deposit(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]: ...

    def list(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]: ...

    def release(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]: ...

    def destroy(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]: ...

    def recall(self, custodian: ParticipantId, call: dict[str, Any]) -> dict[str, Any]:
        """Ask what a source deposited.

        Raises:
            NotFoundError: that batch was never deposited there.
            UnavailableError: it told of enough in this hour.
        """
        ...
