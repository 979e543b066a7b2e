"""What the ABIs promise: no strings, no dynamic bytes but signatures and calls, errors named after their contract."""

import brownie
import pytest

CONTRACTS = (
    "Council",
    "ParticipantRegistry",
    "SubjectRegistry",
    "RecordRegistry",
    "ConsentRegistry",
    "AccessGateway",
    "AuditLog",
)


def leaves(items):
    """Every parameter, inside tuples too."""
    for item in items:
        if item["type"].startswith("tuple"):
            yield from leaves(item["components"])
        else:
            yield item


@pytest.mark.parametrize("name", CONTRACTS)
def test_abi__every_parameter__is_fixed_width(name):
    for entry in getattr(brownie, name).abi:
        for parameter in leaves(entry.get("inputs", []) + entry.get("outputs", [])):
            where = f"{name}.{entry.get('name')}({parameter['name']})"
            assert not parameter["type"].startswith("string"), where
            if parameter["type"].split("[")[0] == "bytes":
                assert parameter["name"] in ("signature", "callData"), where


@pytest.mark.parametrize("name", CONTRACTS)
def test_abi__every_error__is_named_after_its_contract(name):
    for entry in getattr(brownie, name).abi:
        if entry["type"] == "error":
            assert entry["name"].startswith(name), entry["name"]


@pytest.mark.parametrize("name", CONTRACTS)
def test_abi__no_owner_initializer_or_payable(name):
    for entry in getattr(brownie, name).abi:
        assert entry.get("stateMutability") != "payable"
        assert entry.get("name") not in ("owner", "initialize", "upgradeTo", "transferOwnership")


@pytest.mark.parametrize("name", CONTRACTS)
def test_bytecode__fits_the_contract_size_limit(name):
    assert len(bytes.fromhex(getattr(brownie, name)._build["deployedBytecode"])) <= 24_576
