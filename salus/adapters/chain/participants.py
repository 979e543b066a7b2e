"""Reads of the ParticipantRegistry: institutions, operators, custodian sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salus.adapters.chain.reads import Read, view
from salus.core.ids import ZERO32, Address, ParticipantId
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.state import CustodianSet, ParticipantState

_NAME = "ParticipantRegistry"


@dataclass(frozen=True, slots=True)
class MachineKeys:
    """A participant's node (64 bytes of its public key) and the account its validator seals with; zero for none."""

    node_key: bytes
    validator: Address


def participant(participant_id: ParticipantId) -> Read[ParticipantState]:
    """An institution; status NONE when the id is unknown."""
    return view(_NAME, "participant", (participant_id,), _participant)


def membership(participant_id: ParticipantId) -> Read[tuple[ParticipantState, MachineKeys]]:
    """An institution with the keys of its machines."""
    return view(_NAME, "participant", (participant_id,), lambda row: (_participant(row), _machines(row)))


def all_of(participant_id: ParticipantId) -> Read[Membership]:
    """All that is kept of an institution; status NONE when the id is unknown."""
    return view(_NAME, "participant", (participant_id,), _membership)


def operator_of(account: Address) -> Read[ParticipantId | None]:
    """Participant an account operates for."""
    return view(_NAME, "participantOf", (account,), lambda found: None if found == ZERO32 else ParticipantId(found))


def custodian_set(number: int) -> Read[CustodianSet]:
    """A custodian set; reverts with ParticipantRegistryUnknownSet."""
    return view(_NAME, "custodianSet", (number,), _custodian_set)


def custodian_set_count() -> Read[int]:
    """How many sets there are; their numbers start at 1."""
    return view(_NAME, "custodianSetCount", (), int)


def _participant(row: Sequence[Any]) -> ParticipantState:
    status, kind, roles, accredited_until, quota, _hour, _used, _principal, _accreditation, keys = row
    return ParticipantState(ParticipantStatus(status), kind, roles, accredited_until, quota, keys[0])


def _machines(row: Sequence[Any]) -> MachineKeys:
    _encryption_key, node_x, node_y, validator = row[-1]
    return MachineKeys(node_x + node_y, validator)


def _membership(row: Sequence[Any]) -> Membership:
    status, kind, roles, accredited_until, quota, _hour, _used, principal, accreditation, keys = row
    encryption_key, node_x, node_y, validator = keys
    return Membership(
        ParticipantStatus(status),
        kind,
        ParticipantRole(roles),
        accredited_until,
        quota,
        principal,
        accreditation,
        encryption_key,
        node_x + node_y,
        validator,
    )


def _custodian_set(members: Sequence[bytes], threshold: int) -> CustodianSet:
    return CustodianSet(tuple(ParticipantId(member) for member in members), threshold)
