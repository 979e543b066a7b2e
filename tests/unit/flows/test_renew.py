"""Renewing a membership: what is voted on, by members together or apart, and what is no renewal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from salus.core.errors import ConflictError, InputError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, to_address
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ContractCall, TxReceipt
from salus.core.state import BlockStamp, ProposalState, ProposalStatus
from salus.flows.admit import renew
from salus.flows.council import Chamber, EncodedCall

ID = ParticipantId(b"\x01" * 32)
BEFORE = Membership(
    ParticipantStatus.ACTIVE,
    1,
    ParticipantRole.SOURCE,
    1_000,
    100,
    to_address(b"\x02" * 20),
    b"\x03" * 32,
    b"\x04" * 32,
    bytes(64),
    ZERO_ADDRESS,
)
AFTER = replace(BEFORE, accredited_until=2_000, node_key=b"\x05" * 64, validator=to_address(b"\x06" * 20))


@dataclass
class Council:
    """A Council of two of three in memory; `done` are the calls that were carried out."""

    votes: dict[bytes, set[int]] = field(default_factory=dict)
    executed: set[bytes] = field(default_factory=set)
    done: list[EncodedCall] = field(default_factory=list)

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
        match call.function:
            case "propose":
                calls, salt = call.args
                self.council.votes[self.council.proposal_id(calls, salt)] = {self.number}
            case "approve":
                self.council.votes[call.args[0]].add(self.number)
            case "execute":
                calls, salt = call.args
                self.council.executed.add(self.council.proposal_id(calls, salt))
                self.council.done += calls
        return TxReceipt(bytes(32), BlockStamp(1, bytes(32), 0), 0, ())


def chamber(council: Council, *numbers: int, partial: bool = False) -> Chamber:
    voters = [Voter(council, number) for number in numbers]
    return Chamber(council, voters, lambda _: None, partial=partial)  # type: ignore[arg-type]  # writers that only send


def test_renew__new_keys_and_term__is_one_call_with_everything() -> None:
    council = Council()
    renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    keys = (AFTER.encryption_key, b"\x05" * 32, b"\x05" * 32, AFTER.validator)
    call = ContractCall("ParticipantRegistry", "renew", (ID, (1, 2_000, 100), AFTER.accreditation, keys))
    assert council.done == [council.encode(call)]


def test_renew__members_apart__vote_on_one_decision() -> None:
    council = Council()
    with pytest.raises(UnavailableError, match="1 of 2"):
        renew(ID, BEFORE, AFTER, chamber(council, 1, partial=True))
    assert council.done == []
    renew(ID, BEFORE, AFTER, chamber(council, 2, partial=True))
    assert len(council.done) == 1


def test_renew__members_mean_different_changes__are_two_decisions() -> None:
    council = Council()
    for number, quota in ((1, 5), (2, 6)):
        with pytest.raises(UnavailableError):
            renew(ID, BEFORE, replace(AFTER, hourly_quota=quota), chamber(council, number, partial=True))
    assert council.done == []


def test_renew__nothing_would_change__is_refused() -> None:
    with pytest.raises(InputError):
        renew(ID, BEFORE, BEFORE, chamber(Council(), 1, 2))


def test_renew__there_and_back_and_there__says_that_it_was_decided_before() -> None:
    council = Council()
    renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    renew(ID, AFTER, BEFORE, chamber(council, 1, 2))
    with pytest.raises(ConflictError, match="decided before"):
        renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    assert len(council.done) == 2
