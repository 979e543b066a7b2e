"""Deploys the plan with Ape, the bytes of salus/artifacts/, so that `salus verify-deployment` accepts it.

tools/ape run ape_deploy --name dev --network http://127.0.0.1:8545
"""

from __future__ import annotations

from typing import Any

import click
from ape import accounts
from ape.cli import ConnectedProviderCommand
from ape.contracts import ContractContainer
from eth_utils import keccak
from ethpm_types import ContractType

from scripts.plan import DEPLOYER, Deploy, Install, Plan, artifact, load


@click.command(cls=ConnectedProviderCommand)
@click.option("--name", default="dev", help="a file of deployments/networks/")
def cli(name: str, provider: Any) -> None:
    """Deploy on the connected network and print the addresses."""
    contracts = deploy(load(name, members={i: account.address for i, account in enumerate(accounts.test_accounts)}))
    print(f"{name} on {provider.name}, chain {provider.chain_id}")
    for contract, instance in contracts.items():
        print(f"  {contract:20} {instance.address}")


def deploy(plan: Plan) -> dict[str, Any]:
    """Walk the plan; an account without power deploys, the members' accounts vote."""
    contracts: dict[str, Any] = {}
    deployer = accounts.test_accounts[DEPLOYER]
    for step in plan.steps:
        if isinstance(step, Deploy):
            arguments = plan.resolve(step, {key: contract.address for key, contract in contracts.items()})
            contracts[step.contract] = deployer.deploy(compiled(step.contract), *arguments, gas_price=0)
        else:
            install(contracts, step, plan)
    return contracts


def install(contracts: dict[str, Any], step: Install, plan: Plan) -> None:
    """Propose, approve and execute one directory proposal."""
    council = contracts["Council"]
    calls = [
        {"target": council.address, "callData": council.install.encode_input(role_of(name), contracts[name].address)}
        for name in step.contracts
    ]
    members = set(plan.settings["members"][: plan.settings["threshold"]])
    voters = [account for account in accounts.test_accounts if account.address in members]
    proposal = council.idOf(calls, step.salt)
    council.propose(calls, step.salt, sender=voters[0], gas_price=0)
    for voter in voters[1:]:
        council.approve(proposal, sender=voter, gas_price=0)
    council.execute(calls, step.salt, sender=voters[0], gas_price=0)


def compiled(contract: str) -> ContractContainer:
    """A contract as salus/artifacts has it: Ape compiles the same instructions under other source paths."""
    kept = artifact(contract)
    return ContractContainer(
        ContractType(
            contractName=contract,
            abi=kept["abi"],
            deploymentBytecode={"bytecode": kept["bytecode"]},
            runtimeBytecode={"bytecode": kept["deployedBytecode"]},
        )
    )


def role_of(contract: str) -> bytes:
    """Directory role of a contract."""
    return keccak(text=f"salus.role.{contract}")
