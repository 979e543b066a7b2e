"""The log, for auditors and for patients."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.log import Log
from api.model import Patient, Scope
from api.routers.bodies import PROBLEMS, After, Kind, Limit, Outcome, Since, Until, page_of, participant_of
from api.schemas.audit import Entries, Summary, Withheld, WithheldRequest
from api.schemas.common import Hex32
from api.security.guards import Guards
from api.withheld import withheld
from salus.core.ids import ConsentId, from_hex
from salus.core.ports import ChainReader, CustodianClient
from salus.core.ports_index import EntryFilter
from salus.flows.custody import Caller


def router(log: Log, guards: Guards, chain: ChainReader, custodians: CustodianClient, caller: Caller) -> APIRouter:
    """Routes of the log."""
    routes = APIRouter(prefix="/v1", tags=["audit"], responses=PROBLEMS)
    audits = Depends(guards.staff(Scope.AUDIT_READ))
    signed_in = Depends(guards.patient)

    @routes.get("/audit", summary="Log entries of all institutions", dependencies=[audits])
    def entries(
        after: After = None,
        limit: Limit = 100,
        *,
        newest: bool = False,
        participant: Hex32 | None = None,
        key: Hex32 | None = None,
        reference: Hex32 | None = None,
        kind: Kind = None,
        code: Outcome = None,
        since: Since = None,
        until: Until = None,
    ) -> Entries:
        which = EntryFilter(
            keys=None if key is None else (from_hex(key),),
            participant=None if participant is None else participant_of(participant),
            reference=None if reference is None else from_hex(reference),
            kind=kind,
            code=code,
            since=since,
            until=until,
        )
        return log.entries(which, page_of(after, limit, newest_first=newest))

    @routes.get("/audit/summary", summary="Counts of accesses, and open alerts", dependencies=[audits])
    def summary(
        since: Since = None,
        until: Until = None,
        participant: Hex32 | None = None,
    ) -> Summary:
        return log.summary(since, until, None if participant is None else participant_of(participant))

    @routes.post("/audit/withheld", summary="What custodians left out under a consent", dependencies=[audits])
    def left_out(request: WithheldRequest) -> Withheld:
        consent = ConsentId(from_hex(request.consent_id))
        return withheld(consent, request.custodian_set, chain, custodians, caller)

    @routes.get("/log", summary="A patient's own log: who, what for, when, with which outcome")
    def own(
        after: After = None,
        limit: Limit = 100,
        *,
        newest: bool = False,
        patient: Patient = signed_in,
    ) -> Entries:
        return log.of_patient(patient, page_of(after, limit, newest_first=newest))

    return routes
