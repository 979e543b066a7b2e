"""Builds a custodian from its settings and runs it."""

from __future__ import annotations

import gc
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from custodian.app import Desk, create_app
from custodian.log import chain_accepted
from custodian.metrics import Metrics
from custodian.rules import Custodian
from custodian.settings import Settings
from custodian.sweeps import Sweeper
from salus.adapters import http_server
from salus.adapters.chain.connect import connect
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.keys import keystore, x25519
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.errors import SetupError
from salus.core.ids import Address
from salus.core.ports import ChainWriter

_HOST = "127.0.0.1"


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Parts:
    """A built custodian and the writer of its operator account."""

    custodian: Custodian
    writer: ChainWriter


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """A custodian with its schema brought up to date.

    Raises:
        SetupError: a file or setting is wrong.
        UnavailableError: the node is away.
    """
    signer = keystore.load(settings.operator_keystore, settings.passphrase)
    encryption_key = x25519.load(settings.encryption_key, settings.passphrase)
    engine = open_engine(settings.database_url)
    migrate(engine, "custodian")
    store = DatabaseCustodianStore(engine)
    try:
        chain = connect(settings.rpc_url, _council(settings), settings.finality)
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
            )
            yield Parts(custodian, chain.writer([signer]))
        finally:
            chain.close()
    finally:
        store.close()


def serve(settings: Settings) -> None:
    """Answer on HTTP and sweep until told to stop."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )
    with opened(settings) as parts:
        metrics, stop = Metrics(), Event()
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

    An operator's decision after looking at what happened; it is an entry in the custodian's log.
    """
    with opened(settings) as parts:
        custodian = parts.custodian
        final = custodian.chain.final()
        entry = chain_accepted(final.number, final.hash)
        custodian.store.accept_chain(final.number, final.hash, custodian.clock.now(), entry)
        return final.number


def _council(settings: Settings) -> Address:
    try:
        contracts = json.loads(settings.deployment.read_bytes())["contracts"]
        return Address(contracts["Council"][-1]["address"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SetupError("SALUS_CUSTODIAN_DEPLOYMENT names no deployment file with a Council") from error
