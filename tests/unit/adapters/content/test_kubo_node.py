"""What a node's words come to, and answers that stop in the middle; the real ones are in tests/integration/content."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable

import httpx
import pytest

from salus.adapters.content.car import raw_block, raw_cid
from salus.adapters.content.kubo_node import MOST_ANSWER, KuboNode
from salus.core.errors import IntegrityError, NotFoundError, SalusError, UnavailableError
from salus.core.hashing import sha256

BLOCK = raw_block(b"sealed")


def node(status: int, body: bytes) -> KuboNode:
    """A node that always answers so."""
    return KuboNode("http://node:5001", "t", httpx.MockTransport(lambda _: httpx.Response(status, content=body)))


def error(message: str) -> bytes:
    return json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("block was not found locally (offline): ipld: could not find bafk…", NotFoundError),
        ("context deadline exceeded", NotFoundError),
        ("block in storage has different hash than requested", IntegrityError),
        ("write /x: no space left on device", UnavailableError),
    ],
)
def test_block__refused__by_what_the_words_mean(message: str, kind: type[SalusError]) -> None:
    with pytest.raises(kind):
        node(500, error(message)).block(BLOCK.cid)


def test_block__refused_with_a_long_path__the_reason_at_the_end_is_told() -> None:
    words = f"failed to write to temp file: write /{'x' * 300}.data: no space left on device"
    with pytest.raises(
        UnavailableError, match=r"^node:5001 answers block/get: failed to write.* … .*: no space left"
    ) as why:
        node(500, error(words)).block(BLOCK.cid)
    assert len(str(why.value)) < 240


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"no":"message"}'])
def test_block__refused_in_another_form__is_unavailable(body: bytes) -> None:
    with pytest.raises(UnavailableError):
        node(502, body).block(BLOCK.cid)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"Stats": {"BlockCount": 1}}],  # nothing was pinned
        [{"Root": {"Cid": {"/": str(BLOCK.cid)}, "PinErrorMsg": ""}}],  # broke off before the end
        [{"Root": {"Cid": {"/": "bafyother"}, "PinErrorMsg": ""}}, {"Stats": {}}],
        [{"Root": {"Cid": {"/": str(BLOCK.cid)}, "PinErrorMsg": "no space left on device"}}, {"Stats": {}}],
    ],
)
def test_store__answered_200_but_not_done__is_unavailable(lines: list[object]) -> None:
    with pytest.raises(UnavailableError):
        node(200, "\n".join(map(json.dumps, lines)).encode()).store(BLOCK.cid, [BLOCK])


def test_store__over_a_damaged_copy__says_so() -> None:
    line = {"Root": {"Cid": {"/": str(BLOCK.cid)}, "PinErrorMsg": "block in storage has different hash than requested"}}
    with pytest.raises(IntegrityError):
        node(200, f"{json.dumps(line)}\n{json.dumps({'Stats': {}})}".encode()).store(BLOCK.cid, [BLOCK])


def test_remove__one_gone_one_absent__tells_them_apart() -> None:
    other = raw_cid(sha256(b"other"))
    lines = [{"Hash": str(BLOCK.cid)}, {"Hash": str(other), "Error": f"ipld: could not find {other}"}]
    assert node(200, "\n".join(map(json.dumps, lines)).encode()).remove([BLOCK.cid, other]) == {BLOCK.cid}


@pytest.mark.parametrize("line", [{}, {"Hash": str(BLOCK.cid), "Error": "pinned: recursive"}])
def test_remove__not_said_to_be_done__is_unavailable(line: dict[str, str]) -> None:
    with pytest.raises(UnavailableError):
        node(200, json.dumps(line).encode()).remove([BLOCK.cid])


@pytest.mark.parametrize(
    "ask",
    [lambda node: list(node.present()), lambda node: node.pins(), lambda node: node.size(), lambda node: node.greet()],
)
def test_node__away__is_unavailable(ask: Callable[[KuboNode], object]) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(UnavailableError, match="node:5001"):
        ask(KuboNode("http://node:5001", "t", httpx.MockTransport(away)))


def test_present__another_form_in_the_middle__is_unavailable() -> None:
    body = json.dumps({"Ref": str(BLOCK.cid), "Err": ""}).encode() + b"\n{cut"
    with pytest.raises(UnavailableError):
        list(node(200, body).present())


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"cut{"])
def test_node__another_form__is_unavailable(body: bytes) -> None:
    for ask in (KuboNode.size, KuboNode.files, lambda node: node.file_of(BLOCK.cid.digest)):
        with pytest.raises(UnavailableError):
            ask(node(200, body))


def test_pins__kubos_own_folder__is_left_out() -> None:
    lines = [{"Cid": "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"}, {"Cid": str(BLOCK.cid)}]
    assert node(200, "\n".join(map(json.dumps, lines)).encode()).pins() == [BLOCK.cid]


def test_node__every_call__shows_the_token_and_nothing_in_the_address() -> None:
    seen = list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"{}")

    KuboNode("http://node:5001", "secret", httpx.MockTransport(answer)).greet()
    assert [request.headers["authorization"] for request in seen] == ["Bearer secret"]
    assert "secret" not in str(seen[0].url)


def endless(piece: bytes) -> KuboNode:
    """A node whose answers never end."""
    return KuboNode(
        "http://node:5001",
        "t",
        httpx.MockTransport(lambda _: httpx.Response(200, content=itertools.repeat(piece))),
    )


def test_block__answer_without_end__is_a_node_away_and_costs_some_megabytes() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UnavailableError, match="without end"):
            endless(bytes(1 << 16)).block(raw_cid(bytes(32)))
        assert tracemalloc.get_traced_memory()[1] < 8 * MOST_ANSWER
    finally:
        tracemalloc.stop()


def test_pins__line_without_end__is_a_node_away() -> None:
    with pytest.raises(UnavailableError, match="without end"):
        endless(b" " * 4096).pins()


def test_block__answer_that_dribbles__ends_with_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(step=1.0)
    monkeypatch.setattr("salus.adapters.content.kubo_node.time.monotonic", lambda: next(ticks))
    with pytest.raises(UnavailableError, match="without end"):
        endless(b"x").block(raw_cid(bytes(32)))
