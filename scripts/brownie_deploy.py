"""Deploys the plan with Brownie.

tools/brownie run scripts/brownie_deploy.py main dev --network devnet
"""

from __future__ import annotations

from typing import Any

import brownie
from brownie import accounts, network, web3

from scripts.plan import Deploy, Install, Plan, load


def main(name: str = "dev") -> dict[str, Any]:
    """Deploy on the connected network and print the addresses."""
    contracts = deploy(load(name, members=dict(enumerate(web3.eth.accounts))))
    print(f"{name} on {network.show_active()}, chain {web3.eth.chain_id}")
    for contract, instance in contracts.items():
        print(f"  {contract:20} {instance.address}")
    return contracts


def deploy(plan: Plan) -> dict[str, Any]:
    """Walk the plan; the first account deploys, the members' accounts vote."""
    contracts: dict[str, Any] = {}
    # By address, because Brownie lists a node's accounts only on networks it launched itself.
    deployer = accounts.at(web3.eth.accounts[0], force=True)
    for step in plan.steps:
        if isinstance(step, Deploy):
            arguments = plan.resolve(step, {key: contract.address for key, contract in contracts.items()})
            contracts[step.contract] = getattr(brownie, step.contract).deploy(*arguments, sent_by(deployer))
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
