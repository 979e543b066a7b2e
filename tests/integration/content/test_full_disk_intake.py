"""Full disks under the Kubo nodes an oracle writes to: messages are acknowledged and wait; none is lost or wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devnet.small_disk import SmallDisk, refusal
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from tests.integration.content.conftest import NAMES
from tests.integration.content.test_full_disk import FULL, fill, small_disks
from tests.integration.oracle.stack import Stack, started, until
from tests.integration.oracle.test_operations import WATCHFUL, alerts, anchored_once, reports
from tests.integration.world import ChainWorld


@dataclass
class Site:
    """The write path on a swarm of which all nodes but one have small disks."""

    stack: Stack
    nodes: SwarmNodes
    disks: list[SmallDisk]


@pytest.fixture
def site(chain: ChainWorld, kubo: Path, tmp_path: Path) -> Iterator[Site]:
    if (why := refusal()) is not None:
        pytest.skip(f"{why}: no disk was full")
    swarm = found(tmp_path / "swarm", NAMES, free_ports(PORTS), kubo)
    with (
        SwarmNodes(swarm, kubo) as nodes,
        small_disks(nodes, *FULL) as disks,
        started(chain, tmp_path / "services", CONTENT=swarm.address(), **WATCHFUL) as stack,
    ):
        yield Site(stack, nodes, disks)


def test_oracle__no_room_for_a_second_copy__messages_wait_and_are_anchored_once_there_is_room(site: Site) -> None:
    stack, sender = site.stack, site.stack.sender
    before, during = reports("FB", 20), reports("FD", 60)
    assert {sender.insist(raw) for raw in before} == {"AA"}
    stack.await_idle()
    alone = [content_store(site.nodes.swarm.address(name, copies=1)) for name in FULL]
    fill(site.disks, alone)
    assert {sender.insist(raw) for raw in during} == {"AA"}
    until(lambda: "content-away" in alerts(stack))
    time.sleep(1)
    assert not stack.said(during).keys() & {one.record_id for one in stack.anchored()}
    stack.oracle.kill()  # what waits is in the journal
    for disk in site.disks:
        disk.make_room()
    stack.oracle.start()
    stack.oracle.await_ready()
    stack.await_idle()
    anchored_once(stack, before + during)
    assert stack.opened_by([stack.claim("FB"), stack.claim("FD")]) == stack.said(before + during)
    for store in alone:
        store.close()
