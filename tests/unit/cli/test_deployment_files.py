"""The files of a deployment: append-only, whole or not at all, and refused with what to change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cli.deployment_files import DeploymentFolder
from salus.adapters.keys.hd import DerivedAccounts
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import Address, to_address
from salus.flows.deploy import Deployed, Deployment

WORDS = "test test test test test test test test test test test junk"
NETWORK = {
    "chainId": 7,
    "members": [0, 1],
    "mnemonic": WORDS,
    "threshold": 2,
    "councilDelaySeconds": 0,
    "recoveryDelaySeconds": 1,
    "coolingOffSeconds": 1,
}


def deployed(name: str) -> Deployed:
    return Deployed(
        to_address(keccak(name.encode())[:20]), keccak(b"code"), b"\x01", to_address(bytes(20)), keccak(b"tx")
    )


@pytest.fixture
def place(tmp_path: Path) -> DeploymentFolder:
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "seven.yaml").write_text(yaml.safe_dump(NETWORK))
    (tmp_path / "plan.yaml").write_text("steps: [{contract: Council}, {install: [AuditLog]}]")
    return DeploymentFolder(tmp_path)


def write(place: DeploymentFolder, **changed: object) -> None:
    (place.path / "networks" / "seven.yaml").write_text(yaml.safe_dump({**NETWORK, **changed}))


def test_save__and_read__is_the_same(place: DeploymentFolder) -> None:
    whole = Deployment(7, {"Council": (deployed("a"), deployed("b"))}, ("AuditLog", deployed("c")))
    place.save(whole)
    assert place.deployment(7) == whole
    text = place.record(7).read_text()
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert place.deployment(8) is None


def test_save__that_grows__is_written(place: DeploymentFolder) -> None:
    first = Deployment(7, {"Council": (deployed("a"),)})
    place.save(first)
    place.save(first.with_contract("Council", deployed("b")).with_contract("AuditLog", deployed("c")))
    assert [item.address for item in place.deployment(7).contracts["Council"]] == [  # type: ignore[union-attr]
        deployed("a").address,
        deployed("b").address,
    ]


@pytest.mark.parametrize("smaller", [{}, {"Council": (deployed("a"),)}, {"Council": (deployed("b"), deployed("a"))}])
def test_save__that_would_lose_an_entry__is_refused(place: DeploymentFolder, smaller: dict[str, object]) -> None:
    whole = Deployment(7, {"Council": (deployed("a"), deployed("b"))})
    place.save(whole)
    with pytest.raises(ConflictError, match="only grows"):
        place.save(Deployment(7, smaller))  # type: ignore[arg-type] # a parameter of the test
    assert place.deployment(7) == whole


def test_set_aside__twice__keeps_both(place: DeploymentFolder) -> None:
    assert place.set_aside(7) is None
    for name in ("a", "b"):
        place.save(Deployment(7, {"Council": (deployed(name),)}))
        place.set_aside(7)
    assert sorted(file.name for file in place.path.glob("*.old.json")) == ["7.1.old.json", "7.2.old.json"]
    assert place.deployment(7) is None


def test_entry__written_before_arguments_were_kept__is_read(place: DeploymentFolder) -> None:
    entry = {"address": str(deployed("a").address), "code": "0x" + "11" * 32}
    place.record(7).write_text(json.dumps({"chainId": 7, "contracts": {"Council": [entry]}}))
    found = place.deployment(7)
    assert found is not None
    assert found.contracts["Council"] == (
        replace(deployed("a"), code=b"\x11" * 32, arguments=None, deployer=None, transaction=None),
    )


def test_network__with_a_mnemonic__knows_its_members_accounts(place: DeploymentFolder) -> None:
    network = place.network_of(7)
    words = DerivedAccounts(WORDS)
    assert network.settings["members"] == [words.plain(0).address, words.plain(1).address]
    assert [signer.address for signer in network.members] == network.settings["members"]
    assert network.deployer is not None
    assert network.deployer.address not in network.settings["members"]


def test_network__with_addresses__knows_no_account(place: DeploymentFolder) -> None:
    lower = str(deployed("a").address).lower()
    value = {name: setting for name, setting in NETWORK.items() if name != "mnemonic"} | {"members": [lower]}
    (place.path / "networks" / "seven.yaml").write_text(yaml.safe_dump(value))
    network = place.network("seven")
    assert (network.members, network.deployer) == ((), None)
    assert network.settings["members"] == [Address(deployed("a").address)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"members": []}, "list of accounts"),
        ({"members": [0, 0]}, "twice"),
        ({"members": ["0x12"]}, "40 hex"),
        ({"threshold": "two"}, "threshold"),
        ({"chainId": -1}, "chainId"),
        ({"coolingOffSeconds": True}, "coolingOffSeconds"),
        ({"mnemonic": "no such words"}, "wallet"),
    ],
)
def test_network__malformed__says_what(place: DeploymentFolder, changed: dict[str, object], said: str) -> None:
    write(place, **changed)
    with pytest.raises(InputError, match=said):
        place.network("seven")


def test_network__member_by_index_without_a_mnemonic__is_refused(place: DeploymentFolder) -> None:
    value = {name: setting for name, setting in NETWORK.items() if name != "mnemonic"}
    (place.path / "networks" / "seven.yaml").write_text(yaml.safe_dump(value))
    with pytest.raises(InputError, match="no mnemonic"):
        place.network("seven")


def test_network__of_a_chain_with_none_or_two__is_refused(place: DeploymentFolder) -> None:
    with pytest.raises(NotFoundError, match="chain 8"):
        place.network_of(8)
    with pytest.raises(NotFoundError, match="seven"):
        place.network("eight")
    (place.path / "networks" / "other.yaml").write_text(yaml.safe_dump(NETWORK))
    with pytest.raises(ConflictError, match="--network"):
        place.network_of(7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: [{contract: Council, install: [Council]}]", "step 1"),
        ("steps: [{contract: Council}, {}]", "step 2"),
        ("steps: Council", "no list"),
        ("a: [", "no YAML"),
    ],
)
def test_plan__malformed__says_what(place: DeploymentFolder, text: str, said: str) -> None:
    (place.path / "plan.yaml").write_text(text)
    with pytest.raises(InputError, match=said):
        place.plan()


def test_plan__missing__says_so(place: DeploymentFolder) -> None:
    (place.path / "plan.yaml").unlink()
    with pytest.raises(InputError, match="can't be read"):
        place.plan()
