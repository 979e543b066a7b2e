"""Accepting TLS connections: handshakes that are left open make room for others, and are ended in time.

asyncio's own server holds any number of handshakes, each with a quarter of a megabyte of buffer, before its protocol
hears of them. Here at most so many are under way; when there are more, the oldest ends, and the next is accepted a
little later. Buffers of failed handshakes hang in cycles that only the collector frees, so it is called.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Callable

MOST = 64
SECONDS = 10.0
_AGAIN_SECONDS = 0.5
_CROWDED_SECONDS = 0.01
_COLLECT_AFTER = 64
_COLLECT_SECONDS = 1.0


class TlsAcceptor:
    """Accepts connections of one listening socket, which it closes at the end. `failed` is told of failed handshakes.

    Call it on an event loop.
    """

    def __init__(
        self,
        listening: socket.socket,
        tls: ssl.SSLContext,
        protocol: Callable[[], asyncio.Protocol],
        failed: Callable[[], None] = lambda: None,
        *,
        most: int = MOST,
        seconds: float = SECONDS,
    ) -> None:
        self._listening = listening
        self._tls = tls
        self._protocol = protocol
        self._most = most
        self._seconds = seconds
        self._under_way: dict[asyncio.Task[None], None] = {}
        self._failed = failed
        self._uncollected = 0
        self._collected_at = 0.0
        listening.settimeout(0)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Accept no more; handshakes under way may end well."""
        self._accepting.cancel()
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError:  # no descriptors left, or the peer has gone again
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            if len(self._under_way) >= self._most:
                next(iter(self._under_way)).cancel()
                await asyncio.sleep(_CROWDED_SECONDS)
            task = loop.create_task(self._shake(connection))
            self._under_way[task] = None
            task.add_done_callback(self._ended)

    async def _shake(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._protocol,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=self._seconds,
                ssl_shutdown_timeout=self._seconds,
            )
        except (OSError, asyncio.CancelledError):  # an SSLError is an OSError; only `_accept` cancels
            self._failed()
            self._uncollected += 1
            connection.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        now = task.get_loop().time()
        if self._uncollected >= _COLLECT_AFTER and now - self._collected_at > _COLLECT_SECONDS:
            self._uncollected, self._collected_at = 0, now
            gc.collect()
