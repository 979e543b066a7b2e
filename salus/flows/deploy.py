"""Deploy the contracts of a plan and have the Council install them: resumable, and twice is once.

The plan is `deployments/plan.yaml`, the settings are a file of `deployments/networks/`, both parsed. What is deployed
is a `Deployment`, whose JSON is `deployments/<chain-id>.json`; it is handed to `save` after every contract, so that an
interrupted run goes on where it stopped. The deployer has no power: the votes of the members make the system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from salus.core.errors import ConflictError, InputError
from salus.core.ids import Address, hex32, role_id
from salus.core.ports import ContractCall
from salus.flows.council import Chamber, decide

COUNCIL = "Council"


class Deployer(Protocol):
    """Creates contracts."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        """Create a contract; its address once it is mined."""
        ...

    def has_code(self, address: Address) -> bool:
        """Whether there is a contract at an address."""
        ...

    def code_digest(self, contract: str) -> bytes:
        """keccak of the creation code it would deploy."""
        ...


@dataclass(frozen=True, slots=True)
class Deployed:
    """One created contract and the keccak of its creation code."""

    address: Address
    code: bytes


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts ever created for one Council, newest last under each name."""

    chain_id: int
    contracts: Mapping[str, tuple[Deployed, ...]] = field(default_factory=dict)

    def address(self, contract: str) -> Address:
        """Newest contract of a name.

        Raises:
            KeyError: none yet.
        """
        return self.contracts[contract][-1].address

    def with_contract(self, contract: str, deployed: Deployed) -> Deployment:
        """The deployment with one more contract."""
        return replace(self, contracts={**self.contracts, contract: (*self.contracts.get(contract, ()), deployed)})

    def to_json(self) -> dict[str, Any]:
        """Content of `deployments/<chain-id>.json`, sorted."""
        return {
            "chainId": self.chain_id,
            "contracts": {
                name: [{"address": item.address, "code": hex32(item.code)} for item in items]
                for name, items in sorted(self.contracts.items())
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Deployment:
        """Read the content of `deployments/<chain-id>.json`.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                int(value["chainId"]),
                {
                    name: tuple(
                        Deployed(Address(item["address"]), bytes.fromhex(item["code"].removeprefix("0x")))
                        for item in items
                    )
                    for name, items in value["contracts"].items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the deployment file is malformed: restore it, or deploy to a new chain") from error


def deploy(
    plan: Mapping[str, Any],
    settings: Mapping[str, Any],
    deployer: Deployer,
    chamber_of: Callable[[Address], Chamber],
    known: Deployment | None = None,
    save: Callable[[Deployment], None] = lambda _: None,
) -> Deployment:
    """Walk the plan. `settings["members"]` are addresses; `chamber_of` gives the voters of a Council by its address.

    A contract that `known` names, and that is there, is not created again.

    Raises:
        InputError: the plan or the settings are malformed, or for another chain.
        ConflictError: `known` names a contract of another version than the artifacts: replace it by a proposal instead.
        ChainRevert: a constructor or a proposal is refused.
    """
    if int(settings["chainId"]) != deployer.chain_id:
        raise InputError(f"the settings are for chain {settings['chainId']}, the node is on {deployer.chain_id}")
    if known is not None and known.chain_id != deployer.chain_id:
        raise InputError(f"the deployment file is of chain {known.chain_id}, the node is on {deployer.chain_id}")
    deployment = known or Deployment(deployer.chain_id)
    if COUNCIL in deployment.contracts and not deployer.has_code(deployment.address(COUNCIL)):
        deployment = Deployment(deployer.chain_id)  # a development chain that began anew
    for step in plan["steps"]:
        match step:
            case {"contract": str(contract)}:
                args = [_resolve(argument, deployment, settings) for argument in step.get("arguments", ())]
                deployment = _create(contract, args, deployment, deployer)
                save(deployment)
            case {"install": [*contracts]}:
                _install(contracts, deployment, chamber_of(deployment.address(COUNCIL)))
            case _:
                raise InputError("a step of the plan is `contract` or `install`")
    return deployment


def _create(contract: str, args: Sequence[Any], deployment: Deployment, deployer: Deployer) -> Deployment:
    code = deployer.code_digest(contract)
    if contract in deployment.contracts and deployer.has_code(deployment.address(contract)):
        if deployment.contracts[contract][-1].code != code:
            raise ConflictError(f"{contract} is deployed in another version: replace it by a proposal of the Council")
        return deployment
    return deployment.with_contract(contract, Deployed(deployer.deploy(contract, args), code))


def _install(contracts: Sequence[str], deployment: Deployment, chamber: Chamber) -> None:
    calls = [install_call(contract, deployment.address(contract)) for contract in contracts]
    salt = ",".join(contracts).encode()[:32].ljust(32, b"\0")  # as scripts/plan.py names it
    decide(calls, salt, chamber)


def install_call(contract: str, address: Address) -> ContractCall:
    """The call, by the Council to itself, that gives a contract its directory role."""
    return ContractCall(COUNCIL, "install", (role_id(contract), address))


def _resolve(argument: Any, deployment: Deployment, settings: Mapping[str, Any]) -> Any:
    if not (isinstance(argument, str) and argument.startswith("$")):
        return argument
    name = argument[1:]
    if name in deployment.contracts:
        return deployment.address(name)
    if name in settings:
        return settings[name]
    raise InputError(f"the plan refers to {argument}: no earlier contract and no setting has this name")
