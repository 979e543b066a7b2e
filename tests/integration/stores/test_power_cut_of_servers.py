"""The power of a database server or of content nodes goes at the instant of an acknowledgement."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections import Counter

import pytest

from devnet.anvil import free_port
from devnet.kubo_binary import kubo_binary
from devnet.postgres import Postgres, PostgresSettings
from devnet.supervisor import free_ports
from devnet.swarm import PORTS, found
from devnet.swarm_nodes import SwarmNodes
from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.journal import Journal, open_raw
from oracle.sitekey import RAW, SiteKey
from salus.adapters.content.address import content_store
from salus.adapters.content.car import raw_cid
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.memory import FixedClock, MemoryPeriodKeys, SeededRandomness
from salus.core.errors import NotFoundError
from salus.core.hashing import sha256
from tests.integration.stores.disk import Disk
from tests.unit.oracle.oracle_world import report

ACKNOWLEDGED = 200
_BATCH = 20
_NAMES = ("a", "b", "c")


@pytest.mark.parametrize("at_once", [1, 16])
def test_postgresql__power_cut_after_acknowledgements__every_message_opens_again(disk: Disk, at_once: int) -> None:
    settings = PostgresSettings(disk.path / "postgres", free_port())
    server = Postgres(settings)
    server.start()
    site = SiteKey(bytes(32), SeededRandomness("power"), {RAW: MemoryPeriodKeys()})
    raws = [report(f"G{n}", f"G-L{n}") for n in range(ACKNOWLEDGED)]
    try:
        engine = open_engine(server.create("journal"))
        migrate(engine, "oracle")
        os.sync()  # what is set up once, months before
        asyncio.run(acknowledged(Journal(DatabaseMessages(OracleDatabase(engine)), site, FixedClock()), raws, at_once))
        left = disk.cut()
        engine.dispose()
    finally:
        server.kill()
    again = Postgres(PostgresSettings(left / "postgres", settings.port))
    again.start()
    try:
        engine = open_engine(again.url("journal"))
        kept = DatabaseMessages(OracleDatabase(engine)).pending(2 * ACKNOWLEDGED)
        assert [open_raw(site, one) for one in kept] == raws
        engine.dispose()
    finally:
        again.stop()


async def acknowledged(journal: Journal, raws: list[bytes], at_once: int) -> None:
    """Append messages, so many at once; all are durable when it returns."""
    journal.start()
    for place in range(0, len(raws), at_once):
        some = raws[place : place + at_once]
        await asyncio.gather(*(journal.append(receive(raw), Peer("mllp", "", "lis")) for raw in some))


def test_kubo__power_cut_of_all_nodes_after_acknowledgements__every_envelope_is_there(disk: Disk) -> None:
    binary = kubo_binary()
    blobs = [secrets.token_bytes(5000) for _ in range(ACKNOWLEDGED)]
    nodes = SwarmNodes(found(disk.path / "swarm", _NAMES, free_ports(PORTS), binary), binary)
    os.sync()
    with nodes:
        store = content_store(nodes.swarm.address())
        digests = []
        for place in range(0, len(blobs), _BATCH):
            digests += store.put_many(blobs[place : place + _BATCH])
        left = disk.cut()
        store.close()
        nodes.kill(*_NAMES)
    assert digests == [sha256(blob) for blob in blobs]
    again = SwarmNodes(found(left / "swarm", _NAMES, 0, binary), binary)
    copies: Counter[bytes] = Counter()
    for name in _NAMES:  # each by itself: nothing comes from the others
        again.start(name)
        try:
            node = KuboNode(again.swarm.url(name), again.swarm.token(name))
            copies.update(digest for digest, blob in zip(digests, blobs, strict=True) if serves(node, digest, blob))
            node.close()
        finally:
            again.stop(name)
    assert copies == dict.fromkeys(digests, 2)  # so many acknowledged each


def serves(node: KuboNode, digest: bytes, blob: bytes) -> bool:
    """Whether a node has an envelope itself; one with other bytes fails the test."""
    try:
        found = node.block(raw_cid(digest))
    except NotFoundError:
        return False
    assert found == blob
    return True
