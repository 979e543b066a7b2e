"""A chain that lost blocks: the oracle notices and sends again what is not there any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.look_back import PAGE, look_back
from salus.core.journal import Batch, BatchState
from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import SOURCE, Killed, Oracle, Outside, Tripwire, report

FIRST, LAST = report("1"), report("2", order="L2")


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Oracle:
    return Oracle(tmp_path / "oracle.db", outside)


def take(oracle: Oracle, *raws: bytes) -> int:
    """Take messages one after another and bring each to the chain; the block before the last one."""
    before = 0
    for raw in raws:
        before = oracle.outside.chain.head().number
        oracle.take(raw)
        oracle.pipeline.settle()
    return before


def is_anchored(outside: Outside, batch: Batch) -> bool:
    return outside.chain.anchor(SOURCE, batch.root, outside.chain.final()).anchored_at != 0


def test_look_back__whole_chain__changes_nothing(oracle: Oracle, outside: Outside) -> None:
    take(oracle, FIRST, LAST)
    assert look_back(oracle.outbox, outside.chain, SOURCE) == 0
    outside.chain.advance(3)
    assert look_back(oracle.outbox, outside.chain, SOURCE) == 0


def test_look_back__nothing_anchored_yet__changes_nothing(oracle: Oracle, outside: Outside) -> None:
    assert look_back(oracle.outbox, outside.chain, SOURCE) == 0


@pytest.mark.parametrize("lose", ["shorten", "fork"])
def test_pipeline__chain_lost_the_last_anchor__anchors_it_again_and_no_other(
    lose: str, oracle: Oracle, outside: Outside
) -> None:
    before = take(oracle, FIRST, LAST)
    getattr(outside.chain, lose)(outside.chain.head().number - before)
    oracle.pipeline.settle()
    batches = oracle.outbox.batches(BatchState.ANCHORED, 10)
    assert all(is_anchored(outside, batch) for batch in batches)
    assert [call.args[0] for call in outside.writer.sent] == [batches[0].root, batches[1].root, batches[1].root]
    assert look_back(oracle.outbox, outside.chain, SOURCE) == 0


def test_pipeline__chain_lost_an_invalidation__makes_it_again(oracle: Oracle, outside: Outside) -> None:
    take(oracle, FIRST, report("3", status="W"))
    outside.chain.fork(1)
    leaf = outside.anchored_items()[0].leaf.hash(outside.chain.chain_id)
    assert outside.chain.record_state(SOURCE, leaf, outside.chain.final()).status is RecordStatus.VALID
    oracle.pipeline.settle()
    assert outside.chain.record_state(SOURCE, leaf, outside.chain.final()).status is RecordStatus.INVALID


def test_pipeline__killed_at_any_step_after_the_loss__anchors_everything(tmp_path: Path) -> None:
    steps = 0
    for at in range(1, 100):
        outside = Outside()
        oracle = Oracle(tmp_path / f"{at}.db", outside)
        before = take(oracle, FIRST, LAST)
        oracle.close()
        outside.chain.shorten(outside.chain.head().number - before)
        wire = Tripwire(at)
        try:
            Oracle(tmp_path / f"{at}.db", outside, wire).pipeline.settle()
        except Killed:
            steps += 1
        again = Oracle(tmp_path / f"{at}.db", outside)
        again.pipeline.settle()
        assert all(is_anchored(outside, batch) for batch in again.outbox.batches(BatchState.ANCHORED, 10))
        assert again.database.backlog().open_batches == 0
        again.close()
        if wire.steps < at:
            break
    assert steps > 2


def test_done_batches__more_than_a_page__come_newest_first(oracle: Oracle, outside: Outside) -> None:
    take(oracle, *(report(str(place), order=f"L{place}") for place in range(PAGE + 2)))
    newest, oldest = oracle.outbox.done_batches(0, PAGE), oracle.outbox.done_batches(PAGE, PAGE)
    keys = [batch.key for batch in (*newest, *oldest)]
    assert (len(newest), len(oldest)) == (PAGE, 2)
    assert keys == sorted(keys, reverse=True)
