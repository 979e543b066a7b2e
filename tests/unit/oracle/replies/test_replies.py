"""Owed acknowledgments over a real database: when they are due, what they say, how often they are sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.intake.reception import Reception
from oracle.replies import Composer, Fetching, ProcessingResults, SenderConnections, Sending
from oracle.replies.outlets import outcome_of
from oracle.replies.ports import Delivery, Outgoing
from oracle.sources import Acknowledgement, DueAt, LiveSources, Source
from salus.adapters.database.oracle_acks import DatabaseAcks
from salus.core.acks import AckState, OwedAck
from salus.core.errors import InputError, NotFoundError
from salus.core.journal import MessageState
from tests.unit.oracle.oracle_world import Oracle, Outside, report

HIS = Source("his", "Hospital B", "HB")
PEER = Peer("mllp", "127.0.0.1", "his", 7)


def enhanced(control: str, application: str = "AL", **more: str) -> bytes:
    return report(control, **more).replace(b"|P|2.5.1||||||", f"|P|2.5.1|||AL|{application}||".encode())


class Desk:
    """An oracle with its owed acknowledgments and one source."""

    def __init__(self, folder: Path, acknowledgement: Acknowledgement = HIS.acknowledgement) -> None:
        self.outside = Outside()
        self.oracle = Oracle(folder / "oracle.db", self.outside)
        self.store = DatabaseAcks(self.oracle.database)
        self.source = replace(HIS, acknowledgement=acknowledgement)
        self.sources = LiveSources([self.source])
        self.composer = Composer(
            self.oracle.site, self.outside.chain.chain_id, lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )
        self.now = 1000
        self.outcomes: Counter[str] = Counter()

    def take(self, *raws: bytes, transport: str = "mllp") -> list[bytes]:
        """Take messages in through the reception and commit them together; their names."""

        async def taking() -> list[bytes]:
            reception = Reception(
                self.oracle.journal,
                now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
                next_control_id=lambda: "R",
                source_of=lambda _: self.source,
            )
            futures = [reception.take(raw, replace(PEER, transport=transport)) for raw in raws]
            await asyncio.sleep(0)
            self.oracle.journal.commit_group()
            return [(await future).name for future in futures]

        return asyncio.run(taking())

    def owed(self) -> list[OwedAck]:
        return self.store.owed("his", ("mllp",), 100)

    def sending(self, outlet: Any) -> Sending:
        told = self.outcomes
        return Sending(
            self.store,
            self.sources,
            self.composer,
            outlet,
            outlet,
            now=lambda: self.now,
            told=lambda outcome, number: told.update({outcome: number}),
        )

    def states(self) -> list[AckState]:
        with self.oracle.database.reading() as connection:
            rows = connection.exec_driver_sql("SELECT state FROM oracle_ack ORDER BY message").scalars()
            return [AckState(state) for state in rows]


class ListOutlet:
    """Keeps what was sent; answers by a list of deliveries, DONE after its end."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.sent: list[bytes] = []
        self._deliveries = list(deliveries)

    async def send(self, source: Source, outgoing: Sequence[Outgoing]) -> list[Delivery]:
        self.sent += [one.message for one in outgoing]
        return [self._deliveries.pop(0) if self._deliveries else Delivery.DONE for _ in outgoing]

    def said(self) -> list[tuple[bytes, bytes]]:
        return [outcome_of(one) for one in self.sent]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(case())


def test_owed__before_processing__is_not_due_and_holds_up_those_behind(desk: Desk) -> None:
    desk.take(enhanced("1"), enhanced("2", order="L2"))
    outlet = ListOutlet()
    assert asyncio.run(desk.sending(outlet).once("his")) == 0
    assert outlet.sent == []
    desk.oracle.pipeline.seal()
    assert asyncio.run(desk.sending(outlet).once("his")) == 2
    assert outlet.said() == [(b"AA", b"1"), (b"AA", b"2")]
    assert desk.states() == [AckState.ANSWERED] * 2
    assert desk.outcomes["done"] == 2


def test_owed__original_mode__is_nothing(desk: Desk) -> None:
    desk.take(report("1"), enhanced("2", "NE", order="L2"))
    assert desk.states() == []
    assert desk.store.count() == 0


def test_owed__anchored_source__waits_for_the_anchor_and_names_records_batch_and_root(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Acknowledgement(application=DueAt.ANCHORED, receipt=True))
    desk.take(enhanced("1"))
    outlet = ListOutlet()
    desk.oracle.pipeline.seal()
    assert asyncio.run(desk.sending(outlet).once("his")) == 0
    desk.oracle.pipeline.settle()
    assert asyncio.run(desk.sending(outlet).once("his")) == 1
    (zsl,) = [line for line in outlet.sent[0].split(b"\r") if line.startswith(b"ZSL")]
    (item,) = desk.outside.anchored_items()
    root = desk.outside.anchored_roots()[0]
    did = f"did:salus:{desk.outside.chain.chain_id}:record:{item.leaf.record_id.hex()}"
    assert zsl.decode() == f"ZSL|1|{did}|1|0x{root.hex()}"


def test_owed__processed_source_with_receipt__names_the_records_without_a_batch(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Acknowledgement(receipt=True))
    desk.take(enhanced("1"))
    desk.oracle.pipeline.seal()
    outlet = ListOutlet()
    asyncio.run(desk.sending(outlet).once("his"))
    (zsl,) = [line for line in outlet.sent[0].split(b"\r") if line.startswith(b"ZSL")]
    assert zsl.count(b"|") == 2


def test_owed__no_record__is_ae_with_the_place_and_no_content(desk: Desk) -> None:
    desk.take(enhanced("1", patient=""))
    desk.oracle.pipeline.seal()
    outlet = ListOutlet()
    asyncio.run(desk.sending(outlet).once("his"))
    assert outlet.said() == [(b"AE", b"1")]
    (err,) = [line for line in outlet.sent[0].split(b"\r") if line.startswith(b"ERR")]
    assert err.startswith(b"ERR||PID^1^3^1|101^Required field missing^HL70357|E|")
    assert "小明".encode() not in outlet.sent[0]


@pytest.mark.parametrize(("asked", "sent"), [("SU", ["1"]), ("ER", ["2"]), ("AL", ["1", "2"])])
def test_owed__condition__only_the_outcomes_it_names_are_told(desk: Desk, asked: str, sent: list[str]) -> None:
    desk.take(enhanced("1", asked), enhanced("2", asked, order="L2", patient=""))
    desk.oracle.pipeline.seal()
    outlet = ListOutlet()
    assert asyncio.run(desk.sending(outlet).once("his")) == 2
    assert [control.decode() for _, control in outlet.said()] == sent
    assert desk.states() == [AckState.ANSWERED] * 2


def test_owed__resend_under_a_new_control_id__is_told_the_first_ones_result(desk: Desk) -> None:
    desk.take(enhanced("1"))
    desk.take(enhanced("2"))
    desk.oracle.pipeline.seal()
    outlet = ListOutlet()
    asyncio.run(desk.sending(outlet).once("his"))
    assert outlet.said() == [(b"AA", b"1"), (b"AA", b"2")]


def test_owed__same_bytes_again__is_owed_again(desk: Desk) -> None:
    outlet = ListOutlet()
    for _ in range(2):
        desk.take(enhanced("1"))
        desk.oracle.pipeline.seal()
        asyncio.run(desk.sending(outlet).once("his"))
    assert outlet.said() == [(b"AA", b"1")] * 2
    assert outlet.sent[0].split(b"|")[9] == outlet.sent[1].split(b"|")[9]


def test_sending__in_vain__goes_again_after_a_growing_pause_and_is_given_up_at_last(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Acknowledgement(attempts=3))
    desk.take(enhanced("1"), enhanced("2", order="L2"))
    desk.oracle.pipeline.seal()
    outlet = ListOutlet(*[Delivery.FAILED, Delivery.NO_WAY] * 3)
    sending = desk.sending(outlet)
    times = []
    for _ in range(60):
        before = len(outlet.sent)
        asyncio.run(sending.once("his"))
        if len(outlet.sent) > before:
            times.append(desk.now)
        desk.now += 1
    assert times == [1000, 1001, 1003, 1004]
    assert desk.states() == [AckState.GIVEN_UP, AckState.ANSWERED]
    assert desk.outcomes == {"failed": 2, "given up": 1, "done": 1}


def test_sending__rejected__is_given_up_at_once(desk: Desk) -> None:
    desk.take(enhanced("1"))
    desk.oracle.pipeline.seal()
    asyncio.run(desk.sending(ListOutlet(Delivery.REJECTED)).once("his"))
    assert desk.states() == [AckState.GIVEN_UP]


def test_sending__no_way__waits_without_counting(desk: Desk) -> None:
    desk.take(enhanced("1"))
    desk.oracle.pipeline.seal()
    asyncio.run(desk.sending(ListOutlet(*[Delivery.NO_WAY] * 50)).once("his"))
    (ack,) = desk.owed()
    assert (ack.attempts, ack.next_at) == (0, 0)


def test_forget__older_rows__are_gone(desk: Desk) -> None:
    desk.take(enhanced("1"))
    (ack,) = desk.owed()
    assert desk.store.forget(ack.created_at) == 0
    assert desk.store.forget(ack.created_at + 1) == 1
    assert desk.owed() == []


def test_rows__hold_nothing_of_the_header_in_clear(desk: Desk, tmp_path: Path) -> None:
    desk.take(enhanced("PLANTED-CONTROL").replace(b"|LIS|", b"|PLANTED-APP|"))
    with desk.oracle.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM oracle_ack").all()
    assert len(rows) == 1
    assert "PLANTED" not in repr(rows)


# fetching


def test_fetch__not_due_then_due__and_again_the_same_words(desk: Desk) -> None:
    (name,) = desk.take(enhanced("1"), transport="http")
    fetching = Fetching(desk.store, desk.composer)
    assert fetching.fetch(name.hex(), desk.source) is None
    desk.oracle.pipeline.seal()
    first = fetching.fetch(name.hex(), desk.source)
    assert first is not None
    assert outcome_of(first) == (b"AA", b"1")
    assert fetching.fetch(name.hex(), desk.source) == first
    assert desk.states() == [AckState.ANSWERED]


def test_fetch__of_another_source_or_unknown__is_not_found(desk: Desk) -> None:
    (name,) = desk.take(enhanced("1"), transport="http")
    fetching = Fetching(desk.store, desk.composer)
    with pytest.raises(NotFoundError):
        fetching.fetch(name.hex(), replace(HIS, name="other"))
    with pytest.raises(NotFoundError):
        fetching.fetch(bytes(64).hex(), desk.source)
    for wrong in ("", "zz", name.hex()[:-2]):
        with pytest.raises(InputError):
            fetching.fetch(wrong, desk.source)


def test_fetch__asked_for_none_of_this_outcome__is_empty(desk: Desk) -> None:
    (name,) = desk.take(enhanced("1", "ER"), transport="http")
    desk.oracle.pipeline.seal()
    assert Fetching(desk.store, desk.composer).fetch(name.hex(), desk.source) == b""


# results that a reply waits for


def test_results__of_processed_messages__are_told_and_others_get_none_in_the_end(desk: Desk) -> None:
    async def case() -> None:
        now = 0.0
        results = ProcessingResults(desk.store, lambda: now, patience=5.0)
        told = [results.of(name) for name in names]
        await results.look()
        assert not any(one.done() for one in told)
        desk.oracle.pipeline.seal()
        await results.look()
        assert told[0].done()
        first, second = told[0].result(), told[1].result()
        assert first is not None
        assert second is not None
        assert (first.success, second.success, second.location) == (True, False, "PID-3")
        late = results.of(bytes(64))
        now = 6.0
        await results.look()
        assert late.result() is None

    names = desk.take(enhanced("1"), enhanced("2", order="L2", patient=""))
    run(case)


def test_results__message_that_waits_for_a_person_and_is_driven_again__is_told_anew(desk: Desk) -> None:
    (name,) = desk.take(report("1", patient=""))
    desk.oracle.pipeline.seal()
    key = (name[:32], name[32:])
    assert desk.store.results([key])[key][0] is MessageState.QUARANTINED
    with desk.oracle.database.writing() as connection:
        connection.exec_driver_sql("UPDATE oracle_message SET state = 1")
    assert desk.store.results([key])[key][0] is MessageState.PENDING


# the sender's own connections


class Connection:
    """An open connection that takes what it is sent, or doesn't."""

    def __init__(self, number: int, *, takes: bool = True) -> None:
        self.number = number
        self.takes = takes
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> bool:
        if self.takes:
            self.sent.append(message)
        return self.takes


def outgoing(number: int) -> Outgoing:
    return Outgoing(bytes([number]) * 64, f"A{number}", b"ack %d" % number)


def test_sender__several_connections__the_one_the_message_came_by_gets_it_else_the_newest() -> None:
    async def case() -> None:
        connections = [Connection(number) for number in (3, 5, 9)]
        outlet = SenderConnections(lambda _: connections)
        outlet.expect(outgoing(1).name, 5)
        quiet = replace(HIS, acknowledgement=Acknowledgement(confirm=False))
        assert await outlet.send(quiet, [outgoing(1), outgoing(2)]) == [Delivery.DONE] * 2
        assert [one.sent for one in connections] == [[], [b"ack 1"], [b"ack 2"]]
        connections[1].takes = connections[2].takes = False
        assert await outlet.send(quiet, [outgoing(3)]) == [Delivery.DONE]
        connections.clear()
        assert await outlet.send(quiet, [outgoing(4)]) == [Delivery.NO_WAY]

    run(case)


@pytest.mark.parametrize(
    ("code", "delivery"),
    [
        (b"CA", Delivery.DONE),
        (b"AA", Delivery.DONE),
        (b"CE", Delivery.FAILED),
        (b"AR", Delivery.REJECTED),
        (b"XX", Delivery.FAILED),
    ],
)
def test_sender__confirmation__decides(code: bytes, delivery: Delivery) -> None:
    async def case() -> None:
        outlet = SenderConnections(lambda _: [Connection(1)])
        waiting = asyncio.create_task(outlet.send(HIS, [outgoing(1)]))
        await asyncio.sleep(0)
        for source, control in (("other", b"A1"), ("his", b"A2")):
            outlet.acknowledged(source, b"MSH|^~\\&\rMSA|" + code + b"|" + control)
            await asyncio.sleep(0)
            assert not waiting.done()
        outlet.acknowledged("his", b"MSH|^~\\&\rMSA|" + code + b"|A1\r")
        assert await waiting == [delivery]

    run(case)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"MSH|^~\\&\rMSA|CA|7\r", (b"CA", b"7")),
        (b"MSH#*\nMSA#CA#7#x", (b"CA", b"7")),
        (b"MSH|\rMSA|CA", (b"CA", b"")),
        (b"MSH|\rMSA", (b"", b"")),
        (b"hello MSA|CA|7", (b"", b"")),
        (b"", (b"", b"")),
    ],
)
def test_outcome_of__reply__is_read_as_far_as_it_goes(reply: bytes, outcome: tuple[bytes, bytes]) -> None:
    assert outcome_of(reply) == outcome


def test_receive__enhanced_message_built_here__asks_as_meant() -> None:
    asked = receive(enhanced("1", "ER")).header.asked
    assert (asked.accept.value, asked.application.value) == ("AL", "ER")
