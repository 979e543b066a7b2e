"""Custodians whose node lies, on geth with Clique: proofs say what calls say, and a lie gets nothing released.

One signer is enough here: what is false is false whoever seals. How four seal is in `test_clique`. Each test has a case
of its own; all are prepared together, since a case is eight transactions of which each waits for the one before, and a
block comes every second.
"""

from __future__ import annotations

import copy
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from devnet.anvil import CHAIN_ID, Anvil
from devnet.clique import PORTS, CliqueSettings, found_network
from devnet.clique_nodes import CliqueNodes
from salus.adapters.chain.connect import connect, connect_proven
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.consensus import Clique
from salus.core.consensus.start import trusted_start
from salus.core.errors import NotFoundError
from salus.core.header import Header
from salus.core.ids import ZERO32, AccessId, ConsentId, ParticipantId, SubjectRef, order_id
from salus.core.slots.layout import member
from salus.core.state import BlockStamp, Denial
from tests.custody_stage import Case, Draft
from tests.integration.consortium.rogue import Lie, RogueNode
from tests.integration.custodian.conftest import ChainStage
from tests.integration.services import Grounds, stop_all
from tests.integration.world import CAST, ChainWorld, account, build
from tests.unit.core.chains import Key, clique_hash, clique_sealed

ENGINE = Clique()
CASES = 13
"""Tests that take one."""
STRANGER = Key(b"\x77" * 32)


class SealedStage(ChainStage):
    """The custody stage on a chain that seals by itself, its custodians behind a node that may lie."""

    rogue: RogueNode
    genesis: Any
    """The genesis file."""
    prepared: deque[Case]

    def case(self) -> Case:
        """A patient of nobody else's, with two records and a granted access to them, all of it final."""
        if not self.prepared:
            with ThreadPoolExecutor(max_workers=CASES) as pool:
                self.prepared.extend(pool.map(lambda _: self._granted(), range(CASES)))
            self.settled()
        return self.prepared.popleft()

    def _granted(self) -> Case:
        case = Case(self, Draft(), Draft())
        assert case.request() is Code.GRANTED
        return case

    def mine(self) -> None:
        before = self.chain.head().number
        while self.chain.head().number == before:
            time.sleep(0.05)

    def ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.client, verb)(custodian, call)
        return answer

    def shown(self, number: str) -> Any:
        """A block as the honest node shows it."""
        return self.world.chain.rpc.call("eth_getBlockByNumber", number, False)  # noqa: FBT003 - a JSON-RPC argument

    def settled(self) -> None:
        """Wait until what happened last is final."""
        self.mine()
        self.mine()

    def answers(self, case: Case) -> list[tuple[int, dict[str, Any]]]:
        """HTTP status and body of an honest release at each custodian."""
        found = []
        for custodian in self.custodians:
            call = self.call("release", custodian, case.release_body(custodian), self.reader.operator)
            status, body = self.processes[custodian].ask("POST", "/v1/releases", canonical(call))
            found.append((status, json.loads(body)))
        return found


@pytest.fixture(scope="module")
def stage(
    geth: Path, free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SealedStage]:
    folder = tmp_path_factory.mktemp("rogue")
    network = found_network(folder / "chain", ["only"], free_base(PORTS), CliqueSettings(CHAIN_ID))
    with CliqueNodes(network, geth) as nodes, RogueNode(network.nodes["only"].url) as rogue:
        nodes.await_("the first block", lambda: nodes.height("only") > 0)
        world = build(cast("Anvil", network.nodes["only"]))  # of a chain, the world asks the address only
        grounds = Grounds(world, folder / "services")
        for service in grounds.custodians:
            service.settings |= {
                "RPC_URL": rogue.url,
                "FINALITY": "clique",
                "GENESIS": str(network.genesis_file),
                "SWEEP_SECONDS": "600",
            }
        for service in grounds.custodians:
            service.start()
        try:
            opened = SealedStage(world, grounds)
            opened.rogue, opened.genesis = rogue, json.loads(network.genesis_file.read_text())
            opened.prepared = deque()
            for service in grounds.custodians:
                service.await_ready()
            yield opened
            opened.close()
        finally:
            stop_all(grounds.custodians)
            world.chain.close()


@pytest.fixture(autouse=True)
def honest(stage: SealedStage) -> Iterator[None]:
    yield
    stage.rogue.lie = None


def test_proven_reader__at_every_kind_of_block__says_what_the_contracts_say(stage: SealedStage) -> None:
    world: ChainWorld = stage.world
    case = stage.case()
    blocks = [world.reader.head().number // 2, world.reader.head().number]
    stage.deny(case.patient, Denial.ABSOLUTE)
    stage.invalidate(case.leaves[0], case.patient.subject)
    blocks.append(world.reader.head().number)
    stage.freeze(case.patient)
    stage.revoke(case.patient, case.signed)
    blocks.append(world.reader.head().number)
    plain = connect(stage.world.chain.rpc.url, world.deployment.address("Council"))
    proven = connect_proven(
        plain.rpc.url,
        world.deployment.address("Council"),
        plain.reader.chain_id,
        ENGINE,
        trusted_start(ENGINE, stage.genesis),
        lambda _: None,
    )
    patient, holder = case.patient, case.patient.holder.address
    order = order_id(case.records[0].leaf.record_id, patient.subject)
    reads: list[tuple[str, tuple[Any, ...]]] = [
        *(("participant", (world.party(name).participant,)) for name in CAST),
        ("participant", (ParticipantId(ZERO32),)),
        *(("operator_of", (world.party(name).operator.address,)) for name in CAST),
        ("operator_of", (account("anybody").address,)),
        *(("custodian_set", (number,)) for number in (0, 1, 2)),
        ("custodian_set_count", ()),
        *(("subject", (ref,)) for ref in (patient.subject, SubjectRef(ZERO32))),
        *(("denial", (patient.subject, who.id)) for who in (stage.reader, stage.other)),
        *(("consent", (holder, ConsentId(found))) for found in (case.signed.consent_id, ZERO32)),
        *(("access", (AccessId(found),)) for found in (case.access_id, ZERO32)),
        ("gateways", ()),
        *(("anchor", (stage.source.id, root)) for root in (stage.root(case.records), ZERO32)),
        *(("record_state", (stage.source.id, name)) for name in (*case.leaves, order)),
        *(("log_slot", (key,)) for key in (None, bytes(12) + bytes.fromhex(holder[2:]), bytes(patient.subject))),
    ]
    try:
        assert proven.reader.head().number >= blocks[-1]
        assert _told(proven.reader, "custodian_set_count", (), proven.reader.block(1)) is NotFoundError
        for number in blocks:
            at = proven.reader.block(number)
            assert at == plain.reader.block(number)
            for name, args in reads:
                assert _told(proven.reader, name, args, at) == _told(plain.reader, name, args, at), (name, number)
    finally:
        proven.close()
        plain.close()


def _told(reader: Any, name: str, args: tuple[Any, ...], at: BlockStamp) -> Any:
    """What a reader says, or the kind of error it raises."""
    try:
        return getattr(reader, name)(*args, at)
    except Exception as error:  # noqa: BLE001 - two readers are compared, errors too
        return type(error)


def test_release__node_honest__is_given(stage: SealedStage) -> None:
    case = stage.case()
    outcomes = [body for _, body in stage.answers(case)]
    for record in case.records:
        assert case.open(outcomes, record).record_id == record.leaf.record_id


# lies about state


def in_proofs(alter: Callable[[dict[str, Any]], None]) -> Lie:
    """Every answer to `eth_getProof` that has a storage proof, altered."""

    def lie(method: str, _: Sequence[Any], answer: Any) -> Any:
        if method != "eth_getProof" or not answer or not answer["storageProof"]:
            return answer
        told = copy.deepcopy(answer)
        alter(told)
        return told

    return lie


def flipped_value(answer: dict[str, Any]) -> None:
    answer["storageProof"][0]["value"] = hex(int(answer["storageProof"][0]["value"], 16) ^ 1)


def missing_node(answer: dict[str, Any]) -> None:
    answer["storageProof"][0]["proof"] = answer["storageProof"][0]["proof"][:-1]


def account_denied(answer: dict[str, Any]) -> None:
    answer["accountProof"] = answer["accountProof"][:1]


def other_slot(answer: dict[str, Any]) -> None:
    answer["storageProof"][0]["key"] = "0x1"


def false_absence(answer: dict[str, Any]) -> None:
    answer["storageProof"][0] |= {"value": "0x0", "proof": answer["storageProof"][0]["proof"][:1]}


LIES_ABOUT_STATE = [
    (flipped_value, "differs from what its proof shows"),
    (missing_node, "missing"),
    (account_denied, "missing|surplus|differs"),
    (other_slot, "another slot"),
    (false_absence, "missing|differs"),
]


@pytest.mark.parametrize(("alter", "said"), LIES_ABOUT_STATE, ids=[alter.__name__ for alter, _ in LIES_ABOUT_STATE])
def test_release__node_lies_about_state__gives_nothing_and_says_why(
    stage: SealedStage, alter: Callable[[dict[str, Any]], None], said: str
) -> None:
    case = stage.case()
    stage.rogue.lie = in_proofs(alter)
    _nothing_released(stage.answers(case), "NODE_NOT_BELIEVED", said)


def test_release__proofs_of_another_contract__gives_nothing(stage: SealedStage) -> None:
    case = stage.case()
    kept: list[Any] = []

    def lie(method: str, _: Sequence[Any], answer: Any) -> Any:
        if method != "eth_getProof":
            return answer
        kept.append(answer)
        return kept[0]

    stage.rogue.lie = lie
    _nothing_released(
        stage.answers(case), "NODE_NOT_BELIEVED", "of another account|another slot|parent|missing|each slot"
    )


def test_release__access_entry_that_nobody_recorded__gives_nothing(stage: SealedStage) -> None:
    case = stage.case()
    case.access = case.struct()  # another than the one that was granted
    slot = member(0, case.access_id)
    entry = 1 | (int(time.time()) + 3600) << 16 | 1 << 80 | int(time.time()) << 96

    def lie(method: str, _: Sequence[Any], answer: Any) -> Any:
        if method != "eth_getProof":
            return answer
        told = copy.deepcopy(answer)
        for proof in told["storageProof"]:
            if int(proof["key"], 16) == slot:
                proof["value"] = hex(entry)
        return told

    assert all(body["name"] == "ACCESS_UNKNOWN" for _, body in stage.answers(case))
    stage.mine()
    stage.rogue.lie = lie
    _nothing_released(stage.answers(case), "NODE_NOT_BELIEVED", "differs from what its proof shows")
    assert stage.rogue.told > 0


# lies about blocks


def shown(header: Header) -> dict[str, Any]:
    return {**header.to_json(), "hash": "0x" + clique_hash(header).hex()}


def false_head(answer: dict[str, Any]) -> dict[str, Any]:
    """A state of the node's own making, under the seal of the true one."""
    return shown(replace(Header.from_json(answer), state_root=bytes(32)))


def head_of_a_stranger(answer: dict[str, Any]) -> dict[str, Any]:
    """The same, sealed again by somebody."""
    return shown(clique_sealed(replace(Header.from_json(answer), state_root=bytes(32)), STRANGER))


@pytest.mark.parametrize("forge", [false_head, head_of_a_stranger])
def test_release__head_nobody_sealed__gives_nothing(
    stage: SealedStage, forge: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    case = stage.case()
    known = stage.chain.head().number

    def lie(method: str, _: Sequence[Any], answer: Any) -> Any:
        is_new = method == "eth_getBlockByNumber" and answer and int(answer["number"], 16) > known
        return forge(answer) if is_new else answer

    stage.rogue.lie = lie
    stage.mine()
    _nothing_released(stage.answers(case), "NODE_NOT_BELIEVED", "sealed by an account that is no signer")


def test_release__head_held_back__is_stale(stage: SealedStage) -> None:
    case = stage.case()
    held = stage.shown("latest")
    stage.rogue.lie = lambda method, params, answer: (
        held if method == "eth_getBlockByNumber" and params[0] == "latest" else answer
    )
    time.sleep(7)
    _nothing_released(stage.answers(case), "NODE_STALE|CHAIN_SHORTENED", "")


def test_release__shortened_chain__gives_nothing_until_it_is_whole_again(stage: SealedStage) -> None:
    case = stage.case()
    old = stage.shown("0x5")
    stage.rogue.lie = lambda method, params, answer: (
        old if method == "eth_getBlockByNumber" and params[0] == "latest" else answer
    )
    _nothing_released(stage.answers(case), "CHAIN_SHORTENED", "ends at block 5, below the final block")
    stage.rogue.lie = None
    assert all("shares" in body for _, body in stage.answers(case))


def test_accept_chain__node_shows_a_chain_nobody_sealed__is_refused(stage: SealedStage) -> None:
    stage.rogue.lie = lambda method, _, answer: (
        head_of_a_stranger(answer)
        if method == "eth_getBlockByNumber" and answer and answer["number"] != "0x0"
        else answer
    )
    result = stage.grounds.custodians[0].run("accept-chain")
    assert result.returncode != 0
    assert "no signer" in result.stdout + result.stderr


def _nothing_released(answers: Sequence[tuple[int, dict[str, Any]]], names: str, said: str) -> None:
    for status, body in answers:
        assert "shares" not in body
        assert status == 503, body
        assert body["name"] in names.split("|"), body
        assert any(part in body["detail"] for part in said.split("|")), body
