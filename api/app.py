"""The ASGI application of one institution, put together from parts the runtime hands in."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from uuid import uuid4

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.box import Box
from api.errors import TooLargeError
from api.facts import Facts
from api.log import Log
from api.metrics import Metrics
from api.model import Institution
from api.opening import Opening, Supervisor
from api.packages import Packages
from api.ports import EvidenceMaker, OnceStore, PackageStore, RequestStore, Titles, VersionStore
from api.proofs import Proofs
from api.relay import Relay
from api.requests import RememberingLedger, Requests
from api.resolve import Resolver
from api.routers import accesses, audit, auth, consents, facts, receipts, relay, service
from api.security.clients import Assertions, Client, ClientRegistry
from api.security.guards import Guards
from api.security.limits import RateLimit
from api.security.signin import SignIns
from api.security.tokens import Tokens
from salus.core.did import Did, DidKind
from salus.core.ids import ParticipantId
from salus.core.outcome import AccessLedger
from salus.core.ports import ChainReader, ChainWriter, ContentStore, CustodianClient
from salus.core.ports_index import IndexReader
from salus.flows.custody import Caller
from salus.flows.destroy import Destroying
from salus.flows.final import FinalWriter
from salus.flows.ledger import Gateway
from salus.flows.open import Reading

MAX_BODY_BYTES = 4 * 1024 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_DESCRIPTION = """Opens records for the staff of one institution, relays patients' signed calls to chain and custodians,
and tells auditors and patients what was opened. Errors are problems (RFC 9457) with stable codes; docs/api.md has the
rules of signing in."""
_log = structlog.get_logger("salus.api")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one API needs.

    `operator` sends the institution's own transactions, `relayer` those of patients. `ledger` is the institution's way
    to the gateway; `emergency` a ledger and a caller that sign for two operators, None where there is only one.
    `token_key` signs tokens, `seal_key` (32 bytes) seals packages at rest. `checks` are asked by /ready.
    `regulator` gets the sealed names of people (None: the first active one); `finality` is dev, clique or qbft.
    """

    institution: Institution
    chain: ChainReader
    index: IndexReader
    operator: ChainWriter
    relayer: ChainWriter
    ledger: AccessLedger
    custodians: CustodianClient
    content: ContentStore
    caller: Caller
    emergency: tuple[AccessLedger, Caller] | None
    packages: PackageStore
    requests: RequestStore
    versions: VersionStore
    once: OnceStore
    titles: Titles
    clients: Mapping[str, Client] | ClientRegistry
    token_key: Ed25519PrivateKey
    seal_key: bytes
    checks: Mapping[str, Callable[[], None]]
    regulator: ParticipantId | None = None
    finality: str = "dev"
    evidence: EvidenceMaker | None = None
    pause: Callable[[float], None] = time.sleep
    metrics: Metrics = field(default_factory=Metrics)
    calls_per_minute: int = 1200
    calls_per_account: int = 120


def create_app(parts: Parts) -> FastAPI:
    """The application; it starts nothing and opens nothing by itself."""
    metrics = parts.metrics
    app = FastAPI(
        title="Salus API",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    guards, auth_routes = _security(parts)
    me, clock, random = parts.institution.participant, parts.caller.clock, parts.caller.random
    box = Box(parts.seal_key, random)
    packages = Packages(me, parts.packages, box, parts.chain, clock)
    requests = Requests(parts.requests, box, clock)
    log = Log(me, parts.index, parts.titles)
    carried = Relay(
        parts.chain,
        FinalWriter(parts.relayer, parts.chain, parts.pause),
        Gateway(parts.chain, parts.relayer, parts.pause),
    )
    reading = Reading(RememberingLedger(parts.ledger, requests), parts.custodians, parts.content, parts.caller)
    seconded = _seconded(parts, reading, requests)
    supervisor = Supervisor(parts.index, parts.regulator)
    opening = Opening(me, parts.chain, supervisor, reading, seconded, parts.versions, requests, metrics)
    proofs = Proofs(me, parts.chain, parts.index, requests, parts.caller.signer, clock, parts.finality, parts.evidence)
    destroying = Destroying(
        parts.chain, parts.operator, parts.custodians, parts.content, parts.caller, clock, parts.pause
    )
    known = Facts(me, parts.chain, parts.index, parts.titles)
    resolver = Resolver(parts.chain, parts.index, parts.versions)
    app.include_router(auth_routes)
    app.include_router(facts.router(known, resolver, guards))
    app.include_router(consents.router(carried, packages, guards, parts.chain, clock, random))
    app.include_router(relay.router(carried, parts.custodians, parts.content, parts.chain, guards, metrics))
    app.include_router(accesses.router(me, opening, packages, log, destroying, guards))
    app.include_router(audit.router(log, guards, parts.chain, parts.custodians, parts.caller))
    app.include_router(receipts.router(proofs, guards))
    app.include_router(service.router(parts.checks, metrics))
    app.add_middleware(_Envelope, metrics=metrics)
    return app


def _seconded(parts: Parts, reading: Reading, requests: Requests) -> Reading | None:
    if parts.emergency is None:
        return None
    ledger, caller = parts.emergency
    return replace(reading, ledger=RememberingLedger(ledger, requests), caller=caller)


def _security(parts: Parts) -> tuple[Guards, APIRouter]:
    clock, random = parts.caller.clock, parts.caller.random
    issuer = str(Did(parts.chain.chain_id, DidKind.PARTICIPANT, parts.institution.participant))
    audiences = frozenset({issuer, f"{parts.institution.public_url}/oauth/token"})
    tokens = Tokens(parts.token_key, issuer, clock, random)
    guards = Guards(tokens, RateLimit(parts.calls_per_minute), RateLimit(parts.calls_per_account))
    assertions = Assertions(parts.clients, audiences, parts.once, clock)
    sign_ins = SignIns(parts.chain.domain("Council"), parts.institution.participant, clock, random)
    return guards, auth.router(assertions, sign_ins, tokens, guards)


class _Envelope:
    """Around every request: an id, a limit on the body, one log line and the metrics. Paths are logged as templates."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status, taken = time.perf_counter(), 500, 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY_BYTES:
                raise TooLargeError(f"the body is longer than {MAX_BODY_BYTES} bytes")
            return message

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                outgoing = MutableHeaders(scope=message)
                outgoing["x-request-id"] = request_id
                outgoing.setdefault("cache-control", "no-store")
            await send(message)

        try:
            announced = headers.get("content-length", "")
            if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
                error = TooLargeError(f"the body is longer than {MAX_BODY_BYTES} bytes")
                await problems.response_of(error, request_id)(scope, receive, marked)
            else:
                await self._app(scope, limited, marked)
        finally:
            self._record(Request(scope), status, request_id, time.perf_counter() - started)

    def _record(self, request: Request, status: int, request_id: str, seconds: float) -> None:
        route = getattr(request.scope.get("route"), "path", "unmatched")
        self._metrics.requests.labels(request.method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        _log.info(
            "answered",
            request_id=request_id,
            method=request.method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )
