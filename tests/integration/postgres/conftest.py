"""The suites of the unit tests once more, with every database on PostgreSQL.

`server`     session-wide cluster, started here; skipped aloud where PostgreSQL is missing, except in CI.
`databases`  those of one test, dropped after it; `url_of` of `tests.databases` leads to them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings, postgres_programs
from salus.core.errors import SetupError
from tests.databases import Databases, kept_on

settings.register_profile("salus", deadline=None)
settings.load_profile("salus")

_HERE = Path(__file__).parent
_LONG = ("__killed_at_any_step", "__killed_again_and_again")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hundreds of journals take minutes here."""
    for item in items:
        if item.path.is_relative_to(_HERE) and any(part in item.name for part in _LONG):
            item.add_marker("deep")


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    try:
        postgres_programs()
    except SetupError as why:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{why}: nothing was tested on PostgreSQL")
    folder = Path(tempfile.mkdtemp(prefix="salus-postgres-"))  # pytest's own folders can't be reached by its account
    try:
        with Postgres(PostgresSettings(folder, free_port())) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _session_databases(server: Postgres) -> Databases:
    return Databases(server)


@pytest.fixture(autouse=True)
def databases(_session_databases: Databases) -> Iterator[Databases]:
    with kept_on(_session_databases):
        yield _session_databases
