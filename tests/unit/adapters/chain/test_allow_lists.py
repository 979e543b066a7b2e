"""Allow-lists of geth, GoQuorum and Besu: what is read and rewritten, and that all else stays."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from devnet.clique import node_config
from salus.adapters.chain.address_book import address_of, enode_of
from salus.adapters.chain.allow_lists import AllowList, BesuFiles, GethFiles, GoQuorumFiles
from salus.core.errors import SetupError

A, B, C = (bytes([number]) * 64 for number in (1, 2, 3))
AT_A, AT_B = enode_of(A, "10.0.0.1:30303"), enode_of(B, "10.0.0.2:30303")
ALONE = enode_of(C, None)


def geth(folder: Path) -> GethFiles:
    (folder / "config.toml").write_text(node_config("127.0.0.1:30303", [AT_A]))
    return GethFiles(folder)


def goquorum(folder: Path) -> GoQuorumFiles:
    (folder / "config.toml").write_text('[Node.P2P]\nListenAddr = ":1"\nStaticNodes = ["x"]\n')
    (folder / "permissioned-nodes.json").write_text(json.dumps([AT_A]))
    return GoQuorumFiles(folder)


def besu(folder: Path) -> BesuFiles:
    (folder / "permissions_config.toml").write_text(f'# ours\nnodes-allowlist=["{AT_A}"]\naccounts-allowlist=["0x1"]\n')
    (folder / "static-nodes.json").write_text(json.dumps([AT_A]))
    return BesuFiles(folder)


KINDS = pytest.mark.parametrize("made", [geth, goquorum, besu])


@KINDS
def test_list__as_found__is_read_by_key(made: Callable[[Path], AllowList], tmp_path: Path) -> None:
    assert made(tmp_path).read() == {A: AT_A}


@KINDS
def test_list__written__is_read_back_whole(made: Callable[[Path], AllowList], tmp_path: Path) -> None:
    files = made(tmp_path)
    files.write({B: AT_B, C: ALONE})
    assert files.read() == {B: AT_B, C: ALONE}
    files.write({})
    assert files.read() == {}


@KINDS
def test_list__node_with_an_ipv6_address__is_written_again_and_let_go(
    made: Callable[[Path], AllowList], tmp_path: Path
) -> None:
    """Such an address has brackets of its own, and comes from whoever applies."""
    files, at_c = made(tmp_path), enode_of(C, address_of("[2001:db8::1]:30303"))
    for wanted in ({A: AT_A, C: at_c}, {A: AT_A, B: AT_B, C: at_c}, {A: AT_A}):
        files.write(wanted)
        assert files.read() == wanted


@KINDS
def test_list__written_in_another_order__is_the_same_bytes(made: Callable[[Path], AllowList], tmp_path: Path) -> None:
    files = made(tmp_path)
    files.write({A: AT_A, B: AT_B})
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    files.write({B: AT_B, A: AT_A})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before  # and no scratch file is left


@KINDS
def test_list__file_is_gone__is_refused(made: Callable[[Path], AllowList], tmp_path: Path) -> None:
    files = made(tmp_path)
    for file in list(tmp_path.iterdir()):
        file.unlink()
    with pytest.raises(SetupError):
        files.read()
    with pytest.raises(SetupError):
        files.write({A: AT_A})


def test_geth__written__dials_only_whose_address_is_known_and_keeps_the_rest(tmp_path: Path) -> None:
    files = geth(tmp_path)
    before = tomllib.loads((tmp_path / "config.toml").read_text())["Node"]["P2P"]
    files.write({B: AT_B, C: ALONE})
    after = tomllib.loads((tmp_path / "config.toml").read_text())["Node"]["P2P"]
    assert after["TrustedNodes"] == sorted([AT_B, ALONE])
    assert after["StaticNodes"] == [AT_B]
    lists = {"TrustedNodes", "StaticNodes"}
    assert {name: each for name, each in after.items() if name not in lists} == {
        name: each for name, each in before.items() if name not in lists
    }


def test_goquorum__written__dials_in_its_configuration(tmp_path: Path) -> None:
    files = goquorum(tmp_path)
    files.write({B: AT_B, C: ALONE})
    assert json.loads((tmp_path / "permissioned-nodes.json").read_text()) == sorted([AT_B, ALONE])
    config = tomllib.loads((tmp_path / "config.toml").read_text())["Node"]["P2P"]
    assert (config["StaticNodes"], config["ListenAddr"]) == ([AT_B], ":1")


def test_besu__written__keeps_accounts_and_comments_and_dials_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = besu(tmp_path)
    files.write({B: AT_B})
    text = (tmp_path / "permissions_config.toml").read_text()
    assert text.startswith("# ours\n")
    assert tomllib.loads(text) == {"nodes-allowlist": [AT_B], "accounts-allowlist": ["0x1"]}
    assert json.loads((tmp_path / "static-nodes.json").read_text()) == [AT_B]
    assert files.needs_addresses


def test_toml__list_over_several_lines__is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "permissions_config.toml").write_text(f'nodes-allowlist = [\n  "{AT_A}",\n  "{AT_B}",\n]\nx = 1\n')
    BesuFiles(tmp_path).write({})
    assert tomllib.loads((tmp_path / "permissions_config.toml").read_text()) == {"nodes-allowlist": [], "x": 1}


@pytest.mark.parametrize("text", ["", "[Node.P2P]\nStaticNodes = []\n", "[Node.P2P]\nTrustedNodes = []\n"])
def test_toml__a_list_is_missing__is_refused_and_left(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(SetupError, match="has no list"):
        GethFiles(tmp_path).write({A: AT_A})
    assert file.read_text() == text


@pytest.mark.parametrize("text", ["", "Node = 1\n", "[Node]\nP2P = []\n"])
def test_toml__section_is_missing__is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(SetupError, match="no section"):
        GethFiles(tmp_path).read()


def test_toml__broken__is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[Node.P2P\n")
    with pytest.raises(SetupError, match="TOMLDecodeError"):
        GethFiles(tmp_path).read()


def test_list__entries_that_are_no_enodes__are_not_members(tmp_path: Path) -> None:
    (tmp_path / "permissioned-nodes.json").write_text(json.dumps([AT_A, "enode://short@h:1", 7, None]))
    assert GoQuorumFiles(tmp_path).read() == {A: AT_A}
    (tmp_path / "permissioned-nodes.json").write_text("{}")
    with pytest.raises(SetupError, match="no list"):
        GoQuorumFiles(tmp_path).read()
