"""Health, readiness, metrics: for the operator, on loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Response

from api.metrics import CONTENT_TYPE, Metrics
from api.routers.bodies import canonical_json
from salus.core.errors import SalusError


def router(checks: Mapping[str, Callable[[], None]], metrics: Metrics) -> APIRouter:
    """Routes of the service; each check raises a `SalusError` when its part is not ready."""
    routes = APIRouter(tags=["service"])

    @routes.get("/health", summary="The process answers")
    def health() -> dict[str, str]:
        return {"status": "up"}

    @routes.get("/ready", summary="Every part this API needs is there", responses={503: {"description": "Not ready."}})
    def ready() -> Response:
        parts = {name: _state(check) for name, check in checks.items()}
        answer = canonical_json({"ready": all(state == "ready" for state in parts.values()), "parts": parts})
        answer.status_code = 200 if all(state == "ready" for state in parts.values()) else 503
        return answer

    @routes.get("/metrics", summary="Prometheus metrics", response_class=Response)
    def exposition() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return routes


def _state(check: Callable[[], None]) -> str:
    try:
        check()
    except SalusError as error:
        return str(error)
    return "ready"
