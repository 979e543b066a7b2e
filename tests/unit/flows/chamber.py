"""A Council in memory, for flows that decide something by votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from salus.core.errors import ChainRevert
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address
from salus.core.ports import ContractCall, TxReceipt
from salus.core.state import BlockStamp, ProposalState, ProposalStatus
from salus.flows.council import Chamber, EncodedCall


@dataclass
class Council:
    """A Council of two of three in memory; `done` are the calls that were carried out.

    The next `behind` transactions but proposals meet a node that has no votes (yet): it is behind, or on another fork.
    """

    votes: dict[bytes, set[int]] = field(default_factory=dict)
    executed: set[bytes] = field(default_factory=set)
    done: list[EncodedCall] = field(default_factory=list)
    behind: int = 0

    def encode(self, call: ContractCall) -> EncodedCall:
        return Address(call.contract), repr((call.function, call.args)).encode()

    def proposal_id(self, calls: Sequence[EncodedCall], salt: bytes) -> bytes:
        return keccak(repr(list(calls)).encode() + salt)

    def proposal(self, proposal_id: bytes) -> ProposalState:
        given = self.votes.get(proposal_id)
        status = ProposalStatus.UNKNOWN if given is None else ProposalStatus.OPEN
        status = ProposalStatus.EXECUTED if proposal_id in self.executed else status
        return ProposalState(status, ZERO_ADDRESS, len(given or ()), 0)

    def threshold(self) -> int:
        return 2

    def holder(self, contract: str) -> Address | None:
        del contract
        return None


@dataclass
class Voter:
    """One member's writer."""

    council: Council
    number: int

    def send(self, call: ContractCall) -> TxReceipt:
        council = self.council
        if call.function != "propose" and council.behind:
            council.behind -= 1
            raise ChainRevert("CouncilProposalNotOpen", {"proposalId": bytes(32), "state": 0})
        match call.function:
            case "propose":
                calls, salt = call.args
                council.votes[council.proposal_id(calls, salt)] = {self.number}
            case "approve":
                if call.args[0] in council.executed:
                    raise ChainRevert("CouncilProposalNotOpen", {"state": int(ProposalStatus.EXECUTED)})
                council.votes[call.args[0]].add(self.number)
            case "execute":
                calls, salt = call.args
                given = len(council.votes[council.proposal_id(calls, salt)])
                if given < council.threshold():
                    raise ChainRevert("CouncilNotApproved", {"approvals": given})
                council.executed.add(council.proposal_id(calls, salt))
                council.done += calls
        return TxReceipt(bytes(32), BlockStamp(1, bytes(32), 0), 0, ())


def chamber(
    council: Council, *numbers: int, partial: bool = False, pause: Callable[[float], None] = lambda _: None
) -> Chamber:
    """These members of a Council vote."""
    voters = [Voter(council, number) for number in numbers]
    return Chamber(council, voters, pause, partial=partial)  # type: ignore[arg-type]  # writers that only send
