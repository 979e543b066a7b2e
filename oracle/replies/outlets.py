"""The ways back to a sender.

    SenderConnections   the connection the message came by, or another one the sender has open (after a restart)
    OwnConnections      a connection the oracle makes to the host the source names

Where the source confirms, an acknowledgment is done when a reply names its control id: CA or AA; CE or AE means try
again, CR or AR never. Otherwise it is done once it was written.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

from oracle.replies.ports import Delivery, Outgoing
from oracle.sources import ReplyTo, Source, client_context
from salus.core.errors import SetupError

CONFIRM_SECONDS = 15.0
CONNECT_SECONDS = 10.0
_START, _TRAILER = b"\x0b", b"\x1c\r"
_LONGEST_REPLY = 65_536
_REMEMBERED = 100_000
_CODES = {
    b"AA": Delivery.DONE,
    b"CA": Delivery.DONE,
    b"AE": Delivery.FAILED,
    b"CE": Delivery.FAILED,
    b"AR": Delivery.REJECTED,
    b"CR": Delivery.REJECTED,
}


class Connection(Protocol):
    """An open connection of a sender (`oracle.intake.mllp.MllpProtocol`)."""

    @property
    def number(self) -> int: ...

    def send(self, message: bytes) -> bool: ...


class SenderConnections:
    """Sends on connections that senders opened. `connections_of` gives those of a source, oldest first."""

    def __init__(self, connections_of: Callable[[str], Sequence[Connection]]) -> None:
        self._connections_of = connections_of
        self._came_by: OrderedDict[bytes, int] = OrderedDict()
        self._awaited: dict[tuple[str, bytes], asyncio.Future[Delivery]] = {}

    def expect(self, name: bytes, connection: int) -> None:
        """A message came by a connection; its acknowledgment goes back there while it is open."""
        self._came_by[name] = connection
        if len(self._came_by) > _REMEMBERED:
            self._came_by.popitem(last=False)

    def came_here(self, name: bytes) -> bool:
        """Whether a message came by a connection of this oracle and waits for its acknowledgment."""
        return name in self._came_by

    def acknowledged(self, source: str, message: bytes) -> None:
        """A sender has acknowledged something; what nobody waits for is passed over."""
        code, control_id = outcome_of(message)
        awaited = self._awaited.get((source, control_id))
        if awaited is not None and not awaited.done():
            awaited.set_result(_CODES.get(code, Delivery.FAILED))

    async def send(self, source: Source, outgoing: Sequence[Outgoing]) -> list[Delivery]:
        """Write all at once, in order, then wait for their confirmations together."""
        confirm, loop = source.acknowledgement.confirm, asyncio.get_running_loop()
        sent: list[asyncio.Future[Delivery] | Delivery] = []
        for one in outgoing:
            key = (source.name, one.control_id.encode())
            if confirm:
                self._awaited[key] = loop.create_future()
            if not self._write(source.name, one):
                self._awaited.pop(key, None)
                sent.append(Delivery.NO_WAY)
            else:
                sent.append(self._awaited[key] if confirm else Delivery.DONE)
        waiting = [one for one in sent if isinstance(one, asyncio.Future)]
        if waiting:
            await asyncio.wait(waiting, timeout=CONFIRM_SECONDS)
        for one in outgoing:
            self._awaited.pop((source.name, one.control_id.encode()), None)
        found = [_outcome(one) if isinstance(one, asyncio.Future) else one for one in sent]
        for one, delivery in zip(outgoing, found, strict=True):
            if delivery is Delivery.DONE:
                self._came_by.pop(one.name, None)
        return found

    def _write(self, source: str, one: Outgoing) -> bool:
        connections = self._connections_of(source)
        own = self._came_by.get(one.name)
        first = [connection for connection in connections if connection.number == own]
        others = [connection for connection in reversed(connections) if connection.number != own]
        return any(connection.send(one.message) for connection in (*first, *others))


class OwnConnections:
    """Sends on connections of the oracle's own, one to each source's receiver, kept open between acknowledgments."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[ReplyTo, asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def send(self, source: Source, outgoing: Sequence[Outgoing]) -> list[Delivery]:
        """Send one after the other, each once the one before is done; after a failure none is tried."""
        to = source.acknowledgement.reply_to
        if to is None:
            return [Delivery.NO_WAY] * len(outgoing)
        found: list[Delivery] = []
        for one in outgoing:
            found.append(await self._exchange(source, to, one))
            if found[-1] is Delivery.FAILED:
                break
        return found + [Delivery.NO_WAY] * (len(outgoing) - len(found))

    async def close(self) -> None:
        """Hang up."""
        for name in list(self._open):
            self._drop(name)

    async def _exchange(self, source: Source, to: ReplyTo, one: Outgoing) -> Delivery:
        try:
            reader, writer = await self._connection(source.name, to)
            writer.write(_START + one.message + _TRAILER)
            async with asyncio.timeout(CONFIRM_SECONDS):
                await writer.drain()
                if not source.acknowledgement.confirm:
                    return Delivery.DONE
                while True:
                    reply = await reader.readuntil(_TRAILER)
                    code, control_id = outcome_of(reply)
                    if control_id == one.control_id.encode():
                        return _CODES.get(code, Delivery.FAILED)
        except (OSError, EOFError, asyncio.LimitOverrunError, SetupError, TimeoutError):
            self._drop(source.name)
            return Delivery.FAILED

    async def _connection(self, name: str, to: ReplyTo) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        kept = self._open.get(name)
        if kept is not None and kept[0] == to and not kept[1].at_eof() and not kept[2].is_closing():
            return kept[1], kept[2]
        self._drop(name)
        tls = client_context(to.tls) if to.tls is not None else None
        host = (to.tls.server_name or to.host) if to.tls is not None else None
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(
                to.host, to.port, ssl=tls, server_hostname=host, limit=_LONGEST_REPLY
            )
        self._open[name] = (to, reader, writer)
        return reader, writer

    def _drop(self, name: str) -> None:
        kept = self._open.pop(name, None)
        if kept is not None:
            kept[2].close()


def outcome_of(reply: bytes) -> tuple[bytes, bytes]:
    """MSA-1 and MSA-2 of a reply; empty when it has no MSA segment."""
    for line in reply.replace(b"\n", b"\r").split(b"\r"):
        if line.startswith(b"MSA") and len(line) > 4:
            fields = line.split(line[3:4])
            return fields[1], fields[2] if len(fields) > 2 else b""
    return b"", b""


def _outcome(future: asyncio.Future[Delivery]) -> Delivery:
    return future.result() if future.done() else Delivery.FAILED
