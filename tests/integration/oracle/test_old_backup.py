"""An oracle restored from a backup older than its last batch: it is told, in numbers, before it takes messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salus.adapters.database.backup import back_up, restore
from tests.integration.oracle.stack import Stack, prepare
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report


@pytest.fixture
def stack(chain: ChainWorld, tmp_path: Path) -> Iterator[Stack]:
    made = prepare(chain, tmp_path / "services")
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_check__of_an_oracle_restored_from_an_old_backup__counts_what_it_does_not_know(
    stack: Stack, tmp_path: Path
) -> None:
    url = stack.oracle.settings["DATABASE_URL"]
    for number in range(3):
        assert stack.sender.insist(report(f"A{number}", f"A-L{number}", patient="A")) == "AA"
    stack.await_idle()
    made = back_up(url, "oracle", tmp_path / "backups", datetime.now(UTC))
    before = len(stack.anchored())
    for number in range(5):
        assert stack.sender.insist(report(f"B{number}", f"B-L{number}", patient="B")) == "AA"
    stack.await_idle()
    versions = len(stack.anchored()) - before
    assert versions == 5
    assert "ok   journal" in stack.oracle.run("check").stdout

    stack.oracle.stop()
    restore(url, "oracle", tmp_path / "backups", made.file)
    checked = stack.oracle.run("check")
    assert f"batches with {versions} record versions were anchored" in checked.stdout
    assert "FAIL journal" in checked.stdout
    assert checked.returncode == 0  # it may start, if no newer backup is left
