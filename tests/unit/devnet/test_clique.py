"""A Clique network on paper: its first block, who lets in whom, and what stays when it is made again."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from devnet.clique import MOST_NODES, CliqueNetwork, CliqueSettings, found_network, genesis, load_network
from salus.core.errors import ConflictError, InputError, SetupError

NAMES = ("a", "b", "c")
BASE = 21_000


@pytest.fixture
def network(tmp_path: Path) -> CliqueNetwork:
    return found_network(tmp_path, NAMES, BASE)


def config(network: CliqueNetwork, name: str) -> str:
    return (network.node_folder(name) / "config.toml").read_text()


def test_genesis__signers_in_any_order__gives_the_same_bytes_in_ascending_order() -> None:
    signers = ["0x" + f"{number:02x}" * 20 for number in (9, 1, 5)]
    made = genesis(signers, CliqueSettings())
    assert made == genesis(reversed(signers), CliqueSettings())
    extra = bytes.fromhex(made["extraData"][2:])
    assert extra == bytes(32) + b"\x01" * 20 + b"\x05" * 20 + b"\x09" * 20 + bytes(65)


def test_genesis__rules__berlin_and_nothing_later() -> None:
    config = genesis(["0x" + "01" * 20], CliqueSettings(chain_id=7, period=3, epoch=11))["config"]
    assert config["chainId"] == 7
    assert config["berlinBlock"] == 0
    assert "londonBlock" not in config
    assert config["clique"] == {"period": 3, "epoch": 11}


def test_network__of_several__begins_once_all_can_seal(tmp_path: Path) -> None:
    before = int(time.time())
    begins = {
        names: int(
            json.loads(found_network(tmp_path / str(len(names)), names, BASE).genesis_file.read_text())["timestamp"], 16
        )
        for names in (NAMES, NAMES[:1])
    }
    assert before + 5 <= begins[NAMES] <= int(time.time()) + 30
    assert begins[NAMES[:1]] == 0


def test_network__made_twice__is_the_same(network: CliqueNetwork) -> None:
    assert found_network(network.folder, NAMES, BASE) == network == load_network(network.folder)


@pytest.mark.parametrize("change", ["ports", "settings", "names"])
def test_network__made_before_otherwise__is_a_conflict(network: CliqueNetwork, change: str) -> None:
    names = ("a", "z") if change == "names" else NAMES
    settings = CliqueSettings(chain_id=9) if change == "settings" else None
    with pytest.raises(ConflictError):
        found_network(network.folder, names, BASE + (change == "ports"), settings)


@pytest.mark.parametrize("names", [(), ("a", "a"), tuple("abcdefghi")])
def test_network__too_few_too_many_or_the_same_names__is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        found_network(tmp_path, names, BASE)


def test_network__none_in_folder__says_so(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        load_network(tmp_path)


def test_network__all_ports__are_different_ones(network: CliqueNetwork) -> None:
    while len(network.nodes) < MOST_NODES:
        network = network.add(f"n{len(network.nodes)}")
    ports = [port for node in network.nodes.values() for port in (node.rpc_port, node.p2p_port)]
    ports += [network.link_port(a, b) for a in network.nodes for b in network.nodes if a != b]
    assert len(set(ports)) == len(ports)
    with pytest.raises(InputError):
        network.add("one more")


def test_config__members__dial_and_trust_each_other_through_links_with_no_slot_to_spare(network: CliqueNetwork) -> None:
    for name in NAMES:
        text = config(network, name)
        for peer in NAMES:
            assert text.count(network.enode(name, peer)) == (0 if peer == name else 2)
        assert "MaxPeers = 2\nDialRatio = 1\n" in text
        assert f'ListenAddr = "127.0.0.1:{network.nodes[name].p2p_port}"' in text


def test_config__stranger__is_on_nobodys_list_until_admitted_nor_after_expulsion(network: CliqueNetwork) -> None:
    with_it = network.add("stranger")
    key = with_it.nodes["stranger"].node_id
    assert all(key not in config(with_it, name) for name in NAMES)
    admitted = with_it.admit("stranger")
    assert all(key in config(admitted, name) for name in NAMES)
    expelled = admitted.expel("stranger")
    assert all(key not in config(expelled, name) for name in NAMES)
    assert load_network(network.folder) == expelled


def test_command__node__listens_on_loopback_and_offers_no_orders_over_http(network: CliqueNetwork) -> None:
    command = network.command(Path("geth"), "a")
    told = dict(zip(command[1::2], command[2::2], strict=False))
    assert told["--http.addr"] == "127.0.0.1"
    assert {"admin", "personal", "miner"}.isdisjoint(told["--http.api"].split(","))
    assert told["--gcmode"] == "archive"
    assert "--mine" not in command
