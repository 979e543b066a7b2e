"""The index in both forms: every behaviour is tested on memory and on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.memory.index import MemoryIndex
from salus.core.ports_index import IndexStore
from tests.databases import url_of
from tests.unit.watch.ledger import Ledger, one_day
from watch.index import Indexer


@contextmanager
def on_databases(folder: Path) -> Iterator[Callable[[], IndexStore]]:
    """Makes empty indexes in databases; see `tests.databases` for where those are."""
    engines: list[Engine] = []

    def make() -> IndexStore:
        engine = open_engine(url_of(folder / f"index-{len(engines)}.db", "index"))
        engines.append(engine)
        migrate(engine, "index")
        return DatabaseIndex(engine)

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], IndexStore]]:
    """Makes empty indexes of one form."""
    if request.param == "memory":
        yield MemoryIndex
        return
    with on_databases(tmp_path) as make:
        yield make


@pytest.fixture
def store(make_store: Callable[[], IndexStore]) -> IndexStore:
    return make_store()


@pytest.fixture
def ledger() -> Ledger:
    """A chain on which everything has happened once."""
    made = Ledger()
    one_day(made)
    return made


@pytest.fixture
def index(store: IndexStore, ledger: Ledger) -> IndexStore:
    """That chain, indexed."""
    for _ in Indexer(ledger, store).catch_up():
        pass
    return store
