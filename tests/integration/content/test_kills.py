"""Nodes killed with SIGKILL, again and again, while a writer writes: what was acknowledged is there, whole, twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from salus.adapters.content.address import content_store
from salus.adapters.content.holding import ContentHolding
from salus.core.errors import UnavailableError
from salus.core.hashing import sha256
from tests.integration.content.conftest import NAMES

AT_LEAST = 200


class Writer(Thread):
    """Writes batches, single envelopes and long ones in turn, each until it is acknowledged."""

    def __init__(self, store: ContentHolding) -> None:
        super().__init__()
        self._store = store
        self._stop_asked, self._given_up = Event(), Event()
        self.acknowledged: dict[bytes, bytes] = {}
        self.refused = 0

    def run(self) -> None:
        """Until `end`."""
        turn = 0
        while not self._stop_asked.is_set():
            sizes = ([1_500] * 25, [40_000], [700] * 60, [(2 << 20) + turn + 1])[turn % 4]
            given = [os.urandom(size) for size in sizes]
            while True:
                try:
                    digests = self._store.put_many(given)
                    break
                except UnavailableError:
                    self.refused += 1
                    if self._given_up.wait(0.05):
                        return
            self.acknowledged.update(zip(digests, given, strict=True))
            turn += 1

    def give_up(self) -> None:
        """What is under way never will be acknowledged: the nodes are gone for good."""
        self._given_up.set()

    def end(self) -> None:
        """Finish the batch under way and end."""
        self._stop_asked.set()
        self.join()


@contextmanager
def writing(store: ContentHolding) -> Iterator[Writer]:
    writer = Writer(store)
    writer.start()
    try:
        yield writer
    finally:
        writer.end()


@pytest.fixture
def own(kubo: Path, tmp_path: Path) -> Iterator[SwarmNodes]:
    with SwarmNodes(found(tmp_path / "swarm", NAMES, free_ports(PORTS), kubo), kubo) as nodes:
        yield nodes


def more(writer: Writer, count: int, patience: float = 60) -> None:
    """Wait until so many more were acknowledged."""
    wanted, until = len(writer.acknowledged) + count, time.monotonic() + patience
    while len(writer.acknowledged) < wanted:
        assert time.monotonic() < until, "the writer does not get on"
        assert writer.is_alive()
        time.sleep(0.02)


def nothing_lost(store: ContentHolding, acknowledged: dict[bytes, bytes]) -> None:
    assert [digest for digest, blob in acknowledged.items() if sha256(blob) != digest] == []
    assert [digest for digest, blob in acknowledged.items() if store.get(digest) != blob] == []


def test_kill__each_node_in_turn_under_writing__nothing_acknowledged_is_lost(own: SwarmNodes) -> None:
    store = content_store(own.swarm.address())
    with writing(store) as writer:
        for name in (*NAMES, *NAMES):
            more(writer, 40)
            own.kill(name)
            more(writer, 40)
            own.start(name)
    assert len(writer.acknowledged) >= AT_LEAST
    nothing_lost(store, writer.acknowledged)
    assert store.check(repair=True, expected=writer.acknowledged).lost == ()
    settled = store.check(expected=writer.acknowledged)
    assert (settled.found, settled.lost, settled.unreached) == (0, (), ())
    for name in NAMES:  # two copies of everything: any node may go
        own.kill(name)
        nothing_lost(store, writer.acknowledged)
        own.start(name)
    store.close()


def test_kill__all_nodes_at_once_under_writing__nothing_acknowledged_is_lost(own: SwarmNodes) -> None:
    store = content_store(own.swarm.address())
    with writing(store) as writer:
        for _ in range(3):
            more(writer, 80)
            own.kill(*NAMES)
            own.start()
        more(writer, 40)
    assert len(writer.acknowledged) >= AT_LEAST
    assert store.check(repair=True, expected=writer.acknowledged).lost == ()
    nothing_lost(store, writer.acknowledged)
    store.close()


def test_replace__a_node_by_an_empty_one_under_writing__nothing_acknowledged_is_lost(own: SwarmNodes) -> None:
    store = content_store(own.swarm.address())
    with writing(store) as writer:
        for name in NAMES:  # each disk is lost once, and filled again before the next is
            more(writer, 80)
            own.kill(name)
            own.replace(name)
            more(writer, 40)
            assert store.check(repair=True).lost == ()
    assert len(writer.acknowledged) >= AT_LEAST
    assert store.check(repair=True, expected=writer.acknowledged).lost == ()
    nothing_lost(store, writer.acknowledged)
    assert store.check(expected=writer.acknowledged).found == 0
    store.close()


def test_kill__in_the_middle_of_a_repair__the_next_one_ends_it(own: SwarmNodes) -> None:
    store = content_store(own.swarm.address())
    given = {sha256(blob): blob for blob in (os.urandom(900) for _ in range(1_500))}
    blobs = list(given.values())
    for place in range(0, len(blobs), 100):
        store.put_many(blobs[place : place + 100])
    own.replace("b")
    seen = list[tuple[str, int]]()

    def tell(what: str, done: int, of: int) -> None:
        seen.append((what, done))
        if what.startswith("batches") and done == 4:
            own.kill("b")

    first = store.check(repair=True, progress=tell, expected=given)
    assert first.lost == ()
    own.start("b")
    assert store.check(repair=True, expected=given).lost == ()
    assert store.check(expected=given).found == 0
    nothing_lost(store, given)
    store.close()
