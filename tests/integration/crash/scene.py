"""What is killed: three custodians, the oracle of hospital B, the API of hospital A and the watch, with patients whose
consents let hospital A read. And what must hold of them afterwards.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from cli.mllp_client import outcome_of
from cli.staff import StaffClient
from custodian.log import Kind
from salus.adapters.api_client import ApiClient
from salus.adapters.chain.lanes import Lanes
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.keys.signer import LocalSigner
from salus.core.codes import Code
from salus.core.custody import LogEntry, log_entry
from salus.core.ids import ConsentId, LeafHash, ParticipantId, from_hex
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage
from salus.core.ports import ChainEvent
from salus.flows.admit import add_operator
from salus.flows.grant import Offer, compose, grant_call, package, sign
from tests.integration.oracle.stack import Patient, Stack, prepare
from tests.integration.services import CLIENT, Service, start_all, stop_all
from tests.integration.world import ChainWorld

READER = "hospital-a"
_ALL_DAYS = (1, 40_000)


@dataclass
class Scene:
    """Everything that runs. `hasty` is an operator of the reader of its own, with a writer."""

    stack: Stack
    api: Service
    watch: Service
    hasty: LocalSigner
    writer: Lanes
    acknowledged: list[bytes] = field(default_factory=list)

    @property
    def world(self) -> ChainWorld:
        """The chain's world."""
        return self.stack.world

    @property
    def reader(self) -> ParticipantId:
        """The institution that reads."""
        return self.world.party(READER).participant

    @property
    def services(self) -> list[Service]:
        """All services."""
        return [*self.stack.custodians, self.stack.oracle, self.watch, self.api]

    @property
    def staff(self) -> StaffClient:
        """Somebody of the reader's staff."""
        return StaffClient(self.api.url, CLIENT, self.api.folder / "client.pem", "dr-li", Role.PHYSICIAN)

    def patient(self, number: str, *raws: bytes) -> Patient:
        """A patient with records, who has claimed them."""
        for raw in raws:
            assert outcome_of(self.stack.sender.once(raw))[0] == "AA"
            self.acknowledged.append(raw)
        self.stack.await_idle()
        return self.stack.claim(number)

    def consent(self, patient: Patient, max_uses: int = 0) -> ConsentPackage:
        """A consent of a patient for the reader, on chain, its package in the reader's hands."""
        reader, now = self.world.reader, int(time.time())
        holder = LocalSigner(secrets.token_bytes(32))
        offer = Offer(
            grantee=self.reader,
            purposes=Purpose.TREAT,
            categories=Category.LAB,
            actions=Action.ACCESS | Action.USE,
            valid_from=now - 60,
            valid_until=now + 86_400,
            days=_ALL_DAYS,
            max_uses=max_uses,
        )
        consent, terms = compose(offer, holder.address, 0, now, secrets.token_bytes)
        signed = sign(consent, terms, holder, reader.domain("ConsentRegistry"))
        self.world.relay.send(grant_call(signed))
        head = reader.head()
        keys = {member: reader.participant(member, head).encryption_key for member in self.stack.members}
        made = package(signed, patient.subject, patient.controller, reader.domain("Council"), keys)
        client = ApiClient(self.api.url)
        client.hand_in(made, client.sign_in(holder))
        client.close()
        return made

    # what must hold

    def granted(self) -> dict[bytes, ChainEvent]:
        """Accesses granted since the scene began, by id."""
        events = self.world.reader.events(self.stack.first_block, self.world.reader.head().number)
        return {event.args["accessId"]: event for event in events if event.name == "AccessGranted"}

    def granted_under(self, consent: ConsentId) -> list[bytes]:
        """Accesses granted under one consent."""
        return [access for access, event in self.granted().items() if event.args["referenceId"] == consent]

    def check_releases(self) -> int:
        """Every release a custodian has ever logged is of an access granted on chain; how many shares went out."""
        granted, shares = self.granted(), 0
        final = self.world.reader.final()
        for custodian in self.stack.custodians:
            entries = _log(custodian)
            for entry in (entry for entry in entries if entry.content["kind"] == Kind.RELEASE.value):
                access, sent = from_hex(entry.content["reference"]), entry.content["leaves"]
                assert access in granted, "a share was released without an access entry"
                assert self.world.reader.access(access, final).code == Code.GRANTED  # type: ignore[arg-type]  # its id
                listed = {LeafHash(from_hex(leaf)) for leaf in (*sent, *entry.content["refused"])}
                assert records_root(listed) == granted[access].args["recordsRoot"]
                shares += len(sent)
        return shares

    def check_index(self) -> None:
        """The index the watch has kept through everything is the one the chain alone gives; the watch is stopped."""
        assert self.watch.get("/ready") is not None
        self.watch.stop()
        verified = self.watch.run("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        self.watch.start()
        self.watch.await_ready()


def open_scene(chain: ChainWorld, folder: Path) -> Scene:
    """Prepare and start everything."""
    stack = prepare(chain, folder)
    reader, hasty = chain.party(READER), LocalSigner(secrets.token_bytes(32))
    deadline = chain.reader.head().timestamp + 600
    add_operator(reader.participant, hasty, deadline, reader.writer, chain.reader)
    scene = Scene(stack, stack.grounds.api(READER), stack.grounds.watch(), hasty, chain.chain.writer([hasty]))
    try:
        start_all(scene.services)
    except BaseException:
        stop_all(scene.services)
        raise
    return scene


def _log(custodian: Service) -> list[LogEntry]:
    """A custodian's whole log; its chain of digests must be unbroken."""
    store = DatabaseCustodianStore(open_engine(custodian.settings["DATABASE_URL"]))
    entries: list[LogEntry] = []
    while page := store.log(len(entries), 1000):
        entries += page
    store.close()
    previous = bytes(32)
    for number, entry in enumerate(entries, 1):
        assert entry == log_entry(number, entry.at, previous, entry.content)
        previous = entry.digest
    return entries
