"""A consortium on a development chain: contracts deployed by the plan, named institutions admitted, custodian set 1.

Every account is of the development mnemonic, which everybody knows, so that wallets and other tools have them too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from salus.adapters.chain.connect import Chain, connect, connect_deployer
from salus.adapters.keys.hd import DerivedAccounts
from salus.core import hpke
from salus.core.hashing import keccak
from salus.core.ids import Address, ParticipantId
from salus.core.policy import ParticipantRole
from salus.core.state import CustodianSet, ParticipantKind
from salus.flows.admit import Applicant, Terms, admit, apply, form_custodian_set
from salus.flows.council import Chamber
from salus.flows.deploy import Deployment, deploy

DEPLOYMENTS = Path(__file__).resolve().parents[1] / "deployments"
DEPLOYER = 9
RELAY = 8
"""Account of no institution that may carry what patients sign."""
_CARE = ParticipantRole.SOURCE | ParticipantRole.CARE
_YEAR_SECONDS = 365 * 86400
_QUOTA_PER_HOUR = 10_000
_THRESHOLD = 2


@dataclass(frozen=True, slots=True)
class Member:
    """An institution: index of its operator's account in the mnemonic, kind and roles."""

    index: int
    kind: ParticipantKind
    roles: ParticipantRole


CAST: Mapping[str, Member] = {
    "hospital-a": Member(3, ParticipantKind.HOSPITAL, _CARE | ParticipantRole.EMERGENCY),
    "hospital-b": Member(4, ParticipantKind.HOSPITAL, _CARE | ParticipantRole.EMERGENCY),
    "checkup": Member(5, ParticipantKind.CHECKUP_CENTRE, _CARE),
    "institute": Member(6, ParticipantKind.RESEARCH_INSTITUTE, ParticipantRole.RESEARCH),
    "regulator": Member(7, ParticipantKind.REGULATOR, ParticipantRole.SUPERVISE),
    "custodian-1": Member(10, ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    "custodian-2": Member(11, ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    "custodian-3": Member(12, ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
}


@dataclass(frozen=True, slots=True)
class Consortium:
    """What stands on the chain."""

    url: str
    settings: Mapping[str, Any]
    deployment: Deployment
    participants: Mapping[str, ParticipantId]

    @property
    def council(self) -> Address:
        """Address of the Council, from which everything else is found."""
        return self.deployment.address("Council")

    @property
    def words(self) -> str:
        """The mnemonic."""
        return str(self.settings["mnemonic"])


def found(url: str, network: str = "dev") -> Consortium:
    """Deploy and admit everybody on a running chain that has blocks at once.

    Raises:
        ChainRevert: the chain has such a consortium already in another state.
    """
    settings: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "networks" / f"{network}.yaml").read_text())
    plan: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "plan.yaml").read_text())
    words = DerivedAccounts(settings["mnemonic"])
    members = [words.plain(index) for index in settings["members"]]
    addressed = {**settings, "members": [member.address for member in members]}
    chains: list[Chain] = []

    def chamber_of(council: Address) -> Chamber:
        if not chains:
            chains.append(connect(url, council))
        return Chamber(chains[0].board, [chains[0].writer([member]) for member in members], time.sleep)

    deployment = deploy(plan, addressed, connect_deployer(url, [words.plain(DEPLOYER)]), chamber_of)
    chamber, chain = chamber_of(deployment.address("Council")), chains[0]
    try:
        with ThreadPoolExecutor(max_workers=len(CAST)) as pool:
            ids = dict(zip(CAST, pool.map(lambda name: _apply(name, chain, words), CAST), strict=True))
        until = chain.reader.head().timestamp + _YEAR_SECONDS
        admit(
            [(ids[name], Terms(member.roles, until, _quota(member))) for name, member in CAST.items()],
            chamber,
            chain.reader,
        )
        custodians = tuple(ids[name] for name in CAST if name.startswith("custodian"))
        form_custodian_set(CustodianSet(custodians, _THRESHOLD), chamber, chain.reader)
    finally:
        chain.close()
    return Consortium(url, addressed, deployment, ids)


def encryption_key(name: str) -> bytes:
    """Private X25519 key of an institution of the cast, 32 bytes."""
    return keccak(f"salus.devnet.encryption.{name}".encode())


def _apply(name: str, chain: Chain, words: DerivedAccounts) -> ParticipantId:
    principal = words.plain(CAST[name].index)
    key = hpke.public_key(encryption_key(name))
    applicant = Applicant(principal.address, CAST[name].kind, key, keccak(f"salus.devnet.{name}".encode()))
    return apply(applicant, chain.writer([principal]), chain.reader)


def _quota(member: Member) -> int:
    return 0 if ParticipantRole.CUSTODY in member.roles else _QUOTA_PER_HOUR
