"""The power goes at the instant of an acknowledgement, for all nodes of the swarm at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found, load
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from tests.integration.content.conftest import NAMES
from tests.integration.content.test_kills import AT_LEAST, nothing_lost, writing
from tests.integration.stores.disk import Disk, refusal


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if (why := refusal()) is not None:
        pytest.skip(f"{why}: no power was cut")
    with Disk(tmp_path / "disks", megabytes=512) as made:
        yield made


def test_all_nodes__power_cut__every_acknowledged_envelope_has_two_whole_copies(kubo: Path, disk: Disk) -> None:
    nodes = SwarmNodes(found(disk.path / "swarm", NAMES, free_ports(PORTS), kubo), kubo)
    store = content_store(nodes.swarm.address())
    try:
        nodes.start()
        with writing(store) as writer:
            while len(writer.acknowledged) < AT_LEAST:
                time.sleep(0.001)
            for pid in nodes.supervisor.running().values():
                os.kill(pid, signal.SIGSTOP)
            acknowledged = dict(writer.acknowledged)
            left = disk.cut()
            nodes.kill(*NAMES)
            writer.give_up()
    finally:
        nodes.stop()
        store.close()
    again = load(left / "swarm")
    with SwarmNodes(again, kubo):
        store = content_store(again.address())
        found_now = store.check(expected=acknowledged)
        assert len(acknowledged) >= AT_LEAST
        assert (found_now.lost, found_now.damaged, found_now.missing, found_now.unreached) == ((), 0, 0, ())
        nothing_lost(store, acknowledged)
        store.close()
    for name in NAMES:  # two copies: any one node may stay away
        others = SwarmNodes(again, kubo)
        others.start(*(other for other in NAMES if other != name))
        store = content_store(again.address())
        try:
            nothing_lost(store, acknowledged)
        finally:
            store.close()
            others.stop()
