"""Tokens: for staff by client assertion, for patients by signature."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from api.errors import TokenRequestError
from api.routers.bodies import PROBLEMS, Form, account_of
from api.schemas.auth import Challenge, ChallengeRequest, SignInRequest, Token
from api.security.clients import ASSERTION_TYPE, Assertions
from api.security.guards import Guards
from api.security.signin import SignIns
from api.security.tokens import LIFE_SECONDS, Tokens
from salus.core.ids import from_hex

_FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type", "client_assertion_type", "client_assertion"],
    "properties": {
        "grant_type": {"type": "string", "const": "client_credentials"},
        "client_assertion_type": {"type": "string", "const": ASSERTION_TYPE},
        "client_assertion": {"type": "string", "description": "JWT; docs/api.md says what it claims"},
        "scope": {"type": "string", "example": "records:open consents:read"},
    },
}


def router(assertions: Assertions, sign_ins: SignIns, tokens: Tokens, guards: Guards) -> APIRouter:
    """Routes that need no token; each counts against its peer."""
    routes = APIRouter(tags=["tokens"], responses=PROBLEMS, dependencies=[Depends(guards.limited)])

    @routes.post(
        "/oauth/token",
        summary="Staff token by private_key_jwt (RFC 6749 section 4.4, RFC 7523)",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/x-www-form-urlencoded": {"schema": _FORM_SCHEMA}},
            }
        },
    )
    def token(members: Form) -> Token:
        if members.get("grant_type") != "client_credentials":
            raise TokenRequestError("unsupported_grant_type", "grant_type is client_credentials")
        if members.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in members:
            raise TokenRequestError("invalid_request", "the client proves itself by a JWT assertion (RFC 7523)")
        staff = assertions.staff_of(members["client_assertion"], members.get("scope"))
        return Token(access_token=tokens.give(staff), expires_in=LIFE_SECONDS, scope=" ".join(sorted(staff.scopes)))

    @routes.post("/v1/patients/challenge", summary="Typed data a patient's account signs to sign in")
    def challenge(request: ChallengeRequest) -> Challenge:
        return Challenge(challenge=sign_ins.challenge(account_of(request.address)))

    @routes.post("/v1/patients/token", summary="Patient token by a signature over an open challenge")
    def patient_token(request: SignInRequest) -> Token:
        patient = sign_ins.sign_in(account_of(request.address), from_hex(request.signature, 65))
        return Token(access_token=tokens.give(patient), expires_in=LIFE_SECONDS)

    return routes
