"""What goes on while services are killed: messages come in, staff open records, and somebody asks too early."""

from __future__ import annotations

import random
import secrets
import time
from abc import abstractmethod
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Thread
from typing import Any

from salus.adapters.custodians import HttpCustodians
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.errors import RefusedError, SalusError, UnavailableError
from salus.core.ids import AccessId, LeafHash, ParticipantId, RecordId, from_hex, hex32
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage
from salus.core.ports import ContractCall
from salus.flows.custody import Caller
from tests.integration.crash.scene import Scene
from tests.integration.oracle.stack import SystemClock
from tests.unit.oracle.oracle_world import admission, report

_OF_ONE_PATIENT = 300
PASSING = {Code.NODE_STALE, Code.ACCESS_NOT_FINAL, Code.ACCESS_UNKNOWN, Code.CALL_STALE}
"""Codes an honest request may meet while custodians and nodes come and go."""


class Load(Thread):
    """Does one thing again and again until told to stop; `trouble` is what should never have happened."""

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.scene = scene
        self.chance = random.Random(name)
        self.stopping = Event()
        self.outcomes: Counter[str] = Counter()
        self.trouble: list[str] = []

    def run(self) -> None:
        while not self.stopping.wait(self.chance.uniform(0, 0.3)):
            try:
                self.once()
            except UnavailableError:
                self.outcomes["cut"] += 1
            except RefusedError as refused:
                self.outcomes[refused.code.name] += 1
                if refused.code not in PASSING:
                    self.trouble.append(refused.code.name)
            except Exception as error:  # noqa: BLE001 - a thread's failure is told by `finish`
                self.trouble.append(f"{type(error).__name__}: {error}")

    @abstractmethod
    def once(self) -> None:
        """Do it once."""

    def finish(self) -> None:
        """Stop after what is being done."""
        self.stopping.set()
        self.join()
        assert self.trouble == [], f"{self.name}: {self.trouble[:5]}"


class Feeder(Load):
    """A sender with patients of its own: admissions, results, and corrections of results, each until acknowledged.

    The next patient comes after so many messages that one access can still open all of a patient's records.
    """

    def __init__(self, scene: Scene, name: str) -> None:
        super().__init__(scene, name)
        self.sender = scene.stack.sender
        self.acknowledged: list[bytes] = []

    @property
    def patients(self) -> list[str]:
        """Numbers of the patients so far."""
        return [f"{self.name}P{place}" for place in range(-(-len(self.acknowledged) // _OF_ONE_PATIENT))]

    def once(self) -> None:
        number = len(self.acknowledged)
        patient, control = f"{self.name}P{number // _OF_ONE_PATIENT}", f"{self.name}.{number}"
        if number % 10 == 0:
            raw = admission(control, patient, f"{self.name}-V{number}")
        elif number % 3 == 1 and number % 10 != 1:
            raw = report(control, f"{self.name}-L{number - 1}", f"{number}.40", "C", patient)
        else:
            raw = report(control, f"{self.name}-L{number}", f"{number}.40", "F", patient)
        code = self.sender.insist(raw)
        assert code == "AA", code
        self.outcomes["AA"] += 1
        self.acknowledged.append(raw)


class Visitor(Load):
    """Somebody of the staff who opens what a consent allows, over the API."""

    def __init__(self, scene: Scene, consent: ConsentPackage) -> None:
        super().__init__(scene, f"visitor {consent.consent_id.hex()[:8]}")
        self.staff = scene.staff
        self.consent = hex32(consent.consent_id)
        self.opened: list[dict[str, Any]] = []

    def once(self) -> None:
        answer = self.staff.open(self.consent)
        assert answer["records"], answer
        assert not answer["liars"]
        self.outcomes["opened"] += 1
        self.opened.append(answer)

    def read(self) -> list[tuple[bytes, RecordId, bytes]]:
        """What was opened: access, record, content."""
        return [
            (from_hex(answer["accessId"]), RecordId(from_hex("0x" + record["did"][-64:])), canonical(record["content"]))
            for answer in self.opened
            for record in answer["records"]
        ]


class Hasty(Load):
    """Asks custodians for shares before the request is on chain, while it is on its way, and though it was denied.

    Whatever share it gets, the entry must be on chain at a final block by then.
    """

    def __init__(self, scene: Scene, consent: ConsentPackage, leaves: list[LeafHash]) -> None:
        super().__init__(scene, "hasty")
        self.consent = consent
        self.leaves = leaves
        reader, members = scene.world.reader, scene.stack.members
        self.caller = Caller(scene.hasty, reader.domain("Council"), SystemClock(), secrets.token_bytes)
        urls = (service.url for service in scene.stack.custodians)
        self.client = HttpCustodians(dict(zip(members, urls, strict=True)))
        self.pool = ThreadPoolExecutor(1)

    def once(self) -> None:
        is_allowed = self.chance.random() < 0.7
        access = replace(self._access(), level=self.consent.consent.max_level if is_allowed else 5)
        self._try(access, before=True)
        sent = self.pool.submit(self._send, access)
        while not sent.done():
            self._try(access)
            time.sleep(0.1)
        sent.result()
        self._try(access)
        code = self._entry(access)
        self.outcomes[f"entry {code}"] += 1
        assert (code == Code.GRANTED) == is_allowed

    def _send(self, access: Access) -> None:
        words = (self.consent.consent.to_words(), access.to_words())
        self.scene.writer.send(ContractCall("AccessGateway", "request", words))

    def _try(self, access: Access, *, before: bool = False) -> None:
        for custodian in self.consent.links:
            try:
                answer = self.client.release(
                    custodian, self.caller.call("release", custodian, self._body(access, custodian))
                )
            except SalusError:
                continue
            if answer["shares"]:
                self.outcomes["share"] += 1
                assert not before, "a share before the request was made"
                assert self._entry(access) == Code.GRANTED, "a share without a final entry"

    def _entry(self, access: Access) -> int:
        reader = self.scene.world.reader
        access_id = AccessId(access.access_id(reader.domain("AccessGateway")))
        return reader.access(access_id, reader.final()).code

    def _access(self) -> Access:
        return Access(
            kind=AccessKind.CONSENT,
            participant=self.scene.reader,
            reference=self.consent.consent_id,
            purpose=int(Purpose.TREAT),
            categories=int(Category.LAB),
            actions=int(Action.ACCESS),
            level=0,
            confidentiality=self.consent.consent.max_confidentiality,
            form=0,
            from_day=1,
            to_day=40_000,
            role=int(Role.PHYSICIAN),
            record_count=len(self.leaves),
            records_root=records_root(self.leaves),
            session_key=hpke.public_key(secrets.token_bytes(32)),
            user_digest=bytes(32),
            deadline=int(time.time()) + 600,
            salt=secrets.token_bytes(32),
        )

    def _body(self, access: Access, custodian: ParticipantId) -> dict[str, Any]:
        packed = self.consent.to_json()
        return {
            "access": access.to_json(),
            "leaves": [hex32(leaf) for leaf in self.leaves],
            "history": True,
            "consent": packed["consent"],
            "terms": packed["openings"],
            "excluded": packed["excluded"],
            "link": hex32(self.consent.links[custodian]),
        }
