"""Abandon: what waits for a custodian set with a lost member is made anew in another: all of it, once, no gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oracle import abandon as stage
from oracle.abandon import Abandon, Abandoned
from oracle.normalise.identity import EVENTS
from oracle.sitekey import SHARES
from salus.adapters.database.oracle_abandon import DatabaseAbandon
from salus.adapters.memory import MemoryCustodians
from salus.core.abandon import Fate
from salus.core.deposit import DepositItem
from salus.core.errors import ConflictError, InputError, IntegrityError, NotFoundError, UnavailableError
from salus.core.ids import ZERO32, ParticipantId
from salus.core.journal import BatchState, MessageState
from salus.core.operations import Deed, Selection
from salus.core.state import RecordStatus
from tests.unit.oracle.oracle_world import CUSTODIANS, SOURCE, admission, identity, report, results
from tests.unit.oracle.second_set import ME, SecondSet

LOST = CUSTODIANS[2]


class Losing(SecondSet):
    """An oracle that dealt to set 1, whose third member is gone after `lose`; after `restart` it deals to set 2."""

    def lose(self) -> None:
        """The third member of set 1 answers no more; the other two do."""
        self.there = self.outside.custodians

        def answer(custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
            if custodian == LOST and call["body"]["custodianSet"] == 1:
                raise UnavailableError("away")
            return self.there.deposit(custodian, call)

        self.outside.custodians = MemoryCustodians({one: partial(answer, one) for one in CUSTODIANS})
        self.restart(1)

    def abandon(
        self, custodian_set: int = 1, present: int = 2, sleep: Callable[[], object] = lambda: None
    ) -> Abandoned:
        """Give up set 1, the oracle dealing to set 2; `sleep` is what happens while it waits."""

        def pause(seconds: float) -> None:
            self.seconds += seconds
            sleep()

        return Abandon(
            DatabaseAbandon(self.oracle.database, self.operations),
            self.oracle.outbox,
            self.outside.content,
            self.outside.chain,
            SOURCE,
            present,
            {f"ADT^{event}" for event in EVENTS},
            self.oracle.site,
            self.auditing,
            pause,
            lambda: self.seconds,
        ).run(custodian_set, ME, "custodian 3 closed")

    def sql(self, statement: str) -> list[Any]:
        with self.oracle.database.writing() as connection:
            done = connection.exec_driver_sql(statement)
            return list(done.fetchall()) if done.returns_rows else []

    def stuck(self) -> list[DepositItem]:
        """What the first custodian has of set 1 and the chain has not."""
        roots = self.outside.anchored_roots()
        held = self.outside.deposits[CUSTODIANS[0]].items()
        return [item for root, items in held if root not in roots for item in items if item.leaf.custodian_set == 1]

    def anchored(self) -> list[tuple[bytes, int, int]]:
        """Record, version and custodian set of all that is anchored, in order."""
        return [
            (item.leaf.record_id, item.leaf.version, item.leaf.custodian_set) for item in self.outside.anchored_items()
        ]

    def contents(self, items: list[DepositItem]) -> list[tuple[bytes, int, object]]:
        return [(one.leaf.record_id, one.leaf.version, self.outside.open(one).content) for one in items]

    def unbroken(self) -> None:
        """Versions on chain count from 1 without a gap, each linked to the one before."""
        chain_id, heads = self.outside.chain.chain_id, dict[bytes, tuple[int, bytes]]()
        for item in self.outside.anchored_items():
            number, leaf = heads.get(item.leaf.record_id, (0, ZERO32))
            assert (item.leaf.version, item.leaf.previous) == (number + 1, leaf)
            heads[item.leaf.record_id] = (item.leaf.version, item.leaf.hash(chain_id))

    def states(self) -> set[int]:
        return {int(state) for (state,) in self.sql("SELECT state FROM oracle_message")}


@pytest.fixture
def losing(tmp_path: Path) -> Iterator[Losing]:
    made = Losing(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


def test_abandon__open_and_waiting__all_is_anchored_once_in_the_present_set(losing: Losing) -> None:
    losing.take(report("0", "L0"))
    losing.lose()
    for number in range(1, 20):  # sixteen batches are open, three versions wait
        losing.take(report(f"C{number}", f"L{number}", patient=f"P{number % 3}"))
    stuck = losing.contents(losing.stuck())
    assert len(losing.oracle.outbox.batches(BatchState.OPEN, 100)) == len(stuck) == 16
    losing.restart()
    done = losing.abandon()
    assert (done.versions, done.messages, done.batches, done.left) == ({Fate.AGAIN: 19}, 19, 16, ())
    losing.oracle.pipeline.settle()
    after = losing.anchored()[1:]
    assert len(after) == len({record for record, _, _ in after}) == 19
    assert {(version, number) for _, version, number in after} == {(1, 2)}
    losing.unbroken()
    anew = losing.contents(losing.outside.anchored_items())
    assert all(one in anew for one in stuck)
    assert losing.oracle.outbox.batches(BatchState.OPEN, 100) == []
    assert losing.oracle.database.backlog().open_batches == 0
    assert losing.states() == {MessageState.DONE}


def test_abandon__versions_above_an_anchored_one__count_on_from_it(losing: Losing) -> None:
    losing.take(report("1"))
    losing.lose()
    losing.take(report("2", value="5.90", status="C", at="20261101093000"))
    losing.take(report("3", value="6.10", status="C", at="20261101103000"))
    stuck = losing.contents(losing.stuck())
    losing.restart()
    assert losing.abandon().versions == {Fate.AGAIN: 2}
    losing.oracle.pipeline.settle()
    assert [(version, number) for _, version, number in losing.anchored()] == [(1, 1), (2, 2), (3, 2)]
    losing.unbroken()
    assert losing.contents(losing.outside.anchored_items())[1:] == stuck


def test_abandon__result_moved_to_another_patient__withdraws_as_before(losing: Losing) -> None:
    losing.take(report("1", patient="P1"))
    losing.lose()
    losing.take(report("2", patient="P2", status="C", at="20261101093000"))
    losing.restart()
    losing.abandon()
    losing.oracle.pipeline.settle()
    losing.unbroken()
    first, second = losing.outside.anchored_items()
    assert second.leaf.subject != first.leaf.subject
    leaf = first.leaf.hash(losing.outside.chain.chain_id)
    state = losing.outside.chain.record_state(SOURCE, leaf, losing.outside.chain.head())
    assert state.status is RecordStatus.INVALID


def test_abandon__told_in_parts__joins_them_again(losing: Losing) -> None:
    losing.lose()
    losing.take(results("1", ("2345-7", "5.4", "F")))
    losing.take(results("2", ("2951-2", "140", "F"), said="20261101084000"))
    losing.take(results("3", ("2345-7", "5.4", "F"), said="20261101083500"))  # nothing new
    stuck = losing.contents(losing.stuck())
    losing.restart()
    losing.abandon()
    losing.oracle.pipeline.settle()
    losing.unbroken()
    assert losing.contents(losing.outside.anchored_items())[-1] == stuck[-1]


def test_abandon__shares__open_no_more(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    (batch,) = losing.oracle.outbox.batches(BatchState.OPEN, 1)
    (item,) = losing.oracle.outbox.items(batch.key)
    losing.oracle.site.open_row(SHARES, item.leaf_hash, item.secret)
    losing.restart()
    losing.abandon()
    with pytest.raises(IntegrityError):
        losing.oracle.site.open_row(SHARES, item.leaf_hash, item.secret)
    assert losing.sql("SELECT version FROM oracle_secret") == []


def test_abandon__envelopes_of_what_is_made_anew__are_removed(losing: Losing) -> None:
    losing.take(report("0", "L0"))
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    digests = [item.leaf.envelope_digest for item in losing.stuck()]
    losing.restart()
    assert losing.abandon().envelopes == 0
    for digest in digests:
        with pytest.raises(NotFoundError):
            losing.outside.content.get(digest)
    for item in losing.outside.anchored_items():
        losing.outside.open(item)


def test_abandon__content_store_away__gives_up_all_the_same_and_says_what_is_left(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    losing.restart()

    def away(_digest: bytes) -> bool:
        raise UnavailableError("away")

    losing.outside.content.delete = away  # type: ignore[method-assign, assignment]
    done = losing.abandon()
    assert (done.versions, done.envelopes) == ({Fate.AGAIN: 2}, 2)


def test_abandon__run_twice__changes_nothing_the_second_time(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    losing.restart()
    losing.abandon()
    assert losing.abandon() == Abandoned({}, 0, 0, ())  # before the oracle has processed anything
    losing.oracle.pipeline.settle()
    once = losing.anchored()
    assert losing.abandon() == Abandoned({}, 0, 0, ())
    losing.oracle.pipeline.settle()
    assert losing.anchored() == once


def test_abandon__messages_with_several_records__go_together(losing: Losing) -> None:
    losing.lose()
    for number in range(4):
        losing.take(admission(f"A{number}", visit=f"V{number}"))  # stays of one patient, who is a record too
    stuck = losing.contents(losing.stuck())
    losing.restart()
    done = losing.abandon()
    assert done.versions == {Fate.AGAIN: len(stuck)}
    losing.oracle.pipeline.settle()
    losing.unbroken()
    assert sorted(losing.contents(losing.outside.anchored_items())) == sorted(stuck)


def test_abandon__killed_at_every_transaction__is_taken_up_by_the_next_run(
    losing: Losing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "MOST_AT_ONCE", 3)
    losing.lose()
    losing.take(*(report(f"C{number}", f"L{number}") for number in range(12)))
    losing.restart()
    forget, calls = losing.oracle.site.forget_rows, []

    def killed(purpose: str, rows: list[bytes]) -> None:
        calls.append(len(rows))
        forget(purpose, rows)
        if len(calls) % 2:
            raise KeyboardInterrupt

    for _ in range(4):
        monkeypatch.setattr(losing.oracle.site, "forget_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            losing.abandon()
        monkeypatch.setattr(losing.oracle.site, "forget_rows", forget)
        losing.oracle.pipeline.seal()  # the running oracle goes on in between
    losing.abandon()
    losing.oracle.pipeline.settle()
    losing.unbroken()
    assert len(calls) == 7
    assert len(losing.anchored()) == len(set(losing.anchored())) == 12
    assert losing.states() == {MessageState.DONE}


def test_abandon__killed_when_keys_were_gone_and_rows_were_not__holds_up_no_other_set(
    losing: Losing, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    forget = losing.oracle.site.forget_rows

    def killed(purpose: str, rows: list[bytes]) -> None:
        forget(purpose, rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(losing.oracle.site, "forget_rows", killed)
    with pytest.raises(KeyboardInterrupt):
        losing.abandon()
    losing.restart()
    losing.take(report("2", "L2"))
    assert [number for _, _, number in losing.anchored()] == [2]
    assert losing.abandon().versions == {Fate.AGAIN: 1}
    losing.oracle.pipeline.settle()
    assert [number for _, _, number in losing.anchored()] == [2, 2]
    losing.unbroken()


def test_abandon__made_again_for_the_new_set_before__is_set_aside_and_holds_up_nothing(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    records = [item.leaf.record_id for item in losing.stuck()]
    losing.restart()
    assert losing.reseal().moved == 2
    anchored = losing.anchored()
    assert all(losing.oracle.records.is_under_way(record) for record in records)
    assert losing.abandon().versions == {Fate.SUPERSEDED: 2}
    losing.oracle.pipeline.settle()
    assert losing.anchored() == anchored
    assert not any(losing.oracle.records.is_under_way(record) for record in records)
    assert [len(losing.oracle.records.versions(record)) for record in records] == [2, 2]  # their envelopes are known
    assert losing.oracle.database.backlog().open_batches == 0
    assert losing.abandon() == Abandoned({}, 0, 0, ())
    losing.oracle.records.erase(records[0], 1, lambda _raws, _shares: None)


def test_abandon__correction_set_aside__withdraws_what_it_called_wrong(losing: Losing) -> None:
    losing.take(report("1", patient="P1"))
    losing.lose()
    losing.take(report("2", patient="P2", status="C", at="20261101093000"))
    [first] = losing.outside.anchored_items()
    losing.order(first.leaf.record_id)
    losing.restart()
    assert losing.abandon().versions == {Fate.ORDERED: 1}
    losing.oracle.pipeline.settle()
    leaf, chain = first.leaf.hash(losing.outside.chain.chain_id), losing.outside.chain
    assert chain.record_state(SOURCE, leaf, chain.head()).status is RecordStatus.INVALID


def test_abandon__record_ordered_destroyed__is_not_made_anew_and_can_be_erased(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    ordered, other = (item.leaf.record_id for item in losing.stuck())
    losing.order(ordered)
    losing.restart()
    assert losing.abandon().versions == {Fate.ORDERED: 1, Fate.AGAIN: 1}
    losing.oracle.pipeline.settle()
    assert losing.anchored() == [(other, 1, 2)]
    losing.oracle.records.erase(ordered, 1, lambda _raws, _shares: None)


def test_abandon__bytes_erased__stays_and_lets_the_rest_of_its_batch_go(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"), report("3", "L3"))
    forgotten = losing.stuck()[0].leaf.record_id
    losing.sql("DELETE FROM oracle_raw WHERE message = 1")
    losing.restart()
    done = losing.abandon()
    assert (done.versions, done.left) == ({Fate.AGAIN: 2}, ((forgotten, Fate.FORGOTTEN),))
    losing.oracle.pipeline.settle()
    losing.oracle.pipeline.settle()  # the first found a batch that goes nowhere
    assert sorted(version for _, version, _ in losing.anchored()) == [1, 1]
    (left,) = losing.oracle.outbox.batches(BatchState.OPEN, 10)
    assert (left.custodian_set, left.count) == (1, 1)
    again = losing.abandon()
    assert (again.versions, again.batches, again.left) == ({}, 0, ((forgotten, Fate.FORGOTTEN),))
    losing.outside.custodians = losing.there
    losing.restart()
    losing.oracle.pipeline.settle()
    assert losing.anchored()[-1] == (forgotten, 1, 1)  # if the member comes back after all


def test_abandon__one_version_of_a_record_can_not_be_made_anew__all_of_it_stays(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.take(report("2", value="5.90", status="C", at="20261101093000"))
    losing.sql("DELETE FROM oracle_raw WHERE message = 1")
    losing.restart()
    done = losing.abandon()
    assert (done.versions, [why for _, why in done.left]) == ({}, [Fate.FORGOTTEN])


def test_abandon__message_discarded__stays_as_held(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.sql(f"UPDATE oracle_message SET state = {int(MessageState.DISCARDED)}")
    losing.restart()
    assert [why for _, why in losing.abandon().left] == [Fate.HELD]


def test_abandon__made_by_a_merge__stays_until_it_is_resealed(losing: Losing) -> None:
    losing.take(report("1", patient="P1"))
    losing.take(report("2", patient="P2", status="C", at="20261101093000"))
    losing.take(report("3", patient="P1", value="5.90", status="C", at="20261101103000"))
    losing.lose()
    losing.take(identity("4", "A40", "P1", "P2"))
    stuck = losing.contents(losing.stuck())
    assert stuck  # the merge has joined what was told under both numbers
    losing.restart()
    assert {why for _, why in losing.abandon().left} == {Fate.MERGED}
    assert losing.reseal().left == ()
    assert losing.abandon().versions == {Fate.SUPERSEDED: len(stuck)}
    last = losing.contents(losing.outside.anchored_items())[-1]
    assert last[2] == stuck[-1][2]


def test_abandon__message_waits_to_be_processed__is_waited_for(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    losing.operations.reprocess(Selection((1,)), losing.auditing.order(ME, Deed.REPROCESS), 10)
    done = losing.abandon(sleep=losing.oracle.pipeline.seal)
    assert (done.versions, done.left) == ({Fate.AGAIN: 1}, ())
    losing.oracle.pipeline.settle()
    assert [(version, number) for _, version, number in losing.anchored()] == [(1, 2)]


def test_abandon__nobody_processes_what_it_waits_for__says_so(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    losing.operations.reprocess(Selection((1,)), losing.auditing.order(ME, Deed.REPROCESS), 10)
    assert [why for _, why in losing.abandon().left] == [Fate.PENDING]
    losing.oracle.pipeline.settle()
    assert losing.abandon().versions == {Fate.AGAIN: 1}


def test_abandon__while_a_message_is_sealed__what_comes_builds_on_nothing_given_up(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    assert losing.oracle.take(report("2", value="5.90", status="C", at="20261101093000")) == [True]
    put = losing.outside.content.put_many
    done: list[Abandoned] = []

    def meanwhile(envelopes: Sequence[bytes]) -> list[bytes]:
        if not done:
            done.append(losing.abandon())
        return put(envelopes)

    losing.outside.content.put_many = meanwhile  # type: ignore[method-assign, assignment]  # between sealing and committing
    with pytest.raises(ConflictError, match="read again"):
        losing.oracle.pipeline.seal()
    losing.oracle.pipeline.settle()
    losing.unbroken()
    assert [(version, number) for _, version, number in losing.anchored()] == [(1, 2), (2, 2)]


def test_abandon__while_custodians_acknowledge__the_batch_goes_nowhere(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    done: list[Abandoned] = []

    def answer(custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if not done and custodian == LOST:  # it is back, at this very moment
            done.append(losing.abandon())
        return losing.there.deposit(custodian, call)

    losing.outside.custodians = MemoryCustodians({one: partial(answer, one) for one in CUSTODIANS})
    losing.restart()
    losing.oracle.pipeline.settle()
    assert done[0].versions == {Fate.AGAIN: 1}
    assert [(version, number) for _, version, number in losing.anchored()] == [(1, 2)]
    assert losing.states() == {MessageState.DONE}


def test_abandon__present_set__is_refused(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    with pytest.raises(InputError, match="deals to set 1"):
        losing.abandon(present=1)
    assert len(losing.oracle.outbox.batches(BatchState.OPEN, 10)) == 1


def test_abandon__batch_that_all_custodians_have__is_anchored_first(losing: Losing) -> None:
    assert losing.oracle.take(report("1")) == [True]
    losing.oracle.pipeline.seal()
    losing.oracle.pipeline.deposit()
    losing.restart()
    with pytest.raises(ConflictError, match="anchor it first"):
        losing.abandon()
    losing.oracle.pipeline.settle()
    assert losing.abandon() == Abandoned({}, 0, 0, ())
    assert [(version, number) for _, version, number in losing.anchored()] == [(1, 1)]


def test_abandon__root_on_chain__is_refused(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    (batch,) = losing.oracle.outbox.batches(BatchState.OPEN, 10)
    losing.outside.chain.set_anchor(SOURCE, batch.root, batch.count, 1, 1)
    losing.restart()
    with pytest.raises(ConflictError, match="on chain"):
        losing.abandon()


def test_abandon__old_backup__is_refused(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    args = {"sourceId": SOURCE, "root": b"\1" * 32, "count": 7, "custodianSet": 1}
    losing.outside.chain.emit("RecordRegistry", "BatchAnchored", args)
    losing.restart()
    with pytest.raises(ConflictError, match="old backup"):
        losing.abandon()


def test_abandon__other_sets__are_left_alone(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    assert losing.abandon(custodian_set=3) == Abandoned({}, 0, 0, ())
    assert len(losing.oracle.outbox.batches(BatchState.OPEN, 10)) == 1


def test_abandon__each_message__is_in_the_operators_log(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"), report("2", "L2"))
    losing.restart()
    losing.abandon()
    rows = losing.auditing.rows(0, 10)
    assert [(row.deed, row.actor, row.message, row.reason) for row in rows] == [
        (Deed.ABANDON, ME, key, "custodian 3 closed") for key in (1, 2)
    ]
    assert losing.auditing.check().wrong == ""


def test_purge__message_of_a_version_set_aside__is_erased_in_its_time(losing: Losing) -> None:
    losing.lose()
    losing.take(report("1"))
    losing.restart()
    losing.reseal()
    later = losing.outside.clock.now() + 1
    assert losing.oracle.purge(later) == 0
    losing.abandon()
    assert losing.oracle.purge(later) == 1
