"""Deciding by votes: what a fork, or a node that is behind, does to a decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.core.errors import ChainRevert, UnavailableError
from salus.core.ports import ContractCall
from salus.core.state import ProposalState, ProposalStatus
from salus.flows.council import decide
from tests.unit.flows.chamber import Council, chamber

CALL, SALT = ContractCall("ParticipantRegistry", "suspend", (bytes(32),)), bytes(32)


def test_decide__two_of_three__is_carried_out_once() -> None:
    council = Council()
    assert decide([CALL], SALT, chamber(council, 1, 2, 3)) is not None
    assert decide([CALL], SALT, chamber(council, 1, 2, 3)) is None
    assert council.done == [council.encode(CALL)]


@pytest.mark.parametrize("blocks", [1, 2, 10])
def test_decide__proposal_is_on_a_fork_for_a_while__waits_for_it(blocks: int) -> None:
    council, pauses = Council(behind=blocks), list[float]()
    decide([CALL], SALT, chamber(council, 1, 2, pause=pauses.append))
    assert council.done == [council.encode(CALL)]
    assert len(pauses) == blocks


def test_decide__proposal_never_comes_back__gives_up_and_says_why() -> None:
    council, pauses = Council(behind=1_000), list[float]()
    with pytest.raises(ChainRevert, match="CouncilProposalNotOpen"):
        decide([CALL], SALT, chamber(council, 1, 2, pause=pauses.append))
    assert 10 <= sum(pauses) <= 20
    assert council.done == []


class Stale(Council):
    """Shows every proposal open with one vote, as a node does that is a block behind."""

    def proposal(self, proposal_id: bytes) -> ProposalState:
        return replace(super().proposal(proposal_id), status=ProposalStatus.OPEN, approvals=1)


def test_decide__others_carried_it_out_meanwhile__is_told_at_once() -> None:
    council, pauses = Stale(), list[float]()
    council.executed.add(council.proposal_id([council.encode(CALL)], SALT))
    with pytest.raises(ChainRevert, match="CouncilProposalNotOpen"):
        decide([CALL], SALT, chamber(council, 1, 2, pause=pauses.append))
    assert pauses == []


def test_decide__votes_are_missing__says_how_many() -> None:
    with pytest.raises(UnavailableError, match="1 of 2"):
        decide([CALL], SALT, chamber(Council(), 1, partial=True))
