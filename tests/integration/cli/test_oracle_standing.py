"""How a running oracle stands, asked over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from cli import app, output
from oracle.alerts import ADVICE, AlertKind
from oracle.settings import PREFIX

WELL: dict[str, Any] = {"sources": ["his", "lis"], "sourcesRejected": [], "alerts": [], "pendingMessages": 0}
WRONG = "lis.toml: charset: must be UTF-8, GB18030, BIG5 or ASCII"


class Ready(HTTPServer):
    """Answers everything with one body."""

    said: tuple[int, bytes] = (200, b"{}")


class _Answer(BaseHTTPRequestHandler):
    server: Ready

    def do_GET(self) -> None:
        status, body = self.server.said
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ready]:
    server = Ready(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(f"{PREFIX}HTTP_PORT", str(server.server_port))
    monkeypatch.setitem(output._state, "json", value=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asked(oracle: Ready, status: int, said: dict[str, Any]) -> int:
    oracle.said = (status, json.dumps(said).encode())
    return app.run(["oracle", "status", "here"])


def test_status__of_a_ready_oracle__lists_its_sources(oracle: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(oracle, 200, WELL) == 0
    assert capsys.readouterr().out == "ready\n2 sources in force: his, lis\n"


def test_status__changed_file_that_is_wrong__says_what_to_mend_and_since_when(
    oracle: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = {"alert": "sources-rejected", "source": "lis.toml", "since": 1_795_744_520, "value": 1, "limit": 1}
    assert asked(oracle, 200, {**WELL, "sourcesRejected": [WRONG], "alerts": [alert], "quarantined": 1200}) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"mend these, what was before goes on: {WRONG}" in told
    assert "1,200 messages in quarantine" in told
    advice = ADVICE[AlertKind.SOURCES_REJECTED]
    assert f"alert sources-rejected of lis.toml since 2026-11-27 09:55:20 +08:00: {advice}" in told


def test_status__not_ready__says_why_and_ends_with_5(oracle: Ready, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(oracle, 503, {**WELL, "code": 1, "detail": "the node does not answer", "held": True}) == 5
    assert capsys.readouterr().out.startswith("not ready: the node does not answer\nintake is held: senders wait\n")


def test_status__alert_of_a_newer_oracle__is_named_without_advice(
    oracle: Ready, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = {"alert": "moon-full", "source": "", "since": 1_795_744_520}
    assert asked(oracle, 200, {**WELL, "alerts": [alert]}) == 0
    assert capsys.readouterr().out.endswith("alert moon-full since 2026-11-27 09:55:20 +08:00\n")


@pytest.mark.parametrize("body", [b"", b"no json"])
def test_status__no_answer_of_an_oracle__is_unavailable(
    oracle: Ready, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    oracle.said = (200, body)
    assert app.run(["oracle", "status", "here"]) == 5
    assert "does it run?" in capsys.readouterr().err


def test_status__of_an_institution_without_an_oracle__is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["oracle", "status", "institute"]) == 2
    assert "an oracle is one of" in capsys.readouterr().err
