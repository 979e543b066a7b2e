"""Listings, accesses, emergencies and destructions, for staff of this institution."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from api.destroying import destroy
from api.log import Log
from api.model import Scope, Staff
from api.opening import Opening
from api.packages import Packages
from api.routers.bodies import PROBLEMS, After, Limit, Outcome, canonical_json, page_of
from api.schemas.accesses import (
    Accesses,
    AccessFact,
    AccessRequest,
    DestructionFact,
    DestructionRequest,
    EmergencyRequest,
    Listing,
    ListingRequest,
    OpenedAccess,
)
from api.schemas.common import Hex32
from api.security.guards import Guards
from api.views import listed_item, opened_access
from salus.core.ids import AccessId, ConsentId, ParticipantId, from_hex
from salus.flows.destroy import Destroying


def router(
    participant: ParticipantId,
    opening: Opening,
    packages: Packages,
    log: Log,
    destroying: Destroying,
    guards: Guards,
) -> APIRouter:
    """Routes of the READ path."""
    routes = APIRouter(prefix="/v1", tags=["accesses"], responses=PROBLEMS)
    opens = Depends(guards.staff(Scope.RECORDS_OPEN))
    destroys = Depends(guards.staff(Scope.DESTROY))
    chain_id = destroying.chain.chain_id

    @routes.post("/listings", summary="What lies inside a consent, not opened; custodians log it", dependencies=[opens])
    def listing(request: ListingRequest) -> Listing:
        package = packages.open(ConsentId(from_hex(request.consent_id)))
        listed = opening.listing(package, history=request.history)
        return Listing(items=[listed_item(record, chain_id) for record in listed])

    @routes.post(
        "/accesses", summary="Name records on chain, then open them", response_model=OpenedAccess, status_code=201
    )
    def access(request: AccessRequest, staff: Staff = opens) -> Response:
        package = packages.open(ConsentId(from_hex(request.consent_id)))
        return _created(opened_access(opening.access(package, request, staff), chain_id))

    @routes.post(
        "/accesses/{access_id}/releases",
        summary="Open the same records again while the session lasts",
        response_model=OpenedAccess,
    )
    def again(access_id: Hex32, staff: Staff = opens) -> Response:
        return canonical_json(opened_access(opening.again(AccessId(from_hex(access_id)), staff), chain_id))

    @routes.get("/accesses", summary="This institution's accesses, granted and denied", dependencies=[opens])
    def accesses(after: After = None, limit: Limit = 100, *, newest: bool = False, code: Outcome = None) -> Accesses:
        return log.accesses(code, page_of(after, limit, newest_first=newest))

    @routes.get("/accesses/{access_id}", summary="One access of this institution", dependencies=[opens])
    def one(access_id: Hex32) -> AccessFact:
        return log.access(AccessId(from_hex(access_id)))

    @routes.post(
        "/emergencies",
        summary="Open in an emergency: two people of the staff, two operators",
        response_model=OpenedAccess,
        status_code=201,
    )
    def emergency(request: EmergencyRequest, staff: Staff = opens) -> Response:
        guards.witness(request.witness_token, staff, Scope.RECORDS_OPEN)
        return _created(opened_access(opening.emergency(request, staff), chain_id))

    @routes.post(
        "/destructions",
        summary="Order a destruction; carry it out once its cooling-off has ended",
        dependencies=[destroys],
    )
    def destruction(request: DestructionRequest) -> DestructionFact:
        return destroy(request, participant, destroying)

    return routes


def _created(value: object) -> Response:
    answer = canonical_json(value)
    answer.status_code = 201
    return answer
