"""The Council ends what patients were silent about: up to 50 orders a proposal, made by one member, read by the others.

A proposal stands whole in the events of its chain. Whoever votes reads it there, looks each order up in data of its
own (`custodian.retention`), and votes only then: the proposing source is not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from salus.core.canonical import canonical
from salus.core.errors import InputError, NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import Address, ParticipantId, RecordId, SubjectRef, hex32
from salus.core.ports import ChainReader, ChainWriter, ContractCall
from salus.core.retention import MOST_TOGETHER
from salus.core.state import ProposalStatus
from salus.flows.council import Chamber, CouncilBoard, EncodedCall, decide

_BLOCKS_AT_ONCE = 5000


class ReadableBoard(CouncilBoard, Protocol):
    """A board that also reads what others proposed."""

    def decode(self, call: EncodedCall) -> ContractCall:
        """The call that a proposal holds; its contract may be named by its address."""
        ...


@dataclass(frozen=True, slots=True)
class Ending:
    """One order to be: the destruction of a record of a source, shares in `custodian_set`."""

    source: ParticipantId
    record_id: RecordId
    subject: SubjectRef
    custodian_set: int

    def call(self) -> ContractCall:
        """The Council's call: its word needs neither deadline nor signature."""
        row = (self.source, self.record_id, self.subject, self.custodian_set, 0)
        return ContractCall("RecordRegistry", "order", (row, b""))


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal as the chain has it: its orders, and the salt that belongs to its id."""

    id: bytes
    salt: bytes
    proposer: Address
    endings: tuple[Ending, ...]


def propose(endings: Sequence[Ending], again: int, member: ChainWriter, board: CouncilBoard) -> bytes:
    """Propose orders by one member; returns the proposal's id. The same orders again are the same proposal.

    `again` makes another proposal of the same orders, after one was cancelled or has expired.

    Raises:
        InputError: none, or more than 50.
        ConflictError, ChainRevert, UnavailableError: as `ChainWriter.send`.
    """
    if not 1 <= len(endings) <= MOST_TOGETHER:
        raise InputError(f"a proposal has 1 to {MOST_TOGETHER} orders")
    encoded, salt = [board.encode(one.call()) for one in endings], salt_of(endings, again)
    proposal = board.proposal_id(encoded, salt)
    if board.proposal(proposal).status is ProposalStatus.UNKNOWN:
        member.send(ContractCall("Council", "propose", (encoded, salt)))
    return proposal


def salt_of(endings: Sequence[Ending], again: int = 0) -> bytes:
    """Names the decision: whoever proposes the same orders proposes the same."""
    rows = [[hex32(one.source), hex32(one.record_id), hex32(one.subject)] for one in endings]
    return keccak(b"salus.retention|" + canonical({"again": again, "orders": rows}))


def read_proposal(proposal: bytes, chain: ChainReader, board: ReadableBoard) -> Proposed:
    """Find a proposal in the chain, the newest blocks first.

    Raises:
        NotFoundError: nobody proposed it.
        InputError: it is about something else than destruction orders.
    """
    last = chain.head().number
    while last >= 0:
        first = max(0, last - _BLOCKS_AT_ONCE + 1)
        events = [one for one in chain.events(first, last) if one.args.get("proposalId") == proposal]
        begun = next((one for one in events if one.name == "Proposed"), None)
        if begun is not None:
            calls = sorted((one.args for one in events if one.name == "CallProposed"), key=lambda args: args["index"])
            registry = chain.address_of("RecordRegistry")
            endings = tuple(_ending((Address(one["target"]), one["callData"]), registry, board) for one in calls)
            return Proposed(proposal, begun.args["salt"], Address(begun.args["proposer"]), endings)
        last = first - 1
    raise NotFoundError("there is no such proposal on this chain")


def approve(proposed: Proposed, chamber: Chamber) -> bool:
    """Vote for a proposal that was read and checked; True once it is carried out.

    Raises:
        UnavailableError: votes of others, or the delay, are missing.
        ConflictError: it was cancelled.
        ChainRevert: an order is refused (a hold, ordered already): cancel it and propose the others anew.
    """
    decide([one.call() for one in proposed.endings], proposed.salt, chamber)
    return chamber.board.proposal(proposed.id).status is ProposalStatus.EXECUTED


def _ending(call: EncodedCall, registry: Address, board: ReadableBoard) -> Ending:
    decoded = board.decode(call)
    if decoded.function != "order" or decoded.contract not in ("RecordRegistry", registry):
        raise InputError("this proposal is not about destruction orders alone: vote where it was made")
    (source, record, subject, custodian_set, _), _ = decoded.args
    made = Ending(ParticipantId(source), RecordId(record), SubjectRef(subject), int(custodian_set))
    if board.encode(made.call()) != call:
        raise InputError("an order of this proposal says more than an order of the Council does")
    return made
