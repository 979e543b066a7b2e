"""What the acts share: the world, the people who act in it, and what one act leaves for the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli.demo.ledger import Ledger
from cli.patient.session import PatientSession, WalletFile
from cli.patient.wallet import GivenConsent
from cli.staff import StaffClient
from cli.world.cast import Name
from cli.world.layout import World
from cli.world.services import STAFF_CLIENT, client_key
from devnet.supervisor import Supervisor
from salus.adapters.api_client import ApiClient
from salus.core.ids import hex32
from salus.core.labels import Role

WALLET_PASSPHRASE = "a patient's own words"  # noqa: S105 - of a wallet that exists for the demo only


@dataclass(slots=True)
class Stage:
    """The stage of one run."""

    world: World
    supervisor: Supervisor
    ledger: Ledger
    seed: int = 1
    patients: int = 6
    consents: dict[Name, GivenConsent] = field(default_factory=dict)
    opened: dict[str, Any] = field(default_factory=dict)
    _sessions: list[PatientSession] = field(default_factory=list)
    _staff: dict[Name, StaffClient] = field(default_factory=dict)

    def api(self, name: Name) -> ApiClient:
        """An institution's API, unsigned."""
        return ApiClient(self.world.api_url(name), participant=self.world.ids[name])

    def oracle(self, name: Name) -> ApiClient:
        """An oracle's HTTP."""
        return ApiClient(self.world.oracle_url(name))

    @property
    def patient(self) -> PatientSession:
        """The patient of the story, at hospital B's API."""
        if not self._sessions:
            file = WalletFile(self.world.folder / "patient.wallet", WALLET_PASSPHRASE)
            if not file.path.exists():
                file.create()
            self._sessions.append(PatientSession(file, self.api(Name.HOSPITAL_B)))
        return self._sessions[0]

    def staff(self, name: Name) -> StaffClient:
        """A person of an institution's staff."""
        if name not in self._staff:
            role = {Name.INSTITUTE: Role.RESEARCHER, Name.REGULATOR: Role.AUDITOR}.get(name, Role.PHYSICIAN)
            person = f"{name}/staff-07"
            self._staff[name] = StaffClient(
                self.world.api_url(name), STAFF_CLIENT, client_key(self.world, name), person, role
            )
        return self._staff[name]

    def id(self, name: Name) -> str:
        """participantId as JSON has it."""
        return hex32(self.world.ids[name])
