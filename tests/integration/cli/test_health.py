"""What services say of why they are not ready, asked over a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from cli.world.health import Health
from salus.core.codes import Code

Answering = Callable[[int, Any], Health]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A service that answers so."""
    servers: list[HTTPServer] = []

    def serve(status: int, body: Any) -> Health:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/ready" else 404)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                return

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return Health(servers[-1].server_port)

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"ready": False, "parts": {"node": "ready", "index": "90 blocks behind"}}, "index: 90 blocks behind"),
        ({"ready": False, "reasons": ["no block for 40 s", "no peers"]}, "no block for 40 s; no peers"),
        (
            {"code": int(Code.NODE_STALE), "title": "Node stale", "detail": "the node's head is 40 s old"},
            "the node's head is 40 s old",
        ),
        ({"code": "DRAINING"}, "DRAINING"),
        (["odd"], ""),
        (b"<html>", ""),
    ],
)
def test_health__not_ready__tells_why(answering: Answering, body: Any, why: str) -> None:
    service = answering(503, body)
    assert not service()
    assert service.why_not() == why


def test_health__ready__has_no_reason(answering: Answering) -> None:
    service = answering(200, {"ready": True, "parts": {"node": "ready"}})
    assert service()
    assert service.why_not() == ""


def test_health__custodian_waits_for_a_word_about_its_chain__is_up_and_says_so(answering: Answering) -> None:
    service = answering(503, {"code": int(Code.CHAIN_SHORTENED), "detail": "the chain lost blocks"})
    assert service()
    assert service.why_not() == "the chain lost blocks"


def test_health__nobody_listens__raises_as_a_part_that_is_not_up_does(answering: Answering) -> None:
    with pytest.raises(OSError):
        Health(1)()
