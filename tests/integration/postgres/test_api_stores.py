"""What the API keeps, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.api.test_stores import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
from tests.unit.api.test_stores import Stores, on_a_database


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with on_a_database(tmp_path) as made:
        yield made
