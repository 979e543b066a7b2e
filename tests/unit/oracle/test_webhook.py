import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import pytest

from oracle import webhook
from oracle.alerts import Alert, AlertKind, Change
from oracle.webhook import STARTED, Webhook, body_of

SOURCE = "0x" + "11" * 32


def change(kind: AlertKind = AlertKind.DISK_LOW, source: str = "content", raised: bool = True, at: int = 9) -> Change:
    return Change(Alert(kind, source, 5, 4, 10), raised, at)


class Receiver:
    """Gets bodies; fails so many times first, and may be held."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.bodies: list[Mapping[str, Any]] = []
        self.tried = self.started = 0
        self.entered = Event()
        self.go = Event()
        self.go.set()

    def __call__(self, body: Mapping[str, Any]) -> None:
        self.entered.set()
        self.go.wait(5)
        self.tried += 1
        if self.tried <= self.failures:
            raise OSError("no answer")
        if body["alert"] == STARTED:
            self.started += 1
        else:
            self.bodies.append(body)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_body__of_a_change__names_alert_and_figures_only() -> None:
    assert body_of(change(raised=False), SOURCE) == {
        "service": "oracle",
        "sourceId": SOURCE,
        "alert": "disk-low",
        "source": "content",
        "state": "cleared",
        "since": 5,
        "at": 9,
        "value": 4,
        "limit": 10,
        "advice": change().alert.advice,
    }


def test_webhook__receiver_that_fails_first__gets_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "FIRST_PAUSE_SECONDS", 0.01)
    receiver, failed = Receiver(failures=2), list[int]()
    hook = Webhook(receiver, SOURCE, lambda: failed.append(1))
    hook.start()
    hook.tell(change())
    until(lambda: len(receiver.bodies) == 1)
    hook.stop()
    assert (receiver.tried, receiver.started, len(failed)) == (4, 1, 2)


def test_webhook__changes_while_the_receiver_is_away__newest_state_of_each_alert() -> None:
    receiver = Receiver()
    receiver.go.clear()
    hook = Webhook(receiver, SOURCE)
    hook.start()
    hook.tell(change(AlertKind.CHAIN_AWAY, ""))
    assert receiver.entered.wait(5)
    for at in range(5):
        hook.tell(change(raised=at % 2 == 0, at=at))
    hook.tell(change(AlertKind.BACKLOG, ""))
    receiver.go.set()
    until(lambda: len(receiver.bodies) == 3)
    hook.stop()
    assert [(body["alert"], body["at"]) for body in receiver.bodies] == [
        ("chain-away", 9),
        ("disk-low", 4),
        ("backlog", 9),
    ]


def test_webhook__more_alerts_than_its_bound__drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "MOST_WAITING", 3)
    receiver = Receiver()
    hook = Webhook(receiver, SOURCE)
    for number in range(10):
        hook.tell(change(source=str(number)))
    hook.start()
    until(lambda: len(receiver.bodies) == 3)
    hook.stop()
    assert [body["source"] for body in receiver.bodies] == ["7", "8", "9"]


def test_webhook__stopped_while_the_receiver_is_away__ends() -> None:
    hook = Webhook(Receiver(failures=10**6), SOURCE)
    hook.start()
    hook.tell(change())
    began = time.monotonic()
    hook.stop()
    assert time.monotonic() - began < 5
