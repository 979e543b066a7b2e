"""A database that is away for a moment: the journal waits for it, and then says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from oracle.intake.receive import receive
from oracle.journal import Journal, JournalLimits
from salus.core.errors import UnavailableError
from salus.core.journal import Appended, JournalRow
from tests.unit.oracle.oracle_world import PEER, Oracle, Outside, report


class Away:
    """A store that is away some times, before or after it has stored."""

    def __init__(self, oracle: Oracle, times: int, *, stores: bool) -> None:
        self._messages = oracle.messages
        self._times = times
        self._stores = stores

    def append(self, rows: Sequence[JournalRow]) -> list[Appended]:
        self._times -= 1
        if self._times < 0:
            return self._messages.append(rows)
        if self._stores:
            self._messages.append(rows)
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
