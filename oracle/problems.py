"""One table turns errors into replies: problem+json (RFC 9457) with the code of docs/errors.md, or 0."""

from __future__ import annotations

from salus.core.codes import Code
from salus.core.errors import (
    ChainRevert,
    ConflictError,
    InputError,
    NotFoundError,
    RefusedError,
    SalusError,
    SignatureError,
    UnavailableError,
)
from salus.core.problem import Problem

_STATUS: tuple[tuple[type[SalusError], int, str], ...] = (
    (SignatureError, 401, "SIGNATURE_INVALID"),
    (InputError, 400, "MALFORMED"),
    (NotFoundError, 404, "NOT_FOUND"),
    (ConflictError, 409, "CONFLICT"),
    (ChainRevert, 409, "CHAIN_REVERT"),
    (UnavailableError, 503, "UNAVAILABLE"),
)

TOO_MANY = Problem(429, 0, "TOO_MANY_ATTEMPTS", "too many wrong attempts from this address", "Wait a minute.")
TOO_LARGE = Problem(413, 0, "TOO_LARGE", "the request is larger than this oracle takes", InputError.advice)
BUSY = Problem(
    503, 0, "BUSY", "more messages than this oracle takes now", "Send it again after the time in Retry-After."
)
DRAINING = Problem(
    503, 0, "DRAINING", "the oracle ends: it takes nothing more", "Send it again when the oracle has been started."
)
NO_TOKEN = Problem(401, 0, "TOKEN_NEEDED", "senders over HTTP show a bearer token here", "Ask the oracle's operator.")


def problem_of(error: Exception) -> Problem:
    """The reply to an error; 500 without detail for those that are not meant for callers."""
    if isinstance(error, RefusedError):
        return Problem(403, int(error.code), error.code.name, str(error), error.advice)
    for kind, status, name in _STATUS:
        if isinstance(error, kind):
            code = int(Code.SIGNATURE_INVALID) if kind is SignatureError else 0
            return Problem(status, code, name, str(error), error.advice)
    return Problem(500, 0, "INTERNAL", "the oracle met an error of its own", SalusError.advice)
