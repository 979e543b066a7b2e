"""A backup of one custodian put back over another: it says so and serves nothing, and its own backup mends it."""

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


def test_custodian__backup_of_another__is_refused_at_the_start(stack: Stack, tmp_path: Path) -> None:
    assert stack.sender.insist(report("1", "L1")) == "AA"
    stack.await_idle()
    custodian, another = stack.custodians[:2]
    url, folder = custodian.settings["DATABASE_URL"], tmp_path / "backups"
    own = back_up(url, "custodian", folder, datetime.now(UTC))
    back_up(another.settings["DATABASE_URL"], "custodian", folder, datetime.now(UTC))  # the newest there
    custodian.stop()
    restore(url, "custodian", folder)
    said = custodian.run("audit")
    assert said.returncode != 0
    assert "of another custodian" in said.stderr
    restore(url, "custodian", folder, own.file)
    custodian.start()
    custodian.await_ready()
    assert custodian.run("audit").returncode == 0
