"""Runs an oracle: doors open, threads begin, and all of it ends in order."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from threading import Event, Thread
from typing import Protocol

import structlog
import uvicorn

from oracle import checks
from oracle.agreements import Agreements
from oracle.app import Front, create_app
from oracle.attempts import Attempts
from oracle.drain import Ending, drained
from oracle.intake.doors import Doors
from oracle.intake.folders import Folders
from oracle.intake.gate import Gate
from oracle.intake.mllp import MllpCounters
from oracle.intake.reception import Reception
from oracle.intake.senders import HttpSenders
from oracle.intake.throttle import Throttles
from oracle.journal import GroupResult
from oracle.members import Members
from oracle.metrics import Metrics
from oracle.office import Office
from oracle.pressure import Pressure
from oracle.refused import RefusedKeeper
from oracle.reload import Reload
from oracle.replies import Composer, Fetching, OwnConnections, ProcessingResults, SenderConnections, Sending, Standing
from oracle.runtime.kept import SystemClock
from oracle.runtime.parts import Parts, opened, preflight
from oracle.runtime.ready import lookout_of, readiness, webhook_of
from oracle.runtime.rounds import destroy_due, purge, watch_gaps
from oracle.runtime.sources import HOST, HTTP_LISTENER, folder_of, profiles_of
from oracle.settings import Settings
from oracle.sources import Source
from oracle.workers import Workers
from salus.adapters import http_server
from salus.adapters.database.oracle_acks import DatabaseAcks
from salus.adapters.database.oracle_line import Bell
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.adapters.service_log import log_lines
from salus.core.days import day_at
from salus.core.errors import SalusError

_HTTP = http_server.HttpLimits(unfinished_bytes=512 * 1024 * 1024)  # `app.Bodies` says 503 long before
_SWITCH_SECONDS = 0.001

_log = structlog.get_logger()


def serve(settings: Settings) -> None:
    """Take messages in and bring them to the chain until told to stop.

    Raises:
        SetupError: the database can't be written, or the node is on another chain.
    """
    log_lines()
    sys.setswitchinterval(_SWITCH_SECONDS)  # the event loop and the journal's thread share the interpreter
    with opened(settings) as parts:
        for finding in preflight(parts):
            (_log.info if finding.ok else _log.warning)(
                "check", name=finding.name, ok=finding.ok, detail=finding.detail
            )
            if finding.name in ("database", "chain"):
                checks.require([finding])
        gc.freeze()  # what is here stays; what a message needs is freed without the collector
        gc.set_threshold(50_000, 20, 100)
        asyncio.run(_serve(parts))


async def _serve(parts: Parts) -> None:
    settings, kept, metrics = parts.settings, parts.kept, parts.metrics
    reply_ids = count(int(time.time() * 1000))
    keeper = RefusedKeeper(parts.journal, time.monotonic)
    acks = DatabaseAcks(kept.database)
    composer = Composer(kept.site, parts.chain.reader.chain_id, lambda: datetime.now(UTC))
    results = ProcessingResults(acks, time.monotonic)
    by_sender = SenderConnections(lambda name: doors.connections_of(name))  # noqa: PLW0108 - doors are made below
    reception = Reception(
        parts.journal,
        now=lambda: datetime.now(UTC),
        next_control_id=lambda: f"S{next(reply_ids)}",
        source_of=lambda peer: parts.sources.get(peer.listener),
        keep_refused=keeper.keep,
        expect_reply=lambda name, peer: by_sender.expect(name, peer.connection),
        results=results,
    )
    gate, ending, loop = Gate(), Ending(), asyncio.get_running_loop()
    ending.listen()
    workers = Workers(
        parts.pipeline,
        parts.catching,
        lambda name: metrics.worker_errors.labels(name).inc(),
        kept.database.line.is_held,
    )
    pressure = Pressure(
        settings.operations.bounds,
        kept.database.backlog,
        partial(_turn, loop, gate, ending),
        time.monotonic,
    )
    hook = webhook_of(settings, metrics)
    lookout = lookout_of(parts, pressure, workers, lambda: reception.verdicts, hook)
    parts.journal.on_group = partial(_journalled, metrics, workers)
    metrics.watch(kept.database.backlog, lambda: reception.verdicts, SystemClock().now)
    metrics.watch_figures(lambda: kept.quality.figures(day_at(SystemClock().now())))
    throttles = Throttles(parts.sources, time.monotonic)
    everybody = HTTP_LISTENER if settings.sources is None and settings.http_token is None else ""
    members = Members(parts.chain.reader, SystemClock(), settings.participant)
    front = Front(
        source=settings.participant,
        sink=reception,
        senders=HttpSenders(parts.sources, throttles, time.monotonic, everybody),
        acknowledgments=Fetching(acks, composer),
        claims=parts.claims,
        agreements=Agreements(kept.links, parts.chain.reader, SystemClock()),
        content=parts.content,
        erasing=parts.erasing,
        retention=parts.retention,
        destruction=parts.destruction,
        batches=DatabaseOutbox(parts.kept.database),
        members=members,
        attempts=Attempts(time.monotonic),
        metrics=metrics,
        office=Office(
            members,
            settings.participant,
            kept.operations,
            kept.quarantine,
            kept.lookup,
            kept.auditing,
            SystemClock(),
        ),
        ready=partial(readiness, parts, gate, ending, lookout),
        gate=gate,
    )
    doors = Doors(reception, parts.sources, throttles, gate=gate, acknowledged=by_sender.acknowledged)
    (await doors.open(parts.sources.all()))()
    metrics.watch_listeners(
        {name: partial(getattr, doors.counters, name) for name in MllpCounters.__slots__}, acks.count
    )
    own = OwnConnections()
    sending = Sending(
        acks,
        parts.sources,
        composer,
        by_sender,
        own,
        now=SystemClock().now,
        told=lambda outcome, number: metrics.acknowledgments.labels(outcome).inc(number),
        standing=partial(_standing, parts),
        came_here=by_sender.came_here,
    )
    folders = Folders(
        reception,
        parts.sources,
        throttles,
        now=lambda: datetime.now(UTC),
        next_control_id=lambda: f"S{next(reply_ids)}",
        monotonic=time.monotonic,
        told=lambda outcome: metrics.batch_files.labels(outcome).inc(),
        gate=gate,
    )
    watches = (_watch_sources(parts, doors), results.watch(), sending.watch(), folders.watch())
    watching = [asyncio.create_task(one) for one in watches]
    stop = Event()
    rounds = [
        Thread(target=work, args=(parts, stop), name=name, daemon=True)
        for name, work in (("purge", purge), ("gaps", watch_gaps), ("destruction", destroy_due))
    ]
    server = _Server(_http(front, settings.http_port))
    keepers: list[_Keeper] = [Bell(kept.engine, workers.wake), pressure, lookout, *([hook] if hook is not None else [])]
    threads: list[_Begun] = [parts.journal, workers, *rounds, *keepers]
    for begun in threads:
        begun.start()
    serving, asked = asyncio.create_task(server.serve()), asyncio.create_task(ending.asked())
    try:
        await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drain(parts, gate, ending, doors)
        for task in (*watching, asked):
            task.cancel()
        await own.close()
        stop.set()
        for thread in (*keepers, workers):
            await asyncio.to_thread(thread.stop)
        await asyncio.to_thread(kept.database.line.release)
        parts.reader.close()
        server.should_exit = True
        await serving


class _Begun(Protocol):
    """A thread."""

    def start(self) -> None: ...


class _Keeper(_Begun, Protocol):
    """A thread that is told to end."""

    def stop(self) -> None: ...


async def _drain(parts: Parts, gate: Gate, ending: Ending, doors: Doors) -> None:
    """Take nothing more, answer what was taken, and, if told to end, wait for what is under way.

    What is under way another oracle of the journal goes on with at once, if there is one.
    """
    gate.turn(shut=True)
    await doors.close()
    await asyncio.to_thread(parts.journal.stop)
    if ending.is_asked and not await asyncio.to_thread(_others, parts):
        seconds = parts.settings.operations.drain_seconds
        await drained(parts.kept.database.backlog, seconds, time.monotonic)


def _standing(parts: Parts) -> Standing:
    """Among the oracles of the journal, for replies."""
    line = parts.kept.database.line
    return Standing(alone=not line.others(), in_line=line.is_held())


def _others(parts: Parts) -> int:
    """How many other oracles have the journal open; none if it can't be asked."""
    try:
        return parts.kept.database.line.others()
    except SalusError:
        return 0


class _Server(uvicorn.Server):
    """HTTP that ends when the oracle says so, not at a signal: it tells of the drain until that is over."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


def _turn(loop: asyncio.AbstractEventLoop, gate: Gate, ending: Ending, held: bool) -> None:
    """Turn the gate from another thread; it stays shut once the end has begun."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: gate.turn(shut=held or ending.is_asked))


def _http(front: Front, port: int) -> uvicorn.Config:
    """The HTTP server's configuration; what it ends by itself is counted."""
    ended = http_server.HttpCounters()
    front.metrics.watch_http({name: partial(getattr, ended, name) for name in http_server.HttpCounters.__slots__})
    return http_server.config_of(create_app(front), HOST, port, _HTTP, ended, lifespan="off")


async def _watch_sources(parts: Parts, doors: Doors) -> None:
    """Exchange sources when their files change, or at SIGHUP; without a folder there is nothing to exchange."""
    settings, loop = parts.settings, asyncio.get_running_loop()
    if settings.sources is None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return

    known = {source.name: source for source in parts.sources.all()}

    def prepare(sources: Sequence[Source]) -> None:
        known.update({source.name: source for source in sources})  # what a removed one sent may still be read
        parts.reader.exchange(profiles_of(settings, known.values(), parts.profile_of))

    reload = Reload(folder_of(settings, settings.sources), parts.sources, doors, prepare)
    loop.add_signal_handler(signal.SIGHUP, reload.ask)
    await reload.watch()


def _journalled(metrics: Metrics, workers: Workers, group: GroupResult) -> None:
    metrics.journalled(group.results)
    workers.wake()
