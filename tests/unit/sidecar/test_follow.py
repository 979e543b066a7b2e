"""The loop of the sidecar: what it tells the node, what it says of itself, and what failures do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from salus.core.errors import UnavailableError
from salus.core.node import Action, Verb
from sidecar.follow import Follower, Status
from sidecar.metrics import Metrics
from tests.unit.sidecar.node import MemoryNode, MemoryRegistry, account, key, seat


def made(names: str = "abcd") -> tuple[MemoryNode, MemoryRegistry, Metrics, Follower]:
    node, registry, metrics = MemoryNode("a", "abcd"), MemoryRegistry(names), Metrics()
    return node, registry, metrics, Follower(node, registry, metrics)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_step__node_follows_already__tells_nothing_and_is_ready() -> None:
    node, _, metrics, follower = made()
    assert follower.step() == ()
    assert (node.told, follower.status.reasons) == ([], ())
    assert (follower.status.member, follower.status.peers, follower.status.validators) == (True, 3, 4)
    assert value(metrics, "salus_sidecar_block") == 10
    assert value(metrics, "salus_sidecar_member") == 1


def test_step__member_joins__is_let_in_then_voted_in_once() -> None:
    node, _, metrics, follower = made("abcde")
    assert follower.step() == (Action(Verb.ALLOW, key("e")), Action(Verb.VOTE_IN, account("e")))
    assert follower.step() == ()
    assert key("e") in node.now.allowed
    assert value(metrics, "salus_sidecar_actions_total", verb="allow") == 1
    assert value(metrics, "salus_sidecar_actions_total", verb="vote-in") == 1


def test_step__an_order_fails__others_are_carried_out_and_it_is_given_again() -> None:
    node, _, metrics, follower = made("abcde")
    node.refuses = {Verb.ALLOW}
    with pytest.raises(UnavailableError):
        follower.step()
    assert node.told == [Action(Verb.VOTE_IN, account("e"))]
    assert "does not allow" in str(follower.status.reasons)
    assert value(metrics, "salus_sidecar_refused_actions_total", verb="allow") == 1
    node.refuses = set()
    assert follower.step() == (Action(Verb.ALLOW, key("e")),)
    assert follower.status.reasons == ()


def test_step__registry_cannot_be_read__tells_nothing() -> None:
    node, registry, _, follower = made("abcde")
    registry.away = True
    with pytest.raises(UnavailableError):
        follower.step()
    assert node.told == []


def test_step__node_is_no_members__tells_nothing_and_says_so() -> None:
    node, _, _, follower = made("bcd")
    assert follower.step() == ()
    assert node.told == []
    assert follower.status.reasons[0] == "this node is not one of an active participant: it is told nothing"


def test_step__validator_nobody_named__is_left_and_reported() -> None:
    node, registry, metrics, follower = made("abc")
    follower.step()
    assert [action.verb for action in node.told] == [Verb.FORGET]
    assert "1 validators are named by no member" in str(follower.status.reasons)
    assert value(metrics, "salus_sidecar_unclaimed_validators") == 1
    registry.rows.append(seat("d"))
    follower.step()
    assert follower.status.reasons == ()


def test_step__vote_would_stop_the_chain__is_withheld_and_said() -> None:
    node, _, metrics, follower = made("abcde")
    node.now = replace(node.now, living=frozenset({account("a"), account("b")}))
    follower.step()
    assert [action.verb for action in node.told] == [Verb.ALLOW]
    assert "1 votes are withheld: too few validators would live" in follower.status.reasons
    assert value(metrics, "salus_sidecar_withheld_votes") == 1
    assert value(metrics, "salus_sidecar_living_validators") == 2


def test_status__before_the_first_look__is_not_ready() -> None:
    assert Status().reasons == ("the registry was not read yet",)


def test_run__node_away_then_back__is_not_ready_then_ready_and_warns_once() -> None:
    node, _, metrics, follower = made()
    node.away = True
    stop = Event()
    with capture_logs() as lines:
        thread = Thread(target=follower.run, args=(stop, 0.001))
        thread.start()
        try:
            wait_for(lambda: (value(metrics, "salus_sidecar_failed_looks_total") or 0) >= 3)
            assert "does not answer" in str(follower.status.reasons)
            node.away = False
            wait_for(lambda: follower.status.reasons == ())
        finally:
            stop.set()
            thread.join(10)
    assert not thread.is_alive()
    assert [line["event"] for line in lines].count("sidecar.look_failed") == 1


def test_run__told_to_stop__ends_without_a_look() -> None:
    _, _, _, follower = made()
    stop = Event()
    stop.set()
    follower.run(stop, 60)
    assert follower.status == Status()


def wait_for(holds: Callable[[], bool]) -> None:
    """Until it holds; far longer than it takes."""
    pause = Event()
    for _ in range(2_000):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("it never held")
