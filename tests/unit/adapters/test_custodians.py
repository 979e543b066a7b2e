"""The custodians' client against custodians that answer anything."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from salus.adapters.custodians import HttpCustodians
from salus.core.codes import Code
from salus.core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    RefusedError,
    SalusError,
    UnavailableError,
)
from salus.core.ids import ParticipantId

CUSTODIAN = ParticipantId(b"\x01" * 32)


def client(answer: Callable[[httpx.Request], httpx.Response]) -> HttpCustodians:
    return HttpCustodians({CUSTODIAN: "http://custodian.test/"}, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("deposit", "/v1/deposits"),
        ("list", "/v1/lists"),
        ("release", "/v1/releases"),
        ("destroy", "/v1/destructions"),
        ("repair", "/v1/repairs"),
        ("recall", "/v1/recalls"),
    ],
)
def test_call__answered__goes_to_its_path_as_canonical_json(verb: str, path: str) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True})

    result = getattr(client(answer), verb)(CUSTODIAN, {"b": 1, "a": {"z": "中", "y": 2}})
    assert result == {"ok": True}
    assert (seen[0].method, seen[0].url.path) == ("POST", path)
    assert seen[0].content == '{"a":{"y":2,"z":"中"},"b":1}'.encode()


@pytest.mark.parametrize(
    ("status", "problem", "kind"),
    [
        (403, {"code": 20, "name": "CONSENT_REVOKED", "detail": "revoked"}, RefusedError),
        (503, {"code": 170, "name": "NODE_STALE", "detail": "stale"}, RefusedError),
        (404, {"code": 0, "name": "NOT_FOUND", "detail": "unknown"}, NotFoundError),
        (409, {"code": 0, "name": "CONFLICT", "detail": "other content"}, ConflictError),
        (503, {"code": 0, "name": "UNAVAILABLE", "detail": "away"}, UnavailableError),
        (500, {"code": 0, "name": "INTERNAL", "detail": "failed"}, UnavailableError),
        (429, {}, UnavailableError),
        (400, {"code": 0, "name": "MALFORMED", "detail": "malformed"}, InputError),
        (413, {"code": 9999, "name": "NEW", "detail": "unknown code"}, InputError),
        (400, {"code": "20"}, InputError),
    ],
)
def test_call__refused__becomes_the_error_of_the_table(
    status: int, problem: dict[str, Any], kind: type[SalusError]
) -> None:
    with pytest.raises(kind) as caught:
        client(lambda _: httpx.Response(status, json=problem)).release(CUSTODIAN, {})
    assert type(caught.value) is kind
    assert str(problem.get("detail", "")) in str(caught.value)


def test_call__refused_with_a_code__carries_it() -> None:
    problem = {"code": 151, "name": "RECORD_SUPERSEDED", "detail": "superseded"}
    with pytest.raises(RefusedError) as caught:
        client(lambda _: httpx.Response(403, json=problem)).release(CUSTODIAN, {})
    assert caught.value.code is Code.RECORD_SUPERSEDED


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"', b"null", b"\xff", b'{"a":NaN}'])
@pytest.mark.parametrize("status", [200, 403, 502])
def test_call__answered_without_a_json_object__is_unavailable(status: int, body: bytes) -> None:
    with pytest.raises(UnavailableError):
        client(lambda _: httpx.Response(status, content=body)).list(CUSTODIAN, {})


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_call__not_answered__is_unavailable_and_not_repeated(failure: type[httpx.HTTPError]) -> None:
    calls: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(1)
        raise failure("lost")

    with pytest.raises(UnavailableError):
        client(answer).deposit(CUSTODIAN, {})
    assert len(calls) == 1


def test_call__to_a_custodian_without_an_address__is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="no address"):
        client(lambda _: httpx.Response(200, json={})).list(ParticipantId(b"\x02" * 32), {})


def endless(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=itertools.repeat(b" " * 65_536))


def test_call__answer_without_end__is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="without end"):
        client(endless).list(CUSTODIAN, {})


def test_call__answer_that_drips__is_unavailable_after_the_timeout() -> None:
    drips, clock = itertools.repeat(b" "), itertools.count(step=10)
    custodians = HttpCustodians(
        {CUSTODIAN: "http://custodian.test"},
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=drips)),
        monotonic=lambda: float(next(clock)),
    )
    with pytest.raises(UnavailableError, match="too slowly"):
        custodians.release(CUSTODIAN, {})
    assert next(clock) == 50  # began, then 10, 20, 30 and beyond 30 seconds


def test_call__packed_answer__is_not_unpacked() -> None:
    packed = gzip.compress(b"{" + b" " * 1_000_000 + b"}")
    answer = httpx.Response(200, content=packed, headers={"content-encoding": "gzip"})
    with pytest.raises(UnavailableError):
        client(lambda _: answer).list(CUSTODIAN, {})
