"""The custodian's store, on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from custodian.ports import CustodianStore
from tests.unit.custodian.test_store import *  # noqa: F403 - the same suite, whose databases are PostgreSQL's here
from tests.unit.custodian.test_store import open_store

# PostgreSQL keeps old rows until they are vacuumed, and its log longer: there the destroyed key is what erases a share
del test_store__erased_share__is_not_in_the_files  # noqa: F821 - imported above


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CustodianStore]:
    opened = open_store(tmp_path / "custodian.db")
    yield opened
    opened.close()
