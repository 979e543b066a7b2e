"""Builds a custodian from its settings and runs it."""

from __future__ import annotations

import gc
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from custodian import mending, unnamed
from custodian.app import Desk, create_app
from custodian.audit import Audit, Progress
from custodian.audit import audit as look_at_all
from custodian.log import allowed, chain_accepted
from custodian.mended import Mended
from custodian.metrics import Metrics
from custodian.rules import HEAD_AHEAD_SECONDS, Custodian
from custodian.settings import Settings
from custodian.sweeps import Sweeper
from custodian.unnamed import Forgotten
from salus.adapters import http_server
from salus.adapters.chain.connect import Chain, ProvenChain, connect, connect_proven
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.metrics import show_chain
from salus.adapters.content.address import content_store
from salus.adapters.custodians import HttpCustodians
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.custodian_trust import TrustedHeader
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.deployment_file import DeploymentFile, read_deployment
from salus.adapters.keys import keystore, x25519
from salus.adapters.period_keys import FolderPeriodKeys
from salus.adapters.service_log import log_lines
from salus.core.consensus.engine import Engine, engine_of
from salus.core.consensus.snapshot import Snapshot
from salus.core.consensus.start import trusted_start
from salus.core.errors import InputError, IntegrityError, SetupError
from salus.core.ids import ParticipantId, address_bytes, from_hex
from salus.core.state import BlockStamp

_HOST = "127.0.0.1"


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Parts:
    """A built custodian and the writer of its operator account; `chain` and `trust` are its chain and what it keeps."""

    custodian: Custodian
    writer: Lanes
    chain: Chain | ProvenChain
    trust: TrustedHeader


@contextmanager
def opened(settings: Settings, *, afresh: bool = False) -> Iterator[Parts]:
    """A custodian with its schema brought up to date. `afresh` forgets which header it trusted, until it is accepted.

    Raises:
        SetupError: a file or setting is wrong, or the database is another's.
        UnavailableError: the node is away.
    """
    signer = keystore.load(settings.operator_keystore, settings.passphrase)
    encryption_key = x25519.load(settings.encryption_key, settings.passphrase)
    engine = open_engine(settings.database_url)
    migrate(engine, "custodian")
    store, trust = DatabaseCustodianStore(engine), TrustedHeader(engine)
    try:
        deployed = read_deployment(settings.deployment, "SALUS_CUSTODIAN_DEPLOYMENT")
        store.belong_to(settings.participant, deployed.chain_id, address_bytes(deployed.council))
        if settings.genesis:
            chain: Chain | ProvenChain = _proven(settings, deployed, trust, afresh=afresh)
        else:
            chain = connect(settings.rpc_url, deployed.council, settings.finality)
        try:
            custodian = Custodian(
                id=settings.participant,
                signer=signer,
                encryption_key=encryption_key,
                chain=chain.reader,
                store=store,
                keys=FolderPeriodKeys(settings.period_keys, secrets.token_bytes),
                clock=SystemClock(),
                random=secrets.token_bytes,
                head_age=settings.head_age,
                head_ahead=HEAD_AHEAD_SECONDS if settings.genesis else None,
                grace_days=settings.grace_days,
                repairs_an_hour=settings.repairs_an_hour,
            )
            yield Parts(custodian, chain.writer([signer]), chain, trust)
        finally:
            chain.close()
    finally:
        store.close()


def serve(settings: Settings) -> None:
    """Answer on HTTP and sweep until told to stop."""
    log_lines()
    with opened(settings) as parts:
        metrics, stop = Metrics(), Event()
        show_chain(metrics.registry, parts.chain.reader, lambda: parts.chain.rpc.standing, [parts.writer])
        sweeper = Sweeper(parts.custodian, parts.writer, metrics, settings.sweep_seconds)
        thread = Thread(target=sweeper.run, args=(stop,), name="sweeper")
        thread.start()
        try:
            desk = Desk(parts.custodian, metrics, sweeper.caught_up.is_set)
            app = create_app(desk, metrics, settings.max_body)
            gc.freeze()  # what is here stays; what a deposit needs is freed without the collector
            gc.set_threshold(50_000, 20, 100)
            http_server.run(app, _HOST, settings.port)
        finally:
            stop.set()
            thread.join()


def accept_chain(settings: Settings) -> int:
    """Accept the node's present final block though the chain lost blocks this custodian had seen; returns its number.

    An operator's decision after looking at what happened; it is an entry in the custodian's log. Where the node is not
    believed, its chain is followed again from SALUS_CUSTODIAN_GENESIS: accepted is only what the validators sealed.

    Raises:
        NodeError: the node's chain does not lead on from there.
    """
    with opened(settings, afresh=True) as parts:
        custodian = parts.custodian
        final = custodian.chain.final()
        if isinstance(parts.chain, ProvenChain):
            snapshot = parts.chain.trusted.snapshot()
            final = BlockStamp(snapshot.number, snapshot.hash, snapshot.timestamp)
            parts.trust.accept(snapshot)
        entry = chain_accepted(final.number, final.hash)
        custodian.store.accept_chain(final.number, final.hash, custodian.clock.now(), entry)
        return final.number


def audit(settings: Settings, tell: Progress) -> Audit:
    """Look whether every share that should be here is, beside the custodian that may be running.

    Raises:
        UnavailableError: the node is away.
    """
    with opened(settings) as parts:
        return look_at_all(parts.custodian, tell)


def allow_repair(settings: Settings, other: ParticipantId, hours: int) -> int:
    """Allow another custodian to be helped for so many hours from now, 0 to end it; returns until when (Unix seconds).

    An operator's decision, after talking to the other's people; it is an entry in the custodian's log.
    """
    with opened(settings) as parts:
        now = parts.custodian.clock.now()
        until = now + hours * 3600
        parts.custodian.store.append(allowed(other, until), now)
        return until


def forget_unnamed(settings: Settings, tell: Progress, *, anyway: bool) -> Forgotten:
    """Destroy the keys that no share rests under, while the custodian is stopped.

    Raises:
        ConflictError: it runs, or not everything is here that should be (unless `anyway`).
        UnavailableError: the node is away.
    """
    with opened(settings) as parts:
        return unnamed.forget_unnamed(parts.custodian, tell, anyway=anyway)


def repair(settings: Settings, tell: mending.Progress) -> Mended:
    """Get back from other custodians what this one lacks, beside the custodian that may be running.

    Raises:
        SetupError: SALUS_CUSTODIAN_CUSTODIANS or SALUS_CUSTODIAN_CONTENT is missing.
        UnavailableError: the node is away, or too many others.
    """
    if settings.custodians is None or settings.content is None:
        raise SetupError(
            "a repair needs SALUS_CUSTODIAN_CUSTODIANS and SALUS_CUSTODIAN_CONTENT: see custodian/settings.py"
        )
    helpers, content = HttpCustodians(_urls(settings.custodians)), content_store(settings.content)
    try:
        with opened(settings) as parts:
            return mending.mend(parts.custodian, helpers, content, tell)
    finally:
        helpers.close()


def _urls(path: Path) -> dict[ParticipantId, str]:
    try:
        found = json.loads(path.read_bytes())
        return {ParticipantId(from_hex(custodian)): str(url) for custodian, url in found.items()}
    except (OSError, ValueError, AttributeError, InputError) as error:
        raise SetupError("SALUS_CUSTODIAN_CUSTODIANS names no JSON file of participantId to base URL") from error


def _proven(settings: Settings, deployed: DeploymentFile, trust: TrustedHeader, *, afresh: bool) -> ProvenChain:
    engine = engine_of(settings.finality, settings.epoch)
    start = None if afresh else trust.load()
    return connect_proven(
        settings.rpc_url,
        deployed.council,
        deployed.chain_id,
        engine,
        start or _genesis(settings, engine),
        _ignored if afresh else trust.keep,
        halt=None if afresh else trust.halt,
        halted=None if afresh else trust.halted(),
    )


def _ignored(_: Snapshot) -> None:
    """Nothing is kept before the operator's word."""


def _genesis(settings: Settings, engine: Engine) -> Snapshot:
    """What is trusted to begin with, out of a file the operator had from other members."""
    try:
        return trusted_start(engine, json.loads(Path(settings.genesis or "").read_bytes()))
    except (OSError, ValueError, IntegrityError) as error:
        raise SetupError(
            f"SALUS_CUSTODIAN_GENESIS names no file with a {settings.finality} genesis or snapshot: {error}"
        ) from error
