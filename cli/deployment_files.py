"""The files of a deployment: plan, network, and what is deployed. Unreadable ones are refused with what to change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from salus.adapters.keys.hd import DerivedAccounts
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.ids import read_address
from salus.flows.deploy import Deployment

FOLDER = Path(__file__).resolve().parents[1] / "deployments"
_NUMBERS = ("chainId", "threshold", "councilDelaySeconds", "recoveryDelaySeconds", "coolingOffSeconds")
_DEPLOYER_INDEX = 9


@dataclass(frozen=True, slots=True)
class Network:
    """One network file. `settings` has addresses for members; the accounts are known where the file has a mnemonic."""

    name: str
    settings: Mapping[str, Any]
    members: tuple[LocalSigner, ...] = ()
    deployer: LocalSigner | None = None

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return int(self.settings["chainId"])


@dataclass(frozen=True, slots=True)
class DeploymentFolder:
    """`plan.yaml`, `networks/<name>.yaml` and `<chain-id>.json`."""

    path: Path = FOLDER

    def plan(self) -> dict[str, Any]:
        """The plan.

        Raises:
            InputError: unreadable, or a step is neither `contract` nor `install`.
        """
        plan = _yaml(self.path / "plan.yaml")
        steps = plan.get("steps")
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            raise InputError("plan.yaml has no list `steps`")
        for number, step in enumerate(steps, 1):
            if isinstance(step.get("contract"), str) == isinstance(step.get("install"), list):
                raise InputError(f"plan.yaml, step {number}: a step has `contract` or `install`")
        return plan

    def network(self, name: str) -> Network:
        """A network by name.

        Raises:
            InputError: unreadable, or a setting is missing or malformed.
            NotFoundError: no such file.
        """
        file = self.path / "networks" / f"{name}.yaml"
        if not file.is_file():
            raise NotFoundError(f"no network {name!r}; there are: {', '.join(self.networks())}")
        value = _yaml(file)
        for setting in _NUMBERS:
            if not isinstance(value.get(setting), int) or isinstance(value[setting], bool) or value[setting] < 0:
                raise InputError(f"{file.name}: {setting} must be a whole number")
        given = value.get("members")
        if not isinstance(given, list) or not given:
            raise InputError(f"{file.name}: members must be a list of accounts")
        words = DerivedAccounts(value["mnemonic"]) if "mnemonic" in value else None
        signers = [_member(member, words, file.name) for member in given]
        addresses = [signer if isinstance(signer, str) else signer.address for signer in signers]
        if len(set(addresses)) != len(addresses):
            raise InputError(f"{file.name}: an account is a member twice")
        known = tuple(signer for signer in signers if isinstance(signer, LocalSigner))
        return Network(name, {**value, "members": addresses}, known, words.plain(_DEPLOYER_INDEX) if words else None)

    def networks(self) -> list[str]:
        """Names of all networks."""
        return sorted(file.stem for file in (self.path / "networks").glob("*.yaml"))

    def network_of(self, chain_id: int) -> Network:
        """The one network of a chain.

        Raises:
            NotFoundError: there is none.
            ConflictError: there are several.
        """
        found = [network for name in self.networks() if (network := self.network(name)).chain_id == chain_id]
        if not found:
            raise NotFoundError(f"no network file is for chain {chain_id}")
        if len(found) > 1:
            raise ConflictError(
                f"several network files are for chain {chain_id}: name one with --network",
                advice=f"Names of {self.path / 'networks'} without .yaml: {', '.join(self.networks())}.",
            )
        return found[0]

    def record(self, chain_id: int) -> Path:
        """File that tells what is deployed on a chain."""
        return self.path / f"{chain_id}.json"

    def deployment(self, chain_id: int) -> Deployment | None:
        """What is deployed on a chain, None if nothing is.

        Raises:
            InputError: the file is malformed.
        """
        file = self.record(chain_id)
        if not file.exists():
            return None
        try:
            return Deployment.from_json(json.loads(file.read_bytes()))
        except ValueError as error:
            raise InputError(f"{file.name} is no JSON: restore it from its history") from error

    def save(self, deployment: Deployment) -> None:
        """Write the file of a chain, whole or not at all, and durably.

        Raises:
            ConflictError: a contract that stood in the file would be gone.
        """
        file = self.record(deployment.chain_id)
        before = self.deployment(deployment.chain_id)
        for name, items in before.contracts.items() if before is not None else ():
            if deployment.contracts.get(name, ())[: len(items)] != items:
                raise ConflictError(
                    f"{file.name} would lose a {name}: it only grows",
                    advice="Somebody else may deploy on this chain now. Run it again: it reads the file anew; if it "
                    "says the same, compare the file with its history and with `salus verify-deployment`.",
                )
        scratch = file.with_suffix(".new")
        with scratch.open("w") as out:
            out.write(json.dumps(deployment.to_json(), indent=1, sort_keys=True) + "\n")
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(file)

    def set_aside(self, chain_id: int) -> Path | None:
        """Rename the file of a chain that began anew; the name it got, None if there was none."""
        file = self.record(chain_id)
        if not file.exists():
            return None
        number = 1
        while (aside := file.with_suffix(f".{number}.old.json")).exists():
            number += 1
        return file.rename(aside)


def _member(value: Any, words: DerivedAccounts | None, file: str) -> LocalSigner | str:
    if isinstance(value, int) and words is not None:
        return words.plain(value)
    if isinstance(value, int):
        raise InputError(f"{file}: member {value} is an index, but there is no mnemonic")
    return read_address(str(value))


def _yaml(file: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(file.read_text())
    except OSError as error:
        raise InputError(f"{file.name} can't be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} is no YAML: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{file.name} holds no settings")
    return value
