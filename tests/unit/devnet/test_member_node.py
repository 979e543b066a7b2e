"""A node of one's own in a network that others founded: its files, and what is refused."""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from devnet.clique import CliqueNetwork, CliqueSettings, found_network, genesis
from devnet.member_node import NODE, load_member_node, make_member_node, settings_of
from salus.adapters.chain.address_book import key_of, read_address_book
from salus.core.errors import ConflictError, InputError, SetupError

SETTINGS = CliqueSettings(chain_id=77, period=2, epoch=1_000, gas_limit=25_000_000)


@pytest.fixture
def others(tmp_path: Path) -> CliqueNetwork:
    return found_network(tmp_path / "others", ("a", "b"), 25_000, SETTINGS)


def book_of(network: CliqueNetwork) -> dict[bytes, str]:
    return {bytes.fromhex(node.node_id): f"10.0.0.1:{node.p2p_port}" for node in network.nodes.values()}


def made(folder: Path, others: CliqueNetwork, listen: str = "10.1.2.3:30303") -> CliqueNetwork:
    return make_member_node(folder, others.genesis_file, book_of(others), listen, 8545)


def peering(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = tomllib.loads((folder / NODE / "config.toml").read_text())["Node"]["P2P"]
    return config


def test_node__made__is_of_the_same_chain_and_knows_the_members(others: CliqueNetwork, tmp_path: Path) -> None:
    network = made(tmp_path / "own", others)
    assert network.settings == SETTINGS
    assert json.loads(network.genesis_file.read_text()) == json.loads(others.genesis_file.read_text())
    config = peering(tmp_path / "own")
    assert config["ListenAddr"] == "10.1.2.3:30303"
    assert {key_of(each) for each in config["TrustedNodes"]} == set(book_of(others))
    assert config["StaticNodes"] == config["TrustedNodes"]
    assert read_address_book(tmp_path / "own" / "addresses.json") == book_of(others)


def test_node__made_again_elsewhere__keeps_keys_and_lines_of_its_book(others: CliqueNetwork, tmp_path: Path) -> None:
    first = made(tmp_path / "own", others)
    again = made(tmp_path / "own", others, "10.9.9.9:30304")
    assert (again.nodes[NODE].node_id, again.nodes[NODE].sealer) == (
        first.nodes[NODE].node_id,
        first.nodes[NODE].sealer,
    )
    assert again.nodes[NODE].p2p_port == 30304
    assert peering(tmp_path / "own")["ListenAddr"] == "10.9.9.9:30304"
    assert load_member_node(tmp_path / "own") == again


def test_node__book_has_itself__does_not_dial_itself(others: CliqueNetwork, tmp_path: Path) -> None:
    own = bytes.fromhex(made(tmp_path / "own", others).nodes[NODE].node_id)
    book = {**book_of(others), own: "10.1.2.3:30303"}
    make_member_node(tmp_path / "own", others.genesis_file, book, "10.1.2.3:30303", 8545)
    assert own not in {key_of(each) for each in peering(tmp_path / "own")["StaticNodes"]}


def test_node__command__unlocks_its_own_account_and_listens_on_loopback(others: CliqueNetwork, tmp_path: Path) -> None:
    network = made(tmp_path / "own", others)
    command = network.command(Path("geth"), NODE)
    told = dict(pairwise(command))
    assert (told["--http.addr"], told["--http.port"]) == ("127.0.0.1", "8545")
    assert (told["--unlock"], told["--networkid"]) == (network.nodes[NODE].sealer, "77")


@pytest.mark.parametrize("listen", ["", "10.1.2.3", ":30303", "10.1.2.3:0"])
def test_node__listens_nowhere__is_refused_before_anything_is_written(
    listen: str, others: CliqueNetwork, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        made(tmp_path / "own", others, listen)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": {"chainId": 77}},
        {"gasLimit": "much"},
        {"config": {**genesis([], SETTINGS)["config"], "londonBlock": 0}},
        {"config": {name: value for name, value in genesis([], SETTINGS)["config"].items() if name != "berlinBlock"}},
    ],
)
def test_settings__of_another_chain__are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="genesis"):
        settings_of({**genesis([], SETTINGS), **change})


def test_node__genesis_of_another_chain__is_refused_and_the_folder_left(others: CliqueNetwork, tmp_path: Path) -> None:
    before = made(tmp_path / "own", others)
    another = found_network(tmp_path / "another", ("c",), 26_000, SETTINGS)
    with pytest.raises(ConflictError, match="another chain"):
        made(tmp_path / "own", another)
    assert load_member_node(tmp_path / "own") == before


def test_node__none_in_the_folder__is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"node\.json"):
        load_member_node(tmp_path)


def test_node__genesis_is_gone__is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"gone\.json"):
        make_member_node(tmp_path / "own", tmp_path / "gone.json", {}, "10.1.2.3:30303", 8545)
