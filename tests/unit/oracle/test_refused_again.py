"""The same bytes, refused once and sent again: taken as soon as the settings allow it, and then once only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from oracle.intake.ports import Peer
from oracle.intake.reception import Reception
from oracle.journal import open_raw
from oracle.refused import RefusedKeeper
from oracle.sources import Source
from salus.core.errors import IntegrityError
from salus.core.journal import MessageFlag, MessageState
from tests.unit.oracle.oracle_world import Oracle, Outside, report

PEER = Peer("mllp", "", "his")
STRICT = Source("his", "Hospital B", "HB", events=frozenset({("ADT", "")}))
OPEN = Source("his", "Hospital B", "HB")


@pytest.fixture
def oracle(tmp_path: Path) -> Oracle:
    return Oracle(tmp_path / "oracle.db", Outside())


def send(oracle: Oracle, source: Source, raws: Sequence[bytes]) -> list[str]:
    """MSA-1 of the replies; all come to the journal in one group."""

    async def sending() -> list[str]:
        reception = Reception(
            oracle.journal,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            next_control_id=lambda: "R",
            source_of=lambda _: source,
            keep_refused=RefusedKeeper(oracle.journal, lambda: 0.0).keep,
        )
        futures = [reception.receive(raw, PEER) for raw in raws]
        await asyncio.sleep(0)
        oracle.journal.commit_group()
        return [(await future).split(b"MSA|")[1][:2].decode() for future in futures]

    return asyncio.run(sending())


def states(oracle: Oracle) -> list[MessageState]:
    with oracle.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT state FROM oracle_message ORDER BY key").scalars()
        return [MessageState(state) for state in found]


def test_refused__sent_again_unchanged_before_anything_is_mended__stays_as_it_is(oracle: Oracle) -> None:
    assert send(oracle, STRICT, [report("1")]) == ["AR"]
    assert send(oracle, STRICT, [report("1")]) == ["AR"]
    assert states(oracle) == [MessageState.QUARANTINED]


def test_refused__sent_again_after_the_rule_was_mended__is_made_into_a_record_once(
    oracle: Oracle, tmp_path: Path
) -> None:
    assert send(oracle, STRICT, [report("1")]) == ["AR"]
    assert send(oracle, OPEN, [report("1"), report("1")]) == ["AA", "AA"]
    assert states(oracle) == [MessageState.PENDING]
    assert oracle.messages.message(1).flags & MessageFlag.REFUSED == 0
    oracle.pipeline.settle()
    assert send(oracle, OPEN, [report("1")]) == ["AA"]
    oracle.pipeline.settle()
    assert states(oracle) == [MessageState.DONE]
    assert len(oracle.outside.anchored_items()) == 1


def test_refused__discarded_by_a_person_then_sent_again__is_taken(oracle: Oracle) -> None:
    send(oracle, STRICT, [report("1")])
    with oracle.database.writing() as connection:
        connection.exec_driver_sql("UPDATE oracle_message SET state = 6")
        connection.exec_driver_sql("DELETE FROM oracle_raw")
    assert send(oracle, OPEN, [report("1")]) == ["AA"]
    oracle.pipeline.settle()
    assert len(oracle.outside.anchored_items()) == 1


def test_refused__its_content_came_meanwhile_under_another_control_id__is_a_duplicate(oracle: Oracle) -> None:
    send(oracle, STRICT, [report("1")])
    assert send(oracle, OPEN, [report("2"), report("1")]) == ["AA", "AA"]
    oracle.pipeline.settle()
    assert states(oracle) == [MessageState.DUPLICATE, MessageState.DONE]
    assert len(oracle.outside.anchored_items()) == 1


def test_undecodable__sent_again_after_the_character_set_was_set__is_read(oracle: Oracle) -> None:
    raw = report("1").decode().replace("UNICODE UTF-8", "EBCDIC").encode("gb18030")
    assert send(oracle, OPEN, [raw]) == ["AE"]
    mended = Source("his", "Hospital B", "HB", charset="GB18030")
    assert send(oracle, mended, [raw]) == ["AA"]
    assert states(oracle) == [MessageState.PENDING]


def test_quarantined_after_it_was_taken__sent_again__still_waits_for_a_person(oracle: Oracle) -> None:
    send(oracle, OPEN, [report("1", patient="")])
    oracle.pipeline.settle()
    assert send(oracle, OPEN, [report("1", patient="")]) == ["AA"]
    assert states(oracle) == [MessageState.QUARANTINED]


@pytest.mark.parametrize("meanwhile", [[], [report("2")]], ids=["taken after all", "its content came meanwhile"])
def test_refused__taken_after_all_and_then_purged__older_copies_of_the_journal_open_none_of_it(
    oracle: Oracle, meanwhile: list[bytes]
) -> None:
    """Its row is made anew: the key of the one that went must go with it."""
    send(oracle, STRICT, [report("1")])
    copies = [oracle.messages.sealed(1)]
    send(oracle, OPEN, [*meanwhile, report("1")])
    oracle.pipeline.settle()
    copies += [oracle.messages.sealed(key) for key in ((2,) if meanwhile else (1,))]
    assert oracle.purge(oracle.outside.clock.now() + 10) == 1
    for copy in copies:
        with pytest.raises(IntegrityError, match="destroyed"):
            open_raw(oracle.site, copy)
