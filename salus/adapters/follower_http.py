"""A follower of the chain as a service: its loop in a thread, and /health, /ready, /metrics over HTTP on loopback.

Watch and sidecar are such. Nothing that is told names a person or has content.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event, Thread
from typing import Any, Protocol

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from salus.adapters import http_server

_HOST = "127.0.0.1"


class Status(Protocol):
    """How a follower is."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not to be relied on; empty when it is."""

    def facts(self) -> Mapping[str, Any]:
        """What /ready tells beside that, as JSON."""


class Follower(Protocol):
    """What goes on with a chain until it is told to stop."""

    @property
    def status(self) -> Status:
        """How it is after its last step. Safe to read from other threads."""

    def run(self, stop: Event, poll_seconds: float) -> None:
        """Follow, with a pause between steps."""


def create_app(service: str, follower: Follower, registry: CollectorRegistry) -> FastAPI:
    """The application of a service."""
    app = FastAPI(title=f"Salus {service}", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """200 while the follower can be relied on, 503 with reasons while it can't; its facts in both cases."""
        now = follower.status
        body = {"ready": not now.reasons, "reasons": list(now.reasons), **now.facts()}
        return JSONResponse(body, 503 if now.reasons else 200)

    @app.get("/metrics")
    def metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def serve(service: str, follower: Follower, registry: CollectorRegistry, port: int, poll_seconds: float) -> None:
    """Follow the chain and answer on HTTP until told to stop."""
    stop = Event()
    thread = Thread(target=follower.run, args=(stop, poll_seconds), name="follower")
    thread.start()
    try:
        http_server.run(create_app(service, follower, registry), _HOST, port)
    finally:
        stop.set()
        thread.join()
