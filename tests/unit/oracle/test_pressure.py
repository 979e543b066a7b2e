import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from oracle import drain
from oracle.drain import drained
from oracle.pressure import Bounds, Pressure
from salus.core.errors import UnavailableError
from salus.core.journal import Backlog

EMPTY = Backlog(0, 0, 0, 0, 0, 0)
BOUNDS = Bounds(messages=100, bytes=1000)


class Database:
    """Backlogs in turn; None is a database that can't be read."""

    def __init__(self, *backlogs: Backlog | None) -> None:
        self._left = list(backlogs)

    def __call__(self) -> Backlog:
        found = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if found is None:
            raise UnavailableError("the database is away")
        return found


def turned(*backlogs: Backlog | None, bounds: Bounds = BOUNDS) -> tuple[Pressure, list[bool]]:
    turns: list[bool] = []
    pressure = Pressure(bounds, Database(*backlogs), turns.append, count().__next__)
    for _ in backlogs:
        pressure.look()
    return pressure, turns


def pending(messages: int, size: int = 0) -> Backlog:
    return replace(EMPTY, pending=messages, pending_bytes=size)


@pytest.mark.parametrize(
    ("backlogs", "turns"),
    [
        ([pending(99)], []),
        ([pending(100)], [True]),
        ([pending(1, 1000)], [True]),
        ([replace(pending(60), waiting_versions=40), replace(pending(0), waiting_versions=80)], [True, False]),
        ([pending(100), pending(81), pending(80)], [True, False]),
        ([pending(100, 900), pending(10, 900), pending(10, 800)], [True, False]),
        ([pending(100), pending(150), pending(120)], [True]),
        ([pending(100), pending(0), pending(100)], [True, False, True]),
    ],
)
def test_pressure__backlogs__turn_the_gate(backlogs: list[Backlog], turns: list[bool]) -> None:
    pressure, found = turned(*backlogs)
    assert found == turns
    assert pressure.is_held is (turns[-1] if turns else False)


def test_pressure__database_away__changes_nothing_and_counts_seconds() -> None:
    pressure, turns = turned(pending(100), None, None, None)
    assert turns == [True]
    assert pressure.is_held
    assert pressure.failing_seconds > 1
    assert pressure.latest == pending(100)


def test_pressure__database_back__counts_no_more() -> None:
    pressure, _ = turned(None, pending(3))
    assert pressure.failing_seconds == 0
    assert pressure.latest == pending(3)


# draining


def clock(step: float = 1.0) -> Iterator[float]:
    return count(0.0, step)


def end(*backlogs: Backlog | None, seconds: float = 30, standstill: float = 100) -> bool:
    return asyncio.run(drained(Database(*backlogs), seconds, clock().__next__, pause=0, standstill=standstill))


def test_drained__nothing_under_way__at_once() -> None:
    assert end(EMPTY)
    assert end(replace(EMPTY, quarantined=7, links=2))  # these wait for people


@pytest.mark.parametrize("name", ["pending", "waiting_versions", "open_batches", "invalidations"])
def test_drained__something_under_way__is_waited_for(name: str) -> None:
    assert end(*[replace(EMPTY, **{name: left}) for left in (3, 2, 1)], EMPTY)
    assert not end(replace(EMPTY, **{name: 1}))


def test_drained__standstill__ends_before_the_time() -> None:
    assert not end(replace(EMPTY, open_batches=1), seconds=10**9, standstill=5)


def test_drained__what_still_moves__is_given_its_time() -> None:
    assert end(*[replace(EMPTY, pending=left) for left in range(20, 0, -1)], EMPTY, seconds=1000, standstill=3)


def test_drained__database_away__ends() -> None:
    assert not end(None)


def test_standstill__is_longer_than_a_block() -> None:
    assert drain.STANDSTILL_SECONDS >= 2
