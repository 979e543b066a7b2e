"""Fixtures of what stores survive. Power can be cut by root only: elsewhere these tests are skipped aloud."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stores.disk import Disk, refusal


@pytest.fixture
def disk() -> Iterator[Disk]:
    if (why := refusal()) is not None:
        pytest.skip(f"{why}: no power was cut")
    folder = Path(
        tempfile.mkdtemp(prefix="salus-disks-")
    )  # pytest's own folders can't be reached by PostgreSQL's account
    folder.chmod(0o755)
    try:
        with Disk(folder / "disks") as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
