"""A node that lies: a real HTTP proxy on loopback before an honest one, that alters answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

Lie = Callable[[str, Sequence[Any], Any], Any]
"""Method, parameters and the true result to the result that is told."""


class RogueNode:
    """The proxy; honest while `lie` is None. `told` counts the answers that were altered."""

    def __init__(self, honest: str) -> None:
        self.lie: Lie | None = None
        self.told = 0
        self._client = httpx.Client(base_url=honest, timeout=30, trust_env=False)
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                answer = node._answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def _answer(self, asked: bytes) -> bytes:
        body = json.loads(asked)
        true = self._client.post("/", content=asked, headers={"content-type": "application/json"}).json()
        lie = self.lie
        if lie is not None:
            calls = {call["id"]: call for call in (body if isinstance(body, list) else [body])}
            for answer in true if isinstance(true, list) else [true]:
                if "result" in answer:
                    call = calls[answer["id"]]
                    told = lie(call["method"], call["params"], answer["result"])
                    self.told += told != answer["result"]
                    answer["result"] = told
        return json.dumps(true).encode()
