"""Builds an oracle from its settings: everything it consists of, not yet running."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from oracle import checks
from oracle.abandon import Abandon
from oracle.anchor import Anchoring
from oracle.behind import behind
from oracle.catch_up import CatchingUp
from oracle.claims import Claims
from oracle.deposit import Depositing
from oracle.destruction import Destruction
from oracle.journal import Journal
from oracle.link import Linking
from oracle.metrics import Metrics
from oracle.normalise import SourceProfile
from oracle.normalise.identity import EVENTS as IDENTITY_EVENTS
from oracle.pipeline import Pipeline
from oracle.reading import InlineReader, ProcessReader, Reader
from oracle.retention import RetentionDesk
from oracle.runtime.kept import Kept, SystemClock, opened_journal
from oracle.runtime.sources import is_checkup_centre, profile_of, profiles_of, sources_in_force
from oracle.seal import Sealing, Sharing
from oracle.settings import JournalSettings, Settings
from oracle.sources import LiveSources, Source
from oracle.sources.numbers import number_of
from oracle.store import Erasing
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.chain.metrics import show_chain
from salus.adapters.content.address import content_store
from salus.adapters.content.holding import ContentHolding
from salus.adapters.custodians import HttpCustodians
from salus.adapters.database.oracle_abandon import DatabaseAbandon
from salus.adapters.database.oracle_desk import DatabaseDeskCodes
from salus.adapters.database.oracle_links import DatabaseLinks
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.adapters.database.oracle_recollection import DatabaseRecollection
from salus.adapters.database.oracle_records import DatabaseRecords
from salus.adapters.database.oracle_retention import DatabaseRetention
from salus.adapters.deployment_file import DeploymentFile, read_deployment
from salus.adapters.keys import keystore
from salus.core.errors import InputError, SetupError
from salus.core.ids import ParticipantId, from_hex
from salus.core.ports import Signer
from salus.flows.custody import Caller
from salus.flows.final import FinalWriter


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
    sources = LiveSources(sources_in_force(settings))
    profiled = partial(profile_of, is_checkup=is_checkup_centre(settings, reader))
    profiles = profiles_of(settings, sources.all(), profiled)
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
