"""The hostile requesters over the memory chain, and over custodians on SQLite."""

from __future__ import annotations

import pytest

from salus.core.codes import Code
from tests.hostile import SCENARIOS, UNUSED_BY_CUSTODIANS, Scenario
from tests.unit.custodian.conftest import MemoryStage

_ALL = [pytest.param(scenario, id=scenario.name) for scenario in SCENARIOS]
_RECORDS = [pytest.param(s, id=s.name) for s in SCENARIOS if s.code in range(140, 160) or s.code in range(190, 200)]


@pytest.mark.parametrize("scenario", _ALL)
def test_hostile_requester__every_scenario__is_refused_with_its_code(scenario: Scenario, stage: MemoryStage) -> None:
    scenario.check(stage)


@pytest.mark.parametrize("scenario", _RECORDS)
def test_hostile_requester__store_on_sqlite__is_refused_with_its_code(
    scenario: Scenario, sqlite_stage: MemoryStage
) -> None:
    scenario.check(sqlite_stage)


def test_hostile_requester__every_code_of_a_custodian__has_a_scenario() -> None:
    assert {scenario.code for scenario in SCENARIOS} == set(Code) - UNUSED_BY_CUSTODIANS
