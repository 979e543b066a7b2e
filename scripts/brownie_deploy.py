"""Deploys the plan with Brownie, the bytes of salus/artifacts/, so that `salus verify-deployment` accepts it.

SALUS_RPC_URL=http://127.0.0.1:8545 tools/brownie run scripts/brownie_deploy.py main dev --network devnet
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brownie
from brownie import Contract, accounts, network, web3

from scripts.plan import DEPLOYER, Deploy, Install, Plan, artifact, load

Create = Callable[[str, list[Any], Any], Any]
"""Creates a contract by name with constructor arguments, sent by an account."""


def main(name: str = "dev") -> dict[str, Any]:
    """Deploy on the connected network and print the addresses."""
    contracts = deploy(load(name, members=dict(enumerate(web3.eth.accounts))), from_artifacts)
    print(f"{name} on {network.show_active()}, chain {web3.eth.chain_id}")
    for contract, instance in contracts.items():
        print(f"  {contract:20} {instance.address}")
    return contracts


def from_project(contract: str, arguments: list[Any], deployer: Any) -> Any:
    """As Brownie compiled it: the same instructions, with the metadata hash of Brownie's own source paths."""
    return getattr(brownie, contract).deploy(*arguments, sent_by(deployer))


def from_artifacts(contract: str, arguments: list[Any], deployer: Any) -> Any:
    """As salus/artifacts has it."""
    compiled = artifact(contract)
    factory = web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    sent = deployer.transfer(data=factory.constructor(*arguments).data_in_transaction, gas_price=0)
    return Contract.from_abi(contract, sent.contract_address, compiled["abi"])


def deploy(plan: Plan, create: Create = from_project) -> dict[str, Any]:
    """Walk the plan; an account without power deploys, the members' accounts vote."""
    contracts: dict[str, Any] = {}
    # By address, because Brownie lists a node's accounts only on networks it launched itself.
    deployer = accounts.at(web3.eth.accounts[DEPLOYER], force=True)
    for step in plan.steps:
        if isinstance(step, Deploy):
            arguments = plan.resolve(step, {key: contract.address for key, contract in contracts.items()})
            contracts[step.contract] = create(step.contract, arguments, deployer)
        else:
            install(contracts, step, plan)
    return contracts


def install(contracts: dict[str, Any], step: Install, plan: Plan) -> None:
    """Propose, approve and execute one directory proposal."""
    council = contracts["Council"]
    calls = [
        (council.address, council.install.encode_input(role_of(name), contracts[name].address))
        for name in step.contracts
    ]
    voters = [accounts.at(member, force=True) for member in plan.settings["members"][: plan.settings["threshold"]]]
    proposal = council.idOf(calls, step.salt)
    council.propose(calls, step.salt, sent_by(voters[0]))
    for voter in voters[1:]:
        council.approve(proposal, sent_by(voter))
    council.execute(calls, step.salt, sent_by(voters[0]))


def sent_by(account: Any) -> dict[str, Any]:
    """A legacy transaction at price zero: it runs the same on every engine."""
    return {"from": account, "gas_price": 0}


def role_of(contract: str) -> bytes:
    """Directory role of a contract."""
    return bytes(web3.keccak(text=f"salus.role.{contract}"))
