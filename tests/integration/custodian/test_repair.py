"""A custodian that lost its disk, as processes: three custodians, the real oracle, one chain of its own.

What comes back is what was deposited, what was destroyed does not, and a helper that gives false parts is named. The
chain is this file's own, because a repair and an audit look at everything that was ever anchored on it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from custodian.wrap import Wrapping, fingerprint
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.ids import LeafHash
from tests.integration.oracle.stack import Patient, Stack, started
from tests.integration.oracle.test_no_way_back import database_of, destroy, shares_of
from tests.integration.services import ROOT, Service
from tests.integration.world import own_world
from tests.unit.oracle.oracle_world import report

PATIENTS = 7
REPORTS = 30


class Story:
    """The stack with more than 200 anchored records of some patients, one of them destroyed."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.raws = [
            report(f"C{who}-{number}", f"L{who}-{number}", patient=f"P{who}")
            for who in range(PATIENTS)
            for number in range(REPORTS)
        ]
        sender = stack.sender
        for raw in self.raws:
            assert sender.insist(raw) == "AA"
        sender.close()
        stack.await_idle()
        self.said = stack.said(self.raws)
        self.patients: list[Patient] = [stack.claim(f"P{who}") for who in range(PATIENTS)]
        (self.destroyed,) = stack.said(self.raws[:1])
        destroy(stack, self.destroyed, self.patients[0])
        self.kept = {record: versions for record, versions in self.said.items() if record != self.destroyed}
        for service in stack.custodians:
            service.settings |= {
                "CUSTODIANS": str(stack.grounds.folder / "custodians.json"),
                "CONTENT": str(stack.grounds.content),
            }

    @property
    def lost(self) -> Service:
        """Who loses its disk."""
        return self.stack.custodians[0]

    def wipe(self) -> None:
        """Lose the machine; operator account and encryption key come back from their backup, and nothing else."""
        self.lost.stop()
        folder = self.lost.folder
        safe = {name: (folder / name).read_bytes() for name in ("operator.json", "x25519.key")}
        shutil.rmtree(folder)
        folder.mkdir()
        for name, content in safe.items():
            (folder / name).write_bytes(content)
        self.lost.start()
        self.lost.await_ready()

    def versions(self) -> int:
        return sum(len(versions) for versions in self.kept.values())


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with own_world() as world, started(world, tmp_path_factory.mktemp("repair") / "services") as stack:
        yield Story(stack)


def holding(service: Service) -> tuple[int, str]:
    """Exit code and words of an audit."""
    done = service.run("audit")
    return done.returncode, done.stdout


def test_repair__disk_lost__all_comes_back_but_what_was_destroyed(story: Story) -> None:
    stack, lost = story.stack, story.lost
    before = shares_of(lost, database_of(lost))
    assert len(before) == story.versions() >= 200
    story.wipe()
    code, words = holding(lost)
    assert code == 1
    assert "whole=0" in words

    for helper in stack.custodians[1:]:
        helper.run("allow-repair", "--custodian", lost.settings["PARTICIPANT_ID"], "--hours", "0")
    done = lost.run("repair")
    assert done.returncode == 1
    assert "allow-repair" in done.stderr
    for helper in stack.custodians[1:]:
        helper.run("allow-repair", "--custodian", lost.settings["PARTICIPANT_ID"])

    done = lost.run("repair")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(before)} came back, 0 were here, 1 are destroyed" in done.stdout
    code, words = holding(lost)
    assert code == 0, words
    assert f"whole={len(before)}, erased=1, damaged=0, keyless=0, missing=0" in words
    assert shares_of(lost, database_of(lost)) == before
    assert story.destroyed not in {leaf.record_id for leaf in before}

    third = stack.custodians[2]
    third.stop()  # so every key needs the repaired one
    try:
        assert stack.opened_by(story.patients) == story.kept
    finally:
        third.start()
        third.await_ready()


def test_repair__killed_in_the_middle__goes_on(story: Story) -> None:
    lost = story.lost
    before = shares_of(lost, database_of(lost))
    story.wipe()
    running = subprocess.Popen(
        [sys.executable, "-m", "custodian", "repair"],
        cwd=ROOT,
        env=lost.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while running.poll() is None and _rows(lost) == 0:
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert _rows(lost) > 0
    assert lost.run("repair").returncode == 0
    assert holding(lost)[0] == 0
    assert shares_of(lost, database_of(lost)) == before
    assert "0 came back" in lost.run("repair").stdout


def test_repair__helper_gives_false_parts__is_named_and_the_true_share_comes_back_later(story: Story) -> None:
    lost, helper = story.lost, story.stack.custodians[1]
    before = shares_of(lost, database_of(lost))
    leaf, row = _falsified(story, helper)
    story.wipe()
    done = lost.run("repair")
    assert done.returncode == 1
    assert f"{len(before) - 1} came back" in done.stdout
    assert f"{helper.settings['PARTICIPANT_ID']} lied: 1" in done.stdout
    assert story.stack.custodians[2].settings["PARTICIPANT_ID"] not in done.stdout
    code, words = holding(lost)
    assert code == 1
    assert "missing=1" in words
    assert leaf not in {one.hash(story.stack.world.reader.chain_id) for one in shares_of(lost, database_of(lost))}

    _put_back(helper, leaf, row)
    assert "1 came back" in lost.run("repair").stdout
    assert holding(lost)[0] == 0
    assert shares_of(lost, database_of(lost)) == before


def test_repair__one_of_two_helpers_is_away__says_so_and_keeps_what_it_has(story: Story) -> None:
    lost, helper = story.lost, story.stack.custodians[2]
    before = shares_of(lost, database_of(lost))
    story.wipe()
    helper.stop()
    done = lost.run("repair")
    assert done.returncode == 1
    assert "go on later" in done.stderr
    helper.start()
    helper.await_ready()
    assert lost.run("repair").returncode == 0
    assert shares_of(lost, database_of(lost)) == before


def _rows(service: Service) -> int:
    with sqlite3.connect(database_of(service)) as connection:
        return int(connection.execute("SELECT count(*) FROM custody_share").fetchone()[0])


def _falsified(story: Story, helper: Service) -> tuple[LeafHash, tuple[str, bytes, bytes]]:
    """Have a helper hold, and so answer with all signatures right, a share nobody dealt; what was there instead."""
    keys = FolderPeriodKeys(Path(helper.settings["PERIOD_KEYS"]), secrets.token_bytes)
    with sqlite3.connect(database_of(helper)) as connection:
        query = (
            "SELECT r.key, r.leaf, s.period, s.blob, r.fingerprint FROM custody_record r JOIN custody_share s "
            "ON s.record = r.key ORDER BY r.key LIMIT 1 OFFSET 50"
        )
        key, leaf, period, blob, mark = connection.execute(query).fetchone()
        false = b"\x02" + os.urandom(32)
        wrapped = Wrapping(story.stack.source, int(time.time()), keys, secrets.token_bytes).wrap(false, None, leaf)
        _write(connection, key, wrapped.period, wrapped.blob, fingerprint(false, None))
    return LeafHash(leaf), (period, blob, mark)


def _put_back(helper: Service, leaf: LeafHash, row: tuple[str, bytes, bytes]) -> None:
    with sqlite3.connect(database_of(helper)) as connection:
        (key,) = connection.execute("SELECT key FROM custody_record WHERE leaf = ?", (leaf,)).fetchone()
        _write(connection, key, *row)


def _write(connection: sqlite3.Connection, key: int, period: str, blob: bytes, mark: bytes) -> None:
    connection.execute("UPDATE custody_share SET period = ?, blob = ? WHERE record = ?", (period, blob, key))
    connection.execute("UPDATE custody_record SET fingerprint = ? WHERE key = ?", (mark, key))
