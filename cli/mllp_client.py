"""An MLLP sender for `salus send`: several connections, each message answered before it counts as sent.

A connection keeps a window of unanswered messages; replies come in order, and each must name its message's control id.
What was sent but not answered when a connection ends is reported as unanswered: the sender must send it again.
Messages of enhanced mode (HL7 v2.5.1 section 2.9) get a commit accept, or none if they ask for none; their application
acknowledgments come later on the same connection, while it is kept open, and are answered CA where they ask for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

_START, _END, _TRAILER = b"\x0b", b"\x1c", b"\x1c\r"
_GOOD = ("AA", "CA")
_MOST_KEPT = 100


@dataclass(slots=True)
class SendReport:
    """What became of the messages. `codes` counts MSA-1; `mismatched` replies named another message.

    `refusals` are the replies to the control ids in `refused`, `deferred` application acknowledgments that came later;
    the first 100 of each. `ended` says how a connection broke off, if one did.
    """

    sent: int = 0
    codes: dict[str, int] = field(default_factory=lambda: {"AA": 0, "AE": 0, "AR": 0})
    mismatched: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    refused: list[str] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    deferred: list[bytes] = field(default_factory=list)
    ended: str = ""

    @property
    def answered(self) -> int:
        """Messages with a reply of any kind."""
        return sum(self.codes.values())


Progress = Callable[[SendReport], None]


async def send(
    messages: Iterable[bytes],
    host: str,
    port: int,
    *,
    connections: int = 4,
    window: int = 32,
    reply_seconds: float = 30.0,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    listen_seconds: float = 0.0,
    progress: Progress = lambda _: None,
) -> SendReport:
    """Send all messages and wait for every reply.

    Messages are taken in order by whichever connection is free. `progress` is called after each batch of replies.
    Connections stay open for `listen_seconds` after the last reply, for application acknowledgments. With `tls`, the
    oracle's certificate must name `server_name`, or `host` without one.

    Raises:
        OSError: no connection could be made.
    """
    loop = asyncio.get_running_loop()
    report = SendReport()
    source = iter(messages)
    began = loop.time()
    opened: list[_Connection] = []
    try:
        for _ in range(connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(source, window, report, progress),
                host,
                port,
                ssl=tls,
                server_hostname=(server_name or host) if tls is not None else None,
            )
            opened.append(connection)
        for connection in opened:
            connection.fill()
        await asyncio.gather(*(_finish(connection, reply_seconds) for connection in opened))
        report.seconds = loop.time() - began
        if listen_seconds:
            await asyncio.sleep(listen_seconds)
    finally:
        for connection in opened:
            connection.close()
    return report


def control_id_of(message: bytes) -> bytes:
    """MSH-10 as sent; header fields before it are ASCII or whole characters in every charset we send."""
    return _field(message.split(b"\r", 1)[0], 9)


def outcome_of(reply: bytes) -> tuple[str, bytes]:
    """MSA-1 and MSA-2 of a reply; code "" if it has no MSA."""
    place = reply.find(b"\rMSA")
    if place < 0:
        return "", b""
    segment = reply[place + 1 :].split(b"\r", 1)[0]
    return _field(segment, 1).decode("ascii", errors="replace"), _field(segment, 2)


class _Connection(asyncio.Protocol):
    """One connection with its window."""

    def __init__(self, source: Iterator[bytes], window: int, report: SendReport, progress: Progress) -> None:
        self._source = source
        self._window = window
        self._report = report
        self._progress = progress
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._owed: deque[bytes] = deque()
        self._exhausted = False
        self._writable = True
        self.last_reply = asyncio.get_running_loop().time()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP and TLS give no other kind
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._owed:
            self._report.ended = str(exc or "the other side closed it")
        self._transport = None
        self._finish()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self.fill()

    def fill(self) -> None:
        """Send until the window is full or nothing is left."""
        out = []
        while not self._exhausted and self._writable and len(self._owed) < self._window:
            message = next(self._source, None)
            if message is None:
                self._exhausted = True
                break
            if _is_answered(message):
                self._owed.append(control_id_of(message))
            out.append(_START + message + _TRAILER)
        self._report.sent += len(out)
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
        if self._exhausted and not self._owed:
            self._finish()

    def data_received(self, data: bytes) -> None:
        self.last_reply = asyncio.get_running_loop().time()
        *replies, self._buffer = (self._buffer + data).split(_END)
        for reply in replies:
            self._count(reply.lstrip(b"\r\n\x0b"))
        if replies:
            self._progress(self._report)
            self.fill()

    def close(self) -> None:
        """End the connection; replies still owed count as unanswered."""
        if self._transport is not None:
            self._transport.close()
        self._finish()

    def _count(self, reply: bytes) -> None:
        code, control_id = outcome_of(reply)
        if (not self._owed or control_id != self._owed[0]) and (wish := _field(reply.split(b"\r", 1)[0], 14)):
            self._take_deferred(reply, wish)
            return
        expected = self._owed.popleft() if self._owed else b""
        if control_id != expected:
            self._report.mismatched += 1
        self._report.codes[code] = self._report.codes.get(code, 0) + 1
        if code not in _GOOD and len(self._report.refused) < _MOST_KEPT:
            self._report.refused.append(expected.decode("ascii", errors="replace"))
            self._report.refusals.append(reply)

    def _take_deferred(self, reply: bytes, wish: bytes) -> None:
        """An application acknowledgment; `wish` is its MSH-15, and AL asks for a commit accept."""
        if len(self._report.deferred) < _MOST_KEPT:
            self._report.deferred.append(reply)
        if wish == b"AL" and self._transport is not None:
            name = control_id_of(reply)
            accept = b"MSH|^~\\&|||||||ACK|C" + name + b"|P|2.5.1\rMSA|CA|" + name + b"\r"
            self._transport.write(_START + accept + _TRAILER)

    def _finish(self) -> None:
        if not self.done.done():
            self._report.unanswered += len(self._owed)
            self._owed.clear()
            self._exhausted = True
            self.done.set_result(None)


async def _finish(connection: _Connection, reply_seconds: float) -> None:
    """Wait for a connection; give up once no reply came for `reply_seconds`."""
    loop = asyncio.get_running_loop()
    while not connection.done.done():
        quiet = loop.time() - connection.last_reply
        if quiet >= reply_seconds:
            connection.close()
            return
        await asyncio.wait((connection.done,), timeout=reply_seconds - quiet)


def _field(segment: bytes, number: int) -> bytes:
    fields = segment.split(segment[3:4]) if len(segment) > 3 else []
    return fields[number] if number < len(fields) else b""


def _is_answered(message: bytes) -> bool:
    """Whether a message asks for a reply at once: MSH-15 not NE, nor empty beside a filled MSH-16."""
    header = message.split(b"\r", 1)[0]
    accept = _field(header, 14)
    return accept != b"NE" and not (accept == b"" and _field(header, 15))
