"""Batch files in the watched folder of an oracle in a process of its own, killed in the middle of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.adapters.database.engine import open_engine
from tests.integration.oracle.stack import Stack, started, until
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report

MANY = 900


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The watched folder."""
    folder = tmp_path_factory.mktemp("drop")
    (folder / "lis").mkdir()
    return folder / "lis"


@pytest.fixture(scope="module")
def stack(chain: ChainWorld, drop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    files = drop.parent / "sources"
    files.mkdir()
    batch = f'[batch]\nfolder = "{drop}"\nsettle_seconds = 0.2\n'
    rate = "[rate]\nmessages_per_second = 300\nburst = 20\n"  # so that a kill finds it in the middle
    (files / "lis.toml").write_text(f'name = "lis"\n{batch}{rate}')
    with started(chain, tmp_path_factory.mktemp("batches"), SOURCES=str(files)) as stack:
        yield stack


def put(drop: Path, name: str, text: bytes) -> None:
    """Write under another name, then rename, as senders should."""
    (drop / f"{name}.part").write_bytes(text)
    (drop / f"{name}.part").rename(drop / name)


def kept(stack: Stack) -> int:
    """Messages in the journal."""
    engine = open_engine(stack.oracle.settings["DATABASE_URL"], read_only=True)
    try:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM oracle_message").scalar_one())
    finally:
        engine.dispose()


def batch_of(raws: list[bytes]) -> bytes:
    head = b"|^~\\&|LIS|HB|SALUS|HB|20261101"
    return b"".join(
        (
            b"FHS" + head + b"\r",
            b"BHS" + head + b"\r",
            *raws,
            b"BTS|%d\r" % len(raws),
            b"FTS|1\r",
        )
    )


def test_file__whole__is_answered_and_its_records_open_to_their_patients(stack: Stack, drop: Path) -> None:
    raws = [report(f"B{number}", f"B-L{number}", patient="B") for number in range(5)]
    put(drop, "morning.hl7", batch_of(raws))
    until((drop / "done" / "morning.hl7").exists)
    reply = (drop / "morning.hl7.ack").read_bytes()
    assert [line for line in reply.split(b"\r") if line.startswith(b"MSA")] == [
        b"MSA|AA|B%d" % number for number in range(5)
    ]
    stack.await_idle()
    assert stack.opened_by([stack.claim("B")]) == stack.said(raws)


def test_file__cut_off__is_set_aside_and_nothing_of_it_is_taken(stack: Stack, drop: Path) -> None:
    before = kept(stack)
    put(drop, "cut.hl7", batch_of([report("C1", "C-L1", patient="PLANTED")])[:-8])
    until((drop / "failed" / "cut.hl7").exists)
    told = (drop / "failed" / "cut.hl7.report.json").read_text()
    assert "cut off" in json.loads(told)["problem"]
    assert "PLANTED" not in told + stack.oracle.log()
    assert kept(stack) == before


def test_file__oracle_killed_in_its_middle__is_taken_once_and_whole(stack: Stack, drop: Path) -> None:
    before = kept(stack)
    raws = [report(f"K{number}", f"K-L{number}", patient=f"K{number % 7}") for number in range(MANY)]
    put(drop, "night.hl7", batch_of(raws))
    for _ in range(2):
        reached = kept(stack)
        until(lambda reached=reached: kept(stack) >= reached + 100)  # type: ignore[misc]  # bound at once
        stack.oracle.kill()
        assert kept(stack) < before + MANY
        assert (drop / "night.hl7").exists()
        assert not (drop / "done" / "night.hl7").exists()
        stack.oracle.start()
        stack.oracle.await_ready()
    until((drop / "done" / "night.hl7").exists)
    assert kept(stack) == before + MANY
    reply = (drop / "night.hl7.ack").read_bytes()
    assert reply.count(b"\rMSA|AA|") == MANY
    assert f"\rBTS|{MANY}\r".encode() in reply
    stack.await_idle()
    expected = stack.said(raws)
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))
    assert {(record, 1) for record in expected} <= set(versions)
