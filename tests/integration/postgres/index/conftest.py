"""The index of the unit tests, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salus.core.ports_index import IndexStore
from tests.unit.watch.conftest import index, ledger, on_databases, store

__all__ = ["index", "ledger", "make_store", "store"]


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[[], IndexStore]]:
    with on_databases(tmp_path) as make:
        yield make
