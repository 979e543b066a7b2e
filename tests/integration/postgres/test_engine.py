"""What an engine on PostgreSQL promises: turns, snapshots, "away" as an error of its own, nothing without a flush."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Engine, text

from devnet.anvil import free_port
from devnet.postgres import Postgres, PostgresSettings
from salus.adapters.database.engine import open_engine, reading, writing
from salus.core.errors import SetupError, UnavailableError
from tests.databases import url_of

COUNT = text("SELECT number FROM counter")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(url_of(tmp_path / "engine"))
    with writing(opened) as connection:
        connection.execute(text("CREATE TABLE counter (number integer)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    yield opened
    opened.dispose()


def test_writing__read_then_write_by_four_at_once__loses_no_count(engine: Engine) -> None:
    def count() -> None:
        for _ in range(25):
            with writing(engine) as connection:
                number = connection.execute(COUNT).scalar_one()
                connection.execute(text("UPDATE counter SET number = :next"), {"next": number + 1})

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 100


def test_reading__while_somebody_writes__is_one_picture_and_cannot_write(engine: Engine) -> None:
    with reading(engine) as connection:
        before = connection.execute(COUNT).scalar_one()
        with writing(engine) as other:
            other.execute(text("UPDATE counter SET number = 7"))
        assert connection.execute(COUNT).scalar_one() == before
    with pytest.raises(Exception, match="read-only transaction"), reading(engine) as connection:
        connection.execute(text("UPDATE counter SET number = 8"))
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 7


def test_writing__fails_half_way__leaves_nothing(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            connection.execute(text("UPDATE counter SET number = 9"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 0


def test_open_engine__read_only__cannot_write(engine: Engine, tmp_path: Path) -> None:
    only = open_engine(url_of(tmp_path / "engine"), read_only=True)
    with pytest.raises(Exception, match="read-only transaction"), writing(only) as connection:
        connection.execute(text("UPDATE counter SET number = 8"))
    only.dispose()


def test_error__of_a_statement__shows_no_value(engine: Engine) -> None:
    with pytest.raises(Exception, match="counter") as caught, writing(engine) as connection:
        connection.execute(text("INSERT INTO counter VALUES (:secret)"), {"secret": "王小明"})
    assert "王小明" not in str(caught.value).split("DETAIL")[0].split("[SQL")[-1]


@pytest.fixture
def own() -> Iterator[Postgres]:
    """A cluster that a test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    try:
        with Postgres(PostgresSettings(folder, free_port())) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_engine__server_killed_and_back__says_away_then_goes_on(own: Postgres) -> None:
    engine = open_engine(own.create("one"))
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter (number integer)"))
        connection.execute(text("INSERT INTO counter VALUES (1)"))
    own.kill()
    for attempt in (reading, writing):
        with pytest.raises(UnavailableError, match="the database is away"), attempt(engine) as connection:
            connection.execute(COUNT)
    own.start()
    with writing(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 1

    def cut_off() -> None:
        with writing(engine) as connection:
            connection.execute(text("UPDATE counter SET number = 2"))
            own.kill()
            connection.execute(COUNT)

    with pytest.raises(UnavailableError):
        cut_off()
    own.start()
    with reading(engine) as connection:
        assert connection.execute(COUNT).scalar_one() == 1
    engine.dispose()


def test_open_engine__server_that_does_not_flush__refused() -> None:
    folder = Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    try:
        with Postgres(PostgresSettings(folder, free_port(), more={"fsync": "off"})) as careless:
            engine = open_engine(careless.create("one"))
            with pytest.raises(SetupError, match="a power cut would lose"), reading(engine):
                pass
            engine.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_open_engine__tls_only_server__plain_text_is_refused() -> None:
    folder = Path(tempfile.mkdtemp(prefix="salus-postgres-"))
    try:
        with Postgres(PostgresSettings(folder, free_port(), tls=True)) as server:
            url = server.create("one")
            engine = open_engine(url)
            with reading(engine) as connection:
                ssl = connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
                assert ssl.scalar_one() is True
            engine.dispose()
            plain = open_engine(url.partition("?")[0] + "?sslmode=disable")
            with pytest.raises(UnavailableError), reading(plain):
                pass
            plain.dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
