"""Whether a source has anchored what its database does not know."""

from __future__ import annotations

from pathlib import Path

from oracle import checks
from oracle.behind import Behind, behind
from tests.unit.oracle.oracle_world import SOURCE, Oracle, Outside, report

OTHER = bytes([9]) * 32


def anchored(outside: Outside, root: bytes, count: int, source: bytes = SOURCE) -> None:
    args = {"sourceId": source, "root": root, "count": count, "custodianSet": 1}
    outside.chain.emit("RecordRegistry", "BatchAnchored", args)


def test_behind__all_batches_known__misses_nothing(tmp_path: Path) -> None:
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside)
    assert oracle.take(report("1", order="L1")) == [True]
    oracle.pipeline.settle()
    (one,) = oracle.outbox.done_batches(0, 10)
    anchored(outside, one.root, one.count)
    anchored(outside, bytes(32), 7, OTHER)  # of another source
    found = behind(oracle.outbox, outside.chain, SOURCE)
    assert (found.batches, found.versions, found.first) == (0, 0, 0)
    assert checks.journal(found).ok
    oracle.close()


def test_behind__batches_of_a_lost_database__are_counted_with_their_versions(tmp_path: Path) -> None:
    outside = Outside()
    oracle = Oracle(tmp_path / "oracle.db", outside)
    anchored(outside, b"\1" * 32, 7)
    anchored(outside, b"\2" * 32, 5)
    found = behind(oracle.outbox, outside.chain, SOURCE)
    assert (found.batches, found.versions) == (2, 12)
    assert 0 < found.first <= found.last
    said = checks.journal(found)
    assert not said.ok
    assert not said.needed
    assert "2 batches with 12 record versions" in said.detail
    oracle.close()


def test_finding__names_the_first_block(tmp_path: Path) -> None:
    assert "first in block 40" in checks.journal(Behind(1, 2, 40, 50)).detail
