"""The MLLP listeners of all sources, opened and closed as sources come and go.

    plain port  ─ one source
    TLS port    ─ the sources whose client certificates it admits; any other certificate gets no message in

When sources change, new ports are opened first: if one can't be, nothing has changed. Ports that stay keep their
socket and their connections, also when certificates were exchanged; a port without a source takes no more messages,
sends the replies it owes, and closes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace

import structlog

from oracle.intake.gate import Gate
from oracle.intake.mllp import Held, MllpCounters, MllpLimits, MllpProtocol, MllpServer
from oracle.intake.ports import Sink
from oracle.intake.throttle import Throttles
from oracle.sources import LiveSources, MllpDoor, Source, server_context, shown_by
from salus.core.errors import SetupError

_log = structlog.get_logger()
Key = tuple[str, int, str]
_LIMITS = MllpLimits()


class Doors:
    """All listeners. `acknowledged` gets each acknowledgment that a sender sends, with its source's name."""

    def __init__(
        self,
        sink: Sink,
        sources: LiveSources,
        throttles: Throttles,
        *,
        limits: MllpLimits = _LIMITS,
        gate: Gate | None = None,
        acknowledged: Callable[[str, bytes], None] = lambda _name, _message: None,
    ) -> None:
        self._sink = sink
        self._sources = sources
        self._throttles = throttles
        self._limits = limits
        self._acknowledged = acknowledged
        self._held = Held()
        self._gate = gate or Gate()
        self._gate.on_turn(self._turned)
        self._servers: dict[Key, MllpServer] = {}
        self._ports: dict[Key, int] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.counters = MllpCounters()

    async def open(self, sources: Iterable[Source]) -> Callable[[], None]:
        """Open what these sources need beside what is open; what is returned puts it into force, once they are.

        Raises:
            SetupError: a port is taken, or TLS files are wrong; nothing has changed then.
        """
        wanted = _keyed(sources)
        contexts = {key: _context(door) for key, (_, door) in wanted.items()}
        made: dict[Key, MllpServer] = {}
        heirs: dict[Key, tuple[MllpServer, socket.socket]] = {}
        new = [(key, source, door) for key, (source, door) in wanted.items() if key not in self._servers]
        try:
            for key, source, door in new:
                server = self._server(key)
                before = self._servers.get(_other_kind(key))
                if before is not None:  # plain before and TLS now, or the reverse: the socket stays
                    heirs[key] = server, before.share()
                else:
                    self._ports[key] = await _started(server, source, door, contexts[key])
                    made[key] = server
        except SetupError:
            for server in made.values():
                await server.stop(0)
            for _, listening in heirs.values():
                listening.close()
            raise
        stay = {key: contexts[key] for key in wanted if key not in made and key not in heirs}

        def put_into_force() -> None:
            self._servers |= made
            for key in set(self._servers) - set(wanted):
                self._spawn(self._servers.pop(key).stop())
            for key, (server, listening) in heirs.items():
                self._servers[key], self._ports[key] = server, key[1]
                self._spawn(self._inherit(server, listening, contexts[key]))
            for key, context in stay.items():
                if context is not None:
                    self._spawn(self._servers[key].listen(context))
            for server in self._servers.values():
                server.renew()

        return put_into_force

    def port_of(self, name: str) -> int:
        """Port at which a source connects; 0 for none."""
        source = self._sources.get(name)
        return self._ports.get(_key(source, source.mllp), 0) if source is not None and source.mllp is not None else 0

    def connections_of(self, name: str) -> list[MllpProtocol]:
        """Open connections of a source, oldest first."""
        found = [one for server in self._servers.values() for one in server.connections if one.source == name]
        return sorted(found, key=lambda one: one.number)

    async def close(self) -> None:
        """Take no more messages, send the replies that are owed, then close all."""
        servers = list(self._servers.values())
        self._servers.clear()
        await asyncio.gather(*(server.stop() for server in servers), *self._closing)

    def _server(self, key: Key) -> MllpServer:
        return MllpServer(
            self._sink,
            limits=self._limits,
            counters=self.counters,
            held=self._held,
            gate=self._gate,
            identify=lambda transport: self._identify(key, transport),
            bounds=self._bounds,
            throttle_of=self._throttles.of,
            acknowledged=self._acknowledged,
        )

    def _identify(self, key: Key, transport: asyncio.Transport) -> str | None:
        """Name of the source a connection is of, by its port and, with TLS, its certificate."""
        here = [source for source in self._sources.all() if source.mllp and _key(source, source.mllp) == key]
        session = transport.get_extra_info("ssl_object")
        if session is None:
            return here[0].name if len(here) == 1 and here[0].mllp and here[0].mllp.tls is None else None
        certificate = session.getpeercert(binary_form=True)
        if not certificate:
            return None
        fingerprint, name = shown_by(certificate)
        for source in here:
            if source.mllp is not None and source.mllp.admits(fingerprint, name):
                return source.name
        _log.warning("client certificate of no source", port=key[1], fingerprint=fingerprint.hex())
        return None

    def _bounds(self, name: str) -> MllpLimits:
        source = self._sources.get(name)
        return self._limits if source is None else replace(self._limits, message_bytes=source.max_message_bytes)

    def _turned(self) -> None:
        for server in self._servers.values():
            for connection in server.connections:
                connection.gate_turned()

    async def _inherit(self, server: MllpServer, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        await server.start_on(listening, tls)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _key(source: Source, door: MllpDoor) -> Key:
    """Where a source connects. Port 0 is a new one for each source."""
    return door.host, door.port, source.name if door.port == 0 else ("tls" if door.tls else "")


async def _started(server: MllpServer, source: Source, door: MllpDoor, tls: ssl.SSLContext | None) -> int:
    try:
        return await server.start(door.host, door.port, tls)
    except OSError as error:
        raise SetupError(f"{source.name}: mllp.port: {door.port} is taken, or {door.host} not here") from error


def _other_kind(key: Key) -> Key:
    """The same port without TLS instead of with it, or the reverse."""
    host, port, kind = key
    return host, port, "" if kind == "tls" else "tls"


def _keyed(sources: Iterable[Source]) -> dict[Key, tuple[Source, MllpDoor]]:
    found: dict[Key, tuple[Source, MllpDoor]] = {}
    for source in sources:
        if source.mllp is not None:
            found.setdefault(_key(source, source.mllp), (source, source.mllp))
    return found


def _context(door: MllpDoor) -> ssl.SSLContext | None:
    return None if door.tls is None else server_context(door.tls)
