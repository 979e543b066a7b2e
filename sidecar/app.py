"""HTTP of the sidecar: /health, /ready, /metrics."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sidecar.follow import Status
from sidecar.metrics import Metrics


def create_app(status: Callable[[], Status], metrics: Metrics) -> FastAPI:
    """The application; `status` tells how the follower stands."""
    app = FastAPI(title="Salus sidecar", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """200 while the node follows the registry, 503 with reasons while it may not."""
        now = status()
        body = {
            "ready": not now.reasons,
            "reasons": list(now.reasons),
            "final": now.at.number if now.at else None,
            "member": now.member,
            "peers": now.peers,
            "validators": now.validators,
        }
        return JSONResponse(body, 503 if now.reasons else 200)

    @app.get("/metrics")
    def show_metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
