"""The deployment plan: steps of deployments/plan.yaml with the settings of one network put in.

Every deployer (Brownie, Ape, forge, `salus deploy`) walks the same steps and creates the same bytes, those of
salus/artifacts/; only how a contract is created and called differs. forge reads the plan as JSON:

    .venv/bin/python scripts/plan.py dev > .cache/plan.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOYMENTS = Path(__file__).resolve().parent.parent / "deployments"
ARTIFACTS = DEPLOYMENTS.parent / "salus" / "artifacts"
DEPLOYER = 9
"""Index of the mnemonic's account that deploys on development chains: none that votes."""
SETTINGS = ("chainId", "members", "threshold", "councilDelaySeconds", "recoveryDelaySeconds", "coolingOffSeconds")


class PlanError(ValueError):
    """The plan or a network file can't be used; the message says what to change."""


@dataclass(frozen=True)
class Deploy:
    """Create one contract. Arguments with a leading $ are references."""

    contract: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Install:
    """One Council proposal that gives each contract its directory role."""

    contracts: tuple[str, ...]

    @property
    def salt(self) -> bytes:
        """32 bytes that name this proposal."""
        return ",".join(self.contracts).encode()[:32].ljust(32, b"\0")


@dataclass(frozen=True)
class Plan:
    """Steps in order, and the settings their references point to."""

    steps: tuple[Deploy | Install, ...]
    settings: Mapping[str, Any]
    indexes: tuple[int, ...] = ()
    """Mnemonic indexes of the members, where the network file names them so."""

    def resolve(self, step: Deploy, addresses: Mapping[str, str]) -> list[Any]:
        """Constructor arguments of a step, given the addresses of the contracts before it.

        Raises:
            PlanError: a reference names neither.
        """
        return [self._resolve(step.contract, argument, addresses) for argument in step.arguments]

    def _resolve(self, contract: str, argument: Any, addresses: Mapping[str, str]) -> Any:
        if not (isinstance(argument, str) and argument.startswith("$")):
            return argument
        name = argument[1:]
        if name in addresses:
            return addresses[name]
        if name in self.settings:
            return self.settings[name]
        raise PlanError(f"{contract} refers to {argument}: no earlier contract and no network setting has this name")


def artifact(contract: str) -> dict[str, Any]:
    """What salus/artifacts has of a contract: `abi`, `bytecode` and more."""
    found: dict[str, Any] = json.loads((ARTIFACTS / f"{contract}.json").read_text())
    return found


def rendered(plan: Plan) -> dict[str, Any]:
    """The plan for scripts/Deploy.s.sol: constructor arguments encoded, with zeros where `references` name the steps
    whose addresses come there (words of 32 bytes, counted from 0)."""
    contracts = [step.contract for step in plan.steps if isinstance(step, Deploy)]
    steps: list[dict[str, Any]] = []
    for step in plan.steps:
        if isinstance(step, Deploy):
            steps.append(_rendered(step, plan, contracts))
        else:
            steps.append({"install": list(step.contracts), "salt": "0x" + step.salt.hex()})
    return {
        "chainId": plan.settings["chainId"],
        "mnemonic": plan.settings["mnemonic"],
        "deployer": DEPLOYER,
        "voters": plan.indexes[: plan.settings["threshold"]],
        "steps": steps,
    }


def _rendered(step: Deploy, plan: Plan, contracts: list[str]) -> dict[str, Any]:
    from eth_abi import encode  # noqa: PLC0415 - Brownie and Ape need not have it in this form

    known = dict.fromkeys(contracts, "0x" + "00" * 20)
    inputs = next((item["inputs"] for item in artifact(step.contract)["abi"] if item["type"] == "constructor"), [])
    names = [str(argument).removeprefix("$") for argument in step.arguments]
    references = [{"word": word, "contract": name} for word, name in enumerate(names) if name in known]
    arguments = encode([item["type"] for item in inputs], plan.resolve(step, known))
    return {"contract": step.contract, "arguments": "0x" + arguments.hex(), "references": references}


def load(network: str, members: Mapping[int, str] | None = None, plan: Path = DEPLOYMENTS / "plan.yaml") -> Plan:
    """Plan for a network of deployments/networks/.

    Args:
        network: name of the file without its ending.
        members: address of each mnemonic index, for networks that name members by index.
        plan: another plan than the usual one.

    Raises:
        PlanError: a setting is missing, a member index has no address, or a step is neither deploy nor install.
    """
    file = DEPLOYMENTS / "networks" / f"{network}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        raise PlanError(f"no network {network!r}; there are: {known}")
    settings: dict[str, Any] = yaml.safe_load(file.read_text())
    if missing := [name for name in SETTINGS if name not in settings]:
        raise PlanError(f"{file.name} lacks {', '.join(missing)}")
    indexes = tuple(member for member in settings["members"] if isinstance(member, int))
    settings["members"] = [_member(file.name, member, members or {}) for member in settings["members"]]
    steps = tuple(_step(step) for step in yaml.safe_load(plan.read_text())["steps"])
    return Plan(steps, settings, indexes)


def _member(file: str, member: int | str, known: Mapping[int, str]) -> str:
    if isinstance(member, str):
        return member
    if member not in known:
        raise PlanError(f"{file} names member {member} by index; give its address to load()")
    return known[member]


def _step(step: Mapping[str, Any]) -> Deploy | Install:
    if "contract" in step:
        return Deploy(step["contract"], tuple(step.get("arguments", ())))
    if "install" in step:
        return Install(tuple(step["install"]))
    raise PlanError(f"a step is `contract` or `install`, found {sorted(step)}")


def main() -> None:
    """Print the plan of a development network as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", help="a file of deployments/networks/ with a mnemonic")
    name = parser.parse_args().network
    from eth_account.hdaccount import key_from_seed, seed_from_mnemonic  # noqa: PLC0415 - not for Brownie and Ape
    from eth_keys.datatypes import PrivateKey  # noqa: PLC0415 - as above

    settings = yaml.safe_load((DEPLOYMENTS / "networks" / f"{name}.yaml").read_text())
    if "mnemonic" not in settings:
        raise SystemExit(f"{name} has no mnemonic: its members vote with `salus deploy --member KEYSTORE`")
    seed = seed_from_mnemonic(settings["mnemonic"], "")
    keys = {index: key_from_seed(seed, f"m/44'/60'/0'/0/{index}") for index in settings["members"]}
    members = {index: PrivateKey(key).public_key.to_checksum_address() for index, key in keys.items()}
    print(json.dumps(rendered(load(name, members)), indent=1))


if __name__ == "__main__":
    main()
