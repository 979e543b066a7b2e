"""A backup of one custodian put back over another: it says so and serves nothing, and its own backup mends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salus.adapters.database.backup import back_up, restore
from tests.integration.oracle.stack import Stack, started
from tests.integration.world import own_world
from tests.unit.oracle.oracle_world import report


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    # an audit is whole only on a chain on which no other test has anchored
    with own_world() as world, started(world, tmp_path / "services") as made:
        yield made


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
