"""Reading back of anchored envelopes: whatever can't be had, or is not what a leaf says, is told."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.envelopes import anchored_envelopes, count_envelopes
from cli.world.cast import BASE_PORT, CAST, WITH_ORACLE, Name, Ports
from cli.world.layout import World
from salus.adapters.database.oracle_records import leaf_to_bytes
from salus.adapters.database.oracle_tables import metadata
from salus.adapters.memory.content import MemoryContent
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId
from salus.core.journal import BatchState
from tests.unit.core.receipts import leaf, word

ENVELOPES = [b"one", b"two", b"three"]
LEAVES = [replace(leaf(f"record {place}"), envelope_digest=sha256(data)) for place, data in enumerate(ENVELOPES)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Hospital B has two anchored versions, one in a batch that is not on chain yet, and one in no batch."""
    ids = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}
    made = World(tmp_path, Ports(BASE_PORT), ids)
    for name in WITH_ORACLE:
        (tmp_path / f"{name}-oracle").mkdir()
        with opened(made, name) as connection:
            metadata.create_all(connection)
    with opened(made, Name.HOSPITAL_B) as connection:
        for key, state in ((1, BatchState.ANCHORED), (2, BatchState.DEPOSITED)):
            row = (key, word(f"root {key}"), int(state))
            connection.exec_driver_sql("INSERT INTO oracle_batch VALUES (?, ?, 1, 3, 7, ?, 0, 0, 0, NULL)", row)
        for key, (one, batch) in enumerate(zip([*LEAVES, leaf("no batch")], (1, 1, 2, None), strict=True), start=1):
            stored = (key, key, one.hash(made.network.chain_id), leaf_to_bytes(one), batch)
            connection.exec_driver_sql(
                "INSERT INTO oracle_record_version VALUES (?, 1, 1, ?, ?, ?, 1, 0, 0, 0, ?)", stored
            )
    return made


def opened(world: World, name: Name) -> AbstractContextManager[sa.Connection]:
    """A transaction in the database of an oracle."""
    return sa.create_engine(world.database_url(f"{name}-oracle", "oracle"), poolclass=sa.NullPool).begin()


def test_anchored__digests_of_versions_in_anchored_batches_only(world: World) -> None:
    counts = Counts()
    assert anchored_envelopes(world, counts) == [sha256(data) for data in ENVELOPES[:2]]
    assert counts.all_right


def test_anchored__leaf_that_is_not_what_its_hash_says__is_broken(world: World) -> None:
    with opened(world, Name.HOSPITAL_B) as connection:
        other = leaf_to_bytes(replace(LEAVES[0], envelope_digest=word("another envelope")))
        connection.exec_driver_sql("UPDATE oracle_record_version SET leaf = ? WHERE key = 1", (other,))
    counts = Counts()
    anchored_envelopes(world, counts)
    assert counts.broken == 1


def test_envelopes__all_there__counted_and_all_right() -> None:
    store, counts = MemoryContent(), Counts()
    count_envelopes(store, store.put_many(ENVELOPES), counts)
    assert (counts.envelopes, counts.all_right) == (3, True)


def test_envelopes__one_gone_and_one_damaged__both_lost() -> None:
    store, counts = MemoryContent(), Counts()
    digests = store.put_many(ENVELOPES)
    store.delete(digests[0])
    store.damage(digests[1])
    count_envelopes(store, digests, counts)
    assert (counts.envelopes, counts.lost, counts.broken) == (3, 2, 0)


def test_envelopes__a_store_that_gives_other_bytes__is_broken() -> None:
    class Careless(MemoryContent):
        def get(self, digest: bytes) -> bytes:
            return super().get(digest) + b"!"

    store, counts = Careless(), Counts()
    count_envelopes(store, store.put_many(ENVELOPES), counts)
    assert (counts.lost, counts.broken) == (0, 3)
