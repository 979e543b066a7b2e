"""Consents: composed for a wallet, relayed to chain, packages handed in."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.model import Caller, Patient, Scope
from api.packages import Packages
from api.relay import Relay
from api.routers.bodies import PROBLEMS, After, JsonObject, Limit, account_of
from api.schemas.common import Hex32
from api.schemas.consents import (
    Grant,
    Granted,
    PackageReceived,
    Prepared,
    Relayed,
    Revocation,
    RevocationOfAll,
    Wish,
)
from api.schemas.consents import Packages as PackageList
from api.security.guards import Guards
from api.wish import prepare
from salus.core.ids import ConsentId, from_hex, hex32
from salus.core.package import ConsentPackage
from salus.core.ports import ChainReader, Clock, Randomness, TxReceipt


def router(
    relay: Relay, packages: Packages, guards: Guards, chain: ChainReader, clock: Clock, random: Randomness
) -> APIRouter:
    """Routes of consents. A signature stands for the patient, so the relayed ones need no token."""
    routes = APIRouter(prefix="/v1", tags=["consents"], responses=PROBLEMS)
    limited = [Depends(guards.limited)]
    waits = [*limited, Depends(guards.in_line)]
    anybody, signed_in = Depends(guards.anybody), Depends(guards.patient)
    reads = Depends(guards.staff(Scope.CONSENTS_READ))

    @routes.post("/consents/prepare", summary="A wish, composed into typed data to sign", dependencies=limited)
    def compose(wish: Wish) -> Prepared:
        return prepare(wish, chain, clock, random)

    @routes.post("/consents", summary="Put a signed consent on chain", dependencies=waits)
    def grant(request: Grant) -> Granted:
        holder = account_of(request.head.holder)
        head = {
            "holder": holder,
            "epoch": request.head.epoch,
            "maxUses": request.head.max_uses,
            "deadline": request.head.deadline,
            "replaces": from_hex(request.head.replaces),
        }
        scope_hash, signature = from_hex(request.scope_hash), from_hex(request.signature, 65)
        consent_id, receipt = relay.consent(head, scope_hash, signature, guards.count)
        return Granted(consent_id=hex32(consent_id), tx_hash=hex32(receipt.tx_hash), block=receipt.block.number)

    @routes.post("/consents/revocations", summary="Revoke one consent", dependencies=waits)
    def revoke(request: Revocation) -> Relayed:
        holder = account_of(request.holder)
        consent = ConsentId(from_hex(request.consent_id))
        return relayed(relay.revocation(holder, consent, from_hex(request.signature, 65), guards.count))

    @routes.post("/consents/revocations-of-all", summary="Revoke everything of a holder", dependencies=waits)
    def revoke_all(request: RevocationOfAll) -> Relayed:
        holder = account_of(request.holder)
        signature = from_hex(request.signature, 65)
        return relayed(relay.revocation_of_all(holder, request.epoch, signature, guards.count))

    @routes.post("/packages", summary="Hand a consent package to this institution", status_code=201)
    def hand_in(body: JsonObject, patient: Patient = signed_in) -> PackageReceived:
        package = ConsentPackage.from_json(body, chain.domain("ConsentRegistry"))
        return packages.receive(package, patient.account)

    @routes.get("/packages", summary="Packages this institution holds", dependencies=[reads])
    def kept(after: After = None, limit: Limit = 100) -> PackageList:
        items, following = packages.page(after or 0, limit)
        return PackageList(items=items, next=following)

    @routes.delete("/packages/{consent_id}", summary="Discard a package", status_code=204)
    def discard(consent_id: Hex32, caller: Caller = anybody) -> None:
        holder = caller.account if isinstance(caller, Patient) else None
        if holder is None:
            guards.staff_of(caller, Scope.CONSENTS_READ)
        packages.discard(ConsentId(from_hex(consent_id)), holder)

    return routes


def relayed(receipt: TxReceipt) -> Relayed:
    """Where a relayed call was mined."""
    return Relayed(tx_hash=hex32(receipt.tx_hash), block=receipt.block.number)
