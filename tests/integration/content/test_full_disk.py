"""Full disks under Kubo nodes: what can't be stored twice is refused in words, nothing wrong is stored, and with room
again all goes on without a node being started anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from devnet.small_disk import SmallDisk, refusal
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.adapters.content.holding import ContentHolding
from salus.core.errors import NotFoundError, UnavailableError
from salus.core.hashing import sha256
from tests.integration.content.conftest import NAMES
from tests.integration.content.test_kills import more, nothing_lost, writing

SPARE = 24 << 20
FULL = ("a", "b")
"""Of three nodes; two copies are wanted, so with these full there is no place for the second."""


@pytest.fixture
def nodes(kubo: Path, tmp_path: Path) -> Iterator[SwarmNodes]:
    if (why := refusal()) is not None:
        pytest.skip(f"{why}: no disk was full")
    with SwarmNodes(found(tmp_path / "swarm", NAMES, free_ports(PORTS), kubo), kubo) as swarm:
        yield swarm


@contextmanager
def small_disks(nodes: SwarmNodes, *names: str) -> Iterator[list[SmallDisk]]:
    """Give some nodes small disks for a while."""
    nodes.stop(*names)
    with ExitStack() as stack:
        disks = [stack.enter_context(SmallDisk(nodes.swarm.node_folder(name), SPARE)) for name in names]
        nodes.start(*names)
        try:
            yield disks
        finally:
            nodes.stop(*names)
    nodes.start(*names)


def fill(disks: list[SmallDisk], stores: list[ContentHolding]) -> None:
    """Fill disks, until each node by itself takes no envelope: a node may first use up what it had set aside."""
    until = time.monotonic() + 60
    for disk, store in zip(disks, stores, strict=True):
        while True:
            disk.fill()
            try:
                store.put(os.urandom(60_000))
            except UnavailableError:
                break
            assert time.monotonic() < until, "a node stores on a full disk"


def test_put__one_node_of_three_on_a_full_disk__the_others_stand_in(nodes: SwarmNodes) -> None:
    store, alone = content_store(nodes.swarm.address()), content_store(nodes.swarm.address("a", copies=1))
    with small_disks(nodes, "a") as disks:
        given = {sha256(blob): blob for blob in (os.urandom(3_000) for _ in range(300))}
        store.put_many(list(given.values())[:100])
        fill(disks, [alone])
        blobs = list(given.values())[100:]
        for place in range(0, len(blobs), 25):
            store.put_many(blobs[place : place + 25])
        nothing_lost(store, given)
        disks[0].make_room()
        assert alone.put(blobs[0]) == sha256(blobs[0])  # the node that was full takes them again
        assert store.check(repair=True, expected=given).lost == ()
    assert store.check(repair=True, expected=given).is_sound
    nothing_lost(store, given)
    store.close()
    alone.close()


@pytest.mark.parametrize("sizes", [(900,) * 40, (40_000,), ((3 << 20) + 1,)], ids=["batch", "one", "long"])
def test_put__no_room_for_a_second_copy__refused_in_words_and_stored_once_there_is_room(
    nodes: SwarmNodes, sizes: tuple[int, ...]
) -> None:
    store = content_store(nodes.swarm.address())
    alone = [content_store(nodes.swarm.address(name, copies=1)) for name in FULL]
    before = {sha256(blob): blob for blob in (os.urandom(2_000) for _ in range(60))}
    refused = [os.urandom(size) for size in sizes]
    with small_disks(nodes, *FULL) as disks:
        store.put_many(list(before.values()))
        fill(disks, alone)
        with pytest.raises(UnavailableError, match="no space left on device") as refusing:
            store.put_many(refused)
        assert any(f":{nodes.swarm.nodes[name].api_port} " in str(refusing.value) for name in FULL)  # says which
        nothing_lost(store, before)
        for blob in refused:  # nothing, or the whole: never other bytes under its name
            with suppress(NotFoundError, UnavailableError):
                assert store.get(sha256(blob)) == blob
        for disk in disks:
            disk.make_room()
        assert store.put_many(refused) == [sha256(blob) for blob in refused]
        after = before | {sha256(blob): blob for blob in refused}
        nothing_lost(store, after)
        assert store.check(repair=True, expected=after).lost == ()
    assert store.check(repair=True, expected=after).is_sound
    nothing_lost(store, after)
    for opened in (store, *alone):
        opened.close()


def test_put__disks_fill_up_under_writing_and_nodes_are_killed_there__nothing_acknowledged_is_lost(
    nodes: SwarmNodes,
) -> None:
    store = content_store(nodes.swarm.address())
    with small_disks(nodes, *FULL) as disks, writing(store) as writer:
        try:
            for _ in range(2):
                more(writer, 60)
                for disk in disks:
                    disk.fill()
                refused, until = writer.refused, time.monotonic() + 60
                while writer.refused < refused + 3:
                    for disk in disks:
                        disk.fill()
                    assert time.monotonic() < until, "nothing is refused"
                    time.sleep(0.1)
                nodes.kill(*FULL)  # what half a write left on a full disk
                for disk in disks:
                    disk.make_room()
                nodes.start(*FULL)
            more(writer, 60)
        except BaseException:
            writer.give_up()  # else it would insist on its batch for ever
            raise
        writer.end()
        assert store.check(repair=True, expected=writer.acknowledged).lost == ()
        nothing_lost(store, writer.acknowledged)
    assert store.check(repair=True, expected=writer.acknowledged).is_sound
    nothing_lost(store, writer.acknowledged)
    store.close()
