"""Clients of an institution: registered public keys, and the assertions they sign (RFC 7523, `private_key_jwt`).

The registry is a JSON file:

    {"clients": [{"client_id": "his", "scopes": ["records:open"], "roles": ["PHYSICIAN"], "jwks": {"keys": [JWK, …]}}]}

`roles` left out allows every role. Keys are EC P-256 (ES256), EC P-384 (ES384) or RSA of 2,048 bits and more (RS384).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.errors import TokenRequestError
from api.model import Scope, Staff
from api.ports import OnceStore
from salus.core.errors import SetupError
from salus.core.hashing import sha256
from salus.core.labels import Role
from salus.core.ports import Clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_LIFE_SECONDS = 300
MAX_SKEW_SECONDS = 60
_MIN_RSA_BITS = 2048
_ALGORITHMS = {("EC", "P-256"): "ES256", ("EC", "P-384"): "ES384", ("RSA", ""): "RS384"}
_TEXT_LIMIT = 128


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key and the only algorithm it may be used with."""

    kid: str
    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client."""

    client_id: str
    scopes: frozenset[Scope]
    roles: frozenset[Role]
    keys: tuple[ClientKey, ...]


def read_clients(text: str) -> dict[str, Client]:
    """Clients of a registry's JSON text, by id.

    Raises:
        SetupError: malformed, a private key, or a key of another kind; names the client.
    """
    try:
        entries = json.loads(text)["clients"]
        clients = [_client(entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise SetupError("the client registry is not of the form docs/api.md shows") from error
    if len({client.client_id for client in clients}) != len(clients):
        raise SetupError("the client registry names one client twice")
    return {client.client_id: client for client in clients}


def _client(entry: Mapping[str, Any]) -> Client:
    client_id = str(entry["client_id"])
    try:
        keys = tuple(_key(jwk) for jwk in entry["jwks"]["keys"])
        scopes = frozenset(Scope(name) for name in entry["scopes"])
        roles = frozenset(Role[name] for name in entry.get("roles", Role.__members__))
    except (KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
        raise SetupError(f"client {client_id} has a malformed key, scope or role in the registry") from error
    if not keys:
        raise SetupError(f"client {client_id} has no key in the registry")
    return Client(client_id, scopes, roles, keys)


def _key(jwk: Mapping[str, Any]) -> ClientKey:
    if "d" in jwk:
        raise ValueError("a private key does not belong in a registry")
    algorithm = _ALGORITHMS[jwk["kty"], jwk.get("crv", "")]
    key = jwt.PyJWK.from_dict(dict(jwk), algorithm=algorithm).key
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise ValueError("an RSA key has at least 2,048 bits")
    return ClientKey(str(jwk.get("kid", "")), algorithm, key)


class ClientRegistry:
    """Clients of a file, read again when the file changes, so a key can be added or withdrawn while the API runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stat()
        self._clients = read_clients(path.read_text(encoding="utf-8"))

    def __getitem__(self, client_id: str) -> Client:
        """One client.

        Raises:
            KeyError: none of this id.
        """
        stamp = self._stat()
        if stamp != self._stamp:
            self._clients = read_clients(self._path.read_text(encoding="utf-8"))
            self._stamp = stamp
        return self._clients[client_id]

    def _stat(self) -> tuple[int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise SetupError("the client registry named by SALUS_API_CLIENTS cannot be read") from error
        return stat.st_mtime_ns, stat.st_size


class Assertions:
    """Checks client assertions; each is good once.

    `audiences` are the names of this token endpoint: its URL and the issuer's DID.
    """

    def __init__(
        self, clients: Mapping[str, Client] | ClientRegistry, audiences: frozenset[str], once: OnceStore, clock: Clock
    ) -> None:
        self._clients = clients
        self._audiences = audiences
        self._once = once
        self._clock = clock

    def staff_of(self, assertion: str, wanted_scope: str | None) -> Staff:
        """The person an assertion names, with the scopes asked for (space-separated; None takes all of the client's).

        Raises:
            TokenRequestError: unknown client or key, bad signature, wrong audience or times, replayed, or a scope or
                role the client is not registered for.
        """
        client, claims = self._verified(assertion)
        self._check_times(claims)
        self._check_once(client, claims)
        return Staff(client.client_id, _text(claims, "person"), _role(client, claims), _scopes(client, wanted_scope))

    def _verified(self, assertion: str) -> tuple[Client, dict[str, Any]]:
        try:
            client = self._clients[str(jwt.decode(assertion, options={"verify_signature": False})["iss"])]
            kid = str(jwt.get_unverified_header(assertion).get("kid", ""))
        except (KeyError, TypeError, AttributeError, RecursionError, jwt.PyJWTError) as error:
            raise TokenRequestError("invalid_client", "the assertion names no registered client") from error
        for key in client.keys:
            if kid and key.kid and kid != key.kid:
                continue
            try:
                claims: dict[str, Any] = jwt.decode(
                    assertion,
                    key.key,
                    algorithms=[key.algorithm],
                    audience=list(self._audiences),
                    options={
                        "require": ["iss", "sub", "aud", "exp", "iat", "jti"],
                        "verify_exp": False,  # times are checked below against the API's own clock port
                        "verify_iat": False,
                        "verify_nbf": False,
                    },
                )
            except jwt.InvalidAudienceError as error:
                raise TokenRequestError("invalid_client", "the assertion is for another audience") from error
            except jwt.PyJWTError:
                continue
            if claims["sub"] != client.client_id:
                raise TokenRequestError("invalid_client", "sub and iss of the assertion differ")
            return client, claims
        raise TokenRequestError("invalid_client", "no registered key of this client made the assertion")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        try:
            issued, expires = int(claims["iat"]), int(claims["exp"])
        except (TypeError, ValueError, OverflowError) as error:
            raise TokenRequestError("invalid_client", "iat and exp are Unix seconds") from error
        if expires <= now or issued > now + MAX_SKEW_SECONDS:
            raise TokenRequestError("invalid_client", "the assertion has expired or is from the future")
        if expires - now > MAX_LIFE_SECONDS + MAX_SKEW_SECONDS or expires - issued > MAX_LIFE_SECONDS:
            raise TokenRequestError("invalid_client", f"an assertion lives {MAX_LIFE_SECONDS} seconds at most")

    def _check_once(self, client: Client, claims: Mapping[str, Any]) -> None:
        jti = _text(claims, "jti")
        digest = sha256(b"salus.assertion.v1\0" + client.client_id.encode() + b"\0" + jti.encode())
        if not self._once.claim(digest, int(claims["exp"]), self._clock.now()):
            raise TokenRequestError("invalid_client", "this assertion was used before")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_LIMIT:
        raise TokenRequestError("invalid_client", f"the assertion must claim {name}, 1 to {_TEXT_LIMIT} characters")
    return value


def _role(client: Client, claims: Mapping[str, Any]) -> Role:
    try:
        role = Role[_text(claims, "role")]
    except KeyError as error:
        raise TokenRequestError("invalid_client", "the assertion claims a role that is not in the table") from error
    if role not in client.roles:
        raise TokenRequestError("invalid_client", "the client is not registered for this role")
    return role


def _scopes(client: Client, wanted: str | None) -> frozenset[Scope]:
    if wanted is None:
        return client.scopes
    try:
        asked = frozenset(Scope(name) for name in wanted.split())
    except ValueError as error:
        raise TokenRequestError("invalid_scope", "there is no such scope") from error
    if not asked or not asked <= client.scopes:
        raise TokenRequestError("invalid_scope", "the client is not registered for every scope asked for")
    return asked
