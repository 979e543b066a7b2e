"""Who may call what at a custodian: its routes, and every verb by callers whose signature gives them nothing.

Custodians know no tokens: a call is signed, and what it may have is decided by the chain (`tests/hostile.py` has the
codes). Here stands that no route answers another caller, the real bodies of a reader in a stranger's hands included.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from custodian.app import Desk, create_app
from custodian.metrics import Metrics
from salus.adapters.memory import MemorySigner
from salus.core.calls import PATHS
from salus.core.canonical import canonical
from tests.custody_stage import Case
from tests.unit.custodian.conftest import MemoryStage

OPEN = {"GET /health", "GET /ready", "GET /metrics"}
SIGNED = {
    "POST /v1/deposits",
    "POST /v1/lists",
    "POST /v1/releases",
    "POST /v1/destructions",
    "POST /v1/repairs",
    "POST /v1/recalls",
}


@pytest.fixture
def client(stage: MemoryStage) -> Iterator[TestClient]:
    metrics = Metrics()
    with TestClient(create_app(Desk(stage.members[0], metrics, lambda: True), metrics)) as opened:
        yield opened


def test_table__routes_of_the_application__are_those_of_the_table() -> None:
    routes = create_app(None, Metrics()).routes  # type: ignore[arg-type]  # none is called
    assert all(isinstance(route, Route) for route in routes)
    named = {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert named == OPEN | SIGNED


@pytest.mark.parametrize("verb", sorted(PATHS))
def test_call__unsigned_or_with_a_token__is_refused(client: TestClient, verb: str) -> None:
    for headers in ({}, {"authorization": "Bearer a.b.c"}):
        assert client.post(PATHS[verb], content=b"{}", headers=headers).status_code in {400, 401, 403}


@pytest.mark.parametrize("who", ["reader", "other", "supervisor", "stranger", "suspended", "for another", "as another"])
def test_call__real_bodies_of_a_reader__are_answered_to_the_reader_only(
    stage: MemoryStage, client: TestClient, who: str
) -> None:
    case = Case(stage)
    case.request()
    here, there = stage.custodians[:2]
    signer = {
        "other": stage.other.operator,
        "supervisor": stage.supervisor.operator,
        "stranger": MemorySigner.named("a stranger"),
    }.get(who, stage.reader.operator)
    if who == "suspended":
        stage.suspend(stage.reader.id)
    got = {}
    for verb, body in (("release", case.release_body(here)), ("list", {"package": case.package.to_json()})):
        call = stage.call(verb, there if who == "for another" else here, body, signer)
        if who == "as another":  # signed by a stranger, the signer's address set to the reader's
            call["signature"] = stage.call(verb, here, body, MemorySigner.named("a stranger"))["signature"]
        answer = client.post(PATHS[verb], content=canonical(call))
        got[verb] = answer.status_code
        assert answer.status_code < 500
        assert who == "reader" or not {"shares", "items"} & answer.json().keys()
    assert all(status == 200 for status in got.values()) is (who == "reader"), got
    assert who == "reader" or set(got.values()) <= {400, 401, 403}, got
