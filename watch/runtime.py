"""Builds the watch from its settings and runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from salus.adapters import follower_http
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.chain.metrics import show_chain
from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.deployment_file import read_deployment
from salus.adapters.service_log import log_lines
from salus.core.ports_index import Alert, IndexDigest
from watch import alerts
from watch.follow import Follower
from watch.gaps import check_heads
from watch.index import Indexer, rebuild
from watch.metrics import Metrics
from watch.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What every command needs."""

    chain: Chain
    engine: Engine
    store: DatabaseIndex


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """Chain and index, with the schema brought up to date.

    Raises:
        SetupError: the deployment file or another setting is wrong.
        UnavailableError: the node is away.
    """
    engine = open_engine(settings.database_url)
    try:
        chain = connect(
            settings.rpc_url, read_deployment(settings.deployment, "SALUS_WATCH_DEPLOYMENT").council, settings.finality
        )
        try:
            migrate(engine, "index")
            yield Parts(chain, engine, DatabaseIndex(engine))
        finally:
            chain.close()
    finally:
        engine.dispose()


def serve(settings: Settings) -> None:
    """Follow the chain and answer on HTTP until told to stop."""
    log_lines()
    with opened(settings) as parts:
        metrics = Metrics()
        show_chain(metrics.registry, parts.chain.reader, lambda: parts.chain.rpc.standing)
        follower = Follower(parts.chain.reader, parts.store, metrics, settings.first_block)
        follower_http.serve("watch", follower, metrics.registry, settings.port, settings.poll_seconds)


def verify(settings: Settings) -> tuple[IndexDigest, IndexDigest, int]:
    """Digest of the index, digest of one made from the chain alone, and how many log heads differ."""
    with opened(settings) as parts:
        kept = parts.store.digest()
        with _scratch() as empty:
            fresh = rebuild(parts.chain.reader, empty, kept.block, settings.first_block)
        at = parts.chain.reader.block(kept.block)
        findings = check_heads(parts.chain.reader, parts.store, at)
        return kept, fresh, sum(finding.found for finding in findings)


def rebuild_index(settings: Settings) -> IndexDigest:
    """Empty the index and make it again from the chain. Alerts are kept."""
    with opened(settings) as parts:
        parts.store.write(0, ())
        for _ in Indexer(parts.chain.reader, parts.store, settings.first_block).catch_up():
            pass
        return parts.store.digest()


@contextmanager
def _scratch() -> Iterator[DatabaseIndex]:
    with TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{folder}/index.db")
        try:
            migrate(engine, "index")
            yield DatabaseIndex(engine)
        finally:
            engine.dispose()


def acknowledge(settings: Settings) -> list[Alert]:
    """Close the alerts that wait for a person, at the time of the chain's head."""
    with opened(settings) as parts:
        return alerts.acknowledge(parts.store, parts.chain.reader.head().timestamp)
