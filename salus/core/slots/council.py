"""The Council's directory: which contract holds which role, and which held it before."""

from __future__ import annotations

from salus.core.ids import ZERO_ADDRESS, Address, role_id
from salus.core.slots.layout import LAYOUT, Storage, account, element, member
from salus.core.state import Tenure

_COUNCIL, _TENURE = LAYOUT["Council"], LAYOUT["Tenure"]


def contract_of(storage: Storage, council: Address, role: str) -> Address | None:
    """Contract that holds a role, None if nobody does."""
    word = storage.word(council, member(_COUNCIL["_current"].slot, role_id(role)))
    found = _TENURE["account"].read(word)
    return account(found) if found else None


def tenures(storage: Storage, council: Address, role: str) -> tuple[Tenure, ...]:
    """Who held a role up to now, newest first: the first one holds it. Empty when nobody ever did."""
    current = _tenure(storage.word(council, member(_COUNCIL["_current"].slot, role_id(role))))
    past = member(_COUNCIL["_past"].slot, role_id(role))
    count = storage.word(council, past)
    earlier = [_tenure(storage.word(council, element(past, index))) for index in reversed(range(count))]
    return (current, *earlier) if current.account != ZERO_ADDRESS else ()


def _tenure(word: int) -> Tenure:
    return Tenure(
        account(_TENURE["account"].read(word)), _TENURE["fromBlock"].read(word), _TENURE["untilBlock"].read(word)
    )
