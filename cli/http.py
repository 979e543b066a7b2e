"""HTTP with an institution's API or an oracle: canonical JSON both ways, problems become the errors they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    NotFoundError,
    RefusedError,
    SalusError,
    SignatureError,
    UnavailableError,
)
from salus.core.ids import AccessId, from_hex
from salus.flows.open import AccessDeniedError

_TIMEOUT_SECONDS = 60.0
_BY_STATUS: tuple[tuple[int, type[SalusError]], ...] = (
    (404, NotFoundError),
    (409, ConflictError),
    (502, IntegrityError),
    (503, UnavailableError),
    (429, UnavailableError),
)


class Http:
    """Calls to one base URL, with a bearer token when one is set."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.token: str | None = None
        self._client = httpx.Client(base_url=self.base_url, timeout=_TIMEOUT_SECONDS)

    def get(self, path: str, **query: Any) -> Any:
        """JSON of a GET; parameters that are None are left out."""
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """JSON answer to a JSON body."""
        return self._send("POST", path, content=canonical(dict(body)), headers={"content-type": "application/json"})

    def form(self, path: str, members: Mapping[str, str]) -> Any:
        """JSON answer to a form (OAuth)."""
        return self._send("POST", path, data=dict(members))

    def raw(self, path: str) -> bytes:
        """Bytes of a GET."""
        return self._checked("GET", path).content

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _send(self, method: str, path: str, **options: Any) -> Any:
        response = self._checked(method, path, **options)
        return parse(response.content) if response.content else {}

    def _checked(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        try:
            response = self._client.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self.base_url} does not answer") from error
        if response.is_error:
            raise _error_of(response)
        return response


def _error_of(response: httpx.Response) -> SalusError:
    try:
        problem = parse(response.content)
        code, detail = int(problem.get("code", 0)), str(problem.get("detail") or problem.get("title") or "")
    except (InputError, AttributeError, TypeError, ValueError):
        return UnavailableError(f"the service answered {response.status_code} without saying why")
    if code and "accessId" in problem:
        return AccessDeniedError(Code(code), AccessId(from_hex(problem["accessId"])))
    if code:
        return RefusedError(Code(code))
    if problem.get("name") == "SIGNATURE":
        return SignatureError(detail)
    kind = next((kind for status, kind in _BY_STATUS if status == response.status_code), InputError)
    if response.status_code >= 500 and kind is InputError:
        kind = UnavailableError
    return kind(detail or f"the service answered {response.status_code}")
