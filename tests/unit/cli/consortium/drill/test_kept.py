"""Counting of acknowledged messages in an oracle's database: whatever goes missing or comes twice is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
import sqlalchemy as sa

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.kept import count_messages
from cli.consortium.drill.senders import Owed
from cli.hospital_day import results
from oracle.intake.receive import receive
from oracle.sitekey import SiteKey
from salus.adapters.database.oracle_tables import metadata
from salus.core.hashing import keccak
from salus.core.journal import BatchState, MessageState
from salus.core.merkle import MerkleTree

SITE = SiteKey(bytes(32), bytes)
LISTENER = "mllp"
OWED = [Owed(raw, exactly_one=True) for raw in results(1, 3, "UNICODE UTF-8", date(2026, 11, 27), size_bytes=500)]
LEAVES = [keccak(bytes([place])) for place in range(len(OWED))]


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    """Three messages of one version each, all in one anchored batch."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    metadata.create_all(engine)
    with closing(engine.raw_connection()) as raw:
        connection = raw.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.execute("PRAGMA foreign_keys = OFF")
        root = MerkleTree(LEAVES).root
        connection.execute(
            "INSERT INTO oracle_batch VALUES (1, ?, 1, 3, 7, ?, 0, 0, 0, NULL)", (root, BatchState.ANCHORED)
        )
        for key, (one, leaf) in enumerate(zip(OWED, LEAVES, strict=True), 1):
            keep(connection, key, one.raw)
            version(connection, key, key, leaf, 1)
        yield connection


def keep(connection: sqlite3.Connection, key: int, raw: bytes, state: MessageState = MessageState.DONE) -> None:
    judged = receive(raw)
    hashes = SITE.digest("message", LISTENER, *judged.message_key), SITE.digest("raw", judged.sha256)
    connection.execute(
        "INSERT INTO oracle_message (key, listener, message_hash, raw_hash, content_hash, kind, received_at, state,"
        " flags, code, location, attempts, size) VALUES (?, ?, ?, ?, ?, 'ORU', 0, ?, 0, 0, '', 1, 1)",
        (key, LISTENER, *hashes, bytes(32), state),
    )


def version(connection: sqlite3.Connection, key: int, message: int, leaf: bytes, batch: int | None) -> None:
    connection.execute(
        "INSERT INTO oracle_record_version (key, record, message, version, leaf_hash, leaf, custodian_set, status,"
        " withdraws, created_at, batch) VALUES (?, ?, ?, 1, ?, ?, 1, 1, 0, 0, ?)",
        (key, key, message, leaf, b"", batch),
    )


def counted(connection: sqlite3.Connection, *, anchored: dict[bytes, int] | None = None) -> Counts:
    counts = Counts()
    on_chain: dict[bytes, int] = {MerkleTree(LEAVES).root: len(LEAVES)} if anchored is None else anchored
    count_messages(connection, "a", OWED, SITE, on_chain, counts)
    return counts


def test_count_messages__each_kept_and_anchored_once__nothing_is_wrong(database: sqlite3.Connection) -> None:
    counts = counted(database)
    assert (counts.messages, counts.versions, counts.all_right, counts.named) == (3, 3, True, [])


@pytest.mark.parametrize(
    ("harm", "lost"),
    [
        ("DELETE FROM oracle_message WHERE key = 2", 1),
        ("UPDATE oracle_message SET state = 4 WHERE key = 2", 1),
        ("DELETE FROM oracle_record_version WHERE key = 2", 3),  # the batch's count is another then
        ("UPDATE oracle_record_version SET batch = NULL WHERE key = 2", 3),
        ("UPDATE oracle_batch SET state = 2", 3),
    ],
)
def test_count_messages__something_missing__is_lost(database: sqlite3.Connection, harm: str, lost: int) -> None:
    database.execute(harm)
    assert counted(database).lost >= lost


def test_count_messages__root_not_on_chain__all_its_versions_are_lost(database: sqlite3.Connection) -> None:
    counts = counted(database, anchored={})
    assert (counts.lost, counts.doubled) == (3, 0)


def test_count_messages__one_that_nobody_was_told_of__is_doubled(database: sqlite3.Connection) -> None:
    [other] = results(2, 1, "UNICODE UTF-8", date(2026, 11, 27), size_bytes=500)
    keep(database, 9, other)
    assert counted(database).doubled == 1


def test_count_messages__two_versions_of_a_message_of_one__is_doubled(database: sqlite3.Connection) -> None:
    version(database, 9, 1, keccak(b"another"), None)
    assert counted(database).doubled == 1


def test_count_messages__other_leaves_than_the_root_has__is_broken(database: sqlite3.Connection) -> None:
    database.execute("UPDATE oracle_record_version SET leaf_hash = ? WHERE key = 2", (keccak(b"another"),))
    assert counted(database).broken == 1


def test_count_messages__root_on_chain_that_no_batch_has__is_broken(database: sqlite3.Connection) -> None:
    on_chain = {MerkleTree(LEAVES).root: len(LEAVES), keccak(b"another"): 1}
    assert counted(database, anchored=on_chain).broken == 1
