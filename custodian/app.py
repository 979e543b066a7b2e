"""The custodian over HTTP: six verbs, health, readiness, metrics. Source: docs/protocol.md section 8."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from custodian.deposit import deposit
from custodian.destroy import destroy
from custodian.listing import list_records
from custodian.metrics import Metrics
from custodian.problems import TOO_LARGE, problem_of
from custodian.recall import recall
from custodian.release import release
from custodian.repair import repair
from custodian.rules import Custodian, look, require_active
from salus.core.calls import PATHS
from salus.core.canonical import canonical, parse
from salus.core.errors import InputError, SalusError, UnavailableError
from salus.core.ids import hex32
from salus.core.problem import MEDIA_TYPE, Problem

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_CALL_BYTES = 1024 * 1024  # of all others; 1,024 leaves and a consent are a tenth of it
THREADS = 12
VERBS: Mapping[str, Callable[[Custodian, Mapping[str, Any]], dict[str, Any]]] = {
    "deposit": deposit,
    "list": list_records,
    "release": release,
    "destroy": destroy,
    "repair": repair,
    "recall": recall,
}
_log = structlog.get_logger("custodian")


class Desk:
    """Answers the verbs of one custodian; `may_serve` is False until it has caught up with destruction orders."""

    def __init__(self, custodian: Custodian, metrics: Metrics, may_serve: Callable[[], bool]) -> None:
        self._custodian = custodian
        self._metrics = metrics
        self._may_serve = may_serve

    def answer(self, verb: str, raw: bytes) -> dict[str, Any] | Problem:
        """The answer to the bytes of a call, or the problem it met."""
        start = time.perf_counter()
        answer: dict[str, Any] | Problem
        try:
            answer = self._answer(verb, raw)
        except Exception as error:  # noqa: BLE001 - every error becomes a reply here
            answer = problem_of(error)
            if not isinstance(error, SalusError):
                _log.error("call failed", verb=verb, error=type(error).__name__)
        seconds = time.perf_counter() - start
        outcome = answer.name if isinstance(answer, Problem) else "OK"
        self._metrics.calls.labels(verb, outcome).inc()
        self._metrics.seconds.labels(verb).observe(seconds)
        if verb == "release" and isinstance(answer, dict):
            self._metrics.released.inc(len(answer["shares"]))
            for item in answer["refused"]:
                self._metrics.refused.labels(item["code"]).inc()
        _log.info("call", verb=verb, outcome=outcome, milliseconds=round(seconds * 1000, 1))
        return answer

    def ready(self) -> dict[str, Any] | Problem:
        """Whether this custodian would answer now: node fresh, chain whole, itself active, orders followed."""
        try:
            view = look(self._custodian)  # first: a stale or shortened chain is why orders can't be followed up
            require_active(self._custodian, view)
            if not self._may_serve():
                raise UnavailableError("destruction orders have not been followed up yet")
        except SalusError as error:
            return problem_of(error)
        self._metrics.head_age.set(self._custodian.clock.now() - view.head.timestamp)
        self._metrics.final_block.set(view.final.number)
        return {"custodianId": hex32(self._custodian.id), "head": view.head.number, "final": view.final.number}

    def _answer(self, verb: str, raw: bytes) -> dict[str, Any]:
        if not self._may_serve():
            raise UnavailableError("this custodian follows up destruction orders before it serves")
        value = parse(raw)
        if not isinstance(value, dict):
            raise InputError("a call is a JSON object")
        return VERBS[verb](self._custodian, value)


def create_app(desk: Desk, metrics: Metrics, max_body: int = MAX_BODY_BYTES) -> Starlette:
    """The application. Calls run in at most `THREADS` threads; a body above `max_body` bytes is refused unread."""
    limiter: list[CapacityLimiter] = []

    def route(verb: str) -> Route:
        async def endpoint(request: Request) -> Response:
            if not limiter:
                limiter.append(CapacityLimiter(THREADS))  # it belongs to the running event loop
            raw = await _read(request, max_body if verb == "deposit" else min(max_body, MAX_CALL_BYTES))
            if raw is None:
                return _reply(TOO_LARGE)
            return _reply(await to_thread.run_sync(desk.answer, verb, raw, limiter=limiter[0]))

        return Route(PATHS[verb], endpoint, methods=["POST"], name=verb)

    async def health(_: Request) -> Response:
        return _reply({"status": "ok"})

    async def ready(_: Request) -> Response:
        return _reply(await to_thread.run_sync(desk.ready))

    async def shown_metrics(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            *(route(verb) for verb in PATHS),
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", shown_metrics),
        ]
    )


async def _read(request: Request, limit: int) -> bytes | None:
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > limit:
        return None
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
    except ClientDisconnect:
        return None  # nobody is there to read an answer
    return b"".join(parts)


def _reply(answer: dict[str, Any] | Problem) -> Response:
    if isinstance(answer, Problem):
        return Response(canonical(answer.to_json()), answer.status, media_type=MEDIA_TYPE)
    return Response(canonical(answer), media_type="application/json")
