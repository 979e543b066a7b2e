"""What goes on during drills: two sources send, staff list and open, a patient gives and takes back consents."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import httpx

from cli.consortium.drill.counts import Promises
from cli.consortium.drill.people import Doctor, Nurse, Offering, Person, Taker
from cli.consortium.drill.scene import Scene, until
from cli.consortium.drill.senders import Sender
from cli.hospital_day import messages, results
from cli.hospital_people import person_at, profile
from cli.patient.session import PatientSession, WalletFile
from cli.staff import StaffClient
from cli.world.cast import Name
from cli.world.desk import desk_code
from cli.world.services import STAFF_CLIENT, client_key
from salus.adapters.api_client import ApiClient
from salus.core.days import SHANGHAI_OFFSET
from salus.core.labels import Action, Category, Purpose, Role
from salus.flows.grant import Offer

_SEED = 1
_PATIENTS = 4
_RESULT_BYTES = 1200
_SECONDS_BETWEEN_LISTINGS, _SECONDS_BETWEEN_OPENINGS, _SECONDS_BETWEEN_CONSENTS = 1.0, 1.0, 2.0
_CONSENT_SECONDS = 30 * 86400
_FIRST_PATIENCE = 120.0
_UNDER_WAY = ("pendingMessages", "waitingVersions", "openBatches", "openInvalidations")
_PASSPHRASE = "a patient of a drill"  # noqa: S105 - of wallets that exist for a drill only


@dataclass(frozen=True, slots=True)
class Traffic:
    """Everybody who works while parts break. Counts only grow; a drill looks at their differences."""

    scene: Scene
    senders: dict[Name, Sender]
    nurse: Nurse
    doctor: Doctor
    taker: Taker

    @property
    def people(self) -> tuple[Person, ...]:
        """Who uses APIs."""
        return self.nurse, self.doctor, self.taker

    @property
    def everybody(self) -> tuple[Sender | Person, ...]:
        """Senders and people."""
        return (*self.senders.values(), *self.people)

    def answers(self) -> dict[str, Counter[str]]:
        """What everybody was told so far, in words."""
        told = {f"the sender of {name}": Counter(sender.answers) for name, sender in self.senders.items()}
        return told | {person.name: Counter(person.answers) for person in self.people}

    def progress(self) -> tuple[int, ...]:
        """What came off: acknowledged messages of each sender, openings of the doctor."""
        return (*(sender.acknowledged for sender in self.senders.values()), self.doctor.opened)

    def wrong(self) -> list[str]:
        """What should never have been answered."""
        return [what for person in self.people for what in person.wrong]

    def pause(self, patience: float) -> list[str]:
        """Let everybody finish what is in hand; names of those who can't."""
        deadline = time.monotonic() + patience
        return [one.name for one in self.everybody if not one.pause(max(0.0, deadline - time.monotonic()))]

    def resume(self) -> None:
        """Go on."""
        for one in self.everybody:
            one.resume()

    def end(self) -> None:
        """Stop for good."""
        for one in self.everybody:
            one.end()

    def under_way(self) -> int:
        """Messages, versions and batches the oracles still have to bring to the chain.

        Raises:
            httpx.HTTPError: an oracle does not answer.
        """
        return sum(_under_way(self.scene, name) for name in self.senders)

    def promises(self) -> Promises:
        """What everybody was promised so far."""
        granted, denied = zip(*(person.accesses() for person in self.people), strict=True)
        owed = {name: sender.owed(0) for name, sender in self.senders.items()}
        return Promises(
            owed, [access for one in granted for access in one], [access for one in denied for access in one]
        )


def start_traffic(scene: Scene, rate: float) -> Traffic:
    """Start everybody; `rate` is messages a second of each source. Returns when the first patients have their records.

    Raises:
        UnavailableError: the first records are not anchored in time.
    """
    today = (datetime.now(UTC) + timedelta(seconds=SHANGHAI_OFFSET)).date()
    ports = scene.world.ports
    senders = {
        Name.CHECKUP: Sender(ports.oracle_mllp(Name.CHECKUP), _checkup(today), rate, exactly_one=False),
        Name.HOSPITAL_B: Sender(ports.oracle_mllp(Name.HOSPITAL_B), _hospital(today), rate, exactly_one=True),
    }
    for sender in senders.values():
        sender.start()
    until(
        "the first patients' records are on chain",
        lambda: senders[Name.CHECKUP].acknowledged > 8 * _PATIENTS,
        _FIRST_PATIENCE,
    )
    return _with_people(scene, senders)


def _with_people(scene: Scene, senders: dict[Name, Sender]) -> Traffic:
    world = scene.world
    standing, taking = _patient(scene, 0), _patient(scene, 1)
    offered_b, offered_a = _offering(scene, Name.HOSPITAL_B), _offering(scene, Name.HOSPITAL_A)
    given = standing.grant(world.ids[Name.CHECKUP], offered_b.offer(), offered_b.api)
    nurse = Nurse(_staff(scene, Name.HOSPITAL_B), given.consent, _SECONDS_BETWEEN_LISTINGS)
    doctor = Doctor(_staff(scene, Name.HOSPITAL_B), given.consent, _SECONDS_BETWEEN_OPENINGS)
    taker = Taker(taking, world.ids[Name.CHECKUP], offered_a, _staff(scene, Name.HOSPITAL_A), _SECONDS_BETWEEN_CONSENTS)
    traffic = Traffic(scene, senders, nurse, doctor, taker)
    for person in traffic.people:
        person.start()
    return traffic


def _checkup(day: date) -> Iterator[bytes]:
    """Visits of ever new people, the patients of the drill first."""
    for seed in count(_SEED):
        yield from messages(seed, 1000, "checkup", "GB18030", day)


def _hospital(day: date) -> Iterator[bytes]:
    for seed in count(_SEED):
        yield from results(seed, 100_000, "UNICODE UTF-8", day, size_bytes=_RESULT_BYTES)


def _patient(scene: Scene, place: int) -> PatientSession:
    """A person of the check-up centre who has claimed the records there, at hospital B's API."""
    world = scene.world
    file = WalletFile(world.folder / f"patient-{place}.wallet", _PASSPHRASE)
    file.create()
    session = PatientSession(file, _api(scene, Name.HOSPITAL_B))
    number = person_at(_SEED, place).number("checkup")
    code = desk_code(world, Name.CHECKUP, f"{profile('checkup').authority}|{number}")
    session.claim(ApiClient(world.oracle_url(Name.CHECKUP)), code, world.ids[Name.CHECKUP])
    return session


def _offering(scene: Scene, grantee: Name) -> Offering:
    def offer() -> Offer:
        now = int(time.time())
        return Offer(
            grantee=scene.world.ids[grantee],
            purposes=Purpose.TREAT | Purpose.COC,
            categories=Category.CHECKUP | Category.VITAL | Category.LAB | Category.IMGREP,
            actions=Action.ACCESS | Action.USE,
            valid_from=now - 60,
            valid_until=now + _CONSENT_SECONDS,
            window_months=3,
            notice="演练",
        )

    return Offering(_api(scene, grantee), offer)


def _api(scene: Scene, name: Name) -> ApiClient:
    return ApiClient(scene.world.api_url(name), participant=scene.world.ids[name])


def _staff(scene: Scene, name: Name) -> StaffClient:
    url, key = scene.world.api_url(name), client_key(scene.world, name)
    return StaffClient(url, STAFF_CLIENT, key, f"{name}/staff-07", Role.PHYSICIAN)


def _under_way(scene: Scene, name: Name) -> int:
    answer = httpx.get(f"{scene.world.oracle_url(name)}/ready", timeout=5.0, trust_env=False)
    found: dict[str, Any] = answer.json()
    return sum(int(found[figure]) for figure in _UNDER_WAY)
