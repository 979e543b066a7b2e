"""Who is in the world: institutions with their kinds and roles, and the ports of their services."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from salus.core.errors import InputError
from salus.core.policy import ParticipantRole
from salus.core.state import ParticipantKind

_CARE = ParticipantRole.SOURCE | ParticipantRole.CARE
BASE_PORT = 18500


class Name(StrEnum):
    """Short names of the institutions: used in commands, file names and logs."""

    HOSPITAL_A = "hospital-a"
    HOSPITAL_B = "hospital-b"
    CHECKUP = "checkup"
    INSTITUTE = "institute"
    REGULATOR = "regulator"
    CUSTODIAN_1 = "custodian-1"
    CUSTODIAN_2 = "custodian-2"
    CUSTODIAN_3 = "custodian-3"


@dataclass(frozen=True, slots=True)
class Institution:
    """One member of the cast; `title` in English and `title_zh` in Chinese are for people only.

    `charset` and `authority` (of patient numbers) are its oracle's, as `cli.hospital_people` makes them up.
    """

    name: Name
    title: str
    title_zh: str
    kind: ParticipantKind
    roles: ParticipantRole
    api: bool = False
    oracle: bool = False
    charset: str = ""
    authority: str = ""


CAST: tuple[Institution, ...] = (
    Institution(
        Name.HOSPITAL_A,
        "Hospital A",
        "甲医院",
        ParticipantKind.HOSPITAL,
        _CARE | ParticipantRole.EMERGENCY,
        api=True,
    ),
    Institution(
        Name.HOSPITAL_B,
        "Hospital B",
        "乙医院",
        ParticipantKind.HOSPITAL,
        _CARE | ParticipantRole.EMERGENCY,
        api=True,
        oracle=True,
        charset="utf-8",
        authority="SHILI-H1",
    ),
    Institution(
        Name.CHECKUP,
        "Check-up centre",
        "体检中心",
        ParticipantKind.CHECKUP_CENTRE,
        _CARE,
        api=True,
        oracle=True,
        charset="gb18030",
        authority="SHILI-TJ",
    ),
    Institution(
        Name.INSTITUTE,
        "Research institute",
        "研究所",
        ParticipantKind.RESEARCH_INSTITUTE,
        ParticipantRole.RESEARCH,
        api=True,
    ),
    Institution(
        Name.REGULATOR,
        "Regulator",
        "监管机构",
        ParticipantKind.REGULATOR,
        ParticipantRole.SUPERVISE,
        api=True,
    ),
    Institution(Name.CUSTODIAN_1, "Custodian 1", "托管方一", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    Institution(Name.CUSTODIAN_2, "Custodian 2", "托管方二", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
    Institution(Name.CUSTODIAN_3, "Custodian 3", "托管方三", ParticipantKind.CUSTODIAN, ParticipantRole.CUSTODY),
)
BY_NAME = {institution.name: institution for institution in CAST}
COUNCIL = ("council-1", "council-2", "council-3")
WITH_API = tuple(institution.name for institution in CAST if institution.api)
WITH_ORACLE = tuple(institution.name for institution in CAST if institution.oracle)
CUSTODIANS = (Name.CUSTODIAN_1, Name.CUSTODIAN_2, Name.CUSTODIAN_3)
THRESHOLD = 2
VALIDATORS = (Name.HOSPITAL_A, *CUSTODIANS)
"""Whose nodes seal the blocks of a consortium's chain."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports, all from one base."""

    base: int = BASE_PORT

    @property
    def chain(self) -> int:
        """JSON-RPC of the chain."""
        return self.base + 45

    @property
    def network(self) -> int:
        """First of the ports of a consortium's nodes and links (`devnet.clique.PORTS`)."""
        return self.base + 100

    @property
    def watch(self) -> int:
        """Health and metrics of the watch."""
        return self.base + 60

    @property
    def database(self) -> int:
        """The PostgreSQL server, where there is one."""
        return self.base + 46

    @property
    def content(self) -> int:
        """First of the ports of the content swarm (`devnet.swarm.PORTS`), where there is one."""
        return self.base + 20

    def custodian(self, name: Name) -> int:
        """A custodian's wire."""
        return self.base + 50 + _place(name, CUSTODIANS, "custodian")

    def api(self, name: Name) -> int:
        """An institution's API."""
        return self.base + 80 + _place(name, WITH_API, "API")

    def sidecar(self, name: Name) -> int:
        """Health and metrics of the sidecar beside an institution's node."""
        return self.base + 90 + _place(name, VALIDATORS, "node")

    def oracle_http(self, name: Name) -> int:
        """An oracle's HTTP."""
        return self.base + 70 + _place(name, WITH_ORACLE, "oracle")

    def oracle_mllp(self, name: Name) -> int:
        """An oracle's MLLP."""
        return self.base + 75 + _place(name, WITH_ORACLE, "oracle")

    def all(self) -> list[int]:
        """Every port of the world."""
        custodians = [self.custodian(name) for name in CUSTODIANS]
        oracles = [port(name) for name in WITH_ORACLE for port in (self.oracle_http, self.oracle_mllp)]
        return [self.chain, self.watch, *custodians, *oracles, *(self.api(name) for name in WITH_API)]


def _place(name: Name, among: tuple[Name, ...], what: str) -> int:
    if name not in among:
        raise InputError(f"{name} has no {what}; these have one: {', '.join(among)}")
    return among.index(name)
