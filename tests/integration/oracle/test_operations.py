"""An oracle's operators: what became of a message, backpressure, alerts, and the orderly end, on real processes."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from cli.mllp_client import outcome_of
from oracle.hl7.errors import Condition
from salus.core.canonical import canonical
from salus.flows.custody import Caller
from tests.integration.oracle.disks import Receiver
from tests.integration.oracle.stack import SOURCE, Sender, Stack, SystemClock, started, until
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report

BOUND = 20
WATCHFUL = {"ALERT_AWAY_SECONDS": "2", "ALERT_CALM_SECONDS": "1", "ALERT_PENDING_SECONDS": "2"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stack(chain: ChainWorld, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("operations")
    with started(chain, folder, MOST_PENDING=str(BOUND), ALERT_WEBHOOK=receiver.url, **WATCHFUL) as made:
        yield made


class Pump:
    """Sends messages one after the other in a thread, until told to stop; each again until it is answered AA."""

    def __init__(self, sender: Sender, raws: Iterable[bytes]) -> None:
        self.answered: list[bytes] = []
        self.stop = Event()
        self._sender = sender
        self._raws = raws
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for raw in self._raws:
            if self.stop.is_set():
                return
            while self._sender.insist(raw) != "AA":
                time.sleep(0.05)
            self.answered.append(raw)

    def join(self) -> None:
        """Wait until all are answered."""
        self._thread.join()
        self._sender.close()


def endless(name: str) -> Iterator[bytes]:
    return (report(f"{name}.{place}", f"{name}-L{place}", patient=name) for place in count())


def reports(name: str, number: int) -> list[bytes]:
    return [report(f"{name}.{place}", f"{name}-L{place}", patient=name) for place in range(number)]


def anchored_once(stack: Stack, raws: list[bytes]) -> None:
    """Every record of these messages is anchored, and no version twice."""
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))
    assert {(record, 1) for record in stack.said(raws)} <= set(versions)


def alerts(stack: Stack) -> set[str]:
    """Alerts that `/ready` tells of, whatever its status."""
    _, body = stack.oracle.ask("GET", "/ready")
    return {one["alert"] for one in json.loads(body)["alerts"]}


def gauge(stack: Stack, sample: str) -> float:
    """A sample of `/metrics`; -1 when there is none."""
    _, body = stack.oracle.ask("GET", "/metrics")
    lines = [line.rpartition(" ") for line in body.decode().splitlines()]
    return next((float(value) for name, _, value in lines if name == sample), -1.0)


def operate(stack: Stack, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
    """Ask as an operator of the source."""
    party = stack.world.party(SOURCE)
    caller = Caller(party.operator, stack.world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
    call = canonical(caller.call(f"messages.{verb}", stack.source, body))
    header = {"authorization": "Salus " + base64.urlsafe_b64encode(call).decode()}
    status, answer = stack.oracle.ask("POST", f"/v1/operations/{verb}", headers=header)
    return status, json.loads(answer)


def test_operator__asks_over_http__what_became_of_a_message_and_has_it_processed_again(stack: Stack) -> None:
    raw = report("H1", "H-L1", patient="H")
    assert outcome_of(stack.sender.once(raw))[0] == "AA"
    stack.await_idle()
    status, told = operate(stack, "status", controlId="H1")
    (message,) = told["messages"]
    (made,) = message["records"]
    assert (status, message["state"], made["batchState"]) == (200, "done", "anchored")
    (record,) = stack.said([raw])
    assert made["record"] == f"did:salus:{stack.world.reader.chain_id}:record:{record.hex()}"
    anchored = next(one for one in stack.anchored() if one.record_id == record)
    assert made["root"] == "0x" + anchored.root.hex()

    assert operate(stack, "reprocess", keys=[message["key"]], reason="a new table") == (200, {"keys": [message["key"]]})
    until(lambda: operate(stack, "status", controlId="H1")[1]["messages"][0]["state"] == "done")
    stack.await_idle()
    anchored_once(stack, [raw])
    audit = operate(stack, "audit")[1]
    assert [row["deed"] for row in audit["rows"]] == ["reprocess"]
    assert (audit["checked"], audit["wrong"]) == (1, "")


def test_operator__call_without_signature__is_refused(stack: Stack) -> None:
    for header in ({}, {"authorization": "Bearer x"}):
        status, answer = stack.oracle.ask("POST", "/v1/operations/quarantine", headers=header)
        assert (status, json.loads(answer)["name"]) == (400, "MALFORMED")
    assert operate(stack, "destroy")[0] == 404


def test_content__away__holds_intake_back_at_its_bound_and_all_is_anchored_once_afterwards(
    stack: Stack, receiver: Receiver
) -> None:
    content: Path = stack.grounds.content
    content.rename(away := content.with_name("content.away"))
    pumps = [Pump(stack.sender, endless(f"B{place}")) for place in range(3)]
    try:
        until(lambda: {"content-away", "intake-held", "worker-failing"} <= alerts(stack))
        answered = sum(len(pump.answered) for pump in pumps)
        assert answered >= BOUND
        time.sleep(1.5)
        assert sum(len(pump.answered) for pump in pumps) == answered  # nobody is read
        status, reply = stack.oracle.ask("POST", "/v1/messages", report("B9", "B-L9", patient="B9"))
        assert (status, json.loads(reply)["name"]) == (503, "BUSY")
        ready = stack.oracle.get("/ready")
        assert ready["held"]
        assert ready["pendingMessages"] >= BOUND
        assert ready["pendingBytes"] > 0
        assert gauge(stack, 'salus_oracle_alert{alert="content-away",source=""}') == 1
        assert gauge(stack, "salus_oracle_intake_held") == 1
    finally:
        away.rename(content)
        for pump in pumps:
            pump.stop.set()
    for pump in pumps:
        pump.join()
    stack.await_idle()
    anchored_once(stack, [raw for pump in pumps for raw in pump.answered])
    until(lambda: alerts(stack) == set())
    for alert in ("content-away", "intake-held"):
        until(lambda alert=alert: receiver.states(alert) == ["raised", "cleared"])  # type: ignore[misc]  # bound at once
    assert gauge(stack, 'salus_oracle_alert{alert="content-away",source=""}') == 0
    assert "alert raised" in stack.oracle.log()
    assert "token=secret" not in stack.oracle.log()


@pytest.mark.deep
def test_custodian__away__messages_are_acknowledged_an_alert_names_it_and_all_is_anchored_once_afterwards(
    stack: Stack, receiver: Receiver
) -> None:
    custodian = stack.custodians[1]
    custodian.stop()
    before, raws = len(stack.anchored()), reports("W", 5)
    for raw in raws:
        assert outcome_of(stack.sender.once(raw))[0] == "AA"
    until(lambda: "custodian-away" in alerts(stack))
    assert len(stack.anchored()) == before
    until(lambda: "raised" in receiver.states("custodian-away"))
    assert {body["source"] for body in receiver.bodies if body["alert"] == "custodian-away"} == {
        "0x" + stack.members[1].hex()
    }
    custodian.start()
    custodian.await_ready()
    stack.await_idle()
    anchored_once(stack, raws)
    until(lambda: alerts(stack) == set())


def test_refused_and_quarantined__many__are_alerts(stack: Stack, receiver: Receiver) -> None:
    sender = stack.sender
    for place in range(25):
        bad = report(f"Z{place}", f"Z-L{place}").replace(b"|P1^^^HB^MR|", b"||")
        assert outcome_of(sender.once(bad))[0] == "AA"
        assert outcome_of(sender.once(bad.replace(b"|2.5.1|", b"|3.0|")))[0] == "AR"
    more = count(25)

    def refuse_until_both_ring() -> bool:
        """What other tests sent in the last minutes counts too, and a fast machine sends much."""
        bad = report(f"Z{next(more)}", "Z-L").replace(b"|P1^^^HB^MR|", b"||").replace(b"|2.5.1|", b"|3.0|")
        assert outcome_of(sender.once(bad))[0] == "AR"
        return {"quarantine-grows", "messages-refused"} <= alerts(stack)

    until(refuse_until_both_ring, pause=0.02)
    waiting = operate(stack, "quarantine", limit=1000)[1]["messages"]
    of_patient = [one["key"] for one in waiting if one["fault"]["condition"] == Condition.REQUIRED_FIELD_MISSING]
    assert len(of_patient) == 25
    condition = {"condition": Condition.REQUIRED_FIELD_MISSING.value, "reason": "made for a test"}
    assert operate(stack, "discard", **condition)[1]["keys"] == of_patient
    assert operate(stack, "discard", condition=203, reason="made for a test")[0] == 200
    until(lambda: "quarantine-grows" not in alerts(stack))
    assert receiver.bodies
    assert not any(name in str(body) for body in receiver.bodies for name in ("P1", "小明", "Z-L1"))
    log = stack.oracle.log()
    assert '"deed": "discard"' in log
    assert not any(name in log for name in ("小明", "made for a test", "Z-L1", "2345-7"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C, to all its processes"])
def test_end__asked_for__brings_what_is_under_way_to_the_chain_first(how: signal.Signals, stack: Stack) -> None:
    raws = reports(f"D{how}", 15)
    sender = stack.sender
    for raw in raws:
        assert outcome_of(sender.once(raw))[0] == "AA"
    assert stack.oracle.child is not None
    if how is signal.SIGINT:
        os.killpg(stack.oracle.child.pid, how)
    else:
        stack.oracle.child.send_signal(how)
    assert stack.oracle.child.wait() == 0
    anchored_once(stack, raws)
    assert f'"signal": "{how.name}", "event": "drain begins"' in stack.oracle.log()
    assert '"event": "drained"' in stack.oracle.log()
    stack.oracle.start()
    stack.oracle.await_ready()


def test_sigterm__while_content_is_away__says_that_it_drains_and_a_second_ends_it_at_once(stack: Stack) -> None:
    content: Path = stack.grounds.content
    raws, sender = reports("E", 5), stack.sender
    content.rename(away := content.with_name("content.away"))
    try:
        for raw in raws:
            assert outcome_of(sender.once(raw))[0] == "AA"
        assert stack.oracle.child is not None
        stack.oracle.child.send_signal(signal.SIGTERM)
        until(lambda: stack.oracle.ask("GET", "/ready")[0] == 503)
        said = json.loads(stack.oracle.ask("GET", "/ready")[1])
        assert (said["name"], said["draining"], said["pendingMessages"]) == ("DRAINING", True, 5)
        with pytest.raises(OSError, match=r"refused|gone|reset"):
            stack.sender.once(report("E9", "E-L9", patient="E"))
        assert stack.oracle.ask("POST", "/v1/messages", report("E9", "E-L9", patient="E"))[0] == 503
        began = time.monotonic()
        assert stack.oracle.end(signal.SIGTERM) == -signal.SIGTERM
        assert time.monotonic() - began < 3
    finally:
        away.rename(content)
    stack.oracle.start()
    stack.oracle.await_ready()
    stack.await_idle()
    anchored_once(stack, raws)
