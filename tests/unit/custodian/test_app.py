"""The custodian over HTTP: answers, problems, limits, readiness, metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from custodian.app import Desk, create_app
from custodian.metrics import Metrics
from custodian.problems import problem_of
from salus.core.calls import PATHS
from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.errors import ConflictError, InputError, NotFoundError, SalusError, SignatureError, UnavailableError
from salus.core.ids import hex32
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage


@pytest.fixture
def served() -> dict[str, bool]:
    return {"yes": True}


@pytest.fixture
def client(stage: MemoryStage, served: dict[str, bool]) -> Iterator[TestClient]:
    metrics = Metrics()
    app = create_app(Desk(stage.members[0], metrics, lambda: served["yes"]), metrics, max_body=200_000)
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def test_app__honest_calls__are_answered_in_canonical_json(stage: MemoryStage, client: TestClient) -> None:
    case = Case(stage, Draft(), Draft(level=5))
    case.request()
    custodian, operator = stage.custodians[0], stage.reader.operator
    listed = client.post(
        PATHS["list"], content=canonical(stage.call("list", custodian, {"package": case.package.to_json()}, operator))
    )
    assert listed.status_code == 200
    assert [item["leaf"] for item in listed.json()["items"]] == [hex32(case.leaves[0])]
    body = case.release_body(custodian)
    released = client.post(PATHS["release"], content=canonical(stage.call("release", custodian, body, operator)))
    assert released.headers["content-type"] == "application/json"
    assert released.content == canonical(parse(released.content))
    assert len(released.json()["shares"]) == 1
    text = client.get("/metrics").text
    assert 'salus_custodian_calls_total{outcome="OK",verb="release"} 1.0' in text
    assert "salus_custodian_released_records_total 1.0" in text
    assert 'salus_custodian_refused_records_total{code="146"} 1.0' in text


def test_app__refusal__is_a_problem_with_code_and_advice(stage: MemoryStage, client: TestClient) -> None:
    case = Case(stage)
    case.request()
    stage.revoke(case.patient, case.signed)
    custodian = stage.custodians[0]
    call = stage.call("release", custodian, case.release_body(custodian), stage.reader.operator)
    answer = client.post(PATHS["release"], content=canonical(call))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["name"], problem["status"]) == (20, "CONSENT_REVOKED", 403)
    assert problem.keys() == {"type", "title", "status", "code", "name", "detail", "advice"}
    assert hex32(case.patient.subject) not in answer.text


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("verb", sorted(PATHS))
def test_app__bytes_that_are_no_call__are_malformed(client: TestClient, verb: str, raw: bytes) -> None:
    answer = client.post(PATHS[verb], content=raw)
    assert (answer.status_code, answer.json()["name"]) == (400, "MALFORMED")


def test_app__body_above_the_limit__is_refused_unread(client: TestClient) -> None:
    answer = client.post(PATHS["deposit"], content=b"x" * 200_001)
    assert (answer.status_code, answer.json()["name"]) == (413, "TOO_LARGE")


def test_app__endless_body_without_a_length__is_refused(client: TestClient) -> None:
    answer = client.post(PATHS["deposit"], content=(b"x" * 10_000 for _ in range(30)))
    assert answer.status_code == 413


def test_app__other_methods_and_paths__are_refused(client: TestClient) -> None:
    assert client.get(PATHS["list"]).status_code == 405
    assert client.post("/v1/keys").status_code == 404


def test_app__before_orders_are_followed_up__serves_nothing(
    stage: MemoryStage, client: TestClient, served: dict[str, bool]
) -> None:
    served["yes"] = False
    assert client.post(PATHS["list"], content=b"{}").status_code == 503
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200
    served["yes"] = True
    assert client.get("/ready").json()["custodianId"] == hex32(stage.custodians[0])


@pytest.mark.parametrize("reason", ["stale", "suspended", "shortened"])
def test_app__ready__says_no_with_the_code(stage: MemoryStage, client: TestClient, reason: str) -> None:
    assert client.get("/ready").status_code == 200
    if reason == "stale":
        stage.stop_blocks()
    elif reason == "suspended":
        stage.suspend(stage.custodians[0])
    else:
        stage.chain.fork(1)
    expected = {
        "stale": Code.NODE_STALE,
        "suspended": Code.CUSTODIAN_INACTIVE,
        "shortened": Code.CHAIN_SHORTENED,
    }
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, int(expected[reason]))


def test_app__ready__chain_lost_blocks_before_orders_are_followed_up__names_the_chain(
    stage: MemoryStage, client: TestClient, served: dict[str, bool]
) -> None:
    assert client.get("/ready").status_code == 200
    served["yes"] = False
    stage.chain.fork(1)
    assert client.get("/ready").json()["code"] == int(Code.CHAIN_SHORTENED)


class BrokenChain:
    """A chain whose every use fails in a way nobody foresaw, with words that must not leak."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("secret words")


def test_app__unforeseen_error__tells_nothing(stage: MemoryStage) -> None:
    metrics = Metrics()
    broken = replace(stage.members[0], chain=BrokenChain())  # type: ignore[arg-type]  # broken on purpose
    with TestClient(create_app(Desk(broken, metrics, lambda: True), metrics)) as client:
        answer = client.post(PATHS["release"], content=b"{}")
    assert (answer.status_code, answer.json()["name"]) == (500, "INTERNAL")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), 400),
        (NotFoundError("x"), 404),
        (ConflictError("x"), 409),
        (UnavailableError("x"), 503),
        (SignatureError("x"), 401),
        (SalusError("x"), 500),
    ],
)
def test_problem__of_every_error__has_its_status(error: SalusError, status: int) -> None:
    assert problem_of(error).status == status
