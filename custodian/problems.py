"""One table turns errors into replies: problem+json (RFC 9457) with the code of docs/errors.md.

    {"type", "title", "status", "code", "name", "detail", "advice"}

`code` is 0 when the refusal is none of the protocol's: malformed (400), unknown (404), in conflict (409), away (503),
and a node of this custodian's that shows what its seals or proofs deny (503).
"""

from __future__ import annotations

from salus.core.codes import EXPLANATIONS, Code
from salus.core.errors import (
    ConflictError,
    InputError,
    NodeError,
    NotFoundError,
    RefusedError,
    SalusError,
    SignatureError,
    UnavailableError,
)
from salus.core.problem import Problem

_FORBIDDEN = 403
_STATUS: dict[Code, int] = {
    Code.SIGNATURE_INVALID: 401,
    Code.CALL_STALE: 401,
    Code.CALL_REPLAYED: 409,
    Code.ACCESS_UNKNOWN: 404,
    Code.ACCESS_NOT_FINAL: 409,
    Code.RECORDS_ROOT_MISMATCH: 422,
    Code.RECORD_COUNT_MISMATCH: 422,
    Code.RECORDS_NOT_DISTINCT: 422,
    Code.TOO_MANY_RECORDS: 422,
    Code.LINK_MISSING: 422,
    Code.LINK_INVALID: 422,
    Code.TERMS_INVALID: 422,
    Code.DEPOSIT_MISMATCH: 409,
    Code.NODE_STALE: 503,
    Code.CHAIN_SHORTENED: 503,
    Code.CUSTODIAN_INACTIVE: 503,
}
"""Every other code is 403."""
_KINDS: tuple[tuple[type[SalusError], int, str], ...] = (
    (InputError, 400, "MALFORMED"),
    (NotFoundError, 404, "NOT_FOUND"),
    (ConflictError, 409, "CONFLICT"),
    (UnavailableError, 503, "UNAVAILABLE"),
    (NodeError, 503, "NODE_NOT_BELIEVED"),
)

TOO_LARGE = Problem(413, 0, "TOO_LARGE", "the call is larger than this custodian takes", InputError.advice)


def problem_of(error: Exception) -> Problem:
    """The reply to an error; 500 for those that are not meant for callers."""
    if isinstance(error, SignatureError):
        error = RefusedError(Code.SIGNATURE_INVALID)
    if isinstance(error, RefusedError):
        status = _STATUS.get(error.code, _FORBIDDEN)
        return Problem(status, int(error.code), error.code.name, str(error), EXPLANATIONS[error.code])
    for kind, status, name in _KINDS:
        if isinstance(error, kind):
            return Problem(status, 0, name, str(error), error.advice)
    return Problem(500, 0, "INTERNAL", "the custodian failed; its own log says why", UnavailableError.advice)
