"""A network in Besu's format: block 0 is that of a real QBFT chain, nodes know each other, the compose file fits."""

from __future__ import annotations

import json
import random
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from devnet import besu, qbft
from devnet.qbft import QbftSettings
from salus.adapters.chain.address_book import key_of, read_address_book
from salus.adapters.chain.allow_lists import BesuFiles
from salus.core.consensus import Qbft
from salus.core.errors import InputError
from salus.core.genesis import genesis_header
from salus.core.header import Header

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = ROOT / "deployments" / "besu" / "compose.yaml"
RECORDED = json.loads((ROOT / "tests" / "vectors" / "chain" / "qbft_headers.json").read_text())
BLOCK0 = Header.from_json({**RECORDED["common"], **RECORDED["blocks"][0]})
VALIDATORS: list[str] = RECORDED["validatorsAfter"]["0"]


def fits(compose: str, tmp_path: Path) -> bool:
    """Whether a compose file is one by the schema of the compose specification."""
    file = tmp_path / "compose.yaml"
    file.write_text(compose)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def test_genesis__validators_of_the_recorded_chain__begins_it_bit_by_bit() -> None:
    ours = genesis_header(besu.genesis(VALIDATORS, QbftSettings(gas_limit=20_000_000)))
    assert ours.extra_data == BLOCK0.extra_data
    recorded = BLOCK0.to_json() | {"stateRoot": ours.to_json()["stateRoot"]}  # it had money to begin with
    assert Qbft().hash(ours) == Qbft().hash(Header.from_json(recorded))


def test_genesis__of_besu_and_of_goquorum__is_one_block() -> None:
    settings = QbftSettings(chain_id=7, gas_limit=30_000_000)
    ours, theirs = besu.genesis(VALIDATORS, settings), qbft.genesis(VALIDATORS, settings)
    assert genesis_header(ours) == genesis_header(theirs)
    assert ours["config"]["contractSizeLimit"] == theirs["config"]["maxCodeSizeConfig"][0]["size"] * 1024
    rules, others = (one["config"]["qbft"] for one in (ours, theirs))
    assert {name for name, value in rules.items() if others[name] != value} == {"requesttimeoutseconds"}
    assert rules["requesttimeoutseconds"] == 2 * rules["blockperiodseconds"]


def test_genesis__validators_in_any_order__is_the_same() -> None:
    shuffled = list(VALIDATORS)
    random.Random(7).shuffle(shuffled)
    assert besu.genesis(shuffled, QbftSettings()) == besu.genesis(VALIDATORS, QbftSettings())


def test_genesis__forks__are_berlin_and_nothing_later() -> None:
    config = besu.genesis(VALIDATORS, QbftSettings())["config"]
    assert {name for name in config if name.endswith(("Block", "Time"))} == {"berlinBlock"}


def test_network__written__its_validators_are_the_nodes_of_block_0(tmp_path: Path) -> None:
    nodes = besu.write_network(tmp_path)
    first = genesis_header(json.loads((tmp_path / "genesis.json").read_text()))
    assert Qbft().genesis(first).validators == tuple(sorted(bytes.fromhex(node.account[2:]) for node in nodes))


def test_network__written__every_node_lets_in_and_dials_all_others_at_their_addresses(tmp_path: Path) -> None:
    nodes = besu.write_network(tmp_path)
    for node in nodes:
        own = tmp_path / node.name / "config"
        others = {peer.enode for peer in nodes if peer != node}
        assert set(tomllib.loads((own / "permissions_config.toml").read_text())["nodes-allowlist"]) == others
        assert set(json.loads((own / "static-nodes.json").read_text())) == others
        assert set(BesuFiles(own).read().values()) == others  # the sidecar reads what was written
    assert read_address_book(tmp_path / "addresses.json") == {node.key: node.address for node in nodes}


def test_network__written__keys_are_their_owners_alone(tmp_path: Path) -> None:
    nodes = besu.write_network(tmp_path)
    for node in nodes:
        assert stat.S_IMODE((tmp_path / node.name / "config" / "key").stat().st_mode) == 0o600


def test_network__written_again__keeps_keys_genesis_and_what_sidecars_wrote(tmp_path: Path) -> None:
    first = besu.write_network(tmp_path)
    files = BesuFiles(tmp_path / "hospital-a" / "config")
    files.write({})
    genesis = (tmp_path / "genesis.json").read_bytes()
    more = {**besu.COMPOSE_HOSTS, "hospital-b": "172.30.77.15:30303"}
    again = besu.write_network(tmp_path, more)
    assert again[:4] == first
    assert (tmp_path / "genesis.json").read_bytes() == genesis
    assert files.read() == {}
    assert read_address_book(tmp_path / "addresses.json")[again[4].key] == "172.30.77.15:30303"


def test_config__read_as_toml__has_what_the_sidecar_and_proofs_need_and_no_fee() -> None:
    config = tomllib.loads(besu.node_config("10.1.2.3:30304"))
    assert {"ADMIN", "PERM", "QBFT"} <= set(config["rpc-http-api"])
    assert (config["p2p-host"], config["p2p-port"], config["min-gas-price"]) == ("10.1.2.3", 30304, 0)
    assert config["data-storage-format"] == "FOREST"
    assert config["discovery-enabled"] is False
    assert config["permissions-nodes-config-file-enabled"] is True
    assert set(config["host-allowlist"]) == {"localhost", "127.0.0.1"}


def test_hosts__words__are_read_in_order() -> None:
    assert dict(besu.read_hosts(["a=10.0.0.1:30303", "b=[::1]:30304"])) == {"a": "10.0.0.1:30303", "b": "[::1]:30304"}
    assert besu.read_hosts([]) == besu.COMPOSE_HOSTS


@pytest.mark.parametrize(
    "words",
    [
        ["a"],
        ["=10.0.0.1:30303"],
        ["a=10.0.0.1"],
        ["a=10.0.0.1:0"],
        ["a=node.example:30303"],
        ["../a=10.0.0.1:30303"],
        ["a=10.0.0.1:30303", "a=10.0.0.2:30303"],
        ["a=10.0.0.1:30303", "b=10.0.0.1:30303"],
    ],
)
def test_hosts__malformed_or_twice__are_refused(words: list[str]) -> None:
    with pytest.raises(InputError):
        besu.read_hosts(words)


def test_network__three_nodes__is_refused_because_none_may_fail(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 validators"):
        besu.write_network(tmp_path, dict(list(besu.COMPOSE_HOSTS.items())[:3]))


def test_compose__our_file__fits_the_schema_and_a_misspelt_one_does_not(tmp_path: Path) -> None:
    text = COMPOSE.read_text()
    assert fits(text, tmp_path)
    assert not fits(text.replace("healthcheck:", "healtcheck:"), tmp_path)
    assert not fits(text.replace('ports: ["127.0.0.1:18745:8545"]', "ports: 18745"), tmp_path)


def test_compose__services__are_the_four_nodes_as_written_and_open_on_loopback_only() -> None:
    compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    services = compose["services"]
    hosts = {name: f"{each['networks']['chain']['ipv4_address']}:30303" for name, each in services.items()}
    assert hosts == dict(besu.COMPOSE_HOSTS)
    for name, service in services.items():
        assert (service["entrypoint"], service["command"]) == (
            ["/opt/besu/bin/besu"],
            ["--config-file=/config/config.toml"],
        )
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert "${BESU_TAG:?" in service["image"]
        assert "@sha256" not in service["image"]
        assert all(port.startswith("127.0.0.1:") and port.endswith(f":{besu.RPC_PORT}") for port in service["ports"])
        mounted = dict(volume.removesuffix(":ro").rsplit(":", 1) for volume in service["volumes"])
        assert mounted == {
            "./network/genesis.json": "/network/genesis.json",
            f"./network/{name}/config": "/config",
            f"./network/{name}/data": "/data",
        }
    assert len({service["ports"][0] for service in services.values()}) == len(services)


def test_compose__paths_of_the_configuration__are_mounted() -> None:
    mounted = {"/network/genesis.json", "/config", "/data"}
    config = tomllib.loads(besu.node_config("10.0.0.1:30303"))
    paths = {value for value in config.values() if isinstance(value, str) and value.startswith("/")}
    assert all(any(path == each or path.startswith(each + "/") for each in mounted) for path in paths)


def test_enode__of_a_node__is_read_back_by_the_address_book(tmp_path: Path) -> None:
    node = besu.write_network(tmp_path)[0]
    assert key_of(node.enode) == node.key
