"""`salus deploy`: from the plan to a chain, step by step, taken up where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.deployment_files import FOLDER, DeploymentFolder, Network
from salus.adapters.chain.connect import Chain, connect, connect_deployer
from salus.adapters.keys import files, keystore
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import InputError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, hex32
from salus.flows.council import Chamber
from salus.flows.deploy import COUNCIL, Deployer, Deployment, begin, deploy

DEFAULT_RPC = "http://127.0.0.1:8545"
NetworkOption = Annotated[str, typer.Option(help="A file of deployments/networks/.")]
RpcOption = Annotated[str, typer.Option(help="JSON-RPC address of a node.")]
FolderOption = Annotated[
    Path | None, typer.Option(help="Folder with plan.yaml and networks/; deployments/ when left out.", file_okay=False)
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deploy", help="Deploy the contracts of deployments/plan.yaml; run it again to go on.")(deploy_plan)


def deploy_plan(
    network: NetworkOption = "dev",
    rpc: RpcOption = DEFAULT_RPC,
    deployer: Annotated[Path | None, typer.Option(help="Keystore of the account that creates; no power.")] = None,
    member: Annotated[list[Path] | None, typer.Option(help="Keystore of a Council member that votes.")] = None,
    passphrase_file: Annotated[Path | None, typer.Option(help="Passphrase of the keystores.")] = None,
    folder: FolderOption = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for a transaction or a delay.")] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="The chain began anew: set its file aside.")] = False,
) -> None:
    """Print the plan, ask, deploy, and write deployments/<chain-id>.json."""
    place = DeploymentFolder(folder or FOLDER)
    plan, wanted = place.plan(), place.network(network)
    creator, voters = _accounts(wanted, deployer, member or [], passphrase_file)
    creates = _deployer(rpc, creator, patience)
    if anew:
        begin(wanted.settings, creates, None)
        place.set_aside(creates.chain_id)
    known = place.deployment(creates.chain_id)
    begin(wanted.settings, creates, known, anew=False)
    _show(plan, wanted, known, creates, rpc)
    _ask(yes=yes)

    chains: list[Chain] = []

    def chamber_of(council: Address) -> Chamber:
        if not chains:
            chains.append(connect(rpc, council))
        writers = [chains[0].writer([voter], patience=patience) for voter in voters]
        return Chamber(chains[0].board, writers, time.sleep, patience, partial=not wanted.members)

    try:
        deployment = deploy(plan, wanted.settings, creates, chamber_of, known, _saver(place), anew=False)
    except UnavailableError:
        if not wanted.members:
            output.say(
                f"So far: {place.record(creates.chain_id)}. Each member, with a copy of it:\n"
                f"   salus deploy --network {network} --rpc URL --member KEYSTORE --passphrase-file FILE"
            )
        raise
    lines = [f"   {name:20} {deployment.address(name)}" for name in deployment.contracts]
    value = {**deployment.to_json(), "file": str(place.record(deployment.chain_id))}
    output.emit(value, ["Deployed:", *lines, f"Written: {value['file']}", "Check it: salus verify-deployment"])


@dataclass(frozen=True, slots=True)
class _Onlooker:
    """Looks what is there through another deployer, but creates nothing: a member that votes is no deployer."""

    eyes: Deployer

    @property
    def chain_id(self) -> int:
        return self.eyes.chain_id

    @property
    def account(self) -> Address:
        return ZERO_ADDRESS

    def next_address(self) -> Address:
        raise InputError("a contract of the plan is not created yet: run this with --deployer KEYSTORE")

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        del args
        raise InputError(f"{contract} is not created yet: run this with --deployer KEYSTORE")

    def has_code(self, address: Address) -> bool:
        return self.eyes.has_code(address)

    def transaction_of(self, address: Address) -> bytes | None:
        return self.eyes.transaction_of(address)

    def code_digest(self, contract: str) -> bytes:
        return self.eyes.code_digest(contract)

    def encode(self, contract: str, args: Sequence[Any]) -> bytes:
        return self.eyes.encode(contract, args)


def _accounts(
    network: Network, deployer: Path | None, members: list[Path], passphrase_file: Path | None
) -> tuple[LocalSigner | None, list[LocalSigner]]:
    """Who creates and who votes: the keystores given, else the accounts of the network's mnemonic."""
    if (deployer is not None or members) and passphrase_file is None:
        raise InputError("keystores need --passphrase-file")
    passphrase = files.read_passphrase(passphrase_file) if passphrase_file is not None else ""
    creator = keystore.load(deployer, passphrase) if deployer is not None else network.deployer
    voters = [keystore.load(file, passphrase) for file in members] or list(network.members)
    for voter in voters:
        if voter.address not in network.settings["members"]:
            raise InputError(f"{voter.address} is no member in the network file")
    if creator is not None and creator.address in network.settings["members"]:
        raise InputError(f"{creator.address} is a member: deploy with an account that has no power")
    return creator, voters


def _deployer(rpc: str, creator: LocalSigner | None, patience: float) -> Deployer:
    if creator is not None:
        return connect_deployer(rpc, [creator], patience=patience)
    return _Onlooker(connect_deployer(rpc, [LocalSigner(keccak(b"nobody"))], patience=patience))


def _saver(place: DeploymentFolder) -> Callable[[Deployment], None]:
    def save(deployment: Deployment) -> None:
        place.save(deployment)
        if deployment.pending is not None:
            output.say(f"   creating {deployment.pending[0]} at {deployment.pending[1].address}")

    return save


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if output.is_json():
        raise InputError("--json asks no questions: add --yes")
    typer.confirm("Deploy?", abort=True)


def _show(plan: dict[str, Any], network: Network, known: Deployment | None, deployer: Deployer, rpc: str) -> None:
    settings = network.settings
    output.say(f"Network {network.name}, chain {network.chain_id}, node {rpc}, deployer {deployer.account}")
    output.say(f"Council: {settings['threshold']} of {len(settings['members'])} members")
    for address in settings["members"]:
        output.say(f"   {address}")
    output.say(
        f"Delays: Council {settings['councilDelaySeconds']} s, recovery {settings['recoveryDelaySeconds']} s, "
        f"cooling-off {settings['coolingOffSeconds']} s"
    )
    output.say("Plan:")
    for number, line in enumerate(_lines(plan, network, known, deployer), 1):
        output.say(f"   {number:2} {line}")


def _lines(plan: dict[str, Any], network: Network, known: Deployment | None, deployer: Deployer) -> Iterator[str]:
    for step in plan["steps"]:
        if "install" in step:
            yield f"vote: the Council installs {', '.join(step['install'])}"
            continue
        contract = str(step["contract"])
        there = known is not None and contract in known.contracts
        state = f"is at {known.address(contract)}" if known is not None and there else "create"
        arguments = ", ".join(_argument(item, network, contract == COUNCIL) for item in step.get("arguments", ()))
        yield f"{state}: {contract}({arguments}), code {hex32(deployer.code_digest(contract))[:18]}…"


def _argument(value: Any, network: Network, of_council: bool) -> str:
    name = str(value).removeprefix("$")
    if name == "members" and of_council:
        return f"{len(network.settings['members'])} members"
    return f"{name}={network.settings[name]}" if name in network.settings else name
