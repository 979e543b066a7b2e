"""Renewing a membership: what is voted on, by members together or apart, and what is no renewal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.core.errors import ConflictError, InputError, UnavailableError
from salus.core.ids import ZERO_ADDRESS, ParticipantId, to_address
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ContractCall
from salus.flows.admit import renew
from tests.unit.flows.chamber import Council, chamber

ID = ParticipantId(b"\x01" * 32)
BEFORE = Membership(
    ParticipantStatus.ACTIVE,
    1,
    ParticipantRole.SOURCE,
    1_000,
    100,
    to_address(b"\x02" * 20),
    b"\x03" * 32,
    b"\x04" * 32,
    bytes(64),
    ZERO_ADDRESS,
)
AFTER = replace(BEFORE, accredited_until=2_000, node_key=b"\x05" * 64, validator=to_address(b"\x06" * 20))


def test_renew__new_keys_and_term__is_one_call_with_everything() -> None:
    council = Council()
    renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    keys = (AFTER.encryption_key, b"\x05" * 32, b"\x05" * 32, AFTER.validator)
    call = ContractCall("ParticipantRegistry", "renew", (ID, (1, 2_000, 100), AFTER.accreditation, keys))
    assert council.done == [council.encode(call)]


def test_renew__members_apart__vote_on_one_decision() -> None:
    council = Council()
    with pytest.raises(UnavailableError, match="1 of 2"):
        renew(ID, BEFORE, AFTER, chamber(council, 1, partial=True))
    assert council.done == []
    renew(ID, BEFORE, AFTER, chamber(council, 2, partial=True))
    assert len(council.done) == 1


def test_renew__members_mean_different_changes__are_two_decisions() -> None:
    council = Council()
    for number, quota in ((1, 5), (2, 6)):
        with pytest.raises(UnavailableError):
            renew(ID, BEFORE, replace(AFTER, hourly_quota=quota), chamber(council, number, partial=True))
    assert council.done == []


def test_renew__nothing_would_change__is_refused() -> None:
    with pytest.raises(InputError):
        renew(ID, BEFORE, BEFORE, chamber(Council(), 1, 2))


def test_renew__there_and_back_and_there__says_that_it_was_decided_before() -> None:
    council = Council()
    renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    renew(ID, AFTER, BEFORE, chamber(council, 1, 2))
    with pytest.raises(ConflictError, match="decided before"):
        renew(ID, BEFORE, AFTER, chamber(council, 1, 2))
    assert len(council.done) == 2
