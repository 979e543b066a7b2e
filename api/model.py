"""Who calls, and what the API keeps: frozen values that cross its layers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from salus.core.ids import Address, ParticipantId
from salus.core.labels import Role
from salus.flows.open import Person


class Scope(StrEnum):
    """What a staff token allows."""

    RECORDS_OPEN = "records:open"
    CONSENTS_READ = "consents:read"
    AUDIT_READ = "audit:read"
    DESTROY = "destroy"


@dataclass(frozen=True, slots=True)
class Staff:
    """A person of this institution, as its client asserted: `person` is an internal name, never written to a log."""

    client_id: str
    person: str
    role: Role
    scopes: frozenset[Scope]

    def as_person(self) -> Person:
        """The person behind a request."""
        return Person(self.person, self.role)


@dataclass(frozen=True, slots=True)
class Patient:
    """A signed-in account: a holder, a controller or a guardian."""

    account: Address


Caller = Staff | Patient


@dataclass(frozen=True, slots=True)
class Institution:
    """Whose API this is, and where clients reach it (no slash at the end)."""

    participant: ParticipantId
    public_url: str
