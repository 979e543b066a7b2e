"""A record destroyed while another version of it is on its way to custodians: nobody else's records wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oracle.destruction import Filed, Swept
from oracle.sitekey import RAW
from salus.core.errors import ConflictError, IntegrityError
from salus.core.journal import BatchState, HeadStatus
from tests.unit.oracle.oracle_world import CUSTODIANS, report
from tests.unit.oracle.test_destruction import COOLING_OFF, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


@pytest.mark.parametrize("formed", [True, False])
def test_carry_out__a_version_is_on_its_way__waits_for_it_and_holds_up_nobody(scene: Scene, *, formed: bool) -> None:
    oracle, away = scene.oracle, scene.outside.custodians
    before = set(scene.outside.anchored_roots())
    doomed = next(leaf for leaf in scene.leaves if leaf.subject == scene.subject)
    scene.order(doomed.record_id, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    away.stop(CUSTODIANS[2])
    oracle.take(
        report("4", "L1", value="9.90", patient="P1", at="20261101090000"),
        report("5", "L2", value="9.90", patient="P1", at="20261101090000"),
        report("6", "L9", patient="P3"),
    )
    oracle.pipeline.seal()
    if formed:
        oracle.pipeline.deposit()
    assert len(oracle.records.versions(doomed.record_id)) == 2

    assert scene.destruction.sweep() == Swept(Filed(), 0, 1)
    away.start(CUSTODIANS[2])
    oracle.now += 600
    oracle.pipeline.settle()
    assert oracle.outbox.batches(BatchState.OPEN, 10) == []
    assert set(scene.outside.anchored_roots()) > before
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    assert not scene.is_here(doomed.record_id)
    assert oracle.records.sealed_rows(doomed.record_id) == ([], [])


def test_commit__record_erased_while_its_next_version_was_sealed__does_not_bring_it_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = scene.oracle
    doomed = next(leaf for leaf in scene.leaves if leaf.subject == scene.subject)
    scene.order(doomed.record_id, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    oracle.take(
        report("4", "L1", value="9.90", patient="P1", at="20261101090000"),
        report("5", "L2", value="9.90", patient="P1", at="20261101090000"),
        report("6", "L9", patient="P3"),
    )
    put_many = type(scene.outside.content).put_many

    def erased_meanwhile(*args: Any) -> Any:
        assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
        monkeypatch.undo()
        return put_many(*args)

    monkeypatch.setattr(type(scene.outside.content), "put_many", erased_meanwhile)
    with pytest.raises(ConflictError):
        oracle.pipeline.seal()
    oracle.pipeline.settle()
    [head] = oracle.records.heads([doomed.record_id]).values()
    assert head.status is HeadStatus.DESTROYED
    assert len(oracle.records.versions(doomed.record_id)) == 1
    assert len(scene.outside.anchored_items()) == len(scene.leaves) + 2  # the others' went their way


def test_purge__spoken_of_after_the_destruction__bytes_go_and_those_of_others_stay(scene: Scene) -> None:
    """A correction that waited, or came late: it makes nothing, and would lie in the journal for all its days."""
    oracle = scene.oracle
    doomed = next(leaf for leaf in scene.leaves if leaf.subject == scene.subject)
    scene.order(doomed.record_id, scene.subject)
    scene.pass_until(scene.clock.now() + COOLING_OFF + 1)
    assert scene.destruction.sweep() == Swept(Filed(), 1, 0)
    oracle.take(
        report("4", "L1", value="9.90", patient="P1", at="20261101090000"),
        report("5", "L2", value="9.90", patient="P1", at="20261101090000"),
    )
    oracle.pipeline.settle()
    waiting = report("6", "L1", value="7.70", patient="P1", at="20261101090000")
    oracle.take(waiting)
    [head], _ = oracle.records.sealed_rows(doomed.record_id)
    forget = partial(oracle.site.forget_rows, RAW)
    assert oracle.messages.purge_destroyed(forget) == 1
    assert oracle.records.sealed_rows(doomed.record_id) == ([], [])
    with pytest.raises(IntegrityError, match="destroyed"):
        oracle.site.open_row(RAW, b"", head)
    assert oracle.messages.purge_destroyed(forget) == 0
    oracle.pipeline.settle()
    assert oracle.messages.purge_destroyed(forget) == 1
    assert [oracle.messages.sealed(key).key for key in (2, 3, 5)] == [2, 3, 5]
