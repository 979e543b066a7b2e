"""Rows by the many: keys that ascend, every width of a look-up, errors as SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from salus.adapters.database.bulk import append_rows, find_rows, reserve_keys
from salus.adapters.database.engine import open_engine, reading, writing
from tests.databases import url_of

metadata = sa.MetaData()
TABLE = sa.Table(
    "thing",
    metadata,
    sa.Column("key", sa.Integer, primary_key=True),
    sa.Column("name", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("state", sa.Integer),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    opened = open_engine(url_of(tmp_path / "bulk.db"))
    with opened.begin() as connection:
        metadata.create_all(connection)
    yield opened
    opened.dispose()


def add(engine: sa.Engine, number: int, state: int | None = None) -> list[int]:
    with writing(engine) as connection:
        keys = list(reserve_keys(connection, TABLE, number))
        append_rows(connection, TABLE, ("key", "name", "state"), [(key, b"%d" % key, state) for key in keys])
    return keys


def test_reserve_keys__of_an_empty_table_and_later__ascend_after_the_last(engine: sa.Engine) -> None:
    assert add(engine, 3) == [1, 2, 3]
    assert add(engine, 2) == [4, 5]


@pytest.mark.parametrize("number", [0, 1, 2, 7, 8, 9, 32, 33, 128, 129, 400, 401, 900])
def test_find_rows__any_number_of_values__each_row_once(engine: sa.Engine, number: int) -> None:
    add(engine, 1000)
    wanted = [b"%d" % key for key in range(1, number + 1)]
    with reading(engine) as connection:
        found = find_rows(connection, TABLE, ("name", "key"), "name", [*wanted, *wanted[:5], b"unknown"])
    assert sorted(found) == sorted((name, int(name)) for name in wanted)


def test_find_rows__with_a_condition__only_those(engine: sa.Engine) -> None:
    add(engine, 3, state=1)
    add(engine, 3, state=2)
    with reading(engine) as connection:
        found = find_rows(connection, TABLE, ("key",), "key", range(10), "state = 2")
    assert sorted(found) == [(4,), (5,), (6,)]


def test_append_rows__none__is_nothing(engine: sa.Engine) -> None:
    assert add(engine, 0) == []


def test_append_rows__error_of_the_driver__is_sqlalchemys_without_values(engine: sa.Engine) -> None:
    add(engine, 1)
    with pytest.raises(IntegrityError) as caught, writing(engine) as connection:
        append_rows(connection, TABLE, ("key", "name"), [(7, b"1")])
    assert "b'1'" not in str(caught.value)
    with pytest.raises((OperationalError, ProgrammingError)), reading(engine) as connection:
        find_rows(connection, TABLE, ("missing",), "key", [1])


def test_append_rows__transaction_rolled_back__leaves_nothing(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        append_rows(connection, TABLE, ("key", "name"), [(1, b"one")])
        connection.rollback()
    with reading(engine) as connection:
        assert find_rows(connection, TABLE, ("key",), "key", [1]) == []
