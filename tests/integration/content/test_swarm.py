"""What a swarm of three institutions stands: nodes away, damaged, emptied and hung; strangers; and no room left."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devnet.supervisor import free_ports
from devnet.swarm import PORTS, Swarm, found
from devnet.swarm_nodes import SwarmNodes, node_part, order
from salus.adapters.content.address import content_store
from salus.adapters.content.car import raw_block, raw_cid
from salus.adapters.content.holding import ContentHolding
from salus.adapters.content.kubo_node import KuboNode
from salus.core.errors import NotFoundError, SetupError, UnavailableError
from salus.core.hashing import sha256
from tests.integration.content.conftest import NAMES, spoil
from tests.integration.content.test_stores import blobs


@pytest.fixture
def own(kubo: Path, tmp_path: Path) -> Iterator[SwarmNodes]:
    """Three nodes of this test alone."""
    with SwarmNodes(found(tmp_path / "swarm", NAMES, free_ports(PORTS), kubo), kubo) as nodes:
        yield nodes


@pytest.fixture
def store(own: SwarmNodes) -> Iterator[ContentHolding]:
    """All three, two copies of everything."""
    opened = content_store(own.swarm.address())
    yield opened
    opened.close()


def node_of(swarm: Swarm, name: str) -> KuboNode:
    return KuboNode(swarm.url(name), swarm.token(name))


def copies(swarm: Swarm, data: bytes) -> int:
    """Nodes on whose disks a blob lies."""
    return sum(
        any(data in path.read_bytes() for path in (swarm.node_folder(name) / "blocks").rglob("*.data"))
        for name in swarm.nodes
    )


def test_put__two_copies_of_three_nodes__lie_at_two(own: SwarmNodes, store: ContentHolding) -> None:
    given = blobs(20)
    store.put_many(given)
    assert [copies(own.swarm, blob) for blob in given] == [2] * 20


def test_put__one_node_down__the_others_take_it(own: SwarmNodes, store: ContentHolding) -> None:
    for name in NAMES:
        own.kill(name)
        given = blobs(20)
        digests = store.put_many(given)
        assert [store.get(digest) for digest in digests] == given
        with pytest.raises(UnavailableError):  # it may be at the one that is away
            store.get(sha256(os.urandom(8)))
        own.start(name)


def test_put__two_nodes_down__is_refused_and_goes_on_later(own: SwarmNodes, store: ContentHolding) -> None:
    own.kill("a", "c")
    given = blobs(20)
    with pytest.raises(UnavailableError, match="1 of 2 copies"):
        store.put_many(given)
    with pytest.raises(UnavailableError, match="fewer than 2 content nodes"):
        store.ready()
    own.start("a", "c")
    store.put_many(given)
    assert [copies(own.swarm, blob) >= 2 for blob in given] == [True] * 20


def test_put__a_node_hangs__rests_and_the_others_stand_in(own: SwarmNodes, store: ContentHolding) -> None:
    digests = store.put_many(given := blobs(20))
    pid = own.supervisor.running()["a"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert store.get(digests[0]) == given[0]
        digests += store.put_many(more := blobs(20))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [store.get(digest) for digest in digests] == given + more


def test_get__only_another_members_node_has_it__comes_through_the_swarm(own: SwarmNodes) -> None:
    writer, reader = content_store(own.swarm.address("a", copies=1)), content_store(own.swarm.address("b", copies=1))
    given = [*blobs(20), os.urandom(3 << 20)]
    digests = writer.put_many(given)
    assert [reader.get(digest) for digest in digests[:-1]] == given[:-1]
    with pytest.raises(NotFoundError):  # what names a long one is known to nodes that were told
        reader.get(digests[-1])


def test_check__a_copy_damaged__is_read_elsewhere_and_put_right(own: SwarmNodes, store: ContentHolding) -> None:
    given = [*blobs(20), os.urandom(3 << 20)]
    digests = store.put_many(given)
    folder = own.swarm.node_folder("a") / "blocks"
    assert spoil(folder, given[3]) == 1
    assert spoil(folder, given[-1][2 << 20 :]) == 1
    assert [store.get(digest) for digest in digests] == given
    assert store.check().damaged == 2
    mended = store.check(repair=True)
    assert (mended.damaged, mended.repaired, mended.lost) == (2, 2, ())
    assert store.check().found == 0
    own.stop("b", "c")
    alone = content_store(own.swarm.address("a", copies=1))
    assert alone.get(digests[3]) == given[3]
    assert alone.get(digests[-1]) == given[-1]


def test_check__a_node_replaced_by_an_empty_one__is_filled_again(own: SwarmNodes, store: ContentHolding) -> None:
    given = [*blobs(300), *blobs(1), os.urandom((4 << 20) + 5)]
    digests = [*store.put_many(given[:300]), store.put(given[300]), store.put(given[301])]
    own.replace("a")
    assert [store.get(digest) for digest in digests] == given
    found = store.check(repair=True, expected=digests)
    assert found.short >= 301
    assert (found.repaired, found.lost) == (found.found, ())
    assert store.check(expected=digests).found == 0
    for name in NAMES:  # any one may go now
        own.kill(name)
        assert [store.get(digest) for digest in digests] == given
        own.start(name)


def test_check__erased_while_a_node_was_away__it_does_not_come_back(own: SwarmNodes, store: ContentHolding) -> None:
    given = [*blobs(20), os.urandom(3 << 20)]
    digests = store.put_many(given)
    own.kill("a")
    for doomed in (digests[3], digests[-1]):
        erasure = store.erase(doomed)
        assert erasure.unreached == (own.swarm.url("a").removeprefix("http://"),)
        with pytest.raises(UnavailableError, match="may still have"):
            store.delete(doomed)
    own.start("a")
    assert copies(own.swarm, given[3]) == 1
    assert store.check().returned == 2
    cleaned = store.check(repair=True)
    assert (cleaned.returned, cleaned.repaired, cleaned.lost) == (2, cleaned.found, ())
    assert copies(own.swarm, given[3]) == copies(own.swarm, given[-1][:4096]) == 0
    for digest in (digests[3], digests[-1]):
        with pytest.raises(NotFoundError):
            store.get(digest)
    assert store.check().found == 0
    assert [store.get(digest) for digest in digests[:3]] == given[:3]


def test_check__last_copies_lost__are_named_and_the_rest_gets_its_copies(
    own: SwarmNodes, store: ContentHolding
) -> None:
    given = blobs(20)
    digests = store.put_many(given)
    for name in NAMES:
        spoil(own.swarm.node_folder(name) / "blocks", given[0])
    own.replace("c")
    own.replace("b")
    found = store.check(repair=True, expected=digests)
    assert found.lost == (digests[0],)
    own.kill("a")
    assert [store.get(digest) for digest in digests[1:]] == given[1:]


def test_quota__reached__no_more_is_taken(own: SwarmNodes) -> None:
    size = max(node_of(own.swarm, name).size() for name in NAMES)
    store = content_store(own.swarm.address() + f"&quota={size + 150_000}")
    kept = store.put_many(given := blobs(20, 5_000))
    with pytest.raises(UnavailableError, match="quota"):
        store.put_many(blobs(20, 5_000))
    with pytest.raises(UnavailableError, match="quota"):
        store.put(os.urandom(3 << 20))
    assert [store.get(digest) for digest in kept] == given


@pytest.mark.parametrize("has_key", [False, True])
def test_swarm__a_stranger__gets_no_ciphertext(own: SwarmNodes, kubo: Path, tmp_path: Path, has_key: bool) -> None:
    data = os.urandom(5_000)
    content_store(own.swarm.address()).put(data)
    strangers = SwarmNodes(found(tmp_path / "stranger", ["x"], free_ports(PORTS), kubo), kubo)
    part = node_part(strangers.swarm, "x", kubo)
    if not has_key:  # as nodes of the public network are
        (strangers.swarm.node_folder("x") / "swarm.key").unlink()
        part = replace(part, environment={**part.environment, "LIBP2P_FORCE_PNET": "0"})
    try:
        strangers.supervisor.start([part])
        for member in own.swarm.nodes.values():
            # What the other key deciphers is noise: a node refuses it at once, or awaits a length it read in it.
            with pytest.raises(OSError, match=r"HTTP 500|timed out"):
                order(strangers.swarm, "x", "swarm/connect", arg=member.peer_address)
        with pytest.raises(NotFoundError):
            node_of(strangers.swarm, "x").block(raw_cid(sha256(data)), fetch=2)
        assert strangers.peers("x") == 0
    finally:
        strangers.stop()


def test_swarm__a_node_that_lost_its_key__does_not_start(kubo: Path, tmp_path: Path) -> None:
    nodes = SwarmNodes(found(tmp_path / "swarm", ["x"], free_ports(PORTS), kubo), kubo)
    (nodes.swarm.node_folder("x") / "swarm.key").unlink()
    try:
        with pytest.raises(SetupError, match="before it was ready"):
            nodes.start()
    finally:
        nodes.stop()


@pytest.mark.parametrize("token", ["wrong", "0" * 64])
def test_api__another_token__is_refused(swarm: SwarmNodes, token: str) -> None:
    node = KuboNode(swarm.swarm.url("a"), token)
    with pytest.raises(UnavailableError, match=r"403|Access Denied"):
        node.greet()
    with pytest.raises(UnavailableError):
        node.store(raw_cid(sha256(b"x")), [raw_block(b"x")])


def test_swarm__configured__dials_and_announces_nothing(swarm: SwarmNodes) -> None:
    for name in NAMES:
        folder = swarm.swarm.node_folder(name)
        config = json.loads((folder / "config").read_text())
        assert (config["Bootstrap"], config["Routing"]["Type"], config["Discovery"]["MDNS"]["Enabled"]) == (
            [],
            "none",
            False,
        )
        assert all("127.0.0.1" in place for place in [config["Addresses"]["API"], *config["Addresses"]["Swarm"]])
        assert config["Datastore"]["HashOnRead"] is True
        assert all(mount["sync"] is True for mount in _flatfs(config["Datastore"]["Spec"]))
        for secret in ("config", "swarm.key"):
            assert (folder / secret).stat().st_mode & 0o077 == 0
        assert swarm.swarm.token_file(name).stat().st_mode & 0o077 == 0


def _flatfs(spec: Any) -> list[dict[str, Any]]:
    if isinstance(spec, list):
        return [found for one in spec for found in _flatfs(one)]
    if isinstance(spec, dict):
        return [spec] if spec.get("type") == "flatfs" else _flatfs(list(spec.values()))
    return []
