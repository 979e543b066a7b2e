import asyncio
from datetime import UTC, datetime
from itertools import count

from oracle.hl7.errors import BusyError, TooLargeError
from oracle.intake.http import answer, status_of
from oracle.intake.ports import Peer
from oracle.intake.receive import Received
from oracle.intake.reception import Reception
from oracle.sources import Source

PEER = Peer("http", "10.0.0.7", "his")
NAME = bytes(64)
GBK = Source("his", "示例医院", "H1", charset="GBK")
RAW = b"MSH|^~\\&|LIS|H1|ESB|H2|20260101||ORU^R01|42|P|2.4\rPID|1||7\r"


class ListJournal:
    """A journal that keeps a list and is durable when told so."""

    def __init__(self, *, durable: bool = True, failure: Exception | None = None, full: bool = False) -> None:
        self.kept: list[Received] = []
        self.waiting: list[asyncio.Future[bytes]] = []
        self._durable = durable
        self._failure = failure
        self._full = full

    def append(self, received: Received, peer: Peer) -> asyncio.Future[bytes]:
        if self._full:
            raise BusyError("the journal is full")
        self.kept.append(received)
        stored: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            stored.set_exception(self._failure)
        elif self._durable:
            stored.set_result(NAME)
        self.waiting.append(stored)
        return stored


def _reception(journal: ListJournal) -> Reception:
    numbers = count(1)
    return Reception(
        journal,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        next_control_id=lambda: f"R{next(numbers)}",
        source_of=lambda peer: GBK if peer.listener == "his" else None,
    )


def test_receive__not_yet_durable__gives_no_reply() -> None:
    async def case() -> None:
        journal = ListJournal(durable=False)
        reply = _reception(journal).receive(RAW, PEER)
        await asyncio.sleep(0)
        assert not reply.done()
        journal.waiting[0].set_result(NAME)
        assert b"MSA|AA|42\r" in await reply

    asyncio.run(case())


def test_receive__refused_message__is_answered_without_storing() -> None:
    async def case() -> None:
        journal = ListJournal()
        reception = _reception(journal)
        assert b"MSA|AR|42\r" in await reception.receive(RAW.replace(b"ORU", b"XXX"), PEER)
        assert journal.kept == []
        assert reception.verdicts == {"reject": 1}

    asyncio.run(case())


def test_receive__undecodable_message__is_stored_and_answered_ae() -> None:
    async def case() -> None:
        journal = ListJournal()
        assert b"MSA|AE|42\r" in await _reception(journal).receive(RAW + b"\xff\xff", PEER)
        assert journal.kept[0].raw == RAW + b"\xff\xff"

    asyncio.run(case())


def test_receive__journal_fails__is_ae_207_so_the_sender_tries_again() -> None:
    async def case() -> None:
        for journal in (ListJournal(failure=OSError("disk")), ListJournal(full=True)):
            reply = await _reception(journal).receive(RAW, PEER)
            assert b"MSA|AE|42\r" in reply
            assert b"207^" in reply
            assert status_of(reply) == 503

    asyncio.run(case())


def test_receive__setting_of_the_listener__decides_charset() -> None:
    async def case() -> None:
        journal = ListJournal()
        await _reception(journal).receive(RAW, PEER)
        assert journal.kept[0].codec == "gb18030"

    asyncio.run(case())


def test_refuse__oversized__names_the_control_id() -> None:
    assert b"MSA|AR|42\r" in _reception(ListJournal()).refuse(RAW, PEER, TooLargeError("x"))


def test_http__each_outcome__has_its_status() -> None:
    async def case() -> None:
        reception = _reception(ListJournal())
        assert (await answer(RAW, PEER, reception)).status == 200
        assert (await answer(b"\x0b" + RAW + b"\x1c\r", PEER, reception)).status == 200
        assert (await answer(RAW.replace(b"|42|", b"||"), PEER, reception)).status == 422
        assert (await answer(RAW.replace(b"ORU", b"XXX"), PEER, reception)).status == 400
        assert (await answer(b"", PEER, reception)).status == 400
        assert (await answer(RAW, PEER, reception, max_bytes=10)).status == 413

    asyncio.run(case())


def test_status_of__no_msa__is_500() -> None:
    assert status_of(b"hello") == 500
