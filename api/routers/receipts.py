"""Receipts (docs/protocol.md): canonical JSON, signed by this institution's operator."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response

from api.model import Scope
from api.proofs import Proofs
from api.routers.bodies import PROBLEMS, canonical_json
from api.schemas.common import Hex32
from api.schemas.receipts import DestructionReceiptRequest, RecordReceiptRequest
from api.security.guards import Guards
from salus.core.ids import AccessId, from_hex


def router(proofs: Proofs, guards: Guards) -> APIRouter:
    """Routes of receipts."""
    routes = APIRouter(prefix="/v1/receipts", tags=["receipts"], responses=PROBLEMS)
    opens = [Depends(guards.staff(Scope.RECORDS_OPEN))]
    destroys = [Depends(guards.staff(Scope.DESTROY))]
    anybody = [Depends(guards.anybody)]

    @routes.get("/accesses/{access_id}", summary="Receipt of an access of this institution", dependencies=opens)
    def access(access_id: Hex32) -> Response:
        return canonical_json(proofs.access(AccessId(from_hex(access_id))))

    @routes.post("/records", summary="Receipt of an anchored record version", dependencies=anybody)
    def record(request: RecordReceiptRequest) -> Response:
        return canonical_json(proofs.record(request))

    @routes.post("/destructions", summary="Receipt of a destruction by this source", dependencies=destroys)
    def destruction(request: DestructionReceiptRequest) -> Response:
        return canonical_json(proofs.destruction(request))

    return routes
