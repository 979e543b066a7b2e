"""Several oracles on one journal: one has the line, another gets it, and who lost it can't commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import Engine

from devnet.postgres import Postgres
from salus.adapters.database.engine import open_engine, reading
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle_line import Bell, OracleLine
from salus.core.errors import ConflictError, UnavailableError
from tests.databases import url_of
from tests.unit.oracle.oracle_world import Oracle, Outside, report


class Clock:
    """Seconds that pass when told; a second at each look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[Engine]]:
    opened = [open_engine(url_of(tmp_path / "journal", "oracle")) for _ in range(2)]
    yield opened
    for engine in opened:
        engine.dispose()


def cut(server: Postgres, engine: Engine) -> None:
    """End every session of a database, as a network that breaks does; its locks are free then."""
    with server.session() as session:
        session.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (engine.url.database,)
        )


def cut_line(server: Postgres) -> None:
    """End the session that has the line, and no other; the line is free then."""
    with server.session() as session:
        ended = session.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")
        assert ended.fetchall()


def has_it(line: OracleLine) -> bool:
    """Whether it has the line, once it has noticed that sessions were cut."""
    for _ in range(20):
        with suppress(UnavailableError):
            return line.is_held()
    return line.is_held()


def test_line__two_ask__one_has_it_until_it_gives_it_up(engines: list[Engine]) -> None:
    first, second = (OracleLine(engine, Clock()) for engine in engines)
    assert (first.is_held(), second.is_held()) == (True, False)
    assert (first.is_held(), second.is_held()) == (True, False)
    first.release()
    assert (first.is_held(), second.is_held()) == (False, True)
    second.release()


def test_others__each_that_has_the_journal_open__is_counted_once(engines: list[Engine]) -> None:
    first, second = (OracleLine(engine, Clock()) for engine in engines)
    assert first.others() == 0
    second.is_held()
    assert (first.others(), second.others()) == (1, 1)
    second.release()
    assert first.others() == 0
    first.release()


def test_line__its_session_cut__goes_to_the_next_that_asks(server: Postgres, engines: list[Engine]) -> None:
    first, second = (OracleLine(engine, Clock()) for engine in engines)
    assert first.is_held()
    cut(server, engines[0])
    assert (has_it(second), has_it(first)) == (True, False)
    second.release()
    assert has_it(first)
    first.release()


def test_commit__line_was_handed_over_during_the_run__writes_nothing(tmp_path: Path, server: Postgres) -> None:
    outside = Outside()
    slow, quick = Oracle(tmp_path / "journal", outside), Oracle(tmp_path / "journal", outside)
    assert slow.take(report("1")) == [True]
    assert slow.database.line.is_held()
    seen = slow.messages.pending
    taken_over: list[bool] = []

    def pending(limit: int, after: int = 0) -> list[object]:
        found = seen(limit, after)
        if found and not taken_over:
            cut_line(server)  # between reading and committing, everything changes
            taken_over.append(has_it(quick.database.line))
            quick.pipeline.settle()
        return list(found)

    slow.messages.pending = pending  # type: ignore[method-assign, assignment]  # stands still in the middle of a run
    with pytest.raises(ConflictError, match="another oracle has the line"):
        slow.pipeline.seal()
    assert taken_over == [True]
    assert len(outside.anchored_items()) == 1
    assert quick.database.backlog().pending == 0
    slow.database.line.release()
    quick.database.line.release()
    slow.close()
    quick.close()


def test_append__same_messages_by_two_oracles_at_once__each_is_stored_once(tmp_path: Path) -> None:
    outside = Outside()
    oracles = [Oracle(tmp_path / "journal", outside) for _ in range(2)]
    raws = [report(f"M{number}", order=f"L{number}") for number in range(40)]
    answers: list[bool] = []

    def send(oracle: Oracle, listed: list[bytes]) -> None:
        for raw in listed:
            answers.extend(oracle.take(raw))

    threads = [Thread(target=send, args=(oracles[0], raws)), Thread(target=send, args=(oracles[1], raws[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 80
    keys = [message.key for message in oracles[0].messages.pending(100)]
    assert len(keys) == 40
    oracles[0].pipeline.settle()
    assert len(outside.anchored_items()) == 40
    for oracle in oracles:
        oracle.close()


def test_bell__a_message_that_another_stored__is_heard_also_after_the_session_was_cut(
    tmp_path: Path, server: Postgres
) -> None:
    oracle, heard = Oracle(tmp_path / "journal", Outside()), Event()
    engine = open_engine(url_of(tmp_path / "journal", "oracle"))
    bell = Bell(engine, heard.set)
    bell.start()
    assert heard.wait(10)  # told once at the beginning, for what was rung before
    for number in range(2):
        heard.clear()
        oracle.take(report(f"B{number}", order=f"L{number}"))
        assert heard.wait(10)
        cut(server, engine)
        assert heard.wait(10)
    bell.stop()
    oracle.close()
    engine.dispose()


def test_migrate__by_two_at_once__is_done_once(tmp_path: Path) -> None:
    engines = [open_engine(url_of(tmp_path / "new")) for _ in range(3)]
    errors: list[Exception] = []

    def up(engine: Engine) -> None:
        try:
            migrate(engine, "oracle")
        except Exception as error:  # noqa: BLE001 - whatever it is, there must be none
            errors.append(error)

    threads = [Thread(target=up, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with reading(engines[0]) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM oracle_version").scalar_one() == 1
    for engine in engines:
        engine.dispose()
