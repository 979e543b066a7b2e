"""Builds an oracle from its settings and runs it."""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

import httpx
import structlog
import uvicorn
from sqlalchemy import Engine

from oracle import checks
from oracle.abandon import Abandon
from oracle.agreements import Agreements
from oracle.anchor import Anchoring
from oracle.app import Front, create_app
from oracle.attempts import Attempts
from oracle.audit import Auditing, Seal
from oracle.behind import behind
from oracle.catch_up import CatchingUp
from oracle.claims import Claims, Desk
from oracle.deposit import Depositing
from oracle.destruction import Destruction, DestructionWatch
from oracle.drain import Ending, drained
from oracle.gaps import GapWatch
from oracle.intake.doors import Doors
from oracle.intake.folders import Folders
from oracle.intake.gate import Gate
from oracle.intake.mllp import MllpCounters
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.intake.reception import Reception
from oracle.intake.senders import HttpSenders
from oracle.intake.throttle import Throttles
from oracle.journal import GroupResult, Journal
from oracle.link import Linking
from oracle.lookout import Lookout, Probe, Senses
from oracle.members import Members
from oracle.metrics import Metrics
from oracle.normalise import SourceProfile
from oracle.normalise.identity import EVENTS as IDENTITY_EVENTS
from oracle.office import Office
from oracle.pipeline import Pipeline
from oracle.pressure import Pressure
from oracle.problems import DRAINING, Problem, problem_of
from oracle.quarantine import Quarantine
from oracle.reading import InlineReader, ProcessReader, Reader
from oracle.refused import RefusedKeeper
from oracle.reload import Reload
from oracle.replies import Composer, Fetching, OwnConnections, ProcessingResults, SenderConnections, Sending, Standing
from oracle.reseal import Reseal
from oracle.retention import RetentionDesk
from oracle.seal import Sealing, Sharing
from oracle.settings import JournalSettings, Settings, SourcesSettings
from oracle.sitekey import RAW, SHARES, SiteKey
from oracle.sources import Institution, LiveSources, MllpDoor, Source, SourceFolder
from oracle.sources.numbers import number_of
from oracle.status import Lookup
from oracle.store import Erasing
from oracle.webhook import Webhook
from oracle.workers import Workers
from salus.adapters import http_server
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.chain.metrics import show_chain
from salus.adapters.content.address import content_store, is_folder
from salus.adapters.content.holding import ContentHolding
from salus.adapters.custodians import HttpCustodians
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_abandon import DatabaseAbandon
from salus.adapters.database.oracle_acks import DatabaseAcks
from salus.adapters.database.oracle_desk import DatabaseDeskCodes
from salus.adapters.database.oracle_line import Bell
from salus.adapters.database.oracle_links import DatabaseLinks
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.adapters.database.oracle_quality import DatabaseQuality
from salus.adapters.database.oracle_recollection import DatabaseRecollection
from salus.adapters.database.oracle_records import DatabaseRecords
from salus.adapters.database.oracle_reseal import DatabaseReseal
from salus.adapters.database.oracle_retention import DatabaseRetention
from salus.adapters.deployment_file import DeploymentFile, read_deployment
from salus.adapters.keys import keystore
from salus.adapters.period_keys import FolderPeriodKeys
from salus.adapters.service_log import log_lines
from salus.core.days import day_at
from salus.core.erasable_keys import ErasableKeys
from salus.core.errors import InputError, SalusError, SetupError
from salus.core.ids import ParticipantId, from_hex, hex32
from salus.core.journal import BatchState
from salus.core.ports import ChainReader, Signer
from salus.core.state import ParticipantKind
from salus.flows.custody import Caller
from salus.flows.final import FinalWriter

HOST = "127.0.0.1"
MLLP_LISTENER = "mllp"
HTTP_LISTENER = "http"
_HTTP = http_server.HttpLimits(unfinished_bytes=512 * 1024 * 1024)  # `app.Bodies` says 503 long before
_SWITCH_SECONDS = 0.001
_PURGE_SECONDS = 600.0
_GAP_SECONDS = 10.0
_DAY_SECONDS = 86_400
_WEBHOOK_SECONDS = 10.0
_LOOKED_AT = 64

_log = structlog.get_logger()


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Kept:
    """The oracle's database with its key: all that the desk and the quarantine need."""

    engine: Engine
    database: OracleDatabase
    site: SiteKey

    @property
    def messages(self) -> DatabaseMessages:
        """The journal's messages."""
        return DatabaseMessages(self.database)

    @property
    def links(self) -> DatabaseLinks:
        """Links of patients that are not on chain yet."""
        return DatabaseLinks(self.database)

    @property
    def desk(self) -> Desk:
        """Issues claim codes."""
        return Desk(DatabaseDeskCodes(self.database), self.site, SystemClock(), secrets.token_bytes)

    @property
    def quality(self) -> DatabaseQuality:
        """Figures of quality, and numbers of senders that have not come."""
        return DatabaseQuality(self.database)

    @property
    def operations(self) -> DatabaseOperations:
        """What operators ask of the journal and do in it."""
        return DatabaseOperations(self.database, Seal(self.site))

    @property
    def auditing(self) -> Auditing:
        """The operators' log."""
        return Auditing(self.operations, self.site, SystemClock())

    @property
    def quarantine(self) -> Quarantine:
        """Lists, shows, releases and discards what waits for a person; has finished messages processed again."""
        return Quarantine(self.messages, self.operations, self.site, self.auditing)

    @property
    def reseal(self) -> Reseal:
        """Has records of an old custodian set made again for the present one."""
        return Reseal(DatabaseReseal(self.database), self.operations, self.auditing, time.sleep, time.monotonic)

    @property
    def lookup(self) -> Lookup:
        """Finds messages by control id."""
        return Lookup(self.operations, self.site)


@dataclass(frozen=True, slots=True)
class Parts:
    """A built oracle."""

    settings: Settings
    kept: Kept
    chain: Chain
    signer: Signer
    custodians: HttpCustodians
    journal: Journal
    reader: Reader
    pipeline: Pipeline
    catching: CatchingUp
    claims: Claims
    erasing: Erasing
    retention: RetentionDesk
    destruction: Destruction
    content: ContentHolding
    metrics: Metrics
    sources: LiveSources
    profile_of: Callable[[Source], SourceProfile]


def row_keys(folder: Path) -> dict[str, ErasableKeys]:
    """The keys that are destroyed with what they seal, by purpose.

    Raises:
        SetupError: the folder is open to others.
    """
    return {purpose: FolderPeriodKeys(folder / purpose, secrets.token_bytes) for purpose in (RAW, SHARES)}


@contextmanager
def opened_journal(settings: JournalSettings) -> Iterator[Kept]:
    """The database of an oracle that may be running, its schema brought up to date.

    Raises:
        SetupError: it was made with another site key.
    """
    engine = open_engine(settings.database_url)
    try:
        migrate(engine, "oracle")
        database = OracleDatabase(engine)
        site = SiteKey(settings.site_key, secrets.token_bytes, row_keys(settings.row_keys))
        database.belong_to({"site_key": site.fingerprint})
        yield Kept(engine, database, site)
    finally:
        engine.dispose()


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """An oracle, not yet running.

    Raises:
        SetupError: a file or setting is wrong.
        UnavailableError: the node is away.
    """
    signer = keystore.load(settings.keystore, settings.passphrase)
    custodians = HttpCustodians(_custodian_urls(settings.custodians))
    try:
        with opened_journal(JournalSettings(settings.database_url, settings.site_key, settings.row_keys)) as kept:
            chain = connect(settings.rpc_url, _deployed(settings).council, settings.finality)
            try:
                yield _build(settings, kept, chain, signer, custodians)
            finally:
                chain.close()
    finally:
        custodians.close()


@contextmanager
def abandoning(settings: Settings) -> Iterator[Abandon]:
    """Gives up what waits for a custodian set that has lost a member for good, beside an oracle that may be running.

    Raises:
        SetupError, UnavailableError: as `opened`.
    """
    with opened_journal(JournalSettings(settings.database_url, settings.site_key, settings.row_keys)) as kept:
        content = content_store(settings.content)
        chain = connect(settings.rpc_url, _deployed(settings).council, settings.finality)
        try:
            reader, source = chain.reader, settings.participant
            kept.database.belong_to({"chain": reader.chain_id.to_bytes(32, "big"), "source": source})
            yield Abandon(
                DatabaseAbandon(kept.database, kept.operations),
                DatabaseOutbox(kept.database),
                content,
                reader,
                source,
                settings.custodian_set,
                {f"ADT^{event}" for event in IDENTITY_EVENTS},
                kept.site,
                kept.auditing,
                time.sleep,
                time.monotonic,
            )
        finally:
            chain.close()
            content.close()


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


def preflight(parts: Parts) -> list[checks.Finding]:
    """All checks of an oracle, each with what to do."""
    reader, settings, source = parts.chain.reader, parts.settings, parts.settings.participant
    urls = _custodian_urls(settings.custodians)
    return checks.run(
        [
            ("database", partial(checks.database, parts.kept.database.probe)),
            ("chain", partial(checks.chain, reader, _deployed(settings).chain_id)),
            ("operator", partial(checks.operator, reader, parts.signer.address, settings.participant)),
            ("custodians", partial(checks.custodians, reader, settings.custodian_set, partial(_answers, urls))),
            ("journal", lambda: checks.journal(behind(DatabaseOutbox(parts.kept.database), reader, source))),
        ]
    )


def _build(settings: Settings, kept: Kept, chain: Chain, signer: Signer, custodians: HttpCustodians) -> Parts:
    reader, clock, source = chain.reader, SystemClock(), settings.participant
    kept.database.belong_to({"chain": reader.chain_id.to_bytes(32, "big"), "source": source})
    members = reader.custodian_set(settings.custodian_set, reader.final())
    sharing = Sharing(settings.custodian_set, members.threshold, len(members.members))
    metrics = Metrics()
    content = content_store(settings.content)
    records, outbox, messages = DatabaseRecords(kept.database), DatabaseOutbox(kept.database), kept.messages
    writer = chain.writer([signer])
    show_chain(metrics.registry, reader, lambda: chain.rpc.standing, [writer])
    caller = Caller(signer, reader.domain("Council"), clock, secrets.token_bytes)
    sealing = Sealing(records, kept.site, source, reader.chain_id, sharing, clock, secrets.token_bytes)
    depositing = Depositing(outbox, reader, custodians, caller, kept.site, source, clock, time.monotonic)
    anchoring = Anchoring(outbox, reader, writer, kept.site, source, clock, time.sleep)
    linking = Linking(DatabaseLinks(kept.database), reader, writer, kept.site, clock, time.monotonic)
    recollection = DatabaseRecollection(kept.database)
    catching = CatchingUp(
        outbox, recollection, reader, custodians, caller, kept.site, source, secrets.token_bytes, writer.in_pool
    )
    erasing = Erasing(records, content, reader, clock, kept.site, source, lambda: catching.is_done)
    ends = DatabaseRetention(kept.database, source)
    retention = RetentionDesk(ends, reader, source, settings.operations.grace_days)
    destruction = Destruction(
        ends,
        retention,
        records,
        erasing,
        content,
        reader,
        writer,
        custodians,
        caller,
        source,
        clock,
        metrics,
        time.sleep,
    )
    sources = LiveSources(_sources(settings))
    profiled = partial(profile_of, is_checkup=_is_checkup(settings, reader))
    profiles = _profiles(settings, sources.all(), profiled)
    reader_of_messages: Reader = (
        ProcessReader(profiles, settings.readers) if settings.readers else InlineReader(profiles)
    )
    return Parts(
        settings=settings,
        kept=kept,
        chain=chain,
        signer=signer,
        custodians=custodians,
        journal=Journal(
            messages,
            kept.site,
            clock,
            number_of=lambda listener, received: number_of(sources.get(listener), received),
        ),
        reader=reader_of_messages,
        pipeline=Pipeline(
            messages,
            records,
            content,
            kept.site,
            reader_of_messages,
            sealing,
            depositing,
            anchoring,
            linking,
            clock,
            metrics,
        ),
        claims=Claims(
            DatabaseDeskCodes(kept.database),
            kept.site,
            reader,
            FinalWriter(writer, reader, time.sleep),
            source,
            clock,
        ),
        catching=catching,
        erasing=erasing,
        retention=retention,
        destruction=destruction,
        content=content,
        metrics=metrics,
        sources=sources,
        profile_of=profiled,
    )


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
    hook = _hook(settings, metrics)
    lookout = _lookout(parts, pressure, workers, lambda: reception.verdicts, hook)
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
        ready=partial(_ready, parts, gate, ending, lookout),
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
        for name, work in (("purge", _purge), ("gaps", _watch_gaps), ("destruction", _destroy_due))
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


def _hook(settings: Settings, metrics: Metrics) -> Webhook | None:
    url = settings.operations.webhook
    if url is None:
        return None

    def post(body: Mapping[str, object]) -> None:
        httpx.post(url, json=dict(body), timeout=_WEBHOOK_SECONDS, trust_env=False).raise_for_status()

    return Webhook(post, "0x" + settings.participant.hex(), metrics.webhook_failures.inc)


def _lookout(
    parts: Parts, pressure: Pressure, workers: Workers, verdicts: Callable[[], Mapping[str, int]], hook: Webhook | None
) -> Lookout:
    settings, kept, reader = parts.settings, parts.kept, parts.chain.reader
    outbox = DatabaseOutbox(kept.database)
    sets: dict[int, tuple[str, ...]] = {}

    def members(number: int) -> tuple[str, ...]:
        if number not in sets:
            found = reader.custodian_set(number, reader.final()).members
            sets[number] = tuple(hex32(member) for member in found)
        return sets[number]

    def missing(seconds: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for one in kept.quality.gaps(SystemClock().now() - seconds):
            found[one.source] += one.gap.missing
        return found

    places = {"content": Path(settings.content)} if is_folder(settings.content) else {}
    if kept.engine.dialect.name == "sqlite" and kept.engine.url.database:
        places["database"] = Path(kept.engine.url.database).parent
    senses = Senses(
        pressure=pressure,
        chain=Probe("chain", reader.head, time.monotonic),
        content=Probe("content", parts.content.ready, time.monotonic),
        verdicts=verdicts,
        heard=lambda: parts.journal.heard,
        sources=parts.sources.all,
        rejected=lambda: parts.sources.rejected,
        failing=workers.failing,
        missing=missing,
        deposits=lambda: outbox.batches(BatchState.OPEN, _LOOKED_AT),
        deposited=lambda: outbox.batches(BatchState.DEPOSITED, _LOOKED_AT),
        members=members,
        places=places,
        overdue=parts.destruction.overdue,
    )
    tell = hook.tell if hook is not None else lambda _: None
    return Lookout(senses, settings.operations.limits, SystemClock().now, parts.metrics.registry, tell)


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
        parts.reader.exchange(_profiles(settings, known.values(), parts.profile_of))

    reload = Reload(_folder(settings, settings.sources), parts.sources, doors, prepare)
    loop.add_signal_handler(signal.SIGHUP, reload.ask)
    await reload.watch()


def _journalled(metrics: Metrics, workers: Workers, group: GroupResult) -> None:
    metrics.journalled(group.results)
    workers.wake()


def _ready(parts: Parts, gate: Gate, ending: Ending, lookout: Lookout) -> dict[str, object] | Problem:
    """Figures of readiness with the alerts; a problem while it drains, or when it can't do its work."""
    told: dict[str, object] = {
        "draining": ending.is_asked,
        "held": gate.is_shut,
        "alerts": [
            {"alert": one.kind.value, "source": one.source, "since": one.since, "value": one.value, "limit": one.limit}
            for one in lookout.raised
        ],
        "sources": [source.name for source in parts.sources.all()],
        "sourcesRejected": list(parts.sources.rejected),
    }
    try:
        figures = _figures(parts)
    except SalusError as error:
        return replace(problem_of(error), more=told)
    if ending.is_asked:
        return replace(DRAINING, more=told | figures)
    return figures | told


def _figures(parts: Parts) -> dict[str, object]:
    backlog = parts.kept.database.backlog()
    return {
        "sourceId": "0x" + parts.settings.participant.hex(),
        "inLine": parts.kept.database.line.is_held(),
        "head": parts.chain.reader.head().number,
        "pendingMessages": backlog.pending,
        "pendingBytes": backlog.pending_bytes,
        "quarantined": backlog.quarantined,
        "waitingVersions": backlog.waiting_versions,
        "openBatches": backlog.open_batches,
        "openInvalidations": backlog.invalidations,
        "openLinks": backlog.links,
        "recalledMessages": backlog.recalled,
        "caughtUp": parts.catching.is_done,
        "unknownBatches": parts.catching.waits_for,
    }


def _watch_gaps(parts: Parts, stop: Event) -> None:
    """Look for numbers that have not come."""
    watch = GapWatch(parts.kept.quality, SystemClock(), parts.metrics)
    while not stop.wait(_GAP_SECONDS):
        try:
            watch.look()
        except Exception as error:  # noqa: BLE001 - looked at again at the next round
            _log.warning("gaps not looked at", error=type(error).__name__)


def _destroy_due(parts: Parts, stop: Event) -> None:
    """Carry out final orders, and order what is past its years and agreed to."""
    failures = parts.metrics.worker_errors.labels("destruction")
    hours, line = parts.settings.operations.retention_hours, parts.kept.database.line
    DestructionWatch(parts.destruction, hours, line.is_held, time.monotonic, failures.inc).run(stop.wait)


def _purge(parts: Parts, stop: Event) -> None:
    """Erase the bytes of old messages, a little at a time: each source's by its own days, others by the oracle's."""
    site, messages = parts.kept.site, parts.kept.messages
    purge = partial(messages.purge, partial(site.forget_rows, RAW))
    while not stop.wait(_PURGE_SECONDS):
        sources = parts.sources.all()
        try:
            for source in sources:
                _purge_older(source.retain_days, stop, partial(purge, of=source.name))
            known = [source.name for source in sources]
            _purge_older(parts.settings.retain_days, stop, partial(purge, but=known))
        except Exception as error:  # noqa: BLE001 - tried again at the next round
            _log.warning("journal not purged", error=type(error).__name__)


def _purge_older(days: int, stop: Event, purge: Callable[[int], int]) -> None:
    before = int(time.time()) - days * _DAY_SECONDS
    while purge(before) and not stop.is_set():
        pass


def sources_of(settings: Settings | SourcesSettings, folder: Path) -> tuple[Source, ...]:
    """Sources of a folder, checked.

    Raises:
        SetupError: each line says which file and key is wrong, and what is allowed.
    """
    return _folder(settings, folder).read()


def _folder(settings: Settings | SourcesSettings, folder: Path) -> SourceFolder:
    institution = Institution(settings.name, settings.authority, settings.retain_days)
    return SourceFolder(folder, institution, SUPPORTED_EVENTS)


def _sources(settings: Settings) -> tuple[Source, ...]:
    """Sources of the folder; without one the two that the environment describes."""
    return _own(settings) if settings.sources is None else sources_of(settings, settings.sources)


def _own(settings: Settings) -> tuple[Source, Source]:
    common = Source(
        MLLP_LISTENER,
        settings.name,
        settings.authority,
        charset=settings.charset,
        is_checkup=settings.is_checkup,
        retain_days=settings.retain_days,
    )
    door = MllpDoor(settings.mllp_port, HOST)
    return replace(common, mllp=door), replace(common, name=HTTP_LISTENER, token=settings.http_token)


def _profiles(
    settings: Settings, sources: Iterable[Source], profiled: Callable[[Source], SourceProfile]
) -> dict[str, SourceProfile]:
    """Profiles by source, and those of the environment, for messages that were taken before there was a folder."""
    return {source.name: profiled(source) for source in (*_own(settings), *sources)}


def profile_of(source: Source, *, is_checkup: bool) -> SourceProfile:
    """What mapping and labelling must know of a source; `is_checkup` holds where its file says nothing."""
    return SourceProfile(
        source.title,
        source.authority,
        source.charset,
        zone=source.zone,
        is_checkup_centre=is_checkup if source.is_checkup is None else source.is_checkup,
        patient=source.patient,
        systems=source.systems,
        ignored=source.ignored_segments,
        level=source.level,
        labels=source.labels,
    )


def _is_checkup(settings: Settings, reader: ChainReader) -> bool:
    """Whether every report is check-up content, unless a source says otherwise."""
    if settings.is_checkup is not None:
        return settings.is_checkup
    return reader.participant(settings.participant, reader.head()).kind == ParticipantKind.CHECKUP_CENTRE


def _answers(urls: Mapping[ParticipantId, str], custodian: ParticipantId) -> bool:
    try:
        return httpx.get(f"{urls.get(custodian, '').rstrip('/')}/health", timeout=3.0, trust_env=False).is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _custodian_urls(path: Path) -> dict[ParticipantId, str]:
    try:
        found = json.loads(path.read_bytes())
        return {ParticipantId(from_hex(custodian)): str(url) for custodian, url in found.items()}
    except (OSError, ValueError, AttributeError, InputError) as error:
        raise SetupError("SALUS_ORACLE_CUSTODIANS names no JSON file of participantId to base URL") from error


def _deployed(settings: Settings) -> DeploymentFile:
    return read_deployment(settings.deployment, "SALUS_ORACLE_DEPLOYMENT")
