"""`salus follow`: the light client over a node whose chain and state we make, and the command's own rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import app
from cli.commands.follow import LightClient, _key, _lines, _rules
from salus.adapters.chain.wire import Wire
from salus.adapters.snapshot_file import SnapshotFile
from salus.core.audit import LogHead
from salus.core.errors import ForkError, InputError, NodeError, NotFoundError, SalusError, SetupError
from salus.core.ids import Address, chain_key, role_id, to_address
from salus.core.slots.layout import LAYOUT, member
from tests.unit.adapters.chain.sealed_node import STRANGER, SealedNode, child, genesis, shown
from tests.unit.core.chains import clique_hash

COUNCIL, LOG, HOLDER = (to_address(bytes([number]) * 20) for number in (0xC0, 0xA1, 0x40))
SUBJECT = b"\x51" * 32
EVERYBODY, OF_HOLDER = LogHead(0xABC, 12), LogHead(0xDEF, 3)
STATE: Mapping[Address, Mapping[int, int]] = {
    COUNCIL: {member(LAYOUT["Council"]["_current"].slot, role_id("AuditLog")): int(LOG, 16)},
    LOG: {
        LAYOUT["AuditLog"]["_global"].slot: EVERYBODY.slot(),
        member(LAYOUT["AuditLog"]["_chains"].slot, chain_key(HOLDER)): OF_HOLDER.slot(),
    },
}


@pytest.fixture
def node() -> SealedNode:
    """Block 4 has the state, and is final: three of four signers sealed on top of it."""
    made = SealedNode()
    made.seal(None, None, None)
    made.seal(None, None, None, None, state=STATE)
    return made


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    file = tmp_path / "block-0.json"
    file.write_text(json.dumps(shown(genesis())))
    return file


def light(node: SealedNode, folder: Path, trust: Path | None, told: Any = lambda *_: None) -> LightClient:
    file = SnapshotFile(folder / "kept.json", "clique", 30_000)
    wire = Wire(httpx.MockTransport(node._handle))
    return LightClient("http://node.test", "clique", 30_000, trust, file, told=told, wire=wire)


def test_report__of_a_chain__says_where_it_is_what_logs_say_and_what_it_cost(
    node: SealedNode, tmp_path: Path, trust: Path
) -> None:
    client = light(node, tmp_path, trust)
    client.advance()
    found = client.report(COUNCIL, [chain_key(HOLDER), SUBJECT])
    assert (found["head"], found["final"], found["headers"]) == (7, 4, 7)
    assert found["finalHash"] == "0x" + clique_hash(node.chain[4]).hex()
    assert len(found["validators"]) == 4
    assert found["logs"] == [
        {"key": None, "head": f"0x{0xABC:052x}", "count": 12},
        {"key": "0x" + chain_key(HOLDER).hex(), "head": f"0x{0xDEF:052x}", "count": 3},
        {"key": "0x" + SUBJECT.hex(), "head": "0x" + "0" * 52, "count": 0},
    ]
    assert found["bytesReceived"] > 0
    assert found["proofBytes"] > 0
    assert found["bytesPerHeader"] * 7 == pytest.approx(found["bytesReceived"], abs=7)
    assert any("log of everybody: 12 entries" in line for line in _lines(found))


def test_report__without_a_council__proves_no_log_and_asks_for_none(
    node: SealedNode, tmp_path: Path, trust: Path
) -> None:
    client = light(node, tmp_path, trust)
    client.advance()
    found = client.report(None, [])
    assert (found["logs"], found["proofBytes"]) == ([], 0)
    assert all(method != "eth_getProof" for asked in node.asked for method in asked)


def test_follow__again_from_its_file__goes_on_where_it_was_and_needs_no_trust(
    node: SealedNode, tmp_path: Path, trust: Path
) -> None:
    light(node, tmp_path, trust).advance()
    node.seal(None, None)
    later = light(node, tmp_path, None)
    later.advance()
    found = later.report(None, [])
    assert (found["head"], found["final"]) == (9, 6)
    assert found["headers"] == 5  # from final block 4 on


def test_follow__on_the_way__tells_each_final_block(node: SealedNode, tmp_path: Path, trust: Path) -> None:
    told: list[int] = []
    light(node, tmp_path, trust, lambda number, _: told.append(number)).advance()
    assert told
    assert told[-1] == 4


def test_follow__kept_snapshot_as_trust__begins_there(node: SealedNode, tmp_path: Path, trust: Path) -> None:
    light(node, tmp_path, trust).advance()
    other = tmp_path / "other"
    other.mkdir()
    client = light(node, other, tmp_path / "kept.json")
    client.advance()
    assert client.report(None, [])["headers"] == 3


@pytest.mark.parametrize("changed", [{}, {"state_root": bytes(32)}])
def test_advance__block_nobody_may_seal__is_not_believed_and_nothing_is_kept(
    node: SealedNode, tmp_path: Path, trust: Path, changed: dict[str, Any]
) -> None:
    client = light(node, tmp_path, trust)
    client.advance()
    kept = (tmp_path / "kept.json").read_bytes()
    node.chain.append(child(node.chain[-1], STRANGER, **changed))
    with pytest.raises(NodeError):
        client.advance()
    assert (tmp_path / "kept.json").read_bytes() == kept


def test_advance__chain_that_does_not_lead_on__is_a_fork_and_stays_one(
    node: SealedNode, tmp_path: Path, trust: Path
) -> None:
    light(node, tmp_path, trust).advance()
    node.chain = [genesis()]
    node.seal(*[None] * 9, state=STATE)
    with pytest.raises(ForkError):
        light(node, tmp_path, None).advance()


def test_report__node_lies_about_a_log__is_not_believed(node: SealedNode, tmp_path: Path, trust: Path) -> None:
    def lie(method: str, _: Sequence[Any], answer: Any) -> Any:
        if method == "eth_getProof" and answer["address"].lower() == LOG.lower():
            answer["storageProof"][0]["value"] = hex(LogHead(1, 99).slot())
        return answer

    client = light(node, tmp_path, trust)
    client.advance()
    node.lie = lie
    with pytest.raises(NodeError):
        client.report(COUNCIL, [])


def test_report__council_without_a_log__says_so(node: SealedNode, tmp_path: Path, trust: Path) -> None:
    client = light(node, tmp_path, trust)
    client.advance()
    with pytest.raises(NotFoundError, match="no AuditLog at block 4"):
        client.report(HOLDER, [])


@pytest.mark.parametrize(
    ("shown", "rules"),
    [
        ({"alloc": {}, "config": {"clique": {"period": 1, "epoch": 500}}}, ("clique", 500)),
        ({"alloc": {}, "config": {"clique": {"period": 1, "epoch": 0}}}, ("clique", 30_000)),
        ({"engine": "qbft-besu", "epoch": 100, "snapshot": {}}, ("qbft-besu", 100)),
        ({"alloc": {}, "config": {"qbft": {"epochlength": 100}}}, ("qbft", 30_000)),
        ([], ("qbft", 30_000)),
    ],
)
def test_rules__none_typed__are_those_the_trusted_file_says(tmp_path: Path, shown: Any, rules: tuple[str, int]) -> None:
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(shown))
    assert _rules(tmp_path / "none yet", trust, None, None) == rules
    assert _rules(trust, None, None, None) == rules  # the state file of a chain that was followed before
    assert _rules(tmp_path / "none yet", trust, None, 7)[1] == 7


def test_rules__another_engine_than_that_of_a_clique_genesis__refused_by_name(tmp_path: Path) -> None:
    trust = tmp_path / "genesis.json"
    trust.write_text(json.dumps({"config": {"clique": {}}}))
    with pytest.raises(SetupError, match="of a Clique chain"):
        _rules(tmp_path / "none yet", trust, "qbft", None)


def test_rules__typed_and_nothing_said__are_those_typed(tmp_path: Path, trust: Path) -> None:
    assert _rules(tmp_path / "none yet", trust, "clique", 9) == ("clique", 9)


def test_key__of_an_account_or_an_id__is_that_of_its_log() -> None:
    assert _key(HOLDER) == chain_key(HOLDER)
    assert _key("0x" + SUBJECT.hex()) == SUBJECT


@pytest.mark.parametrize(
    "text", ["", "0x", HOLDER[2:], HOLDER + "0", "0x" + "51" * 31, "0x" + "zz" * 20, SUBJECT.hex()]
)
def test_key__malformed__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        _key(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [(None, SetupError), ("no json", SetupError), ("[]", SalusError), ("{}", SalusError)],
)
def test_start__nothing_or_nonsense_to_trust__is_refused(
    node: SealedNode, tmp_path: Path, text: str | None, error: type[SalusError]
) -> None:
    file = None
    if text is not None:
        file = tmp_path / "trust.json"
        file.write_text(text)
    with pytest.raises(error):
        light(node, tmp_path, file)
    assert not (tmp_path / "kept.json").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--owner", HOLDER), 2),  # no council
        (("--owner", "0x12", "--council", COUNCIL), 2),
        ((), 8),  # nothing to trust
        (("--engine", "raft", "--council", COUNCIL), 8),
        (("--epoch", "0"), 2),
        (("--trust", "not-here.json"), 2),
    ],
)
def test_command__wrong_usage__says_so_before_any_node_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
) -> None:
    state = tmp_path / "kept.json"
    assert app.run(["follow", "--node", "http://node.test", "--state", str(state), *words]) == code
    assert capsys.readouterr().err
    assert not state.exists()
