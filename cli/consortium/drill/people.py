"""People at the institutions' APIs while drills go on: a nurse lists, a doctor opens, a patient takes consents back.

Whatever they are told is counted in words, as the API says it: status and name of the problem.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

import httpx

from cli.patient.session import PatientSession
from cli.staff import StaffClient
from salus.adapters.api_client import ApiClient
from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.errors import ChainRevert, InputError, SalusError, SetupError, UnavailableError
from salus.core.ids import AccessId, ConsentId, ParticipantId, from_hex, hex32
from salus.flows.grant import Offer

_OPENED, _NO_CONNECTION, _CUT_OFF = "opened", "no connection", "cut off before an answer"
_SECONDS = 90.0
_TRIES_AFTER_REVOKING = 60


@dataclass(frozen=True, slots=True)
class Offering:
    """What a patient offers again and again: `offer` makes one as of now, `api` is the grantee's."""

    api: ApiClient
    offer: Callable[[], Offer]


class Person(Thread):
    """Does one thing again and again. `wrong` is what should never have happened."""

    def __init__(self, name: str, every: float) -> None:
        super().__init__(name=name, daemon=True)
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._every = every
        self._granted: list[AccessId] = []
        self._denied: list[AccessId] = []
        self._may_go_on, self._ended, self._lock, self._in_hand = Event(), Event(), Lock(), Lock()
        self._may_go_on.set()

    def run(self) -> None:
        """Go on until `end`."""
        while not self._ended.wait(self._every):
            self._may_go_on.wait()
            with self._in_hand:
                try:
                    self.once()
                except SalusError as error:
                    self.answers[_words(error)] += 1
                except Exception as error:  # noqa: BLE001 - a defect of this person, told at the end
                    self.wrong.append(f"{self.name}: {type(error).__name__}: {error}")

    @abstractmethod
    def once(self) -> None:
        """Do it once."""

    def accesses(self) -> tuple[list[AccessId], list[AccessId]]:
        """Accesses that were answered: granted, and denied."""
        with self._lock:
            return list(self._granted), list(self._denied)

    def pause(self, patience: float) -> bool:
        """Begin nothing more; whether what is in hand came to an end in so many seconds."""
        self._may_go_on.clear()
        if acquired := self._in_hand.acquire(timeout=patience):
            self._in_hand.release()
        return acquired

    def resume(self) -> None:
        """Go on."""
        self._may_go_on.set()

    def end(self) -> None:
        """Do no more."""
        self._ended.set()
        self._may_go_on.set()

    def _open(self, staff: StaffClient, consent: ConsentId, leaves: list[str] | None = None) -> tuple[str, Any]:
        """Ask for what a consent allows; what was told, in words, and the answer."""
        body: dict[str, Any] = {"consentId": hex32(consent), "purpose": "TREAT", "actions": ["ACCESS", "USE"]}
        if leaves is not None:  # names them, so that the request reaches the chain also when nothing is listed
            body |= {"leaves": leaves, "categories": ["CHECKUP"], "level": 4}
        told, value = _asked(staff, "/v1/accesses", body)
        told = _OPENED if told == "201" else told
        if "accessId" in value:
            with self._lock:
                (self._granted if told == _OPENED else self._denied).append(AccessId(from_hex(value["accessId"])))
        return told, value


class Nurse(Person):
    """Lists what a standing consent covers: custodians answer at once or say why not, and nothing goes on chain."""

    def __init__(self, staff: StaffClient, consent: ConsentId, every: float) -> None:
        super().__init__("the nurse", every)
        self._staff, self._consent = staff, consent

    def once(self) -> None:
        """List."""
        told, _ = _asked(self._staff, "/v1/listings", {"consentId": hex32(self._consent)})
        self.answers["listed" if told == "200" else told] += 1
        if told.startswith("403"):
            self.wrong.append(f"{self.name} was refused under a good consent: {told}")


class Doctor(Person):
    """Opens what a standing consent allows, and must be given whole records or an honest no."""

    def __init__(self, staff: StaffClient, consent: ConsentId, every: float) -> None:
        super().__init__("the doctor", every)
        self._staff, self._consent = staff, consent

    @property
    def opened(self) -> int:
        """How often records were opened."""
        return self.answers[_OPENED]

    def once(self) -> None:
        """Open."""
        told, value = self._open(self._staff, self._consent)
        self.answers[told] += 1
        if told == _OPENED and not value["records"]:
            self.answers[f"{_OPENED}, no record: {_refusals(value)}"] += 1
        if told.startswith("403"):
            self.wrong.append(f"{self.name} was refused under a good consent: {told}")


class Taker(Person):
    """A patient who gives a consent, lets it be used, takes it back, and sees the next request denied."""

    def __init__(
        self,
        patient: PatientSession,
        source: ParticipantId,
        offering: Offering,
        staff: StaffClient,
        every: float,
    ) -> None:
        super().__init__("the patient who revokes", every)
        self._patient, self._source, self._offering, self._staff = patient, source, offering, staff

    @property
    def denied(self) -> int:
        """How many requests were denied after a consent was taken back."""
        return self.answers["denied after a revocation"]

    def once(self) -> None:
        """Give, use, take back, be denied."""
        given = self._patient.grant(self._source, self._offering.offer(), self._offering.api)
        self.answers["consent given"] += 1
        if not self._may_go_on.is_set():
            return  # whoever counts need not wait for the rest
        told, value = self._open(self._staff, given.consent)
        self.answers[told] += 1
        if not (leaves := [record["leaf"] for record in value.get("records", [])]):
            return  # the next consent will do; this one ends by itself
        if self._revoke(given.consent):
            self._be_denied(given.consent, leaves[:1])

    def _revoke(self, consent: ConsentId) -> bool:
        """Take it back, however often that must be asked for; False when the drills end before."""
        while not self._ended.is_set():
            try:
                self._patient.revoke(consent)
            except ChainRevert:
                pass  # an earlier try arrived though its answer did not
            except SalusError as error:
                self.answers[f"revoking: {_words(error)}"] += 1
                self._ended.wait(1.0)
                continue
            self.answers["consent revoked"] += 1
            return True
        return False

    def _be_denied(self, consent: ConsentId, leaves: list[str]) -> None:
        for _ in range(_TRIES_AFTER_REVOKING):
            told, _ = self._open(self._staff, consent, leaves)
            if told == _OPENED:
                self.wrong.append(f"{self.name}: records were opened after the revocation was told")
                return
            if told == f"403 {Code.CONSENT_REVOKED.name}":
                self.answers["denied after a revocation"] += 1
                return
            self.answers[told] += 1
            if self._ended.wait(1.0):
                return


def _asked(staff: StaffClient, path: str, body: dict[str, Any]) -> tuple[str, Any]:
    """What an API says to a member of its staff: status and name of the problem, and the answer."""
    try:
        headers = {"authorization": f"Bearer {staff.token()}", "content-type": "application/json"}
        answer = httpx.post(
            staff.api.base_url + path,
            content=canonical(body),
            headers=headers,
            timeout=httpx.Timeout(_SECONDS, connect=3.0),
            trust_env=False,
        )
        value = parse(answer.content)
    except httpx.ConnectError:
        return _NO_CONNECTION, {}
    except (httpx.HTTPError, InputError):
        return _CUT_OFF, {}
    except UnavailableError:
        return _NO_CONNECTION, {}
    except SetupError:
        return "no token", {}
    return f"{answer.status_code} {value.get('name', '')}".strip(), value


def _refusals(value: Any) -> str:
    return ", ".join(sorted({str(item["name"]) for item in value["refused"]})) or "none listed"


def _words(error: SalusError) -> str:
    cause = error.__cause__
    if isinstance(cause, httpx.ConnectError):
        return _NO_CONNECTION
    if isinstance(cause, httpx.HTTPError):
        return _CUT_OFF
    return f"{type(error).__name__.removesuffix('Error').lower()}: {str(error).split(';')[0].split(':')[0][:80]}"
