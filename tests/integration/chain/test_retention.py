"""Proposals of destruction orders, as members of the Council read them in the chain."""

from __future__ import annotations

import secrets

import pytest

from salus.core.errors import ConflictError, InputError, NotFoundError, UnavailableError
from salus.core.ids import RecordId, SubjectRef, order_id
from salus.core.ports import ContractCall
from salus.core.retention import MOST_TOGETHER
from salus.core.state import RecordStatus
from salus.flows.council import Chamber
from salus.flows.retention import Ending, approve, propose, read_proposal
from tests.integration.world import ChainWorld

pytestmark = pytest.mark.usefixtures("instant")


def _endings(chain: ChainWorld, number: int) -> list[Ending]:
    """Orders of records and subjects the chain hears of for the first time: the source may not have made them known."""
    source = chain.party("hospital-a").participant
    return [
        Ending(source, RecordId(secrets.token_bytes(32)), SubjectRef(secrets.token_bytes(32)), chain.custodian_set)
        for _ in range(number)
    ]


def test_proposal__fifty_orders__are_read_whole_and_carried_out_by_the_second_vote(chain: ChainWorld) -> None:
    endings, board = _endings(chain, MOST_TOGETHER), chain.chain.board
    first, second = chain.chamber.members[:2]
    made = propose(endings, 0, first, board)
    assert propose(endings, 0, first, board) == made
    read = read_proposal(made, chain.reader, board)
    assert (read.id, read.endings) == (made, tuple(endings))
    with pytest.raises(UnavailableError):
        approve(read, Chamber(board, [first], lambda _: None, partial=True))
    assert approve(read, Chamber(board, [second], lambda _: None, partial=True))
    at = chain.reader.head()
    states = [chain.reader.record_state(one.source, order_id(one.record_id, one.subject), at) for one in endings]
    assert {state.status for state in states} == {RecordStatus.ORDERED}


def test_proposal__cancelled__is_made_again_under_another_name(chain: ChainWorld) -> None:
    endings, board = _endings(chain, 1), chain.chain.board
    made = propose(endings, 0, chain.chamber.members[0], board)
    chain.chamber.members[0].send(ContractCall("Council", "cancel", (made,)))  # its proposer may alone
    with pytest.raises(ConflictError):
        approve(read_proposal(made, chain.reader, board), chain.chamber)
    again = propose(endings, 1, chain.chamber.members[0], board)
    assert again != made
    assert approve(read_proposal(again, chain.reader, board), chain.chamber)


@pytest.mark.parametrize("number", [0, MOST_TOGETHER + 1])
def test_propose__none_or_too_many__is_refused(chain: ChainWorld, number: int) -> None:
    with pytest.raises(InputError):
        propose(_endings(chain, number), 0, chain.chamber.members[0], chain.chain.board)


def test_read_proposal__unknown_or_of_other_things__is_not_shown_as_orders(chain: ChainWorld) -> None:
    board, source = chain.chain.board, chain.party("hospital-a").participant
    with pytest.raises(NotFoundError):
        read_proposal(secrets.token_bytes(32), chain.reader, board)
    (ending,) = _endings(chain, 1)
    suspend = ContractCall("ParticipantRegistry", "suspend", (source,))
    row = (source, ending.record_id, ending.subject, chain.custodian_set, 7)
    for calls in ([ending.call(), suspend], [ContractCall("RecordRegistry", "order", (row, b""))]):
        encoded, salt = [board.encode(call) for call in calls], secrets.token_bytes(32)
        chain.chamber.members[0].send(ContractCall("Council", "propose", (encoded, salt)))
        with pytest.raises(InputError):
            read_proposal(board.proposal_id(encoded, salt), chain.reader, board)
