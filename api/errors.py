"""What the API refuses by itself, beside the errors of `salus.core.errors`.

SalusError
├── UnauthenticatedError     nobody has proven who calls
│   └── TokenRequestError    the token endpoint refuses (RFC 6749 section 5.2)
├── ForbiddenError           the caller is known and may not do this here
├── TooManyRequestsError     the caller must slow down
└── TooLargeError            the body is longer than this API takes
"""

from __future__ import annotations

from salus.core.errors import SalusError


class UnauthenticatedError(SalusError):
    """Nobody has proven who calls."""

    advice = "Staff: ask /oauth/token for a token. Patients: sign the challenge of /v1/patients/challenge."


class TokenRequestError(UnauthenticatedError):
    """The token endpoint refuses; `error` is the code of RFC 6749 section 5.2."""

    advice = "docs/api.md says how a client key is registered and what the assertion must claim."

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class ForbiddenError(SalusError):
    """The caller is known and may not do this here."""

    advice = "Ask the institution for a client with the scope named, or use the account that holds what is asked for."


class TooManyRequestsError(SalusError):
    """The caller must slow down; `retry_after` in seconds."""

    advice = "Wait as long as Retry-After says, then try again."

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many requests from this caller")
        self.retry_after = retry_after


class TooLargeError(SalusError):
    """The body is longer than this API takes."""

    advice = "Send fewer records at once."
