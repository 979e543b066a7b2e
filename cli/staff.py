"""A staff client of an institution's API: signs in by `private_key_jwt` and opens, lists, audits.

The client's key is an EC P-256 key (ES256); its public half stands in the API's client registry (docs/api.md).
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from salus.adapters.api_client import ApiClient
from salus.core.canonical import parse
from salus.core.errors import SetupError, UnavailableError
from salus.core.labels import Role

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RENEW_SECONDS = 240


def make_client_key(path: Path) -> None:
    """A new client key in a new PEM file, mode 0600; an existing one stays."""
    if path.exists():
        return
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def public_jwk(path: Path) -> dict[str, Any]:
    """Public JWK of a client key, for the registry."""
    key = serialization.load_pem_private_key(path.read_bytes(), None).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SetupError(f"{path.name} is not an EC key: remove it and run `make up` again")
    return jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)


class StaffClient:
    """One person of an institution's staff, through one client."""

    def __init__(self, base_url: str, client_id: str, key: Path, person: str, role: Role) -> None:
        if not key.exists():
            raise SetupError(f"there is no client key {key}: run `make up` first")
        self.api = ApiClient(base_url)
        self._client_id = client_id
        self._key = key.read_text()
        self._person = person
        self._role = role
        self._token = ""
        self._signed_in = 0.0

    def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET."""
        return self.api.get(path, self.token(), **query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """JSON answer to a POST."""
        return self.api.post(path, body, self.token())

    def token(self) -> str:
        """A token that is good for another minute at least.

        Raises:
            SetupError: the API knows no such client, key or role.
            UnavailableError: the API does not answer.
        """
        if not self._token or time.monotonic() - self._signed_in > _RENEW_SECONDS:
            self._token = self._new_token()
            self._signed_in = time.monotonic()
        return self._token

    def _new_token(self) -> str:
        try:
            answer = httpx.post(f"{self.api.base_url}/oauth/token", data=self._request(), trust_env=False)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self.api.base_url} does not answer") from error
        if answer.is_error:
            raise SetupError(f"the API gave no token ({answer.status_code}): is the client registered there?")
        return str(parse(answer.content)["access_token"])

    def open(
        self, consent_id: str, purpose: str = "TREAT", actions: Sequence[str] = ("ACCESS", "USE"), **more: Any
    ) -> Any:
        """Open what a stored consent package allows."""
        return self.post(
            "/v1/accesses", {"consentId": consent_id, "purpose": purpose, "actions": list(actions), **more}
        )

    def _request(self) -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": f"{self.api.base_url}/oauth/token",
            "iat": now,
            "exp": now + 120,
            "jti": uuid.uuid4().hex,
            "person": self._person,
            "role": self._role.name,
        }
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": _ASSERTION,
            "client_assertion": jwt.encode(claims, self._key, algorithm="ES256"),
        }
