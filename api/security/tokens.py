"""Access tokens: JWTs of five minutes at most, signed by the API's own Ed25519 key (RFC 7519, RFC 8037)."""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.errors import UnauthenticatedError
from api.model import Caller, Patient, Scope, Staff
from salus.core.ids import Address
from salus.core.labels import Role
from salus.core.ports import Clock, Randomness

LIFE_SECONDS = 300
_ALGORITHM = "EdDSA"


class Tokens:
    """Gives and reads tokens; `issuer` is the institution's DID, which is also the audience."""

    def __init__(self, key: Ed25519PrivateKey, issuer: str, clock: Clock, random: Randomness) -> None:
        self._key = key
        self._public = key.public_key()
        self._issuer = issuer
        self._clock = clock
        self._random = random

    def give(self, caller: Caller) -> str:
        """Token that names a caller."""
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._issuer,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": self._random(16).hex(),
        }
        if isinstance(caller, Staff):
            claims |= {
                "kind": "staff",
                "sub": caller.client_id,
                "person": caller.person,
                "role": caller.role.name,
                "scope": " ".join(sorted(caller.scopes)),
            }
        else:
            claims |= {"kind": "patient", "sub": caller.account}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> Caller:
        """Caller of a token.

        Raises:
            UnauthenticatedError: not a token of this API, or expired.
        """
        try:
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[_ALGORITHM],
                audience=self._issuer,
                issuer=self._issuer,
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            expired = int(claims["exp"]) <= self._clock.now()
            if claims["kind"] == "staff":
                scopes = frozenset(Scope(name) for name in str(claims["scope"]).split())
                caller: Caller = Staff(str(claims["sub"]), str(claims["person"]), Role[claims["role"]], scopes)
            else:
                caller = Patient(Address(str(claims["sub"])))
        except (jwt.PyJWTError, KeyError, ValueError, RecursionError) as error:
            raise UnauthenticatedError("the token is not of this API") from error
        if expired:
            raise UnauthenticatedError("the token has expired")
        return caller
