"""A deployed world on a real Anvil: contracts from the plan, institutions admitted, custodian set 1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.chain.connect import Chain, connect, connect_deployer
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.reader import Reader
from salus.adapters.keys.hd import DerivedAccounts
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.hashing import keccak, sha256
from salus.core.ids import ParticipantId
from salus.core.policy import ParticipantRole
from salus.core.state import CustodianSet, ParticipantKind
from salus.flows.admit import Applicant, Terms, admit, apply, form_custodian_set
from salus.flows.council import Chamber
from salus.flows.deploy import Deployment, deploy

DEPLOYMENTS = Path(__file__).resolve().parents[2] / "deployments"
_CARE = ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY
CAST: dict[str, tuple[ParticipantKind, ParticipantRole]] = {
    "hospital-a": (ParticipantKind.HOSPITAL, _CARE),
    "hospital-b": (ParticipantKind.HOSPITAL, _CARE),
    "checkup": (ParticipantKind.CHECKUP_CENTRE, ParticipantRole.SOURCE | ParticipantRole.CARE),
    "institute": (ParticipantKind.RESEARCH_INSTITUTE, ParticipantRole.RESEARCH),
    "regulator": (ParticipantKind.REGULATOR, ParticipantRole.SUPERVISE),
    "custodian-1": (ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    "custodian-2": (ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    "custodian-3": (ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
}


@dataclass(frozen=True, slots=True)
class Party:
    """An admitted institution: its operator account, a writer with it, and its X25519 private key."""

    name: str
    participant: ParticipantId
    operator: LocalSigner
    writer: Lanes
    encryption_key: bytes


@dataclass(frozen=True, slots=True)
class ChainWorld:
    """The deployed world. `relay` sends for patients and has accounts of no institution."""

    anvil: Anvil
    chain: Chain
    settings: dict[str, Any]
    deployment: Deployment
    chamber: Chamber
    parties: dict[str, Party]
    relay: Lanes
    custodian_set: int

    @property
    def reader(self) -> Reader:
        """The ChainReader port."""
        return self.chain.reader

    def party(self, name: str) -> Party:
        """An institution by name."""
        return self.parties[name]


def account(label: str) -> LocalSigner:
    """An account of its own for a label, the same on every run."""
    return LocalSigner(keccak(f"integration|{label}".encode()))


def plan_and_settings() -> tuple[dict[str, Any], dict[str, Any], list[LocalSigner]]:
    """The plan, the development settings with addresses for members, and the members' accounts."""
    plan = yaml.safe_load((DEPLOYMENTS / "plan.yaml").read_text())
    settings = yaml.safe_load((DEPLOYMENTS / "networks" / "dev.yaml").read_text())
    words = DerivedAccounts(settings["mnemonic"])
    members = [words.plain(index) for index in settings["members"]]
    settings["members"] = [member.address for member in members]
    return plan, settings, members


@contextmanager
def own_world(accredited_days: int = 365) -> Iterator[ChainWorld]:
    """A world on an Anvil of its own, which ends with it."""
    with Anvil(AnvilSettings(free_port())) as anvil:
        with anvil.instant():
            world = build(anvil, accredited_days)
        try:
            yield world
        finally:
            world.chain.close()


def build(anvil: Anvil, accredited_days: int = 365) -> ChainWorld:
    """Deploy and admit everything on a running Anvil."""
    plan, settings, members = plan_and_settings()
    deployer = connect_deployer(anvil.url, [account("deployer")])
    chains: list[Chain] = []

    def chamber_of(council: Any) -> Chamber:
        if not chains:
            chains.append(connect(anvil.url, council))
        return Chamber(chains[0].board, [chains[0].writer([member]) for member in members], time.sleep)

    deployment = deploy(plan, settings, deployer, chamber_of)
    chain = chains[0]
    chamber = chamber_of(deployment.address("Council"))
    with ThreadPoolExecutor(max_workers=len(CAST)) as pool:
        parties = {party.name: party for party in pool.map(lambda name: _apply(name, chain), CAST)}
    until = chain.reader.head().timestamp + accredited_days * 86400
    admit(
        [
            (party.participant, Terms(CAST[name][1], until, 0 if ParticipantRole.CUSTODY in CAST[name][1] else 100_000))
            for name, party in parties.items()
        ],
        chamber,
        chain.reader,
    )
    custodians = tuple(parties[f"custodian-{number}"].participant for number in (1, 2, 3))
    number = form_custodian_set(CustodianSet(custodians, 2), chamber, chain.reader)
    relay = chain.writer([account("relay-1"), account("relay-2")])
    return ChainWorld(anvil, chain, settings, deployment, chamber, parties, relay, number)


def join(world: ChainWorld, name: str, kind: ParticipantKind, role: ParticipantRole) -> Party:
    """Admit one more institution to a world that is not shared; `party` finds it from now on."""
    party = _apply(name, world.chain, kind)
    until = world.reader.head().timestamp + 365 * 86400
    admit([(party.participant, Terms(role, until, 0))], world.chamber, world.reader)
    world.parties[name] = party
    return party


def _apply(name: str, chain: Chain, kind: ParticipantKind | None = None) -> Party:
    operator = account(f"operator|{name}")
    private_key = sha256(f"integration|encryption|{name}".encode())
    writer = chain.writer([operator])
    applicant = Applicant(operator.address, kind or CAST[name][0], hpke.public_key(private_key), keccak(name.encode()))
    return Party(name, apply(applicant, writer, chain.reader), operator, writer, private_key)
