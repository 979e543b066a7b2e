"""Listings, accesses and emergencies of an institution: the READ path for its own staff."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock

from api.metrics import Metrics
from api.model import Staff
from api.ports import VersionStore
from api.requests import Requests
from api.schemas.accesses import AccessRequest, EmergencyRequest
from api.tables import mask, member
from salus.core.access import AccessKind
from salus.core.codes import Code
from salus.core.days import day_of
from salus.core.errors import NotFoundError, RefusedError, SetupError
from salus.core.hashing import sha256
from salus.core.ids import AccessId, LeafHash, ParticipantId, SubjectRef, from_hex
from salus.core.index_rows import ParticipantRow
from salus.core.institution import KnownVersion
from salus.core.labels import Action, Category, Form, Purpose
from salus.core.package import ConsentPackage
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ChainReader
from salus.core.ports_index import IndexReader
from salus.flows.custody import ListedRecord
from salus.flows.open import (
    AccessDeniedError,
    Ask,
    Opened,
    Reading,
    Session,
    list_with_consent,
    open_again,
    open_with_consent,
    open_without_consent,
)

_SESSIONS = 10_000


class Opening:
    """Opens for one institution. `reading` lacks the regulator's key, which is looked up as the index knows it.

    `emergency` is the same for two operators, None where the institution has one only. Session keys are kept in memory
    only and end with their session or with the process.
    """

    def __init__(
        self,
        participant: ParticipantId,
        chain: ChainReader,
        supervisor: Supervisor,
        reading: Reading,
        emergency: Reading | None,
        versions: VersionStore,
        requests: Requests,
        metrics: Metrics,
    ) -> None:
        self._me = participant
        self._chain = chain
        self._supervisor = supervisor
        self._reading = reading
        self._emergency = emergency
        self._versions = versions
        self._requests = requests
        self._metrics = metrics
        self._sessions = _Sessions(reading.caller.clock.now)

    def listing(self, package: ConsentPackage, *, history: bool) -> list[ListedRecord]:
        """Record versions custodians list for a package; each of them logs that it was asked.

        Raises:
            RefusedError, UnavailableError, IntegrityError: as `list_with_consent`.
        """
        listed = list_with_consent(package, history, self._reading)
        self._note(listed)
        return listed

    def access(self, package: ConsentPackage, request: AccessRequest, staff: Staff) -> Opened:
        """Open what a consent allows.

        Raises:
            InputError: a name is not in its table.
            AccessDeniedError, RefusedError, NotFoundError, UnavailableError: as `open_with_consent`.
        """
        days = None if request.days is None else (day_of(request.days.first), day_of(request.days.last))
        ask = Ask(
            purpose=purpose_named(request.purpose),
            actions=mask(Action, request.actions),
            person=staff.as_person(),
            form=None if request.form is None else member(Form, request.form),
            categories=None if request.categories is None else int(mask(Category, request.categories)),
            level=request.level,
            days=days,
            leaves=_leaves(request.leaves),
            history=request.history,
        )
        return self._counted(
            staff, lambda: open_with_consent(package, ask, self._me, self._supervisor.informed(self._reading))
        )

    def emergency(self, request: EmergencyRequest, staff: Staff) -> Opened:
        """Open a subject's records in an emergency, asked for by two operators.

        Raises:
            InputError: a name is not in its table.
            SetupError: this institution has no second operator here.
            AccessDeniedError, RefusedError, NotFoundError, UnavailableError: as `open_without_consent`.
        """
        ask = Ask(
            purpose=purpose_named(request.purpose),
            actions=mask(Action, request.actions),
            person=staff.as_person(),
            leaves=_leaves(request.leaves),
            history=request.history,
        )
        if self._emergency is None:
            raise SetupError("this API has no second operator: set SALUS_API_WITNESS_KEYSTORE")
        reading = self._supervisor.informed(self._emergency)
        subject = SubjectRef(from_hex(request.subject_ref))
        members = self._chain.custodian_set(request.custodian_set, self._chain.final()).members
        return self._counted(
            staff,
            lambda: open_without_consent(AccessKind.EMERGENCY, self._me, subject, members, ask, reading),
        )

    def again(self, access: AccessId, staff: Staff) -> Opened:
        """Open the records of an access once more in its session: a new release, no new request.

        Raises:
            NotFoundError: no session of this access and person is open here.
            RefusedError, UnavailableError: as `open_again`.
        """
        session = self._sessions.of(access, staff)
        return self._counted(staff, lambda: open_again(session, self._reading))

    def _counted(self, staff: Staff, open_: Callable[[], Opened]) -> Opened:
        started = time.perf_counter()
        try:
            opened = open_()
        except AccessDeniedError as denial:
            self._metrics.accesses.labels(denial.code.name).inc()
            raise
        except RefusedError as refusal:
            self._metrics.accesses.labels(refusal.code.name).inc()
            raise
        self._metrics.accesses.labels(Code.GRANTED.name).inc()
        self._metrics.access_step.labels("whole").observe(time.perf_counter() - started)
        for step, milliseconds in opened.milliseconds.items():
            self._metrics.access_step.labels(step).observe(milliseconds / 1000)
        self._metrics.records.labels("OPENED").inc(len(opened.items))
        for code in opened.refused.values():
            self._metrics.records.labels(code.name).inc()
        self._metrics.records.labels("FAILED").inc(len(opened.failed))
        self._note([item.listed for item in opened.items])
        self._requests.with_leaves(opened.access_id, [record.leaf for record in opened.session.listed])
        self._sessions.keep(opened, staff)
        return opened

    def _note(self, listed: Iterable[ListedRecord]) -> None:
        now = self._reading.caller.clock.now()
        self._versions.note(
            KnownVersion(record.record_id, record.version, record.leaf, record.custodian_set, now) for record in listed
        )


class Supervisor:
    """The institution to which the names of people behind requests are sealed."""

    def __init__(self, index: IndexReader, preferred: ParticipantId | None) -> None:
        self._index = index
        self._preferred = preferred

    def informed(self, reading: Reading) -> Reading:
        """Reading with the supervisor's encryption key: of the one preferred, else of the first active one."""
        if self._preferred is not None:
            row = self._index.participant(self._preferred)
            rows: Iterable[ParticipantRow] = () if row is None else (row,)
        else:
            rows = self._index.participants()
        for row in rows:
            supervises = row.roles & ParticipantRole.SUPERVISE and row.status == ParticipantStatus.ACTIVE
            if supervises and any(row.encryption_key):
                return replace(reading, regulator_key=row.encryption_key)
        return reading


class _Sessions:
    """Open sessions by access, each for the person who asked."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._open: OrderedDict[AccessId, tuple[bytes, Session]] = OrderedDict()
        self._lock = Lock()

    def keep(self, opened: Opened, staff: Staff) -> None:
        with self._lock:
            self._open[opened.access_id] = (_mark(staff), opened.session)
            self._open.move_to_end(opened.access_id)
            ended = [access for access, (_, session) in self._open.items() if session.expires_at <= self._now()]
            for access in ended:
                del self._open[access]
            while len(self._open) > _SESSIONS:
                self._open.popitem(last=False)

    def of(self, access: AccessId, staff: Staff) -> Session:
        with self._lock:
            mark, session = self._open.get(access, (b"", None))
        if session is None or mark != _mark(staff) or session.expires_at <= self._now():
            raise NotFoundError("no session of this access is open for you here; make a new access")
        return session


def _mark(staff: Staff) -> bytes:
    return sha256(staff.client_id.encode() + b"\0" + staff.person.encode())


def purpose_named(name: str) -> Purpose:
    """One purpose by name.

    Raises:
        InputError: the name is not in the table.
    """
    return mask(Purpose, [name])


def _leaves(leaves: list[str] | None) -> tuple[LeafHash, ...] | None:
    return None if leaves is None else tuple(LeafHash(from_hex(leaf)) for leaf in leaves)
