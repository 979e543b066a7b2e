"""Deploy the contracts of a plan and have the Council install them: resumable, and twice is once.

The plan is `deployments/plan.yaml`, the settings are a file of `deployments/networks/`, both parsed. What is deployed
is a `Deployment`, whose JSON is `deployments/<chain-id>.json`. It is handed to `save` before and after every creation:
before, with the address the contract is going to have, so that a run that is killed in between finds it again. The
deployer has no power: the votes of the members make the system.
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
    """Creates contracts, all with one account."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    @property
    def account(self) -> Address:
        """The account that creates."""
        ...

    def next_address(self) -> Address:
        """Address of the contract it creates next, once nothing of this account waits to be mined.

        Raises:
            ConflictError: something goes on waiting.
        """
        ...

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        """Create a contract; its address once it is mined."""
        ...

    def has_code(self, address: Address) -> bool:
        """Whether there is a contract at an address."""
        ...

    def transaction_of(self, address: Address) -> bytes | None:
        """Hash of the transaction that created a contract, None if the node can't tell any more."""
        ...

    def code_digest(self, contract: str) -> bytes:
        """keccak of the creation code it would deploy."""
        ...

    def encode(self, contract: str, args: Sequence[Any]) -> bytes:
        """Constructor arguments as they follow the creation code."""
        ...


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract: keccak of its creation code, its ABI-encoded constructor arguments, who created it, and the hash of
    the transaction that did. Files written by hand may lack the last three.
    """

    address: Address
    code: bytes
    arguments: bytes | None = None
    deployer: Address | None = None
    transaction: bytes | None = None

    def to_json(self) -> dict[str, str]:
        """One entry of the file."""
        value = {"address": str(self.address), "code": hex32(self.code)}
        if self.arguments is not None:
            value["arguments"] = hex32(self.arguments)
        if self.deployer is not None:
            value["deployer"] = str(self.deployer)
        return value if self.transaction is None else {**value, "transaction": hex32(self.transaction)}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Deployed:
        """Read one entry."""
        deployer = value.get("deployer")
        return cls(
            Address(value["address"]),
            _bytes(value["code"]),
            _bytes(value["arguments"]) if "arguments" in value else None,
            None if deployer is None else Address(deployer),
            _bytes(value["transaction"]) if "transaction" in value else None,
        )


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts ever created for one Council, newest last under each name; `pending` is being created."""

    chain_id: int
    contracts: Mapping[str, tuple[Deployed, ...]] = field(default_factory=dict)
    pending: tuple[str, Deployed] | None = None

    def address(self, contract: str) -> Address:
        """Newest contract of a name.

        Raises:
            KeyError: none yet.
        """
        return self.contracts[contract][-1].address

    def with_contract(self, contract: str, deployed: Deployed) -> Deployment:
        """The deployment with one more contract, and nothing pending."""
        grown = (*self.contracts.get(contract, ()), deployed)
        return Deployment(self.chain_id, {**self.contracts, contract: grown})

    def to_json(self) -> dict[str, Any]:
        """Content of `deployments/<chain-id>.json`, sorted."""
        value: dict[str, Any] = {
            "chainId": self.chain_id,
            "contracts": {name: [item.to_json() for item in items] for name, items in sorted(self.contracts.items())},
        }
        if self.pending is not None:
            value["pending"] = {"contract": self.pending[0], **self.pending[1].to_json()}
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Deployment:
        """Read the content of `deployments/<chain-id>.json`.

        Raises:
            InputError: malformed.
        """
        try:
            pending = value.get("pending")
            return cls(
                int(value["chainId"]),
                {name: tuple(Deployed.from_json(item) for item in items) for name, items in value["contracts"].items()},
                None if pending is None else (str(pending["contract"]), Deployed.from_json(pending)),
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
    *,
    anew: bool = True,
) -> Deployment:
    """Walk the plan. `settings["members"]` are addresses; `chamber_of` gives the voters of a Council by its address.

    A contract that `known` names, and that is there, is not created again. A node without the Council of `known` is
    taken for a development chain that began anew; with `anew` False it is an error.

    Raises:
        InputError: the plan or the settings are malformed, or for another chain.
        ConflictError: `known` names a contract of another version than the artifacts, or with other arguments: replace
            it by a proposal instead. Or somebody else uses the deployer's account.
        ChainRevert: a constructor or a proposal is refused.
        UnavailableError: a vote waits for other members or for the end of a delay.
    """
    deployment = begin(settings, deployer, known, anew=anew)
    for step in plan["steps"]:
        match step:
            case {"contract": str(contract)}:
                args = arguments_of(step, deployment, settings)
                deployment = _create(contract, args, deployment, deployer, save)
            case {"install": [*contracts]}:
                _install(contracts, deployment, chamber_of(deployment.address(COUNCIL)))
            case _:
                raise InputError("a step of the plan is `contract` or `install`")
    return deployment


def begin(
    settings: Mapping[str, Any], deployer: Deployer, known: Deployment | None, *, anew: bool = True
) -> Deployment:
    """What is there already; errors as `deploy`."""
    if int(settings["chainId"]) != deployer.chain_id:
        raise InputError(f"the settings are for chain {settings['chainId']}, the node is on {deployer.chain_id}")
    if known is not None and known.chain_id != deployer.chain_id:
        raise InputError(f"the deployment file is of chain {known.chain_id}, the node is on {deployer.chain_id}")
    if known is None or COUNCIL not in known.contracts or deployer.has_code(known.address(COUNCIL)):
        return known or Deployment(deployer.chain_id)
    if anew:
        return Deployment(deployer.chain_id)
    raise ConflictError(
        f"the node has no contract at {known.address(COUNCIL)}, which the deployment file names as the Council: "
        "it is behind, or it is another chain of the same id",
        advice="Behind: wait until it has caught up. A development chain that began anew: `salus deploy --anew`.",
    )


def arguments_of(step: Mapping[str, Any], deployment: Deployment, settings: Mapping[str, Any]) -> list[Any]:
    """Constructor arguments of a step.

    Raises:
        InputError: a reference names neither an earlier contract nor a setting.
    """
    return [_resolve(argument, deployment, settings) for argument in step.get("arguments", ())]


def _create(
    contract: str, args: Sequence[Any], deployment: Deployment, deployer: Deployer, save: Callable[[Deployment], None]
) -> Deployment:
    code, arguments = deployer.code_digest(contract), deployer.encode(contract, args)
    if contract in deployment.contracts and deployer.has_code(deployment.address(contract)):
        _require_same(contract, deployment.contracts[contract][-1], code, arguments)
        return deployment
    pending = deployment.pending
    if pending is not None and pending[1].deployer not in {None, deployer.account}:
        raise ConflictError(
            f"{pending[1].deployer} began to create {pending[0]}: go on with the same deployer",
            advice="Name its keystore by --deployer: what it has sent may still be mined.",
        )
    address = deployer.next_address()  # waits for what an interrupted run has sent
    if pending is not None and pending[0] == contract and deployer.has_code(pending[1].address):
        _require_same(contract, pending[1], code, arguments)
        created = pending[1]
    else:
        created = Deployed(address, code, arguments, deployer.account)
        save(replace(deployment, pending=(contract, created)))
        if deployer.deploy(contract, args) != address:
            raise ConflictError(
                f"somebody else sends with {deployer.account}: deploy with an account of its own",
                advice="End what else sends with it, then run this again with the same deployer: it goes on from here.",
            )
    deployment = deployment.with_contract(
        contract, replace(created, transaction=deployer.transaction_of(created.address))
    )
    save(deployment)
    return deployment


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _require_same(contract: str, there: Deployed, code: bytes, arguments: bytes) -> None:
    if there.code != code:
        raise ConflictError(
            f"{contract} is deployed in another version: replace it by a proposal of the Council",
            advice="Or go on with the version of Salus that began this deployment; `salus verify-deployment` compares.",
        )
    if there.arguments not in {None, arguments}:
        raise ConflictError(
            f"{contract} is deployed with other constructor arguments: has the plan or the network file changed since?",
            advice="Put back plan.yaml and the network file as they were then (git log), and run it again.",
        )


def _install(contracts: Sequence[str], deployment: Deployment, chamber: Chamber) -> None:
    holders = {contract: chamber.board.holder(contract) for contract in contracts}
    for contract, holder in holders.items():
        if holder not in {None, deployment.address(contract)}:
            raise ConflictError(
                f"the Council's directory has {contract} at {holder}, the deployment file at "
                f"{deployment.address(contract)}: was it replaced by a proposal? Then append the new one to the file",
                advice="The directory counts. Was it not, the file is of another deployment: --council says of which.",
            )
    empty = [contract for contract in contracts if holders[contract] is None]
    if empty:
        calls = [install_call(contract, deployment.address(contract)) for contract in empty]
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
