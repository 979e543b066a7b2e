"""ParticipantRegistry: institutions, operators, custodian sets."""

from __future__ import annotations

from salus.core.errors import NotFoundError
from salus.core.ids import Address, ParticipantId
from salus.core.policy import ParticipantStatus
from salus.core.slots.layout import LAYOUT, Storage, element, member, raw
from salus.core.state import CustodianSet, ParticipantState

_REGISTRY, _PARTICIPANT, _KEYS = LAYOUT["ParticipantRegistry"], LAYOUT["Participant"], LAYOUT["ParticipantKeys"]
_SET = LAYOUT["ParticipantRegistry.CustodianSet"]
_RETIRED = 1  # of an account that was an operator once and can't be one again


def participant(storage: Storage, registry: Address, participant: ParticipantId) -> ParticipantState:
    """An institution; status NONE when the id is unknown."""
    start = member(_REGISTRY["_participants"].slot, participant)
    word = storage.word(registry, start)
    key = storage.word(registry, start + _PARTICIPANT["keys"].slot + _KEYS["encryptionKey"].slot)
    return ParticipantState(
        status=ParticipantStatus(_PARTICIPANT["status"].read(word)),
        kind=_PARTICIPANT["kind"].read(word),
        roles=_PARTICIPANT["roles"].read(word),
        accredited_until=_PARTICIPANT["accreditedUntil"].read(word),
        hourly_quota=_PARTICIPANT["hourlyQuota"].read(word),
        encryption_key=raw(key),
    )


def operator_of(storage: Storage, registry: Address, operator: Address) -> ParticipantId | None:
    """Participant an account operates for (`participantOf`), or None."""
    found = storage.word(registry, member(_REGISTRY["_operators"].slot, operator))
    return ParticipantId(raw(found)) if found > _RETIRED else None


def custodian_set(storage: Storage, registry: Address, number: int) -> CustodianSet:
    """A custodian set.

    Raises:
        NotFoundError: no such set.
    """
    if not 0 < number <= custodian_set_count(storage, registry):
        raise NotFoundError(f"there is no custodian set {number}")
    start = member(_REGISTRY["_sets"].slot, number)
    members = start + _SET["members"].slot
    count = storage.word(registry, members)
    ids = tuple(ParticipantId(raw(storage.word(registry, element(members, index)))) for index in range(count))
    return CustodianSet(ids, _SET["threshold"].read(storage.word(registry, start)))


def custodian_set_count(storage: Storage, registry: Address) -> int:
    """How many custodian sets there are; their numbers start at 1."""
    place = _REGISTRY["custodianSetCount"]
    return place.read(storage.word(registry, place.slot))
