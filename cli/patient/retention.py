"""How long a patient's copies are kept, and the patient's word that they end.

The wallet believes no list: it signs for subjects of its own only, and only when the years that the chain says and the
day of anchoring give the same end as the source says.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from cli.patient.session import PatientSession, SystemClock
from salus.adapters.api_client import ApiClient
from salus.core.errors import InputError, IntegrityError
from salus.core.ids import ParticipantId, RecordId, from_hex, hex32
from salus.core.retention import AGREEMENT_SECONDS, MAX_YEARS, MIN_YEARS, due_at
from salus.flows.bind import retain_call, sign_destruction
from salus.flows.custody import Caller

_DEADLINE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Kept:
    """What the registry says of a subject."""

    subject: str
    years: int
    held: bool
    nonce: int


def kept(session: PatientSession, source: ParticipantId) -> Kept:
    """How many years copies of a source's records are kept, and whether a legal hold keeps them anyway."""
    own = session.wallet.subject_at(source)
    facts = session.api.get(f"/v1/subjects/{hex32(own.subject)}", session.api.sign_in(session.controller_of(source)))
    return Kept(hex32(own.subject), int(facts["retentionYears"]), bool(facts["hold"]), int(facts["nonce"]))


def keep(session: PatientSession, source: ParticipantId, years: int) -> None:
    """Have copies kept for so many years from now on; also those that are there already.

    Raises:
        InputError: neither 1 to 5, or so many already.
    """
    if not MIN_YEARS <= years <= MAX_YEARS:
        raise InputError(f"copies are kept {MIN_YEARS} to {MAX_YEARS} years")
    present = kept(session, source)
    if present.years == years:
        raise InputError(f"they are kept {years} years already")
    own, domain = session.wallet.subject_at(source), session.api.domain("SubjectRegistry")
    deadline = SystemClock().now() + _DEADLINE_SECONDS
    session.api.relay(retain_call(session.controller_of(source), own.subject, years, present.nonce, deadline, domain))


def due(
    session: PatientSession, oracle: ApiClient, source: ParticipantId, within_days: int = 0
) -> list[dict[str, Any]]:
    """What of this patient is due at a source, or will be, as the source says and the wallet agrees.

    Raises:
        IntegrityError: the source speaks of another subject, or of another end than follows from the chain's years.
    """
    own, present = session.wallet.subject_at(source), kept(session, source)
    body = {"subjectRef": present.subject, "withinDays": within_days}
    call = _caller(session, source).call("retention.due", source, body)
    records: list[dict[str, Any]] = oracle.post("/v1/retention/due", call)["records"]
    for one in records:
        if one["subjectRef"] != hex32(own.subject):
            raise IntegrityError("the source speaks of a subject that this wallet doesn't know")
        if int(one["dueAt"]) != due_at(int(one["anchoredAt"]), present.years):
            raise IntegrityError("the source names another end than follows from your years")
    return records


def agree(session: PatientSession, oracle: ApiClient, source: ParticipantId, record: dict[str, Any]) -> None:
    """Sign the destruction of one of `due`, good for a month, and hand it to the source.

    Raises:
        InputError: it is not due yet.
    """
    now = int(time.time())
    if record["standing"] not in ("due", "over"):
        raise InputError("this record is not due yet")
    own, record_id = session.wallet.subject_at(source), RecordId(from_hex(record["recordId"]))
    custodian_set = int(record["custodianSet"])
    # the chain's time may be ahead of this machine's
    deadline = max(now, int(record["asOf"])) + AGREEMENT_SECONDS
    signature = sign_destruction(
        session.controller_of(source),
        source,
        record_id,
        own.subject,
        custodian_set,
        deadline,
        session.api.domain("RecordRegistry"),
    )
    body = {
        "recordId": hex32(record_id),
        "subjectRef": hex32(own.subject),
        "custodianSet": custodian_set,
        "deadline": deadline,
        "signature": hex32(signature),
    }
    oracle.post("/v1/retention/agree", _caller(session, source).call("retention.agree", source, body))


def _caller(session: PatientSession, source: ParticipantId) -> Caller:
    return Caller(session.controller_of(source), session.api.domain("Council"), SystemClock(), os.urandom)
