"""The write path as processes: three custodians and the oracle of hospital B, its senders and patients.

What was anchored is told by the chain's events and the custodians' stores, what it says by opening it as its patient.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import select

from cli.mllp_client import outcome_of
from oracle import runtime
from oracle.normalise import SourceProfile
from oracle.reading import read_drafts
from oracle.runtime import row_keys
from oracle.settings import JournalSettings
from oracle.sitekey import SiteKey
from salus.adapters.content.address import content_store
from salus.adapters.custodians import HttpCustodians
from salus.adapters.database import custodian_tables as t
from salus.adapters.database.engine import open_engine, reading
from salus.adapters.keys.signer import LocalSigner
from salus.core.access import Access, AccessKind
from salus.core.canonical import canonical
from salus.core.eip712 import Domain
from salus.core.errors import UnavailableError
from salus.core.ids import Address, ParticipantId, RecordId, SubjectRef, from_hex, hex32
from salus.core.labels import Action, Purpose, Role
from salus.core.merkle import MerkleTree
from salus.core.outcome import Recorded
from salus.core.package import ConsentPackage
from salus.flows.bind import sign_binding
from salus.flows.custody import Caller
from salus.flows.ledger import Gateway, record_own
from salus.flows.open import NO_PARTICIPANT, Ask, Opened, Person, Reading, open_again, open_without_consent
from tests.integration.services import CUSTODIANS, Grounds, Service, start_all, stop_all
from tests.integration.world import ChainWorld

SOURCE = "hospital-b"
PROFILE = SourceProfile("Hospital B", "HB")
_BACKLOG = ("pendingMessages", "waitingVersions", "openBatches", "openInvalidations", "openLinks")
_REPLY_SECONDS = 10
_OWN = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT), history=True)


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Patient:
    """A claimed subject and the account that controls it."""

    subject: SubjectRef
    controller: LocalSigner


@dataclass(frozen=True, slots=True)
class Anchored:
    """One record version in a batch that the chain has anchored."""

    record_id: RecordId
    version: int
    leaf: bytes
    previous: bytes
    root: bytes


@dataclass
class Sender:
    """Sends as hospitals do: one message at a time, the same bytes again until somebody answers."""

    port: int
    cut: int = 0
    _socket: socket.socket | None = field(default=None, repr=False)

    def once(self, raw: bytes) -> bytes:
        """The reply to one message; raises OSError when there is none."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=_REPLY_SECONDS)
            self._socket.sendall(b"\x0b" + raw + b"\x1c\r")
            reply = b""
            while not reply.endswith(b"\x1c\r"):
                got = self._socket.recv(65536)
                if not got:
                    raise ConnectionResetError("the oracle has gone")
                reply += got
        except OSError:
            self.close()
            raise
        return reply.strip(b"\x0b\x1c\r")

    def insist(self, raw: bytes, stop: Event | None = None) -> str | None:
        """MSA-1 of the reply, however often that takes; None if told to stop before."""
        while stop is None or not stop.is_set():
            try:
                code, _ = outcome_of(self.once(raw))
            except OSError:
                self.cut += 1
                time.sleep(0.05)
            else:
                return code
        return None

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class OwnLedger:
    """`AccessLedger` of a patient whose requests some relay account sends."""

    def __init__(self, world: ChainWorld, controller: LocalSigner) -> None:
        self._gateway = Gateway(world.reader, world.relay, time.sleep)
        self._controller = controller

    @property
    def chain_id(self) -> int:
        return self._gateway.chain.chain_id

    def domain(self, contract: str) -> Domain:
        return self._gateway.chain.domain(contract)

    def address_of(self, contract: str) -> Address:
        return self._gateway.chain.address_of(contract)

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        signature = self._controller.sign(access.access_id(self.domain("AccessGateway")))
        return record_own(access, signature, self._gateway)


@dataclass
class Stack:
    """Custodians, and the oracle of one source; `first_block` is where its story begins."""

    world: ChainWorld
    grounds: Grounds
    oracle: Service
    first_block: int

    @property
    def custodians(self) -> list[Service]:
        """The custodians' services, in order of the set."""
        return self.grounds.custodians

    @property
    def source(self) -> ParticipantId:
        """Whose oracle it is."""
        return self.world.party(SOURCE).participant

    @property
    def sender(self) -> Sender:
        """A new sender."""
        return Sender(int(self.oracle.settings["MLLP_PORT"]))

    @property
    def journal(self) -> JournalSettings:
        """Settings of the oracle's journal."""
        secret = Path(self.oracle.settings["SITE_KEY_FILE"]).read_text()
        rows = Path(self.oracle.settings["SITE_KEY_FILE"] + ".rows")
        return JournalSettings(self.oracle.settings["DATABASE_URL"], bytes.fromhex(secret), rows)

    def start(self) -> None:
        """Start everything."""
        start_all([*self.custodians, self.oracle])

    def close(self) -> None:
        """Stop everything."""
        stop_all([self.oracle, *self.custodians])

    def await_idle(self) -> None:
        """Wait until everything taken in is anchored."""
        until(lambda: (found := self.oracle.get("/ready")) is not None and not any(found[name] for name in _BACKLOG))

    # what it came to

    def said(self, raws: Iterable[bytes], profile: SourceProfile = PROFILE) -> dict[RecordId, list[bytes]]:
        """What each record says after these messages, version by version, as they must come to be."""
        site = SiteKey(self.journal.site_key, secrets.token_bytes, row_keys(self.journal.row_keys))
        said: dict[RecordId, list[bytes]] = {}
        for raw in raws:
            for draft in read_drafts(raw, profile):
                versions = said.setdefault(site.record_id(draft.record_key), [])
                body = canonical(draft.content)
                if not versions or versions[-1] != body:
                    versions.append(body)
        return said

    def anchored(self) -> list[Anchored]:
        """Every record version in every batch on chain; all custodians must hold the same of each batch."""
        events = self.world.reader.events(self.first_block, self.world.reader.head().number)
        batches = [e.args for e in events if e.name == "BatchAnchored" and e.args["sourceId"] == self.source]
        assert len(batches) == len({batch["root"] for batch in batches})
        held = [_batches(service) for service in self.custodians]
        found: list[Anchored] = []
        for batch in batches:
            members = held[0][batch["root"]]
            assert all({one.leaf for one in other[batch["root"]]} == {one.leaf for one in members} for other in held)
            assert MerkleTree(one.leaf for one in members).root == batch["root"]
            assert len(members) == batch["count"]
            found += members
        return found

    # patients

    def claim(self, number: str) -> Patient:
        """Take control of the subject with a number of the hospital, with the desk's code."""
        return self.claim_subject(f"{PROFILE.authority}|{number}")

    def claim_subject(self, subject_key: str) -> Patient:
        """Take control of the subject with a key of the source."""
        with runtime.opened_journal(self.journal) as kept:
            code = kept.desk.issue(subject_key)
        controller = LocalSigner(secrets.token_bytes(32))
        asked = self._claim("/prepare", code=code, controller=controller.address)
        subject, deadline = SubjectRef(from_hex(asked["subjectRef"])), int(asked["deadline"])
        domain = self.world.reader.domain("SubjectRegistry")
        signature = sign_binding(controller, subject, self.source, deadline, domain)
        self._claim("", code=code, controller=controller.address, deadline=deadline, signature=hex32(signature))
        return Patient(subject, controller)

    def open_own(self, patient: Patient) -> Opened:
        """Open all versions of all records of a patient, as the patient."""
        with self.reading(patient) as how:
            subject, members = patient.subject, self.members
            return open_without_consent(AccessKind.OWN, NO_PARTICIPANT, subject, members, _OWN, how)

    def open_again(self, patient: Patient, opened: Opened) -> Opened:
        """Ask for the shares of an own access once more."""
        with self.reading(patient) as how:
            return open_again(opened.session, how)

    @property
    def members(self) -> tuple[ParticipantId, ...]:
        """Participants of the custodians."""
        return tuple(self.world.party(name).participant for name in CUSTODIANS)

    @contextmanager
    def reading(self, patient: Patient) -> Iterator[Reading]:
        """What a patient reads by: own requests, custodians, the content store."""
        domain = self.world.reader.domain("Council")
        caller = Caller(patient.controller, domain, SystemClock(), secrets.token_bytes)
        urls = (service.url for service in self.custodians)
        client = HttpCustodians(dict(zip(self.members, urls, strict=True)))
        try:
            ledger, store = OwnLedger(self.world, patient.controller), content_store(self.oracle.settings["CONTENT"])
            with closing(store):
                yield Reading(ledger, client, store, caller)
        finally:
            client.close()

    def opened_by(self, patients: Iterable[Patient]) -> dict[RecordId, list[bytes]]:
        """What the patients read in their records, version by version."""
        found: dict[RecordId, dict[int, bytes]] = {}
        for patient in patients:
            opened = patiently(lambda patient=patient: self.open_own(patient))  # type: ignore[misc]  # bound at once
            assert not opened.refused, opened.refused
            assert not opened.failed, opened.failed
            for item in opened.items:
                versions = found.setdefault(item.record.record_id, {})
                versions[item.record.version] = canonical(item.record.content)
        for versions in found.values():
            assert sorted(versions) == list(range(1, len(versions) + 1))
        return {record: [versions[number] for number in sorted(versions)] for record, versions in found.items()}

    def _claim(self, path: str, **body: object) -> dict[str, Any]:
        status, answer = self.oracle.ask("POST", f"/v1/claims{path}", json.dumps(body).encode())
        assert status == 200, answer
        found: dict[str, Any] = json.loads(answer)
        return found


def prepare(world: ChainWorld, folder: Path, **settings: str) -> Stack:
    """Keys and settings of everything; nothing is started."""
    grounds = Grounds(world, folder)
    oracle = grounds.oracle(SOURCE, PROFILE.name, PROFILE.authority, **settings)
    return Stack(world, grounds, oracle, world.reader.head().number)


@contextmanager
def started(world: ChainWorld, folder: Path, **settings: str) -> Iterator[Stack]:
    """As `prepare`, with everything started, and stopped at the end."""
    stack = prepare(world, folder, **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


def until(holds: Callable[[], bool], pause: float = 0.1) -> None:
    """Wait for what must come to hold; the test's own time limit ends it."""
    while not holds():
        time.sleep(pause)


def patiently(act: Callable[[], Opened]) -> Opened:
    """Do what may fail while a service is still starting or a block is late."""
    for _ in range(20):
        try:
            return act()
        except UnavailableError:
            time.sleep(0.5)
    return act()


def _batches(custodian: Service) -> dict[bytes, list[Anchored]]:
    """Versions by batch root, in a custodian's store."""
    engine = open_engine(custodian.settings["DATABASE_URL"], read_only=True)
    query = (
        select(t.batch.c.root, t.record.c.record_id, t.record.c.version, t.record.c.leaf, t.record.c.previous)
        .join(t.batch_record, t.batch_record.c.batch == t.batch.c.key)
        .join(t.record, t.record.c.key == t.batch_record.c.record)
    )
    found: dict[bytes, list[Anchored]] = {}
    with reading(engine) as connection:
        for row in connection.execute(query):
            version = Anchored(
                RecordId(bytes(row.record_id)), row.version, bytes(row.leaf), bytes(row.previous), bytes(row.root)
            )
            found.setdefault(version.root, []).append(version)
    engine.dispose()
    return found
