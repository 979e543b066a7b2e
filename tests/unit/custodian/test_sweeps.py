"""What a custodian does by itself: follow orders, note anchors, anchor its log, drop keys."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from custodian.metrics import Metrics
from custodian.sweeps import Sweeper, sweep_anchors, sweep_log, sweep_orders, sweep_periods
from custodian.wrap import period_at
from salus.adapters.memory import MemoryWriter
from salus.core.custody import log_root
from salus.core.days import SHANGHAI_OFFSET, day_at
from salus.core.errors import RefusedError
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage


def test_sweep_orders__due_order__is_carried_out_without_being_asked(stage: MemoryStage) -> None:
    case = Case(stage, Draft(), Draft())
    member = stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    assert sweep_orders(member) == 0
    assert len(member.store.orders()) == 1
    stage.end_cooling_off()
    assert sweep_orders(member) == 1
    assert member.store.orders() == []
    assert member.store.erased(case.leaves) == {case.leaves[0]}
    assert member.store.swept_block() == stage.chain.final().number
    assert sweep_orders(member) == 0


def test_sweep_orders__legal_hold__waits_until_it_is_lifted(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    stage.chain.set_hold(case.patient.subject, hold=True)
    stage.end_cooling_off()
    assert sweep_orders(member) == 0
    stage.chain.set_hold(case.patient.subject, hold=False)
    assert sweep_orders(member) == 1


def test_sweep_orders__store_restored_from_before__erases_again(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    stage.end_cooling_off()
    sweep_orders(member)
    restored = MemoryStage([type(member.store)()]).members[0].store
    assert restored.swept_block() == -1  # an older backup has not read the order
    again = replace(member, store=restored)
    assert sweep_orders(again) == 1
    assert restored.swept_block() == stage.chain.final().number


def test_sweep_orders__stale_node__is_not_believed(stage: MemoryStage) -> None:
    stage.stop_blocks()
    with pytest.raises(RefusedError):
        sweep_orders(stage.members[0])


def test_sweep_anchors__anchored_batches__are_noted(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    case.add(Draft(), anchored=False)
    assert sweep_anchors(member) == 1
    assert [kept.anchored for kept in member.store.of_subject(case.patient.subject)] == [True, False]
    assert sweep_anchors(member) == 0


def test_sweep_log__finished_days__are_anchored_once(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    case.ask_list()
    writer = MemoryWriter(stage.chain, member.id)
    assert sweep_log(member, writer) == 0
    first = day_at(stage.clock.now())
    stage.pass_seconds(3 * 86400)
    case.request()
    assert sweep_log(member, writer) == 1
    start = first * 86400 - SHANGHAI_OFFSET
    root = log_root(member.store.log_between(start, start + 86400))
    assert writer.sent[0].args == (root, 2, 0, 2)
    assert stage.chain.anchor(member.id, root, stage.chain.head()).tag == 2
    assert member.store.anchored_log_day() == day_at(stage.clock.now()) - 1
    assert sweep_log(member, writer) == 0


def test_sweep_log__killed_between_anchor_and_note__does_not_anchor_again(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    case.ask_list()
    stage.pass_seconds(2 * 86400)

    class Killed(MemoryWriter):
        def send(self, call: Any) -> Any:
            super().send(call)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep_log(member, Killed(stage.chain, member.id))
    assert member.store.anchored_log_day() is None
    assert sweep_log(member, MemoryWriter(stage.chain, member.id)) == 0
    assert member.store.anchored_log_day() is not None


def test_sweep_log__receipt_of_an_anchor_that_is_not_there__is_not_believed(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    case.ask_list()
    stage.pass_seconds(2 * 86400)

    class Lying(MemoryWriter):
        def send(self, call: Any) -> Any:
            return None

    assert sweep_log(member, Lying(stage.chain, member.id)) == 1
    assert member.store.anchored_log_day() is None
    assert sweep_log(member, MemoryWriter(stage.chain, member.id)) >= 1
    assert member.store.anchored_log_day() is not None


def test_sweep_periods__month_without_shares__loses_its_key(stage: MemoryStage) -> None:
    case, member = Case(stage), stage.members[0]
    old = period_at(stage.clock.now())
    stage.pass_seconds(60 * 86400)
    assert sweep_periods(member) == 0
    stage.order(case.records[0].leaf.record_id, case.patient)
    stage.end_cooling_off()
    sweep_orders(member)
    assert sweep_periods(member) == 1
    assert old not in member.keys.periods()


def test_sweeper__failing_sweep__does_not_stop_the_others(stage: MemoryStage) -> None:
    member, metrics, stop = stage.members[0], Metrics(), Event()
    stage.stop_blocks()
    sweeper = Sweeper(member, MemoryWriter(stage.chain, member.id), metrics, 0.01)
    stop.set()
    sweeper.run(stop)
    assert not sweeper.caught_up.is_set()
    assert b'salus_custodian_sweep_failures_total{sweep="orders"} 1.0' in metrics.text()
    stage.resume_blocks()
    sweeper.run(stop)
    assert sweeper.caught_up.is_set()
