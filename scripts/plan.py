"""The deployment plan: steps of deployments/plan.yaml with the settings of one network put in.

Every deployer (Brownie, Ape, `salus deploy`) walks the same steps; only how a contract is created and called differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPLOYMENTS = Path(__file__).resolve().parent.parent / "deployments"
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
    settings["members"] = [_member(file.name, member, members or {}) for member in settings["members"]]
    steps = tuple(_step(step) for step in yaml.safe_load(plan.read_text())["steps"])
    return Plan(steps, settings)


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
