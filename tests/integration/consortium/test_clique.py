"""What four Clique nodes survive: dead nodes, a partition, strangers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import rlp
from coincurve import PrivateKey

from cli import app
from devnet.clique_nodes import CliqueNodes, node_part
from salus.adapters.chain.finality import clique_signer
from salus.core.hashing import keccak

ALL = ("a", "b", "c", "d")


def advances(nodes: CliqueNodes, name: str, blocks: int = 4) -> float:
    """Wait until a node has so many more blocks."""
    height = nodes.height(name)
    return nodes.await_(f"{name} has {blocks} more blocks", lambda: nodes.height(name) >= height + blocks)


def agree(nodes: CliqueNodes, names: tuple[str, ...] = ALL) -> None:
    """Wait until nodes have one head."""
    nodes.await_("one head", lambda: len({nodes.head(name)["hash"] for name in names}) == 1)


def halted(nodes: CliqueNodes, name: str) -> int:
    """Wait until a node's head stands still for four periods; its height."""
    seen = [(-1, 0.0)]

    def stands() -> bool:
        height, now = nodes.height(name), time.monotonic()
        if height != seen[0][0]:
            seen[0] = (height, now)
        return now - seen[0][1] > 4

    nodes.await_(f"{name} stands still", stands)
    return seen[0][0]


def block_hash(nodes: CliqueNodes, name: str, number: int) -> str | None:
    block = nodes.ask(name, "eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - no bodies
    return block and str(block["hash"])


def free_transaction(nodes: CliqueNodes, key: PrivateKey) -> tuple[str, str]:
    """A signed transfer of nothing for nothing (EIP-155), and its hash."""
    chain = nodes.network.settings.chain_id
    what = [b"", b"", (21_000).to_bytes(2, "big"), bytes(20), b"", b""]
    digest = keccak(rlp.encode([*what, chain.to_bytes(2, "big"), b"", b""]))
    signature = key.sign_recoverable(digest, hasher=None)
    v = (2 * chain + 35 + signature[64]).to_bytes(2, "big")
    raw = rlp.encode([*what, v, signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0")])
    return "0x" + raw.hex(), "0x" + keccak(raw).hex()


def test_nodes__all_alive__seal_one_chain_in_turn(nodes: CliqueNodes) -> None:
    advances(nodes, "a", 6)
    head = nodes.height("a")
    headers = [nodes.ask("a", "eth_getBlockByNumber", hex(head - back), False) for back in range(6)]  # noqa: FBT003
    sealers = {str(clique_signer(header)).lower() for header in headers}
    assert sealers == {nodes.network.nodes[name].sealer for name in ALL}
    agree(nodes)


def test_nodes__free_transaction_to_one_that_does_not_seal__is_sealed_by_others(nodes: CliqueNodes) -> None:
    raw, digest = free_transaction(nodes, PrivateKey())
    nodes.ask("b", "miner_stop")
    try:
        assert nodes.ask("b", "eth_sendRawTransaction", raw) == digest
        nodes.await_("it is sealed", lambda: bool(nodes.ask("b", "eth_getTransactionReceipt", digest)))
    finally:
        nodes.ask("b", "miner_start")
    receipt = nodes.ask("b", "eth_getTransactionReceipt", digest)
    assert receipt["status"] == "0x1"
    block = nodes.ask("c", "eth_getBlockByHash", receipt["blockHash"], False)  # noqa: FBT003 - no bodies
    assert str(clique_signer(block)).lower() != nodes.network.nodes["b"].sealer


def test_nodes__one_dead__others_go_on_and_it_catches_up(nodes: CliqueNodes) -> None:
    nodes.kill("d")
    advances(nodes, "a", 5)
    nodes.start("d")
    advances(nodes, "d")
    agree(nodes)


def test_nodes__two_dead__halt_and_resume_with_the_first_back(nodes: CliqueNodes) -> None:
    nodes.kill("c", "d")
    height = halted(nodes, "a")
    known = block_hash(nodes, "a", height - 3)
    nodes.start("c")
    advances(nodes, "a")
    assert block_hash(nodes, "a", height - 3) == known


def test_nodes__all_killed_at_once__go_on_from_their_head(nodes: CliqueNodes) -> None:
    head = nodes.head("a")
    nodes.kill(*ALL)
    nodes.start(*ALL)
    assert nodes.height("a") >= int(head["number"], 16)
    advances(nodes, "a")
    agree(nodes)
    assert block_hash(nodes, "b", int(head["number"], 16) - 3) is not None


def test_partition__two_and_two__both_halt_and_heal_to_one_chain(nodes: CliqueNodes) -> None:
    before = nodes.height("a")
    nodes.links.partition(("a", "b"), ("c", "d"))
    here, there = halted(nodes, "a"), halted(nodes, "c")
    # Neither half can be final on its own: EIP-225 lets two of four seal two blocks and no more.
    assert max(here, there) <= before + 4
    nodes.links.heal()
    advances(nodes, "a")
    advances(nodes, "d")
    agree(nodes)


def test_partition__three_and_one__three_go_on_and_the_one_follows_when_healed(nodes: CliqueNodes) -> None:
    nodes.links.partition(("a", "b", "c"), ("d",))
    alone = halted(nodes, "d")
    advances(nodes, "a")
    assert nodes.height("d") == alone
    nodes.links.heal()
    nodes.await_("it follows", lambda: nodes.height("d") >= nodes.height("a"))
    agree(nodes)


def test_stranger__same_genesis__connects_to_nobody_until_admitted_and_seals_only_when_voted_in(
    nodes: CliqueNodes, geth: Path
) -> None:
    nodes.add("stranger")
    part = node_part(nodes.network, "stranger", geth)
    nodes.supervisor.start([replace(part, command=(*part.command, "--verbosity", "5"))])
    log = nodes.supervisor.log("stranger")
    nodes.await_("it is refused", lambda: "too many peers" in log.read_text(errors="replace"))
    advances(nodes, "a", 3)
    assert nodes.peers("stranger") == 0
    assert nodes.height("stranger") == 0
    nodes.admit("stranger")
    nodes.await_("it follows", lambda: nodes.height("stranger") >= nodes.height("a"))
    mine = nodes.network.nodes["stranger"].sealer
    advances(nodes, "a", 3)
    assert mine not in nodes.ask("a", "clique_getSigners")
    for name in ("a", "b", "c"):
        nodes.ask(name, "clique_propose", mine, True)  # noqa: FBT003 - a JSON-RPC parameter
    nodes.await_("it seals", lambda: str(clique_signer(nodes.head("a"))).lower() == mine)
    for name in ("a", "b", "c"):
        nodes.ask(name, "clique_propose", mine, False)  # noqa: FBT003 - as above
    nodes.await_("it is voted out", lambda: mine not in nodes.ask("a", "clique_getSigners"))
    nodes.expel("stranger")
    nodes.await_("it is alone", lambda: nodes.peers("stranger") == 0)
    nodes.stop("stranger")


def test_links__every_byte_late__blocks_still_come(nodes: CliqueNodes) -> None:
    nodes.links.delay(200)
    assert {link["ms"] for link in nodes.links.state()} == {200}
    advances(nodes, "a", 5)
    agree(nodes)


def test_follow__by_the_command__proves_the_chain_from_its_genesis_and_goes_on_from_its_file(
    nodes: CliqueNodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "light.json"
    words = ["follow", "--node", nodes.network.nodes["a"].url, "--state", str(state), "--engine", "clique"]
    assert app.run([*words, "--trust", str(nodes.network.genesis_file)]) == 0
    assert "is final" in capsys.readouterr().out
    first = json.loads(state.read_text())["snapshot"]["number"]
    nodes.await_("blocks", lambda: nodes.height("a") > first + 8)
    assert app.run(words) == 0
    assert json.loads(state.read_text())["snapshot"]["number"] > first
    assert app.run([*words[:-1], "qbft"]) == 7  # the file is of another engine
