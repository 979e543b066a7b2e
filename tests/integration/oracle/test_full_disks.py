"""Full disks: what is acknowledged is durable, what can't be stored is answered AE 207, and all goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.mllp_client import outcome_of
from tests.integration.oracle.disks import fill, small_disk
from tests.integration.oracle.stack import Stack, started
from tests.integration.oracle.test_intake import errors_of
from tests.integration.oracle.test_operations import WATCHFUL, Pump, alerts, anchored_once, reports, until
from tests.integration.world import ChainWorld

MEBIBYTES = 64
TRY_AGAIN = ("AE", 207)


@dataclass
class Disks:
    """The write path with a disk for the database and one for the content."""

    stack: Stack
    database: Path
    content: Path


@pytest.fixture(scope="module")
def disks(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disks]:
    folder = tmp_path_factory.mktemp("full-disks")
    with (
        small_disk(folder / "database", MEBIBYTES) as database,
        small_disk(folder / "content", MEBIBYTES) as content,
        started(chain, folder, DATABASE_URL=f"sqlite:///{database / 'oracle.db'}", **WATCHFUL) as stack,
    ):
        yield Disks(stack, database, content)


def test_database__on_a_full_disk__senders_try_again_and_what_was_acknowledged_survives_a_kill(disks: Disks) -> None:
    stack = disks.stack
    sender, acknowledged, refused = stack.sender, reports("D0", 5), []
    for raw in acknowledged:
        assert outcome_of(sender.once(raw))[0] == "AA"
    filler = fill(disks.database)
    try:
        for raw in reports("D1", 400):
            reply = sender.once(raw)
            if outcome_of(reply)[0] == "AA":
                acknowledged.append(raw)
                continue
            assert errors_of(reply) == TRY_AGAIN
            refused.append(raw)
            if len(refused) == 10:
                break
        assert len(refused) == 10
        until(lambda: {"database-away", "disk-low"} <= alerts(stack))
        stack.oracle.kill()
    finally:
        filler.unlink()
    stack.oracle.start()
    stack.oracle.await_ready()
    stack.await_idle()
    anchored_once(stack, acknowledged)
    known = stack.said(refused).keys()
    assert not known & {one.record_id for one in stack.anchored()}  # what was answered AE is not here either
    for raw in refused:
        assert outcome_of(stack.sender.once(raw))[0] == "AA"
    stack.await_idle()
    anchored_once(stack, acknowledged + refused)


@pytest.mark.deep
def test_database__disk_full_for_a_while__all_goes_on_by_itself(disks: Disks) -> None:
    stack = disks.stack
    pumps = [Pump(stack.sender, reports(f"L{place}", 60)) for place in range(3)]
    filler = fill(disks.database)
    until(lambda: "database-away" in alerts(stack))
    filler.unlink()
    for pump in pumps:
        pump.join()
    stack.await_idle()
    anchored_once(stack, [raw for pump in pumps for raw in pump.answered])
    until(lambda: alerts(stack) == set())


@pytest.mark.deep
def test_content__on_a_full_disk__messages_are_acknowledged_and_anchored_once_there_is_room(disks: Disks) -> None:
    stack = disks.stack
    filler = fill(disks.content)
    try:
        raws = reports("C", 60)
        sender = stack.sender
        for raw in raws:
            assert outcome_of(sender.once(raw))[0] == "AA"
        until(lambda: {"content-away", "disk-low"} <= alerts(stack))
        time.sleep(1)
        assert not stack.said(raws).keys() & {one.record_id for one in stack.anchored()}
    finally:
        filler.unlink()
    stack.await_idle()
    anchored_once(stack, raws)
    assert stack.opened_by([stack.claim("C")]) == stack.said(raws)
    until(lambda: alerts(stack) == set())
