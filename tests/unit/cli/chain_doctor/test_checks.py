"""Each check of the chain's doctor, on facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.chain_doctor.checks import CHECKS, Finding, State, examine, worst
from cli.chain_doctor.facts import Account, Block, Chain, Disk, Expected, Known, Node, Pool

NOW = 1_795_744_520.4
RUNBOOK = Path(__file__).resolve().parents[4] / "docs" / "runbook.md"


def block(number: int, of: str = "a") -> Block:
    return Block(number, f"0x{number:062x}{of * 2}", int(NOW) - 100 + number)


def node(name: str, **changes: Any) -> Node:
    """A node whose head is block 100, sealed this second; three blocks came between the looks."""
    whole = Node(
        name,
        chain_id=2027,
        has_council=True,
        before=block(97),
        head=block(100),
        final=block(98),
        agreed=block(98),
        asked_at=NOW,
        clock=int(NOW),
        peers=3,
        pool=Pool(10, 0, 100, 100),
    )
    return replace(whole, **changes)


def chain(*nodes: Node, **changes: Any) -> Chain:
    whole = Chain(
        Expected(2027, "0xc0", 3),
        3.0,
        nodes or tuple(node(name) for name in "abcd"),
        (Account("relay", "0x01", 7, 9, 9),),
        (Known("watch", 98, block(98).hash),),
        (Disk("chain", 500 << 30, 1000 << 30),),
    )
    made = replace(whole, **changes)
    if made.at_known or "at_known" in changes:
        return made
    return replace(made, at_known={(one.name, known.who): known.hash for one in made.nodes for known in made.known})


def found(check: str, seen: Chain) -> list[Finding]:
    """What a check says that is not well."""
    return [finding for finding in CHECKS[check](seen) if finding.state is not State.WELL]


def one(check: str, seen: Chain) -> Finding:
    (finding,) = found(check, seen)
    assert finding.advice
    return finding


def test_examine__chain_that_is_well__says_so_in_each_check() -> None:
    findings = examine(chain())
    assert {finding.check for finding in findings} == set(CHECKS)
    assert [finding for finding in findings if finding.state is not State.WELL or finding.advice] == []
    assert worst(findings) is State.WELL


def test_examine__no_node_answers__fails_in_no_check_and_is_bad() -> None:
    dead = [Node(name, why="the node does not answer (ConnectError)") for name in "ab"]
    findings = examine(chain(*dead, at_known={}))
    assert [finding.where for finding in findings if finding.state is State.BAD] == ["a", "b"]
    assert worst(findings) is State.BAD


def test_examine__several_things_wrong__the_worst_come_first() -> None:
    seen = chain(node("a", peers=2), node("b"), Node("c", why="away"))
    assert [finding.state for finding in examine(seen)][:2] == [State.BAD, State.WARN]


def test_worst__of_nothing__is_well() -> None:
    assert worst([]) is State.WELL


def test_runbook__section_of_the_chain__has_a_row_for_each_check() -> None:
    section = RUNBOOK.read_text().partition("## When the chain is not well")[2].partition("\n## ")[0]
    assert [name for name in CHECKS if f"| `{name}` |" not in section] == []


def test_answers__node_away__says_why() -> None:
    assert one("answers", chain(node("a"), Node("b", why="timed out"))).seen == "timed out"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chain_id": 1337}, "chain 1337, expected 2027"),
        ({"has_council": False}, "no contract at the Council's address"),
    ],
)
def test_chain_id__another_chain__is_bad(changes: dict[str, Any], said: str) -> None:
    finding = one("chain-id", chain(node("a"), node("b", **changes)))
    assert (finding.where, finding.state) == ("b", State.BAD)
    assert said in finding.seen


def test_chain_id__without_a_deployment__is_that_of_most_nodes() -> None:
    seen = chain(node("a"), node("b", chain_id=1), node("c"), expected=Expected())
    assert one("chain-id", seen).where == "b"


@pytest.mark.parametrize(
    ("off", "state"),
    [
        (0.0, State.WELL),
        (4.5, State.WELL),  # the newest block may be as old as the pause between the looks
        (5.5, State.WARN),
        (9.0, State.BAD),
        (-1.5, State.WELL),
        (-3.0, State.WARN),
        (-6.0, State.BAD),
    ],
)
def test_clock__against_blocks_sealed_now__by_how_far_it_is_off(off: float, state: State) -> None:
    seen = chain(node("a", asked_at=NOW + off, clock=None))
    (finding,) = CHECKS["clock"](seen)
    assert (finding.where, finding.state) == ("this machine", state)


@pytest.mark.parametrize(
    ("off", "state"), [(0, State.WELL), (-2, State.WELL), (-4, State.WARN), (3, State.WARN), (-9, State.BAD)]
)
def test_clock__of_a_nodes_machine__by_how_far_it_is_off(off: int, state: State) -> None:
    seen = chain(node("a", clock=int(NOW) + off), node("b"))
    by_node = {finding.where: finding.state for finding in CHECKS["clock"](seen)}
    assert by_node == {"this machine": State.WELL, "a's machine": state, "b's machine": State.WELL}


def test_clock__no_block_came__says_nothing_of_an_old_head() -> None:
    still = node("a", before=block(100), asked_at=NOW + 600, clock=None)
    assert list(CHECKS["clock"](chain(still))) == []


def test_stalled__no_block_for_long__is_bad() -> None:
    still = [node(name, before=block(100), asked_at=NOW + 30) for name in "ab"]
    finding = one("stalled", chain(*still))
    assert finding.state is State.BAD
    assert "block 100" in finding.seen


@pytest.mark.parametrize(
    "changes",
    [
        {"before": block(100), "asked_at": NOW + 9},
        {"asked_at": NOW + 600},
        {"before": block(100), "asked_at": NOW - 600},
    ],
)
def test_stalled__blocks_come_or_the_head_is_young__is_well(changes: dict[str, Any]) -> None:
    assert found("stalled", chain(node("a", **changes))) == []


def test_stalled__one_node_moves__the_chain_does() -> None:
    still = node("a", before=block(60), head=block(60), asked_at=NOW)
    assert found("stalled", chain(still, node("b"))) == []


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"before": block(80)}, State.BAD),
        ({"before": block(70)}, State.WARN),
        ({"before": block(80), "is_syncing": True}, State.WARN),
    ],
)
def test_behind__node_that_lags__is_bad_unless_it_catches_up(changes: dict[str, Any], state: State) -> None:
    finding = one("behind", chain(node("a"), node("b", head=block(80), **changes)))
    assert (finding.where, finding.state) == ("b", state)
    assert "20 blocks and 20 s behind" in finding.seen


def test_behind__whole_chain_stands_still__nobody_is() -> None:
    assert found("behind", chain(*(node(name, before=block(100), asked_at=NOW + 600) for name in "ab"))) == []


@pytest.mark.parametrize(("peers", "state"), [(0, State.BAD), (2, State.WARN)])
def test_peers__too_few__is_said(peers: int, state: State) -> None:
    finding = one("peers", chain(node("a", peers=peers), node("b")))
    assert (finding.where, finding.state) == ("a", state)


@pytest.mark.parametrize(
    ("peers", "expected", "rows"),
    [(None, 3, 0), (0, 0, 0), (1, None, 1), (0, None, 1)],
    ids=["unsaid", "dev", "1", "0"],
)
def test_peers__not_said_or_not_expected__is_no_finding(peers: int | None, expected: int | None, rows: int) -> None:
    seen = chain(node("a", peers=peers), expected=Expected(2027, None, expected))
    assert len(list(CHECKS["peers"](seen))) == rows
    assert len(found("peers", seen)) == (peers == 0 and expected is None)


def test_final_blocks__one_node_has_another__it_is_bad() -> None:
    finding = one("final-blocks", chain(node("a"), node("b"), node("c", agreed=block(98, "f"))))
    assert (finding.where, finding.state) == ("c", State.BAD)


def test_final_blocks__two_against_two__all_are_named() -> None:
    forked = [node(name, agreed=block(98, "f")) for name in "cd"]
    assert [finding.where for finding in found("final-blocks", chain(node("a"), node("b"), *forked))] == list("abcd")


def test_shortened__node_lacks_what_a_part_remembers__is_bad() -> None:
    still = node("a", before=block(60), head=block(60))
    finding = one("shortened", chain(still, at_known={("a", "watch"): None}))
    assert finding.state is State.BAD
    assert "ends at 60, below final block 98 that watch remembers" in finding.seen


def test_shortened__node_stands_still_and_others_have_the_block__says_that_nothing_is_lost() -> None:
    alone = node("a", before=block(60), head=block(60), peers=0)
    seen = chain(alone, node("b"), at_known={("a", "watch"): None, ("b", "watch"): block(98).hash})
    finding = one("shortened", seen)
    assert (finding.where, finding.state) == ("a", State.WARN)
    assert "other nodes have it" in finding.seen
    assert one("behind", seen).state is State.BAD


def test_shortened__node_that_catches_up__is_to_be_waited_for() -> None:
    moving = node("a", before=block(50), head=block(60))
    assert one("shortened", chain(moving, at_known={("a", "watch"): None})).state is State.WARN


def test_shortened__another_block_of_that_number__is_bad_also_while_blocks_come() -> None:
    finding = one("shortened", chain(node("a"), at_known={("a", "watch"): block(98, "f").hash}))
    assert finding.state is State.BAD
    assert "another block 98" in finding.seen


def test_accounts__missing_nonce__is_bad() -> None:
    gap = Account("relay", "0x01", 9, 9, 9, queued=4, lowest=11)
    finding = one("accounts", chain(accounts=(gap,)))
    assert (finding.where, finding.state) == ("relay", State.BAD)
    assert "behind nonce 9" in finding.seen


def test_accounts__nonce_that_waits_in_another_nodes_pool__is_not_missing() -> None:
    spread = Account("relay", "0x01", 9, 10, 11, queued=4, lowest=11)
    assert found("accounts", chain(accounts=(spread,))) == []


def test_accounts__nothing_mined_though_blocks_come__is_to_be_looked_at() -> None:
    finding = one("accounts", chain(accounts=(Account("relay", "0x01", 9, 9, 12),)))
    assert (finding.state, finding.seen) == (State.WARN, "3 transactions wait, none was mined in 3 blocks")


def test_accounts__waiting_while_no_block_comes__is_not_their_fault() -> None:
    still = node("a", before=block(100))
    assert found("accounts", chain(still, accounts=(Account("relay", "0x01", 9, 9, 12),))) == []


@pytest.mark.parametrize(
    ("held", "state"),
    [(Pool(79, 0, 100, 100), None), (Pool(80, 0, 100, 100), State.WARN), (Pool(0, 95, 100, 100), State.BAD)],
)
def test_pool__nearly_full__is_said(held: Pool, state: State | None) -> None:
    states = [finding.state for finding in found("pool", chain(node("a", pool=held)))]
    assert states == ([] if state is None else [state])


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [(11, 100, None), (9, 100, State.WARN), (4, 100, State.BAD), (0.5, 2, State.BAD)],
)
def test_disk__nearly_full__is_said(free: float, total: int, state: State | None) -> None:
    place = Disk("chain", int(free * (1 << 30)), total << 30)
    states = [finding.state for finding in found("disk", chain(disks=(place,)))]
    assert states == ([] if state is None else [state])
