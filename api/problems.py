"""One table: errors to HTTP problems (RFC 9457), with a stable `name`, and the `code` of docs/errors.md for refusals.

    {"type": "urn:salus:problem:consent-revoked", "title", "status", "code", "name", "detail", "advice", "requestId"}

`code` is 0 where no code of the protocol applies. Extension members: `accessId` of a denial, `revert` of a contract,
`errors` of a malformed body, `error` and `error_description` of the token endpoint (RFC 6749 section 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.errors import (
    ForbiddenError,
    TokenRequestError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
)
from salus.core.canonical import canonical
from salus.core.codes import EXPLANATIONS, Code
from salus.core.errors import (
    ChainRevert,
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SalusError,
    SetupError,
    SignatureError,
    UnavailableError,
)
from salus.core.ids import hex32
from salus.core.outcome import AccessDeniedError
from salus.core.problem import MEDIA_TYPE

_log = structlog.get_logger("salus.api")

PROBLEMS: tuple[tuple[type[SalusError], int, str, str], ...] = (
    (RefusedError, 403, "REFUSED", "The law says no"),
    (TokenRequestError, 400, "TOKEN_REQUEST", "No token was given"),
    (UnauthenticatedError, 401, "UNAUTHENTICATED", "Nobody has proven who calls"),
    (ForbiddenError, 403, "FORBIDDEN", "The caller may not do this"),
    (TooManyRequestsError, 429, "TOO_MANY_REQUESTS", "Too many requests"),
    (TooLargeError, 413, "TOO_LARGE", "The body is too long"),
    (InputError, 422, "INPUT", "The input is malformed"),
    (SignatureError, 422, "SIGNATURE", "The signature does not hold"),
    (NotFoundError, 404, "NOT_FOUND", "Not here"),
    (ConflictError, 409, "CONFLICT", "It exists already with other content"),
    (ChainRevert, 409, "CHAIN_REVERT", "The contract refuses the call"),
    (IntegrityError, 502, "INTEGRITY", "Bytes are not what they were committed to be"),
    (UnavailableError, 503, "UNAVAILABLE", "A part is away or behind"),
    (SetupError, 500, "SETUP", "This installation is not complete"),
    (SalusError, 500, "SALUS", "Salus cannot do this"),
)
"""Error, status, name, title; the first row whose error fits."""

CODE_STATUS: Mapping[Code, int] = {
    Code.ACCESS_UNKNOWN: 404,
    Code.RECORD_UNKNOWN: 404,
    Code.CALL_REPLAYED: 409,
    Code.ACCESS_NOT_FINAL: 503,
    Code.NODE_STALE: 503,
    Code.CHAIN_SHORTENED: 503,
    Code.CUSTODIAN_INACTIVE: 503,
}
"""Refusals that are not 403."""

_HTTP_NAMES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


def problem_of(error: SalusError) -> dict[str, Any]:
    """Problem document of an error, without `requestId`."""
    _, status, name, title = next(row for row in PROBLEMS if isinstance(error, row[0]))
    code, advice = 0, error.advice
    if isinstance(error, RefusedError):
        code, name = int(error.code), error.code.name
        status = CODE_STATUS.get(error.code, status)
        advice = EXPLANATIONS[error.code]
    return {**_document(status, code, name, title, str(error), advice), **_members(error)}


def response_of(error: SalusError, request_id: str) -> Response:
    """Answer to an error."""
    document = {**problem_of(error), "requestId": request_id}
    headers = {}
    media_type = MEDIA_TYPE
    if isinstance(error, TokenRequestError):
        media_type = "application/json"  # RFC 6749 section 5.2
        if error.error == "invalid_client":
            document["status"] = 401
    elif isinstance(error, UnauthenticatedError):
        headers["www-authenticate"] = 'Bearer realm="salus"'
    if isinstance(error, TooManyRequestsError):
        headers["retry-after"] = str(error.retry_after)
    return _response(document, headers, media_type)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""

    @app.exception_handler(SalusError)
    async def _salus(request: Request, error: SalusError) -> Response:
        return response_of(error, request_id_of(request))

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> Response:
        # pydantic's own report repeats the input, which may be content: only places and reasons leave here
        places = [
            {"path": "/".join(str(step) for step in item["loc"]), "message": str(item["msg"])}
            for item in error.errors()
        ]
        document = _document(
            422, 0, "INPUT", "The input is malformed", "the request does not fit its schema", InputError.advice
        )
        return _response({**document, "errors": places, "requestId": request_id_of(request)})

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        name = _HTTP_NAMES.get(error.status_code, "HTTP")
        document = _document(
            error.status_code, 0, name, str(error.detail), str(error.detail), "/openapi.json lists every route."
        )
        return _response({**document, "requestId": request_id_of(request)}, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        request_id = request_id_of(request)
        _log.error("unforeseen", request_id=request_id, error=type(error).__name__, at=_place(error))
        document = _document(
            500, 0, "INTERNAL", "An error nobody foresaw", "this API failed", "Tell its operator the requestId."
        )
        return _response({**document, "requestId": request_id})


def request_id_of(request: Request) -> str:
    """Id of a request, given by the middleware."""
    return str(getattr(request.state, "request_id", ""))


def _document(status: int, code: int, name: str, title: str, detail: str, advice: str) -> dict[str, Any]:
    return {
        "type": f"urn:salus:problem:{name.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "code": code,
        "name": name,
        "detail": detail,
        "advice": advice,
    }


def _members(error: SalusError) -> dict[str, Any]:
    if isinstance(error, AccessDeniedError):
        return {"accessId": hex32(error.access_id)}
    if isinstance(error, ChainRevert):
        arguments = {name: _shown(value) for name, value in error.args_by_name.items()}
        return {"revert": {"error": error.error, "arguments": arguments}}
    if isinstance(error, TokenRequestError):
        return {"error": error.error, "error_description": str(error)}
    return {}


def _shown(value: object) -> str | int:
    if isinstance(value, bytes):
        return hex32(value)
    return value if isinstance(value, int) else str(value)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_globals.get('__name__', '')}:{trace.tb_lineno}"


def _response(
    document: dict[str, Any], headers: dict[str, str] | None = None, media_type: str = MEDIA_TYPE
) -> Response:
    return Response(canonical(document), int(document["status"]), headers, media_type)
