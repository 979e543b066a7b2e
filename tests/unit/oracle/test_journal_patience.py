"""A database that is away for a moment: the journal waits for it, and then says so. And runs of large messages."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from oracle.intake.receive import receive
from oracle.journal import Journal, JournalLimits
from salus.adapters.database.oracle_messages import MOST_IN_RUN
from salus.core.errors import UnavailableError
from salus.core.journal import Appended, JournalRow
from tests.unit.oracle.oracle_world import PEER, Oracle, Outside, report


class Away:
    """A store that is away some times, before or after it has stored."""

    def __init__(self, oracle: Oracle, times: int, *, stores: bool) -> None:
        self._messages = oracle.messages
        self._times = times
        self._stores = stores

    def append(self, rows: Sequence[JournalRow], forget: Callable[[Sequence[bytes]], None]) -> list[Appended]:
        self._times -= 1
        if self._times < 0:
            return self._messages.append(rows, forget)
        if self._stores:
            self._messages.append(rows, forget)
        raise UnavailableError("the database is away")


def take(oracle: Oracle, times: int, *, stores: bool, patience: float) -> tuple[list[Appended], bool]:
    """What the group came to, and whether the sender was told that it is durable."""
    results: list[Appended] = []
    journal = Journal(
        Away(oracle, times, stores=stores),  # type: ignore[arg-type]  # all that the journal needs of a store
        oracle.site,
        oracle.outside.clock,
        limits=JournalLimits(patience_seconds=patience),
        on_group=lambda group: results.extend(group.results),
    )

    async def taking() -> bool:
        future = journal.append(receive(report("1")), PEER)
        journal.commit_group()
        [answer] = await asyncio.gather(future, return_exceptions=True)
        return not isinstance(answer, BaseException)

    return results, asyncio.run(taking())


def test_append__database_away_for_a_moment__is_stored_once_it_is_back(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path / "oracle.db", Outside())
    assert take(oracle, 2, stores=False, patience=60) == ([Appended.STORED], True)
    oracle.close()


def test_append__stored_but_the_answer_was_lost__is_a_replay_and_there_once(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path / "oracle.db", Outside())
    assert take(oracle, 1, stores=True, patience=60) == ([Appended.REPLAY], True)
    assert len(oracle.messages.pending(10)) == 1
    oracle.close()


def test_append__database_stays_away__the_sender_is_told_to_try_again(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path / "oracle.db", Outside())
    assert take(oracle, 1000, stores=False, patience=0) == ([], False)
    assert oracle.messages.pending(10) == []
    oracle.close()


def test_pending__large_messages__come_in_runs_of_a_few_megabytes_and_one_that_is_larger_alone(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path / "oracle.db", Outside())
    half, whole = MOST_IN_RUN // 2, MOST_IN_RUN + 1
    sizes = [half - 4096, half - 4096, 1, whole, 1, 1]
    raws = [
        report(str(number), value=str(number)).replace(b"|F|", b"|F|" + os.urandom(size // 2).hex().encode())
        for number, size in enumerate(sizes)
    ]
    assert oracle.take(*raws) == [True] * len(raws)
    runs, after = [], 0
    while run := oracle.messages.pending(4, after):
        after = run[-1].key
        runs.append([message.key for message in run])
    assert runs == [[1, 2, 3], [4], [5, 6]]
    oracle.close()
