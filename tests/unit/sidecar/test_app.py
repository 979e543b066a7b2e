"""What the sidecar says of itself over HTTP."""

from __future__ import annotations

from fastapi.testclient import TestClient

from salus.adapters.follower_http import create_app
from sidecar.follow import Follower
from sidecar.metrics import Metrics
from tests.unit.sidecar.node import MemoryNode, MemoryRegistry


def client_of(names: str = "abcd", *, looked: bool = True) -> TestClient:
    metrics = Metrics()
    follower = Follower(MemoryNode("a", "abcd"), MemoryRegistry(names), metrics)
    if looked:
        follower.step()
    return TestClient(create_app("sidecar", follower, metrics.registry))


def test_health__always__is_ok() -> None:
    assert client_of(looked=False).get("/health").json() == {"status": "ok"}


def test_ready__before_the_first_look__is_503_with_the_reason() -> None:
    answer = client_of(looked=False).get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the registry was not read yet"]
    assert answer.json()["final"] is None


def test_ready__node_follows__is_200_with_counts() -> None:
    answer = client_of().get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "reasons": [],
        "final": 10,
        "member": True,
        "peers": 3,
        "validators": 4,
    }


def test_ready__node_is_no_members__is_503() -> None:
    answer = client_of("bcd").get("/ready")
    assert (answer.status_code, answer.json()["member"]) == (503, False)


def test_metrics__after_a_look__have_its_block_and_no_key() -> None:
    text = client_of("abcde").get("/metrics").text
    assert "salus_sidecar_block 10.0" in text
    assert 'salus_sidecar_actions_total{verb="vote-in"} 1.0' in text
    assert b"e".ljust(64, b"k").hex() not in text
