"""Signing in."""

from __future__ import annotations

from typing import Any, Literal

from api.schemas.common import Account, Signature, Wire


class ChallengeRequest(Wire):
    """Which account wants to sign in."""

    address: Account


class Challenge(Wire):
    """Typed data for `eth_signTypedData_v4`; good for two minutes and one sign-in."""

    challenge: dict[str, Any]


class SignInRequest(Wire):
    """The account and its signature over an open challenge."""

    address: Account
    signature: Signature


class Token(Wire):
    """RFC 6749 section 5.1; `expires_in` in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token, not one
    expires_in: int
    scope: str | None = None

    model_config = Wire.model_config | {"alias_generator": None}
