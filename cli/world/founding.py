"""Found the world on a running chain: deploy by the plan, apply, vote, form the custodian set, add operators.

Every step looks first what is there, so an interrupted founding goes on where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from cli.world.cast import CAST, COUNCIL, CUSTODIANS, THRESHOLD, Institution, Name
from cli.world.keys import KeyFolder, operators_of
from salus.adapters.chain.connect import Chain, connect, connect_deployer
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId
from salus.core.policy import ParticipantRole
from salus.core.state import CustodianSet
from salus.flows.admit import Applicant, Terms, add_operator, admit, apply, form_custodian_set
from salus.flows.council import Chamber
from salus.flows.deploy import Deployment, deploy

DEPLOYMENTS = Path(__file__).resolve().parents[2] / "deployments"
_YEAR_SECONDS = 365 * 86400
_QUOTA_PER_HOUR = 100_000
Progress = Callable[[str], None]
Seat = tuple[bytes, Address]
"""Public key of an institution's node, and the account it seals with."""
_NO_SEAT: Seat = (bytes(64), ZERO_ADDRESS)


def found(
    folder: Path,
    url: str,
    keys: KeyFolder,
    progress: Progress,
    network: str = "dev",
    seats: Mapping[str, Seat] = MappingProxyType({}),
) -> tuple[Deployment, dict[Name, ParticipantId]]:
    """Deployment and participant ids of the founded world; `deployment.json` in the folder keeps the deployment.

    `network` names the file of settings, `seats` the nodes with which institutions apply.
    """
    progress("deploying the contracts, and installing them by vote of the Council")
    deployment, chain = _deploy(folder, url, keys, network)
    try:
        chamber = chamber_in(chain, keys)
        progress("eight institutions apply, the Council admits them")
        with ThreadPoolExecutor(max_workers=len(CAST)) as pool:
            ids = dict(pool.map(lambda one: _apply(one, chain, keys, seats.get(one.name, _NO_SEAT)), CAST))
        until = chain.reader.head().timestamp + _YEAR_SECONDS
        admit([(ids[i.name], Terms(i.roles, until, _quota(i))) for i in CAST], chamber, chain.reader)
        progress("the Council forms a custodian set, 2 of 3; institutions add their operators")
        members = CustodianSet(tuple(ids[name] for name in CUSTODIANS), THRESHOLD)
        with ThreadPoolExecutor(max_workers=len(CAST)) as pool:
            forming = pool.submit(form_custodian_set, members, chamber, chain.reader)
            adding = [pool.submit(_add_operators, i, ids[i.name], chain, keys) for i in CAST]
            forming.result()
            for added in adding:
                added.result()
    finally:
        chain.close()
    return deployment, ids


def _deploy(folder: Path, url: str, keys: KeyFolder, network: str) -> tuple[Deployment, Chain]:
    plan: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "plan.yaml").read_text())
    settings: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "networks" / f"{network}.yaml").read_text())
    settings["members"] = [keys.signer(name).address for name in COUNCIL]
    file = folder / "deployment.json"
    known = Deployment.from_json(json.loads(file.read_text())) if file.exists() else None
    chains: list[Chain] = []

    def chamber_of(council: Any) -> Chamber:
        if not chains:
            chains.append(connect(url, council))
        return chamber_in(chains[0], keys)

    def save(deployment: Deployment) -> None:
        scratch = file.with_suffix(".new")
        scratch.write_text(json.dumps(deployment.to_json(), indent=1, sort_keys=True) + "\n")
        scratch.replace(file)

    # Anybody may deploy, for the deployer has no power: here an account that belongs to no institution.
    deployer = connect_deployer(url, [keys.signer(f"{Name.HOSPITAL_A}.relay-1")])
    deployment = deploy(plan, settings, deployer, chamber_of, known, save)
    return deployment, chains[0] if chains else connect(url, deployment.address("Council"))


def chamber_in(chain: Chain, keys: KeyFolder) -> Chamber:
    """The Council of the world: all its members vote."""
    return Chamber(chain.board, [chain.writer([keys.signer(name)]) for name in COUNCIL], time.sleep)


def _apply(institution: Institution, chain: Chain, keys: KeyFolder, seat: Seat) -> tuple[Name, ParticipantId]:
    principal = keys.signer(f"{institution.name}.operator")
    applicant = Applicant(
        principal.address,
        institution.kind,
        keys.sealing_public(institution.name),
        keccak(f"salus.dev.{institution.name}".encode()),
        accreditation=keccak(f"accreditation of {institution.title}".encode()),
        node_key=seat[0],
        validator=seat[1],
    )
    return institution.name, apply(applicant, chain.writer([principal]), chain.reader)


def _quota(institution: Institution) -> int:
    return 0 if ParticipantRole.CUSTODY in institution.roles else _QUOTA_PER_HOUR


def _add_operators(institution: Institution, participant: ParticipantId, chain: Chain, keys: KeyFolder) -> None:
    principal = keys.signer(f"{institution.name}.operator")
    writer = chain.writer([principal])
    deadline = chain.reader.head().timestamp + 3600
    for name in operators_of(institution)[1:]:
        add_operator(participant, keys.signer(name), deadline, writer, chain.reader)
