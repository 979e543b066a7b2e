"""What a route asks of its caller, as FastAPI dependencies."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import ForbiddenError, UnauthenticatedError
from api.model import Caller, Patient, Scope, Staff
from api.security.limits import Line, RateLimit
from api.security.tokens import Tokens

_SIGNATURES = 50_000
_WAITING, _WAITING_EACH = 20, 8
"""Calls of patients that may wait for chain or custodians at once: half the threads, and less for one peer."""
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="Staff or patient token, five minutes.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class Guards:
    """Reads tokens and counts callers."""

    def __init__(self, tokens: Tokens, per_peer: RateLimit, per_account: RateLimit) -> None:
        self._tokens = tokens
        self._per_peer = per_peer
        self._per_account = per_account
        self._line = Line(_WAITING, _WAITING_EACH)
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def anybody(self, request: Request, credentials: Credentials) -> Caller:
        """Staff or a signed-in patient; any key can sign in as one, so a patient's requests count against the peer.

        Raises:
            UnauthenticatedError: no token, or not one of this API.
            TooManyRequestsError: too many of this peer's patients.
        """
        if credentials is None:
            raise UnauthenticatedError("this needs a bearer token")
        caller = self._tokens.read(credentials.credentials)
        if isinstance(caller, Patient):
            self.limited(request)
        return caller

    def staff(self, scope: Scope) -> Callable[[Request, Credentials], Staff]:
        """Dependency: staff with a scope; ForbiddenError otherwise."""

        def require(request: Request, credentials: Credentials) -> Staff:
            return self.staff_of(self.anybody(request, credentials), scope)

        return require

    def patient(self, request: Request, credentials: Credentials) -> Patient:
        """A signed-in patient.

        Raises:
            ForbiddenError: it is staff.
        """
        caller = self.anybody(request, credentials)
        if not isinstance(caller, Patient):
            raise ForbiddenError("only a signed-in patient may do this")
        return caller

    def witness(self, token: str, first: Staff, scope: Scope) -> Staff:
        """A second person of the staff, by their own token.

        Raises:
            ForbiddenError: the same person, or without the scope.
        """
        second = self.staff_of(self._tokens.read(token), scope)
        if second.person == first.person:
            raise ForbiddenError("the witness must be another person")
        return second

    @staticmethod
    def staff_of(caller: Caller, scope: Scope) -> Staff:
        """The caller as staff with a scope.

        Raises:
            ForbiddenError: a patient, or without the scope.
        """
        if not isinstance(caller, Staff):
            raise ForbiddenError("only staff of this institution may do this")
        if scope not in caller.scopes:
            raise ForbiddenError(f"this needs the scope {scope}")
        return caller

    def limited(self, request: Request) -> None:
        """Count a request that is not of this institution's staff against its peer."""
        self._per_peer.take(_peer(request))

    async def in_line(self, request: Request) -> AsyncIterator[None]:
        """Dependency: a place among the calls that wait for chain or custodians, held until the answer."""
        async with self._line.place(_peer(request)):
            yield

    def count(self, account: str, signature: bytes) -> None:
        """Count a relayed call against the account whose signature it bears, once that signature was checked.

        A signature counts against the account once, and then against itself: signatures stand on the chain for all to
        read, and whoever sends old ones again must not keep the patient from revoking.

        Raises:
            TooManyRequestsError: too many of this account, or this one too often.
        """
        self._per_account.take(signature.hex())
        with self._lock:
            fresh = signature not in self._seen
        if fresh:
            self._per_account.take(account)
        with self._lock:
            self._seen[signature] = None
            self._seen.move_to_end(signature)
            while len(self._seen) > _SIGNATURES:
                self._seen.popitem(last=False)


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""
