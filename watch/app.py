"""HTTP of the watch: /health, /ready, /metrics. No content and no identifiers of people."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from watch.follow import Status
from watch.metrics import Metrics


def create_app(status: Callable[[], Status], metrics: Metrics) -> FastAPI:
    """The application; `status` tells how the follower is."""
    app = FastAPI(title="Salus watch", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> JSONResponse:
        """200 while the index can be relied on, 503 with reasons while it can't; open alerts in both cases."""
        now = status()
        body = {
            "ready": not now.reasons,
            "reasons": list(now.reasons),
            "indexed": now.indexed.number if now.indexed else None,
            "final": now.final.number if now.final else None,
            "lag": now.lag,
            "alerts": dict(now.open_alerts),
        }
        return JSONResponse(body, 503 if now.reasons else 200)

    @app.get("/metrics")
    def show_metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app
