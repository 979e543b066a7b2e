"""The QBFT genesis: its block 0 is the one a real chain began with."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path

from devnet.qbft import QbftSettings, found_network, genesis
from salus.core.consensus import Qbft
from salus.core.genesis import genesis_header
from salus.core.header import Header

RECORDED = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "chain" / "qbft_headers.json").read_text())
BLOCK0 = Header.from_json({**RECORDED["common"], **RECORDED["blocks"][0]})
VALIDATORS = RECORDED["validatorsAfter"]["0"]


def test_genesis__validators_of_the_recorded_chain__begins_it() -> None:
    ours = genesis_header(genesis(VALIDATORS, QbftSettings(gas_limit=20_000_000)))
    assert ours.extra_data == BLOCK0.extra_data
    recorded = BLOCK0.to_json() | {"stateRoot": ours.to_json()["stateRoot"]}  # it had money to begin with
    assert Qbft().hash(ours) == Qbft().hash(Header.from_json(recorded))


def test_genesis__validators_in_any_order__is_the_same() -> None:
    shuffled = list(VALIDATORS)
    random.Random(7).shuffle(shuffled)
    assert genesis(shuffled, QbftSettings()) == genesis(VALIDATORS, QbftSettings())


def test_genesis__read_by_our_own_engine__names_its_validators() -> None:
    snapshot = Qbft().genesis(genesis_header(genesis(VALIDATORS, QbftSettings())))
    assert snapshot.validators == tuple(sorted(bytes.fromhex(each[2:]) for each in VALIDATORS))


def test_network__made__every_node_lets_in_and_dials_all_others_and_not_itself(tmp_path: Path) -> None:
    network = found_network(tmp_path, ("a", "b", "c"), 25_000, validators=2)
    for name, node in network.nodes.items():
        others = {peer.key.hex() for peer in network.nodes.values()} - {node.key.hex()}
        permitted = json.loads((tmp_path / name / "permissioned-nodes.json").read_text())
        dialled = tomllib.loads((tmp_path / name / "config.toml").read_text())["Node"]["P2P"]["StaticNodes"]
        assert {each[8:136] for each in permitted} == {each[8:136] for each in dialled} == others


def test_network__made_again__keeps_its_keys_and_genesis(tmp_path: Path) -> None:
    first = found_network(tmp_path, ("a", "b"), 25_000, validators=2)
    text = (tmp_path / "genesis.json").read_text()
    assert found_network(tmp_path, ("a", "b"), 25_000, validators=2).nodes == first.nodes
    assert (tmp_path / "genesis.json").read_text() == text
