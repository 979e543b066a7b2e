"""What any API carries for patients: calls of a subject, own accesses, calls to custodians, ciphertext."""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter, Depends, Response

from api.metrics import Metrics
from api.relay import Relay
from api.routers.bodies import PROBLEMS, JsonObject, canonical_json, participant_of
from api.routers.consents import relayed
from api.schemas.common import Hex32
from api.schemas.consents import Relayed
from api.schemas.relay import OwnAccess, Recorded, SubjectCall
from api.security.guards import Guards
from salus.core.access import Access
from salus.core.calls import read_call
from salus.core.cid import digest_of
from salus.core.errors import InputError
from salus.core.ids import from_hex, hex32
from salus.core.ports import ChainReader, ContentStore, CustodianClient


class CustodianVerb(StrEnum):
    """Verbs of custodians that patients call."""

    LIST = "list"
    RELEASE = "release"


def router(
    relay: Relay,
    custodians: CustodianClient,
    content: ContentStore,
    chain: ChainReader,
    guards: Guards,
    metrics: Metrics,
) -> APIRouter:
    """Routes of the relay. A signature stands for the patient; content needs a token."""
    routes = APIRouter(prefix="/v1", tags=["relay"], responses=PROBLEMS)
    waits = [Depends(guards.limited), Depends(guards.in_line)]

    @routes.post("/relay/subject-calls", summary="freeze, deny, retain, rotate or veto", dependencies=waits)
    def subject_call(request: SubjectCall) -> Relayed:
        given = [from_hex(signature, 65) for signature in request.signatures]
        guards.count(relay.subject_signer(request.function, request.message, given), given[0])
        receipt = relay.subject_call(request.function, request.message, given)
        metrics.relayed.labels(request.function.value).inc()
        return relayed(receipt)

    @routes.post("/relay/own-accesses", summary="A patient's own request, until it is final", dependencies=waits)
    def own_access(request: OwnAccess) -> Recorded:
        access, signature = Access.from_json(request.access), from_hex(request.signature, 65)
        guards.count(relay.own_signer(access, signature), signature)
        access_id, recorded = relay.own_access(access, signature)
        metrics.relayed.labels("requestOwn").inc()
        return Recorded(
            access_id=hex32(access_id),
            code=int(recorded.code),
            name=recorded.code.name,
            expires_at=recorded.expires_at,
            block=recorded.block_number,
        )

    @routes.post(
        "/relay/custodians/{participant_id}/{verb}",
        summary="A signed call to a custodian, passed through unchanged",
        dependencies=waits,
    )
    def custodian_call(participant_id: Hex32, verb: CustodianVerb, body: JsonObject) -> Response:
        custodian = participant_of(participant_id)
        signed = read_call(body, chain.domain("Council"))
        if signed.call.recipient != custodian or signed.call.verb != verb:
            raise InputError("the signed call is for another custodian or verb than the path says")
        guards.count(signed.signer, from_hex(str(body["signature"]), 65))
        metrics.relayed.labels(verb.value).inc()
        ask = custodians.list if verb is CustodianVerb.LIST else custodians.release
        return canonical_json(ask(custodian, body))

    @routes.get(
        "/content/{cid}",
        summary="Ciphertext of an envelope",
        response_class=Response,
        dependencies=[Depends(guards.anybody)],
        responses={200: {"content": {"application/octet-stream": {}}, "description": "The envelope's bytes."}},
    )
    def envelope(cid: str) -> Response:
        headers = {"cache-control": "private, max-age=31536000, immutable", "etag": f'"{cid}"'}
        return Response(content.get(digest_of(cid)), media_type="application/octet-stream", headers=headers)

    return routes
