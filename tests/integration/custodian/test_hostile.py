"""The hostile requesters against running custodians on a real chain."""

from __future__ import annotations

import pytest

from salus.core.codes import Code
from tests.custody_stage import Case, Draft
from tests.hostile import SCENARIOS, Scenario
from tests.integration.custodian.conftest import ChainStage

_MEMORY_ONLY = {"forge", "final", "years"}
_REAL = [pytest.param(scenario, id=scenario.name) for scenario in SCENARIOS if not scenario.needs & _MEMORY_ONLY]


def test_honest_requester__on_the_real_chain__opens_its_records(stage: ChainStage) -> None:
    case = Case(stage, Draft(), Draft())
    assert all(isinstance(o, dict) and len(o["items"]) == 2 for o in case.ask_list())
    assert case.request() is Code.GRANTED
    outcomes = case.release()
    for record in case.records:
        assert case.open(outcomes, record).record_id == record.leaf.record_id


@pytest.mark.parametrize("scenario", _REAL)
def test_hostile_requester__against_running_custodians__is_refused_with_its_code(
    scenario: Scenario, stage: ChainStage
) -> None:
    scenario.check(stage)


def test_killed_custodian__started_again__holds_what_it_acknowledged(stage: ChainStage) -> None:
    case = Case(stage, Draft(), Draft())
    case.request()
    custodian = stage.custodians[0]
    call = stage.call("release", custodian, case.release_body(custodian), stage.reader.operator)
    assert len(stage.ask(custodian, "release", call)["shares"]) == 2
    process = stage.processes[custodian]
    process.kill()
    process.start()
    process.await_ready(stage.mine)
    assert stage.outcome(custodian, "release", call) is Code.CALL_REPLAYED
    outcomes = case.release()
    for record in case.records:
        assert case.open(outcomes, record).version == 1
