"""Deploys the plan with Ape.

tools/ape run ape_deploy --name dev --network ethereum:local:foundry
"""

from __future__ import annotations

from typing import Any

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand
from eth_utils import keccak

from scripts.plan import Deploy, Install, Plan, load


@click.command(cls=ConnectedProviderCommand)
@click.option("--name", default="dev", help="a file of deployments/networks/")
def cli(name: str, provider: Any) -> None:
    """Deploy on the connected network and print the addresses."""
    contracts = deploy(load(name, members={i: account.address for i, account in enumerate(accounts.test_accounts)}))
    print(f"{name} on {provider.name}, chain {provider.chain_id}")
    for contract, instance in contracts.items():
        print(f"  {contract:20} {instance.address}")


def deploy(plan: Plan) -> dict[str, Any]:
    """Walk the plan; the first account deploys, the members' accounts vote."""
    contracts: dict[str, Any] = {}
    deployer = accounts.test_accounts[0]
    for step in plan.steps:
        if isinstance(step, Deploy):
            arguments = plan.resolve(step, {key: contract.address for key, contract in contracts.items()})
            contracts[step.contract] = deployer.deploy(getattr(project, step.contract), *arguments)
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
    council.propose(calls, step.salt, sender=voters[0])
    for voter in voters[1:]:
        council.approve(proposal, sender=voter)
    council.execute(calls, step.salt, sender=voters[0])


def role_of(contract: str) -> bytes:
    """Directory role of a contract."""
    return keccak(text=f"salus.role.{contract}")
