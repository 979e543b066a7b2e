"""Public facts of the chain, and what only a subject's controller sees."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from api.facts import Facts
from api.model import Caller, Patient
from api.resolve import Resolver
from api.routers.bodies import PROBLEMS, account_of, participant_of
from api.schemas.common import Account, Hex32
from api.schemas.facts import (
    ConsentFact,
    Deployment,
    DidDocument,
    HolderFact,
    ParticipantFact,
    Participants,
    RecordFact,
    SubjectFact,
)
from api.security.guards import Guards
from salus.core.ids import ConsentId, SubjectRef, from_hex


def router(facts: Facts, resolver: Resolver, guards: Guards) -> APIRouter:
    """Routes of facts."""
    routes = APIRouter(prefix="/v1", tags=["facts"], responses=PROBLEMS)
    limited = [Depends(guards.limited)]
    anybody, signed_in = Depends(guards.anybody), Depends(guards.patient)

    @routes.get("/deployment", summary="What a wallet must know of this deployment", dependencies=limited)
    def deployment() -> Deployment:
        return facts.deployment()

    @routes.get("/participants", summary="All institutions", dependencies=limited)
    def participants() -> Participants:
        return Participants(items=facts.participants())

    @routes.get("/participants/{participant_id}", summary="One institution", dependencies=limited)
    def participant(participant_id: Hex32) -> ParticipantFact:
        return facts.participant(participant_of(participant_id))

    @routes.get("/holders/{address}", summary="A holder's epoch", dependencies=limited)
    def holder(address: Account) -> HolderFact:
        return facts.holder(account_of(address))

    @routes.get("/consents/{holder}/{consent_id}", summary="A consent's slot at the head", dependencies=limited)
    def consent(holder: Account, consent_id: Hex32) -> ConsentFact:
        return facts.consent(account_of(holder), ConsentId(from_hex(consent_id)))

    @routes.get("/subjects/{subject_ref}", summary="A subject, for its controller or guardian")
    def subject(subject_ref: Hex32, patient: Patient = signed_in) -> SubjectFact:
        return facts.subject(SubjectRef(from_hex(subject_ref)), patient.account)

    @routes.get("/records/{did}", summary="State of a record by its DID")
    def record(did: str, caller: Caller = anybody) -> RecordFact:
        return resolver.record(did, caller)

    @routes.get("/dids/{did}", summary="DID document from chain state")
    def document(did: str, caller: Caller = anybody) -> DidDocument:
        return resolver.document(did, caller)

    return routes
