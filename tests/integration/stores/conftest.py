"""Fixtures of what stores survive. Power can be cut by root only: elsewhere these tests are skipped aloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stores.disk import Disk, refusal


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if (why := refusal()) is not None:
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(f"{why}: no power was cut")
    with Disk(tmp_path / "disks") as made:
        yield made
