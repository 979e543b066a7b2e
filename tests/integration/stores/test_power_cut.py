"""The power goes at the instant of an acknowledgement: nothing acknowledged is lost, and nothing is wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.oracle.stack import Stack, prepare
from tests.integration.oracle.test_no_way_back import audited
from tests.integration.services import Service
from tests.integration.stores.disk import Disk
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report

ACKNOWLEDGED = 200
_PATIENTS = 8


@pytest.fixture
def stack(chain: ChainWorld, disk: Disk) -> Iterator[Stack]:
    made = prepare(chain, disk.path / "services")
    try:
        os.sync()  # what is set up once, months before
        made.start()
        yield made
    finally:
        for service in (made.oracle, *made.custodians):
            if service.child is not None and service.child.poll() is None:
                service.kill()  # some may be stopped half-way, and would not hear a request


def test_everything_on_one_disk__power_cut__lost_nothing_doubled_nothing(stack: Stack, disk: Disk) -> None:
    raws = [report(f"P{n}", f"P-L{n}", patient=f"P{n % _PATIENTS}") for n in range(ACKNOWLEDGED + 60)]
    acknowledged = send_until(stack, raws, ACKNOWLEDGED)
    services = [stack.oracle, *stack.custodians]
    for service in services:
        os.kill(pid_of(service), signal.SIGSTOP)
    told = list(acknowledged)
    left = disk.cut()
    for service in services:
        service.kill()
        move(service, disk.path, left)
    stack.grounds.folder = left / "services"
    stack.start()
    stack.await_idle()
    assert len(told) >= ACKNOWLEDGED
    anchored = {one.record_id: one for one in stack.anchored()}
    missing = stack.said(told).keys() - anchored.keys()
    assert not missing, f"{len(missing)} of {len(told)} acknowledged messages are lost"

    for raw in raws:  # as senders do who had no answer: what is known already changes nothing
        assert stack.sender.insist(raw) == "AA"
    stack.await_idle()
    found = stack.anchored()
    assert len(found) == len({(one.record_id, one.version) for one in found}), "a version was anchored twice"
    said = stack.said(raws)
    assert {one.record_id for one in found} == said.keys()
    patients = [stack.claim(f"P{n}") for n in range(_PATIENTS)]
    opened = stack.opened_by(patients)
    for custodian in stack.custodians:
        assert "damaged=0, keyless=0, missing=0" in audited(stack, custodian)
    assert {record: versions[-1] for record, versions in opened.items()} == {
        record: versions[-1] for record, versions in said.items()
    }


def send_until(stack: Stack, raws: list[bytes], enough: int) -> list[bytes]:
    """Send by four senders until so many are acknowledged, and go on: what was acknowledged, growing."""
    acknowledged: list[bytes] = []
    reached, waiting = threading.Event(), iter(raws)
    lock = threading.Lock()

    def send() -> None:
        sender = stack.sender
        while True:
            with lock:
                raw = next(waiting, None)
            if raw is None:
                return
            try:
                if b"MSA|AA" not in sender.once(raw):
                    continue
            except OSError:
                return  # the power is gone
            acknowledged.append(raw)
            if len(acknowledged) >= enough:
                reached.set()

    for _ in range(4):
        threading.Thread(target=send, daemon=True).start()
    assert reached.wait(120)
    return acknowledged


def pid_of(service: Service) -> int:
    """Process id of a service that runs."""
    assert service.child is not None
    return service.child.pid


def move(service: Service, before: Path, after: Path) -> None:
    """Have a service find its files on another disk."""
    service.folder = Path(str(service.folder).replace(str(before), str(after), 1))
    service.settings = {name: told.replace(str(before), str(after)) for name, told in service.settings.items()}
