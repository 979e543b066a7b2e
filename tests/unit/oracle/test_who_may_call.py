"""Who may call what at an oracle: its routes, and those for its own source's operators in other hands.

The application gets the parts that decide who calls and none of those that do the work: a route that reached for its
work before it knew the caller would end in 500 here.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from oracle.app import Front, create_app
from oracle.members import Members
from salus.adapters.memory import MemorySigner
from salus.core.canonical import canonical
from salus.core.policy import ParticipantRole
from salus.flows.custody import Caller
from tests.unit.oracle.oracle_world import SOURCE
from tests.unit.oracle.test_office import NEIGHBOUR, OTHER, STRANGER, Desk

OPEN = {"GET /health", "GET /ready", "GET /metrics", "GET /v1/proofs/{leaf}"}
SENDER = {"POST /v1/messages", "GET /v1/messages/{name}/ack"}
CODE = {"POST /v1/claims/prepare", "POST /v1/claims"}
MEMBER = {"GET /v1/content/{cid}"}
PATIENT = {"POST /v1/links/waiting", "POST /v1/links", "POST /v1/retention/due", "POST /v1/retention/agree"}
OWN = {
    "POST /v1/retention/list": "retention.list",
    "POST /v1/retention/sweep": "retention.sweep",
    "POST /v1/erasures": "erase",
    "POST /v1/operations/{verb}": "messages.quarantine",
}
IN_HEADER = {"POST /v1/erasures", "POST /v1/operations/{verb}"}


def test_table__routes_of_the_application__are_those_of_the_table() -> None:
    routes = create_app(cast("Front", None)).routes
    assert all(isinstance(route, Route) for route in routes)
    named = {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert named == OPEN | SENDER | CODE | MEMBER | PATIENT | set(OWN)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


@pytest.mark.parametrize("signer", [None, STRANGER, NEIGHBOUR], ids=["nobody", "stranger", "neighbour"])
def test_own_routes__called_by_others__are_refused_before_any_work(desk: Desk, signer: MemorySigner | None) -> None:
    outside = desk.outside
    assert outside.chain.participant(OTHER, outside.chain.head()).roles == ParticipantRole.SOURCE
    members = Members(outside.chain, outside.clock, SOURCE)
    front = SimpleNamespace(members=members, office=desk.office, source=SOURCE)
    client = TestClient(create_app(cast("Front", front)), raise_server_exceptions=False)
    for name, verb in OWN.items():
        path = name.split(" ")[1].replace("{verb}", "quarantine")
        headers: dict[str, str] = {}
        content = b"{}"
        if signer is not None:
            header, content = _signed(desk, verb, signer)
            headers = {"authorization": header} if name in IN_HEADER else {}
        answer = client.post(path, headers=headers, content=content)
        assert answer.status_code in {400, 401, 403}, (name, answer.status_code, answer.text)
        if signer is not None:
            assert answer.status_code == 403, (name, answer.text)


def _signed(desk: Desk, verb: str, signer: MemorySigner) -> tuple[str, bytes]:
    outside = desk.outside
    caller = Caller(signer, outside.chain.domain("Council"), outside.clock, outside.randomness)
    raw = canonical(caller.call(verb, SOURCE, {}))
    return "Salus " + urlsafe_b64encode(raw).decode().rstrip("="), raw
