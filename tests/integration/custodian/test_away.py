"""A custodian that is away for an hour of the chain's time while records come in: nobody is refused, anchoring waits,
somebody is told, and when it is back every record is anchored once and held by all three.

The chain is this file's own: its clock is moved, and an audit looks at everything that was ever anchored on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.adapters.chain.rpc import Rpc
from tests.integration.oracle.stack import Stack, started, until
from tests.integration.oracle.test_no_way_back import database_of, shares_of
from tests.integration.services import Service
from tests.integration.world import own_world
from tests.unit.oracle.oracle_world import report

HOUR = 3600
STEPS = 12
A_STEP = 26
BEFORE = 10


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with own_world() as world, started(world, tmp_path / "services", ALERT_AWAY_SECONDS="2") as made:
        yield made


def test_custodian__away_for_an_hour__all_taken_and_nothing_missing_doubled_or_early(stack: Stack) -> None:
    before = [report(f"B{number}", f"BL{number}", patient=f"B{number % 5}") for number in range(BEFORE)]
    during = [
        [report(f"D{step}-{number}", f"DL{step}-{number}", patient=f"D{number % 5}") for number in range(A_STEP)]
        for step in range(STEPS)
    ]
    sender, rpc = stack.sender, Rpc(stack.world.anvil.url)
    assert {sender.insist(raw) for raw in before} == {"AA"}
    stack.await_idle()
    anchored = len(stack.anchored())
    assert anchored == len(stack.said(before))

    away = stack.custodians[2]
    away.stop()
    began = stack.world.reader.head().timestamp
    for raws in during:
        assert {sender.insist(raw) for raw in raws} == {"AA"}
        rpc.call("evm_increaseTime", HOUR // STEPS)
        rpc.call("evm_mine")
    sent = [raw for raws in during for raw in raws]
    assert len(sent) >= 300
    assert stack.world.reader.head().timestamp - began >= HOUR

    member = away.settings["PARTICIPANT_ID"]
    until(lambda: _late(stack) == {member})  # who is missing is told, and the two that are here are not blamed
    until(lambda: stack.oracle.get("/ready")["pendingMessages"] == 0)
    told = stack.oracle.get("/ready")
    assert told["held"] is False
    assert told["openBatches"] > 0
    for here in stack.custodians[:2]:  # nothing is anchored without the third
        assert f"versions={anchored}, whole={anchored}," in _audit(here)

    away.start()
    away.await_ready()
    stack.await_idle()
    assert _late(stack) <= {member}

    said = stack.said([*before, *sent])
    found = stack.anchored()
    assert Counter(one.record_id for one in found) == {record: len(bodies) for record, bodies in said.items()}
    assert len({one.leaf for one in found}) == len(found)
    for custodian in stack.custodians:
        row = _audit(custodian)
        assert f"versions={len(found)}, whole={len(found)}, erased=0, damaged=0, keyless=0, missing=0" in row
        assert len(shares_of(custodian, database_of(custodian))) == len(found)
    sender.close()
    rpc.close()


def _late(stack: Stack) -> set[str]:
    """Custodians that the oracle rings for."""
    return {one["source"] for one in stack.oracle.get("/ready")["alerts"] if one["alert"] == "custodian-away"}


def _audit(custodian: Service) -> str:
    """What its audit says; it must say that all is whole."""
    done = custodian.run("audit")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
