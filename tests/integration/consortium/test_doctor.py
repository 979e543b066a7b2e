"""The chain's doctor before real nodes: four that seal by Clique, killed, cut off and flooded."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from cli import app
from cli.chain_doctor.checks import Finding, State, examine
from cli.chain_doctor.facts import Expected, Known
from cli.chain_doctor.look import Sight, look
from cli.chain_doctor.surroundings import sight_of_addresses
from devnet.clique_nodes import CliqueNodes
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.transactions import nothing
from salus.core.errors import UnavailableError
from salus.core.ids import hex32
from tests.integration.consortium.conftest import NAMES
from tests.integration.world import account

PAUSE = 4.0  # more than the longest gap of a Clique chain of four with one dead


def sight(nodes: CliqueNodes) -> Sight:
    urls = {name: nodes.network.nodes[name].url for name in NAMES}
    return Sight(urls, Expected(nodes.network.settings.chain_id, peers=3), finality="clique:4")


def wrong(sight: Sight) -> dict[tuple[str, str], Finding]:
    """What is not well, by check and place."""
    findings = examine(look(sight, PAUSE))
    return {(one.check, one.where): one for one in findings if one.state is not State.WELL}


def cut_off_so_that_others_go_on(nodes: CliqueNodes, alone: str) -> None:
    """Cut a node off, again if the others stand still by a tie.

    Three of four must seal in turn. Where the cut leaves two of them on blocks of equal weight, neither gives its own
    up and the third may not seal yet: Clique stands still until the fourth is back (docs/runbook.md).
    """
    for _ in range(4):
        nodes.links.cut([(alone, other) for other in NAMES if other != alone])
        nodes.await_("it is alone", lambda: nodes.peers(alone) == 0)
        try:
            nodes.await_("the others go on", lambda: nodes.height("a") > nodes.height(alone) + 8, patience=30)
        except UnavailableError:
            nodes.links.heal()
            nodes.await_("all have their peers", lambda: all(nodes.peers(name) == 3 for name in NAMES))
        else:
            return
    raise AssertionError("the others never went on")


def test_doctor__whole_network__finds_nothing_and_names_every_check_it_can_make(nodes: CliqueNodes) -> None:
    nodes.await_("a final block", lambda: nodes.height("a") > 5)
    findings = examine(look(sight(nodes), PAUSE))
    assert [one for one in findings if one.state is not State.WELL] == []
    said = {one.check for one in findings}
    assert said == {"answers", "chain-id", "clock", "stalled", "behind", "peers", "final-blocks", "pool"}


def test_doctor__a_node_dead__says_which_and_that_the_others_miss_it(nodes: CliqueNodes) -> None:
    nodes.kill("b")
    nodes.await_("the others notice", lambda: all(nodes.peers(name) == 2 for name in "acd"))
    found = wrong(sight(nodes))
    assert found["answers", "b"].state is State.BAD
    assert {where for check, where in found if check == "peers"} == {"a", "c", "d"}
    assert all(one.state is State.WARN for (check, _), one in found.items() if check == "peers")
    assert "stalled" not in {check for check, _ in found}


def test_doctor__a_node_cut_off__is_alone_and_behind_and_the_chain_goes_on(nodes: CliqueNodes) -> None:
    cut_off_so_that_others_go_on(nodes, "d")
    found = wrong(sight(nodes))
    assert found["peers", "d"].state is State.BAD
    assert found["behind", "d"].state is State.BAD
    assert {where for check, where in found if check == "behind"} == {"d"}
    assert "stalled" not in {check for check, _ in found}


def test_doctor__two_of_four_dead__says_that_no_block_comes(nodes: CliqueNodes) -> None:
    nodes.kill("c", "d")
    before = nodes.height("a")
    time.sleep(2)
    nodes.await_("it stands still", lambda: _is_still(nodes), patience=30)
    assert nodes.height("a") <= before + 3
    found = wrong(replace(sight(nodes), expected=Expected(nodes.network.settings.chain_id, peers=3, stalled_after=2)))
    assert found["stalled", "chain"].state is State.BAD
    assert {where for check, where in found if check == "answers"} == {"c", "d"}


def _is_still(nodes: CliqueNodes) -> bool:
    height = nodes.height("a")
    time.sleep(5)
    return nodes.height("a") == height


def test_doctor__nonce_is_missing__names_the_account(nodes: CliqueNodes) -> None:
    sender = account("doctor")
    rpc = Rpc(nodes.network.nodes["a"].url)
    try:
        for nonce in (0, 2, 3):
            raw = nothing(nonce).signed(sender, nodes.network.settings.chain_id).raw
            rpc.call("eth_sendRawTransaction", hex32(raw))
        nodes.await_(
            "the first is mined", lambda: rpc.call("eth_getTransactionCount", sender.address, "latest") == "0x1"
        )
        accounts = {"relay": sender.address, "idle": account("idle").address}
        found = wrong(replace(sight(nodes), accounts=accounts))
        assert found["accounts", "relay"].seen == "2 transactions wait behind nonce 1, which no pool has"
        raw = nothing(1).signed(sender, nodes.network.settings.chain_id).raw
        rpc.call("eth_sendRawTransaction", hex32(raw))
        nodes.await_("all are mined", lambda: rpc.call("eth_getTransactionCount", sender.address, "latest") == "0x4")
    finally:
        rpc.close()
    assert wrong(replace(sight(nodes), accounts=accounts)) == {}


def test_doctor__blocks_that_parts_remember__are_there_or_lost_or_others(nodes: CliqueNodes) -> None:
    shown = nodes.ask("a", "eth_getBlockByNumber", "0x2", False)  # noqa: FBT003 - a JSON-RPC argument
    far = nodes.height("a") + 1_000_000
    known = (
        Known("the watch's index", 2, shown["hash"]),
        Known("custodian-1", 2, hex32(bytes(32))),
        Known("custodian-2", far, hex32(bytes(32))),
    )
    found = [one for one in examine(look(replace(sight(nodes), known=known), PAUSE)) if one.check == "shortened"]
    by_state = {state: [one.seen for one in found if one.where == "a" and one.state is state] for state in State}
    assert by_state[State.BAD] == ["another block 2 than custodian-1 remembers as final"]
    assert len(by_state[State.WARN]) == 1  # blocks come, so it may yet catch up
    assert f"below block {far:,} of custodian-2" in by_state[State.WARN][0]
    assert by_state[State.WELL] == []


def test_doctor__of_another_chain__is_bad(nodes: CliqueNodes) -> None:
    found = wrong(replace(sight(nodes), expected=Expected(1, "0x" + "11" * 20, 3)))
    assert {where for check, where in found if check == "chain-id"} == set(NAMES)


def test_sight__of_addresses__asks_nodes_which_engine_they_are(nodes: CliqueNodes, tmp_path: Path) -> None:
    url = nodes.network.nodes["a"].url
    seen = look(sight_of_addresses(f"{url},{nodes.network.nodes['b'].url}", folders=[tmp_path]), 1.0)
    for node in seen.nodes:
        assert node.head is not None
        assert node.final is not None
        assert (
            2 <= node.head.number - node.final.number <= 6
        )  # three seals on top, and a block more between the questions
    assert [disk.what for disk in seen.disks] == [str(tmp_path)]


def test_command__rpc_of_nodes__ends_with_the_worst(nodes: CliqueNodes, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [nodes.network.nodes[name].url for name in NAMES]
    assert app.run(["doctor", "--rpc", ",".join(urls), "--peers", "3", "--seconds", "4"]) == 0
    assert app.run(["doctor", "--rpc", urls[0], "--peers", "4", "--seconds", "4"]) == 10
    assert app.run(["doctor", "--rpc", f"{urls[0]},http://127.0.0.1:1", "--seconds", "4"]) == 5
    assert "the node does not answer" in capsys.readouterr().out
    assert app.run(["doctor", "--rpc", urls[0], "--account", "0x12"]) == 2
