"""The followed chain: what it goes along with, what it stops at, what it remembers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import httpx
import pytest

from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.trusted import TrustedChain
from salus.core.consensus import Qbft, Snapshot
from salus.core.errors import ForkError, NodeError, NotFoundError, UnavailableError
from tests.unit.adapters.chain.sealed_node import ENGINE, SIGNERS, STRANGER, SealedNode, child, grown, shown, start
from tests.unit.core.chains import clique_hash, clique_sealed, recorded, turned

TURN = None
"""Whose turn it is."""


class Kept:
    """Durable storage of a follower."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.reasons: list[str] = []

    def follow(self, node: SealedNode) -> TrustedChain:
        """A follower as it starts: from what was kept."""
        begun = self.snapshots[-1] if self.snapshots else start()
        reason = self.reasons[-1] if self.reasons else None
        return TrustedChain(node.rpc(), ENGINE, begun, self.snapshots.append, halt=self.reasons.append, halted=reason)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def node() -> SealedNode:
    return SealedNode()


def turns(count: int) -> list[Any]:
    return [TURN] * count


def test_advance__blocks_of_four_signers__final_is_three_seals_below_the_head(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    assert (trusted.head().number, trusted.final().number) == (10, 7)
    assert trusted.head().hash == clique_hash(node.chain[10])
    assert trusted.state_root(trusted.head().hash) == node.chain[10].state_root
    assert kept.snapshots[-1].hash == clique_hash(node.chain[7])


def test_advance__hundreds_behind__catches_up_in_batches_and_keeps_on_the_way(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(250))
    kept.follow(node).advance()
    assert [snapshot.number for snapshot in kept.snapshots] == [97, 197, 247]


def test_advance__node_has_nothing_new__asks_for_one_header(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(5))
    trusted.advance()
    node.asked.clear()
    trusted.advance()
    assert node.asked == [["eth_getBlockByNumber"]]


def test_advance__storage_fails__does_not_believe_what_it_could_not_keep(node: SealedNode) -> None:
    def full(_: Snapshot) -> None:
        raise OSError("no space")

    trusted = TrustedChain(node.rpc(), ENGINE, start(), full)
    node.seal(*turns(6))
    with pytest.raises(OSError, match="no space"):
        trusted.advance()
    assert (trusted.head().number, trusted.final().number) == (0, 0)


def test_advance__restarted__goes_on_from_what_was_kept(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(20))
    kept.follow(node).advance()
    node.seal(*turns(5))
    again = kept.follow(node)
    assert again.final().number == 17
    again.advance()
    assert again.final().number == 22


# headers that do not hold


def forged(node: SealedNode, **changed: Any) -> None:
    node.chain.append(child(node.chain[-1], STRANGER, **changed))


def resealed(node: SealedNode) -> None:
    node.chain[-1] = clique_sealed(replace(node.chain[-1], state_root=bytes(32)), STRANGER)


def altered(node: SealedNode) -> None:
    node.chain[-1] = replace(node.chain[-1], state_root=bytes(32))


def unlinked(node: SealedNode) -> None:
    node.chain.append(child(node.chain[-1], parent_hash=bytes(32)))


def no_header(node: SealedNode) -> None:
    node.lie = lambda _, __, answer: {name: told for name, told in answer.items() if name != "stateRoot"}


def other_number(node: SealedNode) -> None:
    def lie(_: str, params: Sequence[Any], answer: Any) -> Any:
        return answer if params[0] == "latest" else shown(node.chain[1])

    node.seal(*turns(3))
    node.lie = lie


@pytest.mark.parametrize(
    ("tell", "said"),
    [
        (forged, "sealed by an account that is no signer"),
        (resealed, "sealed by an account that is no signer"),
        (altered, "sealed by an account that is no signer"),
        (no_header, "stateRoot"),
        (other_number, "shows block 1 for block 12"),
    ],
)
def test_advance__header_that_does_not_hold__says_so_and_stays(
    node: SealedNode, kept: Kept, tell: Callable[[SealedNode], None], said: str
) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(11))
    trusted.advance()
    before = (trusted.head(), trusted.final(), len(kept.snapshots))
    node.seal(TURN)
    tell(node)
    with pytest.raises(NodeError, match=said):
        trusted.advance()
    assert trusted.final() == before[1]
    assert len(kept.snapshots) == before[2]
    assert trusted.head().number <= 12


def test_advance__head_linked_to_nothing__is_a_fork(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(6))
    trusted.advance()
    false = shown(child(node.chain[-1], parent_hash=bytes(32)))
    node.lie = lambda _, params, answer: false if params[0] in ("latest", hex(7)) else answer
    node.chain = node.chain[:4]
    with pytest.raises(ForkError, match="does not lead on from the final block 3"):
        trusted.advance()


def test_advance__newest_header_of_no_form__is_a_node_that_lies() -> None:
    chain, engine = recorded(), Qbft()
    false = {**chain.headers[1].to_json(), "extraData": "0x", "number": hex(2**63)}

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": json.loads(request.content)["id"], "result": false})

    rpc = Rpc("http://node.test", transport=httpx.MockTransport(handle))
    with pytest.raises(NodeError, match="does not hold"):
        TrustedChain(rpc, engine, engine.genesis(chain.headers[0]), lambda _: None).advance()


def test_advance__newest_header_of_a_million_empty_lists__is_refused_before_they_are_read() -> None:
    chain, engine = recorded(), Qbft()
    false = {**chain.headers[1].to_json(), "extraData": "0xfa100000" + "c0" * 2**20}

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": json.loads(request.content)["id"], "result": false})

    rpc = Rpc("http://node.test", transport=httpx.MockTransport(handle))
    with pytest.raises(NodeError, match="extraData has more than"):
        TrustedChain(rpc, engine, engine.genesis(chain.headers[0]), lambda _: None).advance()


# other chains


def test_advance__shortened_chain__is_a_fork(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    node.chain = node.chain[:6]
    with pytest.raises(ForkError, match="ends at block 5, below the final block 7"):
        trusted.advance()
    assert kept.reasons == []


def test_advance__other_chain_of_the_same_signers__is_a_fork(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    node.chain = grown(node.chain[:6], *(SIGNERS[(3 + step) % 4] for step in range(8)))
    with pytest.raises(ForkError, match="does not lead on from the final block 7"):
        trusted.advance()
    assert trusted.head().number == 10


def test_advance__chain_restored__goes_on(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    whole, node.chain = node.chain, node.chain[:6]
    with pytest.raises(ForkError):
        trusted.advance()
    node.chain = whole
    trusted.advance()
    assert trusted.head().number == 10


# reorganisations


def branches(node: SealedNode, kept: Kept) -> TrustedChain:
    """A follower of eight blocks and an out-of-turn ninth; block 9's turn is SIGNERS[1]'s, 10's SIGNERS[2]'s."""
    trusted = kept.follow(node)
    node.seal(*turns(8), SIGNERS[2])
    trusted.advance()
    assert (trusted.head().number, trusted.final().number) == (9, 6)
    return trusted


def test_advance__heavier_branch_above_the_final_block__is_followed(node: SealedNode, kept: Kept) -> None:
    trusted = branches(node, kept)
    old = trusted.head()
    node.chain = grown(node.chain[:9], TURN, TURN)
    trusted.advance()
    assert trusted.head().number == 10
    assert trusted.block(9).hash == clique_hash(node.chain[9]) != old.hash
    assert kept.reasons == []


def test_advance__same_length_and_heavier__is_followed(node: SealedNode, kept: Kept) -> None:
    trusted = branches(node, kept)
    node.chain = grown(node.chain[:9], TURN)
    trusted.advance()
    assert trusted.head().hash == clique_hash(node.chain[9])


@pytest.mark.parametrize("length", [7, 8, 9])
def test_advance__node_fell_behind_above_the_final_block__head_stays(node: SealedNode, kept: Kept, length: int) -> None:
    trusted = branches(node, kept)
    head = trusted.head()
    node.chain = node.chain[:length]
    trusted.advance()
    assert trusted.head() == head


def test_advance__lighter_branch__head_stays(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(9))
    trusted = kept.follow(node)
    trusted.advance()
    head = trusted.head()
    node.chain = grown(node.chain[:9], SIGNERS[2])
    trusted.advance()
    assert trusted.head() == head


def test_advance__another_thread_was_faster__is_no_fork(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(4))
    trusted.advance()
    node.seal(TURN)

    def slow(_: str, __: Sequence[Any], answer: Any) -> Any:
        node.lie = None
        node.seal(*turns(20))
        trusted.advance()
        return answer  # block 5, which by now lies below the final block

    node.lie = slow
    trusted.advance()
    assert trusted.head().number == 25


# sealers that broke their promise


def twin(node: SealedNode, height: int) -> None:
    """The block of a height sealed a second time by its sealer, and a chain on it."""
    again = child(node.chain[height - 1], state_root=bytes(32))
    assert ENGINE.sealer(again) == ENGINE.sealer(node.chain[height])
    node.chain = grown([*node.chain[:height], again], *turns(len(node.chain) - height))


@pytest.mark.parametrize("height", [5, 9])
def test_advance__two_blocks_of_one_signer_on_one_parent__stops_until_an_operator_decides(
    node: SealedNode, kept: Kept, height: int
) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    honest = list(node.chain)
    twin(node, height)
    with pytest.raises(ForkError, match=f"sealed two blocks at height {height} on one parent"):
        trusted.advance()
    node.chain = honest
    for follower in (trusted, kept.follow(node)):
        with pytest.raises(ForkError, match="sealed two blocks"):
            follower.advance()
    assert len(kept.reasons) == 1


def test_advance__one_signer_on_both_branches__is_no_broken_promise(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(8), SIGNERS[2], SIGNERS[3])
    trusted.advance()
    node.chain = grown(node.chain[:9], TURN, SIGNERS[3], SIGNERS[2])
    trusted.advance()
    assert trusted.head().number == 11
    assert kept.reasons == []


def test_advance__seal_in_its_other_form__is_no_broken_promise(node: SealedNode, kept: Kept) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(8))
    trusted.advance()
    last = node.chain[-1]
    other = replace(last, extra_data=last.extra_data[:-65] + turned(last.extra_data[-65:]))
    node.chain[-1] = other
    trusted.advance()
    assert kept.reasons == []
    assert trusted.head().number == 8


# the past


def test_block__before_the_start__is_proven_by_walking_back(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(300))
    kept.follow(node).advance()
    again = kept.follow(node)
    again.advance()
    assert again.block(40).hash == clique_hash(node.chain[40])
    assert again.state_root(again.block(40).hash) == node.chain[40].state_root
    node.asked.clear()
    assert again.block(40).timestamp == node.chain[40].timestamp
    assert node.asked == []


def test_block__walked_back_twice__starts_from_what_is_known(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(300))
    kept.follow(node).advance()
    again = kept.follow(node)
    again.block(50)
    node.asked.clear()
    again.block(45)
    assert sum(len(exchange) for exchange in node.asked) == 5


def test_block__walk_that_takes_long__does_not_hold_up_the_present(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(300))
    kept.follow(node).advance()
    again = kept.follow(node)
    entered, leave = Event(), Event()

    def slow(_: str, params: Sequence[Any], answer: Any) -> Any:
        if params[0] != "latest" and int(params[0], 16) < 200:
            entered.set()
            assert leave.wait(10)
        return answer

    node.lie = slow
    with ThreadPoolExecutor() as pool:
        old = pool.submit(again.block, 40)
        try:
            assert entered.wait(10)
            pool.submit(again.advance).result(10)
            assert pool.submit(again.state_root, again.head().hash).result(10) == node.chain[-1].state_root
        finally:
            leave.set()
        assert old.result(10).hash == clique_hash(node.chain[40])


def test_block__false_past__is_found_out(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(50))
    kept.follow(node).advance()
    again = kept.follow(node)
    node.chain[20] = replace(node.chain[20], timestamp=node.chain[20].timestamp + 1)
    with pytest.raises(NodeError, match="block 20 of the node is not the one that the block after it names"):
        again.block(10)


def test_block__false_start__is_found_out(node: SealedNode, kept: Kept) -> None:
    node.seal(*turns(50))
    kept.follow(node).advance()
    again = kept.follow(node)
    node.chain[47] = replace(node.chain[47], timestamp=node.chain[47].timestamp + 1)
    with pytest.raises(NodeError, match="block 47"):
        again.block(40)


@pytest.mark.parametrize("number", [-1, 11])
def test_block__that_the_chain_has_not__is_not_found(node: SealedNode, kept: Kept, number: int) -> None:
    trusted = kept.follow(node)
    node.seal(*turns(10))
    trusted.advance()
    with pytest.raises(NotFoundError):
        trusted.block(number)


def test_state_root__block_never_checked__is_unavailable(node: SealedNode, kept: Kept) -> None:
    with pytest.raises(UnavailableError):
        kept.follow(node).state_root(bytes(32))
