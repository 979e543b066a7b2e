"""The watch beside a real chain: the index says what the registries say, and survives being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.migrate import migrate
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.audit import EntryKind, LogHead
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, LeafHash, ParticipantId, SubjectRef, chain_key, subject_ref
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.policy import ConsentStatus
from salus.core.ports import ContractCall
from salus.core.ports_index import AlertKind, EntryFilter, Page
from salus.flows.bind import sign_binding
from salus.flows.grant import Offer, compose, grant_call, revoke_all_call, sign
from salus.flows.ledger import Gateway, record_own
from tests.integration.oracle.stack import until
from tests.integration.services import ROOT, Grounds, Service
from tests.integration.world import CAST, ChainWorld
from watch.follow import Follower
from watch.index import rebuild
from watch.metrics import Metrics

ALL = Page(limit=1000)
# Other tests open emergencies on the shared chain; every other alert says that the chain or the index is not right.
EXPECTED_ALERTS = {AlertKind.EMERGENCY_OPENED}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[DatabaseIndex]:
    engine = open_engine(f"sqlite:///{tmp_path}/index.db")
    migrate(engine, "index")
    yield DatabaseIndex(engine)
    engine.dispose()


def bound_subject(chain: ChainWorld) -> tuple[SubjectRef, LocalSigner]:
    """A patient bound to hospital B."""
    source, seed = chain.party("hospital-b"), os.urandom(32)
    subject = subject_ref(chain.reader.chain_id, source.participant, seed)
    controller = LocalSigner(keccak(seed))
    until = chain.reader.head().timestamp + 600
    domain = chain.reader.domain("SubjectRegistry")
    signature = sign_binding(controller, subject, source.participant, until, domain)
    binding = (subject, source.participant, controller.address, until)
    source.writer.send(ContractCall("SubjectRegistry", "bind", (binding, seed, signature)))
    return subject, controller


def granted_consent(chain: ChainWorld, holder: LocalSigner) -> bytes:
    """A consent of a holder for hospital A."""
    now = chain.reader.head().timestamp
    offer = Offer(
        grantee=chain.party("hospital-a").participant,
        purposes=Purpose.TREAT,
        categories=Category.LAB,
        actions=Action(1),
        valid_from=now - 60,
        valid_until=now + 86400,
        days=(1, 40_000),
    )
    consent, terms = compose(offer, holder.address, 0, now, os.urandom)
    signed = sign(consent, terms, holder, chain.reader.domain("ConsentRegistry"))
    chain.relay.send(grant_call(signed))
    return signed.consent_id


@pytest.mark.usefixtures("instant")
def test_follower__deployed_world__indexes_what_the_registries_say(chain: ChainWorld, index: DatabaseIndex) -> None:
    holder = LocalSigner(keccak(os.urandom(32)))
    subject, controller = bound_subject(chain)
    consent = granted_consent(chain, holder)
    chain.relay.send(revoke_all_call(holder, 0, chain.reader.domain("ConsentRegistry")))
    watch = Follower(chain.reader, index, Metrics())
    watch.step()
    assert watch.status.reasons == ()
    assert {row.kind for row in index.alerts(open_only=False, page=ALL).items} <= EXPECTED_ALERTS
    at = index.indexed()
    assert at is not None
    rows = {row.participant: row for row in index.participants()}
    for name in CAST:
        told, kept = chain.reader.participant(chain.party(name).participant, at), rows[chain.party(name).participant]
        assert (kept.status, kept.kind, kept.roles) == (told.status, told.kind, told.roles)
        assert (kept.accredited_until, kept.encryption_key) == (told.accredited_until, told.encryption_key)
        assert [row.operator for row in index.operators(chain.party(name).participant) if row.active]
    sets = {row.number: row.member_ids() for row in index.custodian_sets()}
    assert sets[chain.custodian_set] == chain.reader.custodian_set(chain.custodian_set, at).members
    row = index.subject(subject)
    assert row is not None
    assert (row.source, row.controller) == (chain.party("hospital-b").participant, controller.address)
    (kept_consent,) = index.consents(holder.address)
    assert (kept_consent.consent, kept_consent.status) == (consent, ConsentStatus.LIVE)
    assert kept_consent.voided_at > 0
    kinds = [e.kind for e in index.entries(EntryFilter(keys=(chain_key(holder.address),)), ALL).items]
    assert kinds == [EntryKind.CONSENT_GRANTED, EntryKind.CONSENTS_REVOKED]
    for key in (None, chain_key(holder.address), subject):
        assert index.head(key) == LogHead.from_slot(chain.reader.log_slot(key, at))
    contracts = {chain.reader.address_of(role) for role in ("AuditLog", "AccessGateway", "RecordRegistry")}
    assert contracts <= {tenure.account for tenure in index.directory()}
    emitters = {entry.emitter for entry in index.entries(EntryFilter(), ALL).items}
    assert emitters <= {writer.writer for writer in index.writers()}


@pytest.mark.usefixtures("instant")
def test_follower__own_access_on_chain__is_indexed_with_its_scope(chain: ChainWorld, index: DatabaseIndex) -> None:
    subject, controller = bound_subject(chain)
    leaves = [LeafHash(keccak(b"one")), LeafHash(keccak(b"two"))]
    asked = Access(
        kind=AccessKind.OWN,
        participant=ParticipantId(ZERO32),
        reference=subject,
        purpose=int(Purpose.PATRQT),
        categories=int(Category.LAB | Category.CHECKUP),
        actions=1,
        level=5,
        confidentiality=5,
        form=0,
        from_day=20_000,
        to_day=20_001,
        role=int(Role.PATIENT),
        record_count=len(leaves),
        records_root=records_root(leaves),
        session_key=hpke.public_key(os.urandom(32)),
        user_digest=keccak(b"person"),
        deadline=chain.reader.head().timestamp + 600,
        salt=os.urandom(32),
    )
    access_id = asked.access_id(chain.reader.domain("AccessGateway"))
    gateway = Gateway(chain.reader, chain.relay, time.sleep)
    recorded = record_own(asked, controller.sign(access_id), gateway)
    Follower(chain.reader, index, Metrics()).step()
    row = index.access(access_id)
    assert row is not None
    assert (row.code, row.expiry) == (recorded.code, recorded.expires_at)
    assert (row.kind, row.purpose, row.categories, row.role) == (2, asked.purpose, asked.categories, asked.role)
    assert (row.key, row.record_count, row.records_root) == (subject, 2, asked.records_root)
    (entry,) = index.entries(EntryFilter(reference=access_id), ALL).items
    assert (entry.kind, entry.key, entry.at) == (EntryKind.ACCESS_GRANTED, subject, row.at)
    assert [found.subject for found in index.subjects_of(controller.address)] == [subject]


@pytest.mark.usefixtures("instant")
def test_rebuild__from_the_chain_alone__equals_the_index_that_followed(
    chain: ChainWorld, index: DatabaseIndex, tmp_path: Path
) -> None:
    watch = Follower(chain.reader, index, Metrics())
    for _ in range(3):
        bound_subject(chain)
        watch.step()
    kept = index.digest()
    engine = open_engine(f"sqlite:///{tmp_path}/other.db")
    migrate(engine, "index")
    assert rebuild(chain.reader, DatabaseIndex(engine), kept.block) == kept
    engine.dispose()


@pytest.fixture
def process(chain: ChainWorld, tmp_path: Path) -> Service:
    """`python -m watch` with its settings."""
    return Grounds(chain, tmp_path / "services").watch(POLL_SECONDS="0.05")


def test_process__killed_while_the_chain_goes_on__has_the_index_of_one_that_was_not(
    chain: ChainWorld, process: Service
) -> None:
    with chain.anvil.instant():
        for _ in range(3):
            process.start()
            bound_subject(chain)
            time.sleep(1.5)
            bound_subject(chain)
            process.kill()
    process.start()
    target = chain.reader.final().number
    until(lambda: ((process.get("/ready") or {}).get("indexed") or 0) >= target)
    assert set(process.get("/ready")["alerts"]) <= {str(kind) for kind in EXPECTED_ALERTS}
    assert process.get("/health") == {"status": "ok"}
    shown = process.ask("GET", "/metrics")[1]
    assert b"salus_watch_indexed_block" in shown
    assert b"salus_chain_answers 1.0" in shown
    assert b"salus_chain_final_block" in shown
    assert process.stop() in {0, -signal.SIGTERM}
    verified = process.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "is what the chain says" in verified.stdout
    rebuilt = process.run("rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert process.run("verify").returncode == 0


def test_process__index_that_was_tampered_with__is_found_by_verify(process: Service) -> None:
    assert process.run("rebuild").returncode == 0
    engine = open_engine(process.settings["DATABASE_URL"])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE participants SET roles = roles + 1 WHERE until IS NULL")
    engine.dispose()
    verified = process.run("verify")
    assert verified.returncode == 1
    assert "python -m watch rebuild" in verified.stdout


def test_process__no_settings__says_what_to_set(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALUS_WATCH")}
    done = subprocess.run(
        [sys.executable, "-m", "watch"], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "SALUS_WATCH_DEPLOYMENT" in done.stderr
