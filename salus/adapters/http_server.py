"""An HTTP server that nobody holds up: uvicorn with deadlines, and bounds on heads and connections.

uvicorn itself ends only connections that are silent between two requests. Here each request must have come within a
time, longer for a body that keeps coming; a head is bounded; and when all connections are taken, or bodies that still
come hold too much memory, the one that has been sending its request for the longest makes room. Sockets half open,
heads and bodies half sent or sent a byte at a time are closed without an answer. How large one body may be is for the
applications to say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds of one server. Seconds and bytes.

    A request without a body must have come whole after `head_seconds`; one with a body after `body_seconds` and as long
    as `slowest` bytes a second came on average. `head_bytes` bounds request line and headers, and also what chunks say
    beside their bytes; `unfinished_bytes` all bodies together that have not come whole.
    """

    connections: int = 512
    head_bytes: int = 64 * 1024
    head_seconds: float = 15.0
    body_seconds: float = 30.0
    slowest: int = 64 * 1024
    unfinished_bytes: int = 64 * 1024 * 1024
    look_seconds: float = 2.0


@dataclass(slots=True)
class HttpCounters:
    """What a server has ended by itself: requests that took too long or had too large a head, and connections that made
    room or found none."""

    late: int = 0
    oversized_heads: int = 0
    crowded_out: int = 0
    refused: int = 0


_LIMITS = HttpLimits()


def config_of(
    app: Any, host: str, port: int, limits: HttpLimits = _LIMITS, counters: HttpCounters | None = None, **options: Any
) -> uvicorn.Config:
    """Configuration of a server with these bounds; `options` are uvicorn's. No WebSockets, no access log."""
    protocol = _protocol(limits, counters or HttpCounters())
    common: dict[str, Any] = {"log_level": "warning", "access_log": False, "ws": "none", "timeout_keep_alive": 5}
    return uvicorn.Config(app, host, port, http=protocol, **(common | options))


def run(app: Any, host: str, port: int, limits: HttpLimits = _LIMITS, **options: Any) -> None:
    """Serve until told to stop."""
    uvicorn.Server(config_of(app, host, port, limits, **options)).run()


def _protocol(limits: HttpLimits, counters: HttpCounters) -> type[asyncio.Protocol]:
    """A protocol class for one server: its connections share bounds and counters."""
    coming = _Coming()

    class Bound(_Bounded):
        _limits = limits
        _counters = counters
        _coming = coming

    return Bound


class _Coming:
    """Connections whose request is still coming, by when it began, and bytes of bodies that came of these."""

    def __init__(self) -> None:
        self.listed: dict[_Bounded, None] = {}
        self.bytes = 0


class _Bounded(HttpToolsProtocol):
    """One connection. A request is coming from its first byte (the first one: from the connection) to its last."""

    _limits: HttpLimits
    _counters: HttpCounters
    _coming: _Coming

    _began = 0.0
    _in_body = False
    _got = 0  # bytes since the request began
    _body = 0  # of these, its body's
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count in; make room if there is none."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections and not self._make_room():
            self._counters.refused += 1
            transport.abort()
            return
        self._begin()
        self._timer = self.loop.call_later(self._limits.look_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count out."""
        self._end()
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within bounds."""
        if self not in self._coming.listed:
            self._begin()
        self._got += len(data)
        super().data_received(data)
        beside = self._got - self._body
        if self in self._coming.listed and beside > self._limits.head_bytes + 8 * self._body:
            self._counters.oversized_heads += 1
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The first bytes of a request."""
        super().on_message_begin()
        if self not in self._coming.listed:
            self._begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Bytes of a body."""
        super().on_body(body)
        if self not in self._coming.listed:  # it was ended to make room
            return
        self._body += len(body)
        self._coming.bytes += len(body)
        while self._coming.bytes > self._limits.unfinished_bytes and self._make_room():
            pass

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._end()
        self._in_body = False
        super().on_message_complete()

    def _begin(self) -> None:
        self._began = self.loop.time()
        self._coming.listed[self] = None

    def _end(self) -> None:
        """The request has come, or comes no more."""
        if self in self._coming.listed:
            del self._coming.listed[self]
            self._coming.bytes -= self._body
        self._got = self._body = 0

    def _look(self) -> None:
        """End a request that takes too long."""
        if self.transport.is_closing():
            return
        if self in self._coming.listed and not self._answering() and self.loop.time() - self._began > self._seconds():
            self._counters.late += 1
            self.transport.abort()
            return
        self._timer = self.loop.call_later(self._limits.look_seconds, self._look)

    def _answering(self) -> bool:
        """Whether a whole request is being answered, and what came after it may wait."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _seconds(self) -> float:
        """How long the present request may take to come; one that was answered already has its time and no more."""
        if not self._in_body:
            return self._limits.head_seconds
        return self._limits.body_seconds + (0 if self.cycle.response_complete else self._got / self._limits.slowest)

    def _make_room(self) -> bool:
        """End the connection whose request has been coming for the longest."""
        oldest = next((one for one in self._coming.listed if not one._answering()), None)
        if oldest is None:
            return False
        self._counters.crowded_out += 1
        oldest._end()
        oldest.transport.abort()
        return True
