"""What repair asks of the custodian's store, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from custodian.ports import CustodianStore
from tests.unit.custodian.test_store import open_store
from tests.unit.custodian.test_store_repair import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CustodianStore]:
    opened = open_store(tmp_path / "custodian.db")
    yield opened
    opened.close()
