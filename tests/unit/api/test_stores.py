"""What the API keeps: one suite on the fakes and on SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from salus.adapters.database.api import (
    METADATA,
    DatabaseOnce,
    DatabasePackages,
    DatabaseRequests,
    DatabaseVersions,
)
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory.institution import MemoryOnce, MemoryPackages, MemoryRequests, MemoryVersions
from salus.core.errors import NotFoundError
from salus.core.hashing import sha256
from salus.core.ids import AccessId, ConsentId, LeafHash, RecordId
from salus.core.institution import KnownVersion, StoredRequest
from tests.databases import url_of


@dataclass(frozen=True, slots=True)
class Stores:
    packages: Any
    requests: Any
    versions: Any
    once: Any


@contextmanager
def on_a_database(folder: Path) -> Iterator[Stores]:
    """The stores on one database; see `tests.databases` for where that is."""
    engine = open_engine(url_of(folder / "api.db", "api"))
    migrate(engine, "api")
    yield Stores(DatabasePackages(engine), DatabaseRequests(engine), DatabaseVersions(engine), DatabaseOnce(engine))
    engine.dispose()


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        yield Stores(MemoryPackages(), MemoryRequests(), MemoryVersions(), MemoryOnce())
        return
    with on_a_database(tmp_path) as made:
        yield made


def consent(number: int) -> ConsentId:
    return ConsentId(sha256(b"consent-%d" % number))


def version(number: int, record: bytes = b"record") -> KnownVersion:
    return KnownVersion(RecordId(sha256(record)), number, LeafHash(sha256(record + b"%d" % number)), 1, 100 + number)


def test_packages__put_and_get__are_equal(stores: Stores) -> None:
    stores.packages.put(consent(1), b"sealed", 7)
    kept = stores.packages.get(consent(1))
    assert (kept.consent_id, kept.sealed, kept.received_at) == (consent(1), b"sealed", 7)


def test_packages__same_id_again__takes_the_place_of_the_older(stores: Stores) -> None:
    stores.packages.put(consent(1), b"old", 7)
    stores.packages.put(consent(1), b"new", 8)
    assert [kept.sealed for kept in stores.packages.list(0, 10)] == [b"new"]


def test_packages__unknown__is_not_found_and_not_deleted(stores: Stores) -> None:
    with pytest.raises(NotFoundError):
        stores.packages.get(consent(1))
    assert stores.packages.delete(consent(1)) is False


def test_packages__deleted__are_gone(stores: Stores) -> None:
    stores.packages.put(consent(1), b"sealed", 7)
    assert stores.packages.delete(consent(1)) is True
    assert stores.packages.list(0, 10) == []


def test_packages__several__are_listed_in_order_and_paged(stores: Stores) -> None:
    for number in range(5):
        stores.packages.put(consent(number), b"%d" % number, number)
    first = stores.packages.list(0, 3)
    rest = stores.packages.list(first[-1].seq, 3)
    assert [kept.sealed for kept in first + rest] == [b"0", b"1", b"2", b"3", b"4"]


def test_requests__put_again__takes_the_place_of_the_older(stores: Stores) -> None:
    access = AccessId(sha256(b"access"))
    with pytest.raises(NotFoundError):
        stores.requests.get(access)
    stores.requests.put(StoredRequest(access, b"old", 1))
    stores.requests.put(StoredRequest(access, b"new", 2))
    assert stores.requests.get(access) == StoredRequest(access, b"new", 2)


def test_versions__noted_twice__stay_as_first_seen(stores: Stores) -> None:
    stores.versions.note([version(2), version(1), version(1, b"other")])
    later = version(1)
    stores.versions.note([KnownVersion(later.record_id, 1, later.leaf, 1, 999), version(3)])
    assert stores.versions.versions_of(later.record_id) == [version(1), version(2), version(3)]
    assert stores.versions.versions_of(RecordId(sha256(b"unknown"))) == []


def test_versions__none_or_many__are_noted(stores: Stores) -> None:
    stores.versions.note([])
    stores.versions.note(version(number) for number in range(1, 1201))
    assert len(stores.versions.versions_of(version(1).record_id)) == 1200


def test_once__same_digest_twice__is_refused_until_it_expired(stores: Stores) -> None:
    digest = sha256(b"jti")
    assert stores.once.claim(digest, 100, 10) is True
    assert stores.once.claim(digest, 100, 99) is False
    assert stores.once.claim(sha256(b"another"), 100, 99) is True
    assert stores.once.claim(digest, 200, 101) is True


def test_migrations__from_empty__make_the_tables_of_the_adapter(tmp_path: Path) -> None:
    engine = open_engine(url_of(tmp_path / "api.db"))
    migrate(engine, "api")
    found = inspect(engine)
    for table in METADATA.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        indexes = {index["name"]: index["column_names"] for index in found.get_indexes(table.name)}
        assert indexes == {str(index.name): [column.name for column in index.columns] for index in table.indexes}
    migrate(engine, "api", "base")
    assert "packages" not in inspect(engine).get_table_names()
    engine.dispose()
