"""The protocol over an in-memory transport: no socket is opened."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.hl7.errors import HL7Error
from oracle.intake.mllp import START, TRAILER, MllpLimits, MllpProtocol, MllpServer, frame, is_acknowledgment
from oracle.intake.ports import Peer


class MemoryTransport(asyncio.Transport):
    """What a protocol sees of a connection."""

    def __init__(self, host: str = "10.0.0.7") -> None:
        super().__init__({"peername": (host, 40000)})
        self.written = b""
        self.writes = 0
        self.reading = True
        self.closed = False
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)
        self.writes += 1

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed


class HeldSink:
    """A sink whose replies wait until the test lets them go; the reply to m is `ack:m`."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.messages: list[bytes] = []
        self.peers: list[Peer] = []
        self.waiting: list[asyncio.Future[bytes]] = []
        self.refused: list[HL7Error] = []
        self._at_once = at_once

    def receive(self, raw: bytes, peer: Peer) -> asyncio.Future[bytes]:
        self.messages.append(raw)
        self.peers.append(peer)
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self._at_once:
            reply.set_result(b"ack:" + raw)
        self.waiting.append(reply)
        return reply

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        self.refused.append(error)
        return b"refused:" + head[:5]

    def answer(self, *places: int) -> None:
        for place in places:
            self.waiting[place].set_result(b"ack:" + self.messages[place])


class Wire:
    """One connection of a test."""

    def __init__(self, sink: HeldSink, limits: MllpLimits | None = None) -> None:
        self.sink = sink
        self.server = MllpServer(sink, "his", limits or MllpLimits())
        self.now = 0.0
        self.server.clock = lambda: self.now  # type: ignore[method-assign]  # the test's own clock
        self.transport = MemoryTransport()
        self.protocol = MllpProtocol(self.server)
        self.protocol.connection_made(self.transport)

    def connect(self) -> MemoryTransport:
        transport = MemoryTransport()
        MllpProtocol(self.server).connection_made(transport)
        return transport

    async def settle(self) -> bytes:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.transport.written


def run(case: Callable[[], Awaitable[None]]) -> None:
    """Run a case on a loop of its own."""

    async def main() -> None:
        await case()

    asyncio.run(main())


def test_frames__pipelined_in_one_read__are_answered_in_order_in_one_write() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one") + frame(b"two") + frame(b"three"))
        wire.sink.answer(2, 1)
        assert await wire.settle() == b""
        wire.sink.answer(0)
        assert await wire.settle() == frame(b"ack:one") + frame(b"ack:two") + frame(b"ack:three")
        assert wire.transport.writes == 1
        assert wire.sink.peers[0] == Peer("mllp", "10.0.0.7", "his")

    run(case)


def test_frames__cut_at_every_byte__are_found() -> None:
    stream = frame(b"MSH|1") + frame(b"MSH|2\rPID|x")

    async def case() -> None:
        for cut in range(len(stream) + 1):
            wire = Wire(HeldSink())
            wire.protocol.data_received(stream[:cut])
            wire.protocol.data_received(stream[cut:])
            assert wire.sink.messages == [b"MSH|1", b"MSH|2\rPID|x"]
            assert wire.server.counters.garbage_bytes == 0

    run(case)


def test_is_acknowledgment__no_message_at_all__false() -> None:
    assert not is_acknowledgment(b"\nMSA|AA|1")


def test_connections__too_many__the_oldest_that_never_sent_a_message_makes_room() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(connections=3))
        wire.protocol.data_received(frame(b"one"))
        silent = [wire.connect(), wire.connect()]
        newer = [wire.connect(), wire.connect(), wire.connect()]
        assert [one.aborted for one in (wire.transport, *silent, *newer)] == [False, True, True, True, False, False]
        assert (wire.server.counters.crowded_out, wire.server.counters.refused_connections) == (3, 0)

    run(case)


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
def test_frames__too_long_and_cut_off_ones__same_replies_in_any_pieces(size: int) -> None:
    stream = b"".join(
        (
            frame(b"A" * 20),
            START + b"B" * 30 + START + b"c" * 5 + START + frame(b"D" * 8),
            frame(b"E" * 21),
            frame(b"F"),
            START + b"G" * 50 + START + b"h" + TRAILER,
        )
    )

    async def case() -> None:
        wire = Wire(HeldSink(at_once=True), MllpLimits(message_bytes=20))
        for place in range(0, len(stream), size):
            wire.protocol.data_received(stream[place : place + size])
        expected = [b"ack:" + b"A" * 20, b"refused:BBBBB", b"ack:" + b"D" * 8, b"refused:EEEEE", b"ack:F"]
        assert await wire.settle() == b"".join(map(frame, [*expected, b"refused:GGGGG", b"ack:h"]))
        assert (wire.server.counters.oversized_frames, wire.server.counters.cut_off_frames) == (3, 2)

    run(case)


def test_frames__one_too_long_after_a_good_one__is_refused_by_its_own_head() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(at_once=True), MllpLimits(message_bytes=20))
        wire.protocol.data_received(frame(b"good") + START + b"other" * 9)
        assert await wire.settle() == frame(b"ack:good") + frame(b"refused:other")

    run(case)


def test_limits__large_message_still_coming__may_take_longer() -> None:
    async def case() -> None:
        limits = MllpLimits(frame_seconds=30, slowest=100)
        for size, closed in ((10, True), (2000, False)):
            wire = Wire(HeldSink(), limits)
            wire.protocol.data_received(START + b"m" * size)
            wire.now = 45.0
            wire.server.close_expired()
            assert wire.transport.aborted is closed

    run(case)


def test_frames__byte_by_byte__are_found() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        for byte in frame(b"one") + frame("王東".encode("gb18030")):
            wire.protocol.data_received(bytes([byte]))
        assert wire.sink.messages == [b"one", "王東".encode("gb18030")]

    run(case)


@given(
    st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\x0b", b"").replace(b"\x1c", b"")), max_size=8),
    st.lists(st.integers(0, 600), max_size=8),
)
def test_frames__any_messages_any_cuts__come_out_as_sent(messages: list[bytes], cuts: list[int]) -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        stream = b"".join(map(frame, messages))
        places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
        for begin, end in itertools.pairwise(places):
            wire.protocol.data_received(stream[begin:end])
        assert wire.sink.messages == messages

    run(case)


@pytest.mark.parametrize(
    ("stream", "messages", "garbage", "cut_off"),
    [
        (b"noise" + frame(b"one"), [b"one"], 5, 0),
        (frame(b"one") + b"\r\n" + frame(b"two"), [b"one", b"two"], 0, 0),
        (b"\x0bone\x1c\x0btwo\x1c\r", [b"one", b"two"], 0, 0),
        (b"\x0bone \x0btwo\x1c\r", [b"two"], 0, 1),
        (frame(b"one") + b"xx\x1c\ryy" + frame(b"two"), [b"one", b"two"], 6, 0),
        (b"GET / HTTP/1.1\r\n\r\n", [], 14, 0),
    ],
)
def test_frames__garbage_between__is_counted_and_survived(
    stream: bytes, messages: list[bytes], garbage: int, cut_off: int
) -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(stream)
        assert wire.sink.messages == messages
        assert wire.server.counters.garbage_bytes == garbage
        assert wire.server.counters.cut_off_frames == cut_off

    run(case)


def test_frame__beyond_the_limit__is_refused_skipped_and_the_next_one_taken() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(at_once=True), MllpLimits(message_bytes=10))
        wire.protocol.data_received(b"\x0bMSH|" + b"x" * 20)
        wire.protocol.data_received(b"y" * 50)
        wire.protocol.data_received(b"y\x1c\r" + frame(b"MSH|2"))
        assert await wire.settle() == frame(b"refused:MSH|x") + frame(b"ack:MSH|2")
        assert wire.sink.messages == [b"MSH|2"]
        assert wire.sink.refused[0].ack.value == "AR"
        assert wire.server.counters.oversized_frames == 1

    run(case)


def test_frame__whole_but_beyond_the_limit__is_refused() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(at_once=True), MllpLimits(message_bytes=10))
        wire.protocol.data_received(frame(b"x" * 11) + frame(b"x" * 10))
        assert await wire.settle() == frame(b"refused:xxxxx") + frame(b"ack:" + b"x" * 10)

    run(case)


def test_reading__sink_full__pauses_and_resumes_at_half() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(pending_messages=4))
        wire.protocol.data_received(b"".join(frame(b"%d" % n) for n in range(4)))
        assert not wire.transport.reading
        wire.sink.answer(0)
        await wire.settle()
        assert not wire.transport.reading
        wire.sink.answer(1)
        await wire.settle()
        assert wire.transport.reading
        assert wire.server.counters.pauses == 1

    run(case)


def test_reading__too_many_bytes_pending__pauses() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(pending_bytes=100))
        wire.protocol.data_received(frame(b"x" * 100))
        assert not wire.transport.reading

    run(case)


def test_reading__sender_does_not_read_replies__pauses() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.pause_writing()
        assert not wire.transport.reading
        wire.protocol.resume_writing()
        assert wire.transport.reading

    run(case)


def test_reply__sink_failed__is_refused_and_order_kept() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one") + frame(b"two"))
        wire.sink.waiting[0].set_exception(RuntimeError("disk"))
        wire.sink.answer(1)
        assert await wire.settle() == frame(b"refused:") + frame(b"ack:two")

    run(case)


def test_timeouts__unfinished_frame__is_closed_but_pending_and_idle_are_not() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(frame_seconds=30, idle_seconds=3600))
        wire.now = 3000
        wire.server.close_expired()
        assert not wire.transport.closed
        wire.protocol.data_received(b"\x0bMSH")
        wire.now = 3020
        wire.protocol.data_received(b"|")
        wire.now = 3031
        wire.server.close_expired()
        assert wire.transport.aborted
        assert wire.server.counters.timeouts == 1

    run(case)


def test_timeouts__silent_for_an_hour__is_closed_unless_a_reply_is_owed() -> None:
    async def case() -> None:
        quiet, owed = Wire(HeldSink()), Wire(HeldSink())
        owed.protocol.data_received(frame(b"one"))
        for wire in (quiet, owed):
            wire.now = 3601
            wire.server.close_expired()
        assert quiet.transport.aborted
        assert not owed.transport.closed

    run(case)


def test_close__replies_owed__go_out_first() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one"))
        wire.protocol.close()
        assert not wire.transport.closed
        assert not wire.transport.reading
        wire.sink.answer(0)
        assert await wire.settle() == frame(b"ack:one")
        assert wire.transport.closed

    run(case)


def test_eof__replies_owed__keeps_the_write_side_open() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one"))
        assert wire.protocol.eof_received() is True
        wire.sink.answer(0)
        assert await wire.settle() == frame(b"ack:one")
        assert wire.transport.closed
        assert Wire(HeldSink()).protocol.eof_received() is False

    run(case)


def test_connection__lost_before_the_reply__is_survived() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one"))
        wire.protocol.connection_lost(None)
        wire.sink.answer(0)
        assert await wire.settle() == b""
        assert wire.protocol.pending == 0

    run(case)


def test_connections__beyond_the_limit__are_refused() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(connections=1))
        wire.protocol.data_received(frame(b"one"))
        assert wire.connect().aborted
        assert wire.server.counters.refused_connections == 1

    run(case)


def test_connections__beyond_the_limit_of_one_host__are_refused_and_another_host_is_served() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(), MllpLimits(connections_per_host=1))
        wire.protocol.data_received(frame(b"one"))
        assert wire.connect().aborted
        other = MemoryTransport("192.0.2.7")
        MllpProtocol(wire.server).connection_made(other)
        assert not other.aborted

    run(case)


def test_frames__unfinished_ones_hold_too_much_together__the_growing_one_is_closed() -> None:
    async def case() -> None:
        wire = Wire(HeldSink(at_once=True), MllpLimits(unfinished_bytes=100))
        second = MemoryTransport()
        crowding = MllpProtocol(wire.server)
        crowding.connection_made(second)
        wire.protocol.data_received(START + b"a" * 80)
        crowding.data_received(START + b"b" * 80)
        assert second.aborted
        assert wire.server.counters.crowded_out == 1
        crowding.connection_lost(None)
        wire.protocol.data_received(TRAILER)
        assert await wire.settle() == frame(b"ack:" + b"a" * 80)
        assert wire.server.held.bytes <= len(TRAILER)

    run(case)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"MSH|^~\\&|A\rMSA|AA|1\r", True),
        (b"MSH|^~\\&|A\r\nMSA|AA|1\r\n", True),
        (b"MSH|^~\\&|A\rSFT|x\rMSA|CA|1\r", True),
        (b"MSH|^~\\&|A\rPID|1\rOBX|1|TX|t||see\nMSA below\r", False),
        (b"MSH|^~\\&|A\rPID|1\r", False),
    ],
)
def test_is_acknowledgment__only_where_the_standard_puts_it__true(message: bytes, expected: bool) -> None:
    assert is_acknowledgment(message) is expected


def test_acknowledgment__from_a_sender__is_told_by_source_and_never_answered() -> None:
    async def case() -> None:
        sink, told = HeldSink(at_once=True), []
        server = MllpServer(sink, "his", acknowledged=lambda name, raw: told.append((name, raw)))
        protocol, transport = MllpProtocol(server), MemoryTransport()
        protocol.connection_made(transport)
        answer = b"MSH|^~\\&|A\rMSA|CA|1\r"
        protocol.data_received(frame(answer) + frame(b"two"))
        await asyncio.sleep(0)
        assert (told, sink.messages, transport.written) == ([("his", answer)], [b"two"], frame(b"ack:two"))
        assert server.counters.acknowledgments == 1

    run(case)


def test_reply__empty__is_no_byte_and_the_next_goes_out() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        wire.protocol.data_received(frame(b"one") + frame(b"two"))
        wire.sink.waiting[0].set_result(b"")
        assert await wire.settle() == b""
        wire.sink.answer(1)
        assert await wire.settle() == frame(b"ack:two")
        assert wire.protocol.pending == 0

    run(case)


def test_send__of_the_servers_own__goes_out_unless_the_connection_ends_or_the_sender_does_not_read() -> None:
    async def case() -> None:
        wire = Wire(HeldSink())
        assert wire.protocol.send(b"later")
        assert await wire.settle() == frame(b"later")
        wire.protocol.pause_writing()
        assert not wire.protocol.send(b"x")
        wire.protocol.resume_writing()
        wire.protocol.close()
        assert not wire.protocol.send(b"x")

    run(case)


def test_identify__nobodys_connection__is_aborted_before_any_message() -> None:
    async def case() -> None:
        sink = HeldSink(at_once=True)
        server = MllpServer(sink, identify=lambda _: None)
        transport = MemoryTransport()
        MllpProtocol(server).connection_made(transport)
        assert transport.aborted
        assert (server.counters.unknown_certificates, server.counters.connections) == (1, 0)

    run(case)


def test_renew__other_source_and_limits__hold_for_the_next_message() -> None:
    async def case() -> None:
        sink, names = HeldSink(at_once=True), iter(["his", "lis", None])
        bounds = {"his": MllpLimits(), "lis": MllpLimits(message_bytes=3)}
        server = MllpServer(sink, identify=lambda _: next(names), bounds=bounds.__getitem__)
        protocol, transport = MllpProtocol(server), MemoryTransport()
        protocol.connection_made(transport)
        protocol.data_received(frame(b"four"))
        server.renew()
        protocol.data_received(frame(b"four") + frame(b"two"))
        assert [(peer.listener, raw) for peer, raw in zip(sink.peers, sink.messages, strict=True)] == [
            ("his", b"four"),
            ("lis", b"two"),
        ]
        await asyncio.sleep(0)
        server.renew()
        assert transport.closed
        assert not transport.aborted

    run(case)
