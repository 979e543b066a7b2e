"""The oracle is killed before and after every call that changes anything, and started again over what it left."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import SOURCE, Killed, Oracle, Outside, Tripwire, admission, report

GROUPS = (
    (admission("A1"), report("R1")),
    (report("R2", value="6.00", status="C"), report("R1")),
    (report("R3", status="W"), report("R4", order="L2", item="56888-1^HIV抗体^LN", value="0.1")),
)


def _run(path: Path, outside: Outside, groups: tuple[tuple[bytes, ...], ...], at: int | None) -> tuple[bool, int]:
    """Send what was not acknowledged yet; whether it was killed, and the steps it came."""
    wire = Tripwire(at)
    oracle = Oracle(path, outside, wire)
    try:
        for group in groups:
            assert oracle.take(*group) == [True] * len(group)
            oracle.pipeline.settle()
    except Killed:
        return True, wire.steps
    finally:
        oracle.close()
    return False, wire.steps


def _came_to(outside: Outside) -> list[tuple[bytes, int, str, bool]]:
    """Every anchored version: record, number, what it says, whether it is invalid. Checks that nothing is doubled."""
    roots = outside.anchored_roots()
    assert len(roots) == len(set(roots))
    items = outside.anchored_items()
    final = outside.chain.final()
    found = []
    for item in items:
        leaf = item.leaf.hash(outside.chain.chain_id)
        state = outside.chain.record_state(SOURCE, leaf, final)
        said = str(outside.open(item).content)
        found.append((item.leaf.record_id, item.leaf.version, said, state.status is RecordStatus.INVALID))
    assert len({(record, version) for record, version, _, _ in found}) == len(found)
    by_record = {(item.leaf.record_id, item.leaf.version): item.leaf for item in items}
    for (record, version), leaf in by_record.items():
        if version > 1:
            assert leaf.previous == by_record[(record, version - 1)].hash(outside.chain.chain_id)
    return sorted(found)


def test_pipeline__killed_at_any_step__loses_nothing_and_anchors_nothing_twice(tmp_path: Path) -> None:
    calm = Outside()
    killed, steps = _run(tmp_path / "calm.db", calm, GROUPS, None)
    assert not killed
    expected = _came_to(calm)
    assert [invalid for *_, invalid in expected].count(True) == 2
    for at in range(1, steps + 1):
        outside, path = Outside(), tmp_path / f"{at}.db"
        assert _run(path, outside, GROUPS, at)[0]
        assert not _run(path, outside, GROUPS, None)[0]
        assert _came_to(outside) == expected, f"killed at step {at}"


@settings(max_examples=15)
@given(st.lists(st.integers(1, 40), max_size=5), st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_pipeline__killed_again_and_again__comes_to_the_same_as_without(kills: list[int], choice: list[int]) -> None:
    raws = [
        report(f"C{place}", order=f"L{which % 2}", value=f"{which}.0", status="C" if place else "F", patient="P1")
        for place, which in enumerate(choice)
    ]
    groups = tuple((raw,) for raw in raws)
    calm, outside = Outside(), Outside()
    with TemporaryDirectory() as folder:
        _run(Path(folder) / "calm.db", calm, groups, None)
        for at in kills:
            _run(Path(folder) / "killed.db", outside, groups, at)
        assert not _run(Path(folder) / "killed.db", outside, groups, None)[0]
    assert _came_to(outside) == _came_to(calm)


def test_journal__killed_before_the_commit__acknowledges_nothing(tmp_path: Path) -> None:
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside, Tripwire(1))
    with pytest.raises(Killed):
        oracle.take(report("1"))
    oracle.close()
    again = Oracle(tmp_path / "oracle.db", outside)
    assert again.messages.pending(10) == []


def test_journal__killed_after_the_commit__has_the_message_and_takes_its_resend(tmp_path: Path) -> None:
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside, Tripwire(2))
    with pytest.raises(Killed):
        oracle.take(report("1"))
    oracle.close()
    again = Oracle(tmp_path / "oracle.db", outside)
    assert again.take(report("1")) == [True]
    assert len(again.messages.pending(10)) == 1
