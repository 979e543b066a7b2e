"""The `CustodianClient` port over HTTP (docs/protocol.md section 8).

| answer | becomes |
| --- | --- |
| 200 | the JSON object |
| problem+json with a code of docs/errors.md | RefusedError with that code |
| 404, 409, 503, 500 without one | NotFoundError, ConflictError, UnavailableError |
| other 4xx without one | InputError |
| no answer, one too slow or too long, or no JSON | UnavailableError |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from salus.adapters.custodian_verbs import CustodianVerbs
from salus.core.calls import PATHS
from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RefusedError,
    SalusError,
    UnavailableError,
)
from salus.core.ids import ParticipantId

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""Several times what 1,024 listed leaves, or their shares, take."""


class HttpCustodians(CustodianVerbs):
    """Custodians by participantId and base URL. Safe to use from several threads.

    A call is sent once: a custodian refuses a repeated one (108), so the caller signs anew. `timeout` in seconds is for
    each wait and for the whole body of an answer: one that drips must not hold up what the others' shares suffice for.
    """

    def __init__(
        self,
        urls: Mapping[ParticipantId, str],
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._urls = {custodian: url.rstrip("/") for custodian, url in urls.items()}
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=3.0),
            transport=transport,
            headers={
                "content-type": "application/json",
                "accept": "application/json, application/problem+json",
                "accept-encoding": "identity",
            },
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._http.close()

    def _ask(self, custodian: ParticipantId, verb: str, call: dict[str, Any]) -> dict[str, Any]:
        if custodian not in self._urls:
            raise UnavailableError(f"no address is known for custodian 0x{custodian.hex()}")
        try:
            with self._http.stream("POST", self._urls[custodian] + PATHS[verb], content=canonical(call)) as response:
                content = self._read(response)
        except httpx.HTTPError as error:
            raise UnavailableError(f"custodian 0x{custodian.hex()} does not answer ({type(error).__name__})") from error
        if content is None:
            raise UnavailableError(f"custodian 0x{custodian.hex()} answers too slowly or without end")
        try:
            answer = parse(content)
        except InputError:
            answer = None
        if not isinstance(answer, dict):
            raise UnavailableError(f"custodian 0x{custodian.hex()} answered HTTP {response.status_code} without JSON")
        if response.is_success:
            return answer
        raise _error_of(response.status_code, answer)

    def _read(self, response: httpx.Response) -> bytes | None:
        parts, size, until = list[bytes](), 0, self._monotonic() + self._timeout
        if "content-encoding" in response.headers:  # nobody asked for it: a small answer could unpack to a huge one
            return None
        for part in response.iter_bytes():
            size += len(part)
            if size > MAX_ANSWER_BYTES or self._monotonic() > until:
                return None
            parts.append(part)
        return b"".join(parts)


def _error_of(status: int, problem: Mapping[str, Any]) -> SalusError:
    detail = str(problem.get("detail", ""))[:500] or f"the custodian answered HTTP {status}"
    code = problem.get("code")
    if isinstance(code, int) and code in Code.__members__.values():
        return RefusedError(Code(code), detail)
    if status == httpx.codes.NOT_FOUND:
        return NotFoundError(detail)
    if status == httpx.codes.CONFLICT:
        return ConflictError(detail)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return UnavailableError(detail)
    return InputError(detail)
