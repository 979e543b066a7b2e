"""MLLP server: messages between VT and FS CR, replies in the order of the messages on each connection.

No task and no coroutine per message: `data_received` cuts frames out of the buffer, the sink gives a future for each;
whenever the oldest is done all finished replies leave in one write. That lets a journal commit hundreds of messages of
several connections at once. VT and FS can't occur inside GB18030, Big5 or UTF-8 characters, so framing works on bytes.

A listener may be shared: a client certificate then says which source a connection is of. What a source may send and
how fast is asked for at each change of settings, so open connections follow. An acknowledgment that comes in answers
one that this server sent (`oracle.owed`), and is never answered.

Tolerated and counted: bytes between frames, a missing CR after FS, a frame cut off by a new VT (the sender restarted;
it gets no reply and sends again). A frame beyond the size limit is skipped and answered AR.
Source: HL7 Version 3 Standard, Transport Specification MLLP, Release 1, section 2 (also HL7 v2 Implementation Guide,
appendix C: minimal lower layer protocol).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from itertools import count

from oracle.hl7.errors import BusyError, TooLargeError
from oracle.intake.gate import Gate
from oracle.intake.handshakes import TlsAcceptor
from oracle.intake.ports import Peer, Sink
from oracle.intake.throttle import Throttle

START = b"\x0b"
END = b"\x1c"
TRAILER = b"\x1c\r"
_BETWEEN_FRAMES = b"\r\n"
_HEAD = 8192


@dataclass(frozen=True, slots=True)
class MllpLimits:
    """Bounds of one listener. Seconds and bytes; `idle` closes a silent connection, `frame` an unfinished message.

    A message of which much has come may take longer: as long as `slowest` bytes came in each second on average.
    `connections_per_host` leaves room for others beside a sender that opens without end; `unfinished_bytes` is what
    all connections together may hold of messages that have not ended.
    """

    message_bytes: int = 16 * 1024 * 1024
    pending_messages: int = 512
    pending_bytes: int = 64 * 1024 * 1024
    frame_seconds: float = 30.0
    slowest: int = 64 * 1024
    idle_seconds: float = 3600.0
    connections: int = 256
    connections_per_host: int = 128
    unfinished_bytes: int = 256 * 1024 * 1024


@dataclass(slots=True)
class MllpCounters:
    """What a listener has seen since it began."""

    connections: int = 0
    refused_connections: int = 0
    messages: int = 0
    replies: int = 0
    garbage_bytes: int = 0
    cut_off_frames: int = 0
    oversized_frames: int = 0
    timeouts: int = 0
    pauses: int = 0
    crowded_out: int = 0
    unknown_certificates: int = 0
    failed_handshakes: int = 0
    acknowledgments: int = 0
    throttled: int = 0


@dataclass(slots=True)
class Held:
    """Bytes of messages that have not ended, over all connections that share it."""

    bytes: int = 0


def frame(message: bytes) -> bytes:
    """A message with its MLLP marks."""
    return START + message + TRAILER


class MllpProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: MllpServer) -> None:
        self._server = server
        self._sink = server.sink
        self._limits = server.limits
        self._counters = server.counters
        self._transport: asyncio.Transport | None = None
        self._peer = Peer("mllp", "", server.listener)
        self._buffer = bytearray()
        self._scanned = 0
        self._skipping = False
        self._heard = False
        self._pending: deque[tuple[asyncio.Future[bytes], int]] = deque()
        self._pending_bytes = 0
        self._held = 0
        self._reading_paused = False
        self._writing_paused = False
        self._closing = False
        self._last_data = 0.0
        self._frame_began: float | None = None
        self._throttle: Throttle | None = None
        self._resume: asyncio.TimerHandle | None = None

    # transport side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register with the server, which may refuse."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP and TLS servers give no other kind
        self._transport = transport
        address = transport.get_extra_info("peername")
        host = address[0] if isinstance(address, tuple) else str(address or "")
        self._peer = Peer("mllp", host, self._server.listener, next(_NUMBERS))
        self._last_data = self._server.clock()
        if not self.renew() or not self._server.admit(self):
            transport.abort()
        elif self._server.gate.is_shut:
            self._adjust_reading()

    def renew(self) -> bool:
        """Take the settings of the source this connection is of; False when it is no source's (any more)."""
        server = self._server
        assert self._transport is not None  # noqa: S101 - asked between connection_made and connection_lost only
        name = server.listener if server.identify is None else server.identify(self._transport)
        if name is None:
            self._counters.unknown_certificates += 1
            return False
        self._peer = replace(self._peer, listener=name)
        self._limits = server.limits_of(name)
        self._throttle = server.throttle_of(name)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names the argument
        """Messages already given to the sink stay there; the sender will ask for their replies again."""
        self._server.leave(self)
        self._transport = None
        if self._resume is not None:
            self._resume.cancel()
        self._pending.clear()
        self._buffer.clear()
        self._hold()

    def data_received(self, data: bytes) -> None:
        """Cut complete frames out of what has arrived."""
        self._last_data = self._server.clock()
        buffer = self._buffer
        buffer += data
        position = 0
        while True:
            if self._skipping:
                position = self._skip(position)
            start = buffer.find(START, position)
            if start < 0:
                self._count_garbage(buffer[position:])
                position = len(buffer)
                break
            if start > position:
                self._count_garbage(buffer[position:start])
            seek = max(start + 1, self._scanned)
            end = buffer.find(END, seek)
            last = buffer.rfind(START, seek, end if end >= 0 else len(buffer))
            if last >= 0:
                start = self._restart(start, last)
            if end < 0:
                position = self._begin_frame(start)
                break
            self._scanned = 0
            self._frame_began = None
            position = end + 1
            self._take(bytes(memoryview(buffer)[start + 1 : end]))
        if position:
            del buffer[:position]
        self._scanned = len(buffer)
        if self._hold():
            self._adjust_reading()
        else:
            self._counters.crowded_out += 1
            self.close(abort=True)

    def eof_received(self) -> bool:
        """The sender may close its side and still wait for replies."""
        self._closing = True
        return bool(self._pending)

    def pause_writing(self) -> None:
        """The sender doesn't read its replies: take no more messages from it."""
        self._writing_paused = True
        self._adjust_reading()

    def resume_writing(self) -> None:
        """The sender reads again."""
        self._writing_paused = False
        self._adjust_reading()

    # server side

    def expired(self, now: float) -> bool:
        """Whether this connection has overrun a time limit."""
        if self._writing_paused:
            return now - self._last_data > self._limits.idle_seconds
        if self._reading_paused or self._pending:
            return False
        if self._frame_began is not None:
            return now - self._frame_began > self._limits.frame_seconds + len(self._buffer) / self._limits.slowest
        return now - self._last_data > self._limits.idle_seconds

    def close(self, *, abort: bool = False) -> None:
        """Stop reading; pending replies still go out unless aborted."""
        if self._transport is None:
            return
        if abort:
            self._transport.abort()
            return
        self._closing = True
        self._adjust_reading()
        if not self._pending:
            self._transport.close()

    @property
    def host(self) -> str:
        """Network address of the sender."""
        return self._peer.address

    def _hold(self) -> bool:
        """Account for what is buffered; False when all connections together hold too much and this one is growing."""
        growth = len(self._buffer) - self._held
        self._held = len(self._buffer)
        held = self._server.held
        held.bytes += growth
        return growth <= 0 or held.bytes <= self._limits.unfinished_bytes

    @property
    def number(self) -> int:
        """Number of this connection, in this process."""
        return self._peer.connection

    @property
    def source(self) -> str:
        """Name of the source it is of."""
        return self._peer.listener

    def send(self, message: bytes) -> bool:
        """Send a message of the server's own; False when the connection is ending or its sender doesn't read."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._closing or self._writing_paused:
            return False
        transport.write(frame(message))
        return True

    @property
    def heard(self) -> bool:
        """Whether a whole message has come by it."""
        return self._heard

    @property
    def pending(self) -> int:
        """Messages whose replies are still owed."""
        return len(self._pending)

    # frames

    def _take(self, message: bytes) -> None:
        self._heard = True
        if len(message) > self._limits.message_bytes:
            self._refuse_oversized(message)
            return
        if is_acknowledgment(message):
            self._counters.acknowledgments += 1
            self._server.acknowledged(self._peer.listener, message)
            return
        self._counters.messages += 1
        if self._throttle is not None:
            self._throttle.take(self._server.clock())
        self._queue(self._sink.receive(message, self._peer), len(message))

    def _begin_frame(self, start: int) -> int:
        """Look at a frame that has not ended; the place from where the buffer is kept."""
        if self._frame_began is None:
            self._frame_began = self._server.clock()
        if len(self._buffer) - start - 1 <= self._limits.message_bytes:
            return start
        self._refuse_oversized(self._buffer[start + 1 : start + 1 + _HEAD])
        self._skipping = True
        return len(self._buffer)

    def _skip(self, position: int) -> int:
        """Pass over the rest of a frame that was refused, to its end or to where its sender began again."""
        end = self._buffer.find(END, position)
        again = self._buffer.find(START, position, end if end >= 0 else len(self._buffer))
        if end < 0 and again < 0:
            return len(self._buffer)
        self._skipping = False
        self._frame_began = None
        return again if again >= 0 else end + 1

    def _restart(self, start: int, last: int) -> int:
        """Pass over frames that a new VT cut off, to the last of these; one that was too long already is refused."""
        self._frame_began = None
        most = self._limits.message_bytes
        if last - start - 1 <= most:
            self._counters.cut_off_frames += self._buffer.count(START, start + 1, last + 1)
            return last
        while start < last:
            after = self._buffer.find(START, start + 1)
            if after - start - 1 > most:
                self._refuse_oversized(self._buffer[start + 1 : start + 1 + _HEAD])
            else:
                self._counters.cut_off_frames += 1
            start = after
        return last

    def _refuse_oversized(self, head: bytes | bytearray) -> None:
        self._counters.oversized_frames += 1
        error = TooLargeError("the message is longer than this source may send")
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        known = bytes(head[: min(_HEAD, self._limits.message_bytes)])
        reply.set_result(self._sink.refuse(known, self._peer, error))
        self._queue(reply, 0)

    def _count_garbage(self, stray: bytes | bytearray) -> None:
        self._counters.garbage_bytes += len(stray.strip(_BETWEEN_FRAMES))

    # replies

    def _queue(self, reply: asyncio.Future[bytes], size: int) -> None:
        self._pending.append((reply, size))
        self._pending_bytes += size
        reply.add_done_callback(self._flush)

    def _flush(self, _: asyncio.Future[bytes]) -> None:
        pending = self._pending
        if not pending or not pending[0][0].done():
            return
        out = []
        while pending and pending[0][0].done():
            reply, size = pending.popleft()
            self._pending_bytes -= size
            if reply.cancelled() or reply.exception() is not None:
                out.append(frame(self._sink.refuse(b"", self._peer, BusyError("the message could not be stored"))))
            elif reply.result():
                out.append(frame(reply.result()))
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._counters.replies += len(out)
        if out:
            transport.write(b"".join(out))
        self._adjust_reading()
        if self._closing and not pending:
            transport.close()

    def _adjust_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        limits = self._limits
        full = len(self._pending) >= limits.pending_messages or self._pending_bytes >= limits.pending_bytes
        some = len(self._pending) > limits.pending_messages // 2 or self._pending_bytes > limits.pending_bytes // 2
        held_back = self._hold_back()
        held_back = held_back or self._server.gate.is_shut
        stop = self._closing or self._writing_paused or full or held_back or (self._reading_paused and some)
        if stop and not self._reading_paused:
            self._reading_paused = True
            self._counters.pauses += 1
            transport.pause_reading()
        elif not stop and self._reading_paused:
            self._reading_paused = False
            self._last_data = self._server.clock()
            self._frame_began = self._last_data if self._frame_began is not None else None
            transport.resume_reading()

    def _hold_back(self) -> bool:
        """Whether the source has sent as much as it may for now; reading is looked at again when it may send more."""
        if self._throttle is None:
            return False
        seconds = self._throttle.wait(self._server.clock())
        if seconds <= 0:
            return False
        if self._resume is None:
            self._counters.throttled += 1
            self._resume = asyncio.get_running_loop().call_later(seconds, self._look_again)
        return True

    def _look_again(self) -> None:
        self._resume = None
        self._adjust_reading()

    def gate_turned(self) -> None:
        """The gate of intake was shut or opened."""
        self._adjust_reading()


def is_acknowledgment(message: bytes) -> bool:
    """Whether a message answers one: MSA comes next after MSH, or after SFT and UAC. No character holds a line end."""
    if message.find(b"\rMSA", 0, _HEAD) < 0 and message.find(b"\nMSA", 0, _HEAD) < 0:
        return False
    segments = message[:_HEAD].lstrip().replace(b"\n", b"\r").split(b"\r")
    if not segments[0].startswith(b"MSH"):
        return False
    first = next((one for one in segments[1:] if one and not one.startswith((b"SFT", b"UAC"))), b"")
    return first.startswith(b"MSA")


_NUMBERS = count(1)


@dataclass(eq=False)
class MllpServer:
    """One listener. `listener` names its source in `Peer`, unless `identify` says by a connection whose it is.

    `bounds` and `throttle_of` give a source's limits and rate; `acknowledged` gets the source's name with each
    acknowledgment that comes in. Listeners that share `held` share its bound; none reads while `gate` is shut.
    """

    sink: Sink
    listener: str = ""
    limits: MllpLimits = field(default_factory=MllpLimits)
    counters: MllpCounters = field(default_factory=MllpCounters)
    held: Held = field(default_factory=Held)
    gate: Gate = field(default_factory=Gate)
    identify: Callable[[asyncio.Transport], str | None] | None = None
    bounds: Callable[[str], MllpLimits] | None = None
    throttle_of: Callable[[str], Throttle | None] = lambda _: None
    acknowledged: Callable[[str, bytes], None] = lambda _name, _message: None
    _open: set[MllpProtocol] = field(default_factory=set)
    _socket: socket.socket | None = None
    _server: asyncio.Server | TlsAcceptor | None = None
    _sweeper: asyncio.TimerHandle | None = None
    _drained: asyncio.Future[None] | None = None

    def clock(self) -> float:
        """Monotonic seconds of the event loop."""
        return asyncio.get_running_loop().time()

    def limits_of(self, name: str) -> MllpLimits:
        """Bounds of a source's connections."""
        return self.limits if self.bounds is None else self.bounds(name)

    @property
    def connections(self) -> list[MllpProtocol]:
        """Those that are open."""
        return list(self._open)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen; returns the port, which the system chooses when 0 was asked for.

        Raises:
            OSError: the port is taken, or the address isn't this machine's.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return await self.start_on(socket.create_server((host, port), family=family, backlog=256), tls)

    async def start_on(self, listening: socket.socket, tls: ssl.SSLContext | None) -> int:
        """Take connections of a socket that listens already, from `share` of another server; returns its port."""
        self._socket = listening
        await self.listen(tls)
        self._sweep()
        return int(listening.getsockname()[1])

    def share(self) -> socket.socket:
        """The socket this server listens on, for a server that takes over from it."""
        assert self._socket is not None  # noqa: S101 - `start` comes first
        return self._socket.dup()

    async def listen(self, tls: ssl.SSLContext | None) -> None:
        """Take new connections by this context from now on. The socket stays the same: nobody finds the port closed."""
        assert self._socket is not None  # noqa: S101 - `start` comes first
        loop, old = asyncio.get_running_loop(), self._server
        if tls is None:
            self._server = await loop.create_server(lambda: MllpProtocol(self), sock=self._socket.dup())
        else:
            self._server = TlsAcceptor(self._socket.dup(), tls, lambda: MllpProtocol(self), self._failed)
        if old is not None:
            old.close()

    def _failed(self) -> None:
        self.counters.failed_handshakes += 1

    def renew(self) -> None:
        """Settings have changed: open connections follow, those of no source end once their replies are out."""
        for connection in self.connections:
            if not connection.renew():
                connection.close()

    async def stop(self, grace: float = 10.0) -> None:
        """Take no more messages, send the replies that are owed, then close."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        for connection in list(self._open):
            connection.close()
        if self._open:
            self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._drained,), timeout=grace)
        for connection in list(self._open):
            connection.close(abort=True)

    def admit(self, connection: MllpProtocol) -> bool:
        """Count a connection in. Where there are too many, in all or of its host, one that never sent a message makes
        room, the oldest of them; if there is none, the new one is refused."""
        of_host = [one for one in self._open if one.host == connection.host]
        crowd: Collection[MllpProtocol] | None = None
        if len(of_host) >= self.limits.connections_per_host:
            crowd = of_host
        elif len(self._open) >= self.limits.connections:
            crowd = self._open
        if crowd is not None:
            unheard = [one for one in crowd if not one.heard]
            if not unheard:
                self.counters.refused_connections += 1
                return False
            oldest = min(unheard, key=lambda one: one.number)
            self.counters.crowded_out += 1
            self.leave(oldest)
            oldest.close(abort=True)
        self.counters.connections += 1
        self._open.add(connection)
        return True

    def leave(self, connection: MllpProtocol) -> None:
        """Count a connection out."""
        self._open.discard(connection)
        if self._drained is not None and not self._open and not self._drained.done():
            self._drained.set_result(None)

    def close_expired(self) -> None:
        """Close the connections that have overrun a time limit."""
        now = self.clock()
        for connection in [one for one in self._open if one.expired(now)]:
            self.counters.timeouts += 1
            connection.close(abort=True)

    def _sweep(self) -> None:
        self.close_expired()
        self._sweeper = asyncio.get_running_loop().call_later(1.0, self._sweep)
