"""Decide something in the Council: propose → approve by as many members as it takes → wait for the delay → execute.

Every step looks first what is there already, so a decision that was interrupted is taken up where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from salus.core.errors import ChainRevert, ConflictError, InputError, UnavailableError
from salus.core.ids import Address
from salus.core.ports import ChainWriter, ContractCall, TxReceipt
from salus.core.state import ProposalState, ProposalStatus

EncodedCall = tuple[Address, bytes]
"""Target and calldata, as a proposal holds them."""
_PAUSE_SECONDS = 0.5
_FORK_SECONDS = 15.0


class CouncilBoard(Protocol):
    """The Council as its members see it."""

    def encode(self, call: ContractCall) -> EncodedCall:
        """A call as a proposal holds it."""
        ...

    def proposal_id(self, calls: Sequence[EncodedCall], salt: bytes) -> bytes:
        """Id of a list of calls, 32 bytes."""
        ...

    def proposal(self, proposal_id: bytes) -> ProposalState:
        """State at the newest block."""
        ...

    def threshold(self) -> int:
        """Approvals a proposal needs."""
        ...

    def holder(self, contract: str) -> Address | None:
        """Contract that holds a directory role, None if nobody does."""
        ...


@dataclass(frozen=True, slots=True)
class Chamber:
    """Who votes: the board, and the writers of members in order (at least as many as the threshold).

    `pause` sleeps; `patience` is how long a delay is waited for, in seconds. `partial` allows fewer members than the
    threshold: they cast their votes, and the others run the same on their own machines.
    """

    board: CouncilBoard
    members: Sequence[ChainWriter]
    pause: Callable[[float], None]
    patience: float = 60.0
    partial: bool = False


def decide(calls: Sequence[ContractCall], salt: bytes, chamber: Chamber) -> TxReceipt | None:
    """Carry out calls by a vote. Returns the receipt of the execution, or None when it was carried out before.

    `salt` (32 bytes) names the decision: the same calls with the same salt are one decision.

    Raises:
        InputError: fewer members than the threshold.
        ConflictError: the proposal was cancelled.
        ChainRevert: a call reverts, so nothing of it is carried out.
        UnavailableError: the delay ends later than `patience` seconds from now, or votes of others are missing (only
            with `partial`); run it again then.
    """
    board, members = chamber.board, chamber.members
    threshold = board.threshold()
    if len(members) < threshold and not chamber.partial:
        raise InputError(f"a decision needs the writers of {threshold} members, {len(members)} were given")
    encoded = [board.encode(call) for call in calls]
    proposal = board.proposal_id(encoded, salt)
    state = board.proposal(proposal)
    if state.status is ProposalStatus.EXECUTED:
        return None
    if state.status is ProposalStatus.CANCELLED:
        raise ConflictError(
            "this proposal was cancelled: decide anew with another salt",
            advice="Of the commands, --decision or --again names another one; all members say the same.",
        )
    if not members:
        raise UnavailableError(f"the proposal has {state.approvals} of {threshold} approvals: now members vote")
    if state.status is ProposalStatus.UNKNOWN:
        members[0].send(ContractCall("Council", "propose", (encoded, salt)))
    for member in members:
        if board.proposal(proposal).approvals >= threshold:
            break
        _approve(member, proposal, chamber.pause)
    if chamber.partial and (given := board.proposal(proposal).approvals) < threshold:
        raise UnavailableError(f"the proposal has {given} of {threshold} approvals: the other members run the same")
    return _execute(ContractCall("Council", "execute", (encoded, salt)), chamber)


def _approve(member: ChainWriter, proposal: bytes, pause: Callable[[float], None]) -> None:
    try:
        _send_patiently(member, ContractCall("Council", "approve", (proposal,)), pause)
    except ChainRevert as revert:
        if revert.error != "CouncilAlreadyVoted":
            raise


def _execute(call: ContractCall, chamber: Chamber) -> TxReceipt:
    waited = 0.0
    while True:
        try:
            return _send_patiently(chamber.members[0], call, chamber.pause)
        except ChainRevert as revert:
            if revert.error != "CouncilDelayed":
                raise
            if waited >= chamber.patience:
                until = revert.args_by_name.get("executableFrom")
                raise UnavailableError(f"the proposal is approved; run this again after Unix time {until}") from revert
        chamber.pause(_PAUSE_SECONDS)
        waited += _PAUSE_SECONDS


def _send_patiently(member: ChainWriter, call: ContractCall, pause: Callable[[float], None]) -> TxReceipt:
    """Send a call that builds on a step just mined. Where that step's block was exchanged, or another node answers that
    has not got it yet, the step comes again within some blocks, for its transaction is in the pools."""
    waited = 0.0
    while True:
        try:
            return member.send(call)
        except ChainRevert as revert:
            if not _step_is_missing(revert) or waited >= _FORK_SECONDS:
                raise
        pause(_PAUSE_SECONDS)
        waited += _PAUSE_SECONDS


def _step_is_missing(revert: ChainRevert) -> bool:
    unknown = revert.error == "CouncilProposalNotOpen" and revert.args_by_name.get("state") == ProposalStatus.UNKNOWN
    return unknown or revert.error == "CouncilNotApproved"
