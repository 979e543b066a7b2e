"""`salus consortium drill` as a command: every count is zero, and what was counted was there.

The short form is some minutes of crashes; the deep one plays every drill and kills 200 times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from devnet.kubo_binary import kubo_binary
from devnet.postgres import postgres_programs
from salus.core.errors import SetupError

ROOT = Path(__file__).resolve().parents[3]


def drilled(home: Path, *words: str, seconds: float) -> dict[str, dict[str, Any]]:
    """Results of a drill by name; whatever it left running is stopped."""
    environment = {**os.environ, "SALUS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli", "--json", "consortium", "drill"]
    try:
        ended = subprocess.run(
            [*command, *words], env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds
        )
    finally:
        subprocess.run([*command, "--stop"], env=environment, cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert ended.returncode == 0, (ended.stdout[-4000:], ended.stderr[-4000:])
    return {result["drill"]: result for result in json.loads(ended.stdout)}


def assert_nothing_is_wrong_and_much_went_on(results: dict[str, dict[str, Any]]) -> None:
    for result in results.values():
        wrong = [result[name] for name in ("lost", "doubled", "early", "wrong")]
        assert wrong == [0, 0, 0, 0], result
        told = result["seen"]
        assert all(told[f"the sender of {source}"]["AA"] > 0 for source in ("checkup", "hospital-b")), result
        assert told["the nurse"]["listed"] > 0, result
        assert told["the doctor"]["opened"] > 0, result
        assert told["the patient who revokes"]["denied after a revocation"] > 0, result
    last = list(results.values())[-1]
    assert last["versions"] >= last["messages"] > 100
    assert last["envelopes"] >= last["messages"]
    assert last["releases"] > last["accesses"] > 0  # two of three custodians at least, for each that was granted
    assert last["anchors"] > 10


@pytest.mark.timeout(960)  # five to six minutes of two busy cores
def test_drill__short_form__nothing_lost_doubled_or_released_early(geth: Path, tmp_path: Path) -> None:
    del geth  # built by now, or the test is skipped
    results = drilled(tmp_path, "--short", seconds=900)
    assert list(results) == ["kill-three", "two-dead", "partition-3-1", "kills"]
    assert_nothing_is_wrong_and_much_went_on(results)


@pytest.mark.deep
@pytest.mark.timeout(2100)
def test_drill__of_the_stores__nothing_lost_doubled_or_released_early(geth: Path) -> None:
    del geth  # as above
    try:
        kubo_binary()
        postgres_programs()
    except SetupError as why:
        pytest.skip(f"{why}: no store was killed")
    with tempfile.TemporaryDirectory(
        prefix="salus-drill-"
    ) as home:  # PostgreSQL's account can't reach pytest's folders
        Path(home).chmod(0o755)
        results = drilled(Path(home), "stores", "--short", seconds=1800)
    assert {"dead-postgres", "empty-kubo", "full-kubo", "full-postgres", "quota"} <= set(results)
    assert_nothing_is_wrong_and_much_went_on(results)


@pytest.mark.deep
@pytest.mark.timeout(7500)
def test_drill__every_drill_and_200_kills__nothing_lost_doubled_or_released_early(geth: Path, tmp_path: Path) -> None:
    del geth  # as above
    results = drilled(tmp_path, "all", "--kills", "200", seconds=7200)
    assert len(results) == 19
    assert_nothing_is_wrong_and_much_went_on(results)
